package analyzertest

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// Directions, short for scripts.
const (
	Up   = packet.ToServer
	Down = packet.ToClient
)

// Client is the address that every Talk comes from.
const Client = "192.0.2.1:40000"

// Start is the time of the first packet; each further one comes a millisecond later.
const Start = packet.Time(1_700_000_000_000_000_000)

// Talk is one TCP connection, its flow table and dispatcher.
type Talk struct {
	t      testing.TB
	flows  *flow.Table
	d      *analyzer.Dispatcher
	Out    []event.Event // all events so far; a test may empty it
	frame  uint64
	at     time.Duration
	step   time.Duration // between two packets
	server string
	seq    [2]uint32
	cut    int
}

// Dial begins a connection to server ("198.51.100.1:21") that is read by the protocols; wanted names the event kinds
// that somebody wants, nil all. What is said travels in segments of at most cut bytes.
func Dial(t testing.TB, server string, cut int, wanted func(string) bool, defs ...analyzer.Def) *Talk {
	t.Helper()
	return DialWith(t, server, cut, nil, wanted, defs...)
}

// DialWith does the same with options of the dispatcher that change sets, such as who looks at transactions or takes files.
func DialWith(t testing.TB, server string, cut int, change func(*analyzer.DispatchOptions), wanted func(string) bool, defs ...analyzer.Def) *Talk {
	t.Helper()
	reg, err := analyzer.NewRegistry(defs, wanted)
	if err != nil {
		t.Fatal(err)
	}
	k := &Talk{t: t, step: time.Millisecond, server: server, seq: [2]uint32{100, 900}, cut: cut}
	k.flows = flow.New(flow.Options{Want: flow.Wants(event.Ended), Released: func(i uint32, why event.EndReason) (string, string) {
		return k.d.Released(i, why, k.frame, &k.Out)
	}})
	o := analyzer.DispatchOptions{Head: k.flows.Head, Anomalies: true,
		Quarantined: func(q analyzer.Quarantine) { t.Errorf("%s panicked: %v", q.Analyzer, q.Value) }}
	if change != nil {
		change(&o)
	}
	k.d, err = analyzer.NewDispatcher(reg, o)
	if err != nil {
		t.Fatal(err)
	}
	k.Send(Up, packet.SYN, "")
	k.Send(Down, packet.SYN|packet.ACK, "")
	k.Send(Up, packet.ACK, "")
	return k
}

// Send sends one segment.
func (k *Talk) Send(d packet.Dir, flags uint16, text string) {
	s := packettest.TCP{Src: Client, Dst: k.server, Seq: k.seq[d], Ack: k.seq[d.Other()], Flags: flags, Payload: text}
	if d == Down {
		s.Src, s.Dst = k.server, Client
	}
	k.give(s.Frame())
	k.seq[d] += uint32(len(text))
	if flags&(packet.SYN|packet.FIN) != 0 {
		k.seq[d]++
	}
}

// Datagram sends one over UDP, beside the connection.
func (k *Talk) Datagram() {
	k.give(packettest.UDP{Src: "10.0.0.1:5", Dst: "10.0.0.2:7", Payload: "x"}.Frame())
}

func (k *Talk) give(frame []byte) {
	k.frame++
	k.at += k.step
	p := packettest.At(frame, k.frame, Start.Add(k.at))
	k.d.Packet(p, k.flows.Packet(p, &k.Out), &k.Out)
	for i := range frame { // the bytes are lent
		frame[i] = 0xdb
	}
}

// Say sends text and has it acknowledged.
func (k *Talk) Say(d packet.Dir, text string) *Talk { return k.SayIn(d, text, k.cut) }

// SayIn does the same in segments of at most cut bytes.
func (k *Talk) SayIn(d packet.Dir, text string, cut int) *Talk {
	for len(text) > 0 {
		n := min(cut, len(text))
		k.Send(d, packet.ACK, text[:n])
		k.Send(d.Other(), packet.ACK, "")
		text = text[n:]
	}
	return k
}

// Play says the lines of a script: "> " goes before the client's, "< " before the server's, in which % stands for a line
// end. All other lines are for other.
func (k *Talk) Play(script string, other ...func(line string)) {
	for _, l := range strings.Split(strings.TrimSpace(script), "\n") {
		switch l = strings.TrimSpace(l); l[0] {
		case '>':
			k.Say(Up, l[2:]+"\r\n")
		case '<':
			k.Say(Down, strings.ReplaceAll(l[2:], "%", "\r\n")+"\r\n")
		default:
			other[0](l)
		}
	}
}

