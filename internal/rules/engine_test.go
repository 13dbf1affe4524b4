package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/rules/lang"
)

// inside is what a connection of the test says within a packet: packet first, then parts, then the packet's own turn.
func (r *rig) inside(d packet.Dir, data string, tx uint64, done bool, parts ...string) {
	s := packettest.TCP{Src: client, Dst: server, Seq: r.seq[d], Ack: r.seq[d.Other()], Flags: packet.PSH | packet.ACK, Payload: data}
	if d == packet.ToClient {
		s.Src, s.Dst = s.Dst, s.Src
	}
	r.n++
	p := packettest.At(s.Frame(), r.n, packet.Time(1_700_000_000_000_000_000).Add(time.Duration(r.n)*time.Millisecond))
	h := r.flows.Packet(p, &r.out)
	r.e.Begin(p, h, &r.out)
	r.d.Packet(p, h, &r.out)
	head := r.flows.Head(h, event.KindNone, p)
	r.e.Inspect("http", h, &head, p, event.Inspection{Dir: d, Tx: tx, Done: done, Parts: givenParts(parts)})
	r.e.Packet(p, h, &r.out)
	r.seq[d] += uint32(len(data))
}

func httpRig(t testing.TB, set *Set) *rig {
	r := newRig(t, set)
	r.e.app = func(uint32) (string, bool) { return "http", true }
	r.dial()
	return r
}

// TestOrder: on one packet, rules about packets and streams come before those about parts, so that a bit that the one sets
// the other sees, and not the other way round.
func TestOrder(t *testing.T) {
	r := httpRig(t, load(t,
		`alert tcp any any -> any any (dsize:4; content:"GET "; flowbits:set,p; noalert; sid:1;)`,
		`alert http any any -> any any (http.uri; content:"/a"; flowbits:isset,p; sid:2;)`,
		`alert http any any -> any any (http.uri; content:"/a"; flowbits:set,h; noalert; sid:3;)`,
		`alert tcp any any -> any any (dsize:4; content:"GET "; flowbits:isset,h; sid:4;)`))
	r.inside(0, "GET ", 0, true, "http.uri=/a")
	got := r.alerts()
	if len(got[2]) != 1 || got[2][0] != 4 || len(got[4]) != 0 {
		t.Errorf("first packet: %v", got)
	}
	r.inside(0, "GET ", 1, true, "http.uri=/b")
	if got := r.alerts(); len(got[4]) != 1 || got[4][0] != 5 {
		t.Errorf("second packet: %v", got)
	}
	if n := r.e.Stats().Packets; n != 5 {
		t.Errorf("%d packets looked at, of 5", n)
	}
}

