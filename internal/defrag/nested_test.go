package defrag

import (
	"bytes"
	"testing"

	"firestorm/internal/packet"
)

// A fragment of an outer IPIP tunnel whose whole is a fragment of the inner datagram: offered again it completes, and
// the outer buffer goes back to the pool.
func TestFragmentInFragment(t *testing.T) {
	whole := counting(32)
	tab := New(Options{})
	completions := 0
	for i := range 2 {
		inner := frag{id: 5, off: i * 16, more: i == 0, data: whole[i*16 : i*16+16]}.bytes()
		cut := 24
		for j, part := range [][]byte{inner[:cut], inner[cut:]} {
			p := frag{id: uint32(100 + i), off: j * cut, more: j == 0, data: part, proto: packet.ProtoIPIP}.packet()
			if !give(tab, p) {
				continue
			}
			packet.DecodeDatagram(p, nil)
			if tab.Packet(p) {
				completions++
				if !bytes.Equal(p.Data[20:], whole) {
					t.Errorf("datagram % x", p.Data)
				}
			}
		}
	}
	if completions != 1 {
		t.Errorf("%d completions", completions)
	}
}
