package synflood

import (
	"math/rand/v2"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestHeavy: the source of nearly all is found among any number of others, in any order; without one, nobody is.
func TestHeavy(t *testing.T) {
	var x, none heavy
	for i := range 10000 {
		other := packet.Addr4([]byte{198, 51, byte(i >> 8), byte(i)})
		none.add(other)
		if i%50 == 0 {
			x.add(other)
		} else {
			x.add(packet.MustAddr("192.0.2.1"))
		}
	}
	if a, share := x.top(); a != packet.MustAddr("192.0.2.1") || share < 0.9 || share > 0.98 {
		t.Errorf("%s with %v", a, share)
	}
	if a, share := none.top(); share > 0.01 {
		t.Errorf("%s with %v", a, share)
	}
}

func TestSketch(t *testing.T) {
	for _, n := range []int{0, 1, 2, 20, 300, 3000, 50_000, 1_000_000} {
		rnd := rand.New(rand.NewPCG(1, uint64(n)))
		var s sketch
		for range n {
			a := packet.MustAddr("10.0.0.0")
			v := rnd.Uint32()
			a[12], a[13], a[14], a[15] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
			s.add(a)
			s.add(a) // the same one again counts once
		}
		if got := s.count(); got < n*9/10 || got > n*11/10 {
			t.Errorf("%d addresses are counted as %d", n, got)
		}
		if got := s.atLeast(); got > n {
			t.Errorf("%d addresses are called at least %d", n, got)
		}
	}
}

// TestSketchNeighbours: addresses that differ in one byte only, of IPv4 and IPv6.
func TestSketchNeighbours(t *testing.T) {
	for _, base := range []string{"192.0.2.0", "2001:db8::"} {
		var s sketch
		a := packet.MustAddr(base)
		for i := range 256 {
			a[15] = byte(i)
			s.add(a)
		}
		if got := s.count(); got < 230 || got > 282 {
			t.Errorf("256 neighbours of %s are counted as %d", base, got)
		}
	}
}

func TestMajority(t *testing.T) {
	var m majority
	if m.share() != 0 {
		t.Error("nothing has a majority")
	}
	for i := range 100 {
		v := uint32(7)
		if i%10 == 0 {
			v = uint32(i)
		}
		m.add(v)
	}
	if m.top() != 7 || m.share() != 0.9 {
		t.Errorf("%d with %.2f", m.top(), m.share())
	}
}

// TestBounded: a request to a watched service costs no memory, whoever sends it.
func TestBounded(t *testing.T) {
	d := newDetector(detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: 10}, nil))
	h := event.Head{Proto: packet.ProtoTCP, Client: event.End{Addr: packet.MustAddr("192.0.2.1")}, Server: event.End{Addr: packet.MustAddr("10.0.0.80"), Port: 80}}
	x := event.NewFlow(h)
	x.What = event.Started
	x.Sides[packet.ToServer] = event.NewSide(event.Side{Packets: 1, TTLFirst: 50, SYNSeen: true, SYNPrint: 9})
	watched, _ := d.targets.Own(&h)
	watched.flood = newFlood(packet.Ref{}, 0)
	d.active = append(d.active, watched)
	n := uint32(0)
	if allocs := testing.AllocsPerRun(100_000, func() {
		n += 2654435761
		a := &x.Head().Client.Addr
		a[12], a[13], a[14], a[15] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		d.Handle(x)
	}); allocs != 0 {
		t.Errorf("%.1f allocations for each request", allocs)
	}
	if got := watched.flood.srcs.count(); got < 90_000 {
		t.Errorf("%d sources counted of 100 000", got)
	}
}
