package dns

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// message builds a message with one question. Each record is "section name type ttl data", data as hexadecimal or a name.
func message(id, flags uint16, name string, typ uint16, records ...record) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = binary.BigEndian.AppendUint16(b, flags)
	var n [4]uint16
	n[0] = 1
	for _, r := range records {
		n[r.section]++
	}
	for _, v := range n {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = appendLabels(b, name)
	b = append(b, byte(typ>>8), byte(typ), 0, 1)
	for _, r := range records {
		if r.name == name {
			b = append(b, 0xc0, headerLen) // the question's name
		} else {
			b = appendLabels(b, r.name)
		}
		b = append(b, byte(r.typ>>8), byte(r.typ), byte(r.class>>8), byte(r.class))
		b = binary.BigEndian.AppendUint32(b, r.ttl)
		b = binary.BigEndian.AppendUint16(b, uint16(len(r.data)))
		b = append(b, r.data...)
	}
	return b
}

type record struct {
	section    int
	name       string
	typ, class uint16
	ttl        uint32
	data       string
}

func appendLabels(b []byte, name string) []byte {
	for _, l := range strings.Split(name, ".") {
		if l != "" {
			b = append(append(b, byte(len(l))), l...)
		}
	}
	return append(b, 0)
}

func run(t testing.TB, wanted func(string) bool, frames ...[]byte) []event.Event {
	t.Helper()
	return analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}, Wanted: wanted}, frames...)
}

func messages(es []event.Event) []*Message { return analyzertest.Of[*Message](es) }

const client, resolver = "10.0.0.1:4711", "10.0.0.53:53"

func ask(b []byte) []byte {
	return packettest.UDP{Src: client, Dst: resolver, Payload: string(b)}.Frame()
}
func tell(b []byte) []byte {
	return packettest.UDP{Src: resolver, Dst: client, Payload: string(b)}.Frame()
}

