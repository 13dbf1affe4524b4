package packet

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"firestorm/internal/header"
)

// usualFrame builds a frame of the kinds that decode takes: with tags of these EtherTypes, IP of version v, TCP with these
// options or UDP (nil), and right checksums.
func usualFrame(tags []uint16, v int, options []byte, udp bool, payload string) []byte {
	src, dst := []byte("\x0a\x00\x00\x01"), []byte("\xc0\x00\x02\x07")
	if v == 6 {
		src, dst = []byte("\x20\x01\x0d\xb8aaaabbbbcccc"), []byte("\x20\x01\x0d\xb8ddddeeeeffff")
	}
	var l4, ip []byte
	proto := uint8(ProtoTCP)
	if udp {
		proto = ProtoUDP
		l4 = header.AppendUDP(nil, 1234, 80, src, dst, []byte(payload))
	} else {
		l4 = header.AppendTCP(nil, &header.TCPFields{SrcPort: 1234, DstPort: 80, Seq: 1 << 30, Ack: 7, Flags: ACK | PSH, Window: 501,
			Options: options}, src, dst, []byte(payload))
	}
	inner := uint16(EtherIPv4)
	if v == 6 {
		inner = EtherIPv6
		ip = header.AppendIPv6(nil, &header.IPv6Fields{TrafficClass: 5, HopLimit: 64, NextHeader: proto, Src: [16]byte(src), Dst: [16]byte(dst)}, l4)
	} else {
		ip = header.AppendIPv4(nil, &header.IPv4Fields{TOS: 5, TTL: 64, ID: 777, DontFragment: true, Protocol: proto,
			Src: [4]byte(src), Dst: [4]byte(dst)}, l4)
	}
	types := append(append([]uint16(nil), tags...), inner)
	f := header.AppendEthernet(nil, [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}, types[0])
	for i, et := range types[1:] {
		f = header.AppendVLAN(f, uint16(100+i), 3, et)
	}
	return append(f, ip...)
}

// TestFastAgreesWithGeneral damages frames of the usual kinds in every header byte and at every length: decode must do as the
// general path does, or leave it to that.
func TestFastAgreesWithGeneral(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	check := func(data []byte, wire int) (took, good bool) {
		for i, o := range []*Options{{}, {Checksums: ChecksumsAuto}, {Checksums: ChecksumsAll}, {VXLANPorts: []uint16{80}}, {NoTunnels: true}} {
			var a, b Packet
			for _, p := range []*Packet{&a, &b} {
				*p = Packet{Link: LinkEthernet, NLayer: 5, NAnomaly: 2, TCPOpts: OptTS | OptSACK, NSACK: 1, TSVal: 9, Tunnel: 4,
					HasQuoted: true, NVLAN: 1, MSS: 3, Urgent: 9, ICMPType: 3, ICMPCode: 4, ICMPRest: 5, IPFlags: MoreFragments, FragOff: 8,
					WireLen: uint32(wire), Firewall: FirewallPass, IPSum: SumBad, L4Sum: SumOffload}
				p.Layers[4].Off, p.Quoted.Len, p.SACK[0][1], p.VLANs[0], p.Anomalies[1] = 9, 7, 5, 6, 3
				p.Offload.PartialSum = wire == len(data)+2
				if len(data)%2 == 0 { // as after an acknowledgement
					p.TCPOpts, p.NSACK, p.MSS, p.SACK[0][1] = OptTS, 0, 0, 0
				}
			}
			a.Data, b.Data = data, data
			fast := a.decode(o)
			b.general(o)
			if i < 3 {
				took = fast
			}
			good = good || fast && a.L4Sum == SumGood
			a.Data, b.Data = nil, nil
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%+v, wire %d, %x:\ndecode  %+v\ngeneral %+v", o, wire, data, a, b)
			}
		}
		return took, good
	}
	timestamps := []byte("\x01\x01\x08\x0a\x00\x00\x00\x03\x00\x00\x00\x04")
	options := [][]byte{nil, timestamps, []byte("\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x03\x00\x00\x00\x00\x01\x03\x03\x07"),
		[]byte("\x02\x04\x05\xb4\x01\x03\x03\x08\x01\x01\x04\x02"), append(timestamps, "\x01\x01\x05\x0a\x00\x00\x00\x09\x00\x00\x00\x12"...)}
	took := 0
	for _, tags := range [][]uint16{nil, {EtherVLAN}, {EtherQinQ, EtherVLAN}, {EtherQinQOld, EtherVLAN, EtherVLAN}} {
		for _, v := range []int{4, 6} {
			for i := range len(options) + 1 {
				var o []byte
				if i < len(options) {
					o = options[i]
				}
				f := usualFrame(tags, v, o, i == len(options), "some words, and no tunnel"[:20+i])
				if fast, good := check(f, len(f)); fast != (len(tags) < 3) || good != fast {
					t.Fatalf("%v, IPv%d, options %x, right: decode took it: %v, checksum good: %v", tags, v, o, fast, good)
				}
				if i == len(options) { // one of the options makes port 80 that of VXLAN
					inner := "\x08\x00\x00\x00\x00\x00\x01\x00" + string(usualFrame(nil, v, timestamps, false, "words"))
					g := usualFrame(tags, v, nil, true, inner)
					check(g, len(g))
				}
				for n := range f {
					check(f[:n], len(f))
					check(f[:n], n)
				}
				for i := range f {
					for range 4 {
						g := append([]byte(nil), f...)
						g[i] = byte(r.IntN(256))
						if r.IntN(4) == 0 {
							g[r.IntN(len(g))] = byte(r.IntN(256))
						}
						if fast, _ := check(g, len(g)+r.IntN(3)); fast {
							took++
						}
					}
				}
				// Checksums that the sender left out, and those that a card completes.
				g, ends, l4 := append([]byte(nil), f...), f[ethernetLen+4*len(tags)+12:][:8], ethernetLen+4*len(tags)+20
				if v == 6 {
					ends, l4 = f[ethernetLen+4*len(tags)+8:][:32], ethernetLen+4*len(tags)+40
				}
				proto, at := uint8(ProtoTCP), l4+16
				if i == len(options) {
					proto, at = ProtoUDP, l4+6
				}
				for _, sum := range []uint16{0, header.Fold(header.PseudoSum(ends[:len(ends)/2], ends[len(ends)/2:], proto, len(f)-l4)),
					header.Fold(header.PseudoSum(ends[:len(ends)/2], ends[len(ends)/2:], proto, 0))} {
					g[at], g[at+1] = byte(sum>>8), byte(sum)
					check(g, len(g))
				}
			}
		}
	}
	if took < 10000 {
		t.Fatalf("decode took only %d of the damaged frames", took)
	}
}
