package packet_test

import (
	"testing"

	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// TestInnerLen: what a tunnel carries is counted without what carries it.
func TestInnerLen(t *testing.T) {
	inner := packettest.UDP{Src: "10.0.0.1:1000", Dst: "10.0.0.2:2000", Payload: "inside"}
	frame, datagram := inner.Frame(), inner.Datagram()
	vxlan := packettest.UDP{Src: "192.0.2.1:5000", Dst: "192.0.2.2:4789", Payload: "\x08\x00\x00\x00\x00\x00\x07\x00" + string(frame)}
	for _, c := range []struct {
		name string
		p    *packet.Packet
		want int
	}{{"none", inner.Packet(), len(frame)}, {"VXLAN", vxlan.Packet(), len(frame)}, {"IP in IP", decoded(ipip(datagram)), len(datagram)}} {
		if got := c.p.InnerLen(); got != uint32(c.want) {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// ipip puts a datagram into another from 192.0.2.1 to 192.0.2.2, in an Ethernet frame.
func ipip(datagram []byte) []byte {
	n := 20 + len(datagram)
	h := []byte{0x45, 0, byte(n >> 8), byte(n), 0, 1, 0, 0, 64, packet.ProtoIPIP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}
	return packettest.Ethernet(append(h, datagram...), packettest.Link{})
}

func decoded(b []byte) *packet.Packet { return packettest.Decode(b) }
