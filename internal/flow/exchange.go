package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// spoken takes payload that was not sent before: first payload of each side, and turns. A turn begins with client data
// after server data; the server thinks from the request's last packet to the first packet of its answer.
func (t *Table) spoken(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	if x := t.talkOf(r); x != nil {
		t.spokenBy(r, x, p, d)
	}
}

// spokenBy is spoken for a flow whose talkPart is at hand.
func (t *Table) spokenBy(r *rec, x *talkPart, p *packet.Packet, d packet.Dir) {
	t.mark1(r, &x.first[d], p)
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
	r.bits &^= thinking
	x.count++
	think := max(p.Time.Sub(x.request.time(r.startTime)), 0)
	if x.request.isZero() {
		return
	}
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
