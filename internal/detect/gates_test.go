package detect_test

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// group is a group of one instance between 10.0.0.1 and 10.0.0.9 from 100 s to 110 s, decided at 140 s.
func group(gate finding.Gate) *finding.Group {
	return &finding.Group{Code: &finding.Code{ID: "x", Needs: []finding.Gate{gate}}, Count: 1, First: ref(1, 100), Last: ref(2, 110), Decided: at(140),
		Kept: []finding.Instance{{Client: packet.MustAddr("10.0.0.1"), Server: packet.MustAddr("10.0.0.9"), First: ref(1, 100), Last: ref(2, 110)}}}
}

func captured(g *detect.Gates, seconds float64, change func(*event.Capture)) {
	x := event.NewCapture(event.Head{Seen: ref(1, seconds)})
	x.From, x.To, x.Packets = at(seconds), at(seconds), 1000
	if change != nil {
		change(x)
	}
	g.Handle(x)
}

// ended is a flow that ended, with packets each way.
func ended(g *detect.Gates, id uint64, client, server string, seconds float64, change func(*event.Flow)) {
	f := tcp(id, client, server, 80, event.Ended, seconds, seconds+1)
	f.Sides[packet.ToServer].Packets, f.Sides[packet.ToClient].Packets = 10, 10
	if change != nil {
		change(f)
	}
	g.Handle(f)
}

func oneSided(f *event.Flow) {
	f.OneSided, f.Sides[packet.ToClient] = true, event.NewSide(event.Side{})
}

