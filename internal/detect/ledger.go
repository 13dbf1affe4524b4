package detect

import (
	"slices"
	"time"
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
)

// Outcome is how an attempt to reach a service went.
type Outcome uint8

// Outcomes of an attempt.
const (
	Undecided Outcome = iota // not answered, and not enough tries or time to call it silence
	OutAnswered
	OutRefused // RST, or an ICMP error that quotes it
	OutSilent
)

var outcomeNames = [...]string{"undecided", "answered", "refused", "silent"}

// String returns the word.
func (o Outcome) String() string { return outcomeNames[o] }

// Service is what a client wants to reach.
type Service struct {
	Addr  packet.Addr
	Port  uint16
	Proto uint8
}

// Attempt is one try to reach a service: one flow. What each event of the flow writes lies in the first three lines of the
// cache, and what the ledger asks for when it forgets in the first: it has tens of thousands of them (2026-11-30).
type Attempt struct {
	FlowID    uint64
	Start     packet.Ref
	End       packet.Ref // last packet
	Outcome   Outcome
	live      bool // the flow has not ended
	held      bool // handed out: not to be used for another flow
	Stalled   bool // data got no answer at some time
	Reset     bool
	Closed    bool
	Midstream bool
	OneSided  bool

	LastTry    packet.Ref
	Bytes      [2]uint64
	Packets    uint64
	Think      time.Duration // slowest beginning of an answer
	ThinkTotal time.Duration

	Exchanges uint32
	Tries     uint32
	Retrans   uint32
	MaxStall  uint32 // size of the packet that stalled, bytes
	MSS       uint16
	TTL       uint8
	TS        bool
	ECN       bool
	ICMPType  uint8 // of the error that refused it
	ICMPCode  uint8
	Answer    packet.Ref    // SYN/ACK, RST, ICMP error, first datagram back; zero when none
	Connect   time.Duration // SYN to SYN/ACK; 0 unknown
	ReuseAge  time.Duration // since the earlier connection with the same ports closed; 0 = no such connection

	Client  event.End
	Service Service
	Vantage uint16
	// IdleBeforeStall is the silence before the data that got no answer.
	IdleBeforeStall time.Duration
	_               [16]byte // four lines each
}

// attemptBusy is how much of an attempt the events of its flow write.
const attemptBusy = unsafe.Offsetof(Attempt{}.Client)

// Ledger remembers who reached what, when, with what outcome: the control group of every diagnosis. It is bounded:
// beyond MaxAttempts the oldest attempts of the largest service lose their details, and Known says so.
type Ledger struct {
	max      int
	total    int
	services index         // of order
	order    []*serviceLog // by first sight
	sizes    []int32       // attempts of each of order
	byFlow   flowMap
	spare    []*Attempt // forgotten, or never used
	large    []large    // of trim, kept for the next
	// lastID and last answer the questions of all who look at one event (2026-11-23).
	lastID uint64
	last   *Attempt
	// head is the last event whose service was looked for, and its hash.
	head     *event.Head
	headHash uint32
	// followers are the tables of detectors that use the same hash.
	followers []follower[uint32]
	// ServicesDropped counts services beyond the table's room.
	ServicesDropped uint64
	// cut are attempts that went on when an earlier run ended: their flows come back midstream.
	cut map[cutKey]*Attempt
}

type svcKey struct {
	vantage uint16
	Service
}

type serviceLog struct {
	key      svcKey
	number   int        // index in Ledger.order
	attempts []*Attempt // by start
	trimmed  uint64
	trimTo   packet.Time // attempts up to here are gone
	counts   [4]uint64   // of trimmed attempts, by outcome
}

// NewLedger returns a ledger for at most max attempts.
func NewLedger(max int) *Ledger {
	return &Ledger{max: max, services: newIndex(), byFlow: newFlowMap()}
}

