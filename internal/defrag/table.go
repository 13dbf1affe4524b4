package defrag

import (
	"bytes"
	"encoding/binary"
	"sync"
	"time"

	"firestorm/internal/packet"
)

// Defaults of Options: the marks and the timeout of the first Firestorm sensor.
const (
	DefaultHigh         = 1 << 20
	DefaultLow          = 768 << 10
	DefaultTimeout      = 60 * time.Second
	DefaultMaxDatagrams = 4096
	DefaultMaxFragments = 2048 // 65535 bytes over the smallest legal IPv4 MTU of 68 make 1366
)

// linger is how long a completed datagram is remembered, so that late copies of its fragments do not look like a new
// datagram whose rest is lost. It is short because busy hosts use an identification again soon (RFC 4963).
const linger = 200 * time.Millisecond

// Options bound a Table. The zero value means the defaults.
type Options struct {
	High         int           // bytes held from which datagrams are evicted, oldest first
	Low          int           // bytes held at which eviction stops; at most High
	MaxDatagrams int           // incomplete datagrams held at once
	MaxFragments int           // fragments of one datagram
	Timeout      time.Duration // from the first fragment (RFC 8200 4.5, RFC 1122 3.3.2)
	MinTTL       uint8         // fragments with a smaller TTL or hop limit are ignored; 0 takes all
	// Policy chooses the IPv4 overlap policy of a destination; nil means PolicyBSD for all. See ByPrefix.
	Policy func(dst packet.Addr) Policy
	// Incomplete is called for each datagram given up, in order; nil ignores them.
	Incomplete func(Incomplete)
}

// Incomplete is a datagram of which fragments were seen, but never all.
type Incomplete struct {
	Why       Reason
	First     packet.Ref // first fragment that arrived
	Last      packet.Ref // last fragment that arrived
	Src, Dst  packet.Addr
	ID        uint32
	Bytes     uint32 // data held
	Total     uint32 // data of the whole datagram; 0 = the last fragment was not seen
	Fragments uint32 // seen, duplicates not counted
	Vantage   uint16
	Tunnel    uint32
	Proto     uint8  // of the fragment at offset 0 if HasFirst, else as the first arrival claims
	Version   uint8  // 4 or 6
	HasFirst  bool   // the fragment at offset 0 was seen
	SrcPort   uint16 // of TCP and UDP, from the fragment at offset 0; else 0
	DstPort   uint16
	Truncated bool // the capture cut fragments short: the datagram may have been whole on the wire
}

// key names a datagram: RFC 791 adds the protocol for IPv4, RFC 8200 does not for IPv6.
type key struct {
	src, dst packet.Addr
	id       uint32
	tunnel   uint32
	vantage  uint16
	version  uint8
	proto    uint8
}

type state uint8

const (
	waiting state = iota
	spoiled       // IPv6 overlap: swallow the rest
	done          // completed: swallow copies
)

// fragment is the data of one fragment, in a buffer of the pool.
type fragment struct {
	buf        []byte
	start, end uint32
}

// datagram is one entry of the table.
type datagram struct {
	key        key
	prev, next *datagram // in its queue, oldest first
	state      state
	since      packet.Time // first fragment; of a completed one: completion
	first      packet.Ref
	last       packet.Ref
	refs       []packet.Ref
	frags      []fragment
	held       pieces
	head       []byte // IP header for the whole: from the fragment at offset 0; nil until seen
	nextHeader int    // IPv6: where in head the field stands that named the fragment header
	total      uint32
	hasTotal   bool
	truncated  bool
	mem        int
	proto      uint8
	policy     Policy
}

// Rough cost of the bookkeeping, counted with the data so that many tiny fragments cannot slip under the mark.
const (
	datagramCost = 256
	fragmentCost = 96
)

// Table holds incomplete datagrams.
type Table struct {
	o       Options
	byKey   map[key]*datagram // only looked up, never walked: order stays out of results
	queue   queue             // waiting and spoiled
	done    queue
	spare   []*datagram
	buffers pool
	scratch pieces
	refs    []packet.Ref
	stats   Stats

	outMu sync.Mutex
	out   pool
}