// TestGates: what the capture could not show, near in time and between these hosts, fails the gate; else it passes.
func TestGates(t *testing.T) {
	for _, c := range []struct {
		name string
		gate finding.Gate
		feed func(g *detect.Gates, gr *finding.Group)
		caps finding.Confidence // 0: passes
		says string
	}{
		{"loss counted by the capture", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 105, func(c *event.Capture) { c.KernelLost = 50 })
		}, finding.Possible, "about 4.8 %"},
		{"much loss", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 105, func(c *event.Capture) { c.KernelLost = 500 })
		}, finding.CannotTell, "500 counted by it"},
		{"little loss", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) { captured(g, 105, func(c *event.Capture) { c.KernelLost = 5 }) }, 0, ""},
		{"loss an hour later", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 105, nil)
			captured(g, 3700, func(c *event.Capture) { c.KernelLost = 500 })
		}, 0, ""},
		{"loss within a minute before", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 45, func(c *event.Capture) { c.KernelLost = 500 })
		}, finding.CannotTell, ""},
		{"loss two minutes before", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 10, func(c *event.Capture) { c.KernelLost = 500 })
		}, 0, ""},
		{"loss at another vantage", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 105, func(c *event.Capture) { c.KernelLost, c.Head().Vantage = 500, 1 })
		}, 0, ""},
		{"holes that the receivers never had", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 105, nil)
			ended(g, 1, "10.0.0.1", "10.0.0.9", 105, func(f *event.Flow) { f.Sides[packet.ToClient].Gaps = 4 })
		}, finding.CannotTell, "4 holes"},
		{"holes of a one-sided flow", finding.GateLoss, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 105, nil)
			ended(g, 1, "10.0.0.1", "10.0.0.9", 105, func(f *event.Flow) { oneSided(f); f.Sides[packet.ToServer].Gaps = 4 })
		}, 0, ""},
		{"cut frames", finding.GateSnap, func(g *detect.Gates, _ *finding.Group) { captured(g, 105, func(c *event.Capture) { c.Truncated = 3 }) }, finding.CannotTell, "3 of 1000 packets were cut short"},
		{"whole frames", finding.GateSnap, func(g *detect.Gates, _ *finding.Group) { captured(g, 105, nil) }, 0, ""},
		{"a clock that jumped", finding.GateClock, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 105, func(c *event.Capture) { c.JumpFrom, c.JumpTo = ref(7, 104), ref(8, 101) })
		}, finding.Possible, "jumped by -3s at frame 8"},
		{"a clock that jumped much later", finding.GateClock, func(g *detect.Gates, _ *finding.Group) {
			captured(g, 900, func(c *event.Capture) { c.JumpFrom, c.JumpTo = ref(7, 904), ref(8, 901) })
		}, 0, ""},
		{"joined packets", finding.GateOffload, func(g *detect.Gates, _ *finding.Group) {
			ended(g, 1, "10.0.0.1", "10.0.0.9", 105, func(f *event.Flow) { f.Sides[packet.ToClient].Super = 6 })
		}, finding.CannotTell, "6 packets between these hosts"},
		{"joined packets of others", finding.GateOffload, func(g *detect.Gates, _ *finding.Group) {
			ended(g, 1, "10.9.0.1", "10.9.0.9", 105, func(f *event.Flow) { f.Sides[packet.ToClient].Super = 6 })
		}, 0, ""},
		{"begin not seen", finding.GateHandshake, func(_ *detect.Gates, gr *finding.Group) { gr.Kept[0].NoBegin = true }, finding.CannotTell, "already open when the capture began"},
		{"begin seen", finding.GateHandshake, func(*detect.Gates, *finding.Group) {}, 0, ""},
		{"begin seen once", finding.GateHandshake, func(_ *detect.Gates, gr *finding.Group) {
			gr.Kept[0].NoBegin = true
			gr.Kept = append(gr.Kept, gr.Kept[0])
			gr.Kept[1].NoBegin = false
		}, 0, ""},
		{"forgotten for lack of room", finding.GateTable, func(g *detect.Gates, _ *finding.Group) {
			ended(g, 1, "10.0.0.1", "10.0.0.9", 105, func(f *event.Flow) { f.End = event.EndEvicted })
		}, finding.Possible, "--max-memory"},
		{"forgotten long before", finding.GateTable, func(g *detect.Gates, _ *finding.Group) {
			ended(g, 1, "10.0.0.1", "10.0.0.9", 10, func(f *event.Flow) { f.End = event.EndEvicted })
		}, 0, ""},
		{"one direction", finding.GateTwoWay, func(g *detect.Gates, _ *finding.Group) {
			for i := range 20 {
				ended(g, uint64(i+1), "10.0.0.1", "10.0.0.9", 105, oneSided)
			}
		}, finding.CannotTell, "only what goes from 10.0.0.1 to 10.0.0.9 (20 of 20 connections)"},
		{"one direction, the other one", finding.GateTwoWay, func(g *detect.Gates, _ *finding.Group) {
			ended(g, 1, "10.0.0.1", "10.0.0.9", 105, func(f *event.Flow) { f.OneSided, f.Sides[packet.ToServer] = true, event.NewSide(event.Side{}) })
		}, finding.CannotTell, "only what goes from 10.0.0.9 to 10.0.0.1"},
		{"mostly both directions", finding.GateTwoWay, func(g *detect.Gates, _ *finding.Group) {
			ended(g, 99, "10.0.0.1", "10.0.0.9", 105, nil)
			for i := range 5 {
				ended(g, uint64(i+1), "10.0.0.1", "10.0.0.9", 105, oneSided)
			}
		}, 0, ""},
		{"one direction for others only", finding.GateTwoWay, func(g *detect.Gates, _ *finding.Group) {
			ended(g, 99, "10.0.0.1", "10.0.0.9", 105, nil)
			for i := range 50 {
				ended(g, uint64(i+1), "10.7.0.1", "10.7.0.9", 105, oneSided)
			}
		}, 0, ""},
		{"nothing of these, one direction of all others", finding.GateTwoWay, func(g *detect.Gates, _ *finding.Group) {
			for i := range 50 {
				ended(g, uint64(i+1), "10.7.0.1", "10.7.0.9", 105, oneSided)
			}
		}, finding.CannotTell, "one direction only in this capture (50 of 50"},
		{"one direction, told by connections the other way round", finding.GateTwoWay, func(g *detect.Gates, gr *finding.Group) {
			gr.Kept[0].Server = packet.MustAddr("10.5.0.9")
			for i := range 5 { // their client is our server: it is heard, our client is not
				ended(g, uint64(i+1), "10.5.0.9", "10.0.0.1", 105, oneSided)
			}
		}, finding.CannotTell, "only what goes from 10.5.0.9 to 10.0.0.1 (5 of 5"},
		{"silence alone is no missing direction", finding.GateTwoWay, func(g *detect.Gates, _ *finding.Group) {
			ended(g, 1, "10.0.0.1", "10.0.0.9", 105, func(f *event.Flow) { f.Sides[packet.ToClient] = event.NewSide(event.Side{}) })
		}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, gr := detect.NewGates(100), group(c.gate)
			c.feed(g, gr)
			out := g.Judge(gr)
			if c.caps == 0 {
				if len(out) != 0 {
					t.Errorf("fails: %+v", out)
				}
				return
			}
			if len(out) != 1 || out[0].Gate != c.gate || out[0].Caps != c.caps || !strings.Contains(out[0].Text, c.says) || out[0].How == "" {
				t.Errorf("%+v, want cap %s and %q", out, c.caps, c.says)
			}
		})
	}
}

// TestOnlyNeeded: a code is judged by the gates that it needs.
func TestOnlyNeeded(t *testing.T) {
	g := detect.NewGates(100)
	captured(g, 105, func(c *event.Capture) { c.Truncated = 3 })
	if out := g.Judge(group(finding.GateClock)); len(out) != 0 {
		t.Errorf("%+v", out)
	}
}

