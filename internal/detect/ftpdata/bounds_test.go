package ftpdata

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestBounds: tables stay within their limit whatever comes, and are empty when all is over.
func TestBounds(t *testing.T) {
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: 50}, func(*finding.Instance) {})
	d := Def.New(scope).(*detector)
	at := func(i int) packet.Ref { return packet.Ref{Frame: uint64(i + 1), Time: packet.Time(i+1) * 1e9} }
	for i := range 500 {
		h := event.Head{FlowID: uint64(i + 1), Proto: packet.ProtoTCP, Seen: at(i), Client: event.End{Addr: packet.MustAddr(fmt.Sprintf("10.0.%d.%d", i/200, i%200)), Port: 4000},
			Server: event.End{Addr: packet.MustAddr("198.51.100.9"), Port: 21}}
		x := ftp.NewExchange(h)
		x.Command, x.Codes[0] = "PASV", 227
		x.Channel = ftp.Channel{End: event.End{Addr: packet.MustAddr(fmt.Sprintf("10.9.%d.%d", i/200, i%200)), Port: 50001}, Passive: true}
		d.Handle(x)
		if len(d.byFlow) > 50 || len(d.order) > 50 || len(d.offers) > 50 || len(d.byPair) > 50 {
			t.Fatalf("%d sessions, %d in order, %d offers, %d pairs", len(d.byFlow), len(d.order), len(d.offers), len(d.byPair))
		}
		done := ftp.NewExchange(h)
		done.Command, done.Codes[0] = "LIST", 226
		d.Handle(done)
		if len(d.clear) > 50 || len(d.clearOrder) > 50 {
			t.Fatalf("%d transfers remembered", len(d.clear))
		}
		end := event.NewFlow(h)
		end.What, end.Last = event.Ended, at(i)
		d.Handle(end)
	}
	if d.evicted != 450 {
		t.Errorf("%d control channels forgotten, want 450", d.evicted)
	}
	d.Tick(at(5000).Time)
	if n := len(d.byFlow) + len(d.order) + len(d.offers) + len(d.byPair) + len(d.queue); n != 0 {
		t.Errorf("%d entries left when all is over", n)
	}
}
