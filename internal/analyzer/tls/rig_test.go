package tls

import (
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
)

const (
	up, down = analyzertest.Up, analyzertest.Down
	t0       = analyzertest.Start
)

// rig is one connection that is read.
type rig struct{ *analyzertest.Talk }

func newRig(t testing.TB, defs ...analyzer.Def) rig {
	t.Helper()
	return rig{analyzertest.Dial(t, "198.51.100.1:443", 1400, nil, append([]analyzer.Def{Def}, defs...)...)}
}

func (r rig) end() []*Handshake {
	r.End()
	return r.handshakes()
}

func (r rig) handshakes() []*Handshake { return analyzertest.Of[*Handshake](r.Out) }
