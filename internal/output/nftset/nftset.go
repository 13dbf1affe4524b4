//go:build linux

package nftset

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sort"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "nftset", About: "sources of proven attacks into a set of nftables; off unless asked for", Blocking: true,
	Drops: "all findings but attacks of high severity, at likely or above, whose source cannot have been forged",
	New: func(s output.Setup) (output.Output, error) {
		o, _ := s.Options.(Options)
		return New(o, s)
	},
}

// Proofs are the codes whose finding shows that the source is who it seems to be, with the reason. All others may have been
// forged by somebody who wants another one to be blocked: a scan or a flood needs no answer to arrive.
var Proofs = map[string]Proof{
	"brute-force-login": {Why: "the server answered its logins: connections were completed"},
	"arp-spoof-mitm":    {Card: true, Why: "its frames were seen on the own wire"},
	"nd-spoof":          {Card: true, Why: "its frames were seen on the own wire"},
}

// Proof says what of the attacker a code proves.
type Proof struct {
	Card bool   // its link-layer address; else its IP address
	Why  string // in words
}

// Bounds.
const (
	mostBlocked    = 1024 // at a time
	defaultTimeout = time.Hour
	checkEvery     = 5 * time.Second // mutes that were made meanwhile
)

// Options say who is blocked, and how long.
type Options struct {
	DryRun  bool           // say it, and touch nothing
	Timeout time.Duration  // 0: an hour
	Allow   []netip.Prefix // never blocked, beside this machine, its gateways and its name servers
	Now     func() time.Time
	// May says why a source is never blocked, empty: it may be; nil: by Allow and Machine. See Remote.
	May func(Source) string
	Firewall
	Machine
}

// Firewall is where sets are; nil: nftables of this machine.
type Firewall interface {
	// Open makes the table and its sets, where they are not there, and returns what is in them.
	Open() ([]Entry, error)
	Add(e Entry) error
	// Remove takes a source out; one that is not there is no error.
	Remove(s Source) error
}

// Source is who is blocked: an address, or a card.
type Source struct {
	Addr netip.Addr
	Card packet.MAC
}

// String writes the source.
func (s Source) String() string {
	if s.Addr.IsValid() {
		return s.Addr.String()
	}
	return s.Card.String()
}

// Entry is an element of a set.
type Entry struct {
	Source
	Finding string // the comment: which finding
	Timeout time.Duration
}

// blocked is what is in the sets as far as we know.
type blocked struct {
	finding *finding.Finding // nil: of an earlier run
	id      string
	until   time.Time
}

// Output blocks. It uses Setup.Out, to say what it does, and Mutes.
type Output struct {
	o      Options
	s      output.Setup
	in     map[Source]*blocked
	said   map[string]bool // findings that were said not to be blocked
	health output.Health
	next   time.Time
}

// fill puts this machine where nothing else is named.
func (o *Options) fill() {
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Firewall == nil {
		o.Firewall = &kernel{}
	}
	if o.Machine == nil {
		o.Machine = &thisMachine{}
	}
	if o.May == nil {
		o.May = o.never
	}
}

// New makes the sets, unless this is a dry run, and says that blocking is on.
func New(o Options, s output.Setup) (*Output, error) {
	o.fill()
	if s.Out == nil {
		s.Out = io.Discard
	}
	p := &Output{o: o, s: s, in: map[Source]*blocked{}, said: map[string]bool{}, health: output.Health{Up: true}}
	if o.DryRun {
		p.say("blocking is tried out: what would be blocked is said, nothing is")
		return p, nil
	}
	old, err := o.Open()
	if err != nil {
		return nil, fmt.Errorf("nftset: %w", err)
	}
	for _, e := range old {
		p.in[e.Source] = &blocked{id: e.Finding, until: o.Now().Add(e.Timeout)}
	}
	p.say("BLOCKING IS ON: sources of proven attacks go into the sets %s, %s and %s of the table inet %s for %s; %d are there", Set4, Set6, SetCards, Table, o.Timeout, len(old))
	p.say("packets are dropped only by a rule of yours that uses the sets, such as\n%s", Example)
	return p, nil
}

func (p *Output) say(format string, a ...any) {
	fmt.Fprintf(p.s.Out, "firestorm: "+format+"\n", a...)
}

// Event does nothing.
func (p *Output) Event(event.Event) error { return nil }

// Finding blocks the source of f, or takes it out when f is muted or did not hold.
func (p *Output) Finding(f *finding.Finding) error {
	proof, ok := Proofs[f.Code.ID]
	if !ok || f.Code.Kind != finding.Attack {
		return nil
	}
	src := source(f, proof)
	if src == (Source{}) {
		return nil
	}
	if f.MutedBy != "" || f.State == finding.Absorbed {
		p.undo(f.ID, "it is muted or did not hold")
		return nil
	}
	if f.Severity < finding.High || f.Confidence < finding.Likely {
		return nil
	}
	if why := p.o.May(src); why != "" {
		if !p.said[f.ID] && len(p.said) < mostBlocked {
			p.said[f.ID] = true
			p.say("%s is not blocked: %s (%s: %s)", src, why, f.ID, output.Title(f))
		}
		return nil
	}
	return p.block(src, f, proof)
}

