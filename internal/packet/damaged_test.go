package packet_test

import (
	"encoding/binary"
	"testing"

	"firestorm/internal/header"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// edited returns a copy of f that edit has changed. In the IPv4 frames here IP starts at 14, its payload at 34.
func edited(f []byte, edit func(b []byte)) []byte {
	b := append([]byte(nil), f...)
	edit(b)
	return b
}

func set16(off int, v uint16) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint16(b[off:], v) }
}

func set8(off int, v byte) func([]byte) { return func(b []byte) { b[off] = v } }

// TestImpossibleLengths: length fields that lie yield their anomaly, and nothing is read out of place.
func TestImpossibleLengths(t *testing.T) {
	tcp, tcp6 := innerTCP.Frame(), innerTCP6.Frame()
	udp := packettest.UDP{Src: "10.0.0.1:1", Dst: "10.0.0.2:2", Payload: "0123456789abcdefghij"}.Frame()
	arp := packettest.ARP{SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}.Frame()
	icmp := packettest.ICMP{Src: "10.0.0.1", Dst: "10.0.0.2", Type: 8, Payload: "x"}.Frame()
	icmp6 := packettest.ICMP{Src: "2001:db8::1", Dst: "2001:db8::2", Type: 128, Payload: "x"}.Frame()
	opts := packettest.UDP{Src: "10.0.0.1:1", Dst: "10.0.0.2:2", IP: packettest.IP{Options: []byte{7, 7, 4, 0, 0, 0, 0, 0}}}.Frame()
	hop := packettest.UDP{Src: "[2001:db8::1]:1", Dst: "[2001:db8::2]:2",
		IP: packettest.IP{Ext: header.AppendIPv6Options(nil, 17, []byte{5, 2, 0, 0, 0, 0})}}.Frame()
	syn := packettest.TCP{Src: "10.0.0.1:1", Dst: "10.0.0.2:2", MSS: 1460, Flags: packet.SYN}.Frame()
	icmpRaw := func(msg string) []byte {
		return packettest.Raw{Src: "10.0.0.1", Dst: "10.0.0.2", Proto: 1, Payload: msg}.Frame()
	}
	for _, c := range []struct {
		name string
		data []byte
		want packet.Anomaly
	}{
		{"empty frame", nil, packet.BadEthernetPktTooSmall},
		{"13 bytes", tcp[:13], packet.BadEthernetPktTooSmall},
		{"unknown EtherType", edited(tcp, set16(12, 0x1234)), packet.BadEthernetUnknownEthertype},
		{"tag cut", append(append([]byte(nil), tcp[:12]...), 0x81, 0, 0), packet.BadVLANHeaderTooSmall},
		{"ipv4 of 19 bytes", tcp[:33], packet.BadIPv4PktTooSmall},
		{"version 5", edited(tcp, set8(14, 0x55)), packet.BadIPv4WrongIPVersion},
		{"header length 4", edited(tcp, set8(14, 0x41)), packet.BadIPv4HLenTooSmall},
		{"total below header", edited(tcp, set16(16, 19)), packet.BadIPv4IPLenSmallerThanHLen},
		{"total above frame", edited(tcp, set16(16, 2000)), packet.BadIPv4TruncPkt},
		{"total of 65535", edited(tcp, set16(16, 65535)), packet.BadIPv4TruncPkt},
		{"ipv4 with ICMPv6", edited(tcp, set8(23, 58)), packet.BadIPv4ICMPv6},
		{"ipv4 protocol 253", edited(tcp, set8(23, 253)), packet.BadIPv4UnknownProtocol},
		{"option length 0", edited(opts, set8(35, 0)), packet.BadIPv4OptInvalidLen},
		{"option length past header", edited(opts, set8(35, 9)), packet.BadIPv4OptInvalidLen},
		{"option pointer 0", edited(opts, set8(36, 0)), packet.BadIPv4OptMalformed},
		{"option unknown", edited(opts, set8(34, 99)), packet.BadIPv4OptUnknown},
		{"ipv6 of 39 bytes", tcp6[:53], packet.BadIPv6PktTooSmall},
		{"ipv6 version 4", edited(tcp6, set8(14, 0x40)), packet.BadIPv6WrongIPVersion},
		{"ipv6 payload above frame", edited(tcp6, set16(18, 9000)), packet.BadIPv6TruncPkt},
		{"ipv6 with ICMPv4", edited(tcp6, set8(20, 1)), packet.BadIPv6ICMPv4},
		{"extension past packet", edited(hop, set8(55, 9)), packet.BadIPv6TruncExthdr},
		{"option past header", edited(hop, set8(57, 5)), packet.BadIPv6ExthdrInvalidOptlen},
		{"hop option unknown", edited(hop, set8(56, 0x77)), packet.BadIPv6HopoptsUnknownOpt},
		{"data after no next header", edited(tcp6, set8(20, 59)), packet.BadIPv6DataAfterNoneHeader},
		{"tcp of 19 bytes", edited(tcp, set16(16, 39)), packet.BadTCPPktTooSmall},
		{"tcp header of 16", edited(tcp, set8(46, 0x40)), packet.BadTCPHLenTooSmall},
		{"tcp header past packet", edited(tcp, set8(46, 0xf0)), packet.BadTCPInvalidOptlen},
		{"mss of length 3", edited(syn, set8(55, 3)), packet.BadTCPOptInvalidLen},
		{"mss past header", edited(syn, set8(55, 5)), packet.BadTCPOptInvalidLen},
		{"udp of 7 bytes", edited(udp, set16(16, 27)), packet.BadUDPHLenTooSmall},
		{"udp length 7", edited(udp, set16(38, 7)), packet.BadUDPLenInvalid},
		{"udp length 0", edited(udp, set16(38, 0)), packet.BadUDPLenInvalid},
		{"udp length past packet", edited(udp, set16(38, 60)), packet.BadUDPPktTooSmall},
		{"icmp of 7 bytes", edited(icmp, set16(16, 27)), packet.BadICMPv4PktTooSmall},
		{"icmp type 99", edited(icmp, set8(34, 99)), packet.BadICMPv4UnknownType},
		{"icmp code 9", edited(icmp, set8(35, 9)), packet.BadICMPv4UnknownCode},
		{"icmp quote of 10 bytes", icmpRaw("\x03\x01\x00\x00\x00\x00\x00\x000123456789"), packet.BadICMPv4IPv4TruncPkt},
		{"icmp quote of version 0", icmpRaw("\x03\x01\x00\x00\x00\x00\x00\x00\x0012345678901234567890"), packet.BadICMPv4IPv4UnknownVer},
		{"icmp6 code 9", edited(icmp6, set8(55, 9)), packet.BadICMPv6UnknownCode},
		{"icmp6 type 50", edited(icmp6, set8(54, 50)), packet.BadICMPv6UnassignedType},
		{"icmp6 type 200", edited(icmp6, set8(54, 200)), packet.BadICMPv6ExperimentationType},
		{"mld with hop limit 64", edited(icmp6, set8(54, 131)), packet.BadICMPv6MLDMessageWithInvalidHopLimit},
		{"arp of 27 bytes", arp[:41], packet.BadARPPktTooSmall},
		{"arp hardware 9", edited(arp, set16(14, 9)), packet.BadARPUnsupportedHardware},
		{"arp protocol", edited(arp, set16(16, 9)), packet.BadARPUnsupportedProtocol},
		{"arp opcode 0", edited(arp, set16(20, 0)), packet.BadARPUnsupportedOpcode},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := packettest.Decode(c.data)
			checkPacket(t, p)
			if !p.HasAnomaly(c.want) {
				t.Fatalf("anomalies %v, want %v", p.Anomalies[:p.NAnomaly], c.want)
			}
		})
	}
}

