package report

import (
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// jsonw writes JSON with keys in the order of the calls, without reflection.
type jsonw struct {
	b     []byte
	first bool // nothing stands in the current object or array yet
}

func (w *jsonw) sep() {
	if !w.first {
		w.b = append(w.b, ',')
	}
	w.first = false
}

func (w *jsonw) open(c byte) { w.b, w.first = append(w.b, c), true }

func (w *jsonw) close(c byte) { w.b, w.first = append(w.b, c), false }

// key starts a member; the value follows with first set, so that it writes no comma.
func (w *jsonw) key(k string) {
	w.sep()
	w.b = append(append(append(w.b, '"'), k...), '"', ':')
	w.first = true
}

func (w *jsonw) text(s string) {
	w.sep()
	w.b = event.AppendJSONString(w.b, s)
}

func (w *jsonw) str(k, s string) { w.key(k); w.text(s) }

func (w *jsonw) num(k string, n int64) { w.key(k); w.b, w.first = strconv.AppendInt(w.b, n, 10), false }

func (w *jsonw) unum(k string, n uint64) {
	w.key(k)
	w.b, w.first = strconv.AppendUint(w.b, n, 10), false
}

func (w *jsonw) bool(k string, v bool) {
	w.key(k)
	w.b, w.first = strconv.AppendBool(w.b, v), false
}

func (w *jsonw) null(k string) { w.key(k); w.b, w.first = append(w.b, "null"...), false }

// seconds writes a duration as a decimal number of seconds.
func (w *jsonw) seconds(k string, ns int64) {
	w.key(k)
	w.b, w.first = strconv.AppendFloat(w.b, float64(ns)/1e9, 'f', -1, 64), false
}

func (w *jsonw) list(k string, s []string) {
	w.key(k)
	w.open('[')
	for _, x := range s {
		w.text(x)
	}
	w.close(']')
}

// array writes k with n elements, each written by f.
func (w *jsonw) array(k string, n int, f func(i int)) {
	w.key(k)
	w.open('[')
	for i := range n {
		f(i)
	}
	w.close(']')
}

// object writes an element of an array.
func (w *jsonw) object(f func()) {
	w.sep()
	w.open('{')
	f()
	w.close('}')
}

func (w *jsonw) frame(r *Report, ref packet.Ref) {
	w.str("file", r.FileName(ref.Source))
	w.unum("frame", ref.Frame)
	w.str("time", stamp(ref.Time))
}

func (w *jsonw) frames(r *Report, k string, refs []packet.Ref) {
	w.array(k, len(refs), func(i int) { w.object(func() { w.frame(r, refs[i]) }) })
}
