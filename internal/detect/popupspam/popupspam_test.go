package popupspam

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"firestorm/internal/analyzer/dcerpc"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"Visit http://a.example/x now.":   `"Visit hxxp://a[.]example/x now."`,
		"HTTPS://A.B":                     `"hxxpS://A[.]B"`,
		"v2.0 of shttp":                   `"v2[.]0 of shttp"`,
		"say \"yes\"\x14then\x1b[31m\xff": `"say 'yes' then?[31m?"`,
		"a\u202eb":                        `"a?b"`,
		"":                                `""`,
		strings.Repeat("x", 200):          `"` + strings.Repeat("x", maxQuote) + `…"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestIsURL(t *testing.T) {
	for w, want := range map[string]bool{"http://x": true, "www.x": true, "pills.example": true, "pills.example/buy": true, "1.2": false, "e.g": false, "Hello": false, "a..b": false} {
		if isURL(w) != want {
			t.Errorf("%s: %v", w, !want)
		}
	}
}

// source makes pop-ups by hand and counts what is reported.
type source struct {
	d        *detector
	reported int
}

func newSource(entries int) *source {
	s := &source{}
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: entries}, func(*finding.Instance) { s.reported++ })
	s.d = &detector{scope: scope, campaigns: map[campaignKey]*campaign{}, flows: map[uint64]*campaign{}}
	return s
}

func (s *source) send(at time.Duration, from, to, text string) *campaign {
	n := uint64(s.reported + 1)
	x := dcerpc.NewPopup(event.Head{FlowID: n, Seen: packet.Ref{Frame: n, Time: packet.Time(at)}, Proto: packet.ProtoUDP,
		Client: event.End{Addr: packet.MustAddr(from), Port: 4000}, Server: event.End{Addr: packet.MustAddr(to), Port: 1026}})
	x.Text = text
	s.d.Handle(x)
	return s.d.flows[n]
}

func TestCampaign(t *testing.T) {
	type p struct {
		at             time.Duration
		from, to, text string
	}
	const v, w, y = "192.0.2.9", "192.0.2.10", "192.0.2.11"
	for _, tc := range []struct {
		name string
		ps   []p
		want bool
	}{
		{"two senders, three pop-ups", []p{{0, "198.51.100.1", v, "a"}, {time.Hour, "198.51.100.1", v, "a"}, {2 * time.Hour, "203.0.113.1", v, "a"}}, true},
		{"two texts", []p{{0, "198.51.100.1", v, "a"}, {1, "198.51.100.1", v, "a"}, {2, "198.51.100.1", v, "b"}}, true},
		{"three receivers", []p{{0, "198.51.100.1", v, "a"}, {1, "198.51.100.1", w, "a"}, {2, "198.51.100.1", y, "a"}}, true},
		{"one sender, one text", []p{{0, "198.51.100.1", v, "a"}, {1, "198.51.100.1", v, "a"}, {2, "198.51.100.1", w, "a"}}, false},
		{"two pop-ups", []p{{0, "198.51.100.1", v, "a"}, {1, "203.0.113.1", v, "b"}}, false},
		{"too slow", []p{{0, "198.51.100.1", v, "a"}, {2 * time.Hour, "203.0.113.1", v, "b"}, {4*time.Hour + 1, "203.0.113.2", v, "c"}}, false},
	} {
		s := newSource(100)
		var c *campaign
		for _, x := range tc.ps {
			c = s.send(x.at, x.from, x.to, x.text)
		}
		if c.is != tc.want {
			t.Errorf("%s: campaign %v", tc.name, c.is)
		}
	}
}

// TestBounds: tables and sets end, and what they no longer know is said.
func TestBounds(t *testing.T) {
	s := newSource(3)
	for i := range 50 {
		s.send(time.Duration(i), "198.51.100.1", fmt.Sprintf("192.0.%d.9", i), "a")
	}
	if len(s.d.campaigns) != 3 || len(s.d.flows) != 3 || s.d.evicted != 47 || s.reported != 50 {
		t.Errorf("%d campaigns, %d flows, %d evicted, %d reported", len(s.d.campaigns), len(s.d.flows), s.d.evicted, s.reported)
	}
	s = newSource(5000)
	var c *campaign
	for i := range 2 * maxSources {
		c = s.send(time.Duration(i), fmt.Sprintf("198.51.%d.%d", i>>8, i&255), "192.0.2.9", fmt.Sprint(i))
	}
	if len(c.sources) != maxSources || len(c.texts) != maxTexts || !c.more || len(c.shown) != maxShown {
		t.Errorf("%d sources, %d texts, more %v", len(c.sources), len(c.texts), c.more)
	}
}

// TestFlowsEnd: the table of flows empties.
func TestFlowsEnd(t *testing.T) {
	s := newSource(10)
	s.send(0, "198.51.100.1", "192.0.2.9", "a")
	f := event.NewFlow(event.Head{FlowID: 1})
	f.What = event.Answered
	s.d.Handle(f)
	c := s.d.flows[1]
	f.What = event.Ended
	s.d.Handle(f)
	if len(s.d.flows) != 0 || c.answered != 1 {
		t.Errorf("%d flows, %d answered", len(s.d.flows), c.answered)
	}
}
