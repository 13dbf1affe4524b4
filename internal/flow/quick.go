package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// settle says, after a packet that went the long way, whether the next ones may take the quick one: r is an established
// connection with nothing pending that an ordinary packet would have to be held against. What lies in its rare parts does
// not matter as long as it is over (2026-11-30: a transfer that had one loss went the long way to its end).
func (t *Table) settle(r *rec) {
	r.bits &^= steady
	if r.state != event.StateEstablished || r.list != listTCPOpen || r.bits.has(lastLost) || t.slow {
		return
	}
	a, b := &r.sides[0], &r.sides[1]
	both := a.bits & b.bits
	if both&(seqKnown|ackKnown) != seqKnown|ackKnown || both&(synSeen|limitKnown) == synSeen || (a.bits|b.bits)&(zeroOpen|finSent) != 0 {
		return
	}
	if r.last().IsZero() || t.folded(r) {
		return
	}
	if r.more != 0 {
		m := t.mores.at(r.more)
		if m.odd != 0 && t.odds.at(m.odd).rsts != [2]rstCount{} || m.stall != 0 && t.stalls.at(m.stall).open || m.idle != 0 && t.idles.at(m.idle).candSet {
			return
		}
	}
	r.bits |= steady
}

// PacketAhead is Packet for a packet that Look may have seen before: with the zero Ahead it is Packet.
//
// It is the quick path of the packet that nine of ten are: a segment in order or a bare acknowledgement of a connection
// that is steady. It does what tcpStep does with such a packet, by the same rules, without asking for what cannot be; with
// all others it changes nothing and leaves them to packet (2026-11-28: half the instructions; 2026-11-30: a tenth).
// TestQuick holds the two together.
func (t *Table) PacketAhead(p *packet.Packet, a *Ahead, out *[]event.Event) Handle {
	i, r := a.guess, a.r
	if i == 0 || r.bits&steady == 0 || r.id != a.id || a.id.whole() && !t.extras.at(r.extra).k.same(&a.k) {
		return t.packet(p, a, out)
	}
	d := r.dirOf(a.swapped)
	s, o := &r.sides[d&1], &r.sides[d&1^1]
	n := p.PayloadWire
	moved, unacked := p.Ack-o.acked, o.next-o.acked
	if p.TCPFlags&(packet.SYN|packet.RST|packet.FIN|packet.ACK) != packet.ACK || p.Seq != s.next || n > 0xffff ||
		moved > unacked || int32(unacked) < 0 || p.NSACK != 0 || p.Window == 0 || p.Missing != 0 ||
		p.Time < r.lastTime || uint64(p.Time-r.lastTime) >= uint64(idleLeast) {
		return t.packet(p, a, out)
	}
	stamped := p.TCPOpts&packet.OptTS != 0
	if stamped && (!s.bits.has(tsSeen) || int32(p.TSVal-s.tsLast) < 0) {
		return t.packet(p, a, out)
	}
	wire := p.WireLen
	if p.Tunnel != 0 {
		wire = p.InnerLen()
	}
	df := int64(p.Frame - r.startFrame())
	packets, bytes := s.packets+1, s.bytes+wire
	if df != int64(int32(df)) || p.Frame == 0 || bytes < wire || packets == 0 || s.ttlFirst == 0 {
		return t.packet(p, a, out)
	}
	var x *talkPart
	if r.talk != 0 {
		x = t.talks.at(r.talk)
	}
	var m mark
	if n != 0 {
		dt := uint64(p.Time - r.startTime)
		if m = soon(dt, int32(df), p.Source); dt >= markMax {
			var ok bool
			if m, ok = pack(r.startTime, r.startFrame(), p.Ref()); !ok {
				return t.packet(p, a, out)
			}
		}
		if x == nil {
			if x = t.talkOf(r); x == nil {
				return t.packet(p, a, out)
			}
		}
		if x.way[d&1].payload+n < n {
			return t.packet(p, a, out)
		}
	}

	// It is one; from here on it is accounted.
	t.stats.Quick++
	t.hot, t.hotIndex = a.id, i
	if p.Time > t.clock {
		if t.clock = p.Time; p.Time >= t.second {
			t.nextSecond()
		}
	}
	s.packets, s.bytes = packets, bytes
	if int(p.WireLen) > len(p.Data) && p.Truncated() {
		if c := t.moreOf(r); c != nil {
			c.truncated[d]++
		}
	}
	s.flags |= p.TCPFlags
	long := p.IPLen
	if p.Offload.Segment != 0 {
		long = p.WireIPLen()
	}
	size := uint16(min(long, 0xffff))
	if size > s.maxIPLen {
		s.maxIPLen = size
	}
	if p.TTL < s.ttlMin {
		s.ttlMin = p.TTL
	}
	if p.TTL > s.ttlMax {
		s.ttlMax = p.TTL
	}
	w := uint32(p.Window)
	if s.bits&o.bits&synSeen != 0 {
		if s.wscale >= 0 && o.wscale >= 0 {
			w <<= uint(s.wscale) & 31
		}
		if edge := p.Ack + w; SeqLess(o.limit, edge) {
			o.limit = edge
		}
	}
	if w > s.maxWin {
		s.maxWin = w
	}
	if stamped {
		s.tsLast = p.TSVal
	}
	if n != 0 {
		if n > uint32(o.mss) {
			t.checkSize(r, p, s, o, d)
		}
		y := &x.way[d&1]
		y.payload += n
		end := p.Seq + n
		s.next = end
		if f := end - s.acked; f > y.maxFlight {
			y.maxFlight = f
		}
		if size > y.delivered && size > y.pendLen {
			y.pendLen, y.pendEnd = size, end
		}
		if r.bits.has(holding) {
			t.follows(r, p, d)
		}
		if !r.bits.has(flying(d)) {
			r.bits |= flying(d)
			f := &y.flight
			f.seq, f.end, f.mark, f.iplen, f.df, f.again = p.Seq, end, m, size, unfragmented(p), false
			ago := uint64(r.lastTime - r.startTime)
			if f.before = soon(ago, r.lastFrame, r.lastSource); ago >= markMax {
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
			t.out = out
			t.replied(r, x, p, true)
		} else if gap := p.Time - r.lastTime; gap >= packet.Time(time.Millisecond) && !x.request.isZero() {
			x.unasked = max(x.unasked, uint32(gap/packet.Time(time.Millisecond)))
		}
	}
	if d == packet.ToClient {
		r.bits |= backSince
	}
	if r.more != 0 {
		if k := t.mores.at(r.more).loss[d&1^1]; k != 0 {
			l := t.losses.at(k)
			if moved != 0 {
				l.dups = 0
				l.acknowledged(p.Ack)
			} else if n == 0 {
				l.ackAgain(p, unacked != 0, s.wscale)
			}
			l.ackWindow = p.Window
		}
	}
	if moved != 0 {
		o.acked = p.Ack
		if x != nil {
			y := &x.way[d&1^1]
			if y.pendLen != 0 && !SeqLess(p.Ack, y.pendEnd) {
				y.delivered, y.pendLen = max(y.delivered, y.pendLen), 0
			}
			if r.bits.has(flying(d^1)) && !SeqLess(p.Ack, y.flight.end) {
				t.landed(r, y, p, d^1)
			}
		}
	}
	r.lastTime, r.lastFrame, r.lastSource = p.Time, int32(df), p.Source
	r.seen = t.secs
	if r.next != 0 && r.moved != t.secs {
		t.enter(i, r.list)
	}
	return Handle{Index: i, Dir: d}
}
