package detect

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

type innerFields struct {
	ref  packet.Ref
	name string
	at   packet.Time
	nets [2]packet.Addr
}

type someFields struct {
	innerFields
	by    map[packet.Addr]*innerFields
	list  []innerFields
	none  []string
	empty []string
	deep  *innerFields
	nil   *innerFields
	f     float64
	n     int8
	u     uint64
	yes   bool
	words map[string]bool
}

func ofFields() someFields {
	in := innerFields{packet.Ref{Frame: 9, Time: -5, Source: 3}, "a\x00\xff", 1 << 60, [2]packet.Addr{packet.MustAddr("192.0.2.1"), packet.MustAddr("2001:db8::1")}}
	return someFields{innerFields: in, by: map[packet.Addr]*innerFields{packet.MustAddr("10.0.0.1"): &in, packet.MustAddr("10.0.0.2"): {name: "x"}}, list: []innerFields{in, {}}, empty: []string{},
		deep: &innerFields{ref: packet.Ref{Frame: 1}}, f: 0.25, n: -128, u: 1<<64 - 1, yes: true, words: map[string]bool{"b": true, "a": false}}
}

// TestFields: what comes back is what was saved, but for frames, which an earlier run saw. The bytes are the same each time.
func TestFields(t *testing.T) {
	x, more := ofFields(), 7
	var b, again bytes.Buffer
	if err := SaveFields(&b, &x, &more); err != nil {
		t.Fatal(err)
	}
	y := ofFields()
	if err := SaveFields(&again, &y, &more); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("written twice, it differs", err)
	}
	var got someFields
	n := 0
	if err := LoadFields(bytes.NewReader(b.Bytes()), &got, &n); err != nil {
		t.Fatal(err)
	}
	want := ofFields()
	for _, in := range []*innerFields{&want.innerFields, want.by[packet.MustAddr("10.0.0.1")], &want.list[0], want.deep} {
		in.ref.Source = packet.Earlier
	}
	if !reflect.DeepEqual(got, want) || n != 7 {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// Of another version: nothing is known, and nothing is wrong.
	var other struct{ a, b int }
	if err := LoadFields(bytes.NewReader(b.Bytes()), &other); err != nil || other.a != 0 {
		t.Error(err)
	}
	// Cut and changed anywhere: refused or read, never a panic, and never a lot of memory.
	for i := range b.Len() {
		if err := LoadFields(bytes.NewReader(b.Bytes()[:i]), &got, &n); err == nil {
			t.Fatalf("%d bytes are taken for all", i)
		}
		if got.name != "" || n != 0 {
			t.Fatal("something is left of what was refused")
		}
		c := bytes.Clone(b.Bytes())
		c[i] ^= 0xff
		_ = LoadFields(bytes.NewReader(c), &got, &n)
	}
	loop := &looping{}
	loop.next = loop
	if err := SaveFields(&b, &loop); err == nil || !strings.Contains(err.Error(), "leads back") {
		t.Error(err)
	}
	f := struct{ f func() }{}
	if err := SaveFields(&b, &f); err == nil || !strings.Contains(err.Error(), "cannot be kept") {
		t.Error(err)
	}
}

type looping struct{ next *looping }
