package detect

import (
	"fmt"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// named is an event that names addresses.
type named struct {
	event.Capture
	names []event.Name
}

func (n *named) EachName(f func(event.Name)) {
	for _, x := range n.names {
		f(x)
	}
}

func say(frame uint64, names ...event.Name) *named {
	n := &named{names: names}
	n.Head().Seen = packet.Ref{Frame: frame}
	return n
}

func TestNames(t *testing.T) {
	a, b := packet.MustAddr("192.0.2.1"), packet.MustAddr("192.0.2.2")
	n := NewNames(8)
	n.Handle(say(1, event.Name{Addr: a, Name: "asked.example", From: event.NameSNI}))
	n.Handle(say(2, event.Name{Addr: a, Name: "www.example", From: event.NameDNS}, event.Name{Addr: b, From: event.NameDNS}))
	n.Handle(say(3, event.Name{Addr: a, Name: "later.example", From: event.NameDNS}, event.Name{Addr: a, Name: "other", From: event.NameHTTP}))
	n.Handle(event.NewCapture(event.Head{}))
	if got, ok := n.Get(a); !ok || got.Name != "www.example" || got.Ref.Frame != 2 || got.From != event.NameDNS {
		t.Errorf("%+v", got)
	}
	if got, ok := n.Get(b); ok {
		t.Errorf("an empty name: %+v", got)
	}
	if _, ok := (*Names)(nil).Get(a); ok {
		t.Error("no table, a name")
	}
}

func TestNamesBounded(t *testing.T) {
	n := NewNames(10)
	for i := range 1000 {
		n.Handle(say(uint64(i), event.Name{Addr: packet.MustAddr(fmt.Sprintf("10.0.%d.%d", i/256, i%256)), Name: "x", From: event.NameDNS}))
	}
	if len(n.by) != 10 || len(n.ring) != 10 || n.Evicted != 990 {
		t.Errorf("%d names, %d in the ring, %d evicted", len(n.by), len(n.ring), n.Evicted)
	}
	if _, ok := n.Get(packet.MustAddr("10.0.3.231")); !ok {
		t.Error("the newest is gone")
	}
}
