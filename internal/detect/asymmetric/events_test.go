package asymmetric_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/detect/asymmetric"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/synsilent"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

var (
	gateway = packet.MAC{2, 0, 0, 0, 0, 1}
	router  = packet.MAC{2, 0, 0, 0, 0, 2}
)

// conn is one connection as a vantage sees it.
type conn struct {
	id      uint64
	vantage uint16
	client  string // without port
	server  string
	seen    [2]bool // directions that the capture shows
	mac     bool
	via     packet.MAC // the router, where it is another one
}

func play(b *detecttest.Bench, c conn, at float64) {
	f := detecttest.Flow{ID: c.id, Vantage: c.vantage, Client: fmt.Sprintf("%s:%d", c.client, 2000+c.id), Server: c.server + ":443"}
	ref := b.Ref(c.vantage, at)
	x := event.NewFlow(b.Head(f, ref))
	x.What, x.Start, x.Last = event.Started, ref, ref
	if c.mac {
		x.Head().SrcMAC, x.Head().DstMAC = gateway, router
		if !c.seen[packet.ToServer] {
			x.Head().SrcMAC, x.Head().DstMAC = router, gateway
		}
		if !c.via.IsZero() {
			x.Head().DstMAC = c.via
		}
	}
	for d := range c.seen {
		if c.seen[d] {
			x.Sides[d] = event.NewSide(event.Side{Packets: 5, Bytes: 500})
		}
	}
	x.OneSided = c.seen[0] != c.seen[1]
	step := func(w event.What) {
		y := *x.Clone()
		y.What = w
		b.Send(&y)
	}
	b.Send(x)
	if c.seen[0] && c.seen[1] && c.mac {
		y := *x.Clone()
		y.What = event.Answered
		y.Head().SrcMAC, y.Head().DstMAC = router, gateway
		b.Send(&y)
	}
	step(event.Established)
	step(event.Ended)
}

func TestWitness(t *testing.T) {
	toServer, both := [2]bool{true, false}, [2]bool{true, true}
	half := func(n int, seen [2]bool) func(*detecttest.Bench) {
		return func(b *detecttest.Bench) {
			for i := range n {
				play(b, conn{id: uint64(100 + i), client: "10.1.0.5", server: "10.2.0.9", seen: seen, mac: true}, float64(i))
			}
		}
	}
	other := func(n int, mac bool) func(*detecttest.Bench) {
		return func(b *detecttest.Bench) {
			for i := range n {
				play(b, conn{id: uint64(500 + i), client: "10.1.0.5", server: "10.3.0.9", seen: both, mac: mac}, float64(i))
			}
		}
	}
	arp := func(b *detecttest.Bench) {
		a := event.NewARP(event.Head{Seen: b.Ref(0, 0), SrcMAC: router, DstMAC: gateway})
		a.Op = 2
		b.Send(a)
	}
	announcement := func(b *detecttest.Bench) { // to everybody: says nothing of the link back
		a := event.NewARP(event.Head{Seen: b.Ref(0, 0), SrcMAC: router, DstMAC: packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})
		a.Op = 2
		b.Send(a)
	}
	standby := func(n int) func(*detecttest.Bench) { // by another router, of which nothing is heard
		return func(b *detecttest.Bench) {
			for i := range n {
				play(b, conn{id: uint64(700 + i), client: "10.1.0.5", server: "10.2.0.9", seen: toServer, mac: true, via: packet.MAC{2, 0, 0, 0, 0, 3}}, float64(i))
			}
		}
	}
	for _, c := range []struct {
		name string
		play []func(*detecttest.Bench)
		want finding.Confidence
		says string
	}{
		{"others go back over the same link", []func(*detecttest.Bench){half(12, toServer), other(2, true)}, finding.Likely, "packets of 10.3.0.9 go the opposite way over the same link"},
		{"others are seen both ways somewhere", []func(*detecttest.Bench){half(12, toServer), other(2, false)}, finding.Likely, "both directions of other networks are here"},
		{"an ARP answer", []func(*detecttest.Bench){half(12, toServer), arp}, finding.Likely, "an ARP answer shows"},
		{"an ARP announcement", []func(*detecttest.Bench){half(12, toServer), announcement}, 0, ""},
		{"nothing else", []func(*detecttest.Bench){half(12, toServer)}, 0, ""},
		{"a witness on one way of two, the lesser", []func(*detecttest.Bench){half(12, toServer), standby(20), arp}, 0, ""},
		{"a witness on one way of two, the greater", []func(*detecttest.Bench){half(12, toServer), standby(5), arp}, finding.Likely, "an ARP answer shows"},
		{"too few", []func(*detecttest.Bench){half(10, toServer), other(2, true)}, 0, ""},
		{"the clients' direction is missing", []func(*detecttest.Bench){half(12, [2]bool{false, true}), other(2, true)}, finding.Likely, "what goes from 10.1.0.0/24 to 10.2.0.0/24 takes another way"},
		{"a third of the connections is whole", []func(*detecttest.Bench){half(12, toServer), func(b *detecttest.Bench) {
			for i := range 6 {
				play(b, conn{id: uint64(900 + i), client: "10.1.0.6", server: "10.2.0.9", seen: both, mac: true}, float64(i))
			}
		}}, 0, ""},
		{"now one direction, now the other: a share of a bundle", []func(*detecttest.Bench){half(12, toServer), other(2, true), func(b *detecttest.Bench) {
			for i := range 12 {
				play(b, conn{id: uint64(900 + i), client: "10.1.0.6", server: "10.2.0.9", seen: [2]bool{false, true}, mac: true}, float64(i))
			}
		}}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, asymmetric.Def)
			for _, p := range c.play {
				p(b)
			}
			fs := b.End()
			switch {
			case c.want == 0:
				for _, f := range fs {
					t.Errorf("%s", detecttest.Text(f))
				}
			case len(fs) != 1 || fs[0].Confidence != c.want:
				t.Fatalf("%d findings", len(fs))
			default:
				detecttest.Says(t, fs[0], c.says)
			}
		})
	}
}