// TestFailing: the account of the whole capture names what fails, with a command for each.
func TestFailing(t *testing.T) {
	g := detect.NewGates(100)
	captured(g, 5, nil)
	if out := g.Failing(); len(out) != 0 {
		t.Errorf("a clean capture fails %+v", out)
	}
	captured(g, 105, func(c *event.Capture) {
		c.Truncated, c.Super, c.KernelLost, c.Evicted, c.JumpFrom, c.JumpTo = 3, 4, 50, 1, ref(7, 104), ref(8, 101)
	})
	for i := range 20 {
		ended(g, uint64(i+1), "10.0.0.1", "10.0.0.9", 105, oneSided)
	}
	seen := map[finding.Gate]bool{}
	for _, r := range g.Failing() {
		seen[r.Gate] = true
		if r.Text == "" || r.How == "" {
			t.Errorf("%s: %+v", r.Gate, r)
		}
	}
	for _, gate := range []finding.Gate{finding.GateTwoWay, finding.GateSnap, finding.GateOffload, finding.GateLoss, finding.GateClock, finding.GateTable} {
		if !seen[gate] {
			t.Errorf("%s does not fail", gate)
		}
	}
}

// TestGatesBound: pairs of networks beyond the bound do not grow the table, and a long run keeps judging.
func TestGatesBound(t *testing.T) {
	g := detect.NewGates(2)
	for i := range 50 {
		ended(g, uint64(i+1), "10.0.0.1", "10.0."+string(rune('1'+i%9))+".9", 105, oneSided)
	}
	for s := 0.0; s < 100_000; s += 10 {
		captured(g, s, nil)
	}
	captured(g, 100_000, func(c *event.Capture) { c.Truncated = 1 })
	gr := group(finding.GateSnap)
	gr.First, gr.Last, gr.Decided = ref(1, 100_000), ref(2, 100_001), at(100_002)
	if out := g.Judge(gr); len(out) != 1 {
		t.Errorf("%+v", out)
	}
}

// TestTwins: the flow nearer to the client stands for both.
func TestTwins(t *testing.T) {
	tw := detect.NewTwins([]string{"in", "out"}, func(r packet.Ref) detect.Trace { return detect.Trace{Known: true, Ref: r} })
	tw.Pair(1, 101)
	if tw.Same(1) != 1 || tw.Same(101) != 1 || tw.Same(7) != 7 || tw.Of(1) != 101 || tw.Of(101) != 1 || tw.Of(7) != 0 {
		t.Error("pairing")
	}
	if !tw.Near(1) || tw.Near(101) || tw.Name(1) != "out" || tw.Name(9) != "" || !tw.Trace(ref(1, 1)).Known {
		t.Error("naming")
	}
	var none *detect.Twins
	if none.Same(5) != 5 || none.Of(5) != 0 || none.Near(5) || none.Name(0) != "" || none.Trace(ref(1, 1)).Known {
		t.Error("without a second capture everything is itself")
	}
}

func TestWords(t *testing.T) {
	s := &detect.Scope{Begin: at(10)}
	for _, c := range []struct{ got, want string }{
		{s.Since(ref(1, 78.264)), "68.26"},
		{s.Times([]packet.Ref{ref(1, 11), ref(2, 12.5)}, 4), "1.00, 2.50 s"},
		{s.Times([]packet.Ref{ref(1, 11), ref(2, 12), ref(3, 13)}, 2), "1.00, 2.00 s and 1 more"},
		{detect.Span(35 * time.Microsecond), "35 µs"},
		{detect.Span(1500 * time.Microsecond), "1.5 ms"},
		{detect.Span(283 * time.Millisecond), "283 ms"},
		{detect.Span(3400 * time.Millisecond), "3.40 s"},
		{detect.Span(68 * time.Second), "68.0 s"},
		{detect.Span(14 * time.Minute), "14 min"},
		{detect.Span(210 * time.Minute), "3.5 h"},
		{detect.Span(-time.Second), "-1.00 s"},
		{detect.AtLeast(76890 * time.Millisecond), "76.8 s"},
		{detect.EndText(end("10.0.0.9", 80)), "10.0.0.9:80"},
		{detect.EndText(end("2001:db8::1", 443)), "[2001:db8::1]:443"},
		{detect.EndText(end("10.0.0.9", 0)), "10.0.0.9"},
		{detect.Plural(1, "attempt", "attempts"), "1 attempt"},
		{detect.Plural(0, "attempt", "attempts"), "0 attempts"},
		{detect.List(nil, 3), ""},
		{detect.List([]string{"a"}, 3), "a"},
		{detect.List([]string{"a", "b", "c"}, 3), "a, b and c"},
		{detect.List([]string{"a", "b", "c", "d"}, 2), "a, b and 2 more"},
		{detect.Ports([]uint16{443, 80, 443, 22}), "22, 80 and 443"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if got := detect.Refs(ref(1, 1), packet.Ref{}, ref(2, 2), ref(1, 1)); len(got) != 2 {
		t.Errorf("%v", got)
	}
	ports := []uint16{3, 1, 2}
	if detect.Ports(ports); ports[0] != 3 {
		t.Error("Ports sorts its caller's slice")
	}
}
