package bannerdelay

import (
	"fmt"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestBounds: servers that greet at once are remembered within the limit.
func TestBounds(t *testing.T) {
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: 50}, func(*finding.Instance) {})
	d := Def.New(scope).(*detector)
	for i := range 500 {
		k := service{0, event.End{Addr: packet.MustAddr(fmt.Sprintf("10.0.%d.%d", i/200, i%200)), Port: 25}}
		d.promptly(k, packet.Ref{Frame: uint64(i + 1)})
		d.promptly(k, packet.Ref{Frame: uint64(i + 1)})
		if len(d.prompt) > 50 || len(d.order) > 50 {
			t.Fatalf("%d servers, %d in order", len(d.prompt), len(d.order))
		}
	}
}
