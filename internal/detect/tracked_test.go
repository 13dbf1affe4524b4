package detect

import (
	"fmt"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func told(what event.TrackerSays, at float64, inner, outer event.Ends) *event.Tracked {
	x := event.NewTracked(event.Head{Proto: packet.ProtoTCP, Seen: packet.Ref{Time: packet.Time(at * 1e9)}})
	x.What, x.Inner, x.Outer = what, inner, outer
	return x
}

func endsOf(client string, cport uint16, server string, sport uint16) event.Ends {
	return event.Ends{Client: event.End{Addr: packet.MustAddr(client), Port: cport}, Server: event.End{Addr: packet.MustAddr(server), Port: sport}}
}

// TestTracked: the first time that a tracker let a connection go between two packets counts, on both sides of the NAT; what
// happened with the later packet is no value. Nothing said is nothing known, and old connections make room.
func TestTracked(t *testing.T) {
	inner, outer := endsOf("10.1.0.2", 40001, "10.2.0.2", 80), endsOf("10.2.0.1", 2268, "10.2.0.2", 80)
	other := endsOf("10.1.0.3", 51000, "10.2.0.2", 80)
	head := func(e event.Ends) *event.Head {
		return &event.Head{Proto: packet.ProtoTCP, Client: e.Client, Server: e.Server}
	}
	for _, c := range []struct {
		name     string
		at       []float64 // it let go
		from, to float64
		forgot   float64
		byPacket bool
	}{
		{"between", []float64{11.8}, 10, 18, 11.8, false},
		{"and again with the packet", []float64{11.8, 18.0002, 18.01}, 10, 18, 11.8, false},
		{"with the packet alone", []float64{18.0002}, 10, 18, 0, true},
		{"before", []float64{9.9}, 10, 18, 0, false},
		{"after", []float64{18.2}, 10, 18, 0, false},
		{"never", nil, 10, 18, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := NewTracked(100)
			for _, at := range c.at {
				m.Handle(told(event.TrackerForgot, at, inner, outer))
			}
			m.Handle(told(event.TrackerNew, c.to+0.001, other, outer))
			for _, seen := range []event.Ends{outer, inner} {
				got := m.Between(head(seen), packet.Time(c.from*1e9), packet.Time(c.to*1e9))
				if got.Forgot != packet.Time(c.forgot*1e9) || got.ByPacket != c.byPacket || got.Known != (c.forgot != 0 || c.byPacket) {
					t.Errorf("%+v", got)
				}
				if got.Known && (got.Was != inner.Client || got.Translated(outer.Client) != true || got.Translated(inner.Client)) {
					t.Errorf("of %v", got.Was)
				}
				if seen == outer && got.Is != other.Client {
					t.Errorf("the new one is of %v", got.Is)
				}
			}
		})
	}
	if m := (*Tracked)(nil).Between(head(outer), 0, 1e18); m.Known {
		t.Error("known without a tracker")
	}
	m := NewTracked(100)
	for i := range 1000 {
		m.Handle(told(event.TrackerForgot, float64(i+1), endsOf(fmt.Sprintf("10.9.%d.%d", i/250, i%250+1), 1, "10.2.0.2", 80), outer))
	}
	if n := len(m.new) + len(m.old); n > 100 {
		t.Errorf("%d connections, 100 are to be kept", n)
	}
}

// TestTrackerLost: events that the tracker lost are said by the gate, in their time alone, and cap nothing.
func TestTrackerLost(t *testing.T) {
	g := NewGates(10)
	x := told(event.TrackerLost, 1000, event.Ends{}, event.Ends{})
	x.Lost = 3
	g.Handle(x)
	if n := g.window(0, 900e9, 1100e9).untracked; n != 3 {
		t.Errorf("%d lost", n)
	}
	if n := g.window(0, 1100e9, 1200e9).untracked; n != 0 {
		t.Errorf("%d lost later", n)
	}
	if f := g.Failing(); len(f) != 1 || f[0].Gate.String() != "G-NAT" {
		t.Errorf("%v", f)
	}
}
