// Package arpscan finds machines that look for others on the wire by asking for every address, and floods of made-up
// link-layer addresses.
package arpscan

import (
	"io"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Scan  = "arp-scan"
	Flood = "mac-flood"
)

const (
	// window is how long questions, or new senders, count together.
	window = time.Minute
	// targets is how many different addresses one machine asks for until it is a search, deaf the share of them that
	// must not answer: who looks after its own machines asks for those that are there.
	targets = 32
	deaf    = 0.75
	// answerWithin is how long an answer may take.
	answerWithin = time.Second
	// flood is how many new senders within the window no network has; once the share of them that must have sent a
	// single frame: machines that were switched on go on speaking.
	flood = 500
	once  = 0.8
	// again is how often a flood that goes on is reported anew, so that what it explains stays explained.
	again = time.Second / 2
	// scannersKept bounds those followed at once, targetsKept the questions of each, sendersKept the new senders counted
	// in one window, knownKept those known from before, wiresKept the wires.
	scannersKept, targetsKept, sendersKept, knownKept, wiresKept = 1024, 256, 1024, 8192, 64
	maxRefs                                                      = 6
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name:  "arpscan",
	Codes: []*finding.Code{codeScan, codeFlood},
	Wants: detect.Wants{TCP: []event.What{event.Started}, Other: []event.What{event.Started}, Kinds: []event.Kind{event.KindARP}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, scanners: detect.NewRecent[claimer, *scanner](min(s.Limits.Entries, scannersKept)).Of(s, "arpscan", "searchers", nil),
			crowds: detect.NewRecent[neighbour.Wire, *crowd](wiresKept).Of(s, "arpscan", "wires", nil), known: detect.NewRecent[claimer, bool](min(s.Limits.Entries, knownKept)).Of(s, "arpscan", "cards", nil)}
	},
}

// claimer is a link-layer address on a wire.
type claimer struct {
	neighbour.Wire
	MAC packet.MAC
}

// target is an address that a scanner asked for.
type target struct {
	IP       packet.Addr
	Asked    packet.Ref
	At       packet.Time
	Answered bool
}

// scanner is a machine that asks.
type scanner struct {
	IP       packet.Addr // in whose name it asks
	Begin    packet.Time // of the window
	Targets  []target    // asked for in the window, at most targetsKept
	More     uint32
	Forwards bool // packets of others come from it: a router asks on behalf of those
	ForwardR packet.Ref
	Done     bool // reported in this window
	key      claimer
}

// crowd is the new senders of one wire.
type crowd struct {
	Begin packet.Time
	Seen  map[packet.MAC]sender
	New   uint32 // in the window, those beyond sendersKept too
	Done  bool
	Refs  []packet.Ref
	Said  packet.Time
	flood *flooded // the last one, while it goes on
}

type sender struct{ N uint8 } // frames, as far as it matters: one, or more than one

type detector struct {
	scope    *detect.Scope
	scanners *detect.Recent[claimer, *scanner]
	crowds   *detect.Recent[neighbour.Wire, *crowd]
	known    *detect.Recent[claimer, bool]
	latest   packet.Ref // in this input
}

// Handle takes questions and answers of ARP, and the first packets of connections for their senders.
func (d *detector) Handle(e event.Event) {
	h := e.Head()
	w := neighbour.Wire{Vantage: h.Vantage}
	if h.NVLAN > 0 {
		w.VLAN = h.VLANs[0]
	}
	d.latest = h.Seen
	if !h.SrcMAC.IsZero() {
		d.sender(w, h)
	}
	switch x := e.(type) {
	case *event.ARP:
		d.arp(w, x)
	case *event.Flow:
		if d.scanners.Len() == 0 {
			return
		}
		if v := d.scanners.Get(claimer{w, h.SrcMAC}); v != nil && !(*v).Forwards && h.Client.Addr.Is4() && h.Client.Addr != (*v).IP {
			(*v).Forwards, (*v).ForwardR = true, h.Seen
		}
	}
}

func (d *detector) arp(w neighbour.Wire, x *event.ARP) {
	h := x.Head()
	c, ok := neighbour.ClaimOf(x)
	if !ok {
		return
	}
	switch {
	case c.How == neighbour.Answered:
		if v := d.scanners.Get(claimer{w, x.TargetMAC}); v != nil {
			(*v).answered(c.IP)
		}
		return
	case c.How == neighbour.Probed, c.How == neighbour.Asked:
	default:
		return
	}
	k := claimer{w, x.SenderMAC}
	v, fresh := d.scanners.Put(k)
	if fresh {
		*v = &scanner{key: k, Begin: h.Seen.Time}
	}
	s := *v
	if h.Seen.Time.Sub(s.Begin) >= window {
		d.judge(s, h.Seen.Time)
		s.Begin, s.Targets, s.More, s.Done = h.Seen.Time, s.Targets[:0:0], 0, false
	}
	if c.How == neighbour.Asked {
		s.IP = c.IP
	}
	s.ask(x.TargetIP, h.Seen)
}

func (s *scanner) ask(ip packet.Addr, r packet.Ref) {
	for i := range s.Targets {
		if s.Targets[i].IP == ip {
			return
		}
	}
	if len(s.Targets) == targetsKept {
		s.More++
		return
	}
	s.Targets = append(s.Targets, target{IP: ip, Asked: r, At: r.Time})
}

func (s *scanner) answered(ip packet.Addr) {
	for i := range s.Targets {
		if s.Targets[i].IP == ip {
			s.Targets[i].Answered = true
			return
		}
	}
}

// outcome counts how many targets did not answer in time, of those whose time was over.
func (s *scanner) outcome(now packet.Time) (silent, decided int) {
	for i := range s.Targets {
		t := &s.Targets[i]
		switch {
		case t.Answered:
			decided++
		case now.Sub(t.At) >= answerWithin:
			decided++
			silent++
		}
	}
	return silent, decided
}

