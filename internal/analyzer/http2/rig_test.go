package http2

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/analyzer/dns"
	"firestorm/internal/analyzer/http"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	up, down = packet.ToServer, packet.ToClient
	endBoth  = flagEndHeaders | flagEndStream
)

var defs = []analyzer.Def{http.Def, Def, DoHDef, dns.Def}

// fr is a frame.
func fr(t FrameType, flags uint8, stream uint32, payload string) string {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), byte(t), flags}
	return string(binary.BigEndian.AppendUint32(b, stream)) + payload
}

// hdr is a block of fields, "name: value", written out and kept out of the table.
func hdr(fields ...string) string {
	var b strings.Builder
	for _, f := range fields {
		n := strings.Index(f[1:], ":") + 1
		name, value := f[:n], f[n+2:]
		b.WriteByte(0)
		for _, s := range []string{name, value} {
			if len(s) < 127 {
				b.WriteByte(byte(len(s)))
			} else {
				b.WriteByte(127)
				n := len(s) - 127
				for ; n >= 128; n >>= 7 {
					b.WriteByte(byte(n) | 0x80)
				}
				b.WriteByte(byte(n))
			}
			b.WriteString(s)
		}
	}
	return b.String()
}

func get(path string, more ...string) string {
	return hdr(append([]string{":method: GET", ":scheme: http", ":path: " + path, ":authority: shop.example:8080"}, more...)...)
}

func number(v uint32) string { return string(binary.BigEndian.AppendUint32(nil, v)) }

func setting(id uint16, v uint32) string {
	return string(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, id), v))
}

// hello is how a connection begins.
func hello() []analyzertest.Turn {
	return []analyzertest.Turn{{Dir: up, Data: Preface + fr(Settings, 0, 0, setting(3, 100)+setting(4, 65535))}, {Dir: down, Data: fr(Settings, 0, 0, setting(5, 16384)) + fr(Settings, flagAck, 0, "")},
		{Dir: up, Data: fr(Settings, flagAck, 0, "")}}
}

func talk(turns ...analyzertest.Turn) []analyzertest.Turn { return append(hello(), turns...) }

func frames(cut int, turns ...analyzertest.Turn) [][]byte {
	return analyzertest.Frames(cut, "10.0.0.1:40000", "10.0.0.2:8080", true, turns...)
}

func run(t testing.TB, cut int, turns ...analyzertest.Turn) []event.Event {
	t.Helper()
	return analyzertest.Run(t, analyzertest.Options{Defs: defs}, frames(cut, turns...)...)
}

// brief is a transaction in one line.
func brief(x *http.Transaction) string {
	s := fmt.Sprintf("%d %s %s %s %d", x.Two.Stream, x.Method, x.Host, x.URI, x.Status)
	if x.RequestN > 0 {
		s += fmt.Sprintf(" sent %d", x.RequestN)
	}
	if x.ResponseN > 0 {
		s += fmt.Sprintf(" got %d", x.ResponseN)
	}
	for _, f := range []struct {
		set  bool
		word string
	}{{x.Complete, "complete"}, {x.Gap, "gap"}, {x.Unanswered, "unanswered"}, {x.Reset, "reset"}} {
		if f.set {
			s += " " + f.word
		}
	}
	return s
}

func briefs(es []event.Event) string {
	var all []string
	for _, x := range analyzertest.Of[*http.Transaction](es) {
		if x.Two != nil {
			all = append(all, brief(x))
		}
	}
	return strings.Join(all, "; ")
}

// odd are the odd things that were told.
func odd(es []event.Event) string {
	var all []string
	for _, x := range analyzertest.Of[*event.AppLayer](es) {
		all = append(all, x.Name)
	}
	return strings.Join(all, " ")
}

// valid checks the records of events; a message of DNS has none of its own.
func valid(t testing.TB, es []event.Event) {
	t.Helper()
	var all []event.Event
	for _, e := range es {
		if m, ok := e.(*dns.Message); !ok {
			all = append(all, e)
		} else if line := m.AppendEVE(nil, &event.EVE{Version: 8}); len(line) > 0 {
			t.Errorf("%s", line)
		}
	}
	analyzertest.ValidEVE(t, all...)
}
