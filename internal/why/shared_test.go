package why

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func attempts(n int, change func(i int, a *detect.Attempt)) []*detect.Attempt {
	var out []*detect.Attempt
	for i := 0; i < n; i++ {
		a := &detect.Attempt{Client: event.End{Addr: packet.MustAddr("10.0.0.1"), Port: uint16(5000 + i)}, TTL: 64,
			Service: detect.Service{Addr: packet.MustAddr("10.0.0.2"), Port: 80, Proto: packet.ProtoTCP}, Start: packet.Ref{Frame: uint64(i + 1), Time: packet.Time(i)}}
		if change != nil {
			change(i, a)
		}
		out = append(out, a)
	}
	return out
}

func TestShared(t *testing.T) {
	reuse := func(_ int, a *detect.Attempt) { a.ReuseAge = 60 * time.Second }
	says := func(bad, good []*detect.Attempt, part string) bool {
		for _, s := range shared(bad, good) {
			if strings.Contains(s, part) {
				return true
			}
		}
		return false
	}
	const part = "reuse a port within 240 s"
	if !says(attempts(3, reuse), attempts(41, nil), part) {
		t.Error("all failures have it and no success: it must be said")
	}
	if says(attempts(3, func(i int, a *detect.Attempt) {
		if i > 0 {
			reuse(i, a)
		}
	}), attempts(41, nil), part) {
		t.Error("one failure does not have it")
	}
	if says(attempts(3, reuse), attempts(41, reuse), part) {
		t.Error("all successes have it as well: it explains nothing")
	}
	if says(attempts(3, func(_ int, a *detect.Attempt) { a.ReuseAge = time.Hour }), attempts(41, nil), part) {
		t.Error("an hour later nobody remembers the port")
	}
	if got := shared(attempts(3, reuse), nil); len(got) != 0 {
		t.Errorf("nothing worked, so there is nothing to compare with: %v", got)
	}
	if !says(attempts(2, func(_ int, a *detect.Attempt) { a.TTL = 57 }), attempts(10, nil), "TTL 57") {
		t.Error("another way shows in the TTL")
	}
}