// TestTwoCaptures: the answers are in the other capture, and this one records both directions: nothing is left open.
func TestTwoCaptures(t *testing.T) {
	tw := detect.NewTwins([]string{"clients.pcap", "gateway.pcap"}, func(r packet.Ref) detect.Trace {
		return detect.Trace{Known: true, Seen: true, Ref: packet.Ref{Frame: r.Frame, Source: 1 - r.Source, Time: r.Time}, Vantage: 1 - r.Source}
	})
	b := detecttest.NewBench(t, tw, asymmetric.Def)
	for i := range 12 {
		near, far := uint64(100+i), uint64(200+i)
		tw.Pair(near, far)
		play(b, conn{id: near, client: "10.1.0.5", server: "10.2.0.9", seen: [2]bool{true, true}}, float64(i))
		play(b, conn{id: far, vantage: 1, client: "10.1.0.5", server: "10.2.0.9", seen: [2]bool{true, false}, mac: true}, float64(i)+0.001)
	}
	play(b, conn{id: 900, vantage: 1, client: "10.1.0.5", server: "10.3.0.9", seen: [2]bool{true, true}, mac: true}, 20)
	fs := b.End()
	if len(fs) != 1 || fs[0].Confidence != finding.Certain {
		t.Fatalf("%d findings", len(fs))
	}
	detecttest.Says(t, fs[0], "the place of gateway.pcap sees half", "the same connections were seen at clients.pcap, there with both directions")
}

// TestExplainsSilence: requests between the networks that nobody answers are dropped, as a rule, by what saw half.
func TestExplainsSilence(t *testing.T) {
	b := detecttest.NewBench(t, nil, asymmetric.Def, synsilent.Def)
	for i := range 12 {
		play(b, conn{id: uint64(100 + i), client: "10.1.0.5", server: "10.2.0.9", seen: [2]bool{true, false}, mac: true}, float64(i))
	}
	play(b, conn{id: 500, client: "10.1.0.5", server: "10.3.0.9", seen: [2]bool{true, true}, mac: true}, 12)
	b.Silence(detecttest.Flow{ID: 900, Client: "10.1.0.77:4000", Server: "10.2.0.99:22"}, 5, 3)
	fs := b.End()
	if len(fs) != 1 || fs[0].Code.ID != code || len(fs[0].Explains) != 1 {
		for _, f := range fs {
			t.Errorf("%s", detecttest.Text(f))
		}
	}
}