// New returns an empty table.
func New(o Options) *Table {
	if o.High <= 0 {
		o.High, o.Low = DefaultHigh, DefaultLow
	}
	if o.Low <= 0 || o.Low > o.High {
		o.Low = o.High * 3 / 4
	}
	if o.MaxDatagrams <= 0 {
		o.MaxDatagrams = DefaultMaxDatagrams
	}
	if o.MaxFragments <= 0 {
		o.MaxFragments = DefaultMaxFragments
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	return &Table{
		o:       o,
		byKey:   make(map[key]*datagram),
		buffers: pool{limit: o.High},
		out:     pool{limit: 4 << 20},
	}
}

// Stats returns the counters so far.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Waiting = t.queue.n
	return s
}

// Refs returns the frames of the datagram that the last Packet call completed, in order of arrival, the completing
// one last. It is valid until the next call of Packet.
func (t *Table) Refs() []packet.Ref { return t.refs }

// Packet looks at one decoded packet. False: p is as before (perhaps with anomalies added); a fragment was taken in
// or dropped. True: p completed a datagram. Then p.Data is the datagram, ready for packet.DecodeDatagram, which
// forgets the anomalies of the fragment: report those first. p keeps frame number, time and link fields of the
// fragment that completed it. p.Data belongs to the table; it stays valid until handed to Recycle.
//
// A datagram may hold a fragment of a tunnelled one: after DecodeDatagram, offer p again.
func (t *Table) Packet(p *packet.Packet) bool {
	if p.IPFlags&packet.Fragment == 0 {
		return false
	}
	t.stats.Fragments++
	f, why := parse(p)
	if why == ReasonNone && f.ttl < t.o.MinTTL {
		why = ReasonLowTTL
	}
	switch why {
	case ReasonNone, ReasonTruncated:
	case ReasonTooLarge:
		p.AddAnomaly(byVersion(f.key.version, packet.BadIPv4FragPktTooLarge, packet.BadIPv6FragPktTooLarge))
		t.stats.Discarded[why]++
		return false
	case ReasonBadLength:
		p.AddAnomaly(byVersion(f.key.version, packet.BadIPv4FragIgnored, packet.BadIPv6FragInvalidLength))
		t.stats.Discarded[why]++
		return false
	default:
		t.stats.Discarded[why]++
		return false
	}
	d := t.find(f.key, p)
	if d.state == done {
		t.stats.Duplicates++
		return false
	}
	d.last = p.Ref()
	if why == ReasonTruncated {
		d.truncated = true
		t.stats.Discarded[why]++
		return false
	}
	if d.state == spoiled {
		t.stats.Discarded[ReasonOverlap]++
		return false
	}
	if !t.take(d, &f, p) {
		return false
	}
	if d.head != nil && d.hasTotal && len(d.held) > 0 && d.held[0].start == 0 && d.held.size() == d.total {
		t.complete(d, p)
		return true
	}
	t.shrink()
	return false
}

func byVersion(v uint8, four, six packet.Anomaly) packet.Anomaly {
	if v == 6 {
		return six
	}
	return four
}

// find returns the entry of k, a new one if there is none or the old one's time is up.
func (t *Table) find(k key, p *packet.Packet) *datagram {
	if d := t.byKey[k]; d != nil {
		age := p.Time.Sub(d.since)
		switch {
		case d.state == done && age <= linger:
			return d
		case d.state == done:
			t.drop(d)
		case age < t.o.Timeout:
			return d
		default:
			t.giveUp(d, ReasonTimeout)
		}
	}
	if t.queue.n >= t.o.MaxDatagrams {
		t.giveUp(t.queue.head, ReasonFull)
	}
	if t.done.n >= t.o.MaxDatagrams {
		t.drop(t.done.head)
	}
	var d *datagram
	if n := len(t.spare); n > 0 {
		d, t.spare = t.spare[n-1], t.spare[:n-1]
	} else {
		d = new(datagram)
	}
	d.key, d.since, d.first, d.proto = k, p.Time, p.Ref(), p.Proto
	d.policy = PolicyBSD
	if t.o.Policy != nil {
		d.policy = t.o.Policy(k.dst)
	}
	t.charge(d, datagramCost)
	t.byKey[k] = d
	t.queue.push(d)
	return d
}

