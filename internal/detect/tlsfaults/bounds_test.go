package tlsfaults

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/tls"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Nothing grows without bound.
func TestBounds(t *testing.T) {
	d := Def.New(detect.NewScope(detect.NewLedger(1), detect.NewHosts(1), nil, detect.Limits{Entries: 5}, func(*finding.Instance) {})).(*detector)
	for i := range 3000 {
		x := tls.NewHandshake(event.Head{Client: event.End{Addr: packet.Addr4([]byte{10, 0, byte(i >> 8), byte(i)})}, Server: event.End{Port: uint16(i % 50)}, Seen: packet.Ref{Frame: 1, Time: 1e9}})
		x.Hello, x.SNI, x.Cipher = packet.Ref{Frame: 1}, fmt.Sprint(i), uint16(i)
		if i > 1500 {
			x.Head().Server.Port = 1
		}
		if i%2 == 0 {
			x.Established, x.Data, x.Answer = true, true, packet.Ref{Frame: 2}
		} else {
			x.Alert[packet.ToClient] = tls.Alert{Ref: packet.Ref{Frame: 2}, Fatal: true, Description: 70}
		}
		d.Handle(x)
	}
	if len(d.services) > 5 || len(d.order) > 5 || len(d.faults) > 5 || len(d.keys) > 5 {
		t.Errorf("%d services, %d faults", len(d.services), len(d.faults))
	}
	for _, s := range d.services {
		if len(s.good) > maxKept || len(s.clients) > maxClients {
			t.Errorf("%d good, %d clients", len(s.good), len(s.clients))
		}
	}
	for _, f := range d.faults {
		if len(f.hs) > maxKept || len(f.clients) > maxClients {
			t.Errorf("%d kept, %d clients", len(f.hs), len(f.clients))
		}
	}
}
