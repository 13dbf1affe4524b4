package sensor

import (
	"fmt"
	"time"

	"firestorm/internal/packet"
)

// Trouble is something because of which a live sensor sees or keeps less than it seems to.
type Trouble struct {
	What string // one or two words that stay the same while it lasts: "one-sided capture"
	Why  string // a sentence with numbers
}

const (
	// troubleSpan is over how much packet time the traffic is judged for troubles, and leastSegments and leastFlows how much of
	// it there must be.
	troubleSpan   = 10 * time.Second
	leastPackets  = 100
	leastFlows    = 10
	copiedShare   = 0.3 // of the packets, from which on the mirror sends twice
	oneSidedShare = 0.5 // of the connections
	// clockTold is for how long a step of the clock counts as trouble: what spans it is judged by then.
	clockTold = 10 * time.Minute
)

// since is a counter of which some is judged at a time.
type since struct {
	at          packet.Time
	part, whole uint64
	bad         bool
	share       float64
}

// judge takes the counters as they are now, and reports whether the share of part in whole was above most when it was judged
// last. What is judged lasts for span and counts least of whole.
func (s *since) judge(now packet.Time, part, whole uint64, span time.Duration, least uint64, most float64) bool {
	if s.at == 0 || now < s.at {
		s.at = now
	}
	p, w := part-min(s.part, part), whole-min(s.whole, whole)
	if now.Sub(s.at) < span || w < least {
		return s.bad
	}
	s.share = float64(p) / float64(w)
	*s = since{now, part, whole, s.share > most, s.share}
	return s.bad
}

// troubles is what the reading side knows, and what the border said last.
func (s *run) troubles(now packet.Time) (out []Trouble) {
	in := s.in
	if s.copied.judge(now, s.counts.Copies, s.counts.Packets, troubleSpan, leastPackets, copiedShare) {
		out = append(out, Trouble{"mirror sends twice", fmt.Sprintf("%.0f %% of the packets come twice; each is counted once, and half of what the capture can carry is wasted: mirror one direction of each port", 100*s.copied.share)})
	}
	if at := in.jumped; at != 0 && now.Sub(at) < clockTold && now >= at {
		out = append(out, Trouble{"clock was set", fmt.Sprintf("the clock of the packets was set by %s at %s: what spans that moment is not judged by its time", in.jumpedBy.Round(time.Second), at.Std().Format(time.RFC3339))})
	}
	if p := s.live.troubles.Load(); p != nil {
		out = append(out, *p...)
	}
	return out
}

// troubled tells Status what the border knows, once a second.
func (b *border) troubled(now packet.Time) {
	var out []Trouble
	one, all := b.gates.OneSided()
	if b.sides.judge(now, one, all, troubleSpan, leastFlows, oneSidedShare) {
		out = append(out, Trouble{"one-sided capture", fmt.Sprintf("%.0f %% of the connections were seen in one direction only: silence proves nothing; mirror both directions (rx and tx)", 100*b.sides.share)})
	}
	for _, g := range b.detectors {
		if g.broke != "" {
			out = append(out, Trouble{"detector " + g.def.Name, "it failed and is switched off: " + g.broke})
		}
	}
	if b.keepErr != nil {
		out = append(out, Trouble{"memory", "not all that was learned can be kept: " + b.keepErr.Error()})
	}
	b.live.troubles.Store(&out)
}
