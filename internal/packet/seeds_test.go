package packet_test

import (
	"fmt"

	"firestorm/internal/header"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// packetValue makes a Packet comparable by its printed fields.
func packetValue(p packet.Packet) string { return fmt.Sprintf("%+v", p) }

var (
	innerTCP = packettest.TCP{Src: "192.0.2.1:40000", Dst: "198.51.100.2:443", Seq: 7, Ack: 9,
		Flags: packet.ACK | packet.PSH, TSVal: 5, Payload: "inner"}
	innerBack = packettest.TCP{Src: "198.51.100.2:443", Dst: "192.0.2.1:40000", Seq: 9, Ack: 12, Flags: packet.ACK}
	innerTCP6 = packettest.TCP{Src: "[2001:db8::1]:40000", Dst: "[2001:db8::2]:443", Flags: packet.SYN, MSS: 1220,
		Payload: "inner"}
)

// seeds are well-formed frames of every format, each holding innerTCP or innerTCP6 where it can.
func seeds() []seed {
	key := uint32(42)
	arp := packettest.ARP{SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}.Frame()
	outer := func(port int, payload []byte) []byte {
		return packettest.UDP{Src: "10.0.0.1:51000", Dst: fmt.Sprintf("10.0.0.2:%d", port), Payload: string(payload)}.Frame()
	}
	raw := func(proto uint8, payload []byte) []byte {
		return packettest.Raw{Src: "10.0.0.1", Dst: "10.0.0.2", Proto: proto, Payload: string(payload)}.Frame()
	}
	ether := func(et uint16, payload []byte) []byte {
		return append(header.AppendEthernet(nil, [6]byte{2}, [6]byte{4}, et), payload...)
	}
	d4, d6, f4 := innerTCP.Datagram(), innerTCP6.Datagram(), innerTCP.Frame()
	ip4 := func(proto uint8, payload []byte) []byte {
		return packettest.Raw{Src: "192.0.2.1", Dst: "198.51.100.2", Proto: proto, Payload: string(payload)}.Frame()
	}
	snap := append([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, d4...)
	wlan := append(unhex("8801"+"0000"+"020000000001"+"020000000002"+"020000000003"+"1000"+"0000"), snap...)
	s := []seed{
		{"tcp", packet.LinkEthernet, f4},
		{"tcp6", packet.LinkEthernet, innerTCP6.Frame()},
		{"arp", packet.LinkEthernet, arp},
		{"vlan", packet.LinkEthernet, packettest.TCP{Src: "192.0.2.1:1", Dst: "192.0.2.2:2", Link: packettest.Link{VLANs: []uint16{5, 6}, Pad: 80}}.Frame()},
		{"mpls", packet.LinkEthernet, ether(packet.EtherMPLS, append(header.AppendMPLS(header.AppendMPLS(nil, 100, false, 3), 200, true, 3), d4...))},
		{"mpls pw", packet.LinkEthernet, ether(packet.EtherMPLS, append(header.AppendMPLS(nil, 100, true, 3), append([]byte{0, 0, 0, 0}, f4...)...))},
		{"pppoe", packet.LinkEthernet, ether(packet.EtherPPPoE, append(header.AppendPPP(header.AppendPPPoE(nil, 0, 7, len(d6)+2), header.PPPIPv6, false), d6...))},
		{"pppoed", packet.LinkEthernet, ether(packet.EtherPPPoEDiscovery, append(header.AppendPPPoE(nil, header.PPPoEPADI, 0, 4), 1, 1, 0, 0))},
		{"pbb", packet.LinkEthernet, ether(packet.EtherPBB, append([]byte{0, 0, 1, 2}, f4...))},
		{"nsh", packet.LinkEthernet, ether(packet.EtherNSH, append([]byte{0, 2, 2, 1, 0, 0, 1, 255}, d4...))},
		{"vntag", packet.LinkEthernet, ether(packet.EtherVNTag, append([]byte{0, 0, 0, 0, 8, 0}, d4...))},
		{"etag", packet.LinkEthernet, ether(packet.EtherETag, append([]byte{0, 0, 0, 0, 0, 0, 8, 0}, d4...))},
		{"macsec clear", packet.LinkEthernet, ether(packet.EtherMACsec, append(append([]byte{0, 0, 0, 0, 0, 1, 8, 0}, d4...), make([]byte, 16)...))},
		{"snap", packet.LinkEthernet, ether(uint16(len(snap)), snap)},
		{"stp", packet.LinkEthernet, ether(38, append([]byte{0x42, 0x42, 3}, make([]byte, 43)...))},
		{"gre", packet.LinkEthernet, raw(47, append(header.AppendGRE(nil, packet.EtherIPv4, &key), d4...))},
		{"gre teb", packet.LinkEthernet, raw(47, append(header.AppendGRE(nil, packet.EtherTEB, nil), f4...))},
		{"pptp", packet.LinkEthernet, raw(47, append(append([]byte{0x30, 1, 0x88, 0x0b, 0, 10, 0, 1, 0, 0, 0, 1}, 0xff, 3, 0, 0x21), d4...))},
		{"erspan1", packet.LinkEthernet, raw(47, append(header.AppendGRE(nil, packet.EtherERSPAN2, nil), f4...))},
		{"erspan2", packet.LinkEthernet, raw(47, append(header.AppendERSPAN([]byte{0x10, 0, 0x88, 0xbe, 0, 0, 0, 1}, 9, 3), f4...))},
		{"erspan3", packet.LinkEthernet, raw(47, append(unhex("100022eb00000001"+"200900030000000000000000"), f4...))},
		{"ipip", packet.LinkEthernet, raw(4, d4)},
		{"6in4", packet.LinkEthernet, raw(41, d6)},
		{"4in6", packet.LinkEthernet, packettest.Raw{Src: "2001:db8::8", Dst: "2001:db8::9", Proto: 4, Payload: string(d4)}.Frame()},
		{"etherip", packet.LinkEthernet, raw(97, append([]byte{0x30, 0}, f4...))},
		{"vxlan", packet.LinkEthernet, outer(4789, append(header.AppendVXLAN(nil, 77), f4...))},
		{"vxlan arp", packet.LinkEthernet, outer(4789, append(header.AppendVXLAN(nil, 77), arp...))},
		{"geneve", packet.LinkEthernet, outer(6081, append(header.AppendGeneve(nil, packet.EtherTEB, 77), f4...))},
		{"gtpu", packet.LinkEthernet, outer(2152, append(header.AppendGTPU(nil, 99, len(d4)), d4...))},
		{"teredo", packet.LinkEthernet, outer(3544, append([]byte{0, 0, 1, 2, 3, 4, 5, 6}, d6...))},
		{"esp", packet.LinkEthernet, ip4(50, []byte("spi.seq.encrypted"))},
		{"ah", packet.LinkEthernet, ip4(51, append(append([]byte{6, 4, 0, 0}, make([]byte, 20)...), innerTCP.Segment()...))},
		{"icmp error", packet.LinkEthernet, packettest.ICMP{Src: "198.51.100.2", Dst: "192.0.2.1", Type: 3, Code: 4, Rest: 1400, Quote: d4[:28]}.Frame()},
		{"icmp6 error", packet.LinkEthernet, packettest.ICMP{Src: "2001:db8::2", Dst: "2001:db8::1", Type: 2, Rest: 1280, Quote: d6}.Frame()},
		{"sctp", packet.LinkEthernet, ip4(132, unhex("1b581b5900000001"+"fe3ec298"+"0100001400000001000100000001000100000001"))},
		{"igmp", packet.LinkEthernet, ip4(2, unhex("1600f8faef010203"))},
		{"dccp", packet.LinkEthernet, ip4(33, unhex("00500051040000000000000100000000"))},
		{"udplite", packet.LinkEthernet, ip4(136, unhex("0050005100080000"))},
		{"hopopts", packet.LinkEthernet, packettest.UDP{Src: "[2001:db8::1]:1", Dst: "[2001:db8::2]:2", Payload: "x",
			IP: packettest.IP{Ext: header.AppendIPv6Options(nil, 17, []byte{5, 2, 0, 0, 0, 0})}}.Frame()},
		{"null", packet.LinkNull, append([]byte{2, 0, 0, 0}, d4...)},
		{"loop", packet.LinkLoop, append([]byte{0, 0, 0, 24}, d6...)},
		{"raw", packet.LinkRaw, d4},
		{"raw6", packet.LinkIPv6, d6},
		{"ppp", packet.LinkPPP, append([]byte{0xff, 3, 0, 0x21}, d4...)},
		{"ppp compressed", packet.LinkPPP, append([]byte{0x21}, d4...)},
		{"chdlc", packet.LinkCHDLC, append([]byte{0x0f, 0, 8, 0}, d4...)},
		{"sll", packet.LinkSLL, append(unhex("00000001000602000000000100000800"), d4...)},
		{"sll2", packet.LinkSLL2, append(unhex("86dd000000000002000100060200000000010000"), d6...)},
		{"pflog", packet.LinkPFLOG, append(append([]byte{61, 2, 1, 0}, make([]byte, 60)...), d4...)},
		{"nflog", packet.LinkNFLOG, append(unhex("020000000c000a00"+"424c4f434b3a2000"+fmt.Sprintf("%02x000900", len(d4)+4)), d4...)},
		{"wlan", packet.LinkIEEE80211, wlan},
		{"radiotap", packet.LinkRadiotap, append(append([]byte{0, 0, 9, 0, 2, 0, 0, 0, 0x10}, wlan...), 1, 2, 3, 4)},
		{"prism", packet.LinkPrism, append(make([]byte, 144), wlan...)},
	}
	return s
}
