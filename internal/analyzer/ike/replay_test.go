package ike

import (
	"os"
	"path/filepath"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// rig gives packets to the analyzer as the sensor does, but for fragments.
type rig struct {
	flows *flow.Table
	d     *analyzer.Dispatcher
	out   []event.Event
	n     uint64
	of    []event.Event // of flows
}

func newRig(t testing.TB, wanted func(string) bool) *rig {
	t.Helper()
	reg, err := analyzer.NewRegistry([]analyzer.Def{Def}, wanted)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{}
	r.flows = flow.New(flow.Options{Released: func(i uint32, why event.EndReason) (string, string) {
		return r.d.Released(i, why, r.n, &r.out)
	}})
	if r.d, err = analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Head: r.flows.Head, Anomalies: true, MaxHeld: 64 << 20,
		Quarantined: func(q analyzer.Quarantine) { t.Errorf("panic: %v", q.Value) }}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) give(p *packet.Packet) {
	r.n++
	p.Ordinal = r.n
	r.of = r.of[:0]
	h := r.flows.Packet(p, &r.of)
	r.d.Packet(p, h, &r.out)
}

// end ends all flows.
func (r *rig) end() { r.flows.End(1<<62, r.n, &r.of) }

// messages returns the events of IKE so far.
func (r *rig) messages() []*Event {
	var out []*Event
	for _, e := range r.out {
		if x, ok := e.(*Event); ok {
			out = append(out, x)
		}
	}
	return out
}

// frames reads a committed capture.
func frames(t testing.TB, name string) []capture.Frame {
	t.Helper()
	s, err := capture.OpenFile(filepath.Join("../../../testdata/captures", name), capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fs, err := capture.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// replay gives a whole capture and overwrites the bytes after each packet: they are lent.
func replay(t testing.TB, name string) *rig {
	t.Helper()
	r := newRig(t, nil)
	for i, f := range frames(t, name) {
		p := decode(f, uint64(i+1))
		r.give(p)
		for j := range p.Data {
			p.Data[j] = 0xdb
		}
	}
	return r
}

func decode(f capture.Frame, n uint64) *packet.Packet {
	p := &packet.Packet{Data: append([]byte(nil), f.Data...), Link: f.Link, WireLen: max(f.WireLen, uint32(len(f.Data))), Time: f.Time, Frame: n}
	packet.Decode(p, nil)
	return p
}

func schema(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("../../output/eve/testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}
