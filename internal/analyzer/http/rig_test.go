package http

import (
	"fmt"
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
	return rig{analyzertest.Dial(t, "198.51.100.1:80", 1400, nil, append([]analyzer.Def{Def}, defs...)...)}
}

func (r rig) end() []*Transaction {
	r.End()
	return r.transactions()
}

func (r rig) transactions() []*Transaction { return analyzertest.Of[*Transaction](r.Out) }

// brief is a transaction in one line.
func brief(t *Transaction) string {
	s := fmt.Sprintf("%s %s %d", t.Method, t.URI, t.Status)
	if t.RequestN > 0 {
		s += fmt.Sprintf(" sent %d", t.RequestN)
	}
	if t.ResponseN > 0 {
		s += fmt.Sprintf(" got %d", t.ResponseN)
	}
	for _, f := range []struct {
		set  bool
		word string
	}{{t.Complete, "complete"}, {t.Gap, "gap"}, {t.Unanswered, "unanswered"}, {t.Reset, "reset"}, {t.TLSAnswer, fmt.Sprintf("tls %d", t.TLSAlert)}} {
		if f.set {
			s += " " + f.word
		}
	}
	return s
}

func briefs(all []*Transaction) string {
	s := ""
	for i, t := range all {
		if i > 0 {
			s += "; "
		}
		s += brief(t)
	}
	return s
}