// Handle learns from an event; the border calls it before the detectors see the event.
func (l *Ledger) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Flow:
		l.flow(x)
	case *event.ICMPError:
		if a := l.attempt(x.Head().FlowID); a != nil && x.QuotedDir == packet.ToServer && a.Outcome != OutAnswered && unreachable(x) {
			a.Outcome, a.Answer, a.ICMPType, a.ICMPCode = OutRefused, x.Head().Seen, x.Type, x.Code
		}
	}
}

// unreachable reports an error that ends an attempt: destination unreachable other than "fragmentation needed".
func unreachable(x *event.ICMPError) bool {
	if x.Version == 4 {
		return x.Type == 3 && x.Code != 4
	}
	return x.Type == 1
}

func (l *Ledger) flow(f *event.Flow) {
	h := f.Head()
	if h.Proto != packet.ProtoTCP && h.Proto != packet.ProtoUDP {
		return
	}
	a := l.attempt(h.FlowID)
	if a == nil {
		if f.What == event.Ended || h.FlowID == 0 {
			return
		}
		a = l.begin(f)
		if a == nil {
			return
		}
	}
	s := &f.Sides
	a.End = f.Last
	a.Packets = s[0].Packets + s[1].Packets
	a.Bytes = [2]uint64{s[0].Bytes, s[1].Bytes}
	a.Exchanges, a.Think, a.ThinkTotal = f.Exchanges, f.ThinkMax, f.ThinkTotal
	a.Retrans = s[0].Retrans + s[1].Retrans + s[0].RetransGap + s[1].RetransGap
	a.OneSided = f.OneSided
	if h.Proto == packet.ProtoTCP && f.SYNTries > 0 {
		a.Tries = f.SYNTries
		a.LastTry = f.Marks[event.MarkSYNLast]
	}
	switch f.What {
	case event.Answered, event.Established:
		a.Outcome = OutAnswered
		if r := f.Marks[event.MarkSYNACK]; !r.IsZero() {
			a.Answer = r
		} else if a.Answer.IsZero() {
			a.Answer = h.Seen
		}
		a.Connect = f.RTTServer
		a.ECN = f.ECN
	case event.Refused:
		a.Outcome, a.Answer = OutRefused, f.Refusal.Ref
	case event.Silent:
		if a.Outcome == Undecided {
			a.Outcome = OutSilent
		}
	case event.Stalled:
		a.Stalled = true
		a.MaxStall = max(a.MaxStall, f.Stall.IPLen)
		a.IdleBeforeStall = max(a.IdleBeforeStall, f.Stall.IdleBefore)
	case event.Reset:
		a.Reset = true
	case event.Ended:
		a.Closed = !f.Marks[event.MarkClientFINACK].IsZero() && !f.Marks[event.MarkServerFINACK].IsZero()
		if f.Midstream && a.Outcome == Undecided && s[0].Packets > 0 && s[1].Packets > 0 {
			a.Outcome = OutAnswered
		}
		a.live = false
		l.byFlow.drop(h.FlowID)
		l.lastID, l.last = 0, nil
	}
	if f.Midstream && s[1].Packets > 0 && s[0].Packets > 0 {
		a.Outcome = OutAnswered
	}
}

func (l *Ledger) begin(f *event.Flow) *Attempt {
	h := f.Head()
	k := svcKey{h.Vantage, Service{h.Server.Addr, h.Server.Port, h.Proto}}
	hash := l.hashOf(h, &k)
	log := l.find(&k, hash)
	if log == nil {
		if len(l.order) >= l.max {
			l.ServicesDropped++
			return nil
		}
		log = &serviceLog{key: k, number: len(l.order)}
		l.services.put(hash, log.number)
		l.order = append(l.order, log)
		l.sizes = append(l.sizes, 0)
	}
	if a := l.goesOn(f, &k); a != nil {
		return a
	}
	if l.total >= l.max {
		l.trim()
	}
	c := &f.Sides[packet.ToServer]
	a := l.fresh()
	*a = Attempt{FlowID: h.FlowID, Client: h.Client, Service: k.Service, Vantage: h.Vantage, Start: f.Start, LastTry: f.Start, End: f.Last,
		Tries: 1, Midstream: f.Midstream, TTL: c.TTLFirst, MSS: c.MSS, TS: c.TSSeen, live: true}
	if p := f.Prev; p != nil {
		end := p.Closed
		if end.IsZero() {
			end = p.Last
		}
		a.ReuseAge = f.Start.Time.Sub(end.Time)
	}
	if log.attempts == nil {
		log.attempts = make([]*Attempt, 0, 4)
	}
	log.attempts = append(log.attempts, a)
	l.sizes[log.number]++
	l.byFlow.put(h.FlowID, a)
	l.lastID, l.last = h.FlowID, a
	l.total++
	return a
}

