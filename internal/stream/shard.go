package stream

import (
	"time"
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
)

// Defaults of Options.
const (
	DefaultMemCap   = 32 << 20
	DefaultPatience = time.Second
	DefaultGapBytes = 256 << 10
	DefaultMaxRuns  = 4096
)

// Urgent says what becomes of urgent data.
type Urgent uint8

// Ways to treat the urgent byte.
const (
	// UrgentOOB takes the last urgent byte out of the stream, as sockets do unless SO_OOBINLINE is set.
	UrgentOOB Urgent = iota
	// UrgentInline leaves it in, as RFC 6093 wants applications to ask for.
	UrgentInline
)

// Options bound a Shard. The zero value means the defaults.
type Options struct {
	MemCap int    // bytes of waiting data, over all connections
	Depth  uint64 // bytes delivered per direction; 0 = no limit
	// Patience is how long a hole that the receiver acknowledged may still be filled, and how long a side may send
	// before a silent other side is taken as unseen. Captures reorder packets by less than a second.
	Patience time.Duration
	GapBytes int64 // acknowledged data behind a hole from which on the hole counts as lost at once
	MaxRuns  int   // runs of waiting data per direction, out of order
	Urgent   Urgent
	// Inline delivers bytes as soon as they are in order, without waiting for the receiver to acknowledge them: for who stands
	// between the two and sees what he lets pass.
	Inline bool
	// Policy chooses the overlap policy of a receiver; nil means PolicyBSD for all. See ByPrefix.
	Policy func(dst packet.Addr) Policy
}

// Start is what is known of a connection when it is opened. The zero Side knows nothing: the first packet given then
// tells where the stream begins.
type Start struct {
	Client, Server packet.Addr
	Sides          [2]Side // by the direction their data travels
}

// Side is one end of a connection at Open.
type Side struct {
	ISN      uint32 // sequence number of its SYN
	HasISN   bool   // the SYN was seen and nothing of the stream is over yet
	WScale   uint8  // window shift that its SYN announced, 0 = none
	HasScale bool   // WScale is known; else the largest shift is assumed
}

// Conn is an open connection of a Shard. It is of no use once it was dropped or closed: another connection may have it then.
// What most segments need stands first, and so it does in half (2026-11-30).
type Conn struct {
	sink    Sink
	live    bool
	busy    bool // inside a call; Drop waits for its end
	dropped bool
	steady  bool // the usual way may be tried
	half    [2]half
}

// Shard reassembles the connections of one shard.
type Shard struct {
	o       Options
	free    []*Conn
	buffers pool
	waiting list // directions that wait for Patience, in order of since
	holding holders
	holds   uint64 // how often a direction began to hold data
	now     packet.Time
	cur     *packet.Packet // during Segment
	mark    bool           // of its bytes
	long    bool           // no segment takes the usual way: Options.Inline, and tests
	stats   Stats
}

// New returns a shard without connections.
func New(o Options) *Shard {
	if o.MemCap <= 0 {
		o.MemCap = DefaultMemCap
	}
	if o.Patience <= 0 {
		o.Patience = DefaultPatience
	}
	if o.GapBytes <= 0 {
		o.GapBytes = DefaultGapBytes
	}
	if o.MaxRuns <= 0 {
		o.MaxRuns = DefaultMaxRuns
	}
	s := &Shard{o: o, long: o.Inline}
	s.buffers = pool{limit: o.MemCap, used: &s.stats.Bytes}
	return s
}

// Stats returns the counters so far.
func (s *Shard) Stats() Stats { return s.stats }

// Open begins to reassemble a connection into sink. The next Segment call should be its first packet with data (or a
// SYN): what came before is not missed.
func (s *Shard) Open(start *Start, sink Sink) *Conn {
	var c *Conn
	if n := len(s.free); n > 0 {
		c, s.free = s.free[n-1], s.free[:n-1]
	} else {
		c = new(Conn)
	}
	c.sink, c.live, c.dropped, c.steady = sink, true, false, false
	for d := range c.half {
		h := &c.half[d]
		noted := h.noted
		*h = half{}
		h.noted, h.conn, h.dir, h.fin, h.shift = noted, c, packet.Dir(d), noFIN, maxShift
		side := &start.Sides[d]
		if side.HasISN {
			h.known, h.firm, h.zero = true, true, side.ISN+1
		}
		if side.HasScale {
			h.shift = min(side.WScale, maxShift)
		}
		if s.o.Policy != nil {
			if packet.Dir(d) == packet.ToServer {
				h.policy = s.o.Policy(start.Server)
			} else {
				h.policy = s.o.Policy(start.Client)
			}
		}
	}
	s.stats.Opened++
	s.stats.Live++
	return c
}

// Ahead asks for the memory of c, whose packet's turn is near: of what the usual segment needs.
func (c *Conn) Ahead() {
	prefetch.Lines3(unsafe.Pointer(c))
	prefetch.Lines3(unsafe.Pointer(&c.half[0].q.one))
	prefetch.Lines3(unsafe.Pointer(&c.half[1]))
}

// open reports whether c is a connection that goes on.
func (c *Conn) open() bool { return c != nil && c.live && !c.dropped }

