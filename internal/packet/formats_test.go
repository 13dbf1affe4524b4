package packet_test

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/header"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// layerList writes the layers of p as "ethernet ipv4 tcp".
func layerList(p *packet.Packet) string {
	var s []string
	for _, l := range p.Layers[:p.NLayer] {
		s = append(s, l.Kind.String())
	}
	return strings.Join(s, " ")
}

// TestFormats decodes one well-formed frame of every format: its layers, no anomaly, good checksums, and the inner
// TCP segment where there is one.
func TestFormats(t *testing.T) {
	layersOf := map[string]string{
		"tcp": "ethernet ipv4 tcp", "tcp6": "ethernet ipv6 tcp", "arp": "ethernet arp",
		"vlan": "ethernet vlan vlan ipv4 tcp", "mpls": "ethernet mpls mpls ipv4 tcp",
		"mpls pw": "ethernet mpls pwcw ethernet ipv4 tcp", "pppoe": "ethernet pppoe ppp ipv6 tcp",
		"pppoed": "ethernet pppoed", "pbb": "ethernet pbb ethernet ipv4 tcp", "nsh": "ethernet nsh ipv4 tcp",
		"vntag": "ethernet vntag ipv4 tcp", "etag": "ethernet etag ipv4 tcp", "macsec clear": "ethernet macsec ipv4 tcp",
		"snap": "ethernet llc snap ipv4 tcp", "stp": "ethernet llc stp", "gre": "ethernet ipv4 gre ipv4 tcp",
		"gre teb": "ethernet ipv4 gre ethernet ipv4 tcp", "pptp": "ethernet ipv4 gre ppp ipv4 tcp",
		"erspan1": "ethernet ipv4 gre erspan ethernet ipv4 tcp", "erspan2": "ethernet ipv4 gre erspan ethernet ipv4 tcp",
		"erspan3": "ethernet ipv4 gre erspan ethernet ipv4 tcp", "ipip": "ethernet ipv4 ipv4 tcp",
		"6in4": "ethernet ipv4 ipv6 tcp", "4in6": "ethernet ipv6 ipv4 tcp", "etherip": "ethernet ipv4 ethernet ipv4 tcp",
		"vxlan": "ethernet ipv4 udp vxlan ethernet ipv4 tcp", "vxlan arp": "ethernet ipv4 udp vxlan ethernet arp",
		"geneve": "ethernet ipv4 udp geneve ethernet ipv4 tcp", "gtpu": "ethernet ipv4 udp gtpu ipv4 tcp",
		"teredo": "ethernet ipv4 udp teredo ipv6 tcp", "esp": "ethernet ipv4 esp", "ah": "ethernet ipv4 ah tcp",
		"icmp error": "ethernet ipv4 icmpv4", "icmp6 error": "ethernet ipv6 icmpv6", "sctp": "ethernet ipv4 sctp",
		"igmp": "ethernet ipv4 igmp", "dccp": "ethernet ipv4 dccp", "udplite": "ethernet ipv4 udplite",
		"hopopts": "ethernet ipv6 ipv6-hopopts udp", "null": "null ipv4 tcp", "loop": "loop ipv6 tcp", "raw": "raw ipv4 tcp",
		"raw6": "raw ipv6 tcp", "ppp": "ppp ipv4 tcp", "ppp compressed": "ppp ipv4 tcp", "chdlc": "chdlc ipv4 tcp",
		"sll": "sll ipv4 tcp", "sll2": "sll2 ipv6 tcp", "pflog": "pflog ipv4 tcp", "nflog": "nflog ipv4 tcp",
		"wlan": "ieee80211 llc snap ipv4 tcp", "radiotap": "radiotap ieee80211 llc snap ipv4 tcp",
		"prism": "prism ieee80211 llc snap ipv4 tcp",
	}
	tunnels := " gre pptp erspan1 erspan2 erspan3 ipip 6in4 4in6 etherip vxlan geneve gtpu teredo "
	seen := map[uint32]string{}
	for _, s := range seeds() {
		t.Run(s.name, func(t *testing.T) {
			p := packet.Packet{Data: s.data, Link: s.link, WireLen: uint32(len(s.data))}
			packet.Decode(&p, &packet.Options{Checksums: packet.ChecksumsAll})
			checkPacket(t, &p)
			if got := layerList(&p); got != layersOf[s.name] {
				t.Errorf("layers %q, want %q", got, layersOf[s.name])
			}
			for _, a := range p.Anomalies[:p.NAnomaly] {
				t.Errorf("anomaly %v", a)
			}
			if p.IPSum == packet.SumBad || p.L4Sum == packet.SumBad {
				t.Errorf("checksums %d %d", p.IPSum, p.L4Sum)
			}
			if strings.HasSuffix(layersOf[s.name], "tcp") && s.name != "vlan" {
				if p.SrcPort != 40000 || p.DstPort != 443 || string(p.Payload()) != "inner" || p.PayloadWire != 5 || p.L4Sum != packet.SumGood {
					t.Errorf("inner segment: %+v", p)
				}
			}
			if in := strings.Contains(tunnels, " "+s.name+" ") || s.name == "gre teb"; in != (p.Tunnel != 0) {
				t.Errorf("Tunnel %#x", p.Tunnel)
			}
			if p.Tunnel != 0 && s.name != "etherip" && s.name != "6in4" && s.name != "erspan3" { // ends and identifier are those of ipip and erspan2
				if o := seen[p.Tunnel]; o != "" {
					t.Errorf("the same Tunnel as %s", o)
				}
				seen[p.Tunnel] = s.name
			}
			if p.TOS != 0 || p.Truncated() {
				t.Errorf("%+v", p)
			}
		})
	}
	if len(layersOf) != len(seeds()) {
		t.Errorf("%d expectations for %d frames", len(layersOf), len(seeds()))
	}
}

