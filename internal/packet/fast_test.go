package packet

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestFastAgreesWithGeneral damages frames of the common kind in every header byte and at every length: the fast
// path must decode as the general one does, or decline.
func TestFastAgreesWithGeneral(t *testing.T) {
	tcp := []byte("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00\x45\x00\x00\x38\x00\x01\x40\x00\x40\x06\x26\xc2" +
		"\x0a\x00\x00\x01\x0a\x00\x00\x02\x04\xd2\x00\x50\x00\x00\x00\x01\x00\x00\x00\x02\x80\x10\xfa\xf0\x00\x00\x00\x00" +
		"\x01\x01\x08\x0a\x00\x00\x00\x03\x00\x00\x00\x04data")
	udp := append([]byte(nil), tcp...)
	udp[23], udp[38], udp[39] = 17, 0, 20
	r := rand.New(rand.NewPCG(3, 4))
	took := 0
	check := func(data []byte, wire int) {
		for _, o := range []*Options{{}, {Checksums: ChecksumsAuto}, {VXLANPorts: []uint16{80}}, {NoTunnels: true}} {
			var a, b Packet
			for _, p := range []*Packet{&a, &b} {
				*p = Packet{Link: LinkEthernet, NLayer: 5, NAnomaly: 2, TCPOpts: OptTS | OptSACK, NSACK: 1, TSVal: 9, Tunnel: 4,
					HasQuoted: true, NVLAN: 1, MSS: 3, Urgent: 9, ICMPType: 3, IPFlags: MoreFragments, FragOff: 8,
					WireLen: uint32(wire), Firewall: FirewallPass}
				p.Layers[4].Off, p.Quoted.Len, p.SACK[0][1], p.VLANs[0], p.Anomalies[1] = 9, 7, 5, 6, 3
			}
			a.Data, b.Data = data, data
			if !a.fast(o) {
				continue
			}
			took++
			b.general(o)
			a.Data, b.Data = nil, nil
			if x, y := fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b); x != y {
				t.Fatalf("wire %d, %x:\nfast    %s\ngeneral %s", wire, data, x, y)
			}
		}
	}
	for _, f := range [][]byte{tcp, udp} {
		for n := range f {
			check(f[:n], len(f))
			check(f[:n], n)
		}
		for i := range f {
			for range 8 {
				g := append([]byte(nil), f...)
				g[i] = byte(r.IntN(256))
				check(g, len(g)+r.IntN(3))
			}
		}
	}
	if took < 1000 {
		t.Fatalf("the fast path took only %d frames", took)
	}
}