// Segment takes one TCP packet of connection c, travelling d, and delivers what it releases; mark goes with its bytes. It
// may add stream anomalies to p. False: both directions are over, and the connection may be dropped.
func (s *Shard) Segment(c *Conn, d packet.Dir, p *packet.Packet, mark bool) (open bool) {
	if !c.open() {
		return false
	}
	s.stats.Segments++
	if p.Time > s.now {
		s.now = p.Time
	}
	s.cur, s.mark = p, mark
	c.busy = true
	if !c.steady || !s.usual(c, d, p) {
		s.segment(c, d, p)
		c.steady = !s.long && c.half[0].steady() && c.half[1].steady()
	}
	if s.stats.Bytes > s.o.MemCap {
		s.shrink()
	}
	c.busy = false
	s.cur = nil
	if c.dropped {
		s.remove(c)
		return false
	}
	return !c.half[0].over || !c.half[1].over
}

// AfterEnd returns how many segments came for directions of which nobody wants more, and their bytes.
func (s *Shard) AfterEnd() (segments, bytes uint64) {
	return s.stats.Discarded[ReasonAfterEnd], s.stats.AfterEnd
}

// Stop ends the interest in direction d: its data is dropped without a word.
func (s *Shard) Stop(c *Conn, d packet.Dir) {
	if c.open() {
		s.finish(&c.half[d])
	}
}

// Drop forgets the connection without a word to its sink.
func (s *Shard) Drop(c *Conn) {
	if !c.open() {
		return
	}
	if c.busy {
		s.finish(&c.half[0])
		s.finish(&c.half[1])
		c.dropped = true
		return
	}
	s.remove(c)
}

// Close delivers what waits, acknowledged or not, with gaps for holes, closes both directions and forgets the
// connection.
func (s *Shard) Close(c *Conn, why event.EndReason) {
	if !c.open() {
		return
	}
	was := c.busy
	c.busy = true
	s.endBoth(c, packet.ToServer, EndOf(why))
	c.busy = was
	if was {
		c.dropped = true
		return
	}
	s.remove(c)
}

// Age lets time pass: now is the highest packet time so far.
func (s *Shard) Age(now packet.Time) {
	if now > s.now {
		s.now = now
	}
	for h := s.waiting.head; h != nil && s.now.Sub(h.since) >= s.o.Patience; h = s.waiting.head {
		c := h.conn
		c.busy = true
		s.waitOver(c, h)
		c.busy = false
		if c.dropped {
			s.remove(c)
		}
	}
}

// remove forgets c.
func (s *Shard) remove(c *Conn) {
	s.finish(&c.half[0])
	s.finish(&c.half[1])
	c.sink, c.live, c.dropped = nil, false, false
	s.free = append(s.free, c)
	s.stats.Live--
}

// shrink releases waiting data early, oldest first, until three quarters of the limit are left: better bytes that the
// receiver may still refuse than a blind spot. What lies between is a gap.
func (s *Shard) shrink() {
	for s.stats.Bytes > s.o.MemCap*3/4 && len(s.holding) > 0 {
		h := s.holding[0].h
		if h.q.empty() {
			s.holding.pop()
			continue
		}
		if s.holding[0].since != h.held { // it was emptied meanwhile and began anew
			s.holding[0].since = h.held
			s.holding.sink()
			continue
		}
		c := h.conn
		was := c.busy
		c.busy = true
		s.stats.Evicted++
		if was {
			s.anomaly(packet.StreamReassemblyInsertMemcap)
		}
		s.release(c, h, h.q.list[len(h.q.list)-1].end, true)
		if !h.q.empty() { // its FIN or a depth limit stands before the data
			s.finish(h)
		}
		c.busy = was
		if !was && c.dropped {
			s.remove(c)
		}
	}
}

func (s *Shard) anomaly(a packet.Anomaly) {
	if s.cur != nil {
		s.cur.AddAnomaly(a)
	}
}

func (s *Shard) discard(r Reason) { s.stats.Discarded[r]++ }

// holders are the directions that hold data, or did: a heap by when they began to, or did before. A direction whose data is
// released stays where it is: each request and each answer would enter and leave a list, next to directions whose memory is
// far, and only shrink asks (2026-11-30).
type holders []holder

type holder struct {
	since uint64 // half.held, or an earlier one
	h     *half
}

// add notes that h begins to hold data, now the latest of all.
func (q *holders) add(h *half) {
	if !h.noted {
		h.noted = true
		*q = append(*q, holder{h.held, h})
	}
}

// pop takes the first away.
func (q *holders) pop() {
	l := *q
	n := len(l) - 1
	l[0].h.noted = false
	l[0], l[n] = l[n], holder{}
	*q = l[:n]
	q.sink()
}

// sink brings the first to its place.
func (q *holders) sink() {
	l := *q
	for i := 0; ; {
		k := 2*i + 1
		if k+1 < len(l) && l[k+1].since < l[k].since {
			k++
		}
		if k >= len(l) || l[i].since <= l[k].since {
			return
		}
		l[i], l[k] = l[k], l[i]
		i = k
	}
}

// list is the queue of the directions that wait.
type list struct{ head, tail *half }

func (l *list) push(h *half) {
	if h.listed {
		return
	}
	h.listed = true
	h.prev, h.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = h
	} else {
		l.head = h
	}
	l.tail = h
}

func (l *list) remove(h *half) {
	if h.listed {
		l.unlink(h)
	}
}

func (l *list) unlink(h *half) {
	h.listed = false
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		l.head = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	} else {
		l.tail = h.prev
	}
	h.prev, h.next = nil, nil
}
