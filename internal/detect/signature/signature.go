// Package signature folds what rules matched: one line for a rule and a pair of hosts, however often it matched. It says
// nothing of cause or remedy: a rule's own words are all there is.
package signature

import (
	"cmp"
	"sort"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Hit is one rule between two hosts.
type Hit struct {
	Rule          *event.RuleInfo
	From, To      packet.Addr // of the packets that matched
	Port          uint16      // of the server, 0 where the protocol has none
	Proto         uint8
	Count         uint64
	First, Last   packet.Ref
	Conversations int // with a match; 1 is the least
	last          uint64
}

// Most bounds the rows that Hits keeps.
const Most = 10_000

type key struct {
	rule     *event.RuleInfo
	from, to packet.Addr
	port     uint16
}

// Hits collects alerts. It is an event sink of the sensor.
type Hits struct {
	rows map[key]*Hit
	// All counts alerts, Lost those of them that found no room for a row.
	All, Lost uint64
}

// Event takes an alert; other events are none of its business.
func (h *Hits) Event(e event.Event) error {
	a, ok := e.(*event.Alert)
	if !ok {
		return nil
	}
	h.All++
	head := a.Head()
	from, to := head.Client.Addr, head.Server.Addr
	if a.Dir == packet.ToClient {
		from, to = to, from
	}
	k := key{a.Rule, from, to, head.Server.Port}
	r := h.rows[k]
	if r == nil {
		if len(h.rows) >= Most {
			h.Lost++
			return nil
		}
		if h.rows == nil {
			h.rows = map[key]*Hit{}
		}
		r = &Hit{Rule: a.Rule, From: from, To: to, Port: head.Server.Port, Proto: head.Proto, First: head.Seen}
		h.rows[k] = r
	}
	r.Count++
	r.Last = head.Seen
	if r.Conversations == 0 || head.FlowID != r.last {
		r.Conversations++
		r.last = head.FlowID
	}
	return nil
}

// List returns the rows, the most severe first, then the earliest.
func (h *Hits) List() []Hit {
	list := make([]Hit, 0, len(h.rows))
	for _, r := range h.rows {
		list = append(list, *r)
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(a.Rule.Severity, b.Rule.Severity), cmp.Compare(a.First.Time, b.First.Time), cmp.Compare(a.First.Source, b.First.Source),
			cmp.Compare(a.First.Frame, b.First.Frame), cmp.Compare(a.Rule.GID, b.Rule.GID), cmp.Compare(a.Rule.SID, b.Rule.SID),
			a.From.Compare(b.From), a.To.Compare(b.To), cmp.Compare(a.Port, b.Port)) < 0
	})
	return list
}
