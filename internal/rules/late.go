package rules

import (
	"errors"
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// lateOp is what a rule asks of, or does to, something that is wider than a pair of hosts. A shard cannot tell what others
// saw: it makes an alert of what else holds, and the Limiter decides, in total order, whether it is one.
type lateOp struct {
	bit *hostBit
	set *setOp // of a list that rules change
}

func (o *lateOp) asks() bool { return o.set != nil || o.bit.do.asks() }

// open reports whether a shard cannot decide.
func (o *lateOp) open() bool { return o.bit != nil || o.set.set.changes }

// endLate leaves what a shard cannot decide in the rule, once it is known which lists rules change. It refuses what cannot be decided: whether a rule matches is known behind the border, where the connection's own
// state is not.
func (s *sig) endLate() error {
	s.late = slices.DeleteFunc(s.late, func(o lateOp) bool { return !o.open() })
	asks := false
	if s.twoWay && len(s.late) > 0 {
		return errors.New("what is wider than a connection is not asked or changed by rules about both sides of a transaction (=>)")
	}
	for i := range s.late {
		asks = asks || s.late[i].asks()
	}
	if !asks {
		return nil
	}
	sets := false
	for i := range s.bits {
		sets = sets || !s.bits[i].do.asks()
	}
	switch {
	case sets || len(s.effects) > 0:
		return errors.New("what is known of a host, or a list that rules change, cannot decide over bits and numbers of one connection")
	case s.action == lang.Pass:
		return errors.New("what is known of a host, or a list that rules change, cannot decide what passes")
	}
	return nil
}

// lates decides what shards left open.
type lates struct {
	of   map[*event.RuleInfo]*sig
	bits bitTable
	sets map[*dataset]*changedSet
	full uint64 // what was not kept for lack of room
}

// Unkept counts bits and tags of hosts and values of lists that rules set and that were not kept, for lack of room.
func (l *Limiter) Unkept() uint64 { return l.lates.full + l.lates.bits.full + l.hosts.full }

// pass reports whether an alert is one, and does what its rule does to tables.
func (l *lates) pass(a *event.Alert, src, dst *packet.Addr) bool {
	s := l.of[a.Rule]
	if s == nil {
		return true
	}
	at := a.Head().Seen.Time
	for i := range s.late {
		o := &s.late[i]
		if o.bit != nil && o.bit.do.asks() && !l.bits.holds(o.bit, src, dst, at) {
			return false
		}
	}
	value := 0
	for i := range s.late {
		if o := &s.late[i]; o.set != nil {
			if value >= len(a.Values) || !o.set.late(l, a.Values[value]) {
				return false
			}
			value++
		}
	}
	a.Values = nil
	for i := range s.late {
		if o := &s.late[i]; o.bit != nil && !o.bit.do.asks() {
			l.bits.change(o.bit, src, dst, at)
		}
	}
	return !s.noalert
}
