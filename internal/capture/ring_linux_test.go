package capture

import (
	"encoding/binary"
	"testing"
)

// FuzzRingFrame: whatever stands in the memory that is shared with the kernel, nothing outside of it is read.
func FuzzRingFrame(f *testing.F) {
	frame := make([]byte, 400)
	e := binary.NativeEndian
	e.PutUint32(frame[frameNext:], 208)
	e.PutUint32(frame[frameSnap:], 60)
	e.PutUint32(frame[frameLen:], 1500)
	e.PutUint32(frame[frameStatus:], 1|1<<4|1<<6)
	e.PutUint16(frame[frameMac:], 90)
	e.PutUint32(frame[frameVLAN:], 20)
	e.PutUint16(frame[frameTPID:], 0x88a8)
	f.Add(frame, uint32(0), true, true)
	f.Add(frame, uint32(350), true, false)
	f.Add(frame[:60], uint32(0), false, false)
	f.Fuzz(func(t *testing.T, mem []byte, off uint32, ether, vnet bool) {
		var x ringFrame
		n := uint32(0)
		if vnet {
			n = vnetHeader
		}
		_, ok := readFrame(mem, off, ether, n, &x)
		if ok && len(x.data) > len(mem) {
			t.Errorf("%d bytes of %d", len(x.data), len(mem))
		}
	})
}
