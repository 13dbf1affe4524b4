package flow

import (
	"testing"

	"firestorm/internal/event"
)

// TestBounds: each bound to the byte, where numbers wrap too, and which of two is told.
func TestBounds(t *testing.T) {
	for _, base := range []uint32{100_000, 1<<32 - 3000, 1<<32 - 90_000} {
		b := bounds{maxEnd: base + 8000, end: base + 5000, win: 4000, peerEnd: base + 70_000, peerWin: 3000}
		for _, c := range []struct {
			seq, end, ack uint32
			want          event.Bound
			outside       uint32
		}{
			{5000, 6000, 70_000, event.InWindow, 0},
			{8000, 9000, 70_000, event.InWindow, 0}, // it begins where it may
			{8001, 9000, 70_000, event.SeqAbove, 1},
			{2000, 2000, 70_000, event.InWindow, 0},
			{1900, 2000, 70_000, event.InWindow, 0},
			{1900, 1999, 70_000, event.SeqBelow, 1},
			{1000, 1100, 70_000, event.SeqBelow, 900},
			{5000, 6000, 70_001, event.AckAbove, 1},
			{5000, 6000, 4000, event.InWindow, 0},
			{5000, 6000, 3999, event.AckBelow, 1},
			{9000, 9100, 80_000, event.SeqAbove, 1000}, // both upper bounds: the first
			{1000, 1100, 80_000, event.SeqBelow, 900},
		} {
			if got, by := b.judge(base+c.seq, base+c.end, base+c.ack); got != c.want || by != c.outside {
				t.Errorf("base %d, %d to %d, ack %d: %q by %d, want %q by %d", base, c.seq, c.end, c.ack, got, by, c.want, c.outside)
			}
		}
		b.win = 68_000 // a window larger than 66000 counts
		if got, _ := b.judge(base+5000, base+6000, base+2000); got != event.InWindow {
			t.Errorf("a large window: %q", got)
		}
		b.peerWin = 0 // no window was seen
		if got, _ := b.judge(base+1000, base+1100, base+70_000); got != event.InWindow {
			t.Errorf("without a window: %q", got)
		}
	}
}

// TestStallOutside: what of a connection did not pass makes the repeats of its data break a bound.
func TestStallOutside(t *testing.T) {
	const (
		opened = "0.00 > S seq=1000 mss=1460 win=4000\n0.01 < SA seq=5000 ack=1001 mss=1460 win=2000\n0.02 > A seq=1001 ack=5001 win=4000\n"
		scaled = "0.00 > S seq=1000 mss=1460 win=4000 ws=2\n0.01 < SA seq=5000 ack=1001 mss=1460 win=2000 ws=2\n0.02 > A seq=1001 ack=5001 win=1000\n"
	)
	three := func(l string) string {
		return "3 > PA " + l + "\n3.5 > PA " + l + "\n5 > PA " + l + "\n9 > PA " + l + "\n"
	}
	for _, c := range []struct {
		name, script string
		want         event.Bound
		outside      uint32
	}{
		{"silence within the window", opened + three("seq=1001 ack=5001 len=100 win=4000"), event.InWindow, 0},
		{"acknowledgements that went another way", opened + "1 > PA seq=1001 ack=5001 len=1000 win=4000\n1.1 > PA seq=2001 ack=5001 len=1000 win=4000\n1.2 > PA seq=3001 ack=5001 len=500 win=4000\n" +
			three("seq=3501 ack=5001 len=100 win=4000"), event.SeqAbove, 500},
		{"the same, with a scale", scaled + "1 > PA seq=1001 ack=5001 len=1000 win=1000\n1.1 > PA seq=2001 ack=5001 len=1000 win=1000\n1.2 > PA seq=3001 ack=5001 len=500 win=1000\n" +
			three("seq=3501 ack=5001 len=100 win=1000"), event.SeqAbove, 500},
		{"a scale lets it pass", scaled + "0.5 > A seq=1001 ack=5001 win=1000\n0.6 < A seq=5001 ack=1001 win=2000\n1 > PA seq=1001 ack=5001 len=1000 win=1000\n1.1 > PA seq=2001 ack=5001 len=1000 win=1000\n" +
			"1.2 > PA seq=3001 ack=5001 len=500 win=1000\n" + three("seq=3501 ack=5001 len=100 win=1000"), event.InWindow, 0},
		{"selective acknowledgements open the window", opened + "1 > PA seq=1001 ack=5001 len=1000 win=4000\n1.1 > PA seq=2001 ack=5001 len=1000 win=4000\n1.2 < A seq=5001 ack=1001 win=2000 sack=2001-3001\n" +
			"1.3 > PA seq=3001 ack=5001 len=500 win=4000\n" + three("seq=3501 ack=5001 len=100 win=4000"), event.InWindow, 0},
		{"data that went another way", opened + "1 < PA seq=5001 ack=1001 len=100 win=2000\n1.1 > A seq=1001 ack=5101 win=4000\n" + three("seq=1001 ack=5301 len=100 win=4000"), event.AckAbove, 200},
		{"some of it came by later", opened + "1 < PA seq=5001 ack=1001 len=100 win=2000\n1.1 > A seq=1001 ack=5101 win=4000\n3 > PA seq=1001 ack=5301 len=100 win=4000\n3.5 > PA seq=1001 ack=5301 len=100 win=4000\n" +
			"4 < PA seq=5101 ack=1001 len=100 win=2000\n5 > PA seq=1001 ack=5301 len=100 win=4000\n9 > PA seq=1001 ack=5301 len=100 win=4000\n", event.AckAbove, 100},
		{"all of it came by later", opened + "3 > PA seq=1001 ack=5301 len=100 win=4000\n3.5 > PA seq=1001 ack=5301 len=100 win=4000\n4 < PA seq=5001 ack=1001 len=300 win=2000\n" +
			"5 > PA seq=1001 ack=5301 len=100 win=4000\n9 > PA seq=1001 ack=5301 len=100 win=4000\n", event.InWindow, 0},
		{"a hole that nobody waits for", opened + "1 < PA seq=5051 ack=1001 len=50 win=2000\n" + three("seq=1001 ack=5101 len=100 win=4000"), event.InWindow, 0},
		{"the begin was not seen", three("seq=1001 ack=5001 len=100 win=4000"), event.InWindow, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			evs := flowsOf(run(t, Options{}, c.script+"age 20"), event.Ended)
			if len(evs) != 1 || evs[0].Stall.Tries < 3 {
				t.Fatalf("%d flows, %+v", len(evs), evs[0].Stall)
			}
			if s := evs[0].Stall; s.Bound != c.want || s.Outside != c.outside {
				t.Errorf("%q by %d, want %q by %d", s.Bound, s.Outside, c.want, c.outside)
			}
		})
	}
}
