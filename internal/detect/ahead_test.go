package detect

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// counter keeps something of services and of networks, as detectors do.
type counter struct {
	services *ByService[int]
	ways     *Column[int]
	nets     *Nets
}

func (c *counter) handle(f *event.Flow) {
	if v, _ := c.services.Own(f.Head()); v != nil {
		*v++
	}
	if f.What == event.Ended {
		if v, _ := c.ways.Own(c.nets.Of(f.Head())); v != nil {
			*v++
		}
	}
}

// Looking ahead changes nothing of what is known afterwards, with tables that are nearly empty, growing, and full.
func TestAheadChangesNothing(t *testing.T) {
	var all [2][]any
	for n := range all {
		r := rand.New(rand.NewPCG(3, 4))
		s := NewScope(NewLedger(300), NewHosts(100), nil, Limits{Entries: 50}, nil)
		a, c := NewAhead(s), &counter{NewByService[int](s, 60, true), NewColumn[int](s.Nets, 40), s.Nets}
		for range 300 {
			var es []event.Event
			for range r.IntN(2 * AheadLen) {
				id := uint64(1 + r.IntN(400))
				f := event.NewFlow(event.Head{FlowID: id, Vantage: uint16(id % 2), Proto: []uint8{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoICMP}[id%3],
					Client: event.End{Addr: packet.Addr4([]byte{10, byte(id % 16), 0, byte(id)}), Port: uint16(id)},
					Server: event.End{Addr: packet.Addr4([]byte{10, 200, byte(id % 7), byte(id % 9)}), Port: 80}})
				f.What = []event.What{event.Started, event.Answered, event.Established, event.Ended}[r.IntN(4)]
				f.Sides[0] = event.NewSide(event.Side{TTLFirst: 64, TTLMin: 63, TTLMax: 64, SYNSeen: true, Packets: 1})
				f.Sides[1] = event.NewSide(event.Side{TTLFirst: 60, TTLMin: 60, TTLMax: 60, Packets: 1})
				es = append(es, f)
			}
			es = append(es, event.NewAnomaly(event.Head{}))
			if n == 0 {
				a.Look(es)
			}
			for _, e := range es {
				s.Ledger.Handle(e)
				s.Hosts.Handle(e)
				if f, ok := e.(*event.Flow); ok {
					c.handle(f)
				}
			}
		}
		for id := range 256 {
			for v := range uint16(2) {
				if h := s.Hosts.Get(v, packet.Addr4([]byte{10, byte(id % 16), 0, byte(id)})); h != nil {
					all[n] = append(all[n], v, id, *h)
				}
			}
		}
		s.Ledger.Attempts(Service{}, func(x *Attempt) bool {
			all[n] = append(all[n], *x)
			return true
		})
		c.services.Sweep(func(v *int) bool {
			all[n] = append(all[n], *v)
			return true
		})
		for w := range Way(len(s.Nets.keys)) {
			if v := c.ways.Get(w); v != nil {
				all[n] = append(all[n], w, *v)
			}
		}
		if n == 0 && (a.looked == 0 || s.Hosts.Evicted == 0 || s.Nets.index.used < 50) {
			t.Errorf("looked at nothing, or the tables were never full: %d hosts gave way, %d ways", s.Hosts.Evicted, s.Nets.index.used)
		}
	}
	if len(all[0]) < 300 || !reflect.DeepEqual(all[0], all[1]) {
		t.Errorf("%d facts with looking ahead, %d without, or others", len(all[0]), len(all[1]))
	}
}
