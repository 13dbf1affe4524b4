package scan

import (
	"encoding/binary"
	"time"
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// srcKey is who tries doors, at one place of capture: an address, or the network (/24, /64) of strangers.
type srcKey struct {
	vantage uint16
	addr    packet.Addr
	net     bool
}

// plainKey is a srcKey in a map: a hash of plain bytes costs less than one of a struct with gaps (2026-11-29).
type plainKey [20]byte

func (k *srcKey) plain() (b plainKey) {
	copy(b[:], k.addr[:])
	binary.LittleEndian.PutUint16(b[16:], k.vantage)
	if k.net {
		b[18] = 1
	}
	return b
}

// String names the source.
func (k srcKey) String() string {
	switch {
	case !k.net:
		return k.addr.String()
	case k.addr.Is4():
		return k.addr.String() + "/24"
	}
	return k.addr.String() + "/64"
}

// source is what one address tried. Most addresses never need more than the first lines of it. Its fields lie in the order in
// which a contact of such an address asks for them.
type source struct {
	srcKey
	number       int32 // in its table
	forgotten    bool
	talked       bool    // it had a conversation with somebody: an ordinary client, too
	listed       bool    // in detector.working
	single       bool    // of a network: one of its addresses searches by itself
	older, newer *source // by last contact
	later        *source // one whose contact came some contacts later: nothing but a hint where the search for the oldest will be
	bout         *bout   // what it does now; nil while nothing failed
	network      *source // of an address: that of its network, where it was learned; it may be forgotten since, or another's place
	last, first  packet.Ref
	doors        set       // doors tried at any time while it is remembered
	hosts        set       // machines tried
	early        []opening // doors that opened to it lately, before anything failed: the last mostEarly, by earlyN
	earlyN       int
	walks        [classes]walk
	ftp          packet.Addr // the last machine whose port 21 answered it: FTP announces data ports
	members      set         // of a network: its addresses
}

// bout is one stretch of trying doors in vain, up to boutGap of rest.
type bout struct {
	first, last packet.Ref // first packets of its first and last contact
	end         packet.Ref // its last packet, or the last error about one
	fails       int        // doors that failed at their first contact
	opens       int        // doors that opened at their first contact
	hostFails   int        // machines of which nothing opened at the first contact
	hostOpens   int
	refused     int
	silent      int
	again       int // contacts with doors that were known, long after the first
	ports       set // numbers of the doors that failed
	failed      set // the doors that failed
	window      window
	targets     [8]target // machines with the most failures
	how         [numTechniques]int
	bare, nmap  int // SYNs that no operating system's TCP sends
	half, whole int // open doors: handshake left there, or completed
	opened      []opening
	asks        [4]packet.Ref // first contacts that failed
	print       uint32        // fingerprint of the first SYN
	alike       bool          // all SYNs had it
	more        bool          // it tried more doors than are counted
	used        use           // the greatest conversation with an opened door afterwards
	told        int           // doors it had failed at when it was told early; 0: it was not
	toldAt      packet.Time
}

// opening is a door that opened to the source.
type opening struct {
	door
	ask packet.Ref
	ref packet.Ref // the answer
}

// mostOpened bounds the doors that a finding can name.
const mostOpened = 32

// window counts machines that failed within windowSpan.
type window struct {
	from packet.Time
	n    int
	peak int
}

func (w *window) add(at packet.Time) {
	if w.n == 0 || at.Sub(w.from) > windowSpan || w.from.Sub(at) > windowSpan { // outcomes come out of order
		w.from, w.n = at, 0
	}
	w.n++
	w.peak = max(w.peak, w.n)
}

// target is one machine whose doors were tried.
type target struct {
	addr   packet.Addr
	fails  int
	window window
	low    int // failures on ports below 1024
	opens  int
}

// class separates what is judged apart.
type class uint8

const (
	ofTCP class = iota
	ofUDP
	ofICMP
	ofOther
	classes
)

func classOf(t technique) class {
	switch t {
	case udpScan:
		return ofUDP
	case pingScan:
		return ofICMP
	case protoScan:
		return ofOther
	}
	return ofTCP
}

// walk is the sequential test of first contacts: each machine that fails makes it four times likelier that a scanner is
// at work, each that answers four times less likely (success 0.8 for a benign source, 0.2 for a scanner). It is kept for
// each fingerprint of the source, so that the failures of several machines behind a NAT do not add up.
type walk struct {
	steps [3]step
}

type step struct {
	print    uint32
	used     bool
	score    int8 // exponent of four
	fails    uint16
	answered uint16
}

// convict is the score from which on the likelihood ratio is 99 or more: 4^4 = 256 > 0.99/0.01 ≥ 4^3 = 64.
const convict = 4

func (w *walk) add(print uint32, failed bool) {
	s := &w.steps[len(w.steps)-1]
	for i := range w.steps {
		if x := &w.steps[i]; !x.used || x.print == print {
			s = x
			break
		}
	}
	s.used, s.print = true, print
	if failed {
		s.fails += uint16(min(1, 65535-int(s.fails)))
		s.score = min(s.score+1, 100)
		return
	}
	s.answered += uint16(min(1, 65535-int(s.answered)))
	s.score = max(s.score-1, -convict) // no more credit than what acquits
}

// worst is the step that speaks most for a scanner.
func (w *walk) worst() *step {
	b := &w.steps[0]
	for i := range w.steps {
		if w.steps[i].score > b.score {
			b = &w.steps[i]
		}
	}
	return b
}

// use is a conversation with a door that a scan had found.
type use struct {
	door  door
	start packet.Ref
	last  packet.Ref
	bytes uint64
	turns uint32
}

// visits books a contact of a source of which nothing failed with a door that it knows, and reports whether it is one: such a
// contact tells nothing.
func (s *source) visits(c *contact) bool {
	if !s.doors.has(c.sum) {
		return false
	}
	s.noteFTP(c)
	return true
}

func (s *source) noteFTP(c *contact) {
	if c.result == answered && c.to.port == 21 && c.to.proto == packet.ProtoTCP {
		s.ftp = c.to.addr
	}
}

// learn books one contact of the source, and reports whether it was the first with that door; result is not backscatter.
func (s *source) learn(c *contact) (fresh bool) {
	f, sum := c.flow, c.sum
	s.noteFTP(c)
	if !s.doors.add(sum) {
		switch {
		case s.doors.has(sum):
			s.known(c, sum)
		case s.bout != nil: // beyond the room: there are more doors than are counted
			s.bout.more = true
			s.bout.see(c)
			if c.result == answered {
				s.bout.open(c)
			}
		}
		return false
	}
	host := c.host
	newHost := s.hosts.add(host)
	open := c.result == answered
	if open {
		s.doors.open(sum)
	}
	if newHost {
		s.walks[classOf(c.how)].add(c.side.SYNPrint, !open)
	}
	if s.bout == nil {
		if open {
			if newHost {
				s.hosts.open(host)
			}
			s.opens(opening{c.to, f.Start, answerOf(f)})
			return true // nothing failed so far
		}
		s.bout = &bout{first: f.Start, last: f.Start, alike: true}
		lately := s.lately()
		for i := range lately { // a scan may begin with a door that opens
			if x := &lately[i]; f.Start.Time.Sub(x.ask.Time) <= earlyLead {
				s.bout.opened = append(s.bout.opened, *x)
				t := s.bout.target(x.addr)
				if t.opens++; t.opens == 1 {
					s.bout.hostOpens++
				}
			}
		}
		s.earlyN = 0
	}
	b := s.bout
	b.see(c)
	if newHost {
		if open {
			b.hostOpens++
		} else {
			b.hostFails++
			b.window.add(f.Start.Time)
		}
	}
	if open {
		b.opens++
		s.hosts.open(host)
		b.open(c)
		return true
	}
	b.ask(f.Start)
	b.fails++
	if c.result == refused {
		b.refused++
	} else {
		b.silent++
	}
	b.failed.add(sum)
	b.ports.add((uint32(c.to.port)<<8 | uint32(c.to.proto)) * 0x9e3779b1)
	t := b.target(c.to.addr)
	t.fails++
	t.window.add(f.Start.Time)
	if c.to.port < 1024 {
		t.low++
	}
	return true
}

// mostEarly bounds the doors that are kept from before the first failure.
const mostEarly = 4

// opens notes a door that opened before anything failed.
func (s *source) opens(o opening) {
	if s.early == nil {
		s.early = make([]opening, mostEarly)
	}
	s.early[s.earlyN%mostEarly] = o
	s.earlyN++
}

// lately are the doors that opened before anything failed.
func (s *source) lately() []opening {
	if s.earlyN == 0 {
		return nil
	}
	return s.early[:min(s.earlyN, mostEarly)]
}

// ask keeps the earliest of the contacts that failed, in order.
func (b *bout) ask(r packet.Ref) {
	for i := range b.asks {
		x := &b.asks[i]
		if x.IsZero() || r.Time < x.Time {
			r, *x = *x, r
		}
		if r.IsZero() {
			return
		}
	}
}

// known books a contact with a door that was tried before.
func (s *source) known(c *contact, sum uint32) {
	b := s.bout
	if b == nil {
		return
	}
	if c.result == answered && !s.doors.isOpen(sum) {
		s.doors.open(sum)
		b.open(c)
	}
	if c.flow.Start.Time.Sub(b.first.Time) >= againAfter {
		b.again++
	}
	b.see(c)
}

// see notes how a door was tried.
func (b *bout) see(c *contact) {
	f := c.flow
	if f.Start.Time < b.first.Time {
		b.first = f.Start
	}
	if f.Start.Time > b.last.Time {
		b.last = f.Start
	}
	for _, r := range [...]packet.Ref{f.Last, f.Marks[event.MarkICMP]} {
		if r.Time > b.end.Time {
			b.end = r
		}
	}
	if f.What != event.Ended {
		return // once for each flow
	}
	b.how[c.how]++
	if c.how != synScan {
		return
	}
	x := c.side
	switch {
	case b.print == 0:
		b.print = x.SYNPrint
	case b.print != x.SYNPrint:
		b.alike = false
	}
	if x.WScale < 0 && !x.SACKOK && !x.TSSeen {
		switch {
		case x.MSS == 0:
			b.bare++
		case x.MSS == 1460 && x.MaxWindow == 1024:
			b.nmap++
		}
	}
	if c.result == answered {
		if f.Marks[event.MarkHandshake].IsZero() {
			b.half++
		} else {
			b.whole++
		}
	}
}

func (b *bout) open(c *contact) {
	if len(b.opened) < mostOpened {
		b.opened = append(b.opened, opening{c.to, c.flow.Start, answerOf(c.flow)})
	}
	t := b.target(c.to.addr)
	t.opens++
}

func answerOf(f *event.Flow) packet.Ref {
	if r := f.Marks[event.MarkSYNACK]; !r.IsZero() {
		return r
	}
	return f.Last
}

// target returns the place of a machine; the one with the fewest failures makes room.
func (b *bout) target(a packet.Addr) *target {
	least := &b.targets[0]
	for i := range b.targets {
		t := &b.targets[i]
		if t.addr == a {
			return t
		}
		if t.fails+t.opens < least.fails+least.opens {
			least = t
		}
	}
	*least = target{addr: a}
	return least
}

// main is the machine with the most failures.
func (b *bout) main() *target {
	m := &b.targets[0]
	for i := range b.targets {
		if b.targets[i].fails > m.fails {
			m = &b.targets[i]
		}
	}
	return m
}

// bytes is the room a source takes.
func (s *source) bytes() int {
	n := sourceBytes + s.doors.bytes() + s.hosts.bytes() + s.members.bytes() + openingBytes*earlyRoom[min(s.earlyN, mostEarly)]
	if b := s.bout; b != nil {
		n += boutBytes + b.ports.bytes() + b.failed.bytes() + openingBytes*len(b.opened)
	}
	return n
}

// earlyRoom is for how many openings so many take the room, as a list that grows.
var earlyRoom = [mostEarly + 1]int{0, 1, 2, 4, 4}

const (
	sourceBytes  = 520 // with its entry in the table
	boutBytes    = 1500
	openingBytes = int(unsafe.Sizeof(opening{}))
)

const (
	windowSpan = 5 * time.Minute
	// boutGap is the rest that ends a bout.
	boutGap = 10 * time.Minute
	// rememberFor is how long failures at first contact speak against a source.
	rememberFor = 24 * time.Hour
	// againAfter is when a contact with a known door is a visit and no longer a retry.
	againAfter = 30 * time.Second
	// earlyLead is how long before the first failure an opened door still belongs to the search.
	earlyLead = 5 * time.Second
)

// worst is the step of any class that speaks most for a scanner.
func (s *source) worst() *step {
	b := s.walks[0].worst()
	for i := range s.walks {
		if x := s.walks[i].worst(); x.score > b.score {
			b = x
		}
	}
	return b
}
