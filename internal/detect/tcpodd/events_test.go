package tcpodd

import (
	"context"
	"io"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
	"firestorm/internal/stream"
)

// reader is a protocol whose bytes are read, so that reassembly looks at them.
var reader = analyzer.Def{Name: "reader", Over: []analyzer.Transport{analyzer.TCP}, Kinds: []string{"reader"},
	Probe:  func(packet.Dir, []byte) analyzer.Answer { return analyzer.Yes },
	Stream: func(analyzer.Options) (analyzer.StreamAnalyzer, error) { return &silent{}, nil }}

type silent struct{}

func (*silent) Data(*analyzer.Context, packet.Dir, []byte)      {}
func (*silent) Gap(*analyzer.Context, packet.Dir, uint64)       {}
func (*silent) Close(*analyzer.Context, packet.Dir, stream.End) {}
func (*silent) Reset()                                          {}

type frames struct{ list []packet.Packet }

func (s *frames) Next(b *packet.Batch) error {
	if len(s.list) == 0 {
		return io.EOF
	}
	b.Packets = append(b.Packets, s.list...)
	s.list = nil
	return nil
}
func (s *frames) Stats() capture.Stats { return capture.Stats{} }
func (s *frames) Close() error         { return nil }

// say runs segments of one connection through the sensor. Each is a direction, flags, sequence and acknowledgement number
// and data.
type segment struct {
	up       bool
	flags    uint16
	seq, ack uint32
	data     string
}

func run(t *testing.T, list ...segment) []*finding.Finding {
	t.Helper()
	return runSums(t, packet.ChecksumsAll, false, list...)
}

// runSums is run with another way to treat checksums; bad gives every packet a wrong one.
func runSums(t *testing.T, sums packet.Checksums, bad bool, list ...segment) []*finding.Finding {
	t.Helper()
	src := &frames{}
	all := append([]segment{{true, packet.SYN, 1000, 0, ""}, {false, packet.SYN | packet.ACK, 5000, 1001, ""}, {true, packet.ACK, 1001, 5001, ""}}, list...)
	for i, x := range all {
		s := packettest.TCP{Src: "10.0.0.1:4000", Dst: "10.0.0.2:80", Seq: x.seq, Ack: x.ack, Flags: x.flags, Payload: x.data, BadChecksum: bad}
		if !x.up {
			s.Src, s.Dst = s.Dst, s.Src
		}
		src.list = append(src.list, *packettest.At(s.Frame(), uint64(i+1), packet.Time(1e18+int64(i)*1e7)))
	}
	wants := Def
	wants.Wants.Named = []string{"reader"}
	r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1, Checksums: sums, Analyzers: []analyzer.Def{reader}, Detectors: []detect.Def{wants}})
	if err != nil || len(r.Broken)+len(r.Engine.Faulty) > 0 {
		t.Fatal(err, r.Broken, r.Engine.Faulty)
	}
	return r.Findings
}

const ack = packet.ACK

// The same numbers with other bytes are told; with the same bytes, and the old byte of a keep-alive, they are not.
func TestOverlap(t *testing.T) {
	fs := run(t, segment{true, ack, 1001, 5001, "GET /good"}, segment{true, ack, 1001, 5001, "GET /evil"}, segment{false, ack, 5001, 1010, ""})
	if len(fs) != 1 || fs[0].Code.ID != Overlap || fs[0].Confidence != finding.Likely || fs[0].Evidence[0].Ref.Frame != 5 {
		t.Fatalf("%+v", fs)
	}
	if s := fs[0].Subjects[0]; s.Addr != packet.MustAddr("10.0.0.1") {
		t.Errorf("the sender is %v", s.Addr)
	}
	for name, list := range map[string][]segment{
		"sent again":          {{true, ack, 1001, 5001, "GET /good"}, {true, ack, 1001, 5001, "GET /good"}, {false, ack, 5001, 1010, ""}},
		"sent again in parts": {{true, ack, 1001, 5001, "GET /good"}, {true, ack, 1005, 5001, "/go"}, {false, ack, 5001, 1010, ""}},
		"keep-alive":          {{true, ack, 1001, 5001, "GET /good"}, {false, ack, 5001, 1010, ""}, {true, ack, 1009, 5001, "\x00"}, {false, ack, 5001, 1010, ""}},
	} {
		if fs := run(t, list...); len(fs) != 0 {
			t.Errorf("%s: %s", name, fs[0].Title)
		}
	}
}

// count is how many findings have the code.
func count(fs []*finding.Finding, code string) (n int) {
	for _, f := range fs {
		if f.Code.ID == code {
			n++
		}
	}
	return n
}

// The end of a stream is a FIN that its receiver takes: one without ACK is dropped (RFC 9293 3.10.7.4), and what comes
// behind it is the stream going on.
func TestFINThatNobodyTakes(t *testing.T) {
	for _, c := range []struct {
		name string
		fin  uint16
		want int
	}{
		{"FIN with ACK", packet.FIN | packet.ACK, 1},
		{"FIN without ACK", packet.FIN, 0},
		{"FIN with URG", packet.FIN | packet.URG, 0},
	} {
		fs := run(t, segment{true, ack, 1001, 5001, "GET /"}, segment{false, c.fin, 5001, 1006, "first"}, segment{false, ack, 5006, 1006, "second"})
		if n := count(fs, AfterClose); n != c.want {
			t.Errorf("%s: %d findings, want %d", c.name, n, c.want)
		}
	}
}

// Where the checksums of a sender are all wrong, its packets are read all the same; but of flags and ends of streams that
// only such packets show, nobody is accused.
func TestWrongChecksums(t *testing.T) {
	list := []segment{{true, ack, 1001, 5001, "GET /"}, {false, packet.SYN | packet.FIN | packet.PSH | packet.URG, 5001, 1006, ""},
		{false, packet.FIN | packet.ACK, 5001, 1006, "first"}, {false, ack, 5006, 1006, "second"}}
	for _, bad := range []bool{false, true} {
		want := 1
		if bad {
			want = 0
		}
		fs := runSums(t, packet.ChecksumsAuto, bad, list...)
		if f, a := count(fs, Flags), count(fs, AfterClose); f != want || a != want {
			t.Errorf("wrong checksums %v: %d findings of flags, %d of data behind a FIN, want %d", bad, f, a, want)
		}
	}
}

// TestBounded: however many connections are odd, the table holds what it may, and counts the rest.
func TestBounded(t *testing.T) {
	d := Def.New(detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 50}, func(*finding.Instance) {})).(*detector)
	for id := range uint64(500) {
		a := event.NewAnomaly(event.Head{FlowID: id + 1, Proto: packet.ProtoTCP, Seen: packet.Ref{Frame: id + 1, Time: 1}})
		a.Code = packet.StreamPktInvalidFlags
		d.Handle(a)
	}
	if len(d.open) != 50 || d.lost != 450 {
		t.Errorf("%d kept, %d lost", len(d.open), d.lost)
	}
}
