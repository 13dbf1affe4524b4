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

// quick accounts the packet that nine of ten are: a segment in order or a bare acknowledgement of a connection that is
// steady. It does what tcpStep does with such a packet, by the same rules, without asking for what cannot be; for all
// others it changes nothing and returns false (2026-11-28: half the instructions of a packet; 2026-11-30: a tenth of the
// long way's). TestQuick holds the two together.
func (t *Table) quick(r *rec, p *packet.Packet, d packet.Dir, out *[]event.Event) bool {
	d &= 1
	s, o := &r.sides[d], &r.sides[d^1]
	n := p.PayloadWire
	moved, unacked := p.Ack-o.acked, o.next-o.acked
	if p.TCPFlags&(packet.SYN|packet.RST|packet.FIN|packet.ACK) != packet.ACK || p.Seq != s.next || n > 0xffff ||
		moved > unacked || int32(unacked) < 0 || p.NSACK != 0 || p.Window == 0 || p.Missing != 0 ||
		p.Time < r.lastTime || uint64(p.Time-r.lastTime) >= uint64(idleLeast) {
		return false
	}
	stamped := p.TCPOpts&packet.OptTS != 0
	if stamped && (!s.bits.has(tsSeen) || int32(p.TSVal-s.tsLast) < 0) {
		return false
	}
	wire := p.WireLen
	if p.Tunnel != 0 {
		wire = p.InnerLen()
	}
	df := int64(p.Frame - r.startFrame())
	bytes := s.bytes + wire
	if df != int64(int32(df)) || p.Frame == 0 || bytes < wire || s.packets == 1<<32-1 || s.ttlFirst == 0 {
		return false
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
				return false
			}
		}
		if x == nil {
			if x = t.talkOf(r); x == nil {
				return false
			}
		}
		if x.size[d].payload+n < n {
			return false
		}
	}

	t.stats.Quick++
	t.tick(p.Time)
	s.packets++
	s.bytes = bytes
	if int(p.WireLen) > len(p.Data) && p.Truncated() {
		if c := t.moreOf(r); c != nil {
			c.truncated[d]++
		}
	}
	s.flags |= p.TCPFlags
	size := uint16(min(p.WireIPLen(), 0xffff))
	s.maxIPLen = max(s.maxIPLen, size)
	s.ttlMin, s.ttlMax = min(s.ttlMin, p.TTL), max(s.ttlMax, p.TTL)
	w := uint32(p.Window)
	if s.bits&o.bits&synSeen != 0 {
		if s.wscale >= 0 && o.wscale >= 0 {
			w <<= uint(s.wscale) & 31
		}
		if edge := p.Ack + w; SeqLess(o.limit, edge) {
			o.limit = edge
		}
	}
	s.maxWin = max(s.maxWin, w)
	if stamped {
		s.tsLast = p.TSVal
	}
	if n != 0 {
		if n > uint32(o.mss) {
			t.checkSize(r, p, s, o, d)
		}
		z := &x.size[d]
		z.payload += n
		end := s.next + n
		s.next = end
		z.maxFlight = max(z.maxFlight, end-s.acked)
		if size > z.delivered && size > z.pendLen {
			z.pendLen, z.pendEnd = size, end
		}
		if r.bits.has(holding) {
			t.follows(r, p, d)
		}
		if !r.bits.has(flying(d)) {
			r.bits |= flying(d)
			before := soon(uint64(r.lastTime-r.startTime), r.lastFrame, r.lastSource)
			if uint64(r.lastTime-r.startTime) >= markMax {
				before = t.markRef(r, r.last())
			}
			x.flight[d] = flight{seq: p.Seq, end: end, mark: m, before: before, iplen: size, df: unfragmented(p)}
		}
		if !s.bits.has(spoke) {
			s.bits |= spoke
			x.first[d] = m
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
		if k := t.mores.at(r.more).loss[d^1]; k != 0 {
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
			t.arrived(r, x, p, d^1)
		}
	}
	r.lastTime, r.lastFrame, r.lastSource = p.Time, int32(df), p.Source
	r.seen = t.secs
	return true
}
