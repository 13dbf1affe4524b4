package neighbour

import (
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func addr(s string) packet.Addr { return packet.MustAddr(s) }

var one, two = packet.MAC{2, 0, 0, 0, 0, 1}, packet.MAC{2, 0, 0, 0, 0, 2}

func arpOf(op uint16, sip, tip string, dst packet.MAC) *event.ARP {
	x := event.NewARP(event.Head{SrcMAC: one, DstMAC: dst, NVLAN: 1, VLANs: [3]uint16{7}})
	x.Op, x.SenderMAC, x.SenderIP, x.TargetIP = op, one, addr(sip), addr(tip)
	return x
}

func ndpOf(typ uint8, src, dst, target string, link packet.MAC) *event.NDP {
	x := event.NewNDP(event.Head{SrcMAC: two, Client: event.End{Addr: addr(src)}, Server: event.End{Addr: addr(dst)}})
	x.Type, x.Target, x.LinkAddr, x.Valid = typ, addr(target), link, true
	x.Probe = typ == 135 && src == "::"
	return x
}

func TestClaimOf(t *testing.T) {
	bad := ndpOf(136, "fe80::1", "fe80::2", "fe80::1", one)
	bad.Valid = false
	for _, c := range []struct {
		name string
		e    event.Event
		want Claim // How 0: none
	}{
		{"request", arpOf(1, "10.0.0.1", "10.0.0.2", broadcast), Claim{How: Asked, IP: addr("10.0.0.1"), To: addr("10.0.0.2"), MAC: one}},
		{"reply", arpOf(2, "10.0.0.1", "10.0.0.2", two), Claim{How: Answered, IP: addr("10.0.0.1"), To: addr("10.0.0.2"), MAC: one, Reply: true}},
		{"gratuitous request", arpOf(1, "10.0.0.1", "10.0.0.1", broadcast), Claim{How: Announced, IP: addr("10.0.0.1"), MAC: one}},
		{"gratuitous reply", arpOf(2, "10.0.0.1", "10.0.0.1", broadcast), Claim{How: Announced, IP: addr("10.0.0.1"), MAC: one, Reply: true}},
		{"reply to all", arpOf(2, "10.0.0.1", "10.0.0.2", broadcast), Claim{How: Announced, IP: addr("10.0.0.1"), MAC: one, Reply: true}},
		{"probe", arpOf(1, "0.0.0.0", "10.0.0.1", broadcast), Claim{How: Probed, IP: addr("10.0.0.1"), MAC: one}},
		{"probe for nothing", arpOf(1, "0.0.0.0", "0.0.0.0", broadcast), Claim{}},
		{"neighbour solicitation", ndpOf(135, "fe80::1", "ff02::1:ff00:2", "fe80::2", one), Claim{How: Asked, IP: addr("fe80::1"), To: addr("fe80::2"), MAC: one}},
		{"without its option", ndpOf(135, "fe80::1", "fe80::2", "fe80::2", packet.MAC{}), Claim{}},
		{"duplicate address detection", ndpOf(135, "::", "ff02::1:ff00:2", "fe80::2", packet.MAC{}), Claim{How: Probed, IP: addr("fe80::2"), MAC: two}},
		{"solicited advertisement", ndpOf(136, "fe80::1", "fe80::2", "fe80::1", one), Claim{How: Answered, IP: addr("fe80::1"), To: addr("fe80::2"), MAC: one, Reply: true}},
		{"without its option", ndpOf(136, "fe80::1", "fe80::2", "fe80::1", packet.MAC{}), Claim{How: Answered, IP: addr("fe80::1"), To: addr("fe80::2"), MAC: two, Reply: true}},
		{"to all", ndpOf(136, "fe80::1", "ff02::1", "fe80::1", one), Claim{How: Announced, IP: addr("fe80::1"), MAC: one, Reply: true}},
		{"router advertisement", ndpOf(134, "fe80::1", "ff02::1", "::", one), Claim{How: Announced, IP: addr("fe80::1"), MAC: one}},
		{"redirect", ndpOf(137, "fe80::1", "fe80::2", "fe80::3", one), Claim{}},
		{"not valid", bad, Claim{}},
		{"another event", event.NewCapture(event.Head{}), Claim{}},
	} {
		got, ok := ClaimOf(c.e)
		if ok != (c.want.How != 0) {
			t.Errorf("%s: %v", c.name, ok)
		}
		if ok && (got.How != c.want.How || got.IP != c.want.IP || got.To != c.want.To || got.MAC != c.want.MAC || got.Reply != c.want.Reply) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if c, _ := ClaimOf(arpOf(1, "10.0.0.1", "10.0.0.2", broadcast)); c.Wire() != (Wire{0, 7}) {
		t.Errorf("wire %+v", c.Wire())
	}
}

func TestMAC(t *testing.T) {
	for m, want := range map[packet.MAC]string{
		{0, 0, 0x5e, 0, 1, 51}: "VRRP or CARP", {0, 0, 0x5e, 0, 2, 51}: "VRRP or CARP", {0, 0, 0x5e, 0, 3, 51}: "",
		{0, 0, 0x0c, 7, 0xac, 1}: "HSRP", {0, 0, 0x0c, 0x9f, 0xf1, 2}: "HSRP version 2", {0, 5, 0x73, 0xa0, 1, 2}: "HSRP for IPv6",
		{0, 7, 0xb4, 0, 1, 1}: "GLBP", {2, 0xbf, 10, 0, 0, 1}: "Network Load Balancing", {2, 0, 0, 0, 0, 1}: "",
	} {
		if got := Shared(m); got != want {
			t.Errorf("%s: %q, want %q", m, got, want)
		}
	}
	if !Random(one) || Random(packet.MAC{0, 1}) || Random(packet.MAC{3}) || !Group(broadcast) || Group(one) {
		t.Error("bits of the first byte")
	}
}

func TestVendors(t *testing.T) {
	v := BuiltIn()
	for m, want := range map[packet.MAC]string{{0, 0x0c, 0x29, 1, 2, 3}: "00:0c:29:01:02:03 (VMware)", {0x52, 0x54, 0, 1, 2, 3}: "52:54:00:01:02:03 (QEMU or KVM)",
		{2, 0xfd}: "02:fd:00:00:00:00 (self-chosen)", {0, 0, 0x5e, 0, 1, 9}: "00:00:5e:00:01:09 (virtual, VRRP or CARP)", {0xfc, 0xff, 0xff}: "fc:ff:ff:00:00:00"} {
		if got := v.Describe(m); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, text := range []string{"OUI/MA-L\nAA-BB-CC   (hex)\t\tMaker\nAABBCC     (base 16)\t\tMaker of Things\n", "# arp-scan\nAABBCC\tMaker of Things\n"} {
		w, err := readVendors(strings.NewReader(text))
		if err != nil || w.Of(packet.MAC{0xaa, 0xbb, 0xcc}) != "Maker of Things" || w.Of(packet.MAC{0, 0x0c, 0x29}) != "VMware" {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := readVendors(strings.NewReader("nothing here\n")); err == nil {
		t.Error("a file without makers is accepted")
	}
	for _, line := range strings.Split(builtIn, "\n") {
		_, list, _ := strings.Cut(line, ": ")
		for _, f := range strings.Fields(list) {
			if _, ok := prefixOf(f); !ok && !strings.HasPrefix(line, "#") {
				t.Errorf("%q in %q", f, line)
			}
		}
	}
}
