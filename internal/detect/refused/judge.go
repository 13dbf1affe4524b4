package refused

import (
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// verdict is who sent a reset.
type verdict uint8

const (
	unknown  verdict = iota // nothing of the server to compare with
	server                  // the server itself
	ownStart                // as far away as the server, but counted from another initial TTL
	another                 // another machine, in the server's name
)

// judgement is what the packets say of one refusal.
type judgement struct {
	who      verdict
	host     *detect.Host  // what is known of the server; nil: nothing
	ttl      uint8         // of the reset
	theirs   uint8         // of the server's other packets, 0 = none seen
	theirRef packet.Ref    // where that was seen
	hops     int           // from the capture to the sender of the reset, if its TTL began as usual
	far      int           // from the capture to the server, likewise
	took     time.Duration // from the request to the reset
	fast     bool          // in less than half of the least time the server needs
	between  bool          // two captures: neither request nor reset was seen beyond the device between them
	through  bool          // two captures: the reset passed both
	beyond   uint16        // the vantage that between and through speak of
	keeps    bool          // two captures: the server's address is the same on both sides
	keepsRef packet.Ref
	odd      bool // the reset's sequence number is not 0, as RFC 9293 3.10.7.1 has it
}

// initialTTL is what a packet's TTL most likely began with (64, 128 and 255 are what systems use).
func initialTTL(ttl uint8) uint8 {
	switch {
	case ttl <= 64:
		return 64
	case ttl <= 128:
		return 128
	}
	return 255
}

func (d *detector) judge(f *event.Flow) judgement {
	h := f.Head()
	r := &f.Refusal
	asked := f.Marks[event.MarkSYNLast]
	j := judgement{ttl: r.TTL, host: d.scope.Hosts.Get(h.Vantage, h.Server.Addr), took: r.Ref.Time.Sub(asked.Time),
		odd: r.Seq != 0 && f.Missing&packet.NoSeq == 0}
	has, known := j.host.HasTTL(r.TTL)
	if known {
		j.theirs, j.theirRef = j.host.TTLs[0], j.host.TTLRefs[0]
		for i, t := range j.host.TTLs {
			if t == r.TTL {
				j.theirs, j.theirRef = t, j.host.TTLRefs[i]
			}
		}
		j.fast = j.host.MinRTT >= timingFloor && j.took < j.host.MinRTT/2
		j.far = int(initialTTL(j.theirs)) - int(j.theirs)
	}
	j.hops = int(initialTTL(r.TTL)) - int(r.TTL)
	d.twins(f, &j)
	switch {
	case !known && j.between:
		j.who = another
	case !known:
		j.who = unknown
	case has && j.fast:
		j.who = another
	case has:
		j.who = server
	case initialTTL(r.TTL) != initialTTL(j.theirs) && j.hops == j.far && !j.fast && !j.between:
		j.who = ownStart
	default:
		j.who = another
	}
	return j
}

// twins asks a second capture what became of request and reset, and whether the server keeps its address on the way.
func (d *detector) twins(f *event.Flow, j *judgement) {
	h := f.Head()
	ask, reset := d.scope.Twins.Trace(f.Start), d.scope.Twins.Trace(f.Refusal.Ref)
	j.between = ask.Known && !ask.Seen && reset.Known && !reset.Seen
	j.through = ask.Seen && reset.Seen
	j.beyond = ask.Vantage
	if d.scope.Twins == nil {
		return
	}
	d.scope.Ledger.Attempts(detect.Service{Addr: h.Server.Addr, Proto: packet.ProtoTCP}, func(a *detect.Attempt) bool {
		if a.Vantage != h.Vantage || a.Outcome != detect.OutAnswered {
			return true
		}
		t := d.scope.Twins.Trace(a.Answer)
		if !t.Seen {
			return true
		}
		for _, c := range t.Changed { // an answer's source is the server
			if strings.HasPrefix(c, "source ") {
				return true
			}
		}
		j.keeps, j.keepsRef = true, a.Answer
		return false
	})
}

// state is what else is known of the port and the machine.
type state struct {
	before, after packet.Ref // the port answered somebody before the first refusal, after the last
	meanwhile     detect.Control
	others        detect.Control // other ports of the server
}

func (d *detector) lookAround(rs []*refusal) state {
	h := rs[0].flow.Head()
	first, last := rs[0].flow.Refusal.Ref.Time, rs[0].flow.Refusal.Ref.Time
	for _, r := range rs {
		first, last = min(first, r.flow.Refusal.Ref.Time), max(last, r.flow.Refusal.Ref.Time)
	}
	var s state
	svc := detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: packet.ProtoTCP}
	d.scope.Ledger.Attempts(svc, func(a *detect.Attempt) bool {
		if a.Vantage != h.Vantage || a.Outcome != detect.OutAnswered {
			return true
		}
		if a.Answer.Time < first && (s.before.IsZero() || a.Answer.Time > s.before.Time) {
			s.before = a.Answer
		}
		if a.Answer.Time > last && (s.after.IsZero() || a.Answer.Time < s.after.Time) {
			s.after = a.Answer
		}
		return true
	})
	s.meanwhile = d.scope.Ledger.Others(h.Vantage, svc, func(a *detect.Attempt) bool { return a.Outcome != detect.OutAnswered }, first.Add(-around), last.Add(around))
	s.others = d.scope.Ledger.Server(h.Vantage, h.Server.Addr, func(a *detect.Attempt) bool {
		return a.Service.Port == h.Server.Port || a.Service.Proto != packet.ProtoTCP
	}, first.Add(-control), last.Add(control))
	return s
}

// fitting picks the refusals of a group that code speaks of, with the judgement of the first: a group that is not a
// search leaves those of searching clients to the search's own.
func (d *detector) fitting(g *finding.Group) (rs []*refusal, j judgement) {
	search := false
	for i := range g.Kept {
		r := g.Kept[i].Data.(*refusal)
		search = search || g.Key != detect.EndText(r.flow.Head().Server)
	}
	for i := range g.Kept {
		r := g.Kept[i].Data.(*refusal)
		if !search && r.searching() {
			continue
		}
		x := d.judge(r.flow)
		if (x.who == another) != (g.Code.ID == Middlebox) {
			continue
		}
		if len(rs) > 0 && j.who == unknown && x.who != unknown { // speak of those that can be told
			rs = nil
		}
		if len(rs) == 0 {
			j = x
		}
		if x.who == unknown && j.who != unknown {
			continue
		}
		rs = append(rs, r)
	}
	return rs, j
}