// attemptsAtOnce is how many attempts one allocation makes room for.
const attemptsAtOnce = 16

// fresh returns room for an attempt, of one that was forgotten where there is one: once the ledger is full nothing is
// allocated (2026-11-23). Until then room is made for several at once (2026-11-28).
func (l *Ledger) fresh() *Attempt {
	if len(l.spare) == 0 {
		for more := make([]Attempt, attemptsAtOnce); len(more) > 0; more = more[1:] {
			l.spare = append(l.spare, &more[0])
		}
	}
	n := len(l.spare) - 1
	a := l.spare[n]
	l.spare = l.spare[:n]
	return a
}

func (l *Ledger) hash(k *svcKey) uint32 {
	return l.services.hash(&k.Addr, uint64(k.vantage)<<32|uint64(k.Port)<<8|uint64(k.Proto))
}

// LetGo says that the event at hand is over, and may be another one when it comes again.
func (l *Ledger) LetGo() { l.head = nil }

// hashOf returns the hash of the service k that h goes to: once for all who ask at one event.
func (l *Ledger) hashOf(h *event.Head, k *svcKey) uint32 {
	if l.head != h {
		l.head, l.headHash = h, l.hash(k)
	}
	return l.headHash
}

func (l *Ledger) find(k *svcKey, hash uint32) *serviceLog {
	slots := l.services.slots
	for i := hash; ; i++ {
		s := slots[i&uint32(len(slots)-1)]
		if s.at == 0 {
			return nil
		}
		if s.hash == hash {
			if log := l.order[s.at-1]; log.key == *k {
				return log
			}
		}
	}
}

// trim makes room for a sixteenth of the table: again and again the older half of the largest service's attempts goes;
// of equal ones, of the one seen first. Making room for one attempt at a time would look through all services for each
// (2026-11-23: 8 % of a run). A service that lost its half has fewer than half of what the largest had: all that have
// more come before it, each once.
func (l *Ledger) trim() {
	room := l.max - max(l.max/16, 1)
	for l.total > max(room, 0) {
		least := slices.Max(l.sizes) / 2
		l.large = l.large[:0]
		for i, n := range l.sizes {
			if n > least {
				l.large = append(l.large, large{n, int32(i)})
			}
		}
		slices.SortFunc(l.large, func(a, b large) int {
			if a.size != b.size {
				return int(b.size - a.size)
			}
			return int(a.number - b.number)
		})
		for _, x := range l.large {
			if l.total <= room {
				return
			}
			l.forget(l.order[x.number])
		}
	}
}

// large is a service with many attempts.
type large struct{ size, number int32 }

// forgetAhead is how many attempts before its turn one is asked for when they are forgotten: they rested long, and each would be
// a wait for memory (2026-11-30).
const forgetAhead = 8

// forget drops the older half of a service's attempts.
func (l *Ledger) forget(s *serviceLog) {
	n := min(len(s.attempts)/2+1, len(s.attempts))
	for i, a := range s.attempts[:n] {
		if i+forgetAhead < n {
			prefetch.Line(unsafe.Pointer(s.attempts[i+forgetAhead]))
		}
		s.counts[a.Outcome]++
		s.trimTo = max(s.trimTo, a.Start.Time)
		if a.live {
			l.byFlow.drop(a.FlowID)
		}
		if !a.held {
			l.spare = append(l.spare, a)
		}
	}
	s.trimmed += uint64(n)
	l.total -= n
	l.sizes[s.number] -= int32(n)
	left := len(s.attempts) - n
	if old := s.attempts; cap(old) <= 4*max(left, 4) {
		copy(old, old[n:])
		clear(old[left:])
		s.attempts = old[:left]
	} else { // a service that was large once gives its room back
		s.attempts = append([]*Attempt(nil), old[n:]...)
	}
	l.lastID, l.last = 0, nil
}