// TestPassWhole: a pass rule about addresses, a protocol, its parts or the stream takes the whole connection; one about a
// packet takes the packet.
func TestPassWhole(t *testing.T) {
	for _, c := range []struct {
		name, rule string
		whole      bool
	}{
		{"addresses", `pass ip 192.168.1.2 any -> any any (sid:9;)`, true},
		{"parts", `pass http any any -> any any (http.uri; content:"/ok"; sid:9;)`, true},
		{"protocol", `pass tcp any any -> any any (app-layer-protocol:http; dsize:4; sid:9;)`, true},
		{"stream", `pass tcp any any -> any any (content:"four"; sid:9;)`, true},
		{"packet", `pass tcp any any -> any any (dsize:4; content:"four"; sid:9;)`, false},
		{"another", `pass tcp any any -> any any (content:"never"; sid:9;)`, false},
	} {
		r := httpRig(t, load(t, c.rule, `alert tcp any any -> any any (dsize:5; content:"later"; sid:1;)`, `alert http any any -> any any (http.uri; content:"/late"; sid:2;)`))
		r.inside(0, "four", 0, true, "http.uri=/ok")
		r.send(1, packet.ACK, "")
		r.send(0, packet.ACK, "")
		r.inside(0, "later", 1, true, "http.uri=/late")
		got := r.alerts()
		if whole := len(got[1])+len(got[2]) == 0; whole != c.whole {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.whole && r.e.Stats().Passed == 0 {
			t.Errorf("%s: passed packets are not counted", c.name)
		}
	}
}

// TestBeside: contents of the payload beside those of parts lie in the stream; a rule alerts once for a transaction, however
// often its parts are shown, and again for the next one.
func TestBeside(t *testing.T) {
	set := load(t, `alert http any any -> any any (http.uri; content:"/a"; pkt_data; content:"cookie"; sid:1;)`, `alert http any any -> any any (http.uri; content:"/a"; sid:2;)`)
	r := httpRig(t, set)
	r.say(0, "GET /a with a cookie") // frames 4 to 6
	r.inside(0, "", 0, false, "http.uri=/a")
	r.inside(0, "", 0, false, "http.uri=/a")
	r.inside(0, "", 0, true, "http.uri=/a")
	if got := r.alerts(); len(got[1]) != 1 || got[1][0] != 7 || len(got[2]) != 1 {
		t.Errorf("one transaction: %v", got)
	}
	r.inside(0, "", 1, true, "http.uri=/a")
	if got := r.alerts(); len(got[1]) != 2 || len(got[2]) != 2 {
		t.Errorf("two transactions: %v", got)
	}
	r = httpRig(t, set)
	r.say(0, "GET /a without")
	r.inside(0, "", 0, true, "http.uri=/a")
	if got := r.alerts(); len(got[1]) != 0 || len(got[2]) != 1 {
		t.Errorf("nothing beside: %v", got)
	}
}

// TestFlushed: what is found without a packet is told.
func TestFlushed(t *testing.T) {
	r := httpRig(t, load(t, `alert http any any -> any any (http.uri; content:"/a"; sid:1;)`))
	head := r.flows.Last(1, event.KindNone)
	r.e.Inspect("http", flow.Handle{Index: 1}, &head, nil, event.Inspection{Parts: givenParts{"http.uri=/a"}})
	if got := r.alerts(); len(got[1]) != 0 {
		t.Fatalf("before: %v", got)
	}
	r.e.Flush(&r.out)
	if got := r.alerts(); len(got[1]) != 1 {
		t.Errorf("after: %v", got)
	}
}

// TestSegments: contents with a place count from the begin of a segment or of the stream, and the rest of the rule may lie in
// what follows; how the begin of the stream is cut does not matter.
func TestSegments(t *testing.T) {
	rule := `alert tcp any any -> any 80 (content:"SMB"; depth:8; content:"pipe"; distance:0; sid:1;)`
	for _, c := range []struct {
		name string
		say  []string
		want int
	}{
		{"one segment", []string{"xSMB pipe"}, 1},
		{"two segments", []string{"xSMB ", "pipe"}, 1},
		{"cut within both", []string{"xS", "MB pi", "pe"}, 1},
		{"a later segment", []string{strings.Repeat("-", 3000), "xSMB ", "pipe"}, 1},
		{"beyond its place", []string{"xxxxxxxxSMB ", "pipe"}, 0},
		{"too far", []string{"xSMB ", strings.Repeat("-", 3000), "pipe"}, 0},
	} {
		r := newRig(t, load(t, rule))
		r.dial()
		for _, s := range c.say {
			r.say(0, s)
		}
		r.end()
		if got := r.alerts()[1]; len(got) != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestDepth: what lies beyond the depth of a stream is not looked at, and counted.
func TestDepth(t *testing.T) {
	r := newRig(t, load(t, `alert tcp any any -> any 80 (content:"needle"; sid:1;)`))
	r.dial()
	for range streamDepth / 1024 {
		r.e.Stream(1, 0, 80, make([]byte, 1024), false)
	}
	if r.e.Stream(1, 0, 80, []byte("needle"), false) {
		t.Error("it wants more")
	}
	r.send(0, packet.ACK, "")
	if got := r.alerts(); len(got) != 0 || r.e.Stats().BeyondDepth != 6 {
		t.Errorf("%v, %+v", got, r.e.Stats())
	}
}

// TestAddresses: lists of addresses find their rules whatever the lengths of their networks, and no others.
func TestAddresses(t *testing.T) {
	r := newRig(t, load(t, `alert ip [192.168.1.0/29,203.0.113.7] any -> any any (sid:1;)`, `alert ip any any -> 198.51.100.7 any (sid:2;)`,
		`alert ip [192.168.1.3-192.168.1.9] any -> any any (sid:3;)`, `alert ip 198.51.100.7 any <> any any (sid:4;)`, `alert ip 2001:db8::/32 any -> any any (sid:5;)`,
		`alert ip 192.168.1.2 any -> any any (flowbits:set,x; sid:6;)`))
	r.dial()
	got := r.alerts()
	for sid, n := range map[uint32]int{1: 1, 2: 1, 3: 0, 4: 2, 5: 0, 6: 1} {
		if len(got[sid]) != n {
			t.Errorf("%d: %v, want %d", sid, got[sid], n)
		}
	}
	r.give(packettest.UDP{Src: "[2001:db8:1::5]:5000", Dst: "[2001:db9::1]:53", Payload: "x"}.Frame())
	if got := r.alerts(); len(got[5]) != 1 {
		t.Errorf("IPv6: %v", got[5])
	}
}

// TestCruel: rules and traffic made to cost as much as they can end in bounded time and memory, and what is given up is
// counted.
func TestCruel(t *testing.T) {
	begin := time.Now()
	var text []string
	for i := range 300 { // every place of the stream is a candidate
		text = append(text, fmt.Sprintf(`alert tcp any any -> any 80 (content:"%s"; content:"b"; distance:%d; sid:%d;)`, strings.Repeat("a", 4+i%50), i, i+1))
	}
	text = append(text, `alert tcp any any -> any 80 (content:"aaaa"; pcre:"/(a+)+$b/"; sid:1001;)`, `alert tcp any any -> any 80 (content:"aaaa"; pcre:"/(a|aa)+(a|aa)+(a|aa)+c/"; sid:1002;)`)
	for i := range 10_000 {
		text = append(text, fmt.Sprintf(`alert http any any -> any any (http.uri; content:"/"; flowbits:set,bit%d; noalert; sid:%d;)`, i, 10_000+i))
	}
	r := httpRig(t, load(t, text...))
	for range 8 {
		r.say(0, strings.Repeat("a", 1400))
	}
	streams := time.Since(begin)
	for i := range 20 { // transactions that stay open, all rules in each
		r.inside(0, "", uint64(i), false, "http.uri=/", "http.method=GET")
	}
	for i := range 1000 { // and that no rule is about
		r.inside(0, "", uint64(100+i), false, "http.uri=-", "http.method=GET")
	}
	f := r.e.state[1]
	if len(f.fired) > mostFired || len(f.bits) > 10_000/64+1 || len(f.half[0].open) > mostOpen {
		t.Errorf("%d fired, %d words of bits, %d open", len(f.fired), len(f.bits), len(f.half[0].open))
	}
	if s := r.e.Stats(); s.GivenUp == 0 || s.Bytes > r.e.most {
		t.Errorf("%+v", s)
	}
	if d := time.Since(begin); d > time.Minute {
		t.Errorf("it took %v, of it %v for streams", d, streams)
	}
	r.end()
	if n := r.e.Stats().Bytes; n != 0 {
		t.Errorf("%d bytes held at the end", n)
	}
}

// TestRandomRules: a file of anything at all is refused line by line.
func TestRandomRules(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 200_000)
	for i := range b {
		if b[i] = byte(r.Uint32()); i%97 == 0 {
			b[i] = '\n'
		}
	}
	words := strings.Fields(`alert tcp any any -> $HOME_NET [1:5,!3] ( content:"a|00|"; depth:4; pcre:"/(/"; sid:1; flowbits:set,x; http.uri; )`)
	var text strings.Builder
	text.Write(b)
	for range 20_000 {
		text.WriteString(words[r.IntN(len(words))])
		text.WriteByte(" \n"[r.IntN(20)/19])
	}
	list, _, err := lang.Parse("random", strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	set, bad := Compile(list, Options{Vars: DefaultVars()})
	if set.Len()+len(bad) < len(list) {
		t.Errorf("%d rules, %d run, %d refused", len(list), set.Len(), len(bad))
	}
	g := newRig(t, set)
	g.dial()
	g.say(0, "a\x00a")
	g.end()
}

// TestSealed: of a connection whose payload is encrypted, what came before is looked at, no payload after it, and headers still.
func TestSealed(t *testing.T) {
	r := httpRig(t, load(t,
		`alert tcp any any -> any any (content:"clear"; sid:1;)`,
		`alert tcp any any -> any any (content:"cipher"; sid:2;)`,
		`alert tcp any any -> any any (content:"cipher"; depth:6; sid:3;)`,
		`alert tcp any any -> any any (flags:PA; sid:4;)`))
	r.say(0, "clear")
	r.e.Sealed(1)
	r.say(0, "cipher!")
	if got := r.alerts(); len(got[1]) != 1 || len(got[2]) != 0 || len(got[3]) != 0 || len(got[4]) != 2 {
		t.Error(got)
	}
}

// TestFlagsAlone: a rule that asks for flags alone is tried on every packet, not on the first of each way.
func TestFlagsAlone(t *testing.T) {
	r := httpRig(t, load(t, `alert tcp any any -> any any (flags:PA; sid:1;)`, `alert tcp any any -> any any (dsize:5; sid:2;)`))
	r.say(0, "clear")
	r.say(0, "again")
	if got := r.alerts(); len(got[1]) != 2 || len(got[2]) != 2 {
		t.Error(got)
	}
}
