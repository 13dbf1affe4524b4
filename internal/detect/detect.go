// Package detect is the contract of detectors, and what they share: the ledger of outcomes behind every control
// group, what is known of each host, and the gates that say what a capture cannot prove.
//
// Detectors run in one goroutine and see every event in total order. They never see bytes.
package detect

import (
	"io"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/hostconf"
	"firestorm/internal/packet"
)

// Def is a detector as the list in internal/standard names it.
type Def struct {
	Name  string // folder name
	Codes []*finding.Code
	Wants Wants // the events it is called for; zero: all
	New   func(s *Scope) Detector
}

// Detector answers one question from events.
type Detector interface {
	// Handle sees each event once, in order. A *event.Flow is the detector's only until everybody had it, unless it calls Keep.
	Handle(e event.Event)
	// Tick is called each second of packet time, never backwards.
	Tick(now packet.Time)
	// End says that the input ended: time did not pass, nothing may be expired as if it had.
	End(now packet.Time)
	// Compose writes the finding for a group of the detector's instances, when it is decided: everything the
	// ledger learned meanwhile is known then. Returning false drops the group: at decision it was not worth a
	// finding after all (the reason is counted under the detector's name).
	Compose(g *finding.Group, b *finding.Builder) bool
}

// Keeper is a detector with a memory over restarts. Load comes before the first event; after an error of it the detector
// must be as new. Splitting a capture anywhere with Save and Load in between gives
// the same findings.
type Keeper interface {
	Save(w io.Writer) error
	Load(r io.Reader) error
}

// Scope is what a detector may use.
type Scope struct {
	Ledger *Ledger
	Hosts  *Hosts
	Names  *Names // what addresses were called
	// Tracked is what connection trackers said; nil: none was asked.
	Tracked *Tracked
	// Context is what hosts' own configuration files say, as far as they were given; it may be nil.
	Context *hostconf.Context
	Machine *Machine // what the machine itself says; nil: nothing
	Twins   *Twins   // nil unless two captures are joined
	Nets    *Nets    // numbers pairs of networks
	Limits  Limits
	Home    Home        // which addresses are inside
	Begin   packet.Time // time of the input's first packet; set before the first event
	Now     packet.Time // of the event at hand
	// Early says that somebody reads along: what takes long to end is told while it goes on, as interim instances.
	Early bool
	Files Files // names of the inputs, for texts
	// Devices names interfaces of this machine by the numbers that a live log of the firewall has; nil: numbers alone.
	Devices func(index uint32) string
	report  func(*finding.Instance)
	// explain are detectors that explain what others report at once.
	explain []func(*finding.Instance) bool
	// foresight are detectors that ask for memory ahead of their events.
	foresight []Foresight
	// forgotten is what the detectors' tables let go.
	forgotten map[forgottenKey]*Forgotten
}

// Limits bounds a detector's tables; derived from --max-memory alone.
type Limits struct {
	Entries int // per table, of EntryBytes each: a table of larger ones has fewer
}

// EntryBytes is how many bytes of the memory limit Limits.Entries counts for each entry.
const EntryBytes = 256

// NewScope returns a scope that hands instances to report.
func NewScope(l *Ledger, h *Hosts, t *Twins, lim Limits, report func(*finding.Instance)) *Scope {
	return &Scope{Ledger: l, Hosts: h, Twins: t, Nets: NewNets(netsFor * lim.Entries), Limits: lim, report: report}
}

// netsFor is how many pairs of networks are numbered for each that a table has room for: a scan of many networks takes
// numbers, and those that come later need some too.
const netsFor = 4

// Report hands one occurrence of a cause to the finding engine.
func (s *Scope) Report(i *finding.Instance) {
	for _, f := range s.explain {
		i.Explained = i.Explained || f(i)
	}
	s.report(i)
}

// Explain lets a detector say of each instance that is reported whether it is known already to be part of what the
// detector tells: then it is counted as absorbed and not held. It is for causes with symptoms by the hundred thousand;
// all others list the codes they absorb.
func (s *Scope) Explain(f func(*finding.Instance) bool) { s.explain = append(s.explain, f) }

// TickEvery is the packet time between two ticks.
const TickEvery = time.Second