// Control is a control group: what happened to others at the same time.
type Control struct {
	Answered, Refused, Silent, Undecided int
	Clients                              int          // distinct client addresses among them
	AnsweredRefs                         []packet.Ref // first four answers
	SilentRefs                           []packet.Ref // first four attempts without one
	Known                                bool         // false: some attempts of that time are no longer remembered
}

// Total is the number of attempts of the group.
func (c *Control) Total() int { return c.Answered + c.Refused + c.Silent + c.Undecided }

// Others returns what happened between from and to at service s of the vantage, without the attempts for which except
// is true (nil: none). An attempt counts when it began, or was answered, in that time.
func (l *Ledger) Others(vantage uint16, s Service, except func(*Attempt) bool, from, to packet.Time) Control {
	k := svcKey{vantage, s}
	log := l.find(&k, l.hash(&k))
	c := Control{Known: true}
	if log == nil {
		return c
	}
	c.Known = log.trimmed == 0 || log.trimTo < from
	l.collect(&c, log.attempts, except, from, to)
	return c
}

// Server returns the same over all services of the address.
func (l *Ledger) Server(vantage uint16, addr packet.Addr, except func(*Attempt) bool, from, to packet.Time) Control {
	c := Control{Known: true}
	for _, log := range l.order {
		if log.key.vantage == vantage && log.key.Addr == addr {
			c.Known = c.Known && (log.trimmed == 0 || log.trimTo < from)
			l.collect(&c, log.attempts, except, from, to)
		}
	}
	return c
}

func (l *Ledger) collect(c *Control, as []*Attempt, except func(*Attempt) bool, from, to packet.Time) {
	clients := map[packet.Addr]struct{}{}
	for _, a := range as {
		in := a.Start.Time >= from && a.Start.Time <= to || !a.Answer.IsZero() && a.Answer.Time >= from && a.Answer.Time <= to
		if !in || except != nil && except(a) {
			continue
		}
		clients[a.Client.Addr] = struct{}{}
		switch a.Outcome {
		case OutAnswered:
			c.Answered++
			if len(c.AnsweredRefs) < 4 && !a.Answer.IsZero() {
				c.AnsweredRefs = append(c.AnsweredRefs, a.Answer)
			}
		case OutRefused:
			c.Refused++
		case OutSilent:
			c.Silent++
			if len(c.SilentRefs) < 4 {
				c.SilentRefs = append(c.SilentRefs, a.Start)
			}
		default:
			c.Undecided++
		}
	}
	c.Clients += len(clients)
}

// Attempts calls f for each remembered attempt at service s (zero Addr: any; zero Port: any; zero Proto: any), in order
// of service and start, until f returns false. They are good until the next event.
func (l *Ledger) Attempts(s Service, f func(*Attempt) bool) {
	for _, log := range l.order {
		if !s.Addr.IsZero() && log.key.Addr != s.Addr || s.Port != 0 && log.key.Port != s.Port || s.Proto != 0 && log.key.Proto != s.Proto {
			continue
		}
		for _, a := range log.attempts {
			if !f(a) {
				return
			}
		}
	}
}

// Len is how many attempts are remembered.
func (l *Ledger) Len() int { return l.total }

// Attempt returns the attempt of a live flow, or nil. It may be kept: it goes on to tell what became of the flow for as
// long as the ledger remembers that.
func (l *Ledger) Attempt(flow uint64) *Attempt {
	a := l.attempt(flow)
	if a != nil {
		a.held = true
	}
	return a
}

func (l *Ledger) attempt(flow uint64) *Attempt {
	if l.last == nil || flow != l.lastID {
		l.lastID, l.last = flow, l.byFlow.get(flow)
	}
	return l.last
}
