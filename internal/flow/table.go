package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Handle says to which flow a packet belongs.
type Handle struct {
	Index uint32     // slab number of the record, from 1; 0 = the packet belongs to no flow
	Dir   packet.Dir // way the packet travels in its flow
	New   bool       // first packet of this record
}

// Table is the flow table of one shard. It is used by one goroutine.
type Table struct {
	opt    Options
	out    *[]event.Event
	app    string // of the flow that ends now
	flows  slab[rec]
	talks  slab[talkPart]
	closes slab[closePart]
	odds   slab[oddPart]
	losses slab[lossPart]
	stalls slab[stallPart]
	priors slab[tomb]
	idles  slab[idlePart]
	last   packet.Ref // last packet before the one at hand in its flow
	index  index
	lists  [numLists]list
	graves graves
	clock  packet.Time // highest time given to Packet or Age
	base   packet.Time // first time seen; rec.moved counts from it
	secs   uint32      // of clock since base
	begun  bool
	stats  Stats
}

// New returns an empty table; it allocates as it grows.
func New(o Options) *Table {
	o.fill()
	t := &Table{opt: o}
	t.flows.max = o.MaxFlows
	t.talks.max = talkMax(o.MaxFlows)
	t.closes.max = closeMax(o.MaxFlows, o.MaxTombstones)
	d := detailMax(o.MaxFlows)
	t.odds.max, t.losses.max, t.stalls.max, t.priors.max, t.idles.max = d, 2*d, d, d, d
	t.graves.slab.max = o.MaxTombstones
	return t
}

// Packet accounts one packet and appends the events it completes to *out, which the caller owns. Packets without IP
// and fragments belong to no flow: Handle.Index is 0. p is not kept.
func (t *Table) Packet(p *packet.Packet, out *[]event.Event) Handle {
	var a Ahead
	return t.PacketAhead(p, &a, out)
}

// PacketAhead is Packet for a packet that Look may have seen before: with the zero Ahead it is Packet.
func (t *Table) PacketAhead(p *packet.Packet, a *Ahead, out *[]event.Event) Handle {
	if p.IPVersion == 0 && p.Missing&packet.NoAddrs == 0 {
		t.stats.NotIP++
		return Handle{}
	}
	if p.IPFlags&packet.Fragment != 0 && p.IPFlags&packet.Reassembled == 0 {
		t.stats.Fragments++
		return Handle{}
	}
	t.tick(p.Time)
	t.out = out
	sport, dport := p.SrcPort, p.DstPort
	switch p.Proto {
	case packet.ProtoTCP, packet.ProtoUDP:
		if p.L4 == 0 && p.Missing&packet.NoPorts == 0 && sport|dport == 0 {
			t.stats.NoPorts++
			return Handle{}
		}
	case packet.ProtoICMP, packet.ProtoICMPv6:
		if isICMPError(p) {
			t.icmpError(p)
			return Handle{}
		}
		sport, dport = icmpPorts(p)
	}
	if !a.keyed {
		a.k, a.swapped = makeKey(&p.Src, &p.Dst, sport, dport, p.Vantage, p.Tunnel, p.Proto)
		a.h, a.keyed = a.k.hash(t.opt.Seed), true
	}
	k, h, swapped := &a.k, a.h, a.swapped
	i := t.lookup(k, h)
	if p.Proto == packet.ProtoTCP {
		return t.tcp(p, i, k, h, swapped)
	}
	if i == 0 {
		i = t.create(p, k, h, swapped, 0)
		t.account(t.flows.at(i), p, packet.ToServer)
		t.enter(i, t.newList(p.Proto))
		t.emit(i, event.Started, p)
		return Handle{Index: i, New: true}
	}
	r := t.flows.at(i)
	d := r.dirOf(swapped, k)
	t.account(r, p, d)
	if d == packet.ToClient && !r.bits.has(answered) {
		r.bits |= answered | established
		t.enter(i, t.newList(p.Proto)+2) // the two-way list of the same protocol
		t.emit(i, event.Answered, p)
		t.emit(i, event.Established, p)
	} else {
		t.touch(i, r)
	}
	return Handle{Index: i, Dir: d}
}

