package rules

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/rules/lang"
	"firestorm/internal/stream"
)

// load compiles rules; all of them must be good.
func load(t testing.TB, text ...string) *Set {
	t.Helper()
	set, bad := tryLoad(t, text...)
	for _, p := range bad {
		t.Errorf("refused: %v", p)
	}
	return set
}

func tryLoad(t testing.TB, text ...string) (*Set, []lang.Problem) {
	t.Helper()
	list, bad, err := lang.Parse("test.rules", strings.NewReader(strings.Join(text, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	set, refused := Compile(list, Options{Vars: DefaultVars(), Classifications: map[string]lang.Classification{
		"bad-unknown": {Name: "bad-unknown", Description: "Potentially Bad Traffic", Priority: 2}}})
	return set, append(bad, refused...)
}

// rig is a shard: flow table, reassembly and rules.
type rig struct {
	t     testing.TB
	flows *flow.Table
	d     *analyzer.Dispatcher
	e     *Engine
	out   []event.Event
	n     uint64
	seq   [2]uint32
	watch func(p *packet.Packet, clean bool) // of each packet, when set
}

const (
	client = "192.168.1.2:40000"
	server = "198.51.100.7:80"
)

func newRig(t testing.TB, set *Set) *rig {
	t.Helper()
	r := &rig{t: t, seq: [2]uint32{100, 900}}
	reg, err := analyzer.NewRegistry(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.flows = flow.New(flow.Options{
		Released: func(i uint32, why event.EndReason) (string, string) { return r.d.Released(i, why, r.n, &r.out) },
		Alerted:  func(i uint32) bool { return r.e.Released(i, &r.out) }})
	r.e = NewEngine(set, r.flows, func(i uint32) (string, bool) { return r.d.App(i) }, 1<<20)
	if r.d, err = analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Head: r.flows.Head, Raw: r.e, Stream: stream.Options{}}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) give(frame []byte) {
	r.n++
	p := packettest.At(frame, r.n, packet.Time(1_700_000_000_000_000_000).Add(time.Duration(r.n)*time.Millisecond))
	h := r.flows.Packet(p, &r.out)
	r.e.Begin(p, h, &r.out)
	if r.watch != nil {
		r.watch(p, r.e.Clean(p, h))
	}
	r.d.Packet(p, h, &r.out)
	r.e.Packet(p, h, &r.out)
	for i := range frame { // the bytes are lent
		frame[i] = 0xdb
	}
}

func (r *rig) send(d packet.Dir, flags uint16, data string) {
	s := packettest.TCP{Src: client, Dst: server, Seq: r.seq[d], Ack: r.seq[d.Other()], Flags: flags, Payload: data}
	if d == packet.ToClient {
		s.Src, s.Dst = s.Dst, s.Src
	}
	r.give(s.Frame())
	r.seq[d] += uint32(len(data))
}

func (r *rig) dial() {
	r.send(0, packet.SYN, "")
	r.seq[0]++
	r.send(1, packet.SYN|packet.ACK, "")
	r.seq[1]++
	r.send(0, packet.ACK, "")
}

// say sends text and has it acknowledged both ways.
func (r *rig) say(d packet.Dir, text string) {
	r.send(d, packet.PSH|packet.ACK, text)
	r.send(d.Other(), packet.ACK, "")
	r.send(d, packet.ACK, "")
}

func (r *rig) end() {
	r.flows.End(packet.Time(1_700_000_000_000_000_000).Add(time.Hour), r.n+1, &r.out)
}

// alerts are the sids that alerted, with the frame: "1@4".
func (r *rig) alerts() map[uint32][]uint64 {
	m := map[uint32][]uint64{}
	for _, e := range r.out {
		if a, ok := e.(*event.Alert); ok {
			m[a.Rule.SID] = append(m[a.Rule.SID], a.Head().Seen.Frame)
		}
	}
	return m
}

// TestContents: one rule, one datagram, does it match?
func TestContents(t *testing.T) {
	for _, c := range []struct {
		name, options, payload string
		want                   bool
	}{
		{"plain", `content:"abc";`, "xxabcxx", true},
		{"not there", `content:"abc";`, "xxabxcx", false},
		{"case counts", `content:"abc";`, "xxABCxx", false},
		{"nocase", `content:"aBc"; nocase;`, "xxAbCxx", true},
		{"nocase is of letters only", `content:"[a"; nocase;`, "{a", false},
		{"nocase beside bytes that are no letters", `content:"|ff|A|c3|"; nocase;`, "x\xffa\xc3", true},
		{"hexadecimal", `content:"|41 42|c|0d0A|";`, "ABc\r\n", true},
		{"negated", `content:!"abc";`, "xxabxx", true},
		{"negated and there", `content:!"abc";`, "xxabc", false},
		{"offset", `content:"abc"; offset:3;`, "abcxxx", false},
		{"offset holds", `content:"abc"; offset:3;`, "abcabc", true},
		{"depth", `content:"abc"; depth:5;`, "xxxabc", false},
		{"depth holds", `content:"abc"; depth:6;`, "xxxabc", true},
		{"depth counts from the offset", `content:"abc"; offset:2; depth:3;`, "xxabc", true},
		{"and ends there", `content:"abc"; offset:2; depth:3;`, "xxxabc", false},
		{"startswith", `content:"abc"; startswith;`, "xabc", false},
		{"startswith holds", `content:"abc"; startswith;`, "abcx", true},
		{"endswith", `content:"abc"; endswith;`, "abcx", false},
		{"endswith holds", `content:"abc"; endswith;`, "abcabc", true},
		{"distance", `content:"ab"; content:"cd"; distance:2;`, "abxcd", false},
		{"distance holds", `content:"ab"; content:"cd"; distance:2;`, "abxxcd", true},
		{"distance may be negative", `content:"abc"; content:"bc"; distance:-2;`, "abc", true},
		{"within", `content:"ab"; content:"cd"; within:2;`, "abxcd", false},
		{"within holds", `content:"ab"; content:"cd"; within:3;`, "abxcd", true},
		{"distance and within", `content:"ab"; content:"cd"; distance:1; within:2;`, "abxcd", true},
		{"the first of two is no good, the second is", `content:"ab"; content:"cd"; distance:0; within:2;`, "abxabcd", true},
		{"three deep", `content:"a"; content:"b"; distance:1; within:1; content:"c"; distance:0; within:1;`, "aab_axbaxbc", true},
		{"negated relative", `content:"ab"; content:!"cd"; within:4;`, "abxxxcd", true},
		{"negated relative and there", `content:"ab"; content:!"cd"; within:4;`, "abxcd", false},
		{"negated relative somewhere else", `content:"ab"; content:!"cd"; within:2;`, "abcdab", true},
		{"isdataat", `content:"ab"; isdataat:3,relative;`, "abcd", false},
		{"isdataat holds", `content:"ab"; isdataat:2,relative;`, "abcd", true},
		{"isdataat, absolute", `content:"ab"; isdataat:3;`, "abcd", true},
		{"isdataat, absolute, beyond", `content:"ab"; isdataat:4;`, "abcd", false},
		{"no more data", `content:"cd"; isdataat:!1,relative;`, "abcd", true},
		{"more data", `content:"bc"; isdataat:!1,relative;`, "abcd", false},
		{"one more byte", `content:"bc"; isdataat:!2,relative;`, "abcd", true},
		{"the first ab has data behind it, the last has none", `content:"ab"; isdataat:!1,relative;`, "abxab", true},
		{"bsize", `content:"ab"; bsize:4;`, "abcd", true},
		{"bsize, less", `content:"ab"; bsize:<4;`, "abcd", false},
		{"dsize", `dsize:4; content:"ab";`, "abcd", true},
		{"dsize, between", `dsize:4<>6; content:"ab";`, "abcd", false},
		{"dsize, between holds", `dsize:3<>5; content:"ab";`, "abcd", true},

		{"pcre", `pcre:"/a[0-9]+c/";`, "xxa123c", true},
		{"pcre, not there", `pcre:"/a[0-9]+c/";`, "xxac", false},
		{"pcre, case", `pcre:"/A[0-9]+C/i";`, "xxa1c", true},
		{"pcre, negated", `pcre:!"/a[0-9]+c/";`, "xxa1c", false},
		{"pcre, relative", `content:"ab"; pcre:"/^c/R";`, "cab", false},
		{"pcre, relative holds", `content:"ab"; pcre:"/^c/R";`, "xabc", true},
		{"content after pcre", `pcre:"/a[0-9]/"; content:"z"; distance:0; within:1;`, "a1x a2z", true},
		{"a slash in it", `pcre:"/a\/b/";`, "a/b", true},
		{"byte_test", `byte_test:2,=,258,1;`, "x\x01\x02", true},
		{"byte_test, other", `byte_test:2,=,257,1;`, "x\x01\x02", false},
		{"byte_test, little", `byte_test:2,=,513,1,little;`, "x\x01\x02", true},
		{"byte_test, negated", `byte_test:1,!=,1,0;`, "\x01", false},
		{"byte_test, bits", `byte_test:1,&,4,0;`, "\x06", true},
		{"byte_test, no bits", `byte_test:1,!&,4,0;`, "\x06", false},
		{"byte_test, text", `byte_test:3,>,122,1,string,dec;`, "x123", true},
		{"byte_test, text that is none", `byte_test:3,>,0,1,string,dec;`, "xabc", false},
		{"byte_test, hexadecimal text", `byte_test:4,=,0x1f,0,string,hex;`, "0x1f", true},
		{"byte_test beyond the end", `byte_test:4,>=,0,1;`, "abc", false},
		{"byte_test, relative", `content:"ab"; byte_test:1,=,7,1,relative;`, "abx\x07", true},
		{"byte_test, mask", `byte_test:2,=,0x0f,0,bitmask 0x0ff0;`, "\x10\xf1", true},
		{"byte_jump", `byte_jump:1,0; content:"cd"; within:2;`, "\x02xxcd", true},
		{"byte_jump, elsewhere", `byte_jump:1,0; content:"cd"; within:2;`, "\x01xxcd", false},
		{"byte_jump beyond the end", `byte_jump:1,0; isdataat:!1,relative;`, "\x09xx", false},
		{"byte_jump, multiplied", `byte_jump:1,0,multiplier 2; content:"cd"; within:2;`, "\x01xxcd", true},
		{"byte_jump, post_offset", `byte_jump:1,0,post_offset -1; content:"cd"; within:2;`, "\x03xxcd", true},
		{"byte_jump, before the begin", `content:"c"; byte_jump:0,0,relative,post_offset -9; content:"ab"; within:2;`, "abc", true},
		{"byte_jump, from_beginning", `content:"a"; byte_jump:1,0,relative,from_beginning; content:"cd"; within:2;`, "a\x02cd", true},
		{"byte_jump, align", `byte_jump:1,0,align; content:"e"; within:1;`, "\x02abcde", true},
		{"byte_extract", `byte_extract:1,0,n; content:"cd"; offset:n; depth:2;`, "\x03xxcd", true},
		{"byte_extract, elsewhere", `byte_extract:1,0,n; content:"cd"; offset:n; depth:2;`, "\x02xxcd", false},
		{"byte_math", `byte_math:bytes 1,offset 0,oper *,rvalue 2,result n; byte_test:1,=,n,1;`, "\x03\x06", true},
		{"byte_math, divided by nothing", `byte_extract:1,1,z; byte_math:bytes 1,offset 0,oper /,rvalue z,result n; byte_test:1,>=,0,0;`, "\x03\x00", false},
	} {
		r := newRig(t, load(t, `alert udp any any -> any 53 (msg:"x"; sid:1; `+c.options+`)`))
		r.give(packettest.UDP{Src: "192.168.1.2:5000", Dst: "198.51.100.7:53", Payload: c.payload}.Frame())
		if got := len(r.alerts()) == 1; got != c.want {
			t.Errorf("%s: %s on %q: %v", c.name, c.options, c.payload, got)
		}
	}
}

// TestHeaders: does a rule fit a packet?
func TestHeaders(t *testing.T) {
	tcp := packettest.TCP{Src: client, Dst: server, Flags: packet.SYN, Window: 512, MSS: 1300, Seq: 77}
	for _, c := range []struct {
		rule  string
		frame []byte
		want  bool
	}{
		{`alert tcp any any -> any any (sid:1;)`, tcp.Frame(), true},
		{`alert udp any any -> any any (sid:1;)`, tcp.Frame(), false},
		{`alert ip any any -> any any (sid:1;)`, tcp.Frame(), true},
		{`alert tcp $HOME_NET any -> $EXTERNAL_NET 80 (sid:1;)`, tcp.Frame(), true},
		{`alert tcp $EXTERNAL_NET any -> any 80 (sid:1;)`, tcp.Frame(), false},
		{`alert tcp any any -> any ![80,443] (sid:1;)`, tcp.Frame(), false},
		{`alert tcp any 80 -> any any (sid:1;)`, tcp.Frame(), false},
		{`alert tcp any 80 <> any any (sid:1;)`, tcp.Frame(), true},
		{`alert tcp any any -> any any (flags:S; sid:1;)`, tcp.Frame(), true},
		{`alert tcp any any -> any any (flags:SA; sid:1;)`, tcp.Frame(), false},
		{`alert tcp any any -> any any (flags:!A; sid:1;)`, tcp.Frame(), true},
		{`alert tcp any any -> any any (flags:!SA; sid:1;)`, tcp.Frame(), true},
		{`alert tcp any any -> any any (flags:S+; sid:1;)`, tcp.Frame(), true},
		{`alert tcp any any -> any any (flags:*SA; sid:1;)`, tcp.Frame(), true},
		{`alert tcp any any -> any any (flags:0; sid:1;)`, packettest.TCP{Src: client, Dst: server}.Frame(), true},
		{`alert tcp any any -> any any (window:512; sid:1;)`, tcp.Frame(), true},
		{`alert tcp any any -> any any (tcp.mss:<1300; sid:1;)`, tcp.Frame(), false},
		{`alert tcp any any -> any any (seq:77; sid:1;)`, tcp.Frame(), true},
		{`alert ip any any -> any any (ip_proto:!6; sid:1;)`, tcp.Frame(), false},
		{`alert ip any any -> any any (ttl:<65; sid:1;)`, tcp.Frame(), true},
		{`alert icmp any any -> any any (itype:8; icode:0; sid:1;)`, packettest.ICMP{Src: "192.0.2.1", Dst: "192.0.2.2", Type: 8}.Frame(), true},
		{`alert icmp any any -> any any (itype:>8; sid:1;)`, packettest.ICMP{Src: "192.0.2.1", Dst: "192.0.2.2", Type: 8}.Frame(), false},
		{`alert ip any any -> any any (sameip; sid:1;)`, tcp.Frame(), false},
		{`alert tcp any any -> any any (flow:established; sid:1;)`, tcp.Frame(), false},
		{`alert tcp any any -> any any (flow:to_server,not_established; sid:1;)`, tcp.Frame(), true},
		{`alert tcp any any -> any any (flow:to_client; sid:1;)`, tcp.Frame(), false},
		{`alert tcp any any -> any any (decode-event:tcp.invalid_optlen; sid:1;)`, tcp.Frame(), false},
	} {
		r := newRig(t, load(t, c.rule))
		r.give(c.frame)
		if got := len(r.alerts()) == 1; got != c.want {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
}

// TestStream: contents lie across segments, are found once, and on the next packet of their direction.
func TestStream(t *testing.T) {
	set := load(t,
		`alert tcp any any -> any 80 (msg:"across"; flow:established,to_server; content:"GET /secret"; sid:1;)`,
		`alert tcp any 80 -> any any (msg:"answer"; flow:to_client; content:"hello"; nocase; sid:2;)`,
		`alert tcp-pkt any any -> any 80 (msg:"one packet"; content:"GET /secret"; sid:3;)`,
		`alert tcp any any -> any 80 (msg:"last words"; content:"bye"; sid:4;)`)
	r := newRig(t, set)
	r.dial() // frames 1 to 3
	r.send(0, packet.ACK, "GET /se")
	r.send(0, packet.PSH|packet.ACK, "cret")
	r.send(1, packet.ACK, "")
	r.send(0, packet.ACK, "") // 7
	r.say(1, "HeLLo")         // 8 to 10
	r.say(0, " and more")
	r.send(0, packet.PSH|packet.ACK, "bye") // never acknowledged
	r.end()
	got := r.alerts()
	if len(got[1]) != 1 || got[1][0] != 7 || len(got[2]) != 1 || got[2][0] != 10 || len(got[3]) != 0 || len(got[4]) != 1 {
		t.Errorf("%v", got)
	}
	ended := 0
	for _, e := range r.out {
		if f, ok := e.(*event.Flow); ok && f.What == event.Ended {
			ended++
			if !f.Alerted {
				t.Error("the flow knows nothing of its alerts")
			}
		}
	}
	if ended != 1 || r.e.Stats().Bytes != 0 {
		t.Errorf("%d flows ended, %d bytes held", ended, r.e.Stats().Bytes)
	}
}

// TestHole: nothing lies across bytes that the capture lacks, not even when both sides of the hole are looked at together.
func TestHole(t *testing.T) {
	set := load(t, `alert tcp any any -> any 80 (content:"needle"; sid:1;)`, `alert tcp any any -> any 80 (content:"before"; sid:2;)`,
		`alert tcp any any -> any 80 (content:"after"; sid:3;)`)
	r := newRig(t, set)
	r.dial()
	r.e.Stream(1, 0, 80, []byte("before nee"), false)
	r.e.Gap(1, 0)
	r.e.Stream(1, 0, 80, []byte("dle after"), false)
	r.send(0, packet.ACK, "")
	r.end()
	if got := r.alerts(); len(got[1]) != 0 || len(got[2]) != 1 || len(got[3]) != 1 {
		t.Errorf("%v", got)
	}
}

// TestPieces: how a stream is cut into segments changes nothing.
func TestPieces(t *testing.T) {
	set := load(t, `alert tcp any any -> any 80 (content:"abc"; content:"xyz"; distance:1; within:4; sid:1;)`,
		`alert tcp any any -> any 80 (content:"0123456789"; sid:2;)`, `alert tcp any any -> any 80 (content:"nothing"; sid:3;)`)
	text := strings.Repeat("abcab", 40) + "abc-xyz" + strings.Repeat("0123456789", 2)
	for _, cut := range []int{1, 2, 7, 64, 1400} {
		r := newRig(t, set)
		r.dial()
		for i := 0; i < len(text); i += cut {
			r.say(0, text[i:min(i+cut, len(text))])
		}
		r.end()
		got := r.alerts()
		if len(got[1]) != 1 || len(got[2]) == 0 || len(got[3]) != 0 {
			t.Errorf("cut to %d: %v", cut, got)
		}
	}
}

// TestOnce: what a packet's own bytes had is not told again when the stream brings them.
func TestOnce(t *testing.T) {
	r := newRig(t, load(t, `alert tcp any any -> any 80 (content:"GET"; startswith; sid:1;)`))
	r.dial()
	r.say(0, "GET / ")
	r.say(0, "GET / ")
	r.end()
	if got := r.alerts()[1]; len(got) != 2 || got[0] != 4 || got[1] != 7 {
		t.Errorf("%v", got)
	}
}

// TestBits: rules remember, in the right order, and each connection for itself.
func TestBits(t *testing.T) {
	set := load(t,
		`alert tcp any any -> any 80 (content:"two"; flowbits:isset,one; sid:2;)`,
		`alert tcp any any -> any 80 (content:"one"; flowbits:set,one; flowbits:noalert; sid:1;)`,
		`alert tcp any any -> any 80 (content:"three"; flowbits:isnotset,one; sid:3;)`,
		`alert tcp any any -> any 80 (content:"off"; flowbits:unset,one; sid:4;)`)
	r := newRig(t, set)
	r.dial()
	for _, w := range []string{"two", "one", "two", "three", "off", "three"} {
		r.say(0, w)
	}
	got := r.alerts()
	if len(got[1]) != 0 || len(got[2]) != 1 || len(got[3]) != 1 || len(got[4]) != 1 {
		t.Errorf("%v", got)
	}
}

// TestBitsAtOnce: of one packet, rules that set come before those that ask, whatever their order in the file.
func TestBitsAtOnce(t *testing.T) {
	r := newRig(t, load(t, `alert udp any any -> any 53 (content:"x"; flowbits:isset,b; sid:2;)`, `alert udp any any -> any 53 (content:"x"; flowbits:set,b; sid:1;)`))
	r.give(packettest.UDP{Src: "192.168.1.2:5000", Dst: "198.51.100.7:53", Payload: "x"}.Frame())
	if got := r.alerts(); len(got[1]) != 1 || len(got[2]) != 1 {
		t.Errorf("%v", got)
	}
}

// TestEndsOnly: a rule about addresses and ports alone alerts once for each way of a connection.
func TestEndsOnly(t *testing.T) {
	r := newRig(t, load(t, `alert ip 192.168.0.0/16 any -> any any (sid:1;)`, `alert ip any any -> $HOME_NET any (sid:2;)`, `alert tcp any any -> any 81 (sid:3;)`))
	r.dial()
	r.say(0, "a")
	r.say(1, "b")
	if got := r.alerts(); len(got[1]) != 1 || got[1][0] != 1 || len(got[2]) != 1 || got[2][0] != 2 || len(got[3]) != 0 {
		t.Errorf("%v", got)
	}
	for range 2 { // what has no connection is looked at packet by packet
		r.give(packettest.Raw{Src: "192.168.1.2", Dst: "198.51.100.7", Proto: 89}.Frame())
	}
	if got := r.alerts(); len(got[1]) < 2 {
		t.Errorf("%v", got)
	}
}

// TestBitsAlone: a rule that asks for a bit and nothing else is asked of every packet, not of the first one only.
func TestBitsAlone(t *testing.T) {
	r := newRig(t, load(t, `alert tcp any any -> any 80 (content:"one"; flowbits:set,b; noalert; sid:1;)`, `alert tcp any any -> any 80 (flow:to_server; flowbits:isset,b; sid:2;)`))
	r.dial()
	r.say(0, "none")
	r.say(0, "one")
	if got := r.alerts()[2]; len(got) == 0 || got[0] < 7 {
		t.Errorf("%v", got)
	}
}

// TestPass: a pass rule takes a packet from all that come after it, and no more than that packet.
func TestPass(t *testing.T) {
	r := newRig(t, load(t, `alert udp any any -> any 53 (content:"x"; sid:1;)`, `pass udp any any -> any 53 (content:"ok"; sid:2;)`))
	for _, s := range []string{"x", "x ok", "x"} {
		r.give(packettest.UDP{Src: "192.168.1.2:5000", Dst: "198.51.100.7:53", Payload: s}.Frame())
	}
	if got := r.alerts()[1]; len(got) != 2 || got[1] != 3 {
		t.Errorf("%v", got)
	}
}

// TestRefused: each mistake is told with its option, and the rest loads.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ options, option, reason string }{
		{`content:"";`, "content", "empty"},
		{`content:"|4|";`, "content", "half a byte"},
		{`content:"|4g|";`, "content", "not hexadecimal"},
		{`nocase;`, "nocase", "needs a content"},
		{`content:"abc"; depth:2;`, "depth", "less than"},
		{`content:"abc"; within:x;`, "within", "neither a number"},
		{`flow:to_server,to_client;`, "flow", "both ways"},
		{`flow:sideways;`, "flow", "sideways"},
		{`flowbits:set,a|b;`, "flowbits", "several bits"},
		{`flags:Q;`, "flags", "no TCP flag"},
		{`ttl:300;`, "ttl", "8 bits"},
		{`dsize:5<>5;`, "dsize", "nothing lies between"},
		{`decode-event:nonsense;`, "decode-event", "nonsense"},
		{`pcre:"/(/";`, "pcre", ""},
		{`pcre:"/a/K";`, "pcre", "buffer"},
		{`pcre:"a";`, "pcre", "slashes"},
		{`byte_test:1,~,1,0;`, "byte_test", "compares with"},
		{`unheard_of;`, "unheard_of", "not known"},
	} {
		set, bad := tryLoad(t, "alert tcp any any -> any any (sid:1; "+c.options+")", `alert tcp any any -> any any (sid:2;)`)
		if set.Len() != 1 || len(bad) != 1 || bad[0].Option != c.option || !strings.Contains(bad[0].Reason, c.reason) || bad[0].SID != 1 || bad[0].Line != 1 {
			t.Errorf("%s: %d rules, %+v", c.options, set.Len(), bad)
		}
	}
}

// TestHostile: contents that are found everywhere end, and it is counted.
func TestHostile(t *testing.T) {
	var o strings.Builder
	for range 8 {
		o.WriteString(`content:"a"; distance:0; `)
	}
	r := newRig(t, load(t, `alert udp any any -> any 53 (`+o.String()+`content:"b"; distance:0; sid:1;)`))
	begin := time.Now()
	r.give(packettest.UDP{Src: "192.168.1.2:5000", Dst: "198.51.100.7:53", Payload: strings.Repeat("a", 1400)}.Frame())
	if s := r.e.Stats(); s.GivenUp != 1 || s.Alerts != 0 {
		t.Errorf("%+v", s)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("it took %v", d)
	}
}

// TestRoom: streams that nobody looks at hold no more than they may.
func TestRoom(t *testing.T) {
	r := newRig(t, load(t, `alert tcp any any -> any 80 (content:"needle"; sid:1;)`))
	r.e.most = 100_000
	r.dial()
	for range 100 { // acknowledged, but no packet of the direction follows
		r.send(0, packet.ACK, strings.Repeat("x", 1000))
		r.send(1, packet.ACK, "")
		if n := r.e.Stats().Bytes; n > r.e.most {
			t.Fatalf("%d bytes held", n)
		}
	}
	for i := range 100 {
		r.e.Stream(uint32(i+10), 0, 80, make([]byte, 900), false)
	}
	if s := r.e.Stats(); s.Bytes > r.e.most || s.Apart == 0 || s.Forgotten != 0 {
		t.Errorf("nothing found: %+v", s)
	}
	for i := range 100 {
		r.e.Stream(uint32(i+10), 0, 80, append(make([]byte, 900), "needle"...), false)
	}
	if s := r.e.Stats(); s.Bytes > r.e.most || s.Forgotten == 0 {
		t.Errorf("found: %+v", s)
	}
	// So is how many connections are remembered; one that ends makes room.
	for i := range 1000 {
		r.e.Stream(uint32(i+10), 0, 80, []byte("x"), false)
	}
	most := r.e.most / 2 / stateSize
	if r.e.states != most {
		t.Errorf("%d connections are remembered, %d may be", r.e.states, most)
	}
	if r.e.Stream(2000, 0, 80, []byte("x"), false) {
		t.Error("one more is taken")
	}
	r.e.Released(12, &r.out)
	if !r.e.Stream(2000, 0, 80, []byte("x"), false) || r.e.states != most {
		t.Errorf("what ended makes no room: %d", r.e.states)
	}
}

// FuzzRule: no rule text and no payload brings the engine down, and what matches whole matches byte by byte as well.
func FuzzRule(f *testing.F) {
	f.Add(`content:"ab"; content:"cd"; distance:1; within:4;`, []byte("abxcd"))
	f.Add(`byte_extract:1,0,n; content:"cd"; offset:n; depth:2; isdataat:!1,relative;`, []byte("\x03xxcd"))
	f.Add(`byte_math:bytes 2,offset -1,oper <<,rvalue 70,result n; byte_jump:n,0,relative,align; flags:SA+,CE;`, []byte("abcdefgh"))
	f.Add(`byte_test:8,>,1,0,string,hex; dsize:>1; bsize:!3; content:!"a"; nocase; endswith;`, []byte("0x1234567"))
	f.Fuzz(func(t *testing.T, options string, payload []byte) {
		list, _, err := lang.Parse("f", strings.NewReader("alert ip any any -> any any (sid:1; "+options+")"))
		if err != nil {
			return
		}
		set, _ := Compile(list, Options{Vars: DefaultVars()})
		r := newRig(t, set)
		r.give(packettest.UDP{Src: "192.168.1.2:5000", Dst: "198.51.100.7:53", Payload: string(payload[:min(len(payload), 1400)])}.Frame())
		r.dial()
		r.say(0, string(payload[:min(len(payload), 1400)]))
		r.end()
	})
}

// TestSearch: searching for all contents at once finds what going through the rules one by one finds.
func TestSearch(t *testing.T) {
	var text []string
	words := []string{"a", "ab", "abc", "GET ", "needle", "zz", "ABC", "|00 01|", "hay"}
	for i, w := range words {
		for j, v := range words {
			o := `content:"` + w + `"; `
			if j%3 == 0 {
				o += "nocase; "
			}
			if j%2 == 0 {
				o += `content:"` + v + `"; distance:0; `
			} else {
				o += `content:!"` + v + `"; `
			}
			text = append(text, fmt.Sprintf("alert udp any any -> any any (%s sid:%d;)", o, 100*i+j+1))
		}
	}
	text = append(text, "alert udp any any -> any any (dsize:>3; sid:9001;)", "alert udp any any -> any 53 (sid:9002;)")
	plain := load(t, text...)
	plain.swept.Store(mostSweeps)
	for i := range plain.tables {
		for d := range plain.tables[i] {
			t := &plain.tables[i][d]
			for _, g := range append(t.groups, &t.base) {
				for _, l := range []*search{&g.head, &g.sized} {
					l.once.Do(func() {}) // no search: all are gone through
				}
				for i := range g.free.all {
					g.free.all[i].once.Do(func() {})
				}
			}
		}
	}
	searched := load(t, text...)
	for _, payload := range []string{"", "abcabc", "xxneedlexxGET yy", "ABCabc\x00\x01zz", "hay needle hay", "aBc zz aB"} {
		var got [2]map[uint32][]uint64
		for i, set := range []*Set{plain, searched} {
			r := newRig(t, set)
			r.give(packettest.UDP{Src: "192.168.1.2:5000", Dst: "198.51.100.7:53", Payload: payload}.Frame())
			got[i] = r.alerts()
		}
		if !reflect.DeepEqual(got[0], got[1]) {
			t.Errorf("%q: one by one %v, searched %v", payload, got[0], got[1])
		}
	}
}
