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
	opt      Options
	out      *[]event.Event
	spare    *event.Spare // see Lend
	app      string       // of the flow that ends now
	first    string       // that it began with, where another followed
	alerted  bool         // a rule matched on the flow that ends now
	flows    slab[rec]
	talks    slab[talkPart]
	extras   slab[extraPart]
	mores    slab[morePart]
	helds    slab[heldPart]
	closes   slab[closePart]
	odds     slab[oddPart]
	losses   slab[lossPart]
	stalls   slab[stallPart]
	priors   slab[tomb]
	idles    slab[idlePart]
	hot      ident // of the last packet that took the quick path
	hotIndex uint32
	last     packet.Ref // last packet before the one at hand in its flow
	index    index
	lists    [numLists]list
	graves   graves
	room     room                    // bytes of all that
	over     bool                    // End was called
	slow     bool                    // no packet takes the quick path: for tests
	clock    packet.Time             // highest time given to Packet or Age
	base     packet.Time             // first time seen; rec.moved counts from it
	secs     uint32                  // of clock since base
	second   packet.Time             // from then on secs is another
	turn     uint32                  // of extras: see nextExtra
	unheard  int                     // flows on lists before firstKept
	due      packet.Time             // before it no flow times out
	soonest  time.Duration           // the shortest timeout, less a second for what secs leaves out
	limits   [numLists]time.Duration // timeouts by list
	begun    bool
	stats    Stats
}

// New returns an empty table; it allocates as it grows.
func New(o Options) *Table {
	o.fill()
	t := &Table{opt: o}
	t.room.max = o.MaxBytes
	m := &t.room
	t.index.limit(m)
	n, d := o.MaxFlows, detailMax(o.MaxFlows)
	t.flows.limit(m, n, n/reserveShare)
	t.talks.limit(m, talkMax(n), n/reserveShare)
	t.extras.limit(m, n, n/reserveShare)
	t.mores.limit(m, n, n/reserveShare)
	t.closes.limit(m, closeMax(n), n/reserveShare/4)
	t.odds.limit(m, d, d/reserveShare)
	t.losses.limit(m, 2*d, d/reserveShare)
	t.stalls.limit(m, d, d/reserveShare)
	t.priors.limit(m, d, d/reserveShare)
	t.idles.limit(m, d, d/reserveShare)
	t.helds.limit(m, d, d/reserveShare)
	t.graves.limit(m, o.MaxTombstones)
	m.max = max(m.max, m.used) // what each has for itself there must be, however little memory is given
	t.soonest = t.timeout(0)
	for l := range t.limits {
		t.limits[l] = t.timeout(listID(l))
		t.soonest = min(t.soonest, t.limits[l])
	}
	t.soonest -= time.Second
	return t
}

// Lend has t fill snapshots from s, which the caller gives back to; nil: each is a new one.
func (t *Table) Lend(s *event.Spare) { t.spare = s }

// Packet accounts one packet and appends the events it completes to *out, which the caller owns. Packets without IP
// and fragments belong to no flow: Handle.Index is 0. p is not kept.
func (t *Table) Packet(p *packet.Packet, out *[]event.Event) Handle {
	var a Ahead
	return t.PacketAhead(p, &a, out)
}

// packet is PacketAhead for whatever comes.
func (t *Table) packet(p *packet.Packet, a *Ahead, out *[]event.Event) Handle {
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
		a.name(t.opt.Seed, &p.Src, &p.Dst, sport, dport, p.Vantage, p.Tunnel, p.Proto)
	}
	h := a.hash(t.opt.Seed)
	i := a.guess
	if i == 0 || !t.is(a.r, a.id, &a.k) { // a record that ended meanwhile has no id
		i = t.lookup(&a.k, a.id, h)
	}
	if p.Proto == packet.ProtoTCP {
		if i != 0 && i != a.guess { // only now is it known: the quick path may be its
			a.guess, a.r = i, t.flows.at(i)
			return t.PacketAhead(p, a, out)
		}
		return t.tcp(p, i, a)
	}
	if i == 0 {
		if i = t.create(p, a.key(), h, a.swapped, 0); i == 0 {
			return Handle{}
		}
		r := t.flows.at(i)
		if (p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6) && p.L4 != 0 {
			r.sides[packet.ToServer].isn = icmpKnown | uint32(p.ICMPType)<<8 | uint32(p.ICMPCode)
		}
		t.account(i, r, p, packet.ToServer)
		t.enter(i, t.newList(p.Proto))
		t.emit(i, event.Started, p)
		return Handle{Index: i, New: true}
	}
	r := t.flows.at(i)
	d := t.dirFor(r, a.swapped)
	t.account(i, r, p, d)
	if d == packet.ToClient && !r.bits.has(answered) {
		r.bits |= answered | established
		if (p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6) && p.L4 != 0 {
			r.sides[packet.ToClient].isn = icmpKnown | uint32(p.ICMPType)<<8 | uint32(p.ICMPCode)
		}
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
		t.begun, t.base, t.clock, t.due, t.second = true, now, now, now, now
	} else if now > t.clock {
		t.clock = now
		if now >= t.second {
			t.nextSecond()
		}
	}
}

