package packettest_test

import (
	"testing"

	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

func TestFrames(t *testing.T) {
	syn := packettest.TCP{Src: "10.0.0.1:1234", Dst: "10.0.0.2:80", Seq: 1, Flags: packet.SYN, MSS: 1460, SACKOK: true,
		TSVal: 7, WScale: 7}
	ack6 := packettest.TCP{Src: "[2001:db8::1]:1234", Dst: "[2001:db8::2]:80", Seq: 2, Ack: 9,
		Flags: packet.ACK | packet.PSH, SACK: [][2]uint32{{10, 20}}, Payload: "hello", Link: packettest.Link{VLANs: []uint16{7, 8}}}
	for _, c := range []struct {
		name  string
		p     *packet.Packet
		proto uint8
		pay   string
		sum   packet.Sum
	}{
		{"tcp syn", syn.Packet(), packet.ProtoTCP, "", packet.SumGood},
		{"tcp6 vlan", ack6.Packet(), packet.ProtoTCP, "hello", packet.SumGood},
		{"udp", packettest.UDP{Src: "10.0.0.1:53", Dst: "10.0.0.2:5353", Payload: "x"}.Packet(), 17, "x", packet.SumGood},
		{"udp bad", packettest.UDP{Src: "10.0.0.1:53", Dst: "10.0.0.2:5353", Payload: "x", BadChecksum: true}.Packet(), 17, "x", packet.SumBad},
		{"udp none", packettest.UDP{Src: "10.0.0.1:53", Dst: "10.0.0.2:5353", Payload: "x", NoChecksum: true}.Packet(), 17, "x", packet.SumUnchecked},
		{"icmp quote", packettest.ICMP{Src: "10.0.0.9", Dst: "10.0.0.1", Type: 3, Code: 3, Quote: syn.Datagram()[:28]}.Packet(), 1, string(syn.Datagram()[:28]), packet.SumGood},
		{"icmp6 quote", packettest.ICMP{Src: "fe80::1", Dst: "2001:db8::1", Type: 1, Code: 4, Quote: ack6.Datagram()}.Packet(), 58, string(ack6.Datagram()), packet.SumGood},
		{"raw", packettest.Raw{Src: "10.0.0.9", Dst: "10.0.0.1", Proto: 89, Payload: "ospf"}.Packet(), 89, "ospf", packet.SumUnchecked},
		{"pad", packettest.UDP{Src: "10.0.0.1:53", Dst: "10.0.0.2:5353", Payload: "x", Link: packettest.Link{Pad: 60}}.Packet(), 17, "x", packet.SumGood},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.p
			if p.NAnomaly != 0 || p.Proto != c.proto || string(p.Payload()) != c.pay || p.L4Sum != c.sum ||
				p.IPVersion == 4 && p.IPSum != packet.SumGood || p.PayloadWire != p.PayloadLen {
				t.Fatalf("got %+v", p)
			}
			if p.HasQuoted != (p.ICMPType == 3 || p.ICMPType == 1) {
				t.Fatal("quoted", p.HasQuoted)
			}
			if p.HasQuoted && (p.Quoted.SrcPort != 1234 || p.Quoted.DstPort != 80 || !p.Quoted.HasPorts || p.Quoted.Seq == 0) {
				t.Fatalf("quoted %+v", p.Quoted)
			}
		})
	}
	if p := ack6.Packet(); p.NVLAN != 2 || p.VLANs != [3]uint16{7, 8} || p.NSACK != 1 || p.SACK[0] != [2]uint32{10, 20} {
		t.Fatalf("got %+v", p)
	}
	arp := packettest.ARP{SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}.Packet()
	if arp.EtherType != packet.EtherARP || !arp.HasLayer(packet.LayerARP) || arp.SrcMAC.String() != "02:00:0a:00:00:01" {
		t.Fatalf("got %+v", arp)
	}
}

func TestFragment(t *testing.T) {
	for _, u := range []packettest.UDP{
		{Src: "10.0.0.1:53", Dst: "10.0.0.2:5353", Payload: "0123456789abcdef0123456789"},
		{Src: "[2001:db8::1]:53", Dst: "[2001:db8::2]:5353", Payload: "0123456789abcdef0123456789"},
	} {
		var joined []byte
		for i, f := range packettest.Fragment(u.Datagram(), 16, 77) {
			p := packettest.Decode(packettest.Ethernet(f, packettest.Link{}))
			if p.IPFlags&packet.Fragment == 0 || p.IPID != 77 || int(p.FragOff) != len(joined) || p.NAnomaly != 0 ||
				(p.SrcPort == 53) != (i == 0) {
				t.Fatalf("fragment %d: %+v", i, p)
			}
			joined = append(joined, p.IPPayload()...)
		}
		if string(joined) != string(u.Segment()) {
			t.Fatalf("%x\n%x", joined, u.Segment())
		}
	}
}
