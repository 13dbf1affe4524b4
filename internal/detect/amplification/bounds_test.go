package amplification

import (
	"encoding/binary"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestBounds: services beyond the table's room throw out others, and receivers beyond a bout's make its count a lower
// bound.
func TestBounds(t *testing.T) {
	scope := detect.NewScope(nil, nil, nil, detect.Limits{Entries: 10}, func(*finding.Instance) {})
	d := Def.New(scope).(*detector)
	send := func(n int, client, server string, more uint32) {
		for i := range n {
			c, s := packet.MustAddr(client), packet.MustAddr(server)
			binary.BigEndian.PutUint32(c[12:], binary.BigEndian.Uint32(c[12:])+uint32(i))
			binary.BigEndian.PutUint32(s[12:], binary.BigEndian.Uint32(s[12:])+uint32(i)*more)
			f := event.NewFlow(event.Head{FlowID: uint64(i), Proto: packet.ProtoUDP, Client: event.End{Addr: c, Port: 9}, Server: event.End{Addr: s, Port: 53}})
			f.What = event.Ended
			f.Sides[0], f.Sides[1] = event.NewSide(event.Side{Packets: 1, Bytes: 80}), event.NewSide(event.Side{Packets: 1, Bytes: 1000})
			d.Handle(f)
		}
	}
	send(1000, "198.18.0.1", "10.0.0.53", 0)
	b := *d.bouts.Get(place{server: packet.MustAddr("10.0.0.53"), port: 53})
	if len(b.receivers) != maxReceivers || !b.more || b.requests != 1000 || len(b.asks) != maxRefs {
		t.Errorf("%d receivers, more %v, %d requests, %d marks", len(b.receivers), b.more, b.requests, len(b.asks))
	}
	if s := (&story{bout: b}).to(); s != "at least 128 addresses" {
		t.Errorf("to %s", s)
	}
	send(1000, "198.18.0.1", "10.1.0.1", 1)
	if d.bouts.Len() != 10 || d.bouts.Evicted != 991 {
		t.Errorf("%d services, %d thrown out", d.bouts.Len(), d.bouts.Evicted)
	}
}
