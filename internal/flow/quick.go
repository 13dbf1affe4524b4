package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// settle says, after a packet that went the long way, whether the next ones may take the quick one: r is an established
// connection with nothing pending that an ordinary packet would have to be held against. What lies in its rare parts does
// not matter as long as it is over (2026-11-30: a transfer that had one loss went the long way to its end). What can be
// said of all packets that follow is said here, and not asked again for each.
func (t *Table) settle(r *rec) {
	r.bits &^= steady
	if r.state != event.StateEstablished || r.list != listTCPOpen || r.bits.has(lastLost) || t.slow {
		return
	}
	a, b := &r.sides[0], &r.sides[1]
	both, any := a.bits&b.bits, a.bits|b.bits
	if both&(seqKnown|ackKnown) != seqKnown|ackKnown || any&(zeroOpen|finSent) != 0 || a.ttlFirst == 0 || b.ttlFirst == 0 {
		return
	}
	// Both SYNs were seen, so that the windows count in full, or the windows are of no use (see scaled).
	if both&synSeen != 0 && both&limitKnown == 0 || both&synSeen == 0 && any&limitKnown != 0 {
		return
	}
	if r.last().IsZero() || r.lastTime < r.startTime || uint64(r.lastTime-r.startTime) >= markMost/2 || t.folded(r) {
		return
	}
	if r.more != 0 {
		m := t.mores.at(r.more)
		if m.odd != 0 && t.odds.at(m.odd).rsts != [2]rstCount{} || m.stall != 0 && t.stalls.at(m.stall).open || m.idle != 0 && t.idles.at(m.idle).candSet {
			return
		}
	}
	for d := range r.sides {
		s := &r.sides[d]
		s.bits &= 1<<shiftAt - 1
		if a.wscale >= 0 && b.wscale >= 0 {
			s.bits |= sideBits(s.wscale) << shiftAt
		}
	}
	r.bits |= steady
}

// PacketAhead is Packet for a packet that Look may have seen before: with the zero Ahead it is Packet.
//
// The packet that nine of ten are, a segment in order or a bare acknowledgement of a connection that is steady, it accounts
// itself. It does what tcpStep does with such a packet, by the same rules, without asking for what cannot be; others it
// leaves to packet, unchanged (2026-11-28: half the instructions of a packet; 2026-11-30: a fifth of the long way's).
// TestQuick holds the two together.
//
// On its way it calls nothing but what is rare and near its begin, so that what it works with stays in registers.
func (t *Table) PacketAhead(p *packet.Packet, a *Ahead, out *[]event.Event) Handle {
	r := a.r
	if a.guess == 0 || r.bits&steady == 0 || r.id != a.id {
		return t.packet(p, a, out)
	}
	wire := p.WireLen
	if a.id.whole() {
		if !t.extras.at(r.extra).k.same(&a.k) {
			return t.packet(p, a, out)
		}
		wire = p.InnerLen()
	}
	d := r.dirOf(a.swapped)
	s, o := &r.sides[0], &r.sides[1]
	if d != packet.ToServer {
		s, o = o, s
	}
	moved, unacked := p.Ack-o.acked, o.next-o.acked
	df := int64(p.Frame - r.startFrame())
	if p.TCPFlags&(packet.SYN|packet.RST|packet.FIN|packet.ACK) != packet.ACK || p.Seq != s.next || moved > unacked || int32(unacked) < 0 ||
		p.NSACK != 0 || p.Window == 0 || p.Missing != 0 || p.Time < r.lastTime || uint64(p.Time-r.lastTime) >= uint64(idleLeast) ||
		df != int64(int32(df)) || p.Frame == 0 || s.packets == 1<<32-1 || s.bytes+wire < wire {
		return t.packet(p, a, out)
	}
	if p.TCPOpts&packet.OptTS != 0 {
		if !s.bits.has(tsSeen) || int32(p.TSVal-s.tsLast) < 0 {
			return t.packet(p, a, out)
		}
	}
	n := p.PayloadWire
	var x *talkPart
	if n|moved != 0 && r.talk != 0 {
		x = t.talks.at(r.talk)
	}
	if n != 0 {
		if x == nil {
			return t.firstData(p, a, out)
		}
		if n > 0xffff || x.way[d&1].payload+n < n {
			return t.packet(p, a, out)
		}
	} else if int(p.WireLen) > len(p.Data) {
		return t.packet(p, a, out)
	}

	// It is one: from here on it is accounted.
	t.stats.Quick++
	i := a.guess
	t.hot, t.hotIndex = a.id, i
	s.packets++
	s.bytes += wire
	s.flags |= p.TCPFlags
	if p.TTL < s.ttlMin {
		s.ttlMin = p.TTL
	}
	if p.TTL > s.ttlMax {
		s.ttlMax = p.TTL
	}
	if p.IPLen > uint32(s.maxIPLen) {
		s.maxIPLen = max(s.maxIPLen, uint16(min(p.WireIPLen(), 0xffff)))
	}
	w := uint32(p.Window) << (s.bits >> shiftAt)
	if edge := p.Ack + w; SeqLess(o.limit, edge) {
		o.limit = edge
	}
	if w > s.maxWin {
		s.maxWin = w
	}
	if p.TCPOpts&packet.OptTS != 0 {
		s.tsLast = p.TSVal
	}
	o.acked = p.Ack
	if n != 0 {
		t.out = out
		t.said(r, x, p, s, o, d)
	}
	if moved != 0 && x != nil {
		y := &x.way[d&1^1]
		if y.pendLen != 0 && !SeqLess(p.Ack, y.pendEnd) {
			y.delivered, y.pendLen = max(y.delivered, y.pendLen), 0
		}
		if r.bits&flying(d^1) != 0 && !SeqLess(p.Ack, y.flight.end) {
			t.landed(r, y, p, d^1)
		}
	}
	if r.more != 0 {
		t.lostAcked(r, p, d, moved)
	}
	r.lastTime, r.lastFrame, r.lastSource = p.Time, int32(df), p.Source
	if p.Time > t.clock {
		if t.clock = p.Time; p.Time >= t.second {
			t.nextSecond()
		}
	}
	r.seen = t.secs
	t.touch(i, r)
	return Handle{Index: i, Dir: d}
}

