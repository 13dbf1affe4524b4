package detect

import (
	"math/rand/v2"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Pairs of networks have one number each, told apart as by packet.Addr.Prefix; beyond the room they have none.
func TestNets(t *testing.T) {
	type pair struct {
		vantage  uint16
		from, to packet.Addr
	}
	const room = 5000
	r := rand.New(rand.NewPCG(1, 2))
	n, want := NewNets(room), map[pair]Way{}
	addr := func() (a packet.Addr) {
		switch a[15] = byte(r.Uint32()); r.IntN(3) {
		case 0: // IPv4
			a[10], a[11], a[13], a[14] = 0xff, 0xff, byte(r.IntN(4)), byte(r.IntN(5))
		case 1: // IPv6, with bytes as an IPv4 network has them
			a[2], a[3], a[5], a[6] = 0xff, 0xff, byte(r.IntN(4)), byte(r.IntN(5))
		default: // the network has no address: all that differs lies within it
			a[8] = 1
		}
		return a
	}
	lost := uint64(0)
	for range 60_000 {
		h := &event.Head{Vantage: uint16(r.IntN(4)), Client: event.End{Addr: addr()}, Server: event.End{Addr: addr()}}
		k := pair{h.Vantage, h.Client.Addr.Prefix(), h.Server.Addr.Prefix()}
		w, known := want[k]
		if found := n.Find(k.vantage, h.Client.Addr, h.Server.Addr); known != (found != NoWay) || known && found != w {
			t.Fatalf("%v is %d before it is asked for, want %d", k, found, w)
		}
		got := n.Of(h)
		if n.Of(h) != got {
			t.Fatalf("%v is another way when asked again", k)
		}
		switch {
		case known && got != w, !known && len(want) < room && got != Way(len(want)):
			t.Fatalf("%v is %d, want %d of %d", k, got, w, len(want))
		case !known && len(want) == room:
			if lost++; got != NoWay {
				t.Fatalf("a pair beyond the room has number %d", got)
			}
		}
		if !known && got != NoWay {
			want[k] = got
		}
	}
	if n.Lost != lost || len(n.keys) != len(want) || len(want) < 1000 {
		t.Errorf("%d lost, want %d; %d kept of %d", n.Lost, lost, len(n.keys), len(want))
	}
}

// A column holds a value for each way that owns one, and no more than it has room for.
func TestColumn(t *testing.T) {
	c := NewColumn[int](NewNets(2000), 3)
	for _, w := range []Way{NoWay, 0, 5, 40, 1000} {
		if c.Get(w) != nil {
			t.Errorf("way %d has a value from the beginning", w)
		}
	}
	for i, w := range []Way{40, 1000, 5} {
		v, fresh := c.Own(w)
		if !fresh || *v != 0 {
			t.Fatalf("way %d: %v %d", w, fresh, *v)
		}
		*v = i + 1
	}
	for _, w := range []Way{NoWay, 41, 0} {
		if v, _ := c.Own(w); v != nil || c.Get(w) != nil {
			t.Errorf("way %d got room that there is none", w)
		}
	}
	for i, w := range []Way{40, 1000, 5} {
		if v, fresh := c.Own(w); fresh || *v != i+1 || c.Get(w) != v {
			t.Errorf("way %d: %v %d", w, fresh, *v)
		}
	}
	if c.Len() != 3 {
		t.Errorf("%d rows", c.Len())
	}
}
