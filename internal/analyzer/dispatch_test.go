package analyzer

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/stream"
)

const t0 = packet.Time(1_700_000_000_000_000_000)

// rig is a shard's flow table and dispatcher.
type rig struct {
	flows *flow.Table
	d     *Dispatcher
	out   []event.Event
	frame uint64
	at    time.Duration
	lost  []Quarantine
}

func newRig(t *testing.T, wanted func(string) bool, defs ...Def) *rig {
	t.Helper()
	reg, err := NewRegistry(defs, wanted)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{}
	r.flows = flow.New(flow.Options{Want: flow.Wants(event.Ended), Released: func(i uint32, why event.EndReason) (string, string) {
		return r.d.Released(i, why, r.frame, &r.out)
	}})
	r.d, err = NewDispatcher(reg, DispatchOptions{Head: r.flows.Head, Anomalies: true, Quarantined: func(q Quarantine) { r.lost = append(r.lost, q) }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) give(frame []byte) {
	r.frame++
	p := packettest.At(frame, r.frame, t0.Add(r.at))
	h := r.flows.Packet(p, &r.out)
	r.d.Packet(p, h, &r.out)
	for i := range frame { // the bytes are lent
		frame[i] = 0xdb
	}
}

// talk is a TCP conversation.
type talk struct {
	*rig
	client, server string
	seq            [2]uint32
}

func (r *rig) dial(client, server string) *talk {
	k := &talk{r, client, server, [2]uint32{100, 900}}
	k.send(packet.ToServer, packet.SYN, "")
	k.seq[0]++
	k.send(packet.ToClient, packet.SYN|packet.ACK, "")
	k.seq[1]++
	k.send(packet.ToServer, packet.ACK, "")
	return k
}

func (k *talk) send(d packet.Dir, flags uint16, data string) {
	s := packettest.TCP{Src: k.client, Dst: k.server, Seq: k.seq[d], Ack: k.seq[d.Other()], Flags: flags, Payload: data}
	if d == packet.ToClient {
		s.Src, s.Dst = k.server, k.client
	}
	k.give(s.Frame())
	k.seq[d] += uint32(len(data))
}

// say sends data, cut into pieces, and has it acknowledged.
func (k *talk) say(d packet.Dir, data string, cut int) {
	for len(data) > 0 {
		n := min(cut, len(data))
		k.send(d, packet.ACK, data[:n])
		k.send(d.Other(), packet.ACK, "")
		data = data[n:]
	}
}

func (r *rig) texts() string {
	var all []string
	for _, e := range r.out {
		switch x := e.(type) {
		case *toyEvent:
			all = append(all, x.text)
		case *event.Anomaly:
			all = append(all, x.Code.String())
		}
	}
	return strings.Join(all, "; ")
}

const (
	up, down = packet.ToServer, packet.ToClient
	client   = "10.0.0.1:5000"
)

func TestToy(t *testing.T) {
	for _, cut := range []int{1, 3, 1000} {
		r := newRig(t, nil, toy, other)
		k := r.dial(client, "10.0.0.2:1234")
		k.say(up, "TOY hello\nhow\n", cut)
		k.say(down, "fine\n", cut)
		r.flows.End(t0, r.frame, &r.out)
		want := "to_server TOY hello; to_server how; to_client fine; to_server end input; to_client end input"
		if got := r.texts(); got != want {
			t.Errorf("cut %d: %s", cut, got)
		}
		h := r.out[0].Head()
		if h.FlowID == 0 || h.Client.Addr != packet.MustAddr("10.0.0.1") || h.Server.Port != 1234 || h.Seen.Frame >= h.Released.Frame ||
			h.Ordinal != h.Released.Frame || h.Proto != packet.ProtoTCP {
			t.Errorf("head %+v", h)
		}
		if s := r.d.Stats(); s.Sessions != 0 || s.Held != 0 || r.d.StreamStats().Live != 0 || r.d.StreamStats().Bytes != 0 {
			t.Errorf("left over: %+v %+v", s, r.d.StreamStats())
		}
	}
}

// Both protocols fit the first three bytes; whoever names the port is asked first, and the cut changes nothing.
func TestProbing(t *testing.T) {
	for _, tc := range []struct{ port, data, want string }{
		{"7777", "TOYS r us\n", "to_server TOYS r us"},
		{"8888", "TOYS r us\n", "other TOYS r us"},
		{"8888", "TOY r us\n", "to_server TOY r us"},
		{"1", "TOYS r us\n", "to_server TOYS r us"},
		{"7777", "GET / HTTP/1.1\n", ""},
		{"7777", "TO", ""},
	} {
		for _, cut := range []int{1, 4, 1000} {
			r := newRig(t, nil, toy, other)
			r.dial(client, "10.0.0.2:"+tc.port).say(up, tc.data, cut)
			if got := r.texts(); got != tc.want {
				t.Errorf("%s to port %s, cut %d: %q, want %q", tc.data, tc.port, cut, got, tc.want)
			}
			if strings.HasPrefix(tc.data, "GET") && (r.d.Stats().Unknown != 1 || r.d.StreamStats().Live != 0 || r.d.Stats().Held != 0) {
				t.Errorf("an unknown flow still costs something: %+v %+v", r.d.Stats(), r.d.StreamStats())
			}
		}
	}
}

func TestServerSpeaksFirst(t *testing.T) {
	r := newRig(t, nil, toy)
	k := r.dial(client, "10.0.0.2:1234")
	k.say(down, "TOY server\n", 2)
	k.say(up, "hello\n", 2)
	if got, want := r.texts(), "to_client TOY server; to_server hello"; got != want {
		t.Errorf("%s", got)
	}
}

func TestNobodyWantsIt(t *testing.T) {
	r := newRig(t, func(kind string) bool { return kind == "other" }, toy, other)
	r.dial(client, "10.0.0.2:7777").say(up, "TOY hello\n", 100)
	if got := r.texts(); got != "" {
		t.Errorf("%s", got)
	}
	r = newRig(t, func(string) bool { return false }, toy, other)
	r.dial(client, "10.0.0.2:7777").say(up, "TOY hello\n", 100)
	if r.d.StreamStats().Opened != 0 || r.d.Stats().Sessions != 0 {
		t.Errorf("work for nobody: %+v", r.d.StreamStats())
	}
}

func TestIdleConnectionsCostNothing(t *testing.T) {
	r := newRig(t, nil, toy)
	r.dial(client, "10.0.0.2:7777")
	if r.d.StreamStats().Opened != 0 || r.d.Stats().Sessions != 0 {
		t.Errorf("%+v %+v", r.d.Stats(), r.d.StreamStats())
	}
}

// An analyzer that has read enough costs nothing more; what it read still has its name when the flow ends.
func TestDone(t *testing.T) {
	for _, cut := range []int{1, 1000} {
		r := newRig(t, nil, toy)
		k := r.dial(client, "10.0.0.2:7777")
		k.say(up, "TOY one\nenough\nmore\n", cut)
		k.say(down, "more\n", cut)
		if s := r.d.Stats(); s.Sessions != 0 || s.Panics != 0 || r.d.StreamStats().Live != 0 || r.d.StreamStats().Bytes != 0 {
			t.Errorf("still read: %+v %+v", s, r.d.StreamStats())
		}
		r.give(packettest.UDP{Src: "10.0.0.1:5", Dst: "10.0.0.2:7777", Payload: "TOY enough"}.Frame())
		r.give(packettest.UDP{Src: "10.0.0.1:5", Dst: "10.0.0.2:7777", Payload: "TOY more"}.Frame())
		r.give(packettest.UDP{Src: "10.0.0.1:6", Dst: "10.0.0.2:7", Payload: "other"}.Frame())
		r.flows.End(t0, r.frame, &r.out)
		if got, want := r.texts(), "to_server TOY one; to_server TOY enough"; got != want {
			t.Errorf("%s", got)
		}
		apps := map[string]int{}
		for _, e := range r.out {
			if f, ok := e.(*event.Flow); ok {
				apps[f.AppProto]++
			}
		}
		if apps["toy"] != 2 || apps[""] != 1 || len(apps) != 2 {
			t.Errorf("%v", apps)
		}
	}
}

// A panic ends the analysis of its flow. The flow beside it goes on, and the analyzer is not used again as it was.
func TestContainment(t *testing.T) {
	r := newRig(t, nil, toy)
	bad, good := r.dial(client, "10.0.0.2:1"), r.dial("10.0.0.1:5001", "10.0.0.2:1")
	good.say(up, "TOY one\n", 3)
	bad.say(up, "TOY two\npanic\nthree\n", 3)
	bad.say(up, "four\n", 3)
	good.say(up, "five\n", 3)
	want := "to_server TOY one; to_server TOY two; APPLAYER_ANALYZER_PANIC; to_server five"
	if got := r.texts(); got != want {
		t.Errorf("%s", got)
	}
	if s := r.d.Stats(); s.Panics != 1 || s.Sessions != 1 || len(r.lost) != 1 || r.lost[0].Analyzer != "toy" || r.lost[0].FlowID == 0 ||
		r.lost[0].Seen.IsZero() || fmt.Sprint(r.lost[0].Value) != "toy" {
		t.Errorf("%+v %+v", s, r.lost)
	}
}

func TestProbePanic(t *testing.T) {
	bad := other
	bad.Probe = func(packet.Dir, []byte) Answer { panic("probe") }
	r := newRig(t, nil, bad, toy)
	r.dial(client, "10.0.0.2:1").say(up, "TOY one\n", 100)
	if got, want := r.texts(), "APPLAYER_ANALYZER_PANIC; to_server TOY one"; got != want {
		t.Errorf("%s", got)
	}
}

func TestUDP(t *testing.T) {
	r := newRig(t, nil, toy)
	u := packettest.UDP{Src: client, Dst: "10.0.0.2:53", Payload: "TOY q"}
	r.give(u.Frame())
	r.give(packettest.UDP{Src: u.Dst, Dst: u.Src, Payload: "answer"}.Frame())
	r.give(packettest.UDP{Src: "10.0.0.9:1", Dst: "10.0.0.2:53", Payload: "noise"}.Frame())
	r.give(packettest.UDP{Src: "10.0.0.8:1", Dst: "10.0.0.2:53", Payload: "TOY panic"}.Frame())
	r.give(packettest.UDP{Src: "10.0.0.8:1", Dst: "10.0.0.2:53", Payload: "TOY after"}.Frame())
	r.flows.End(t0, r.frame, &r.out)
	if got, want := r.texts(), "to_server TOY q; to_client answer; APPLAYER_ANALYZER_PANIC; end shutdown"; got != want {
		t.Errorf("%s", got)
	}
	if s := r.d.Stats(); s.Sessions != 0 || s.Unknown != 1 {
		t.Errorf("%+v", s)
	}
}

func TestUpgrade(t *testing.T) {
	for _, cut := range []int{1, 1000} {
		r := newRig(t, nil, toy, other)
		k := r.dial(client, "10.0.0.2:1")
		k.say(up, "TOY\nswitch\nnew\nnewer\n", cut)
		if got, want := r.texts(), "to_server TOY; other new; other newer"; got != want {
			t.Errorf("cut %d: %s", cut, got)
		}
	}
}

func TestExpect(t *testing.T) {
	r := newRig(t, nil, toy, other)
	r.dial(client, "10.0.0.2:1").say(up, "TOY\narm\n", 100)
	r.out = nil
	r.dial("10.0.0.1:5001", "10.0.0.2:9999").say(up, "anything\n", 2)
	if got := r.texts(); got != "other anything" {
		t.Errorf("%s", got)
	}
	r.out, r.at = nil, 10*time.Second
	r.d.Age(t0.Add(r.at), r.frame, &r.out)
	r.dial("10.0.0.1:5002", "10.0.0.2:9999").say(up, "anything\n", 2)
	if got := r.texts(); got != "" {
		t.Errorf("after its time: %s", got)
	}
	if s := r.d.Stats(); s.Expected != 1 || s.ExpectMatched != 1 || len(r.d.expected.byKey) != 0 || len(r.d.expected.order) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestExpectationsAreBounded(t *testing.T) {
	var s Stats
	x := expectations{byKey: map[expectKey]expectation{}, stats: &s, max: 3}
	for port := range uint16(5) {
		x.add(Expectation{Over: TCP, Port: port}, 0, 10)
	}
	x.add(Expectation{Over: TCP, Port: 4}, 0, 20)
	if len(x.byKey) > 3 || len(x.order) != len(x.byKey) || s.ExpectEvicted < 2 {
		t.Errorf("%d kept, %d evicted", len(x.byKey), s.ExpectEvicted)
	}
	if d, _ := x.match(TCP, packet.Addr{}, event.End{Port: 4}, 15); d != 0 {
		t.Error("the newest was thrown out")
	}
}

func TestPackets(t *testing.T) {
	var got []string
	see := func(name string) func(Options) (MessageAnalyzer, error) {
		return func(Options) (MessageAnalyzer, error) {
			return messageFunc(func(c *Context, b []byte) { got = append(got, fmt.Sprint(name, len(b), c.Packet().Frame)) }), nil
		}
	}
	r := newRig(t, nil, Def{Name: "esp", Over: []Transport{IP(packet.ProtoESP)}, Message: see("esp")},
		Def{Name: "arp", Over: []Transport{Ether(packet.EtherARP)}, Message: see("arp")})
	r.give(packettest.ARP{SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}.Frame())
	r.give(packettest.Raw{Src: "10.0.0.1", Dst: "10.0.0.2", Proto: packet.ProtoESP, Payload: strings.Repeat("x", 40)}.Frame())
	r.give(packettest.UDP{Src: client, Dst: "10.0.0.2:53", Payload: "x"}.Frame())
	if s := fmt.Sprint(got); s != "[arp28 1 esp40 2]" {
		t.Error(s)
	}
}

type messageFunc func(*Context, []byte)

func (f messageFunc) Message(c *Context, _ packet.Dir, b []byte) { f(c, b) }
func (messageFunc) Close(*Context, event.EndReason)              {}
func (messageFunc) Reset()                                       {}

func TestRegistryRefuses(t *testing.T) {
	change := func(f func(*Def)) []Def {
		d := toy
		f(&d)
		return []Def{d}
	}
	for name, defs := range map[string][]Def{
		"toy is in the list twice": {toy, other, toy},
		"has no name":              change(func(d *Def) { d.Name = "" }),
		"runs over nothing":        change(func(d *Def) { d.Over = nil }),
		"Transport in Over":        change(func(d *Def) { d.Over = []Transport{{}} }),
		"TCP needs Stream":         change(func(d *Def) { d.Stream = nil }),
		"neither without":          change(func(d *Def) { d.Over = []Transport{TCP} }),
		"need Probe":               change(func(d *Def) { d.Probe = nil }),
		"no luck": change(func(d *Def) {
			d.Stream = func(Options) (StreamAnalyzer, error) { return nil, fmt.Errorf("no luck") }
		}),
	} {
		if _, err := NewRegistry(defs, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := NewRegistry([]Def{toy, other}, nil)
	if err != nil || r.Kind("toy") != event.FirstAnalyzerKind || r.Kind("other") != event.FirstAnalyzerKind+1 || r.Kind("x") != 0 {
		t.Errorf("%v", err)
	}
	for tr, want := range map[Transport]string{TCP: "tcp", UDP: "udp", IP(50): "ip:50", Ether(0x806): "ether:0806"} {
		if tr.String() != want {
			t.Errorf("%s, want %s", tr, want)
		}
	}
}

// The bytes of an undecided flow are bounded.
func TestProbeBytes(t *testing.T) {
	undecided := toy
	undecided.Probe = func(packet.Dir, []byte) Answer { return More }
	r := newRig(t, nil, undecided)
	r.d.o.MaxHeld = 16 << 10
	for i := range 10 {
		r.dial(fmt.Sprintf("10.0.0.1:%d", 6000+i), "10.0.0.2:1").say(up, strings.Repeat("x", 500), 500)
		if n := r.d.Stats().Held; n > 16<<10 {
			t.Fatalf("%d bytes", n)
		}
	}
	if s := r.d.Stats(); s.ProbeFull == 0 || s.ProbeFull != s.Unknown || s.GivenUp != 0 {
		t.Errorf("%+v", s)
	}
	r.dial(client, "10.0.0.2:2").say(up, strings.Repeat("x", ProbeLimit), 100)
	r.flows.End(t0, r.frame, &r.out)
	if s := r.d.Stats(); s.Held != 0 || s.Sessions != 0 {
		t.Errorf("%+v", s)
	}
}

func TestGapWhileProbing(t *testing.T) {
	r := newRig(t, nil, toy)
	k := r.dial(client, "10.0.0.2:1")
	k.send(up, packet.ACK, "TO")
	k.seq[0] += 5
	k.send(up, packet.ACK, "more\n")
	k.send(down, packet.ACK, "")
	r.d.Age(t0.Add(2*time.Second), r.frame, &r.out)
	if got := r.texts(); got != "" || r.d.Stats().Unknown != 1 {
		t.Errorf("%q %+v", got, r.d.Stats())
	}
	k.say(up, "TOY late\n", 3)
	r.flows.End(t0, r.frame, &r.out)
	if r.d.Stats().Sessions != 0 || stream.EndInput.String() != "input" {
		t.Errorf("%+v", r.d.Stats())
	}
}

func TestNoAllocations(t *testing.T) {
	quiet := toy
	quiet.Stream = func(Options) (StreamAnalyzer, error) { return sponge{}, nil }
	quiet.Message = func(Options) (MessageAnalyzer, error) { return messageFunc(func(*Context, []byte) {}), nil }
	r := newRig(t, nil, quiet)
	k := r.dial(client, "10.0.0.2:1")
	k.say(up, "TOY\n", 100)
	data := packettest.At(packettest.TCP{Src: client, Dst: k.server, Flags: packet.ACK, Payload: strings.Repeat("x", 1000)}.Frame(), 50, t0)
	answer := packettest.At(packettest.TCP{Src: k.server, Dst: client, Flags: packet.ACK}.Frame(), 51, t0)
	data.Seq, data.Ack, answer.Seq, answer.Ack = k.seq[0], k.seq[1], k.seq[1], k.seq[0]
	message := packettest.At(packettest.UDP{Src: client, Dst: "10.0.0.2:9", Payload: "TOY"}.Frame(), 52, t0)
	run := func() {
		answer.Ack += 1000
		for _, p := range []*packet.Packet{data, answer, message} {
			r.d.Packet(p, r.flows.Packet(p, &r.out), &r.out)
		}
		data.Seq += 1000
	}
	run()
	if n := testing.AllocsPerRun(200, run); n != 0 {
		t.Errorf("%v allocations per round", n)
	}
	if d := r.d.StreamStats().Delivered; d < 200_000 {
		t.Errorf("%d bytes delivered", d)
	}
}

type sponge struct{}

func (sponge) Data(*Context, packet.Dir, []byte)      {}
func (sponge) Gap(*Context, packet.Dir, uint64)       {}
func (sponge) Close(*Context, packet.Dir, stream.End) {}
func (sponge) Reset()                                 {}

// hoarder keeps all that it is told, and says so. The line "panic" makes it panic, "enough" ends its interest.
type hoarder struct {
	kind event.Kind
	b    []byte
}

func (h *hoarder) Data(c *Context, _ packet.Dir, b []byte) {
	h.b = append(h.b, b...)
	switch {
	case bytes.HasSuffix(h.b, []byte("panic\n")):
		panic("hoarder")
	case bytes.HasSuffix(h.b, []byte("enough\n")):
		c.Done()
	case bytes.HasSuffix(h.b, []byte("switch\n")):
		c.Upgrade("toy", up, nil)
	}
}

func (h *hoarder) Gap(*Context, packet.Dir, uint64) {}

func (h *hoarder) Close(c *Context, d packet.Dir, why stream.End) {
	c.Emit(&toyEvent{c.Head(h.kind), fmt.Sprintf("%s %d %s", d, len(h.b), why)})
}

func (h *hoarder) Reset()    { h.b = nil }
func (h *hoarder) Held() int { return cap(h.b) }

var hoard = Def{Name: "hoard", Over: []Transport{TCP}, Kinds: []string{"hoard"},
	Probe:  func(packet.Dir, []byte) Answer { return Yes },
	Stream: func(o Options) (StreamAnalyzer, error) { return &hoarder{kind: o.Kind("hoard")}, nil }}

// What readers keep is bounded over all of them. Who was longest silent is told that its flow is over, and is read no
// more; who talks goes on; and what was counted is given back, however the flow ends.
func TestHeldIsBounded(t *testing.T) {
	r := newRig(t, nil, hoard)
	r.d.o.MaxHeld = 64 << 10
	busy := r.dial(client, "10.0.0.2:1")
	for i := range 40 {
		k := r.dial(fmt.Sprintf("10.0.0.1:%d", 6000+i), "10.0.0.2:1")
		k.say(up, strings.Repeat("x", 3000), 1000)
		busy.say(up, "still here", 10)
		if n := r.d.Stats().Held; n > 64<<10 {
			t.Fatalf("%d bytes", n)
		}
	}
	s := r.d.Stats()
	if s.GivenUp < 10 || s.GivenUp+uint64(s.Sessions) != 41 || s.GivenFrom == 0 || s.GivenTo < s.GivenFrom {
		t.Errorf("%+v", s)
	}
	if got := r.texts(); !strings.HasPrefix(got, "to_server 3000 evicted; to_client 3000 evicted; ") || strings.Contains(got, " 400 ") {
		t.Errorf("%s", got)
	}
	r.out = nil
	r.flows.End(t0, r.frame, &r.out)
	if s := r.d.Stats(); s.Held != 0 || s.Sessions != 0 || r.d.resting > 64<<10/restShare {
		t.Errorf("%+v, %d at rest", s, r.d.resting)
	}
	if got := r.texts(); !strings.Contains(got, "to_server 400 input") {
		t.Errorf("who talked was given up: %s", got)
	}
}

// Whatever way a flow ends, what was counted for it is given back.
func TestHeldIsGivenBack(t *testing.T) {
	for _, last := range []string{"panic\n", "enough\n", "switch\n", ""} {
		r := newRig(t, nil, hoard, toy)
		k := r.dial(client, "10.0.0.2:1")
		k.say(up, strings.Repeat("x", 3000), 1000)
		if n := r.d.Stats().Held; n < 3000 {
			t.Errorf("%d bytes", n)
		}
		k.say(up, last, 10)
		if s := r.d.Stats(); last == "switch\n" && s.Held > 3000 {
			t.Errorf("%q: %d bytes", last, s.Held)
		}
		if last == "" {
			k.send(up, packet.RST|packet.ACK, "")
		}
		r.flows.End(t0, r.frame, &r.out)
		if s := r.d.Stats(); s.Held != 0 || s.Sessions != 0 {
			t.Errorf("%q: %+v", last, s)
		}
	}
}
