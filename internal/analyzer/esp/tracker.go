package esp

import (
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	// tellEvery is the time between two events of an association that goes on.
	tellEvery = 5 * time.Second
	// silentAfter is the pause after which an association is called silent.
	silentAfter = 10 * time.Second
	// forgetAfter is the pause after which it is forgotten: rekeyed, or dead.
	forgetAfter = 10 * time.Minute
	// early is up to how many packets an association is told of at 2, 4, 8, …: short ones are seen whole.
	early = 64
)

// Tracker follows the associations of one flow, or of one shard. Its zero value is of no use.
type Tracker struct {
	kind  event.Kind
	most  int
	by    map[key]*sa
	list  []*sa // by first sight
	last  [2]*sa
	sweep packet.Time // when to look for silent ones again
	spare *sa
	// Evicted counts associations forgotten for lack of room.
	Evicted uint64
}

type key struct {
	from, to packet.Addr
	spi      uint32
	tunnel   uint32
	vantage  uint16
	ah       bool
}

// sa is one association.
type sa struct {
	key
	head   event.Head
	facts  Facts
	window uint64 // bit n: the number Highest-n was seen
	told   packet.Time
	silent bool
}

// NewTracker returns a tracker for at most most associations whose events have the kind.
func NewTracker(kind event.Kind, most int) *Tracker {
	return &Tracker{kind: kind, most: max(most, 1), by: map[key]*sa{}}
}

// Datagram reads one UDP-encapsulated ESP packet (RFC 3948 2.1) that travelled d. b is its payload.
func (t *Tracker) Datagram(c *analyzer.Context, d packet.Dir, b []byte) {
	if m, ok := Parse(false, b); ok && c.Wanted(t.kind) {
		t.packet(c, m, d, c.Packet())
	}
}

// Before reads a datagram that came before its flow was known to carry ESP: p is its packet, b its first bytes.
func (t *Tracker) Before(c *analyzer.Context, d packet.Dir, p *packet.Packet, b []byte) {
	if m, ok := Parse(false, b); ok && c.Wanted(t.kind) {
		t.packet(c, m, d, p)
	}
}

func (t *Tracker) packet(c *analyzer.Context, m Message, d packet.Dir, p *packet.Packet) {
	now, k := p.Time, key{from: p.Src, to: p.Dst, spi: m.SPI, ah: m.AH, vantage: p.Vantage, tunnel: p.Tunnel}
	if now >= t.sweep {
		t.lookForSilence(c, now)
	}
	s := t.last[d]
	if s == nil || s.key != k {
		if s = t.by[k]; s == nil {
			s = t.begin(c, k, d, p)
		}
		t.last[d] = s
	}
	f := &s.facts
	f.Packets++
	f.Bytes += uint64(p.IPLen)
	f.Last = p.Ref()
	s.count(m.Seq)
	s.silent = false
	switch {
	case f.Packets == 1:
		t.tell(c, s, Started, now)
	case now.Sub(s.told) >= tellEvery, f.Packets <= early && f.Packets&(f.Packets-1) == 0:
		t.tell(c, s, Going, now)
	}
}

// count follows the sequence numbers as a receiver does (RFC 4303 3.4.3), with a window of 64.
func (s *sa) count(seq uint32) {
	f := &s.facts
	if f.Packets == 1 {
		f.FirstSeq, f.Highest, s.window = seq, seq, 1
		return
	}
	ahead := seq - f.Highest
	switch {
	case ahead == 0:
		f.Repeated++
	case ahead < 1<<31:
		f.Missing += uint64(ahead - 1)
		s.window = s.window<<min(ahead, 64) | 1
		if ahead >= 64 {
			s.window = 1
		}
		f.Highest = seq
	default:
		back := f.Highest - seq
		switch {
		case back >= 64:
			f.Old++
		case s.window&(1<<back) != 0:
			f.Repeated++
		default:
			s.window |= 1 << back
			f.Late++
			if f.Missing > 0 {
				f.Missing--
			}
		}
	}
}

func (t *Tracker) begin(c *analyzer.Context, k key, d packet.Dir, p *packet.Packet) *sa {
	if len(t.list) >= t.most { // the one that rested longest makes room
		at := 0
		for i, s := range t.list {
			if s.facts.Last.Time < t.list[at].facts.Last.Time {
				at = i
			}
		}
		t.drop(at)
		t.Evicted++
	}
	s := t.spare
	if t.spare = nil; s == nil {
		s = new(sa)
	}
	*s = sa{key: k, head: c.Head(t.kind)}
	s.facts = Facts{SPI: k.spi, AH: k.ah, Dir: d, From: k.from, To: k.to, UDP: p.Proto == packet.ProtoUDP, First: p.Ref()}
	t.by[k] = s
	t.list = append(t.list, s)
	return s
}

func (t *Tracker) drop(i int) {
	s := t.list[i]
	delete(t.by, s.key)
	for d := range t.last {
		if t.last[d] == s {
			t.last[d] = nil
		}
	}
	t.list = append(t.list[:i], t.list[i+1:]...)
	t.spare = s
}

// lookForSilence says which associations have paused, and forgets those that did for long.
func (t *Tracker) lookForSilence(c *analyzer.Context, now packet.Time) {
	t.sweep = now.Add(tellEvery)
	for i := 0; i < len(t.list); i++ {
		s := t.list[i]
		rest := now.Sub(s.facts.Last.Time)
		if rest >= silentAfter && !s.silent {
			s.silent = true
			t.tell(c, s, Silent, now)
		}
		if rest >= forgetAfter {
			t.drop(i)
			i--
		}
	}
}

func (t *Tracker) tell(c *analyzer.Context, s *sa, what What, now packet.Time) {
	s.told = now
	h := c.Head(t.kind)
	h.Client, h.Server, h.FlowID, h.Proto, h.Vantage, h.Tunnel = s.head.Client, s.head.Server, s.head.FlowID, s.head.Proto, s.head.Vantage, s.head.Tunnel
	c.Emit(&Event{head: h, What: what, Facts: s.facts})
}

// Close tells how far each association came: their flow has ended.
func (t *Tracker) Close(c *analyzer.Context) {
	if c.Wanted(t.kind) {
		for _, s := range t.list {
			if !s.silent && s.facts.Packets > 1 {
				t.tell(c, s, Ended, s.facts.Last.Time)
			}
		}
	}
}

// Reset forgets everything.
func (t *Tracker) Reset() {
	clear(t.by)
	t.list, t.last, t.sweep, t.spare = t.list[:0], [2]*sa{}, 0, nil
}
