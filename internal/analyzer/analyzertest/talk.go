package analyzertest

import (
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
	out    []event.Event
	frame  uint64
	at     time.Duration
	server string
	seq    [2]uint32
	cut    int
}

// Dial begins a connection to server ("198.51.100.1:21") that is read by the protocols; wanted names the event kinds
// that somebody wants, nil all. What is said travels in segments of at most cut bytes.
func Dial(t testing.TB, server string, cut int, wanted func(string) bool, defs ...analyzer.Def) *Talk {
	t.Helper()
	reg, err := analyzer.NewRegistry(defs, wanted)
	if err != nil {
		t.Fatal(err)
	}
	k := &Talk{t: t, server: server, seq: [2]uint32{100, 900}, cut: cut}
	k.flows = flow.New(flow.Options{Want: flow.Wants(event.Ended), Released: func(i uint32, why event.EndReason) string {
		return k.d.Released(i, why, k.frame, &k.out)
	}})
	k.d, err = analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Head: k.flows.Head, Anomalies: true,
		Quarantined: func(q analyzer.Quarantine) { t.Errorf("%s panicked: %v", q.Analyzer, q.Value) }})
	if err != nil {
		t.Fatal(err)
	}
	k.send(Up, packet.SYN, nil)
	k.seq[Up]++
	k.send(Down, packet.SYN|packet.ACK, nil)
	k.seq[Down]++
	k.send(Up, packet.ACK, nil)
	return k
}

func (k *Talk) send(d packet.Dir, flags uint16, data []byte) {
	s := packettest.TCP{Src: Client, Dst: k.server, Seq: k.seq[d], Ack: k.seq[d.Other()], Flags: flags, Payload: string(data)}
	if d == Down {
		s.Src, s.Dst = k.server, Client
	}
	frame := s.Frame()
	k.frame++
	k.at += time.Millisecond
	p := packettest.At(frame, k.frame, Start.Add(k.at))
	k.d.Packet(p, k.flows.Packet(p, &k.out), &k.out)
	for i := range frame { // the bytes are lent
		frame[i] = 0xdb
	}
	k.seq[d] += uint32(len(data))
}

// Say sends text and has it acknowledged.
func (k *Talk) Say(d packet.Dir, text string) *Talk {
	for b := []byte(text); len(b) > 0; {
		n := min(k.cut, len(b))
		k.send(d, packet.ACK, b[:n])
		k.send(d.Other(), packet.ACK, nil)
		b = b[n:]
	}
	return k
}

// Lose skips n bytes of d that were sent and acknowledged, and never seen.
func (k *Talk) Lose(d packet.Dir, n uint32) *Talk {
	k.seq[d] += n
	k.send(d.Other(), packet.ACK, nil)
	return k
}

// Wait lets time pass.
func (k *Talk) Wait(t time.Duration) *Talk {
	k.at += t
	return k
}

// End ends the input and returns the events of analyzers, in order, and the word for the protocol.
func (k *Talk) End() (events []event.Event, app string) {
	k.t.Helper()
	k.flows.End(Start.Add(k.at), k.frame, &k.out)
	for _, e := range k.out {
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
			k.Lose(d, uint32(n))
		} else {
			k.Say(d, string(data[:n]))
		}
		data = data[n:]
	}
	events, _ := k.End()
	return events
}
