package analyzertest

import (
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// Passed is a file that an analyzer handed over.
type Passed struct {
	Name   string
	Dir    packet.Dir
	Tx     uint64
	Data   string
	Gaps   int  // holes
	Whole  bool // its end was seen
	Ended  bool
	Object string // what a record says of its transaction
}

// Files gives frames to protocols whose files are wanted, and returns these in the order in which they began.
func Files(t testing.TB, defs []analyzer.Def, frames ...[]byte) []*Passed {
	t.Helper()
	var x fileSink
	pass(t, defs, func(o *analyzer.DispatchOptions) { o.Files = &x }, frames)
	for _, f := range x.all {
		if !f.Ended {
			t.Errorf("%s has no end", f.Name)
		}
	}
	return x.all
}

// fileSink remembers the files that it is given.
type fileSink struct{ all []*Passed }

func (*fileSink) Takes(string) bool { return true }

func (x *fileSink) Open(_ *analyzer.Context, _ string, _ flow.Handle, f event.File) analyzer.OpenFile {
	p := &Passed{Name: string(f.Name), Dir: f.Dir, Tx: f.Tx}
	x.all = append(x.all, p)
	return passing{p}
}

type passing struct{ *Passed }

func (p passing) Data(_ *analyzer.Context, b []byte)        { p.Passed.Data += string(b) }
func (p passing) Gap(*analyzer.Context, uint64)             { p.Gaps++ }
func (p passing) Stop(_ *analyzer.Context, whole bool)      { p.Whole = whole }
func (p passing) EachBuffer(func(name string, part []byte)) {}

func (p passing) End(_ *analyzer.Context, whole bool, app event.AppObject) {
	p.Ended, p.Whole = true, whole
	if app != nil {
		p.Object = string(app.AppendAppObject(nil))
	}
}