// nextSecond counts the seconds of the clock, for tick: a packet that brings no new one needs no division (2026-11-30).
func (t *Table) nextSecond() {
	n := uint64(t.clock.Sub(t.base)) / uint64(time.Second)
	t.secs = uint32(n)
	t.second = t.base.Add(time.Duration(n+1) * time.Second)
}

// lookup returns the live flow of k, or 0.
func (t *Table) lookup(k *key, id ident, h uint64) uint32 {
	p := t.index.part(h)
	if p.used == 0 {
		return 0
	}
	tag := uint32(h)
	for i := p.home(tag); ; {
		s := p.slots[i]
		if s == 0 {
			return 0
		}
		if uint32(s>>32) == tag {
			if n := uint32(s); t.is(t.flows.at(n), id, k) {
				return n
			}
		}
		if i++; int(i) == len(p.slots) {
			i = 0
		}
	}
}

// is says whether r is the flow of k.
func (t *Table) is(r *rec, id ident, k *key) bool {
	return r.id == id && (!id.whole() || t.extras.at(r.extra).k.same(k))
}

// key returns that of r.
func (t *Table) key(r *rec) key {
	if r.id.whole() {
		return t.extras.at(r.extra).k
	}
	return r.id.key()
}

// dirFor returns the way a packet travels; the two ends of a flow between equal addresses and ports go to the server.
func (t *Table) dirFor(r *rec, swapped bool) packet.Dir {
	if t.folded(r) {
		return packet.ToServer
	}
	return r.dirOf(swapped)
}

// dirOf is dirFor where the two ends differ.
func (r *rec) dirOf(swapped bool) packet.Dir {
	d := packet.Dir(r.bits & clientIsB)
	if swapped {
		d ^= 1
	}
	return d
}

// folded reports that both ends of r have one address and port.
func (t *Table) folded(r *rec) bool {
	if uint16(r.id.rest>>48) != uint16(r.id.rest>>32) {
		return false
	}
	if r.id.whole() {
		k := &t.extras.at(r.extra).k
		return k.a == k.b
	}
	return uint32(r.id.ends>>32) == uint32(r.id.ends)
}