// TestSnaplen cuts every frame at every length below what the wire had: no anomaly may blame the sender for what
// the capture left out, and what is present keeps its value.
func TestSnaplen(t *testing.T) {
	for _, s := range seeds() {
		whole := packet.Packet{Data: s.data, Link: s.link, WireLen: uint32(len(s.data))}
		packet.Decode(&whole, nil)
		for n := range s.data {
			p := packet.Packet{Data: s.data[:n], Link: s.link, WireLen: uint32(len(s.data))}
			packet.Decode(&p, &packet.Options{Checksums: packet.ChecksumsAll})
			checkPacket(t, &p)
			if p.NAnomaly != 0 && s.name != "radiotap" {
				t.Errorf("%s cut to %d: %v", s.name, n, p.Anomalies[:p.NAnomaly])
			}
			if p.L4Sum == packet.SumBad || p.IPSum == packet.SumBad {
				t.Errorf("%s cut to %d: checksum called bad", s.name, n)
			}
			if p.NLayer == whole.NLayer && p.Src == whole.Src {
				if p.SrcPort != 0 && p.SrcPort != whole.SrcPort || p.Seq != 0 && p.Seq != whole.Seq {
					t.Errorf("%s cut to %d: %+v", s.name, n, p)
				}
				if p.PayloadOff != 0 && (p.PayloadWire != whole.PayloadWire || p.PayloadLen != uint32(n)-uint32(p.PayloadOff)) &&
					s.name != "radiotap" && s.name != "vlan" && s.name != "macsec clear" {
					t.Errorf("%s cut to %d: payload %d of %d", s.name, n, p.PayloadLen, p.PayloadWire)
				}
			}
		}
	}
}

