package detect

import (
	"math/rand/v2"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// What is put is found until it is dropped, whatever the order: compared with a map.
func TestFlowMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m, want := newFlowMap(), map[uint64]*Attempt{}
	for i := range 20_000 {
		id := r.Uint64N(300)
		switch a := want[id]; {
		case a == nil:
			a = &Attempt{FlowID: id}
			want[id] = a
			m.put(id, a)
		case i%5 != 0:
			delete(want, id)
			m.drop(id)
		}
		m.drop(1000 + id) // never there
		if m.used != len(want) {
			t.Fatalf("step %d: %d flows, want %d", i, m.used, len(want))
		}
		for id := range uint64(300) {
			if i%100 == 0 && m.get(id) != want[id] {
				t.Fatalf("step %d: flow %d is %v, want %v", i, id, m.get(id), want[id])
			}
		}
	}
}

// Hosts are found under their own key until the oldest gives way.
func TestHostsInTurn(t *testing.T) {
	const room = 100
	h := NewHosts(room)
	addr := func(i int) packet.Addr { return packet.Addr{10: 0xff, 11: 0xff, 12: 10, 14: byte(i >> 8), 15: byte(i)} }
	for i := range 1000 {
		h.host(uint16(i%3), addr(i), packet.Ref{Frame: uint64(i + 1)})
		for j := max(i-2*room, 0); j <= i && i%50 == 0; j++ {
			got := h.Get(uint16(j%3), addr(j))
			if (got != nil) != (j > i-room) {
				t.Fatalf("after %d hosts: host %d known %v", i+1, j, got != nil)
			}
			if got != nil && got.First.Frame != uint64(j+1) {
				t.Fatalf("after %d hosts: host %d is of frame %d", i+1, j, got.First.Frame)
			}
			if h.Get(uint16(j%3+1), addr(j)) != nil {
				t.Fatalf("host %d is known at another vantage", j)
			}
		}
	}
	if h.Evicted != 900 || h.index.used != room {
		t.Errorf("evicted %d, %d kept", h.Evicted, h.index.used)
	}
}

// An attempt that was handed out stays what it was when the ledger forgets it; others are used again.
func TestForgottenAttempts(t *testing.T) {
	l := NewLedger(32)
	start := func(id uint64) *Attempt {
		f := event.NewFlow(event.Head{FlowID: id, Proto: packet.ProtoTCP, Client: event.End{Addr: packet.Addr{15: 1}, Port: uint16(id)}, Server: event.End{Addr: packet.Addr{15: 2}, Port: uint16(id % 7)}})
		f.What = event.Started
		f.Start = packet.Ref{Frame: id, Time: packet.Time(id)}
		l.Handle(f)
		return l.attempt(id)
	}
	start(1)
	kept := l.Attempt(1)
	for id := uint64(2); id <= 500; id++ {
		start(id)
	}
	if kept.FlowID != 1 || l.Attempt(1) != nil {
		t.Errorf("the attempt that was kept is of flow %d", kept.FlowID)
	}
	n := 0
	seen := map[*Attempt]bool{}
	l.Attempts(Service{}, func(a *Attempt) bool {
		n++
		seen[a] = true
		return true
	})
	if n != l.total || len(seen) != n || n > 32 || l.byFlow.used != n {
		t.Errorf("%d attempts, %d different, total %d, %d by flow", n, len(seen), l.total, l.byFlow.used)
	}
	if n+len(l.spare) > 32+attemptsAtOnce {
		t.Errorf("%d attempts and %d to spare for a ledger of 32", n, len(l.spare))
	}
	var sum int32
	for i, s := range l.sizes {
		sum += s
		if int(s) != len(l.order[i].attempts) {
			t.Errorf("service %d has %d attempts, noted %d", i, len(l.order[i].attempts), s)
		}
	}
	if int(sum) != l.total {
		t.Errorf("sizes sum up to %d, total %d", sum, l.total)
	}
}
