package detect

import (
	"math/rand/v2"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func headTo(port int) *event.Head {
	return &event.Head{Vantage: uint16(port % 3), Proto: packet.ProtoTCP, Server: event.End{Addr: packet.Addr{15: byte(port)}, Port: uint16(port)}}
}

// Services keep their values where they are until they are swept; without room a new one has none.
func TestByServiceSwept(t *testing.T) {
	const room = 100
	tab, want := NewByService[int](&Scope{Ledger: NewLedger(1)}, room, false), map[int]*int{}
	r := rand.New(rand.NewPCG(1, 2))
	for step := range 20_000 {
		port := r.IntN(300)
		switch v, fresh := tab.Own(headTo(port)); {
		case want[port] != nil && (fresh || v != want[port] || *v != port):
			t.Fatalf("step %d: service %d lost its value", step, port)
		case want[port] == nil && (v == nil) != (len(want) == room):
			t.Fatalf("step %d: room for service %d: %v with %d of %d", step, port, v != nil, len(want), room)
		case want[port] == nil && v != nil:
			if !fresh || *v != 0 {
				t.Fatalf("step %d: service %d has what another left: %d", step, port, *v)
			}
			*v, want[port] = port, v
		}
		if step%150 == 0 {
			gone := r.IntN(4)
			tab.Sweep(func(v *int) bool { return *v%4 == gone })
			for p := range want {
				if p%4 == gone {
					delete(want, p)
				}
			}
		}
		if got := tab.Get(headTo(port)); got != want[port] || tab.Len() != len(want) {
			t.Fatalf("step %d: service %d: %v, want %v; %d of %d", step, port, got, want[port], tab.Len(), len(want))
		}
	}
}

// In a table that renews, the oldest service gives way.
func TestByServiceRenewed(t *testing.T) {
	const room = 40
	tab := NewByService[int](&Scope{Ledger: NewLedger(1)}, room, true)
	for port := range 1000 {
		v, fresh := tab.Own(headTo(port))
		if !fresh || *v != 0 {
			t.Fatalf("service %d is not new: %d", port, *v)
		}
		*v = port
		for p := range port + 1 {
			s := Service{Addr: packet.Addr{15: byte(p)}, Port: uint16(p), Proto: packet.ProtoTCP}
			if got := tab.Find(uint16(p%3), s); (got != nil) != (p > port-room) || got != nil && *got != p {
				t.Fatalf("after %d: service %d is %v", port, p, got)
			}
		}
	}
	if tab.Len() != room {
		t.Errorf("%d services", tab.Len())
	}
	if v, _ := NewByService[int](&Scope{Ledger: NewLedger(1)}, 0, true).Own(headTo(1)); v != nil {
		t.Error("a table without room has some")
	}
}
