package analyzertest

import (
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
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
	r, err := analyzer.NewRegistry(defs, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []event.Event
	var d *analyzer.Dispatcher
	var x fileSink
	flows := flow.New(flow.Options{Released: func(i uint32, why event.EndReason) string { return d.Released(i, why, 1<<30, &out) }})
	d, err = analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: flows.Head, Files: &x,
		Quarantined: func(q analyzer.Quarantine) { t.Errorf("%s panicked: %v", q.Analyzer, q.Value) }})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range frames {
		n := uint64(i + 1)
		p := packettest.At(f, n, Start+packet.Time(n*1e6))
		p.Ordinal = n
		d.Packet(p, flows.Packet(p, &out), &out)
		for i := range f {
			f[i] = 0xdb
		}
	}
	flows.End(Start, 1<<30, &out)
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
