package synflood_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/synflood"
	"firestorm/internal/detect/synsilent"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// request is one connection request and what became of it.
type request struct {
	from      string
	port      int
	to        string
	ttl       uint8
	print     uint32
	complete  bool
	answer    bool
	tries     uint32
	reset     bool
	answeredN uint32
}

// send sends the events of a request that begins at a moment; its record ends ten seconds later, by end.
func send(b *detecttest.Bench, id uint64, at float64, r request) (end func()) {
	if r.to == "" {
		r.to = "10.0.0.80:80"
	}
	f := detecttest.Flow{ID: id, Client: fmt.Sprintf("%s:%d", r.from, r.port), Server: r.to}
	syn := b.Ref(0, at)
	x := event.NewFlow(b.Head(f, syn))
	x.What, x.Start, x.Last, x.SYNTries = event.Started, syn, syn, max(r.tries, 1)
	x.Marks[event.MarkSYN], x.Marks[event.MarkSYNLast] = syn, syn
	x.Sides[packet.ToServer] = event.NewSide(event.Side{Packets: 1, TTLFirst: r.ttl, SYNSeen: true, SYNPrint: r.print})
	b.Send(x)
	y := *x.Clone()
	step := func(w event.What) {
		z := *y.Clone()
		z.What = w
		b.Send(&z)
	}
	if r.answer || r.complete {
		y.Marks[event.MarkSYNACK] = syn
		y.SYNACKTries = max(r.answeredN, 1)
		y.Sides[packet.ToClient] = event.NewSide(event.Side{Packets: 1, SYNSeen: true})
		step(event.Answered)
	}
	if r.complete {
		y.Marks[event.MarkHandshake] = syn
		step(event.Established)
	}
	if r.reset {
		y.Marks[event.MarkClientRST] = syn
	}
	return func() {
		z := *y.Clone()
		*z.Head() = b.Head(f, b.Ref(0, at+10))
		z.What, z.Last = event.Ended, b.Ref(0, at+10)
		b.Send(&z)
	}
}

// play sends n requests over the given time, then ends them all.
func play(b *detecttest.Bench, n int, over float64, make func(i int) request) []*finding.Finding {
	var ends []func()
	for i := range n {
		ends = append(ends, send(b, uint64(i)+1, over*float64(i)/float64(n), make(i)))
	}
	for _, e := range ends {
		e()
	}
	return b.End()
}

func forged(i int) request {
	return request{from: fmt.Sprintf("%d.%d.%d.7", 1+i%220, i/220%250, i%250), port: 1000 + i%60000, ttl: 55, print: 9}
}

func TestEvents(t *testing.T) {
	client := func(i int) request {
		return request{from: fmt.Sprintf("10.9.%d.%d", i/200, 1+i%200), port: 4000 + i, ttl: 60, print: 5}
	}
	for _, c := range []struct {
		name string
		n    int
		over float64
		make func(i int) request
		want finding.Confidence // 0: nothing
		says []string
	}{
		{"forged sources, silence", 1000, 5, forged, finding.Certain, []string{"at least", "one program made them", "0 of 951 that waited", "nobody got a connection"}},
		{"forged sources whose owners reset", 1000, 5, func(i int) request { r := forged(i); r.answer, r.reset = true, true; return r }, finding.Certain,
			[]string{"951 answers were met by a reset"}},
		{"too few to be a flood", 150, 1, forged, 0, nil},
		{"a trickle", 400, 200, forged, 0, nil},
		{"a crowd that completes", 1000, 5, func(i int) request { r := client(i); r.complete = true; return r }, 0, nil},
		{"a crowd of which a fifth completes", 1000, 5, func(i int) request { r := client(i); r.complete = i%5 == 0; return r }, 0, nil},
		{"a scan of many ports", 1000, 5, func(i int) request { r := forged(i); r.to = fmt.Sprintf("10.0.0.80:%d", 1+i); return r }, 0, nil},
		// clients of a dead service ask again: that may be an outage, and nothing is claimed
		{"an outage", 1000, 5, func(i int) request { r := client(i); r.tries = 3; return r }, finding.Possible, []string{"or: a service that is down"}},
		// one machine that never hears the answers looks the same as one that attacks
		{"one machine whose answers get lost", 1000, 5, func(i int) request {
			return request{from: "10.9.0.5", port: 2000 + i, ttl: 60, print: 5, answer: true, tries: 2}
		}, finding.Likely, []string{"from 10.9.0.5", "or: answers that do not find their way back"}},
		{"one machine that floods", 1000, 5, func(i int) request { return request{from: "10.9.0.5", port: 2000 + i, ttl: 60, print: 5, answer: true} }, finding.Certain,
			[]string{"one machine, 10.9.0.5, asks 200 times a second", "nft insert rule inet filter forward ip saddr 10.9.0.5 tcp dport 80 drop"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := play(detecttest.NewBench(t, nil, synflood.Def), c.n, c.over, c.make)
			if c.want == 0 {
				for _, f := range fs {
					t.Errorf("%s", detecttest.Text(f))
				}
				return
			}
			if len(fs) != 1 {
				t.Fatalf("%d findings", len(fs))
			}
			if fs[0].Confidence != c.want {
				t.Errorf("%s, want %s\n%s", fs[0].Confidence, c.want, detecttest.Text(fs[0]))
			}
			detecttest.Says(t, fs[0], c.says...)
		})
	}
}

