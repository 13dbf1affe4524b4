package ftpdata

import (
	"fmt"
	"testing"
	"time"

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

// TestBoundOfPair: many sessions of one client do not make each failure dear.
func TestBoundOfPair(t *testing.T) {
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: 5000}, func(*finding.Instance) {})
	d := Def.New(scope).(*detector)
	for i := range 1000 {
		x := ftp.NewExchange(event.Head{FlowID: uint64(i + 1), Seen: packet.Ref{Frame: uint64(i + 1), Time: packet.Time(i + 1)}, Client: event.End{Addr: packet.MustAddr("10.0.0.1")},
			Server: event.End{Addr: packet.MustAddr("10.0.0.2"), Port: 21}})
		x.Command, x.Codes[0] = "AUTH", 234
		d.Handle(x)
	}
	for k, list := range d.byPair {
		if len(list) != mostOfPair || list[len(list)-1].id != 1000 {
			t.Errorf("%v: %d sessions", k, len(list))
		}
	}
	if len(d.byFlow) != mostOfPair || d.evicted != 1000-mostOfPair {
		t.Errorf("%d sessions kept, %d forgotten", len(d.byFlow), d.evicted)
	}
	d.Tick(packet.Time(2 * time.Minute))
	if len(d.order) != mostOfPair {
		t.Errorf("%d in order, %d live", len(d.order), len(d.byFlow))
	}
}