// Stats returns the counters of the dispatcher.
func (k *Talk) Stats() analyzer.Stats { return k.d.Stats() }

// Lose skips n bytes of d that were sent and acknowledged, and never seen.
func (k *Talk) Lose(d packet.Dir, n int) *Talk {
	k.seq[d] += uint32(n)
	k.Send(d.Other(), packet.ACK, "")
	return k
}

// Pace sets the time between two packets; it is a millisecond at first. What waits for a hole is given up after a second
// (stream.Options.Patience), and a text in more segments takes longer: who compares cuts lets no time pass.
func (k *Talk) Pace(step time.Duration) { k.step = step }

// Wait lets time pass.
func (k *Talk) Wait(t time.Duration) *Talk {
	k.at += t
	return k
}

// End ends the input and returns the events of analyzers, in order, and the word for the protocol.
func (k *Talk) End() (events []event.Event, app string) {
	k.t.Helper()
	k.flows.End(Start.Add(k.at), k.frame, &k.Out)
	for _, e := range k.Out {
		switch x := e.(type) {
		case *event.Flow:
			if x.What == event.Ended {
				app = x.AppProto
			}
		case *event.Anomaly:
		default:
			events = append(events, e)
		}
	}
	if s := k.d.Stats(); s.Sessions != 0 || s.Held != 0 {
		k.t.Errorf("left over: %+v", s)
	}
	return events, app
}

// Inside begins a conversation with before, then calls f once in the place of a call of Data: with the analyzer as it
// stands then, and a context that is good for f. With events false nobody wants what it emits. It serves measurements.
func Inside(t testing.TB, def analyzer.Def, server string, events bool, before func(*Talk), f func(analyzer.StreamAnalyzer, *analyzer.Context)) {
	t.Helper()
	make, armed, called := def.Stream, false, false
	def.Stream = func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		a, err := make(o)
		return inside{a, func(c *analyzer.Context) bool {
			if armed && !called {
				called = true
				f(a, c)
			}
			return armed
		}}, err
	}
	const other = "nothing"
	def.Kinds = append([]string{other}, def.Kinds...)
	k := Dial(t, server, 1400, func(kind string) bool { return events || kind == other }, def)
	before(k)
	armed = true
	k.Say(Up, "x")
	k.Say(Down, "x")
	if !called {
		t.Fatal("the analyzer was not there any more")
	}
}

// inside stands before an analyzer.
type inside struct {
	analyzer.StreamAnalyzer
	instead func(*analyzer.Context) bool
}

func (i inside) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	if !i.instead(c) {
		i.StreamAnalyzer.Data(c, d, b)
	}
}

// Measure benchmarks how fast def reads text that travels d, in pieces of 1400 bytes, after before.
func Measure(b *testing.B, def analyzer.Def, server string, before func(*Talk), d packet.Dir, text string) {
	Inside(b, def, server, false, before, func(a analyzer.StreamAnalyzer, c *analyzer.Context) {
		data := []byte(text)
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1400)
				a.Data(c, d, rest[:n])
				rest = rest[n:]
			}
		}
	})
}

// Allocations counts the allocations of f, averaged over many calls.
func Allocations(t *testing.T, def analyzer.Def, server string, before func(*Talk), f func(a analyzer.StreamAnalyzer, c *analyzer.Context)) (n float64) {
	t.Helper()
	Inside(t, def, server, true, before, func(a analyzer.StreamAnalyzer, c *analyzer.Context) {
		n = testing.AllocsPerRun(1000, func() { f(a, c) })
	})
	return n
}

// Feed gives the parts of a conversation straight to a new analyzer, for fuzzing: each byte of cuts says how long a part
// is and which way it travels. A panic is the caller's to see.
func Feed(t testing.TB, def analyzer.Def, server string, data, cuts []byte) []event.Event {
	k := Dial(t, server, 1<<20, nil, def)
	for i := 0; len(data) > 0; i++ {
		n, d := len(data), Up
		if i < len(cuts) {
			n = min(n, int(cuts[i]>>1)+1)
			d = packet.Dir(cuts[i] & 1)
		}
		if i < len(cuts) && cuts[i] == 0xff {
			k.Lose(d, n)
		} else {
			k.Say(d, string(data[:n]))
		}
		data = data[n:]
	}
	events, _ := k.End()
	return events
}

// Parse measures the reader of one message, which must be well read.
func Parse(b *testing.B, message []byte, read func(m []byte) bool) {
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if !read(message) {
			b.Fatal("not read")
		}
	}
}
