// Package pcapng writes the evidence of the findings as one annotated capture: each packet carries the sentence it
// proves as a comment, and the findings travel in the file, so that Wireshark shows them without a patch and reading
// the file again finds the recorded verdict.
package pcapng

import (
	"errors"

	"firestorm/internal/event"
	"firestorm/internal/evidence"
	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "pcapng", About: "the packets of the findings, with comments", Blocking: true,
	Drops: "packets that belong to no finding, findings below the wanted confidence, and muted ones",
	New:   func(s output.Setup) (output.Output, error) { return New(s) },
}

// Output collects findings and writes the capture when it is closed: the packets are fetched in a second pass. It uses
// Setup.Out, Fetch, MinConfidence, FindingJSON, SummaryJSON, EVE.File and Application.
type Output struct {
	s        output.Setup
	findings []*finding.Finding
	at       map[string]int // by id: a later revision takes the place of the earlier
	Result   evidence.Result
}

// New returns an output that writes to s.Out; s.Fetch must be set.
func New(s output.Setup) (*Output, error) {
	if s.Fetch == nil {
		return nil, errors.New("pcapng: there is no way to fetch packets again (standard input needs a spool)")
	}
	return &Output{s: s, at: map[string]int{}}, nil
}

// Event writes nothing.
func (o *Output) Event(event.Event) error { return nil }

// Finding keeps f.
func (o *Output) Finding(f *finding.Finding) error {
	if f.Confidence < o.s.AtLeast() || f.MutedBy != "" {
		return nil
	}
	if i, ok := o.at[f.ID]; ok {
		o.findings[i] = f
		return nil
	}
	o.at[f.ID] = len(o.findings)
	o.findings = append(o.findings, f)
	return nil
}

// Flush does nothing: the packets come at the end.
func (o *Output) Flush() error { return nil }

// Close fetches the packets and writes the capture. Result then says how many.
func (o *Output) Close() error {
	c := evidence.Case{Findings: o.findings, Fetch: o.s.Fetch, JSON: o.s.FindingJSON, Name: o.s.EVE.File, Visible: event.Visible,
		Application: o.s.Application}
	if o.s.SummaryJSON != nil {
		c.Summary = o.s.SummaryJSON(nil)
	}
	var err error
	o.Result, err = c.Write(o.s.Out)
	return err
}
