package dnsfaults_test

import (
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/dns"
	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/dnsfaults"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
)

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

// message adds a query for name, or the answer to it.
func (s *frames) message(at float64, client, name string, answer bool) {
	s.coded(at, client, name, 0, 0, answer)
}

// coded is message with the number of the query and the code of the answer.
func (s *frames) coded(at float64, client, name string, id, code byte, answer bool) {
	b := make([]byte, 12)
	b[1], b[3] = id, code
	b[2], b[5] = 1, 1 // recursion desired, one question
	if answer {
		b[2] |= 0x80
	}
	for _, l := range strings.Split(name, ".") {
		b = append(append(b, byte(len(l))), l...)
	}
	b = binary.BigEndian.AppendUint32(append(b, 0), 1<<16|1)
	u := packettest.UDP{Src: client, Dst: "10.2.0.2:53", Payload: string(b)}
	if answer {
		u.Src, u.Dst = u.Dst, u.Src
	}
	s.list = append(s.list, *packettest.At(u.Frame(), uint64(len(s.list)+1), detecttest.At(at)))
}

// silent asks four times in vain, and good is answered.
func (s *frames) silent(at float64, client, name string) {
	for _, d := range []float64{0, 1, 3, 5} {
		s.message(at+d, client, name, false)
	}
}

func (s *frames) good(at float64, client, name string) {
	s.message(at, client, name, false)
	s.message(at+0.01, client, name, true)
}

func (s *frames) run(t *testing.T) *finding.Finding {
	t.Helper()
	return detecttest.Only(t, s.result(t), dnsfaults.Silent, finding.Likely)
}

func (s *frames) result(t *testing.T) *sensor.Result {
	t.Helper()
	r, err := sensor.Run(context.Background(), sensor.Options{Source: s, Workers: 1, Analyzers: []analyzer.Def{dns.Def}, Detectors: []detect.Def{dnsfaults.Def}})
	if err != nil || len(r.Broken)+len(r.Engine.Faulty) > 0 {
		t.Fatal(err, r.Broken, r.Engine.Faulty)
	}
	return r
}

// A client that asks for one name after the other gets no answers while it waits: answers between show that the server
// is there, and that it is the names.
func TestNothingElseAsked(t *testing.T) {
	const c, d = "10.1.0.11:4000", "10.1.0.12:4001"
	for _, x := range []struct {
		name  string
		build func(s *frames)
		says  string
	}{
		{"other names answered between", func(s *frames) {
			for at := 0.0; at < 100; at += 25 {
				s.silent(at, c, "_sip.dead.example")
				s.good(at+15, c, "www.good.example")
			}
		}, "10.2.0.2 does not answer for _sip.dead.example"},
		{"the same name answered between", func(s *frames) {
			for at := 0.0; at < 100; at += 25 {
				s.silent(at, c, "www.good.example")
				s.good(at+14, c, "www.good.example")
				s.good(at+15, c, "ftp.good.example")
			}
		}, "10.2.0.2 does not answer at times"},
		{"another client answered between", func(s *frames) {
			for at := 0.0; at < 100; at += 25 {
				s.silent(at, c, "_sip.dead.example")
				s.good(at+15, d, "www.good.example")
			}
		}, "10.2.0.2 does not answer at times"},
		{"one answer between", func(s *frames) {
			s.silent(0, c, "www.a.example")
			s.good(15, c, "www.good.example")
			s.silent(25, c, "www.b.example")
			s.good(40, c, "www.good.example")
		}, "10.2.0.2 does not answer at times"},
		{"none between", func(s *frames) {
			s.good(0, c, "www.good.example")
			s.silent(5, c, "www.a.example")
			s.silent(25, c, "www.b.example")
			s.good(40, c, "www.good.example")
		}, "10.2.0.2 answers nobody"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := &frames{}
			x.build(s)
			f := s.run(t)
			detecttest.Says(t, f, x.says)
			if x.name != "none between" {
				detecttest.SaysNot(t, f, "answers nobody", "its next answer came")
			}
		})
	}
}

// A resolver answers each try of a query: three answers to one query are one failure, not three.
func TestFailureAnsweredAgain(t *testing.T) {
	ask := func(ids ...byte) *sensor.Result {
		s := &frames{}
		for i, id := range ids {
			s.coded(float64(i), "10.1.0.11:4000", "www.dead.example", id, 0, false)
			s.coded(float64(i)+0.1, "10.1.0.11:4000", "www.dead.example", id, 2, true)
		}
		return s.result(t)
	}
	detecttest.None(t, ask(7, 7, 7, 8), dnsfaults.ServFail)
	r := ask(7, 7, 8, 9)
	for _, f := range r.Findings {
		if f.Code.ID == dnsfaults.ServFail {
			detecttest.Says(t, f, "3 look-ups of 10.1.0.11 failed", "4 answers \"server failure\"")
			return
		}
	}
	t.Errorf("%v", detecttest.Codes(r, 0))
}
