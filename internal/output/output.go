// Package output is the contract of outputs and the runner that feeds them.
//
// Each output has its own goroutine and its own bounded queue. Offline an output may slow the reader down and loses
// nothing; live it never stops the capture, and what did not fit its queue is counted.
package output

import (
	"context"
	"io"
	"net/netip"
	"time"

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

// Ticker is an output that does something at an hour, not only when something comes. Tick is called about each second
// of a live run, in the output's goroutine, with the machine's clock: outputs speak to the world of now.
type Ticker interface{ Tick(now time.Time) error }

// Alarmer is an output that passes alarms on.
type Alarmer interface{ Alarm(a *Alarm) error }

// Alarm is news of the sensor itself, not of the network.
type Alarm struct {
	Kind  AlarmKind
	Since packet.Time // since when it is so
	At    packet.Time // when it was noticed; of Seeing: when it ended
	Text  string      // what and why, in words: "eth0 is down"
}

// Metric is one number that the program measures.
type Metric struct {
	Name   string      // "firestorm_packets_total"
	Help   string      // one line
	Total  bool        // it only grows; else it goes up and down
	Labels [][2]string // values may be hostile text
	Value  float64
}

// AlarmKind is what an alarm is about.
type AlarmKind string

// Kinds of alarms.
const (
	Blind  AlarmKind = "blind"  // nothing is seen any more
	Seeing AlarmKind = "seeing" // what was blind sees again
)

// Sentence says the alarm in one line.
func (a *Alarm) Sentence() string {
	since := a.Since.Std().Format(time.RFC3339)
	if a.Kind == Seeing {
		return "sees again; was blind from " + since + " to " + a.At.Std().Format(time.RFC3339) + ": " + a.Text
	}
	return string(a.Kind) + " since " + since + ": " + a.Text
}

// Health is how an output's receiver is.
type Health struct {
	Up      bool   // the last delivery worked, or none was needed yet
	Lost    uint64 // records that were given up: the receiver was gone too long, or refused them
	Retried uint64 // deliveries that were tried again
	Err     string // why the last delivery failed; empty when Up
}

// Healthy is an output that knows how its receiver is. Health is called from any goroutine.
type Healthy interface{ Health() Health }

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
	// FindingText tells a finding to a person, as text; nil: outputs have a short form of their own.
	FindingText func(f *finding.Finding) string
	// Metrics are what the rest of the program measures, as of now. It is called from any goroutine.
	Metrics func() []Metric

	// Fetch calls give for each frame of want that it can find again, each once, with Data as captured, borrowed
	// until give returns. See evidence.Fetch and evidence.SecondPass.
	Fetch       func(want []packet.Ref, give func(p *packet.Packet) error) error
	Application string // name and version of this program, for files that say who wrote them

	// Context ends when the program cannot wait any longer: deliveries give up. Nil never ends. See Runner.Context.
	Context context.Context
	// Options is the output's own struct of that name; nil for its defaults.
	Options any
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

// Ends returns s.Context, or one that never ends.
func (s *Setup) Ends() context.Context {
	if s.Context == nil {
		return context.Background()
	}
	return s.Context
}

// AtLeast returns s.MinConfidence with its default.
func (s *Setup) AtLeast() finding.Confidence {
	if s.MinConfidence == 0 {
		return finding.Likely
	}
	return s.MinConfidence
}

// Shown reports that f is one to tell people: sure enough, severe enough, and not muted.
func (s *Setup) Shown(f *finding.Finding, least finding.Severity) bool {
	return f.MutedBy == "" && f.Confidence >= s.AtLeast() && f.Severity >= least && f.State != finding.Absorbed
}

// Title is the sentence of a finding, made safe for one line of text.
func Title(f *finding.Finding) string {
	if f.Title == "" {
		return f.Code.Title
	}
	return event.Visible(f.Title)
}

// Place writes a subject as ADDRESS or ADDRESS:PORT, or its card where it has no address.
func Place(s *finding.Subject) string {
	switch {
	case s.Addr.IsZero() && s.MAC.IsZero():
		return ""
	case s.Addr.IsZero():
		return s.MAC.String()
	case s.Port == 0:
		return s.Addr.String()
	}
	return netip.AddrPortFrom(s.Addr.Netip(), s.Port).String()
}
