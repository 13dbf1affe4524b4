package http

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// talk is a connection of n requests for pages, pictures and packed pages.
func talk(n int) (client, server string) {
	var c, s strings.Builder
	page := "<!DOCTYPE html><html><head><title>A page</title></head><body>" + strings.Repeat("<p class=\"x\">Some words of a page that somebody reads.</p>\n", 120) + "</body></html>"
	for i := range n {
		fmt.Fprintf(&c, "GET /page/%d?x=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\nAccept: text/html,*/*\r\n"+
			"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nReferer: http://shop.example/\r\nConnection: keep-alive\r\nCookie: id=0123456789abcdef\r\n\r\n", i)
		body, typ, coding := page, "text/html", ""
		switch i % 3 {
		case 1:
			body, typ = strings.Repeat("\x89PNG....", 4000), "image/png"
		case 2:
			body, coding = packed("gzip", page), "Content-Encoding: gzip\r\n"
		}
		fmt.Fprintf(&s, "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\nContent-Type: %s\r\n%sLast-Modified: Sat, 28 Nov 2026 09:00:00 GMT\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n%s", typ, coding, len(body), body)
	}
	return c.String(), s.String()
}

// feed gives bytes of one direction to the analyzer in pieces of a segment's size.
func feed(a analyzer.StreamAnalyzer, c *analyzer.Context, d packet.Dir, s []byte) {
	for len(s) > 0 {
		n := min(1448, len(s))
		a.Data(c, d, s[:n])
		s = s[n:]
	}
}

func benchContext(b *testing.B) (rig, *grab) {
	g := &grab{}
	r := newRig(b, analyzer.Def{Name: "grab", Over: []analyzer.Transport{analyzer.UDP}, Kinds: []string{"grab"},
		Probe:   func(packet.Dir, []byte) analyzer.Answer { return analyzer.Yes },
		Message: func(analyzer.Options) (analyzer.MessageAnalyzer, error) { return g, nil }})
	return r, g
}

// grab runs a function within a call of the dispatcher, where a Context is valid.
type grab struct{ run func(*analyzer.Context) }

func (g *grab) Message(c *analyzer.Context, _ packet.Dir, _ []byte) { g.run(c) }
func (g *grab) Close(*analyzer.Context, event.EndReason)            {}
func (g *grab) Reset()                                              {}

func BenchmarkConn(b *testing.B) {
	client, server := talk(30)
	up1, down1 := []byte(client), []byte(server)
	r, g := benchContext(b)
	a, err := Def.Stream(analyzer.Options{})
	if err != nil {
		b.Fatal(err)
	}
	a.(*conn).kind = event.FirstAnalyzerKind
	b.SetBytes(int64(len(client) + len(server)))
	b.ReportAllocs()
	g.run = func(c *analyzer.Context) {
		for range b.N {
			feed(a, c, up, up1)
			feed(a, c, down, down1)
			r.Out = r.Out[:0]
			a.Reset()
		}
	}
	r.Datagram()
}

// A packet that completes no event allocates nothing; an event costs three allocations at most.
func TestAllocations(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector makes pools forget")
	}
	client, server := talk(30)
	up1, down1 := []byte(client), []byte(server)
	g := &grab{}
	r := newRig(t, analyzer.Def{Name: "grab", Over: []analyzer.Transport{analyzer.UDP}, Kinds: []string{"grab"},
		Probe:   func(packet.Dir, []byte) analyzer.Answer { return analyzer.Yes },
		Message: func(analyzer.Options) (analyzer.MessageAnalyzer, error) { return g, nil }})
	a, _ := Def.Stream(analyzer.Options{})
	a.(*conn).kind = event.FirstAnalyzerKind
	var n float64
	events := 0
	g.run = func(c *analyzer.Context) {
		n = testing.AllocsPerRun(20, func() {
			feed(a, c, up, up1)
			feed(a, c, down, down1)
			events = len(r.Out)
			r.Out = r.Out[:0]
		})
	}
	r.Datagram()
	if events != 30 || n > 3*30 {
		t.Errorf("%v allocations for %d events", n, events)
	}
}