// TestChecksums tells good, bad, offloaded and unchecked apart, in every mode.
func TestChecksums(t *testing.T) {
	tcp, tcp6 := innerTCP.Frame(), innerTCP6.Frame()
	partial := func(f []byte, l3, n, l4, field int) []byte {
		return edited(f, func(b []byte) {
			a := b[l3 : l3+n]
			set16(field, header.Fold(header.PseudoSum(a[:n/2], a[n/2:], 6, len(f)-l4)))(b)
		})
	}
	noLen := edited(tcp, func(b []byte) { set16(50, header.Fold(header.PseudoSum(b[26:30], b[30:34], 6, 0)))(b) })
	udp6 := packettest.UDP{Src: "[2001:db8::1]:1", Dst: "[2001:db8::2]:2", Payload: "x"}.Frame()
	frag := packettest.Ethernet(packettest.Fragment(innerTCP.Datagram(), 24, 1)[0], packettest.Link{})
	const u, good, bad, off = packet.SumUnchecked, packet.SumGood, packet.SumBad, packet.SumOffload
	for _, c := range []struct {
		name          string
		data          []byte
		ipAll, ipAuto packet.Sum
		all, auto     packet.Sum
	}{
		{"good", tcp, good, good, good, good},
		{"good 6", tcp6, u, u, good, good},
		{"tcp bad", edited(tcp, set8(66, 'x')), good, good, bad, bad},
		{"tcp offload", partial(tcp, 26, 8, 34, 50), good, good, bad, off},
		{"tcp6 offload", partial(tcp6, 22, 32, 54, 70), u, u, bad, off},
		{"tcp large send", noLen, good, good, bad, off},
		{"ip bad", edited(tcp, set8(22, 3)), bad, bad, good, good},
		{"ip offload", edited(tcp, set16(24, 0)), bad, off, good, good},
		{"udp6 without", edited(udp6, set16(60, 0)), u, u, bad, bad},
		{"fragment", frag, good, good, u, u},
		{"truncated on the wire", edited(tcp, set16(16, 2000)), bad, bad, u, u},
	} {
		t.Run(c.name, func(t *testing.T) {
			for mode, want := range map[packet.Checksums][2]packet.Sum{
				packet.ChecksumsNone: {u, u}, packet.ChecksumsAll: {c.ipAll, c.all}, packet.ChecksumsAuto: {c.ipAuto, c.auto},
			} {
				p := packet.Packet{Data: c.data, Link: packet.LinkEthernet, WireLen: uint32(len(c.data))}
				packet.Decode(&p, &packet.Options{Checksums: mode})
				if got := [2]packet.Sum{p.IPSum, p.L4Sum}; got != want {
					t.Errorf("mode %d: %v, want %v", mode, got, want)
				}
			}
		})
	}
}

// TestSuperSegments: lengths of 0 mean that the card had still to cut the packet.
func TestSuperSegments(t *testing.T) {
	f := edited(innerTCP.Frame(), set16(16, 0))
	f6 := edited(innerTCP6.Frame(), set16(18, 0))
	for _, f := range [][]byte{f, f6} {
		p := packettest.Decode(f)
		if p.NAnomaly != 0 || string(p.Payload()) != "inner" || int(p.IPLen) != len(f)-14 {
			t.Errorf("%+v", p)
		}
	}
}

