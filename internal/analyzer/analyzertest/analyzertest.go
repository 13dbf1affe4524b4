// Package analyzertest runs frames through flow table, reassembly and one protocol for the tests of analyzers, and checks
// the EVE records of what comes out. Only tests import it.
package analyzertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// Options says what to run.
type Options struct {
	Defs   []analyzer.Def
	Wanted func(kind string) bool // nil: everything
	Step   packet.Time            // between two frames; 0: 1 ms
}

// Run gives the frames, in order, to the protocols, ends the input and returns all events. The bytes of a frame are
// overwritten once its call is over, as they are lent.
func Run(t testing.TB, o Options, frames ...[]byte) []event.Event {
	t.Helper()
	r, err := analyzer.NewRegistry(o.Defs, o.Wanted)
	if err != nil {
		t.Fatal(err)
	}
	if o.Step == 0 {
		o.Step = 1e6
	}
	var out []event.Event
	var d *analyzer.Dispatcher
	ordinal := uint64(0)
	flows := flow.New(flow.Options{Want: flow.Wants(event.Ended),
		Released: func(i uint32, why event.EndReason) (string, string) { return d.Released(i, why, ordinal, &out) }})
	d, err = analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: flows.Head, Anomalies: true,
		Quarantined: func(q analyzer.Quarantine) { t.Errorf("%s panicked: %v", q.Analyzer, q.Value) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		ordinal++
		p := packettest.At(f, ordinal, packet.Time(ordinal)*o.Step)
		p.Ordinal = ordinal
		h := flows.Packet(p, &out)
		d.Packet(p, h, &out)
		for i := range f {
			f[i] = 0xdb
		}
	}
	flows.End(packet.Time(ordinal+1)*o.Step, ordinal, &out)
	if s := d.Stats(); s.Sessions != 0 || s.Held != 0 {
		t.Errorf("left over when the input ended: %+v", s)
	}
	return out
}

// Of returns the events of one type, in order.
func Of[E event.Event](es []event.Event) (out []E) {
	for _, e := range es {
		if x, ok := e.(E); ok {
			out = append(out, x)
		}
	}
	return out
}

// Turn is what one side of a conversation says.
type Turn struct {
	Dir  packet.Dir
	Data string
}

// Frames returns the frames of a TCP connection in which the two sides take turns, with segments of cut bytes, each
// acknowledged. Client and server are "address:port". close adds the FINs of both sides.
func Frames(cut int, client, server string, close bool, turns ...Turn) (frames [][]byte) {
	seq := [2]uint32{100, 900}
	send := func(d packet.Dir, flags uint16, data string) {
		s := packettest.TCP{Src: client, Dst: server, Seq: seq[d], Ack: seq[d.Other()], Flags: flags, Payload: data}
		if d == packet.ToClient {
			s.Src, s.Dst = server, client
		}
		frames = append(frames, s.Frame())
		seq[d] += uint32(len(data))
		if flags&(packet.SYN|packet.FIN) != 0 {
			seq[d]++
		}
	}
	send(packet.ToServer, packet.SYN, "")
	send(packet.ToClient, packet.SYN|packet.ACK, "")
	send(packet.ToServer, packet.ACK, "")
	for _, x := range turns {
		for data := x.Data; len(data) > 0; {
			n := min(cut, len(data))
			send(x.Dir, packet.ACK|packet.PSH, data[:n])
			send(x.Dir.Other(), packet.ACK, "")
			data = data[n:]
		}
	}
	if close {
		send(packet.ToServer, packet.FIN|packet.ACK, "")
		send(packet.ToClient, packet.FIN|packet.ACK, "")
		send(packet.ToServer, packet.ACK, "")
	}
	return frames
}

// ValidEVE checks the records of events, in the shapes of both versions, against the schema that outputs keep.
func ValidEVE(t testing.TB, es ...event.Event) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Base(dir) != "internal"; dir = filepath.Dir(dir) {
		if filepath.Dir(dir) == dir {
			t.Fatal("the test does not run inside the module")
		}
	}
	s, err := jsonschema.NewCompiler().Compile(filepath.Join(dir, "output", "eve", "testdata", "eve.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		for _, v := range []int{7, 8} {
			line := string(e.AppendEVE(nil, &event.EVE{Version: v, File: func(uint16) string { return "x.pcap" }}))
			j, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
			if err == nil {
				err = s.Validate(j)
			}
			if err != nil {
				t.Errorf("version %d: %v\n%s", v, err, line)
			}
			for _, r := range line {
				if event.Unprintable(r) {
					t.Errorf("version %d: %U in %s", v, r, line)
				}
			}
		}
	}
}

// Exchange returns a TCP connection in which the client says both[0], then the server both[1], in segments of size bytes,
// each acknowledged; it stays open.
func Exchange(client, server string, both [2][]byte, size int) (out []*packet.Packet) {
	for i, f := range Frames(size, client, server, false, Turn{packet.ToServer, string(both[0])}, Turn{packet.ToClient, string(both[1])}) {
		n := uint64(i + 1)
		out = append(out, packettest.At(f, n, packet.Time(1e15)+packet.Time(n*1e6)))
	}
	return out
}

// Packets gives decoded packets to the protocols, ends the input and returns the events of analyzers. The bytes of a
// packet are overwritten once its call is over.
func Packets(t testing.TB, defs []analyzer.Def, wanted func(string) bool, ps ...*packet.Packet) (own []event.Event) {
	t.Helper()
	r, err := analyzer.NewRegistry(defs, wanted)
	if err != nil {
		t.Fatal(err)
	}
	var out []event.Event
	var d *analyzer.Dispatcher
	table := flow.New(flow.Options{MaxFlows: 100, Released: func(i uint32, why event.EndReason) (string, string) { return d.Released(i, why, 1<<30, &out) }})
	if d, err = analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: table.Head}); err != nil {
		t.Fatal(err)
	}
	var last packet.Time
	for _, p := range ps {
		p.Ordinal = p.Frame
		d.Packet(p, table.Packet(p, &out), &out)
		last = p.Time
		for i := range p.Data {
			p.Data[i] = 0xdb
		}
	}
	table.End(last, 1<<30, &out)
	for _, e := range out {
		if e.Head().Kind >= event.FirstAnalyzerKind {
			own = append(own, e)
		}
	}
	return own
}
