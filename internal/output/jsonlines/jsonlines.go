// Package jsonlines writes findings as JSON lines the moment they are released, and the summary as the last line.
// docs/schema/finding.schema.json describes both.
package jsonlines

import (
	"bufio"
	"errors"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "jsonlines", About: "findings as JSON lines", Blocking: true,
	Drops: "nothing: every finding is written, whatever its confidence",
	New:   func(s output.Setup) (output.Output, error) { return New(s) },
}

// Output writes JSON lines. It uses Setup.Out, FindingJSON and SummaryJSON.
type Output struct {
	w    *bufio.Writer
	s    output.Setup
	line []byte
}

// New returns an output that writes to s.Out; s.FindingJSON must be set.
func New(s output.Setup) (*Output, error) {
	if s.FindingJSON == nil {
		return nil, errors.New("jsonlines: nothing says how a finding is written")
	}
	return &Output{w: bufio.NewWriter(s.Out), s: s}, nil
}

// Event writes nothing.
func (o *Output) Event(event.Event) error { return nil }

// Finding writes one line.
func (o *Output) Finding(f *finding.Finding) error {
	o.line = append(o.s.FindingJSON(o.line[:0], f), '\n')
	_, err := o.w.Write(o.line)
	return err
}

// Flush writes what was collected.
func (o *Output) Flush() error { return o.w.Flush() }

// Close writes the summary and flushes.
func (o *Output) Close() error {
	if o.s.SummaryJSON != nil {
		o.line = append(o.s.SummaryJSON(o.line[:0]), '\n')
		if _, err := o.w.Write(o.line); err != nil {
			return err
		}
	}
	return o.w.Flush()
}
