package analyzer_test

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// carrier is a protocol all of whose bytes are one file, and odd.
type carrier struct {
	kind event.Kind
	f    analyzer.OpenFile
}

func (s *carrier) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	if s.f == nil {
		s.f = c.File(s.kind, event.File{Dir: d, Tx: 3, Name: []byte("a"), Size: -1})
		c.AppLayer(d, 3, "odd_carrier")
	}
	if s.f != nil {
		s.f.Data(c, b)
	}
}
func (s *carrier) Gap(*analyzer.Context, packet.Dir, uint64) {}
func (s *carrier) Close(c *analyzer.Context, _ packet.Dir, _ stream.End) {
	if s.f != nil {
		s.f.End(c, true, nil)
		s.f = nil
	}
}
func (s *carrier) Reset() { s.f = nil }

// shelf writes down what becomes of files.
type shelf struct {
	only string
	log  []string
}

func (s *shelf) Takes(kind string) bool { return kind == s.only }
func (s *shelf) Open(c *analyzer.Context, kind string, h flow.Handle, f event.File) analyzer.OpenFile {
	s.log = append(s.log, fmt.Sprintf("open %s %s %s tx %d flow %t", kind, f.Name, h.Dir, f.Tx, h.Index != 0))
	return s
}
func (s *shelf) Data(_ *analyzer.Context, b []byte)     { s.log = append(s.log, "data "+string(b)) }
func (s *shelf) Gap(_ *analyzer.Context, n uint64)      { s.log = append(s.log, "gap") }
func (s *shelf) Stop(*analyzer.Context, bool)           {}
func (s *shelf) EachBuffer(func(name string, b []byte)) {}
func (s *shelf) End(_ *analyzer.Context, whole bool, _ event.AppObject) {
	s.log = append(s.log, fmt.Sprintf("end %t", whole))
}

// TestFiles: who takes files gets those of the kinds that it wants, and odd things are records of EVE.
func TestFiles(t *testing.T) {
	def := analyzer.Def{Name: "carrier", App: "carrier-app", Over: []analyzer.Transport{analyzer.TCP}, Kinds: []string{"carrier"},
		Probe: func(packet.Dir, []byte) analyzer.Answer { return analyzer.Yes },
		Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
			return &carrier{kind: o.Kind("carrier")}, nil
		}}
	for _, tc := range []struct{ only, want string }{
		{"carrier", "open carrier a to_client tx 3 flow true; data one; data two; end true"},
		{"mail", ""},
	} {
		s := &shelf{only: tc.only}
		k := analyzertest.DialWith(t, "198.51.100.1:80", 3, func(o *analyzer.DispatchOptions) { o.Files = s }, nil, def)
		k.Say(analyzertest.Down, "onetwo").End()
		if got := strings.Join(s.log, "; "); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.only, got, tc.want)
		}
		odd := analyzertest.Of[*event.AppLayer](k.Out)
		if len(odd) == 0 {
			t.Fatal("nothing odd")
		}
		analyzertest.ValidEVE(t, odd[0])
		line := string(odd[0].AppendEVE(nil, &event.EVE{Version: 8}))
		if !strings.Contains(line, `"tx_id":3,"app_proto":"carrier-app","anomaly":{"type":"applayer","event":"odd_carrier","app_proto":"carrier-app","layer":"proto_parser"}`) ||
			!strings.Contains(line, `"src_ip":"198.51.100.1"`) {
			t.Error(line)
		}
	}
}
