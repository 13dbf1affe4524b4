package httpfaults

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/http"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Nothing grows without bound.
func TestBounds(t *testing.T) {
	d := Def.New(detect.NewScope(detect.NewLedger(1), detect.NewHosts(1), nil, detect.Limits{Entries: 5}, func(*finding.Instance) {})).(*detector)
	for i := range 4000 {
		x := http.NewTransaction(event.Head{Client: event.End{Addr: packet.Addr4([]byte{10, 0, byte(i >> 12), byte(i >> 4)})}, Server: event.End{Port: uint16(i % 50)}, Seen: packet.Ref{Frame: 1, Time: packet.Time(i) * 1e6}})
		if i > 2000 {
			x.Head().Server.Port = 1
		}
		x.Method, x.URI, x.Host, x.Status = "GET", fmt.Sprint("/", i), fmt.Sprint(i>>4), 500
		if i%2 == 0 {
			x.URI, x.Status, x.Location = "/", 302, "/"
		}
		d.Handle(x)
	}
	if len(d.trails) > 5 || len(d.torder) > 5 || len(d.servers) > 5 || len(d.sorder) > 5 || len(d.loops) > 5 || len(d.lorder) > 5 {
		t.Errorf("%d trails, %d servers, %d loops", len(d.trails), len(d.servers), len(d.loops))
	}
	for _, s := range d.servers {
		if len(s.recent) > burstLength || len(s.clients) > maxClients || len(s.paths) > maxPaths || len(s.kept) > maxKept || len(s.behind) > lookedUp {
			t.Errorf("%d recent, %d clients, %d paths, %d kept", len(s.recent), len(s.clients), len(s.paths), len(s.kept))
		}
	}
	for _, tr := range d.trails {
		if len(tr.hops) > ring {
			t.Errorf("%d hops", len(tr.hops))
		}
	}
}