// TestFirewallVerdict reads the verdicts that pf and log prefixes carry.
func TestFirewallVerdict(t *testing.T) {
	for _, s := range seeds() {
		p := packet.Packet{Data: s.data, Link: s.link, WireLen: uint32(len(s.data))}
		packet.Decode(&p, nil)
		want := packet.FirewallNone
		if s.name == "pflog" || s.name == "nflog" {
			want = packet.FirewallBlock
		}
		if p.Firewall != want {
			t.Errorf("%s: %d, want %d", s.name, p.Firewall, want)
		}
	}
}

// TestTunnelIsSymmetric: both directions of a tunnel have one identity; other ends or identifiers have another.
func TestTunnelIsSymmetric(t *testing.T) {
	vxlan := func(src, dst string, vni uint32, inner packettest.TCP) uint32 {
		b := append(header.AppendVXLAN(nil, vni), inner.Frame()...)
		return packettest.UDP{Src: src + ":50000", Dst: dst + ":4789", Payload: string(b)}.Packet().Tunnel
	}
	gtp := func(src, dst string, teid uint32, inner packettest.TCP) uint32 {
		b := append(header.AppendGTPU(nil, teid, len(inner.Datagram())), inner.Datagram()...)
		return packettest.UDP{Src: src + ":2152", Dst: dst + ":2152", Payload: string(b)}.Packet().Tunnel
	}
	a := vxlan("10.0.0.1", "10.0.0.2", 7, innerTCP)
	if b := vxlan("10.0.0.2", "10.0.0.1", 7, innerBack); a == 0 || a != b {
		t.Errorf("directions differ: %#x %#x", a, b)
	}
	if b := vxlan("10.0.0.1", "10.0.0.2", 8, innerTCP); a == b {
		t.Error("another VNI is the same tunnel")
	}
	if b := vxlan("10.0.0.1", "10.0.0.3", 7, innerTCP); a == b {
		t.Error("another end is the same tunnel")
	}
	if a, b := gtp("10.0.0.1", "10.0.0.2", 7, innerTCP), gtp("10.0.0.2", "10.0.0.1", 9, innerBack); a == 0 || a != b {
		t.Errorf("GTP-U directions differ: %#x %#x", a, b)
	}
}

// TestNesting: tunnels in tunnels end with an anomaly, never with an endless descent.
func TestNesting(t *testing.T) {
	d := innerTCP.Datagram()
	for i := 1; i <= 20; i++ {
		d = packettest.Raw{Src: fmt.Sprintf("10.0.%d.1", i), Dst: "10.0.0.2", Proto: 4, Payload: string(d)}.Datagram()
		p := packettest.Decode(packettest.Ethernet(d, packettest.Link{}))
		checkPacket(t, p)
		if deep := i >= 6; deep != p.HasAnomaly(packet.BadTooManyLayers) || deep == (p.SrcPort == 40000) {
			t.Errorf("%d tunnels: %s, %v", i, layerList(p), p.Anomalies)
		}
	}
}

// TestNoTunnels leaves the outer headers in charge.
func TestNoTunnels(t *testing.T) {
	for _, s := range seeds() {
		if s.name != "vxlan" && s.name != "gre" {
			continue
		}
		p := packet.Packet{Data: s.data, Link: s.link, WireLen: uint32(len(s.data))}
		packet.Decode(&p, &packet.Options{NoTunnels: true})
		if p.Src.String() != "10.0.0.1" || p.Tunnel != 0 || p.PayloadLen == 0 {
			t.Errorf("%s: %+v", s.name, p)
		}
	}
}

// TestVXLANPorts: a configured list replaces the known ports.
func TestVXLANPorts(t *testing.T) {
	b := string(append(header.AppendVXLAN(nil, 7), innerTCP.Frame()...))
	for _, c := range []struct {
		port  int
		ports []uint16
		open  bool
	}{{4789, nil, true}, {8472, nil, true}, {4790, nil, false}, {4790, []uint16{4790}, true}, {4789, []uint16{}, false}} {
		f := packettest.UDP{Src: "10.0.0.1:50000", Dst: fmt.Sprintf("10.0.0.2:%d", c.port), Payload: b}.Frame()
		p := packet.Packet{Data: f, Link: packet.LinkEthernet, WireLen: uint32(len(f))}
		packet.Decode(&p, &packet.Options{VXLANPorts: c.ports})
		if (p.Tunnel != 0) != c.open {
			t.Errorf("%+v: tunnel %#x", c, p.Tunnel)
		}
	}
}

// TestInnerTruncation: a length that lies inside a tunnel is blamed although the outer packet is whole.
func TestInnerTruncation(t *testing.T) {
	d := edited(innerTCP.Datagram(), set16(2, 900))
	p := packettest.Raw{Src: "10.0.0.1", Dst: "10.0.0.2", Proto: 4, Payload: string(d)}.Packet()
	if !p.HasAnomaly(packet.BadIPv4TruncPkt) || !p.Invalid() || p.SrcPort != 40000 {
		t.Errorf("%+v", p)
	}
}
