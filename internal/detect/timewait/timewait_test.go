package timewait_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/timewait"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

var flow = detecttest.Flow{ID: 7, Client: "192.0.2.1:2268", Server: "10.0.0.254:80"}

// silence sends a request that reuses the ports of a connection, and meets silence.
func silence(b *detecttest.Bench, p *event.Previous, at float64, change func(*event.Flow)) {
	f := b.Silence(flow, at, 3)
	x := *f.Clone()
	x.Prev = p
	x.Sides[packet.ToServer].ISN = 1000
	if change != nil {
		change(&x)
	}
	b.Send(&x)
}

// previous is a connection that the server closed first, one second before the new request at 70 s.
func previous(b *detecttest.Bench) *event.Previous {
	return &event.Previous{FlowID: 3, Start: b.Ref(0, 1), FirstAnswer: b.Ref(0, 1.01), ServerFIN: b.Ref(0, 2), ClientFIN: b.Ref(0, 2.01), Closed: b.Ref(0, 2.02),
		Last: b.Ref(0, 2.02), FirstFIN: packet.ToClient, Established: true, SeqKnown: true, ClientEnd: 5000}
}

// TestWhoMustRemember: only a clean close that the server began, not long ago, entitles it to refuse.
func TestWhoMustRemember(t *testing.T) {
	for _, c := range []struct {
		name   string
		at     float64
		change func(*event.Previous)
		found  bool
	}{
		{"server first", 70, nil, true},
		{"just within four minutes", 241, nil, true},
		{"longer than four minutes ago", 243, nil, false},
		{"client first", 70, func(p *event.Previous) { p.FirstFIN = packet.ToServer }, false},
		{"client first, the FINs crossed", 70, func(p *event.Previous) { p.FirstFIN, p.Crossed = packet.ToServer, true }, true},
		{"reset", 70, func(p *event.Previous) { p.Reset = true }, false},
		{"close not completed", 70, func(p *event.Previous) { p.Closed = packet.Ref{} }, false},
		{"the client's FIN not seen", 70, func(p *event.Previous) { p.ClientFIN = packet.Ref{} }, false},
		{"the server's FIN not seen", 70, func(p *event.Previous) { p.ServerFIN = packet.Ref{} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, timewait.Def)
			p := previous(b)
			if c.change != nil {
				c.change(p)
			}
			silence(b, p, c.at, nil)
			if fs := b.End(); len(fs) == 1 != c.found {
				t.Errorf("%d findings, want found %v", len(fs), c.found)
			}
		})
	}
}

// TestOlder: sequence numbers and timestamps are compared modulo 2^32; with PAWS a lower timestamp decides alone.
func TestOlder(t *testing.T) {
	for _, c := range []struct {
		name       string
		isn, end   uint32
		ts, last   uint32
		stamps     bool
		witness    bool // another client was answered meanwhile
		code       string
		confidence finding.Confidence
		says       string
	}{
		{name: "older", isn: 1000, end: 5000, code: reuse, confidence: finding.Likely, says: "sequence number 1000 is older than the old end 5000 (modulo 2^32)"},
		{name: "older across the wrap", isn: 0xfffffff0, end: 16, code: reuse, confidence: finding.Likely, says: "is older than"},
		{name: "newer across the wrap", isn: 16, end: 0xfffffff0, code: reuse, confidence: finding.Possible, says: "was free to accept"},
		{name: "older, others answered", isn: 1000, end: 5000, witness: true, code: reuse, confidence: finding.Certain, says: "not: a firewall"},
		{name: "newer, others answered", isn: 6000, end: 5000, witness: true, code: reuse, confidence: finding.Likely, says: "or: a firewall that drops silently: one that remembers"},
		{name: "older timestamp", isn: 6000, end: 5000, ts: 10, last: 20, stamps: true, witness: true, code: clocks, confidence: finding.Certain, says: "two clocks behind one address"},
		{name: "newer timestamp", isn: 1000, end: 5000, ts: 30, last: 20, stamps: true, witness: true, code: reuse, confidence: finding.Certain, says: "is newer than the last one"},
		{name: "older timestamp across the wrap", isn: 6000, end: 5000, ts: 0xfffffff0, last: 5, stamps: true, witness: true, code: clocks, confidence: finding.Certain, says: "two clocks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, timewait.Def)
			p := previous(b)
			p.ClientEnd, p.ClientTS, p.ClientTSSeen = c.end, c.last, c.stamps
			if c.witness {
				b.Connect(detecttest.Flow{ID: 8, Client: "192.0.2.9:1", Server: flow.Server}, 70.5, 0.01, 64)
			}
			silence(b, p, 70, func(f *event.Flow) {
				s := &f.Sides[packet.ToServer]
				s.ISN, s.TSFirst, s.TSSeen = c.isn, c.ts, c.stamps
			})
			fs := b.End()
			if len(fs) != 1 || fs[0].Code.ID != c.code || fs[0].Confidence != c.confidence {
				for _, f := range fs {
					t.Log(detecttest.Text(f))
				}
				t.Fatalf("want one %s %s", c.code, c.confidence)
			}
			detecttest.Says(t, fs[0], c.says)
		})
	}
}

// TestStale: a stale acknowledgement that the client resets and gets past is told as healed, with the delay.
func TestStale(t *testing.T) {
	b := detecttest.NewBench(t, nil, timewait.Def)
	p := previous(b)
	f := b.Silence(flow, 70, 1)
	x := *f.Clone()
	x.Prev, x.What, x.StaleACKNum = p, event.StaleACK, 5000
	*x.Head() = b.Head(flow, b.Ref(0, 70.001))
	x.Marks[event.MarkStaleACK] = x.Head().Seen
	b.Send(&x)
	y := x
	*y.Head() = b.Head(flow, b.Ref(0, 70.011))
	y.What = event.Answered
	y.Marks[event.MarkSYNACK] = y.Head().Seen
	b.Send(&y)
	fs := b.End()
	if len(fs) != 1 || fs[0].Severity != finding.Info || fs[0].Confidence != finding.Certain {
		t.Fatalf("%v", fs)
	}
	detecttest.Says(t, fs[0], "then accepted after 11 ms", "an acknowledgement of the old connection (ack 5000)")

	b = detecttest.NewBench(t, nil, timewait.Def)
	f = b.Silence(flow, 70, 1)
	x = *f.Clone()
	x.Prev, x.What = previous(b), event.StaleACK
	*x.Head() = b.Head(flow, b.Ref(0, 70.001))
	x.Marks[event.MarkStaleACK] = x.Head().Seen
	b.Send(&x)
	fs = b.End() // the input ends before the outcome: what happened is told, no more
	if len(fs) != 1 {
		t.Fatalf("%d findings", len(fs))
	}
	detecttest.Says(t, fs[0], "did not get through in this capture")
}