// tick moves the table's clock: the highest packet time so far.
func (t *Table) tick(now packet.Time) {
	if !t.begun {
		t.begun, t.base, t.clock = true, now, now
	} else if now > t.clock {
		t.clock = now
		t.secs = uint32(uint64(now.Sub(t.base)) / uint64(time.Second))
	}
}

// lookup returns the live flow of k, or 0.
func (t *Table) lookup(k *key, h uint64) uint32 {
	p := t.index.part(h)
	if p.used == 0 {
		return 0
	}
	mask := uint32(len(p.slots) - 1)
	tag := uint32(h)
	for i := tag & mask; ; i = (i + 1) & mask {
		s := p.slots[i]
		if s == 0 {
			return 0
		}
		if uint32(s>>32) == tag {
			if n := uint32(s); t.flows.at(n).k.same(k) {
				return n
			}
		}
	}
}

// dirOf returns the way a packet travels; the two ends of a flow between equal addresses and ports go to the server.
func (r *rec) dirOf(swapped bool, k *key) packet.Dir {
	if k.aport == k.bport && k.a == k.b {
		return packet.ToServer
	}
	if swapped == r.bits.has(clientIsB) {
		return packet.ToServer
	}
	return packet.ToClient
}

// create makes the record for p's flow and puts it into the index; it evicts when the table is full. The client is p's
// source, or p's destination when bits holds clientIsDst. The caller puts it on a list and emits Started.
func (t *Table) create(p *packet.Packet, k *key, h uint64, swapped bool, how createHow) uint32 {
	if t.flows.live >= t.flows.max || t.talks.live >= t.talks.max {
		t.evict(p)
	}
	i, r := t.flows.alloc()
	t.stats.Flows++
	r.k = *k
	r.startTime, r.startFrame, r.startOrd, r.source = p.Time, p.Frame, p.Ordinal, p.Source
	r.vlans, r.nvlan = p.VLANs, p.NVLAN
	if swapped != (how&clientIsDst != 0) {
		r.bits |= clientIsB
	}
	r.sides[0].wscale, r.sides[1].wscale = -1, -1
	t.index.insert(h, i)
	return i
}

type createHow uint8

const clientIsDst createHow = 1

// account counts p in its flow.
func (t *Table) account(r *rec, p *packet.Packet, d packet.Dir) {
	r.setLast(p)
	r.seen = t.secs
	r.missing |= p.Missing
	s := &r.sides[d]
	if s.packets++; s.packets == 0 {
		t.carry(r, d, 0)
	}
	if s.bytes += p.WireLen; s.bytes < p.WireLen {
		t.carry(r, d, 1)
	}
	if s.payload += p.PayloadWire; s.payload < p.PayloadWire {
		t.carry(r, d, 2)
	}
	s.flags |= p.TCPFlags
	l := uint16(min(p.IPLen, 0xffff))
	s.maxIPLen = max(s.maxIPLen, l)
	if p.TCPFlags&packet.RST == 0 && p.Missing&packet.NoTTL == 0 {
		if s.ttlFirst == 0 {
			s.ttlFirst, s.ttlMin, s.ttlMax = p.TTL, p.TTL, p.TTL
		} else {
			s.ttlMin, s.ttlMax = min(s.ttlMin, p.TTL), max(s.ttlMax, p.TTL)
		}
	}
	if p.Truncated() {
		if s.truncated++; s.truncated == 0 {
			if l := t.lossOf(r, d); l != nil {
				l.truncHi++
			}
		}
	}
}

// carry adds one to the high word of a counter.
func (t *Table) carry(r *rec, d packet.Dir, c int) {
	if o := t.oddOf(r); o != nil {
		o.hi[d][c]++
	}
}

// part makes a part on demand; nil when its slab is full, which is counted once per flow.
func part[T any](t *Table, r *rec, s *slab[T], n *uint32) *T {
	if *n != 0 {
		return s.at(*n)
	}
	i, p := s.alloc()
	if i == 0 {
		if !r.bits.has(detailLost) {
			r.bits |= detailLost
			t.stats.DetailsLost++
		}
		return nil
	}
	*n = i
	return p
}

func (t *Table) oddOf(r *rec) *oddPart     { return part(t, r, &t.odds, &r.odd) }
func (t *Table) talkOf(r *rec) *talkPart   { return part(t, r, &t.talks, &r.talk) }
func (t *Table) closeOf(r *rec) *closePart { return part(t, r, &t.closes, &r.closing) }
func (t *Table) lossOf(r *rec, d packet.Dir) *lossPart {
	return part(t, r, &t.losses, &r.loss[d])
}