// create makes the record for p's flow and puts it into the index; it evicts when the table is full. The client is p's
// source, or p's destination when bits holds clientIsDst. The caller puts it on a list and emits Started. 0: there is no
// room for what this flow needs.
func (t *Table) create(p *packet.Packet, k *key, h uint64, swapped bool, how createHow) uint32 {
	id := k.ident(h)
	extra := id.whole() || p.Ordinal != p.Frame || p.Missing != 0 || p.NVLAN != 0
	if !t.makeRoom(p, extra) {
		return 0
	}
	i, r := t.flows.alloc()
	t.stats.Flows++
	r.id = id
	r.setStart(p.Ref())
	if extra {
		x := t.extraOf(i, r)
		x.k, x.ord, x.missing = *k, p.Ordinal, p.Missing
		x.vlans, x.nvlan = p.VLANs, p.NVLAN
	}
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
func (t *Table) account(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	r.setLast(p)
	r.seen = t.secs
	s := &r.sides[d]
	if s.packets++; s.packets == 0 {
		t.carry(r, d, 0)
	}
	n := p.WireLen
	if p.Tunnel != 0 {
		n = p.InnerLen()
	}
	if s.bytes += n; s.bytes < n {
		t.carry(r, d, 1)
	}
	if p.PayloadWire != 0 {
		t.accountPayload(r, p, d)
	}
	s.flags |= p.TCPFlags
	l := uint16(min(p.WireIPLen(), 0xffff))
	s.maxIPLen = max(s.maxIPLen, l)
	if p.TCPFlags&packet.RST == 0 && p.Missing&packet.NoTTL == 0 {
		if s.ttlFirst == 0 {
			s.ttlFirst, s.ttlMin, s.ttlMax = p.TTL, p.TTL, p.TTL
		} else {
			s.ttlMin, s.ttlMax = min(s.ttlMin, p.TTL), max(s.ttlMax, p.TTL)
		}
	}
	if p.Truncated() {
		if m := t.moreOf(r); m != nil {
			m.truncated[d]++
		}
	}
	if p.Missing != 0 {
		if x := t.extraOf(i, r); x != nil {
			x.missing |= p.Missing
		}
	}
}

func (t *Table) accountPayload(r *rec, p *packet.Packet, d packet.Dir) {
	n := &r.sides[d].next
	if r.id.proto() == packet.ProtoTCP {
		x := t.talkOf(r)
		if x == nil {
			return
		}
		n = &x.way[d].payload
	}
	if *n += p.PayloadWire; *n < p.PayloadWire {
		t.carry(r, d, 2)
	}
}

// carry adds one to the high word of a counter.
func (t *Table) carry(r *rec, d packet.Dir, c int) {
	if o := t.oddOf(r); o != nil {
		o.hi[d][c]++
	}
}

// mark returns p as a mark of r.
func (t *Table) mark(r *rec, p *packet.Packet) mark { return t.markRef(r, p.Ref()) }

func (t *Table) markRef(r *rec, ref packet.Ref) mark {
	m, ok := pack(r.startTime, r.startFrame(), ref)
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

// free ends the record i: index, list, parts.
func (t *Table) free(i uint32, h uint64) {
	r := t.flows.at(i)
	t.leave(i, r)
	t.index.remove(h, i)
	t.talks.release(r.talk)
	if r.extra != 0 {
		t.extras.at(r.extra).owner = 0
		t.extras.release(r.extra)
	}
	if r.more != 0 {
		m := t.mores.at(r.more)
		t.closes.release(m.closing)
		t.odds.release(m.odd)
		t.losses.release(m.loss[0])
		t.losses.release(m.loss[1])
		t.stalls.release(m.stall)
		t.idles.release(m.idle)
		t.helds.release(m.held)
		t.priors.release(m.prior)
		t.mores.release(r.more)
	}
	r.id = ident{} // what was looked up ahead must not find it
	t.flows.release(i)
}

// end closes the record i for a reason: Released, Ended, tombstone, and the slot is free again.
func (t *Table) end(i uint32, why event.EndReason, seen packet.Ref, ord uint64, p *packet.Packet) {
	if t.opt.Released != nil {
		t.app, t.first = t.opt.Released(i, why)
	}
	if t.opt.Alerted != nil {
		t.alerted = t.opt.Alerted(i)
	}
	r := t.flows.at(i)
	t.emitAt(i, event.Ended, why, seen, ord, p)
	t.app, t.first, t.alerted = "", "", false
	t.stats.Ended[why]++
	if why == event.EndInput { // nobody will ask for it, and finish gives up all that there is
		return
	}
	h := r.id.hash(t.opt.Seed)
	t.bury(r, why == event.EndReused)
	t.free(i, h)
}

// Stats returns the counters and the memory in use; after End that which was in use then.
func (t *Table) Stats() Stats {
	s := t.stats
	if t.over {
		return s
	}
	s.Live = t.flows.live
	s.Tombstones = t.graves.live
	s.FlowBytes = t.flows.bytes()
	s.TombstoneBytes = t.graves.bytes()
	s.IndexBytes = t.index.bytes() + t.graves.index.bytes()
	s.DetailBytes = t.talks.bytes() + t.extras.bytes() + t.mores.bytes() + t.closes.bytes() + t.odds.bytes() + t.losses.bytes() +
		t.stalls.bytes() + t.priors.bytes() + t.idles.bytes() + t.helds.bytes()
	return s
}

// finish gives all memory up when the input has ended: what the events of the next table leave behind needs it.
func (t *Table) finish() {
	t.stats = t.Stats()
	t.stats.Live = 0
	t.over = true
	t.flows.clear()
	t.talks.clear()
	t.extras.clear()
	t.mores.clear()
	t.closes.clear()
	t.odds.clear()
	t.losses.clear()
	t.stalls.clear()
	t.priors.clear()
	t.idles.clear()
	t.helds.clear()
	t.index = index{}
	t.graves = graves{}
}
