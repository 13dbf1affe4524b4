package finding

import (
	"fmt"
	"sort"

	"firestorm/internal/packet"
)

// Builder puts the words of one finding together. Every alternative of the code must be ruled out or left open
// before the finding is done; the confidence follows from that and from the gates.
type Builder struct {
	f       Finding
	settled map[string]bool
	gates   []GateResult
	cap     Confidence
}

// NewBuilder begins the finding of group g.
func NewBuilder(g *Group) *Builder {
	b := &Builder{settled: map[string]bool{}, gates: g.Gates, cap: Certain}
	b.f = Finding{Code: g.Code, Key: g.Key, Severity: g.Code.Severity, First: g.First, Last: g.Last, Count: g.Count,
		References: g.Code.References, Gates: g.Gates, Explains: g.Explained, State: Open, Revision: 1}
	return b
}

// Title sets the one sentence.
func (b *Builder) Title(format string, a ...any) { b.f.Title = fmt.Sprintf(format, a...) }

// Summary sets the paragraph for a non-specialist.
func (b *Builder) Summary(format string, a ...any) { b.f.Summary = fmt.Sprintf(format, a...) }

// Why sets the cause in one breath.
func (b *Builder) Why(format string, a ...any) { b.f.Why = fmt.Sprintf(format, a...) }

// Impact says who suffered and how much.
func (b *Builder) Impact(format string, a ...any) { b.f.Impact = fmt.Sprintf(format, a...) }

// Severity replaces the code's severity for this finding.
func (b *Builder) Severity(s Severity) { b.f.Severity = s }

// Subject adds a party. The first two make the finding's identity.
func (b *Builder) Subject(s Subject) { b.f.Subjects = append(b.f.Subjects, s) }

// Fact adds an observation with its frames.
func (b *Builder) Fact(refs []packet.Ref, format string, a ...any) {
	b.f.Facts = append(b.f.Facts, Fact{fmt.Sprintf(format, a...), clean(refs)})
}

// RuledOut excludes alternative id; the frames are what excludes it.
func (b *Builder) RuledOut(id string, refs []packet.Ref, format string, a ...any) {
	b.settled[id] = true
	b.f.RuledOut = append(b.f.RuledOut, Alternative{id, b.altName(id), fmt.Sprintf(format, a...), clean(refs)})
}

// Open leaves alternative id open and says what would decide it.
func (b *Builder) Open(id, format string, a ...any) {
	b.settled[id] = true
	b.f.CouldBe = append(b.f.CouldBe, Alternative{ID: id, Name: b.altName(id), Text: fmt.Sprintf(format, a...)})
}

// WrongIf says what would prove the finding wrong.
func (b *Builder) WrongIf(format string, a ...any) { b.f.WrongIf = fmt.Sprintf(format, a...) }

// Remedy adds a step in words; steps keep their order, the side the reader can change first. Lines to paste are added
// to what it returns.
func (b *Builder) Remedy(w Where, format string, a ...any) *Lines {
	b.f.Remedy = append(b.f.Remedy, Step{Where: w, Text: fmt.Sprintf(format, a...)})
	return &Lines{b, len(b.f.Remedy) - 1}
}

// Lines adds pasteable lines to one step of a remedy.
type Lines struct {
	b    *Builder
	step int
}

// Run adds a line that does the step on a platform ("Linux", "Windows", "Cisco IOS"; empty: any). It works as printed.
func (l *Lines) Run(on, format string, a ...any) *Lines {
	s := &l.b.f.Remedy[l.step]
	s.Run = append(s.Run, Command{on, fmt.Sprintf(format, a...)})
	return l
}

// Check sets the one command that confirms; note says where to run it.
func (b *Builder) Check(command, note string) { b.f.Check, b.f.CheckNote = command, note }

// Evidence adds a frame with its part in the story; beyond MaxEvidence it is left out.
func (b *Builder) Evidence(ref packet.Ref, role string) {
	if !ref.IsZero() && len(b.f.Evidence) < MaxEvidence {
		b.f.Evidence = append(b.f.Evidence, Proof{ref, role})
	}
}

// Ladder adds a step of the drawing.
func (b *Builder) Ladder(r LadderRow) {
	if !r.Ref.IsZero() {
		b.f.Ladder = append(b.f.Ladder, r)
	}
}

// Cap limits the confidence for a reason that stands among the open alternatives or gates.
func (b *Builder) Cap(c Confidence) {
	if c < b.cap {
		b.cap = c
	}
}

// Done finishes the finding. It fails when an alternative of the code was neither ruled out nor left open, or when
// fewer than two facts were given: both are faults of the detector.
func (b *Builder) Done() (*Finding, error) {
	for _, a := range b.f.Code.Alternatives {
		if !b.settled[a.ID] {
			return nil, fmt.Errorf("%s: alternative %q neither ruled out nor left open", b.f.Code.ID, a.ID)
		}
	}
	if len(b.f.Facts) < 2 {
		return nil, fmt.Errorf("%s: %d facts, needs two", b.f.Code.ID, len(b.f.Facts))
	}
	c := Certain
	switch n := len(b.f.CouldBe); {
	case n == 1:
		c = Likely
	case n > 1:
		c = Possible
	}
	for _, g := range b.gates {
		if g.Caps < c {
			c = g.Caps
		}
	}
	if b.cap < c {
		c = b.cap
	}
	b.f.Confidence = c
	if c < Likely {
		b.f.Remedy = nil // a remedy is offered only where the cause is known
	}
	sort.SliceStable(b.f.Ladder, func(i, j int) bool { return less(b.f.Ladder[i].Ref, b.f.Ladder[j].Ref) })
	sort.SliceStable(b.f.Evidence, func(i, j int) bool { return less(b.f.Evidence[i].Ref, b.f.Evidence[j].Ref) })
	b.f.ID = identity(&b.f)
	return &b.f, nil
}

func (b *Builder) altName(id string) string {
	for _, a := range b.f.Code.Alternatives {
		if a.ID == id {
			return a.Name
		}
	}
	return id
}

// clean drops references that point nowhere, so that detectors can pass marks as they are.
func clean(refs []packet.Ref) []packet.Ref {
	out := refs[:0:0]
	for _, r := range refs {
		if !r.IsZero() {
			out = append(out, r)
		}
	}
	return out
}

func less(a, b packet.Ref) bool {
	if a.Source != b.Source {
		return a.Time < b.Time || a.Time == b.Time && a.Source < b.Source
	}
	return a.Frame < b.Frame
}