var (
	alias = record{1, "www.example", TypeCNAME, 1, 300, "\x04host\xc0\x10"}
	a4    = record{1, "host.example", TypeA, 1, 60, "\xc0\x00\x02\x07"}
	a6    = record{1, "host.example", TypeAAAA, 1, 60, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09"}
	edns  = record{3, "", TypeOPT, 1232, 1 << 15, ""}
)

func query(id uint16) []byte { return message(id, FlagRecursion, "www.example", TypeA, edns) }
func answer(id uint16) []byte {
	return message(id, FlagResponse|FlagRecursion|FlagAvailable, "www.example", TypeA, alias, a4, a6, edns)
}

func TestUDP(t *testing.T) {
	got := messages(run(t, nil, ask(query(7)), tell(answer(7))))
	if len(got) != 2 {
		t.Fatalf("%d messages", len(got))
	}
	q, r := got[0], got[1]
	if q.Header.Response() || q.Name != "www.example" || q.Type != TypeA || !q.EDNS || q.UDPSize != 1232 || !q.DO || q.Header.ID != 7 || q.Malformed {
		t.Errorf("query %+v", q)
	}
	asks, answers := r.Ends()
	if !r.Header.Response() || asks.Port != 4711 || answers.Port != 53 || r.Dir != packet.ToClient || r.Head().Seen.Frame != 2 || r.Malformed {
		t.Errorf("answer %+v", r)
	}
	var text []string
	r.Answers(func(name []byte, x Record) {
		text = append(text, fmt.Sprintf("%s %s %s", name, TypeName(x.Type), r.Data(x)))
	})
	if s := strings.Join(text, "; "); s != "www.example CNAME host.example; host.example A 192.0.2.7; host.example AAAA 2001:db8::9" {
		t.Error(s)
	}
	var names []string
	r.EachName(func(n event.Name) { names = append(names, n.Addr.String()+"="+n.Name+" by "+n.From.String()) })
	if s := strings.Join(names, "; "); s != "192.0.2.7=www.example by DNS; 2001:db8::9=www.example by DNS" {
		t.Error(s)
	}
	q.EachName(func(n event.Name) { t.Errorf("a query names %+v", n) })
	analyzertest.ValidEVE(t, q, r)
}

// Where the capture begins with an answer, the resolver looks like the one who called.
func TestAnswerFirst(t *testing.T) {
	got := messages(run(t, nil, tell(answer(7))))
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	if asks, answers := got[0].Ends(); asks.Port != 4711 || answers.Port != 53 {
		t.Errorf("%v asks %v", asks, answers)
	}
}

// framed puts the length before each message, as RFC 1035 4.2.2 has it over TCP.
func framed(ms ...[]byte) (b []byte) {
	for _, m := range ms {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
	}
	return b
}

func TestTCP(t *testing.T) {
	for _, cut := range []int{1, 2, 13, 4096} {
		got := messages(run(t, nil, analyzertest.Frames(cut, client, resolver, true,
			analyzertest.Turn{Dir: packet.ToServer, Data: string(framed(query(1), query(2)))},
			analyzertest.Turn{Dir: packet.ToClient, Data: string(framed(answer(2), answer(1)))})...))
		if len(got) != 4 || got[1].Header.ID != 2 || got[2].Header.ID != 2 || got[3].Header.ID != 1 || !got[3].Header.Response() || got[3].Malformed {
			t.Fatalf("cut %d: %d messages", cut, len(got))
		}
	}
}

func TestNobodyWantsIt(t *testing.T) {
	// its events name addresses, so the protocol does not rest; without Names it would
	def := Def
	def.Names = nil
	r, err := analyzer.NewRegistry([]analyzer.Def{def}, func(string) bool { return false })
	if err != nil || r.Kind(Kind) == 0 {
		t.Fatal(err)
	}
	if got := messages(run(t, func(string) bool { return false }, ask(query(7)))); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
}

func TestProbe(t *testing.T) {
	mdns := message(0, FlagResponse|FlagAuthoritative, "x.local", TypeA)
	binary.BigEndian.PutUint16(mdns[4:], 0) // an announcement asks nothing
	for _, tc := range []struct {
		name string
		b    []byte
		want analyzer.Answer
	}{
		{"query", query(7), analyzer.Yes},
		{"answer", answer(7), analyzer.Yes},
		{"stream", framed(query(7), query(8)), analyzer.Yes},
		{"begin of a stream", framed(query(7))[:20], analyzer.More},
		{"web", []byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"), analyzer.No},
		{"TLS", append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 500)...), analyzer.No},
		{"zeros", make([]byte, 60), analyzer.No},
		{"nothing", nil, analyzer.More},
		{"error without a question", []byte{0, 7, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0}, analyzer.Yes},
		{"Z and an error code", message(7, FlagZ|3, "www.example", TypeA), analyzer.Yes},
		{"Z in an answer", message(7, FlagResponse|FlagZ, "www.example", TypeA), analyzer.No},
		{"status", message(7, 2<<11, "www.example", TypeA), analyzer.No},
		{"cut question", query(7)[:15], analyzer.No},
		{"class 9", func() []byte { b := message(7, 0, "a", TypeA); b[len(b)-1] = 9; return b }(), analyzer.No},
	} {
		if got := probe(packet.ToServer, tc.b); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// Names that point at themselves, ahead, or into the middle of nothing end, and are said to be broken.
func TestNames(t *testing.T) {
	msg := func(tail ...byte) []byte { return append(make([]byte, headerLen), tail...) }
	for _, tc := range []struct {
		name string
		b    []byte
		want string
		ok   bool
	}{
		{"root", msg(0), "", true},
		{"two labels", msg(1, 'a', 2, 'b', 'c', 0), "a.bc", true},
		{"to itself", msg(0xc0, headerLen), "", false},
		{"ahead", msg(0xc0, headerLen+4, 0, 0, 1, 'a', 0), "a", true},
		{"to each other", msg(0xc0, headerLen+2, 0xc0, headerLen), "", false},
		{"cut label", msg(5, 'a', 'b'), "", false},
		{"cut pointer", msg(1, 'a', 0xc0), "", false},
		{"no end", msg(1, 'a'), "", false},
		{"label type 01", msg(0x41, 'a', 0), "", false},
		{"too long", msg(bytes.Repeat(append([]byte{63}, make([]byte, 63)...), 5)...), "", false},
	} {
		got, _, ok := appendName(nil, tc.b, headerLen)
		if ok != tc.ok || ok && string(got) != tc.want {
			t.Errorf("%s: %q %v", tc.name, got, ok)
		}
	}
	chain := make([]byte, headerLen, 200) // each pointer goes two bytes back
	chain[headerLen-1] = 0
	for i := range 80 {
		at := headerLen - 1
		if i > 0 {
			at = headerLen + 2*(i-1)
		}
		chain = append(chain, 0xc0, byte(at))
	}
	if _, _, ok := appendName(nil, chain, headerLen+2*20); !ok {
		t.Error("21 pointers are refused")
	}
	if _, _, ok := appendName(nil, chain, headerLen+2*70); ok {
		t.Error("71 pointers are followed")
	}
}

func TestExtendedError(t *testing.T) {
	for _, tc := range []struct {
		options string
		code    uint16
		ok      bool
	}{
		{"\x00\x0f\x00\x02\x00\x07", 7, true},
		{"\x00\x0a\x00\x01x\x00\x0f\x00\x05\x00\x16why", 22, true},
		{"\x00\x0f\x00\x01\x00", 0, false},
		{"\x00\x0f\x00\x09\x00\x07", 0, false},
		{"", 0, false},
	} {
		o := record{3, "", TypeOPT, 1232, 0, tc.options}
		m := messages(run(t, nil, tell(message(7, FlagResponse|ServFail, "www.example", TypeA, o))))[0]
		if m.EDE != tc.code || m.HasEDE != tc.ok || m.RCode() != ServFail {
			t.Errorf("%q: %d %v", tc.options, m.EDE, m.HasEDE)
		}
	}
}

func TestMalformed(t *testing.T) {
	cut := answer(7)
	cut = cut[:len(cut)-14]
	got := messages(run(t, nil, ask(query(7)), tell(cut), tell(answer(7)[:11])))
	if len(got) != 2 || !got[1].Malformed {
		t.Fatalf("%d messages", len(got))
	}
	n := 0
	got[1].Answers(func([]byte, Record) { n++ })
	if n != 2 { // the third one is cut
		t.Errorf("%d records before the break", n)
	}
}

func TestBounded(t *testing.T) {
	var rs []record
	for i := range 1000 {
		rs = append(rs, record{1, "", TypeA, 1, 1, string(binary.BigEndian.AppendUint32(nil, uint32(i)))})
	}
	n := 0
	Records(message(1, FlagResponse, "x", TypeA, rs...), func(int, Record) bool { n++; return true })
	if n != maxRecords {
		t.Errorf("%d records read", n)
	}
}

func TestAllocations(t *testing.T) {
	e := messages(run(t, nil, ask(query(7)), tell(answer(7))))[1]
	buf, c := make([]byte, 0, 4096), &event.EVE{Version: 8}
	if n := testing.AllocsPerRun(100, func() { e.EachName(func(event.Name) {}) }); n > 1 {
		t.Errorf("%v allocations for names", n)
	}
	if n := testing.AllocsPerRun(100, func() { buf = e.AppendEVE(buf[:0], c) }); n > 12 {
		t.Errorf("%v allocations for a record", n)
	}
	if n := testing.AllocsPerRun(100, func() { probe(packet.ToServer, e.raw) }); n > 0 {
		t.Errorf("%v allocations to probe", n)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(query(7))
	f.Add(answer(7))
	f.Add(framed(query(1), answer(1)))
	f.Add([]byte{0, 7, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := probe(packet.ToServer, b)
		if whole == analyzer.More && len(b) > 2+0xffff {
			t.Fatal("never settled")
		}
		h, ok := ParseHeader(b)
		if !ok {
			return
		}
		m := &Message{Header: h, raw: b}
		if q, next, ok := AppendQuestion(nil, b); ok {
			if len(q.Name) > maxName || next > len(b) {
				t.Fatalf("name of %d bytes, next %d of %d", len(q.Name), next, len(b))
			}
			m.Name, m.Type, m.Class = string(q.Name), q.Type, q.Class
		}
		m.EachName(func(n event.Name) {
			if n.Addr.IsZero() {
				t.Fatal("a name without an address")
			}
		})
		m.AppendEVE(nil, &event.EVE{Version: 7})
		m.AppendEVE(nil, &event.EVE{Version: 8})
	})
}

func BenchmarkMessages(b *testing.B) {
	q, a := query(7), answer(7)
	b.SetBytes(int64(len(q) + len(a)))
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range [2][]byte{q, a} {
			if probe(packet.ToServer, m) != analyzer.Yes {
				b.Fatal("not recognised")
			}
			Records(m, func(int, Record) bool { return true })
		}
	}
}
