package analyzertest

import (
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// Shown is what an analyzer showed rules at once.
type Shown struct {
	Frame  uint64
	Dir    packet.Dir
	Tx     uint64
	Parts  map[string][]string // by name, in order
	Events []string
	Record event.Event // an alert about it, for ValidEVE
}

// Show gives frames to protocols of which rules ask for everything, and returns what they were shown.
func Show(t testing.TB, defs []analyzer.Def, frames ...[]byte) []Shown {
	t.Helper()
	var in inspector
	pass(t, defs, func(o *analyzer.DispatchOptions) { o.Inspector = &in }, frames)
	return in.all
}

// pass gives frames to protocols, with options of the dispatcher that change sets.
func pass(t testing.TB, defs []analyzer.Def, change func(*analyzer.DispatchOptions), frames [][]byte) {
	t.Helper()
	r, err := analyzer.NewRegistry(defs, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []event.Event
	var d *analyzer.Dispatcher
	flows := flow.New(flow.Options{Released: func(i uint32, why event.EndReason) (string, string) { return d.Released(i, why, 1<<30, &out) }})
	o := analyzer.DispatchOptions{Head: flows.Head, Quarantined: func(q analyzer.Quarantine) { t.Errorf("%s panicked: %v", q.Analyzer, q.Value) }}
	change(&o)
	d, err = analyzer.NewDispatcher(r, o)
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
}

// inspector remembers what it is shown.
type inspector struct{ all []Shown }

func (*inspector) Asks(string) bool { return true }

func (x *inspector) Inspect(_ string, _ flow.Handle, head *event.Head, _ *packet.Packet, in event.Inspection) {
	s := Shown{Frame: head.Seen.Frame, Dir: in.Dir, Tx: in.Tx, Parts: map[string][]string{}, Events: append([]string(nil), in.Events...)}
	// As the rules do, look at the parts once all were given.
	var names []string
	var parts [][]byte
	in.Parts.EachBuffer(func(name string, b []byte) { names, parts = append(names, name), append(parts, b) })
	for i, name := range names {
		s.Parts[name] = append(s.Parts[name], string(parts[i]))
	}
	a := event.NewAlert(*head, &event.RuleInfo{GID: 1, SID: 1, Rev: 1, Action: "allowed", Severity: 3})
	a.Dir, a.Tx, a.InTx = in.Dir, in.Tx, true
	if o, ok := in.Parts.(event.AppObject); ok {
		a.App = o.AppendAppObject(nil)
	}
	s.Record = a
	x.all = append(x.all, s)
}
