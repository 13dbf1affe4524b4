package report

import (
	"sort"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// rung is one step of the drawing with its place.
type rung struct {
	finding.LadderRow
	y     int
	pause time.Duration // a cut silence before it; 0 = none
	moved bool          // drawn lower than the scale says, so that it can be read
}

// ladder is a conversation laid out: time runs down. Between cuts it is to scale, but no step stands closer than
// minStep to the one before; silences that would make everything else too small are cut, drawn as a break and named.
type ladder struct {
	rungs    []rung
	height   int
	scale    float64 // pixels a second; 0 = all at one time
	cuts     int
	moved    bool
	client   string
	server   string
	from, to packet.Time
}

const (
	ladderTop = 64
	minStep   = 34
	maxStep   = 120 // of the longest silence that is not cut
	cutStep   = 78
	cutRatio  = 3 // a silence this many times longer than the next shorter one is cut
)

// layout places the rows of f; ok is false when there is nothing to draw.
func layout(f *finding.Finding) (l ladder, ok bool) {
	if len(f.Ladder) < 2 {
		return l, false
	}
	rows := append([]finding.LadderRow(nil), f.Ladder...)
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Ref.Time < rows[j].Ref.Time })
	gaps := make([]time.Duration, len(rows)) // before each row
	for i := 1; i < len(rows); i++ {
		gaps[i] = rows[i].Ref.Time.Sub(rows[i-1].Ref.Time)
	}
	limit := uncut(gaps, rows)
	if limit > 0 {
		l.scale = maxStep / limit.Seconds()
	}
	y := ladderTop
	for i, r := range rows {
		g := rung{LadderRow: r}
		switch {
		case i == 0:
		case gaps[i] > limit:
			g.pause = gaps[i]
			l.cuts++
			y += cutStep
		default:
			step := int(gaps[i].Seconds() * l.scale)
			if step < minStep {
				step, g.moved, l.moved = minStep, true, true
			}
			y += step
		}
		g.y = y
		l.rungs = append(l.rungs, g)
	}
	l.height = y + 56
	l.from, l.to = rows[0].Ref.Time, rows[len(rows)-1].Ref.Time
	l.client, l.server = ends(f)
	return l, true
}

// uncut returns the longest silence that is drawn to scale. A row whose Gap is set asks for a cut before it.
func uncut(gaps []time.Duration, rows []finding.LadderRow) time.Duration {
	var s []time.Duration
	for i, g := range gaps {
		if g > 0 && rows[i].Gap == 0 {
			s = append(s, g)
		}
	}
	sort.Slice(s, func(i, j int) bool { return s[i] > s[j] })
	for len(s) > 1 && s[0] > time.Second && s[0] > cutRatio*s[1] {
		s = s[1:]
	}
	if len(s) == 0 {
		return 0
	}
	return s[0]
}

// ends names the two lifelines from the subjects' roles.
func ends(f *finding.Finding) (client, server string) {
	client, server = "client", "server"
	for i := range f.Subjects {
		s := &f.Subjects[i]
		if s.Addr.IsZero() {
			continue
		}
		switch s.Role {
		case "client", "nat", "sender", "attacker":
			if client == "client" {
				client = endpoint(s.Addr, s.Port)
			}
		case "server", "victim", "receiver":
			if server == "server" {
				server = endpoint(s.Addr, s.Port)
			}
		}
	}
	return client, server
}
