package bruteforce

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestBounds: the table stays within its limit, and is empty when all rest.
func TestBounds(t *testing.T) {
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: 50}, func(*finding.Instance) {})
	d := Def.New(scope).(*detector)
	at := func(i int) packet.Ref { return packet.Ref{Frame: uint64(i + 1), Time: packet.Time(i+1) * 1e9} }
	for i := range 500 {
		x := ftp.NewExchange(event.Head{FlowID: uint64(i + 1), Seen: at(i), Client: event.End{Addr: packet.MustAddr(fmt.Sprintf("10.0.%d.%d", i/200, i%200))},
			Server: event.End{Addr: packet.MustAddr("198.51.100.9"), Port: 21}})
		x.Command, x.Codes[0], x.User = "PASS", 530, fmt.Sprint("u", i)
		d.Handle(x)
		if len(d.guessers) > 50 || len(d.order) > 50 {
			t.Fatalf("%d guessers, %d in order", len(d.guessers), len(d.order))
		}
	}
	d.Tick(at(5000).Time)
	if n := len(d.guessers) + len(d.order); n != 0 {
		t.Errorf("%d entries left when all rest", n)
	}
	g := &guesser{}
	for i := range 100 {
		g.name(fmt.Sprint("u", i))
	}
	if len(g.users) != maxUsers || g.more != 100-maxUsers {
		t.Errorf("%d users kept, %d more", len(g.users), g.more)
	}
}