// take adds fragment f to d; false when it changed nothing that could complete d.
func (t *Table) take(d *datagram, f *parsed, p *packet.Packet) bool {
	end := f.start + uint32(len(f.data))
	i, j := d.held.overlap(f.start, end)
	if i < j {
		old := &d.frags[d.held[i].frag]
		if old.start == f.start && old.end == end && bytes.Equal(old.buf, f.data) {
			t.stats.Duplicates++
			return false
		}
		t.stats.Overlaps++
		if t.conflicts(d, f, i, j) {
			t.stats.Conflicts++
		}
		p.AddAnomaly(byVersion(f.key.version, packet.BadIPv4FragOverlap, packet.BadIPv6FragOverlap))
		if f.key.version == 6 {
			t.spoil(d)
			return false
		}
	}
	highest := uint32(0)
	if n := len(d.held); n > 0 {
		highest = d.held[n-1].end
	}
	var why Reason
	switch {
	case d.hasTotal && (end > d.total || !f.more && end != d.total), !f.more && end < highest:
		why = ReasonEndConflict
	case len(d.frags) >= t.o.MaxFragments:
		why = ReasonTooMany
	}
	if why != ReasonNone {
		t.stats.Discarded[why]++
		p.AddAnomaly(byVersion(f.key.version, packet.BadIPv4FragIgnored, packet.BadIPv6FragIgnored))
		return false
	}
	if !f.more {
		d.total, d.hasTotal = end, true
	}
	if f.start == 0 && d.head == nil {
		d.head = t.buffers.get(len(f.head))
		copy(d.head, f.head)
		d.nextHeader = f.nextHeader
		d.proto = f.proto
		t.charge(d, cap(d.head))
		if f.tiny {
			t.stats.TinyFirst++
		}
	}
	buf := t.buffers.get(len(f.data))
	copy(buf, f.data)
	t.charge(d, cap(buf)+fragmentCost)
	d.held, t.scratch = d.held.insert(i, j, f.start, end, uint32(len(d.frags)), d.policy, t.scratch)
	d.frags = append(d.frags, fragment{buf, f.start, end})
	d.refs = append(d.refs, p.Ref())
	return true
}

// conflicts reports whether f differs from what d holds in runs i to j.
func (t *Table) conflicts(d *datagram, f *parsed, i, j int) bool {
	end := f.start + uint32(len(f.data))
	for _, o := range d.held[i:j] {
		lo, hi := max(o.start, f.start), min(o.end, end)
		have := &d.frags[o.frag]
		if !bytes.Equal(have.buf[lo-have.start:hi-have.start], f.data[lo-f.start:hi-f.start]) {
			return true
		}
	}
	return false
}

// spoil drops the data of an IPv6 datagram whose fragments overlap; the entry stays to swallow the rest, also the
// fragments yet to come (RFC 5722 4).
func (t *Table) spoil(d *datagram) {
	n := uint64(len(d.frags)) + 1
	t.stats.Discarded[ReasonOverlap] += n
	t.stats.GivenUp[ReasonOverlap]++
	t.report(d, ReasonOverlap)
	t.empty(d)
	t.charge(d, datagramCost)
	d.state = spoiled
}

// Age gives up datagrams whose time is up at now, the highest packet time so far.
func (t *Table) Age(now packet.Time) {
	for d := t.queue.head; d != nil && now.Sub(d.since) >= t.o.Timeout; d = t.queue.head {
		t.giveUp(d, ReasonTimeout)
	}
	for d := t.done.head; d != nil && now.Sub(d.since) > linger; d = t.done.head {
		t.drop(d)
	}
}

