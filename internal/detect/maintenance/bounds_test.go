package maintenance

import (
	"crypto/sha256"
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
	for i := range 5000 {
		x := http.NewTransaction(event.Head{Client: event.End{Addr: packet.MustAddr("192.0.2.1")}, Server: event.End{Port: uint16(i % 50)}, Seen: packet.Ref{Frame: 1, Time: packet.Time(i) * 1e9}})
		x.Method, x.URI, x.Host, x.Status, x.Body = "GET", fmt.Sprint("/", i), "a", 200, http.BodyWhole
		x.Digest = sha256.Sum256([]byte(x.URI))
		switch i % 4 {
		case 1:
			x.Title = "Under maintenance " + x.URI
			x.Simhash = uint64(i) * 0x9e3779b97f4a7c15
		case 2:
			x.Status, x.Location = 302, fmt.Sprint("/to", i)
		case 3:
			x.Status = 503
		}
		if i > 2500 {
			x.Head().Server.Port = 1
		}
		d.Handle(x)
	}
	if len(d.sites) > 5 || len(d.order) > 5 {
		t.Errorf("%d sites", len(d.sites))
	}
	for _, s := range d.sites {
		if len(s.pages) > maxPaths || len(s.variants) > maxVariants || len(s.redirects) > maxPaths || len(s.refusals.refs) > maxRefs || len(s.refusals.recent) > maxRefs {
			t.Errorf("%d pages, %d variants, %d redirects", len(s.pages), len(s.variants), len(s.redirects))
		}
	}
}
