package report

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"firestorm/internal/finding"
)

// Verdict is the answer of the whole report in one word.
type Verdict string

// Verdicts.
const (
	Found        Verdict = "found"         // at least one finding at the wanted confidence
	OnlyPossible Verdict = "possible"      // nothing surer than possible
	CannotTell   Verdict = "cannot tell"   // the capture cannot show it
	Unexplained  Verdict = "unexplained"   // attempts failed, and no detector knows why
	NothingWrong Verdict = "nothing wrong" // what was checked went well
)

// view is the report sorted for a reader.
type view struct {
	*Report
	verdict  Verdict
	shown    []*finding.Finding // in full, worst first
	possible []*finding.Finding // compact: nothing stronger explains them
	withheld int                // possible, but something stronger is about the same parties
	cannot   []*finding.Finding
}

func newView(r *Report, o *Options) *view {
	floor := o.MinConfidence
	if floor == 0 {
		floor = finding.Likely
	}
	v := &view{Report: r}
	var weak []*finding.Finding
	for _, f := range sorted(r.Findings) {
		switch {
		case f.Confidence == finding.CannotTell:
			v.cannot = append(v.cannot, f)
		case f.Confidence >= floor:
			v.shown = append(v.shown, f)
		case f.Confidence == finding.Possible:
			weak = append(weak, f)
		default:
			v.withheld++
		}
	}
	for _, f := range weak {
		if explained(f, v.shown) {
			v.withheld++
		} else {
			v.possible = append(v.possible, f)
		}
	}
	switch {
	case len(v.shown) > 0:
		v.verdict = Found
	case len(v.possible) > 0:
		v.verdict = OnlyPossible
	case len(v.cannot) > 0 || r.blind():
		v.verdict = CannotTell
	default:
		v.verdict = NothingWrong
		if failed, _ := r.failures(); failed > 0 || r.AgainMax >= late {
			v.verdict = Unexplained
		}
	}
	return v
}

// failures counts the attempts that came to nothing, of those whose outcome is known.
func (r *Report) failures() (failed, decided int) {
	for i := range r.Services {
		s := &r.Services[i]
		failed += s.Refused + s.Silent
		decided += s.Attempts - s.Undecided()
	}
	return failed, decided
}

// fine is the sentence of a report without findings: no more than is known.
func (r *Report) fine() string {
	if len(r.Checked) == 0 {
		return "no finding; no connection was there whose way could be checked"
	}
	if _, decided := r.failures(); decided == 0 {
		return "no finding; what was checked stands below"
	}
	return "no finding, and no attempt failed; what was checked stands below"
}

// unexplained is the sentence of that verdict.
func (r *Report) unexplained() string {
	failed, decided := r.failures()
	what := fmt.Sprintf("%s of %s failed", number(failed), plural(decided, "attempt", "attempts"))
	if r.AgainMax >= late {
		again := fmt.Sprintf("answered only when asked again, after up to %s", Duration(r.AgainMax))
		if failed == 0 {
			what = fmt.Sprintf("%s of %s were %s", number(r.Again), plural(decided, "attempt", "attempts"), again)
		} else {
			what += fmt.Sprintf(", %s were %s", number(r.Again), again)
		}
	}
	return what + ", and no cause was found for it"
}

// late is how long a client waits for a connection so that somebody complains: a request that was lost once is sent again
// after a second (RFC 6298), and is no news.
const late = 3 * time.Second

// blind reports that a gate forbids any verdict, or that there was nothing to judge.
func (r *Report) blind() bool {
	for _, g := range r.Gates {
		if g.Caps == finding.CannotTell {
			return true
		}
	}
	n, _ := r.packets()
	return n == 0
}

// explained reports that something surer is about the same parties, and may be the reason: a diagnosis or an attack, or
// more of the same kind. What a policy forbids, or what is merely odd, fails nobody's connection.
func explained(f *finding.Finding, by []*finding.Finding) bool {
	if len(f.Subjects) == 0 {
		return false
	}
	for _, g := range by {
		all := g.Code.Kind == f.Code.Kind || g.Code.Kind == finding.Diagnosis || g.Code.Kind == finding.Attack
		for i := range f.Subjects {
			all = all && about(g, &f.Subjects[i])
		}
		if all {
			return true
		}
	}
	return false
}

func about(f *finding.Finding, s *finding.Subject) bool {
	for i := range f.Subjects {
		t := &f.Subjects[i]
		if !s.Addr.IsZero() && s.Addr == t.Addr || s.Addr.IsZero() && !s.MAC.IsZero() && s.MAC == t.MAC {
			return true
		}
	}
	return false
}

// sorted returns findings worst first: severity, confidence, time, then the id so that ties do not depend on anything.
func sorted(in []*finding.Finding) []*finding.Finding {
	out := append([]*finding.Finding(nil), in...)
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		switch {
		case a.Severity != b.Severity:
			return a.Severity > b.Severity
		case a.Confidence != b.Confidence:
			return a.Confidence > b.Confidence
		case a.First.Time != b.First.Time:
			return a.First.Time < b.First.Time
		}
		return a.ID < b.ID
	})
	return out
}

// severities counts what is shown: "1 high, 2 low".
func (v *view) severities() string {
	by := [finding.Critical + 1]int{}
	for _, f := range v.shown {
		by[f.Severity]++
	}
	var parts []string
	for s := finding.Critical; s >= finding.Info; s-- {
		if by[s] > 0 {
			parts = append(parts, number(by[s])+" "+s.String())
		}
	}
	return strings.Join(parts, ", ")
}

// others counts what is not shown in full.
func (v *view) others() []string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{len(v.possible), "possible"}, {len(v.cannot), "undecidable in this capture"}, {v.withheld, "less sure not shown"}, {len(v.Muted) - v.limited(), "muted"}, {v.limited(), "held back by a rate"}} {
		if c.n > 0 {
			parts = append(parts, number(c.n)+" "+c.what)
		}
	}
	return parts
}

// count is the last line: "2 findings (1 high, 1 low), 1 possible, 3 muted".
func (v *view) count() string {
	line := "no findings"
	if len(v.shown) > 0 {
		line = plural(len(v.shown), "finding", "findings") + " (" + v.severities() + ")"
	}
	return strings.Join(append([]string{line}, v.others()...), ", ")
}

// account is the state of the capture in words: "capture clean (0 dropped, 0 truncated)".
func (r *Report) account() string {
	c := &r.Capture
	lost := notRecorded
	if c.DroppedKnown || c.Dropped > 0 {
		lost = number(c.Dropped) + " dropped"
	}
	parts := []string{lost, number(c.Truncated) + " truncated"}
	word := "clean"
	if lost == notRecorded {
		word = "looks clean"
	}
	if c.Dropped > 0 || c.Truncated > 0 || c.Undecoded > 0 {
		word = "incomplete"
	}
	if c.Undecoded > 0 {
		parts = append(parts, number(c.Undecoded)+" not understood")
	}
	if c.Duplicates > 0 {
		parts = append(parts, number(c.Duplicates)+" copies counted once")
	}
	for _, f := range r.Files {
		if f.Damaged != "" {
			word = "damaged"
		}
	}
	return "capture " + word + " (" + strings.Join(parts, ", ") + ")"
}

const notRecorded = "drops not recorded"

// home is the home network in words.
func (r *Report) home() string {
	if r.HomeNet == "" {
		return ""
	}
	if r.HomeNetDefault {
		return "home network " + r.HomeNet + " (default)"
	}
	return "home network " + r.HomeNet
}
