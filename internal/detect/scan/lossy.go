package scan

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// lossy remembers when the capture lost a good part of the packets: that nothing was seen to come back then says nothing of
// strangers, who would all look as if they knocked in vain (2026-11-30: 88 % lost for half a minute made a crowd of them).
type lossy struct {
	spells [16]spell // the latest, in a ring
	n      int
}

type spell struct{ from, to packet.Time }

const (
	// lossyShare is which part lost makes silence worthless; below it nine of ten answers are seen.
	lossyShare = 0.10
	// lossySlack is how long before and after a loss was counted it may have been: counters are read once in a while.
	lossySlack = 2 * time.Second
)

// see takes how the capture goes.
func (l *lossy) see(x *event.Capture) {
	if float64(x.KernelLost) <= lossyShare*float64(x.KernelLost+x.Packets) {
		return
	}
	from, to := x.From, x.To
	if x.Packets == 0 {
		from, to = x.Head().Seen.Time, x.Head().Seen.Time
	}
	from, to = from.Add(-lossySlack), to.Add(lossySlack)
	if l.n > 0 {
		if s := &l.spells[(l.n-1)%len(l.spells)]; from <= s.to && to >= s.from {
			s.from, s.to = min(s.from, from), max(s.to, to)
			return
		}
	}
	l.spells[l.n%len(l.spells)] = spell{from, to}
	l.n++
}

// at reports that much was lost at a moment.
func (l *lossy) at(t packet.Time) bool {
	for i := range min(l.n, len(l.spells)) {
		if s := &l.spells[i]; t >= s.from && t <= s.to {
			return true
		}
	}
	return false
}
