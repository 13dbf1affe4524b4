package detect

import (
	"bytes"
	"reflect"
	"testing"

	"firestorm/internal/packet"
)

func TestMemory(t *testing.T) {
	type inner struct {
		Ref packet.Ref
		N   int
	}
	type outer struct {
		One  *inner
		Many []*inner
		Four [2]inner
		At   packet.Time
		MAC  packet.MAC
		none *inner
	}
	ref := packet.Ref{Frame: 3, Time: 9, Source: 1}
	in := outer{One: &inner{ref, 1}, Many: []*inner{{ref, 2}, {ref, 3}}, Four: [2]inner{{ref, 4}, {ref, 5}}, At: 7, MAC: packet.MAC{1, 200}}
	var b bytes.Buffer
	if err := SaveMemory(&b, &in); err != nil {
		t.Fatal(err)
	}
	var out outer
	if err := LoadMemory(bytes.NewReader(b.Bytes()), &out); err != nil {
		t.Fatal(err)
	}
	none := packet.Ref{}
	want := outer{One: &inner{none, 1}, Many: []*inner{{none, 2}, {none, 3}}, Four: [2]inner{{none, 4}, {none, 5}}, At: 7, MAC: packet.MAC{1, 200}}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("%+v", out)
	}
	if err := LoadMemory(bytes.NewReader(b.Bytes()[:b.Len()/2]), &out); err == nil {
		t.Error("half of it is accepted")
	}
}
