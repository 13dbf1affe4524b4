package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// What a side must be known to be for its packets to take the quick path.
const quickSide = seqKnown | synSeen | ackKnown | limitKnown

// quick accounts the packet that nine of ten are: a segment in order or a bare acknowledgement of an established
// connection whose handshake was seen, of which nothing rare is kept. It does what tcpStep does with such a packet, by
// the same rules, without asking for what cannot be; for all others it changes nothing and returns false
// (2026-11-28: half the instructions of a packet). TestQuick holds the two together.
func (t *Table) quick(r *rec, p *packet.Packet, d packet.Dir) bool {
	if r.state != event.StateEstablished || r.list != listTCPOpen || r.more != 0 || r.bits.has(lastLost) ||
		p.TCPFlags&(packet.SYN|packet.RST|packet.FIN|packet.ACK) != packet.ACK ||
		p.Missing != 0 || p.NSACK != 0 || p.Window == 0 || t.slow {
		return false
	}
	s, o := &r.sides[d&1], &r.sides[d&1^1]
	n := p.PayloadWire
	if s.bits&o.bits&quickSide != quickSide || p.Seq != s.next || n > 0xffff ||
		SeqLess(p.Ack, o.acked) || SeqLess(o.next, p.Ack) ||
		p.Time.Sub(r.lastTime) >= idleLeast || p.Truncated() || s.ttlFirst == 0 {
		return false
	}
	stamped := p.TCPOpts&packet.OptTS != 0
	if stamped && (!s.bits.has(tsSeen) || SeqLess(p.TSVal, s.tsLast)) {
		return false
	}
	df := int64(p.Frame - r.startFrame())
	wire := p.WireLen
	if p.Tunnel != 0 {
		wire = p.InnerLen()
	}
	if df != int64(int32(df)) || s.packets == 1<<32-1 || s.bytes > 1<<32-1-wire {
		return false
	}
	var x *talkPart
	if r.talk != 0 {
		x = t.talks.at(r.talk)
	}
	if n != 0 && (x == nil || r.bits.has(holding) || x.size[d&1].payload > 1<<32-1-n || o.mss == 0 || n > uint32(o.mss)) {
		return false
	}

	t.stats.Quick++
	t.last = r.last()
	r.lastTime, r.lastFrame, r.lastSource = p.Time, int32(df), p.Source
	r.seen = t.secs
	s.packets++
	s.bytes += wire
	s.flags |= p.TCPFlags
	s.maxIPLen = max(s.maxIPLen, uint16(min(p.WireIPLen(), 0xffff)))
	s.ttlMin, s.ttlMax = min(s.ttlMin, p.TTL), max(s.ttlMax, p.TTL)
	if d == packet.ToClient {
		r.bits |= backSince
	}
	w := uint32(p.Window)
	if s.wscale >= 0 && o.wscale >= 0 {
		w <<= uint(s.wscale)
	}
	s.maxWin = max(s.maxWin, w)
	o.limit = SeqMax(o.limit, p.Ack+w)
	if stamped {
		s.tsLast = p.TSVal
	}
	if n != 0 {
		x.size[d&1].payload += n
		s.next += n
		t.sentBy(r, x, p, s, d, p.Seq, s.next)
		t.spokenBy(r, x, p, d, true)
	}
	if o.acked != p.Ack {
		o.acked = p.Ack
		if x != nil {
			t.arrived(r, x, p, d.Other())
		}
	}
	return true
}
