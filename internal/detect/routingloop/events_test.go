package routingloop_test

import (
	"fmt"
	"testing"
	"time"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/routingloop"
	"firestorm/internal/detect/synsilent"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// probe sends a request with a TTL, and the report of a router that it expired; code tells the reason.
func probe(b *detecttest.Bench, id uint64, at float64, ttl uint8, router string, typ, code uint8) {
	f := detecttest.Flow{ID: id, Client: fmt.Sprintf("10.1.0.11:%d", 30000+id), Server: "10.7.1.1:80", TTL: ttl}
	b.Silence(f, at, 1)
	expired(b, b.Head(f, b.Ref(0, at+0.01)), router, typ, code)
}

func expired(b *detecttest.Bench, h event.Head, router string, typ, code uint8) {
	x := event.NewICMPError(h)
	x.Type, x.Code, x.Version, x.Sender, x.TTL, x.Fresh = typ, code, 4, packet.MustAddr(router), 60, true
	x.Quoted = packet.Quoted{Src: h.Client.Addr, Dst: h.Server.Addr, SrcPort: h.Client.Port, DstPort: h.Server.Port, Proto: h.Proto, TTL: 1, HasPorts: true}
	b.Send(x)
}

func TestExpired(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want finding.Confidence // 0: nothing
		says []string
	}{
		{"two routers in turn", func(b *detecttest.Bench) {
			for i := range 4 {
				probe(b, uint64(i)+1, float64(i), 60, []string{"10.0.0.1", "10.0.0.2"}[i%2], 11, 0)
			}
		}, finding.Certain, []string{"between 10.0.0.1 and 10.0.0.2", "2 routers report it in turn", "4 packets expired, says 10.0.0.1 and 10.0.0.2, though each had 60 or more hops left"}},
		{"one router", func(b *detecttest.Bench) {
			for i := range 4 {
				probe(b, uint64(i)+1, float64(i), 60, "10.0.0.1", 11, 0)
			}
		}, finding.Likely, []string{"that 10.0.0.1 is part of"}},
		{"one message is not enough", func(b *detecttest.Bench) { probe(b, 1, 0, 60, "10.0.0.1", 11, 0) }, 0, nil},
		{"fragments that were not put together in time", func(b *detecttest.Bench) {
			for i := range 4 {
				probe(b, uint64(i)+1, float64(i), 60, "10.0.0.1", 11, 1)
			}
		}, 0, nil},
		{"a traceroute over a healthy path", func(b *detecttest.Bench) {
			for i := range 45 { // three probes a hop; load is shared at every hop
				probe(b, uint64(i)+1, float64(i)/10, uint8(1+i/3), fmt.Sprintf("10.0.%d.%d", (i/3+i%2)/2, 1+i%2), 11, 0)
			}
		}, 0, nil},
		{"a traceroute into a loop", func(b *detecttest.Bench) {
			for i := range 12 {
				r := fmt.Sprintf("10.0.0.%d", 1+i)
				if i > 2 {
					r = []string{"10.0.9.1", "10.0.9.2"}[i%2]
				}
				probe(b, uint64(i)+1, float64(i), uint8(1+i), r, 11, 0)
			}
		}, finding.Certain, []string{"between 10.0.9.2 and 10.0.9.1", "10.0.9.2 stands on the path again and again: at hops 4, 6, 8, 10 and 12 of a traceroute"}},
		{"quotes of connections nobody saw", func(b *detecttest.Bench) {
			for i := range 6 {
				h := b.Head(detecttest.Flow{Client: "10.1.0.11:30000", Server: "10.7.1.1:80"}, b.Ref(0, float64(i)))
				expired(b, h, []string{"10.0.0.1", "10.0.0.2"}[i%2], 11, 0)
			}
		}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, routingloop.Def)
			c.play(b)
			check(t, b.End(), c.want, c.says)
		})
	}
}

func check(t *testing.T, fs []*finding.Finding, want finding.Confidence, says []string) {
	t.Helper()
	if want == 0 {
		for _, f := range fs {
			t.Errorf("%s", detecttest.Text(f))
		}
		return
	}
	if len(fs) != 1 {
		t.Fatalf("%d findings", len(fs))
	}
	if fs[0].Confidence != want {
		t.Errorf("%s, want %s\n%s", fs[0].Confidence, want, detecttest.Text(fs[0]))
	}
	detecttest.Says(t, fs[0], says...)
}

// TestCircle: one link seen in one direction, and packets to several hosts of one network.
func TestCircle(t *testing.T) {
	b := detecttest.NewBench(t, nil, routingloop.Def)
	a, z := packet.MAC{2, 0, 0, 0, 0, 1}, packet.MAC{2, 0, 0, 0, 0, 2}
	arp := event.NewARP(event.Head{Seen: b.Ref(0, 0), SrcMAC: a, DstMAC: z})
	arp.Op, arp.SenderMAC, arp.SenderIP = 2, a, packet.MustAddr("10.0.0.1")
	b.Send(arp)
	for i := range 3 {
		h := b.Head(detecttest.Flow{Client: "10.1.0.11:30000", Server: fmt.Sprintf("10.7.1.%d:80", 1+i)}, b.Ref(0, float64(1+i)))
		h.SrcMAC, h.DstMAC = a, z
		r := event.NewRepeat(h)
		r.First, r.Times, r.TTLFirst, r.TTLLast, r.Step, r.Span, r.Loop = b.Ref(0, float64(1+i)), 3, 63, 59, 2, time.Millisecond, true
		r.MACs = [4]packet.MAC{a, a, a}
		b.Send(r)
	}
	copies := event.NewRepeat(b.Head(detecttest.Flow{Client: "10.1.0.11:1", Server: "10.9.0.1:80"}, b.Ref(0, 5)))
	copies.Times, copies.TTLFirst, copies.TTLLast = 2, 64, 63 // a mirror before and after a router
	b.Send(copies)
	check(t, b.End(), finding.Certain, []string{"packets to 10.7.1.0/24 run in a circle between 10.0.0.1 (02:00:00:00:00:01) and 02:00:00:00:00:02", "by 2 at a time",
		"3 packets to 10.7.1.1, 10.7.1.2 and 10.7.1.3 went round like that"})
}

// TestExplainsSilence: requests to the network that nobody answers while it loops are no finding of their own; those to
// another network are.
func TestExplainsSilence(t *testing.T) {
	b := detecttest.NewBench(t, nil, routingloop.Def, synsilent.Def)
	for i := range 4 {
		probe(b, uint64(i)+1, float64(i), 60, []string{"10.0.0.1", "10.0.0.2"}[i%2], 11, 0)
	}
	b.Silence(detecttest.Flow{ID: 50, Client: "10.1.0.12:4000", Server: "10.7.1.200:443"}, 1, 3)
	b.Silence(detecttest.Flow{ID: 51, Client: "10.1.0.12:4001", Server: "10.8.0.1:443"}, 1, 3)
	var silent []string
	for _, f := range b.End() {
		if f.Code.ID == code && (len(f.Explains) != 1 || f.Explains[0].Code != "tcp-syn-silent-drop") {
			t.Errorf("the loop explains %v", f.Explains)
		}
		if f.Code.ID == "tcp-syn-silent-drop" {
			silent = append(silent, f.Subjects[1].Addr.String())
		}
	}
	if len(silent) != 1 || silent[0] != "10.8.0.1" {
		t.Errorf("silent on their own: %v", silent)
	}
}
