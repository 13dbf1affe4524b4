// Package report turns findings into something to read: text for a terminal, one HTML page, Markdown for a ticket,
// JSON lines for programs, a drawing of the conversation.
//
// Everything here is a pure function of a Report: no clock, no environment, no files. Text that came from packets or
// file names is hostile; it passes through the functions of escape.go on its way out, never around them.
package report

import (
	"path/filepath"
	"strconv"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Report is what one run has to say.
type Report struct {
	Files          []File         // by source index: Ref.Source counts into it
	HomeNet        string         // the networks that count as inside, as the reader would write them
	HomeNetDefault bool           // nobody set HomeNet
	Warnings       []string       // what makes the report less than it could be
	Notes          []string       // what the reader should know beside the findings
	Zone           *time.Location // of times in text, HTML and Markdown; nil is UTC. JSON always has UTC
	Capture        Capture
	Conversations  int
	Findings       []*finding.Finding // all that were released, of any confidence
	Muted          []*finding.Finding // hidden by a mute; MutedBy says why
	Hits           []RuleHit          // what rules matched, the most severe first
	Checked        []string           // what was looked for and how often it went well, one sentence each
	// Again connections of TCP were answered, but only when they were asked for more than once; the longest took AgainMax.
	Again     int
	AgainMax  time.Duration
	Undecided []string // what the end of the input left open
	Services  []Service
	Talkers   []Talker
	Slowest   []Slow
	TimeWent  []Share
	Gates     []Gate

	// Names returns a name seen in the capture for an address, and the frame it was seen in. May be nil.
	Names func(packet.Addr) (name string, ref packet.Ref, ok bool)
	// Evidence returns the command line that saves the packets of f, or "". May be nil.
	Evidence func(f *finding.Finding) string
}

// limited counts the muted findings that a rate held back.
func (r *Report) limited() (n int) {
	for _, f := range r.Muted {
		if f.Limited {
			n++
		}
	}
	return n
}

// File is one input.
type File struct {
	Name    string // as the user gave it; only its last element is printed
	Packets uint64
	Bytes   uint64 // captured bytes
	From    packet.Time
	To      packet.Time
	Link    string // name of the link type
	Damaged string // why reading stopped early; empty = read to the end
}

// Capture is the account of what could not be used, and why.
type Capture struct {
	Dropped      uint64 // lost by whoever captured
	DroppedKnown bool   // the input says how many were lost
	Truncated    uint64 // frames cut short
	Undecoded    uint64
	Duplicates   uint64
	Reasons      []Reason // the breakdown, in a fixed order
}

// Reason is one line of the account: Count packets, segments or events were left out because of What.
type Reason struct {
	What  string
	Count uint64
}

// RuleHit is a rule that matched between two hosts.
type RuleHit struct {
	GID, SID, Rev uint32
	Msg           string
	Category      string // may be empty
	Severity      int    // 1 is worst
	From, To      packet.Addr
	Proto         string // TCP, UDP, …
	Port          uint16 // of the server, 0 where the protocol has none
	Count         uint64
	Conversations int
	First, Last   packet.Ref
}

// Service is one service with its rate of success.
type Service struct {
	Proto         string // TCP, UDP
	Addr          packet.Addr
	Port          uint16
	App           string // application protocol, when known
	Clients       int
	Attempts      int
	Answered      int
	Refused       int
	Silent        int
	ConnectMedian time.Duration // until the first answer; 0 = not known
	ConnectMax    time.Duration
	AnswerMean    time.Duration // from request to the beginning of its answer; 0 = not known
	AnswerMax     time.Duration
}

// Undecided is how many attempts had no outcome yet when the input ended.
func (s *Service) Undecided() int { return max(0, s.Attempts-s.Answered-s.Refused-s.Silent) }

// Talker is a pair of hosts that talked.
type Talker struct {
	Client, Server packet.Addr
	Services       string // "http, dns"
	Conversations  int
	Bytes          uint64 // both ways
}

// Slow is one of the slowest things that happened.
type Slow struct {
	What string
	Took time.Duration
	Refs []packet.Ref
}

// Share says where time went.
type Share struct {
	What string
	Time time.Duration
}

// Gate is something that this capture cannot show.
type Gate struct {
	finding.GateResult
	Where string // vantage or pair it holds for
}

// Options choose how much is said.
type Options struct {
	Width         int // columns; below 80 counts as 80, 0 is DefaultWidth
	Color         bool
	Verbose       bool               // absolute times, summaries, references
	MinConfidence finding.Confidence // 0 is Likely; Possible shows all possible findings in full
}

// DefaultWidth is the width of text that does not go to a terminal.
const DefaultWidth = 120

// MultiSource reports that frames need the name of their file.
func (r *Report) MultiSource() bool { return len(r.Files) > 1 }

// FileName returns the printable name of source i: the last element of its path, numbered where two are equal.
func (r *Report) FileName(i uint16) string {
	if i == packet.Earlier {
		return "an earlier run"
	}
	if int(i) >= len(r.Files) {
		return "input " + strconv.Itoa(int(i)+1)
	}
	base := func(n int) string { return filepath.Base(filepath.ToSlash(r.Files[n].Name)) }
	name, same, before := base(int(i)), 0, 1
	for n := range r.Files {
		if base(n) == name {
			same++
			if n < int(i) {
				before++
			}
		}
	}
	if same > 1 {
		return name + "#" + strconv.Itoa(before)
	}
	return name
}

// start is the time of the first packet of all files.
func (r *Report) start() packet.Time {
	var t packet.Time
	found := false
	for _, f := range r.Files {
		if f.Packets > 0 && (!found || f.From < t) {
			t, found = f.From, true
		}
	}
	return t
}

// span is the time from the first to the last packet of all files.
func (r *Report) span() time.Duration {
	from := r.start()
	to := from
	for _, f := range r.Files {
		if f.Packets > 0 && f.To > to {
			to = f.To
		}
	}
	return to.Sub(from)
}

func (r *Report) packets() (n, bytes uint64) {
	for _, f := range r.Files {
		n += f.Packets
		bytes += f.Bytes
	}
	return n, bytes
}

// name returns the name of an address, or "".
func (r *Report) name(a packet.Addr) (string, packet.Ref) {
	if r.Names == nil || a.IsZero() {
		return "", packet.Ref{}
	}
	n, ref, ok := r.Names(a)
	if !ok {
		return "", packet.Ref{}
	}
	return n, ref
}
