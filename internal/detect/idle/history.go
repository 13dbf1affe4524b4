package idle

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// history is what silences did on one wire: the control group of the deaths.
type history struct {
	longest  time.Duration // longest silence that was survived
	from, to packet.Ref    // packets around it
	survived int           // flows that survived one
	lived    chain         // of detector.lived
	hasty    chain         // of detector.hasty
}

// witness is a connection that ended well: both ends were there, and remembered it, as long as it lasted.
type witness struct {
	client, server packet.Addr
	from           packet.Time
	to             packet.Ref
	silence        time.Duration // longest silence that its data ended
	spoke          [3]packet.Ref // moments at which something was sent and acknowledged
	busy           bool          // nothing was repeated and no silence was longer than silence
}

// idleLeast is the shortest silence that the flow table remembers.
const idleLeast = time.Second

// history returns what is known of the wire, or nil where there is no room for one more.
func (d *detector) history(h *event.Head) *history {
	w, _ := d.wires.Own(d.scope.Nets.Of(h))
	d.lost = d.lost || w == nil
	return w
}

// known returns what is known of a flow's wire. Where there was no room d.lost is set, and what lived is unknown.
func (d *detector) known(h *event.Head) *history {
	if w := d.wires.Get(d.scope.Nets.Find(h.Vantage, h.Client.Addr, h.Server.Addr)); w != nil {
		return w
	}
	return &history{}
}

// learn takes the longest silence that a flow survived so far.
func (d *detector) learn(f *event.Flow) *history {
	w := d.history(f.Head())
	if w != nil && f.IdleSurvived > w.longest {
		w.longest, w.from, w.to = f.IdleSurvived, f.IdleFrom, f.IdleTo
	}
	return w
}

// ended learns from a flow that is over which silence it survived, and that both ends were there.
func (d *detector) ended(f *event.Flow) {
	w := d.learn(f)
	if w == nil {
		return
	}
	if f.IdleSurvived > 0 {
		w.survived++
	}
	c, s := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	if f.Stall.Tries > 0 || c.Packets == 0 || s.Packets == 0 || !c.SeqKnown || !s.SeqKnown || c.Acked != c.Next || s.Acked != s.Next || !f.Marks[event.MarkServerRST].IsZero() {
		return
	}
	h := f.Head()
	v := witness{client: h.Client.Addr, server: h.Server.Addr, from: f.Start.Time, to: f.Last, silence: f.IdleSurvived,
		spoke: [3]packet.Ref{f.IdleTo, f.Marks[event.MarkClientFINACK], f.Marks[event.MarkServerFINACK]}}
	// A silence that a FIN ended is not remembered: such a flow may have been silent at its end.
	v.busy = c.Retrans+c.RetransGap+s.Retrans+s.RetransGap == 0 && f.Marks[event.MarkClientFIN].IsZero() && f.Marks[event.MarkServerFIN].IsZero()
	d.lived.push(&w.lived, v)
}

// between returns a moment from first to last at which the connection carried data both ways; zero where that is not
// certain.
func (v *witness) between(first, last packet.Time) packet.Ref {
	for _, r := range v.spoke {
		if !r.IsZero() && r.Time >= first && r.Time <= last {
			return r
		}
	}
	if v.busy && v.from < first && v.to.Time > last && last.Sub(first) > max(v.silence, idleLeast) {
		return v.to
	}
	return packet.Ref{}
}

// over says that the connection was there before and after.
func (v *witness) over(first, last packet.Time) bool { return v.from < first && v.to.Time > last }

// alive looks for signs of life while x was tried in vain: of the end that did not answer, and of the way to it.
func (d *detector) alive(w *history, x *death) (peer, way packet.Ref) {
	h := &x.head
	first, last := x.stall.First.Time, x.last()
	who := x.peer().Addr
	toClient := x.stall.Dir == packet.ToClient
	if toClient {
		// Behind one address there may be many machines, each of which may sleep.
		if signs, _ := d.scope.Hosts.Get(h.Vantage, who).NAT(); signs > 0 {
			return peer, way
		}
	}
	witnesses, _ := d.lived.newest(&w.lived)
	for _, v := range witnesses {
		same := v.server == who
		if toClient {
			same = v.client == who
		}
		at := v.between(first, last)
		if !at.IsZero() && (same || !toClient) {
			way = at
		}
		switch {
		case same && !at.IsZero():
			peer = at
		case same && peer.IsZero() && v.over(first, last):
			peer = v.to
		}
	}
	if !toClient {
		c := d.scope.Ledger.Server(h.Vantage, who, func(a *detect.Attempt) bool { return a.Answer.Time < first || a.Answer.Time > last }, first, last)
		if len(c.AnsweredRefs) > 0 {
			peer, way = c.AnsweredRefs[0], c.AnsweredRefs[0]
		}
	}
	return peer, way
}