// TestDatagram puts fragments together and decodes the datagram in place of the frame.
func TestDatagram(t *testing.T) {
	for _, s := range []packettest.TCP{innerTCP, innerTCP6} {
		d := s.Datagram()
		p := packettest.Decode(packettest.Ethernet(packettest.Fragment(d, 8, 7)[0], packettest.Link{VLANs: []uint16{9}}))
		if p.SrcPort != 0 || p.NAnomaly != 0 {
			t.Errorf("eight bytes of TCP in a first fragment: %+v", p)
		}
		mac := p.SrcMAC
		p.Data = d
		packet.DecodeDatagram(p, &packet.Options{Checksums: packet.ChecksumsAll})
		checkPacket(t, p)
		if p.SrcPort != 40000 || p.L4Sum != packet.SumGood || p.IPFlags&packet.Reassembled == 0 || p.SrcMAC != mac ||
			p.VLANs[0] != 9 || p.L3 != 0 || p.FragOff != 0 || p.Truncated() {
			t.Errorf("%+v", p)
		}
	}
}

// TestFragmentOfFragment: the outer fragment header is the one that a host joins first.
func TestFragmentOfFragment(t *testing.T) {
	inner := header.AppendIPv6Fragment(nil, 17, 64, true, 5)
	outer := append(header.AppendIPv6Fragment(nil, 44, 0, true, 9), append(inner, make([]byte, 16)...)...)
	p := packettest.Raw{Src: "2001:db8::1", Dst: "2001:db8::2", Proto: 44, Payload: string(outer)}.Packet()
	if p.IPID != 9 || p.FragOff != 0 || p.Proto != 44 || len(p.IPPayload()) != 24 || !p.HasAnomaly(packet.BadIPv6ExthdrDuplFH) {
		t.Errorf("%+v", p)
	}
}

// TestAnomalyNames: every code has a name of its own that leads back to it, and a type.
func TestAnomalyNames(t *testing.T) {
	types := map[string]int{}
	for _, a := range packet.AllAnomalies() {
		if got, ok := packet.ParseAnomaly(a.String()); !ok || got != a {
			t.Errorf("%d %q leads to %d", a, a, got)
		}
		types[a.Type()]++
	}
	if types["decode"] < 150 || types["stream"] < 60 || types["applayer"] < 5 || len(types) != 3 {
		t.Errorf("%v", types)
	}
	for a, want := range map[packet.Anomaly]string{
		packet.BadIPv4TruncPkt:                      "decoder.ipv4.trunc_pkt",
		packet.Stream3WHSAckInWrongDir:              "stream.3whs_ack_in_wrong_dir",
		packet.StreamReassemblyOverlapDifferentData: "stream.reassembly_overlap_different_data",
		packet.StreamPktInvalidAck:                  "stream.pkt_invalid_ack",
	} {
		if a.String() != want {
			t.Errorf("%q, want %q", a, want)
		}
	}
	if a, ok := packet.ParseAnomaly("stream.est_synack_resend_with_diff_ack"); !ok || a != packet.StreamEstSynAckResendWithDifferentAck {
		t.Error("the other spelling of a stream event")
	}
	if packet.BadIPv4TruncPkt.Rule() != "ipv4.trunc_pkt" || packet.StreamPktInvalidAck.Rule() != "pkt_invalid_ack" {
		t.Error("names in rules")
	}
}

// TestFragmentPayload: the data of an IPv6 fragment starts at its fragment header's end, before further headers.
func TestFragmentPayload(t *testing.T) {
	body := header.AppendIPv6Fragment(nil, 60, 0, true, 9)
	body = append(body, header.AppendIPv6Options(nil, 17, []byte{1, 4, 0, 0, 0, 0})...)
	body = append(body, make([]byte, 16)...)
	p := packettest.Raw{Src: "2001:db8::1", Dst: "2001:db8::2", Proto: 44, Payload: string(body)}.Packet()
	if len(p.IPPayload()) != 24 || int(p.L4) != 14+40+8+8 || p.Proto != packet.ProtoUDP {
		t.Errorf("%d bytes of data, L4 at %d, protocol %d", len(p.IPPayload()), p.L4, p.Proto)
	}
}