// End gives up what is still incomplete when the input ends. That proves no loss: the rest may have come later.
func (t *Table) End() {
	for t.queue.head != nil {
		t.giveUp(t.queue.head, ReasonInputEnd)
	}
	for t.done.head != nil {
		t.drop(t.done.head)
	}
}

// shrink evicts the oldest datagrams once the high mark is passed, down to the low mark.
func (t *Table) shrink() {
	if t.stats.Bytes <= t.o.High {
		return
	}
	for t.stats.Bytes > t.o.Low && t.queue.head != nil {
		t.giveUp(t.queue.head, ReasonMemory)
	}
}

func (t *Table) giveUp(d *datagram, why Reason) {
	if d.state == waiting {
		t.stats.Discarded[why] += uint64(len(d.frags))
		t.stats.GivenUp[why]++
		t.report(d, why)
	}
	t.drop(d)
}

func (t *Table) report(d *datagram, why Reason) {
	if t.o.Incomplete == nil {
		return
	}
	src, dst := d.ports()
	t.o.Incomplete(Incomplete{
		Why: why, First: d.first, Last: d.last, Src: d.key.src, Dst: d.key.dst, ID: d.key.id,
		Bytes: d.held.size(), Total: d.total, Fragments: uint32(len(d.frags)), Vantage: d.key.vantage,
		Tunnel: d.key.tunnel, Proto: d.proto, Version: d.key.version, HasFirst: d.head != nil, Truncated: d.truncated, SrcPort: src, DstPort: dst,
	})
}

// ports reads the ports in the fragment at offset 0, if that came.
func (d *datagram) ports() (src, dst uint16) {
	if d.proto != packet.ProtoTCP && d.proto != packet.ProtoUDP {
		return 0, 0
	}
	for i := range d.frags {
		if f := &d.frags[i]; f.start == 0 && f.end >= 4 {
			return binary.BigEndian.Uint16(f.buf), binary.BigEndian.Uint16(f.buf[2:])
		}
	}
	return 0, 0
}

func (t *Table) charge(d *datagram, n int) {
	d.mem += n
	t.stats.Bytes += n
}

// empty releases the data of d and what it was charged for.
func (t *Table) empty(d *datagram) {
	for i := range d.frags {
		t.buffers.put(d.frags[i].buf)
		d.frags[i].buf = nil
	}
	if d.head != nil {
		t.buffers.put(d.head)
		d.head = nil
	}
	d.frags, d.held, d.refs = d.frags[:0], d.held[:0], d.refs[:0]
	t.stats.Bytes -= d.mem
	d.mem = 0
}

// drop takes d out of the table.
func (t *Table) drop(d *datagram) {
	t.empty(d)
	if d.state == done {
		t.done.remove(d)
	} else {
		t.queue.remove(d)
	}
	delete(t.byKey, d.key)
	frags, held, refs := d.frags, d.held, d.refs
	*d = datagram{}
	if cap(frags) <= 64 {
		d.frags, d.held, d.refs = frags, held, refs
	}
	if len(t.spare) < 1024 {
		t.spare = append(t.spare, d)
	}
}

// queue is a list of datagrams in order of arrival; with one timeout for all, the head is always next to expire.
type queue struct {
	head, tail *datagram
	n          int
}

func (q *queue) push(d *datagram) {
	d.prev, d.next = q.tail, nil
	if q.tail != nil {
		q.tail.next = d
	} else {
		q.head = d
	}
	q.tail = d
	q.n++
}

func (q *queue) remove(d *datagram) {
	if d.prev != nil {
		d.prev.next = d.next
	} else {
		q.head = d.next
	}
	if d.next != nil {
		d.next.prev = d.prev
	} else {
		q.tail = d.prev
	}
	d.prev, d.next = nil, nil
	q.n--
}
