// Package output is the contract of outputs and the runner that feeds them.
//
// Each output has its own goroutine and its own bounded queue. Offline an output may slow the reader down and loses
// nothing; live it never stops the capture, and what did not fit its queue is counted.
package output

import (
	"io"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Output writes what was observed and concluded. All calls come from one goroutine, in the order of the border.
// Events and findings are immutable: they may be kept.
type Output interface {
	Event(e event.Event) error
	Finding(f *finding.Finding) error
	// Flush brings everything received so far to its place.
	Flush() error
	// Close writes what belongs at the end and flushes. It does not close Setup.Out.
	Close() error
}

// Def is an output as the list in internal/standard names it.
type Def struct {
	Name     string // folder name
	About    string // one line for lists
	Events   bool   // it wants events; else only findings
	Blocking bool   // offline it may slow the reader down; false: it drops and counts there too
	Drops    string // what it leaves out, in words
	New      func(s Setup) (Output, error)
}

// Setup is what an output may need. Fields it does not name in its documentation may be left empty.
type Setup struct {
	Out           io.Writer
	EVE           event.EVE
	MinConfidence finding.Confidence // findings below are left out; 0 is Likely
	Records       *Records           // of EVE that are wanted; nil: all

	// Counters adds what the rest of the program counted, by its path in EVE's stats record; it is called once, at Close.
	Counters func(add func(path string, n uint64))

	// FindingJSON appends a finding as the one-line JSON object of docs/schema/finding.schema.json, SummaryJSON the
	// summary of the run; it is called once, at Close.
	FindingJSON func(dst []byte, f *finding.Finding) []byte
	SummaryJSON func(dst []byte) []byte

	// Fetch calls give for each frame of want that it can find again, each once, with Data as captured, borrowed
	// until give returns. See evidence.Fetch and evidence.SecondPass.
	Fetch       func(want []packet.Ref, give func(p *packet.Packet) error) error
	Application string // name and version of this program, for files that say who wrote them

	// Live says that capture must never wait: an output that keeps things for itself loses rather than waits.
	Live bool
	// Dir is the folder of an output that has one, MaxBytes and MaxDays bound what it keeps there; 0 is its default, and
	// MaxDays -1 no limit.
	Dir      string
	MaxBytes int64
	MaxDays  int
	Mutes    *finding.Mutes // of the engine, for an output that keeps mutes
	// Inputs tells the names of the inputs by packet.Ref.Source, the time of the first packet, and the time now. It is
	// called in Finding.
	Inputs func() (files []string, begin, now packet.Time)
	// Name tells what an address is called, and the frame that says so. It is called in Finding.
	Name func(packet.Addr) (name string, ref packet.Ref, ok bool)
}

// AtLeast returns s.MinConfidence with its default.
func (s *Setup) AtLeast() finding.Confidence {
	if s.MinConfidence == 0 {
		return finding.Likely
	}
	return s.MinConfidence
}
