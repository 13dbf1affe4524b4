package synflood

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// flood is one bout of requests to one service. It counts; it remembers no source.
type flood struct {
	first    packet.Ref // first request that was counted closely
	last     packet.Ref // last request
	end      packet.Ref // last packet of its connections so far
	said     packet.Time
	lastSaid packet.Ref
	asked    uint64 // requests, those of the window before it was noticed included
	seen     uint64 // requests looked at closely
	turned   counts // when the last window ended
	ebb      bool   // over, though the service is asked: only what became of its requests is still noted

	answered  uint64 // by a SYN/ACK
	refused   uint64 // by a reset
	completed uint64
	connect   time.Duration // longest from SYN to SYN/ACK of a completed one
	served    [3]packet.Ref // first completed ones
	replies   [3]packet.Ref // first SYN/ACKs that nobody answered
	asks      [4]packet.Ref // first requests

	watched   uint64 // unanswered by the client for so long that a real one would have asked again
	repeated  uint64 // of those, how many did
	unwaited  uint64 // answered, and the answer never sent again though it was not acknowledged: a server that kept no memory of it
	resent    uint64 // answered again and again: a server that remembers
	denied    uint64 // asked again, and not answered: real clients, where the flood does not ask again
	deniedAt  [3]packet.Ref
	backfired uint64 // the owner of the address answered the SYN/ACK by a reset

	srcs   sketch
	one    heavy
	nets   [4]uint64 // first bytes of IPv4 sources seen
	ttls   majority
	prints majority
	before [2]uint32 // answered requests outside the flood: offered options left out, kept
	opts   [2]uint32 // the same within
}

// counts is how a bout stood at a moment.
type counts struct {
	last                   packet.Ref
	asked, seen, completed uint64
	flood                  bool
}

func newFlood(at packet.Ref, earlier uint32) *flood {
	return &flood{first: at, last: at, end: at, asked: uint64(earlier)}
}

func (fl *flood) ask(f *event.Flow) {
	h := f.Head()
	if fl.seen < uint64(len(fl.asks)) {
		fl.asks[fl.seen] = f.Start
	}
	fl.seen++
	fl.asked++
	fl.last = f.Start
	if f.Start.Time > fl.end.Time {
		fl.end = f.Start
	}
	fl.srcs.add(h.Client.Addr)
	fl.one.add(h.Client.Addr)
	if h.Client.Addr.Is4() {
		b := h.Client.Addr[12]
		fl.nets[b>>6] |= 1 << (b & 63)
	}
	c := &f.Sides[packet.ToServer]
	fl.ttls.add(uint32(c.TTLFirst))
	fl.prints.add(c.SYNPrint)
}

// outcome books what became of one request; those begun before the bout tell how the service answers else.
func (t *target) outcome(f *event.Flow, now packet.Time) {
	fl := t.flood
	inside := fl != nil && f.Start.Time >= fl.first.Time && f.Start.Time <= fl.last.Time
	opts := &t.opts
	if inside {
		opts = &fl.opts
	}
	switch f.What {
	case event.Answered:
		c, s := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
		if c.SACKOK && s.SYNSeen {
			kept := 0
			if s.SACKOK {
				kept = 1
			}
			opts[kept]++
		}
		if inside {
			if fl.answered < uint64(len(fl.replies)) {
				fl.replies[fl.answered] = f.Head().Seen
			}
			fl.answered++
		}
	case event.Established:
		if inside {
			if fl.completed < uint64(len(fl.served)) {
				fl.served[fl.completed] = f.Start
			}
			fl.completed++
			fl.connect = max(fl.connect, f.RTTServer)
		}
	case event.Refused:
		if inside {
			fl.refused++
		}
	case event.Ended:
		if inside {
			fl.ended(f, now)
		}
	}
}

func (fl *flood) ended(f *event.Flow, now packet.Time) {
	if f.Last.Time > fl.end.Time {
		fl.end = f.Last
	}
	if !f.Marks[event.MarkHandshake].IsZero() || f.OneSided {
		return // completed
	}
	age := max(now, f.Last.Time).Sub(f.Start.Time)
	switch {
	case f.SYNTries > 1:
		fl.watched++
		fl.repeated++
		if f.Marks[event.MarkSYNACK].IsZero() {
			if fl.denied < uint64(len(fl.deniedAt)) {
				fl.deniedAt[fl.denied] = f.Start
			}
			fl.denied++
		}
	case age > repeatAfter:
		fl.watched++
	}
	if f.Marks[event.MarkSYNACK].IsZero() {
		return
	}
	if !f.Marks[event.MarkClientRST].IsZero() {
		fl.backfired++
		return
	}
	switch {
	case f.SYNACKTries > 1:
		fl.resent++
	case age > answerAgain:
		fl.unwaited++
	}
}

// is reports that the bout is a flood by what is known of it now.
func (fl *flood) is() bool {
	return fl.asked >= floodAt && float64(fl.completed) < completes*float64(fl.seen)
}

// crowded reports that half of those who asked got their connection, before it was ever a flood: a busy service. It is
// decided early, since many services are busy and what is noted of a bout takes two kilobytes.
func (fl *flood) crowded() bool {
	return !fl.turned.flood && fl.said == 0 && fl.seen >= suspectAt && float64(fl.completed) >= crowd*float64(fl.seen)
}

// calm reports that the window that ends now is no flood.
func (fl *flood) calm() bool {
	return float64(fl.completed-fl.turned.completed) >= ebbs*float64(fl.seen-fl.turned.seen)
}

// turn notes how the bout stands at the end of a window.
func (fl *flood) turn() {
	fl.turned = counts{fl.last, fl.asked, fl.seen, fl.completed, fl.is()}
}

// ebbed ends the bout with the window before.
func (fl *flood) ebbed() {
	fl.ebb = true
	fl.last, fl.asked, fl.seen, fl.completed = fl.turned.last, fl.turned.asked, fl.turned.seen, fl.turned.completed
	fl.end = fl.last
}

// single returns the source of nearly all requests, with its share of them.
func (fl *flood) single() (a packet.Addr, share float64, ok bool) {
	a, share = fl.one.top()
	return a, share, share >= 1-completes
}

// turnedAway counts requests of real clients that the server did not answer: they asked again, as the flood does not.
func (fl *flood) turnedAway() uint64 {
	if fl.answered == 0 || float64(fl.repeated) >= completes*float64(fl.watched) {
		return 0
	}
	return fl.denied
}

// rate is the mean number of requests a second.
func (fl *flood) rate() float64 {
	d := fl.last.Time.Sub(fl.first.Time).Seconds()
	if d < 0.001 {
		d = 0.001
	}
	return float64(fl.seen) / d
}

// networks counts the blocks of 2^24 IPv4 addresses that asked.
func (fl *flood) networks() int {
	n := 0
	for _, w := range fl.nets {
		for ; w != 0; w &= w - 1 {
			n++
		}
	}
	return n
}

// unreal reports that the sources cannot be clients of their own: they do not ask again as a client does, or they come
// from all over the world and yet are all equally far away.
func (fl *flood) unreal() bool {
	if fl.watched >= floodAt/2 && float64(fl.repeated) < completes*float64(fl.watched) {
		return true
	}
	return fl.networks() >= 32 && fl.ttls.share() > 0.9 && fl.srcs.count() >= floodAt/2
}