// firstData makes the part that the first data of a connection needs.
func (t *Table) firstData(p *packet.Packet, a *Ahead, out *[]event.Event) Handle {
	if t.talkOf(a.r) == nil {
		return t.packet(p, a, out)
	}
	return t.PacketAhead(p, a, out)
}

// said takes the data of a packet on the quick path.
func (t *Table) said(r *rec, x *talkPart, p *packet.Packet, s, o *side, d packet.Dir) {
	n := p.PayloadWire
	y := &x.way[d&1]
	y.payload += n
	if int(p.WireLen) > len(p.Data) && p.Truncated() {
		if c := t.moreOf(r); c != nil {
			c.truncated[d&1]++
		}
	}
	if n > uint32(o.mss) {
		t.checkSize(r, p, s, o, d)
	}
	end := p.Seq + n
	s.next = end
	if f := end - s.acked; f > y.maxFlight {
		y.maxFlight = f
	}
	size := uint16(min(p.WireIPLen(), 0xffff))
	if size > y.delivered && size > y.pendLen {
		y.pendLen, y.pendEnd = size, end
	}
	if r.bits.has(holding) {
		t.follows(r, p, d)
	}
	at := uint64(p.Time - r.startTime)
	m := soon(at, int32(p.Frame-r.startFrame()), p.Source)
	if at >= markMax {
		m = t.mark(r, p)
	}
	if !r.bits.has(flying(d)) {
		r.bits |= flying(d)
		f := &y.flight
		f.seq, f.end, f.mark, f.iplen, f.df, f.again = p.Seq, end, m, size, unfragmented(p), false
		at = uint64(r.lastTime - r.startTime)
		if f.before = soon(at, r.lastFrame, r.lastSource); at >= markMax {
			f.before = t.markRef(r, r.last())
		}
	}
	if !s.bits.has(spoke) {
		s.bits |= spoke
		x.first[d&1] = m
	}
	if d == packet.ToServer {
		if !r.bits.has(thinking) {
			r.bits |= thinking
			x.repeats = t.repeats(r)
		}
		x.request = m
	} else if r.bits.has(thinking) {
		t.replied(r, x, p, true)
	} else if gap := p.Time - r.lastTime; gap >= packet.Time(time.Millisecond) && !x.request.isZero() {
		x.unasked = max(x.unasked, uint32(gap/packet.Time(time.Millisecond)))
	}
}

// lostAcked takes the acknowledgement of a packet on the quick path for a connection that has rare parts.
func (t *Table) lostAcked(r *rec, p *packet.Packet, d packet.Dir, moved uint32) {
	k := t.mores.at(r.more).loss[d&1^1]
	if k == 0 {
		return
	}
	l := t.losses.at(k)
	if moved != 0 {
		l.dups = 0
		l.acknowledged(p.Ack)
	} else if p.PayloadWire == 0 {
		l.ackAgain(p, p.Ack != r.sides[d&1^1].next, r.sides[d&1].wscale)
	}
	l.ackWindow = p.Window
}
