package finding

import (
	"bytes"
	"testing"
	"time"

	"firestorm/internal/packet"
)

// reborn is an engine with what another kept.
func reborn(t *testing.T, e *Engine, o Options) *Engine {
	t.Helper()
	var b bytes.Buffer
	if err := e.Save(&b); err != nil {
		t.Fatal(err)
	}
	n := engine(t, o)
	if err := n.Load(&b); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRemembers: what was told goes on under its name with its count; what was held is told by the next run, once; what is known
// is not told again.
func TestRemembers(t *testing.T) {
	o := Options{Codes: []*Code{code("a"), code("b")}}
	e := engine(t, o)
	e.Report(inst("a", "k", 1, 1, Certain))
	told := e.Tick(100 * second)
	if len(told) != 1 {
		t.Fatal(told)
	}
	e.Tick(200 * second)
	e.Report(inst("b", "held", 2, 201, Likely))

	e = reborn(t, e, o)
	if fs := e.Tick(205 * second); len(fs) != 0 {
		t.Errorf("told before its time: %s", show(fs))
	}
	e = reborn(t, e, o) // and once more, before it was told
	fs := e.Tick(220 * second)
	if len(fs) != 1 || fs[0].Code.ID != "b" || fs[0].Count != 1 || fs[0].Revision != 1 || fs[0].First.Source != packet.Earlier {
		t.Fatalf("held by an earlier run: %s", show(fs))
	}
	id := fs[0].ID
	e.Tick(240 * second) // for ten seconds it is not taken for granted that who keeps findings has done so
	e = reborn(t, e, o)
	e.Report(inst("a", "k", 9, 300, Certain))
	e.Report(inst("b", "held", 3, 300, Likely))
	fs = append(fs[:0], e.Tick(400*second)...)
	if len(fs) != 2 {
		t.Fatal(show(fs))
	}
	for _, f := range fs {
		if f.Count != 2 || f.Revision != 2 || f.State != Updated || f.ID != map[string]string{"a": told[0].ID, "b": id}[f.Code.ID] || f.Earlier == nil || f.Earlier.Count != 1 {
			t.Errorf("%s %s: count %d, revision %d, %+v", f.Code.ID, f.ID, f.Count, f.Revision, f.Earlier)
		}
	}
	e.Tick(450 * second)
	e = reborn(t, e, o)
	if fs := e.Tick(time500); len(fs) != 0 {
		t.Errorf("told again: %s", show(fs))
	}
	if fs := e.End(time500); len(fs) != 0 {
		t.Errorf("told again at the end: %s", show(fs))
	}
}

// TestHeldAtTheEnd: what an earlier run held is told at the end of the next one, whatever its time; where there was no time for it,
// the one after that tells it.
func TestHeldAtTheEnd(t *testing.T) {
	hurry := false
	o := Options{Codes: []*Code{code("a")}, Hurry: func() bool { return hurry }}
	e := engine(t, o)
	e.Report(inst("a", "k", 1, 1, Certain))
	e = reborn(t, e, o)
	hurry = true
	if fs := e.End(2 * second); len(fs) != 0 || e.Counts.Hurried != 1 {
		t.Errorf("in a hurry: %s", show(fs))
	}
	hurry = false
	e = reborn(t, e, o)
	if fs := e.End(3 * second); len(fs) != 1 || fs[0].Count != 1 || fs[0].Revision != 1 {
		t.Errorf("at the end: %s", show(fs))
	}
}

const time500 = packet.Time(500 * time.Second)

// TestRemembersDamage: what is no memory is refused, or does no harm.
func TestRemembersDamage(t *testing.T) {
	o := Options{Codes: []*Code{code("a")}}
	e := engine(t, o)
	e.Report(inst("a", "k", 1, 1, Certain))
	var b bytes.Buffer
	if err := e.Save(&b); err != nil {
		t.Fatal(err)
	}
	for i := range b.Len() {
		c := bytes.Clone(b.Bytes())
		c[i] ^= 0x21
		n := engine(t, o)
		_ = n.Load(bytes.NewReader(c))
		n.Tick(100 * second)
		n.End(100 * second)
		if err := engine(t, o).Load(bytes.NewReader(b.Bytes()[:i])); err == nil {
			t.Fatalf("%d bytes are taken for all", i)
		}
	}
}