// mark returns p as a mark of r.
func (t *Table) mark(r *rec, p *packet.Packet) mark { return t.markRef(r, p.Ref()) }

func (t *Table) markRef(r *rec, ref packet.Ref) mark {
	m, ok := pack(r.startTime, r.startFrame, ref)
	if !ok {
		t.stats.MarksLost++
	}
	return m
}

// mark1 sets *m to p unless it is set.
func (t *Table) mark1(r *rec, m *mark, p *packet.Packet) {
	if m.isZero() {
		*m = t.mark(r, p)
	}
}

// odd sets a rare mark; once keeps the first.
func (t *Table) oddMark(r *rec, id int, p *packet.Packet, once bool) {
	if o := t.oddOf(r); o != nil && !(once && !o.marks[id].isZero()) {
		o.marks[id] = t.mark(r, p)
	}
}

// free ends the record i: index, list, parts.
func (t *Table) free(i uint32, h uint64) {
	r := t.flows.at(i)
	t.leave(i, r)
	t.index.remove(h, i)
	t.talks.release(r.talk)
	t.closes.release(r.closing)
	t.odds.release(r.odd)
	t.losses.release(r.loss[0])
	t.losses.release(r.loss[1])
	t.stalls.release(r.stall)
	t.idles.release(r.idle)
	if r.prior != 0 {
		t.closes.release(t.priors.at(r.prior).closing)
		t.priors.release(r.prior)
	}
	t.flows.release(i)
}

// end closes the record i for a reason: Released, Ended, tombstone, and the slot is free again.
func (t *Table) end(i uint32, why event.EndReason, seen packet.Ref, ord uint64, p *packet.Packet) {
	if t.opt.Released != nil {
		t.app = t.opt.Released(i, why)
	}
	r := t.flows.at(i)
	t.emitAt(i, event.Ended, why, seen, ord, p)
	t.app = ""
	t.stats.Ended[why]++
	h := r.k.hash(t.opt.Seed)
	t.bury(r, h, why == event.EndReused)
	t.free(i, h)
}

// closedLinger is how long a closed flow stays where its room is wanted: a last segment that is sent again after a
// retransmission timeout of a second (RFC 6298 2.4) still finds it.
const closedLinger = 2 * time.Second

// evict makes room: a flow that closed a while ago, of which the tombstone keeps what matters; else the never-answered
// flow whose last packet is oldest; else the flow that was used least recently.
func (t *Table) evict(p *packet.Packet) {
	if i := t.lists[listTCPClosed].head; i != 0 {
		if r := t.flows.at(i); t.now(r).Sub(r.lastTime) >= closedLinger {
			t.stats.ClosedEarly++
			t.end(i, event.EndClosed, p.Ref(), p.Ordinal, p)
			return
		}
	}
	best := uint32(0)
	for l := listID(0); l < numLists; l++ {
		if l == firstKept && best != 0 {
			break
		}
		if h := t.lists[l].head; h != 0 && (best == 0 || t.older(h, best)) {
			best = h
		}
	}
	if t.flows.at(best).list < firstKept {
		t.stats.EvictedNew++
	}
	t.end(best, event.EndEvicted, p.Ref(), p.Ordinal, p)
}

func (t *Table) older(i, j uint32) bool {
	a, b := t.flows.at(i), t.flows.at(j)
	if a.seen != b.seen {
		return a.seen < b.seen
	}
	if a.lastTime != b.lastTime {
		return a.lastTime < b.lastTime
	}
	return a.startOrd < b.startOrd
}

// Stats returns the counters and the memory in use.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Live = t.flows.live
	s.Tombstones = t.graves.slab.live
	s.FlowBytes = t.flows.bytes()
	s.TombstoneBytes = t.graves.slab.bytes()
	s.IndexBytes = t.index.bytes() + t.graves.index.bytes()
	s.DetailBytes = t.talks.bytes() + t.closes.bytes() + t.odds.bytes() + t.losses.bytes() + t.stalls.bytes() + t.priors.bytes() + t.idles.bytes()
	return s
}