// judge reports a search.
func (d *detector) judge(s *scanner, now packet.Time) {
	silent, decided := s.outcome(now)
	if s.Done || decided < targets || float64(silent) < deaf*float64(decided) {
		return
	}
	s.Done = true
	kept := *s
	kept.Targets = append([]target(nil), s.Targets...)
	last := s.Targets[len(s.Targets)-1].Asked
	first := s.Targets[0].Asked
	if last.IsZero() { // it asked before this input
		last = d.latest
	}
	if last.IsZero() {
		s.Done = false
		return
	}
	if first.IsZero() {
		first = last
	}
	d.scope.Report(&finding.Instance{Code: Scan, Key: key(s.key), Vantage: s.key.Vantage, Client: s.IP, First: first, Last: last, Data: &kept})
}

// sender counts a link-layer address that is new.
func (d *detector) sender(w neighbour.Wire, h *event.Head) {
	v, fresh := d.crowds.Put(w)
	if fresh {
		*v = &crowd{Begin: h.Seen.Time, Seen: map[packet.MAC]sender{}}
	}
	c := *v
	if h.Seen.Time.Sub(c.Begin) >= window {
		c.over(d, w)
		c.Begin = h.Seen.Time
	}
	if x, ok := c.Seen[h.SrcMAC]; ok {
		if x.N == 1 { // to count on would write to the table for each connection (2026-11-30)
			c.Seen[h.SrcMAC] = sender{2}
		}
		return
	}
	if d.known.Get(claimer{w, h.SrcMAC}) != nil {
		return
	}
	c.New++
	if c.flood != nil && c.Done && h.Seen.Time.Sub(c.Said) >= again {
		c.flood.Went = c.New
		d.flooding(w, c, c.flood.End, h.Seen)
	}
	if len(c.Seen) < sendersKept {
		c.Seen[h.SrcMAC] = sender{1}
	}
	if len(c.Refs) < maxRefs {
		c.Refs = append(c.Refs, h.Seen)
	}
	if c.New > flood && !c.Done && c.New%64 == 1 {
		d.crowd(w, c, h.Seen)
	}
}

// over ends a window: who spoke more than once is known from now on.
func (c *crowd) over(d *detector, w neighbour.Wire) {
	for m, x := range c.Seen {
		if x.N > 1 && !c.Done {
			v, _ := d.known.Put(claimer{w, m})
			*v = true
		}
	}
	clear(c.Seen)
	c.New, c.Done, c.Refs = 0, false, nil
}

// crowd reports a flood when most of the new senders sent a single frame.
func (d *detector) crowd(w neighbour.Wire, c *crowd, now packet.Ref) {
	single, group := 0, 0
	for m, x := range c.Seen {
		if x.N == 1 {
			single++
		}
		if neighbour.Group(m) {
			group++
		}
	}
	if float64(single) < once*float64(len(c.Seen)) {
		return
	}
	c.Done = true
	x := &flooded{New: c.New, Single: single, Group: group, Of: len(c.Seen), Begin: c.Begin, End: now, Refs: append([]packet.Ref(nil), c.Refs...)}
	first := now
	if len(c.Refs) > 0 && !c.Refs[0].IsZero() {
		first = c.Refs[0]
	}
	c.flood = x
	d.flooding(w, c, first, now)
}

// flooding reports a flood. What is said of single made-up senders meanwhile is part of it: the cover names no host and so
// fits all of them.
func (d *detector) flooding(w neighbour.Wire, c *crowd, first, now packet.Ref) {
	c.Said = now.Time
	d.scope.Report(&finding.Instance{Code: Flood, Key: wireKey(w), Vantage: w.Vantage, First: first, Last: now, Covers: finding.Cover{ByPrefix: true}, Data: c.flood})
}

// flooded is what one flood looked like when it was noticed.
type flooded struct {
	New               uint32 // when it was noticed
	Went              uint32 // in that minute so far, when it went on
	Single, Group, Of int
	Begin             packet.Time
	End               packet.Ref
	Refs              []packet.Ref
}

// Tick looks at the searches whose last answers are due.
func (d *detector) Tick(now packet.Time) {
	d.scanners.Each(func(_ claimer, v **scanner) {
		if s := *v; len(s.Targets) >= targets && !s.Done {
			d.judge(s, now)
		}
	})
}

// End leaves open what may still be answered.
func (d *detector) End(now packet.Time) { d.Tick(now) }

// kept is the detector's memory over restarts.
type kept struct {
	Scanners []detect.Pair[claimer, *scanner]
	Crowds   []detect.Pair[neighbour.Wire, *crowd]
	Known    []detect.Pair[claimer, bool]
}

// Save writes the windows that are open, and who is known.
func (d *detector) Save(w io.Writer) error {
	return detect.SaveMemory(w, &kept{d.scanners.Pairs(), d.crowds.Pairs(), d.known.Pairs()})
}

// Load reads what Save wrote.
func (d *detector) Load(r io.Reader) error {
	var k kept
	if err := detect.LoadMemory(r, &k); err != nil {
		return err
	}
	for i := range k.Scanners {
		s := k.Scanners[i].Value
		s.key = k.Scanners[i].Key
		s.Targets = s.Targets[:min(len(s.Targets), targetsKept)]
	}
	for i := range k.Crowds {
		c := k.Crowds[i].Value
		if c.Seen == nil {
			c.Seen = map[packet.MAC]sender{}
		}
		c.Refs = nil
	}
	d.scanners.Restore(k.Scanners)
	d.crowds.Restore(k.Crowds)
	d.known.Restore(k.Known)
	return nil
}