// source is who the finding is about; the zero Source when that is not one that can be named.
func source(f *finding.Finding, proof Proof) (s Source) {
	for i := range f.Subjects {
		x := &f.Subjects[i]
		if x.Role != "attacker" {
			continue
		}
		if s != (Source{}) {
			return Source{} // several: which of them did it is not proven
		}
		if proof.Card {
			s.Card = x.MAC
		} else if !x.Addr.IsZero() {
			s.Addr = x.Addr.Netip().Unmap()
		}
	}
	return s
}

func (p *Output) block(src Source, f *finding.Finding, proof Proof) error {
	now := p.o.Now()
	b := p.in[src]
	if b != nil && b.until.After(now.Add(p.o.Timeout/2)) {
		b.finding, b.id = f, f.ID // it lasts for a while yet
		return nil
	}
	if b == nil && len(p.in) >= mostBlocked {
		p.health.Lost++
		return nil
	}
	if !p.o.DryRun {
		if err := p.o.Add(Entry{src, f.ID, p.o.Timeout}); err != nil {
			p.health.Up, p.health.Err = false, err.Error()
			p.health.Lost++
			return err
		}
		p.health.Up, p.health.Err = true, ""
	}
	c := *f
	p.in[src] = &blocked{finding: &c, id: f.ID, until: now.Add(p.o.Timeout)}
	verb := "blocked"
	if p.o.DryRun {
		verb = "would be blocked"
	}
	p.say("%s %s for %s: %s, %s (%s)", src, verb, p.o.Timeout, f.ID, output.Title(f), proof.Why)
	return nil
}

// undo takes out what a finding put in.
func (p *Output) undo(id, why string) {
	for _, src := range p.sources() {
		if p.in[src].id != id {
			continue
		}
		delete(p.in, src)
		if p.o.DryRun {
			p.say("%s would not be blocked any more: %s, %s", src, id, why)
			continue
		}
		if err := p.o.Remove(src); err != nil {
			p.health.Up, p.health.Err = false, err.Error()
			p.say("%s could not be taken out of the set: %v", src, err)
			continue
		}
		p.say("%s is not blocked any more: %s, %s", src, id, why)
	}
}

// sources are those that are in, in order.
func (p *Output) sources() []Source {
	var all []Source
	for s := range p.in {
		all = append(all, s)
	}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(a.Addr.Compare(b.Addr), slices.Compare(a.Card[:], b.Card[:])) < 0
	})
	return all
}

// never says why a source is never blocked; empty: it may be.
func (o *Options) never(s Source) string {
	a := o.Known()
	if !s.Addr.IsValid() {
		switch {
		case s.Card[0]&1 != 0:
			return "it is no address of one card"
		case slices.Contains(a.Cards, s.Card):
			return "it is a card of this machine or of a gateway"
		case len(a.Gateways) > 0 && !a.GatewayCards:
			return "the cards of the gateways are not known, it could be one"
		}
		return ""
	}
	for _, n := range o.Allow {
		if n.Contains(s.Addr) {
			return "it is on the list of those that are never blocked"
		}
	}
	switch x := s.Addr; {
	case x.IsUnspecified() || x.IsLoopback() || x.IsMulticast() || x.IsLinkLocalUnicast() || x == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "it is an address of no single machine out there"
	case slices.Contains(a.Own, x):
		return "it is an address of this machine"
	case slices.Contains(a.Gateways, x):
		return "it is a gateway of this machine"
	case slices.Contains(a.Servers, x):
		return "it is a name server of this machine"
	}
	return ""
}

// Tick forgets what has run out, and takes out what a mute that was made meanwhile hides.
func (p *Output) Tick(now time.Time) error {
	if d := p.next.Sub(now); d > 0 && d <= checkEvery {
		return nil
	}
	p.next = now.Add(checkEvery)
	for _, src := range p.sources() {
		b := p.in[src]
		switch {
		case !b.until.After(now):
			delete(p.in, src)
		case b.finding != nil && p.s.Mutes != nil && p.s.Mutes.Hides(b.finding, packet.Time(now.UnixNano())):
			p.undo(b.id, "it is muted")
		}
	}
	return nil
}

// Flush does nothing.
func (p *Output) Flush() error { return nil }

// Close leaves what is blocked to its timeout: a restart opens no door.
func (p *Output) Close() error { return nil }

// Health says whether the kernel takes what it is given.
func (p *Output) Health() output.Health { return p.health }

// ErrNotPermitted says that the process may not change the firewall.
var ErrNotPermitted = errors.New("changing nftables needs the capability CAP_NET_ADMIN")