// TestOneFindingPerTarget: a flood of five minutes against one service is one finding.
func TestOneFindingPerTarget(t *testing.T) {
	fs := play(detecttest.NewBench(t, nil, synflood.Def), 20_000, 300, forged)
	if len(fs) != 1 {
		t.Fatalf("%d findings", len(fs))
	}
	if d := fs[0].Last.Time.Sub(fs[0].First.Time).Seconds(); d < 290 {
		t.Errorf("the finding covers %.0f s", d)
	}
}

// TestFloodOfBusyService: hours of clients that are served do not hide the flood that comes then, nor the next one.
func TestFloodOfBusyService(t *testing.T) {
	const rate, hour = 20, 3600
	b := detecttest.NewBench(t, nil, synflood.Def)
	id, ends := uint64(0), []func(){}
	quiet := func(from, to float64, completes int) {
		for at := from; at < to; at += 1.0 / rate {
			id++
			send(b, id, at, request{from: "10.9.0.5", port: 2000 + int(id)%60000, ttl: 60, print: 5, complete: int(id)%10 < completes, answer: true})
		}
	}
	flood := func(from float64) {
		for i := range 2000 {
			id++
			ends = append(ends, send(b, id, from+float64(i)/200, forged(i)))
		}
	}
	quiet(0, hour, 10)
	flood(hour)
	quiet(hour+10, 2*hour, 3) // most get no connection, which no flood explains
	flood(2 * hour)
	quiet(2*hour+10, 2*hour+100, 10)
	for _, e := range ends {
		e()
	}
	fs := b.End()
	if len(fs) != 1 {
		t.Fatalf("%d findings", len(fs))
	}
	if fs[0].Count < 2 || fs[0].Count > 4 {
		t.Errorf("told %d times\n%s", fs[0].Count, detecttest.Text(fs[0]))
	}
}

// TestExplainsSilence: who finds no place in the queue of a flooded service is part of the flood's finding.
func TestExplainsSilence(t *testing.T) {
	b := detecttest.NewBench(t, nil, synflood.Def, synsilent.Def)
	for i := range 1000 {
		send(b, uint64(i)+1, float64(i)/100, forged(i))
	}
	b.Silence(detecttest.Flow{ID: 5000, Client: "10.1.0.12:4000", Server: "10.0.0.80:80"}, 6, 3)
	b.Silence(detecttest.Flow{ID: 5001, Client: "10.1.0.12:4001", Server: "10.0.0.80:443"}, 6, 3)
	var silent int
	for _, f := range b.End() {
		if f.Code.ID == code && (len(f.Explains) != 1 || f.Explains[0].Code != "tcp-syn-silent-drop") {
			t.Errorf("the flood explains %v", f.Explains)
		}
		if f.Code.ID == "tcp-syn-silent-drop" {
			silent += f.Count
		}
	}
	if silent != 1 {
		t.Errorf("%d silent on their own, want the one to the other port", silent)
	}
}
