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

// ID names an open connection of a Shard. Zero is none. IDs are used again.
type ID uint32

// Shard reassembles the connections of one shard.
type Shard struct {
	o       Options
	conns   []*conn // by ID-1
	free    []ID
	buffers pool
	waiting list // directions that wait for Patience, in order of since
	holding list // directions that hold data, in order of their first byte
	now     packet.Time
	cur     *packet.Packet // during Segment
	mark    bool           // of its bytes
	stats   Stats
}

// conn is one connection.
type conn struct {
	sink    Sink
	half    [2]half
	live    bool
	busy    bool // inside a call; Drop waits for its end
	dropped bool
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
	s := &Shard{o: o}
	s.buffers = pool{limit: o.MemCap, used: &s.stats.Bytes}
	s.waiting.which, s.holding.which = 0, 1
	return s
}

// Stats returns the counters so far.
func (s *Shard) Stats() Stats { return s.stats }

// Open begins to reassemble a connection into sink. The next Segment call should be its first packet with data (or a
// SYN): what came before is not missed.
func (s *Shard) Open(start *Start, sink Sink) ID {
	var id ID
	if n := len(s.free); n > 0 {
		id, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.conns = append(s.conns, new(conn))
		id = ID(len(s.conns))
	}
	c := s.conns[id-1]
	c.sink, c.live, c.dropped = sink, true, false
	for d := range c.half {
		h := &c.half[d]
		*h = half{q: h.q, conn: c, dir: packet.Dir(d), fin: noFIN, shift: maxShift}
		side := start.Sides[d]
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
	return id
}

// Ahead asks for the memory of connection id, whose packet's turn is near.
func (s *Shard) Ahead(id ID) {
	if c := s.conn(id); c != nil {
		prefetch.Lines3(unsafe.Pointer(&c.half[0]))
		prefetch.Lines3(unsafe.Pointer(&c.half[1]))
	}
}

// Segment takes one TCP packet of connection id, travelling d, and delivers what it releases; mark goes with its bytes. It
// may add stream anomalies to p. False: both directions are over, and the connection may be dropped.
func (s *Shard) Segment(id ID, d packet.Dir, p *packet.Packet, mark bool) (open bool) {
	c := s.conn(id)
	if c == nil {
		return false
	}
	s.stats.Segments++
	if p.Time > s.now {
		s.now = p.Time
	}
	s.cur, s.mark = p, mark
	c.busy = true
	s.segment(c, d, p)
	if s.stats.Bytes > s.o.MemCap {
		s.shrink()
	}
	c.busy = false
	s.cur = nil
	if c.dropped {
		s.remove(id)
		return false
	}
	return !c.half[0].over || !c.half[1].over
}

// AfterEnd returns how many segments came for directions of which nobody wants more, and their bytes.
func (s *Shard) AfterEnd() (segments, bytes uint64) {
	return s.stats.Discarded[ReasonAfterEnd], s.stats.AfterEnd
}

// Stop ends the interest in direction d: its data is dropped without a word.
func (s *Shard) Stop(id ID, d packet.Dir) {
	if c := s.conn(id); c != nil {
		s.finish(&c.half[d])
	}
}

// Drop forgets the connection without a word to its sink.
func (s *Shard) Drop(id ID) {
	c := s.conn(id)
	if c == nil {
		return
	}
	s.finish(&c.half[0])
	s.finish(&c.half[1])
	if c.busy {
		c.dropped = true
		return
	}
	s.remove(id)
}

// Close delivers what waits, acknowledged or not, with gaps for holes, closes both directions and forgets the
// connection.
func (s *Shard) Close(id ID, why event.EndReason) {
	c := s.conn(id)
	if c == nil {
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
	s.remove(id)
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
			s.removeConn(c)
		}
	}
}

func (s *Shard) conn(id ID) *conn {
	if id == 0 || int(id) > len(s.conns) || !s.conns[id-1].live || s.conns[id-1].dropped {
		return nil
	}
	return s.conns[id-1]
}

func (s *Shard) remove(id ID) {
	c := s.conns[id-1]
	s.finish(&c.half[0])
	s.finish(&c.half[1])
	c.sink, c.live, c.dropped = nil, false, false
	s.free = append(s.free, id)
	s.stats.Live--
}

// removeConn is remove for the rare case that a sink dropped its connection outside Segment.
func (s *Shard) removeConn(c *conn) {
	for i, x := range s.conns {
		if x == c {
			s.remove(ID(i + 1))
			return
		}
	}
}

// shrink releases waiting data early, oldest first, until three quarters of the limit are left: better bytes that the
// receiver may still refuse than a blind spot. What lies between is a gap.
func (s *Shard) shrink() {
	for s.stats.Bytes > s.o.MemCap*3/4 && s.holding.head != nil {
		h := s.holding.head
		c := h.conn
		was := c.busy
		c.busy = true
		s.stats.Evicted++
		if was {
			s.anomaly(packet.StreamReassemblyInsertMemcap)
		}
		s.release(c, h, h.q.list[len(h.q.list)-1].end, true)
		if h.listed[s.holding.which] { // its FIN or a depth limit stands before the data
			s.finish(h)
		}
		c.busy = was
		if !was && c.dropped {
			s.removeConn(c)
		}
	}
}

func (s *Shard) anomaly(a packet.Anomaly) {
	if s.cur != nil {
		s.cur.AddAnomaly(a)
	}
}

func (s *Shard) discard(r Reason) { s.stats.Discarded[r]++ }

// list is a queue of directions; which chooses their links.
type list struct {
	head, tail *half
	which      int
}

func (l *list) push(h *half) {
	w := l.which
	if h.listed[w] {
		return
	}
	h.listed[w] = true
	h.prev[w], h.next[w] = l.tail, nil
	if l.tail != nil {
		l.tail.next[w] = h
	} else {
		l.head = h
	}
	l.tail = h
}

func (l *list) remove(h *half) {
	w := l.which
	if !h.listed[w] {
		return
	}
	h.listed[w] = false
	if h.prev[w] != nil {
		h.prev[w].next[w] = h.next[w]
	} else {
		l.head = h.next[w]
	}
	if h.next[w] != nil {
		h.next[w].prev[w] = h.prev[w]
	} else {
		l.tail = h.prev[w]
	}
	h.prev[w], h.next[w] = nil, nil
}
