// Package doctor says whether a sensor really works: what hides packets from it, what it loses, what weakens its
// findings, what it keeps, and how each is put right. What cannot be looked at is unknown, and never taken for good.
//
// Checks look at the machine through System alone, so that each is tested with a faked one. Inject makes known traffic
// in a network of its own, or on an interface that a person names, and says whether the engine finds what is in it.
package doctor

import (
	"slices"
	"sort"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
)

// Level is what a check found out.
type Level uint8

// Levels. A check whose answer could not be had is Unknown.
const (
	OK Level = iota
	Unknown
	Warning
	Problem
)

var levelNames = [...]string{"ok", "unknown", "warning", "problem"}

// String is the word that is printed.
func (l Level) String() string { return levelNames[l] }

// MarshalText writes the word.
func (l Level) MarshalText() ([]byte, error) { return []byte(levelNames[l]), nil }

// Check is one thing that was looked at. Its texts hold names from outside: who prints them escapes them.
type Check struct {
	Name    string `json:"check"`             // such as "offloads"
	Subject string `json:"subject,omitempty"` // the interface, file or folder; empty: the machine or the sensor
	Level   Level  `json:"level"`
	What    string `json:"what"` // what was measured, with numbers
	Why     string `json:"why"`  // why it matters
	// Fix is what puts it right, the first line is the one to try first: commands, ready to be pasted. Empty when ok.
	Fix  []string `json:"fix,omitempty"`
	Hint string   `json:"hint,omitempty"` // a command that changes what is good as it is
	// Off are codes of findings that cannot be told because of it, Weaker those that are told with less confidence.
	Off    []string `json:"findings_off,omitempty"`
	Weaker []string `json:"findings_weaker,omitempty"`
	// NotPermitted: it could not be looked at, or does not work, because this process may not.
	NotPermitted bool `json:"not_permitted,omitempty"`
}

// Options say what to look at. The zero value looks at the machine alone.
type Options struct {
	Interfaces []string
	StateDir   string
	StoreDir   string
	StatusFile string
	LogFiles   []string // files that outputs write to
	Config     string   // the configuration file; empty: none is there
	Rules      []string // files and folders of rules
	Webhooks   int      // outputs whose addresses may hold a secret
	Checksums  string   // none, all, auto
	MaxMemory  int64    // bytes, of the engine
	Ring       int64    // bytes, of each interface
	Program    string   // path of the program
	User       string   // who runs it
	Detectors  []detect.Def
	// Heard is what listening brought, by interface; nil: nobody listened.
	Heard map[string]Heard
}

// Heard is what was seen of an interface in a short time.
type Heard struct {
	For           time.Duration
	Packets       uint64
	Bytes         uint64
	Lost          uint64 // dropped by the kernel
	Undecoded     uint64
	TCP, OneSided uint64 // TCP connections that could show both directions, and those of them that showed one
	Jumps         uint64 // steps of the clock
	Err           error
	NotPermitted  bool
}

// Run makes all checks. Those that are not good come first, the worst before.
func Run(sys System, o Options) []Check {
	r := &run{sys: sys, o: &o, now: sys.Now()}
	r.readStatus()
	r.readLinks()
	r.permission()
	r.watch()
	r.interfaces()
	r.offloads()
	r.hidden()
	r.drops()
	r.oneSided()
	r.undecoded()
	r.clock()
	r.rules()
	r.memory()
	r.folders()
	r.secrets()
	r.kept()
	sort.SliceStable(r.checks, func(i, j int) bool {
		a, b := &r.checks[i], &r.checks[j]
		return b.Level < a.Level
	})
	return r.checks
}

// run is one examination.
type run struct {
	sys    System
	o      *Options
	now    time.Time
	checks []Check
	status *status // nil: there is none, or it cannot be read
	// statusErr says why; nil with a nil status: nobody named one.
	statusErr error
	statusOld time.Duration // since it was written
	links     []Link
	linksErr  error
}

// add notes a check. One that is good needs no fix.
func (r *run) add(c Check) {
	if c.Level == OK {
		c.Fix, c.Off, c.Weaker = nil, nil, nil
	}
	r.checks = append(r.checks, c)
}

// Counts is how many checks ended at each level.
type Counts struct {
	OK       int `json:"ok"`
	Unknown  int `json:"unknown"`
	Warnings int `json:"warnings"`
	Problems int `json:"problems"`
	// NotPermitted are those of them that this process may not look at or do.
	NotPermitted int `json:"not_permitted"`
}

// Count sums checks up.
func Count(cs []Check) (n Counts) {
	for i := range cs {
		switch cs[i].Level {
		case OK:
			n.OK++
		case Unknown:
			n.Unknown++
		case Warning:
			n.Warnings++
		case Problem:
			n.Problems++
		}
		if cs[i].NotPermitted {
			n.NotPermitted++
		}
	}
	return n
}

// needing returns the codes that need one of the gates, sorted: what a failing gate takes from them follows from the
// detectors' own definitions.
func (o *Options) needing(gates ...finding.Gate) (codes []string) {
	for i := range o.Detectors {
		for _, c := range o.Detectors[i].Codes {
			if slices.ContainsFunc(gates, func(g finding.Gate) bool { return slices.Contains(c.Needs, g) }) {
				codes = append(codes, c.ID)
			}
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
