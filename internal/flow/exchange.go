package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// spoken takes payload that was not sent before: first payload of each side, and turns. A turn begins with client data
// after server data; the server thinks from the request's last packet to the first packet of its answer. Where one of these
// two may be missing in the capture, the time between what is there says nothing of the server: it is not measured.
func (t *Table) spoken(r *rec, p *packet.Packet, d packet.Dir, whole bool) {
	if x := t.talkOf(r); x != nil {
		t.spokenBy(r, x, p, d, whole)
	}
}

// heard reports whether all that p acknowledges was seen: else its sender answers what is not in the capture.
func (r *rec) heard(p *packet.Packet, d packet.Dir) bool {
	o := &r.sides[d.Other()]
	return p.TCPFlags&packet.ACK == 0 || !o.bits.has(seqKnown) || SeqLessEq(p.Ack, o.next)
}

// spokenBy is spoken for a flow whose talkPart is at hand.
func (t *Table) spokenBy(r *rec, x *talkPart, p *packet.Packet, d packet.Dir, whole bool) {
	if x.first[d].isZero() {
		if x.first[d] = t.mark(r, p); !x.first[d].isZero() {
			r.sides[d].bits |= spoke
		}
	}
	if d == packet.ToServer {
		if !r.bits.has(thinking) {
			r.bits |= thinking
			x.repeats = t.repeats(r)
		}
		x.request = t.mark(r, p)
		return
	}
	if !r.bits.has(thinking) {
		if !x.request.isZero() && !t.last.IsZero() {
			x.unasked = max(x.unasked, uint32(min(max(p.Time.Sub(t.last.Time)/time.Millisecond, 0), 1<<32-1)))
		}
		return
	}
	t.replied(r, x, p, whole)
}

// replied takes the first packet of the server's answer.
func (t *Table) replied(r *rec, x *talkPart, p *packet.Packet, whole bool) {
	r.bits &^= thinking
	x.count++
	if x.request.isZero() || !whole {
		return
	}
	think := max(p.Time.Sub(x.request.time(r.startTime)), 0)
	x.thinkTotal += int64(think)
	x.thinkMax = max(x.thinkMax, int64(think))
	if think < event.SlowExchange {
		return
	}
	e := event.NewExchange(t.head(r, event.KindExchange, p.Ref(), p.Ordinal, p))
	e.Request, e.Response, e.Think, e.Count = r.ref(x.request), p.Ref(), time.Duration(think), x.count
	e.RTT, _ = t.rtts(r)
	e.Retrans = t.repeats(r) != x.repeats
	*t.out = append(*t.out, e)
}

// repeats counts the repeated segments of both sides.
func (t *Table) repeats(r *rec) (n uint32) {
	for _, l := range t.rares(r).loss {
		if l != 0 {
			x := t.losses.at(l)
			n += x.retrans + x.gap
		}
	}
	return n
}
