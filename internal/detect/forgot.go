package detect

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Forgotten is what a table of a detector let go before its time, or had no room for.
type Forgotten struct {
	Detector string // Def.Name
	What     string // what the table holds, in the plural
	N        uint64
	From, To packet.Time // when the first and when the last
	hosts    map[packet.Addr]struct{}
	many     bool // more hosts than are remembered
}

// forgottenHosts is how many hosts of a table are remembered.
const forgottenHosts = 1024

type forgottenKey struct{ detector, what string }

// Forgot counts an entry of a detector's table that was let go before its time, or that there was no room for. The report
// names it. Findings of the detector about these hosts, if there are any, fail G-TABLE. Tables that are shared by
// detectors say it themselves, once they are told whose they are.
func (s *Scope) Forgot(detector, what string, hosts ...packet.Addr) {
	k := forgottenKey{detector, what}
	f := s.forgotten[k]
	if f == nil {
		if s.forgotten == nil {
			s.forgotten = map[forgottenKey]*Forgotten{}
		}
		f = &Forgotten{Detector: detector, What: what, From: s.Now, hosts: map[packet.Addr]struct{}{}}
		s.forgotten[k] = f
	}
	f.N++
	f.From, f.To = min(f.From, s.Now), max(f.To, s.Now)
	for _, a := range hosts {
		if f.many {
			return
		}
		f.hosts[a] = struct{}{}
		f.many = len(f.hosts) > forgottenHosts
	}
}

// Forgotten lists what the detectors forgot, by detector and table.
func (s *Scope) Forgotten() []Forgotten {
	var out []Forgotten
	for _, f := range s.forgotten {
		out = append(out, *f)
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return cmp.Or(cmp.Compare(a.Detector, b.Detector), cmp.Compare(a.What, b.What)) < 0
	})
	return out
}

// Judge adds to what judge says of a group what the detector that reported it forgot of the hosts concerned. owner is the
// name of the detector of a code.
func (s *Scope) Judge(judge func(*finding.Group) []finding.GateResult, owner func(code string) string) func(*finding.Group) []finding.GateResult {
	return func(g *finding.Group) []finding.GateResult {
		out := judge(g)
		if len(s.forgotten) == 0 || slices.ContainsFunc(out, func(r finding.GateResult) bool { return r.Gate == finding.GateTable }) {
			return out
		}
		name, i := owner(g.Code.ID), &g.Kept[0]
		for _, f := range s.Forgotten() {
			if f.Detector != name || f.From > max(g.Decided, g.Last.Time) || f.To < g.First.Time.Add(-historyKept) {
				continue
			}
			which := "of these hosts too"
			if f.many {
				which = "and I no longer know whose"
			} else if !f.touched(i.Client) && !f.touched(i.Server) {
				continue
			}
			return append(out, finding.GateResult{Gate: finding.GateTable, Caps: finding.Possible,
				Text: fmt.Sprintf("there were more %s than I have room for: %d were forgotten, %s", f.What, f.N, which),
				How:  "run again with a larger --max-memory, or with -f 'host ADDRESS' for these hosts alone"})
		}
		return out
	}
}

func (f *Forgotten) touched(a packet.Addr) bool {
	_, ok := f.hosts[a]
	return ok
}

// whose tells a table that detectors share where to count what it forgets.
type whose struct {
	scope          *Scope
	detector, what string
}

func (w *whose) lost(hosts ...packet.Addr) {
	if w.scope != nil {
		w.scope.Forgot(w.detector, w.what, hosts...)
	}
}
