package rarogue_test

import (
	"testing"
	"time"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/rarogue"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestRogue(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "ra-rogue/lan.pcap"), rarogue.Code, finding.Likely)
	detecttest.Says(t, f, "fd66::/64", "beside fe80::fd:ff:fe00:1", "it offers fd66::/64", "fd00:1::/64", "goes on, with its own card and prefix", "ipv6 nd raguard")
	for _, dir := range []string{"ra-normal", "ra-rogue-remedied"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/lan.pcap"))
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("fd00:1::11", "fe80::fd:ff:fe00:d") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "ra-rogue/lan.pcap")
			switch d.Name {
			case "no packets from the server":
				detecttest.None(t, r, rarogue.Code)
			case "96 bytes of each frame": // an option that was cut off makes a message damaged: nothing is claimed from it
				detecttest.Weak(t, r, rarogue.Code)
			default:
				detecttest.Only(t, r, rarogue.Code, finding.Likely)
			}
		})
	}
}

func TestMemory(t *testing.T) { detecttest.Split(t, "ra-rogue/lan.pcap", 8, rarogue.Code) }

func mac(n byte) packet.MAC { return packet.MAC{2, 0, 0, 0, 0, n} }

func advert(b *detecttest.Bench, at float64, from string, n byte, prefix string, change func(*event.NDP)) {
	x := event.NewNDP(event.Head{Seen: b.Ref(0, at), SrcMAC: mac(n), Client: event.End{Addr: packet.MustAddr(from)}, Server: event.End{Addr: packet.MustAddr("ff02::1")}})
	x.Type, x.LinkAddr, x.Valid, x.RA = 134, mac(n), true, &event.RouterAdvert{Lifetime: time.Hour, NPrefix: 1}
	x.RA.Prefixes[0] = event.NDPPrefix{Prefix: packet.MustAddr(prefix), Bits: 64, Autonomous: true, OnLink: true}
	if change != nil {
		change(x)
	}
	b.Send(x)
}

func TestEvents(t *testing.T) {
	const own, other, p, q = "fe80::1", "fe80::66", "2001:db8:1::", "2001:db8:66::"
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want finding.Confidence
		says string
	}{
		{"a router alone, with two prefixes in turn", func(b *detecttest.Bench) {
			for i := range 4 {
				advert(b, float64(i), own, 1, []string{p, q}[i%2], nil)
			}
		}, 0, ""},
		{"two that say the same", func(b *detecttest.Bench) {
			for i := range 4 {
				advert(b, float64(i), own, 1, p, nil)
				advert(b, float64(i)+0.5, other, 66, p, nil)
			}
		}, 0, ""},
		{"a second one", func(b *detecttest.Bench) {
			advert(b, 0, own, 1, p, nil)
			advert(b, 4, own, 1, p, nil)
			advert(b, 5, other, 66, q, nil)
			x := event.NewNDP(event.Head{Seen: b.Ref(0, 5.5), SrcMAC: mac(7), Server: event.End{Addr: packet.MustAddr("ff02::1:ff00:7")}})
			x.Type, x.Probe, x.Valid, x.Target = 135, true, true, packet.MustAddr("2001:db8:66::7")
			b.Send(x)
			advert(b, 8, own, 1, p, nil)
		}, finding.Likely, "1 host took up its prefix"},
		{"the one before is silent: it may be the same with a new card", func(b *detecttest.Bench) {
			advert(b, 0, own, 1, p, nil)
			advert(b, 4, own, 1, p, nil)
			advert(b, 5, other, 66, q, nil)
		}, finding.Possible, "was not heard any more"},
		{"no default router", func(b *detecttest.Bench) {
			advert(b, 0, own, 1, p, nil)
			advert(b, 4, own, 1, p, nil)
			advert(b, 5, other, 66, q, func(x *event.NDP) { x.RA.Lifetime = 0 })
			advert(b, 8, own, 1, p, nil)
		}, 0, ""},
		{"not valid: hosts ignore it", func(b *detecttest.Bench) {
			advert(b, 0, own, 1, p, nil)
			advert(b, 4, own, 1, p, nil)
			advert(b, 5, other, 66, q, func(x *event.NDP) { x.Valid = false })
			advert(b, 8, own, 1, p, nil)
		}, 0, ""},
		{"other name servers", func(b *detecttest.Bench) {
			advert(b, 0, own, 1, p, nil)
			advert(b, 4, own, 1, p, nil)
			advert(b, 5, other, 66, p, func(x *event.NDP) { x.RA.Servers[0], x.RA.NServer = packet.MustAddr("2001:db8::bad"), 1 })
			advert(b, 8, own, 1, p, nil)
		}, finding.Likely, "name servers 2001:db8::bad"},
		{"in the router's own name", func(b *detecttest.Bench) {
			advert(b, 0, own, 1, p, nil)
			advert(b, 4, own, 1, p, nil)
			advert(b, 5, own, 66, p, func(x *event.NDP) { x.RA.Lifetime = 0 })
			advert(b, 8, own, 1, p, nil)
			advert(b, 9, own, 66, p, func(x *event.NDP) { x.RA.Lifetime = 0 })
		}, finding.Certain, "speaks as the IPv6 router fe80::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, rarogue.Def)
			c.play(b)
			fs := b.End()
			if c.want == 0 {
				if len(fs) > 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != c.want {
				t.Fatalf("%d findings: %v", len(fs), fs)
			}
			detecttest.Says(t, fs[0], c.says)
		})
	}
}
