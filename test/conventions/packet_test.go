package conventions

import (
	"fmt"
	"reflect"
	"testing"

	"firestorm/internal/packet"
)

// pointers names every field of t that the garbage collector must follow.
func pointers(t reflect.Type, name string) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface, reflect.String, reflect.UnsafePointer:
		return []string{name}
	case reflect.Array:
		return pointers(t.Elem(), name+"[]")
	case reflect.Struct:
		var out []string
		for i := range t.NumField() {
			f := t.Field(i)
			out = append(out, pointers(f.Type, name+"."+f.Name)...)
		}
		return out
	}
	return nil
}

// dataOnly complains about every pointer but Data.
func dataOnly(t reflect.Type) []string {
	var out []string
	for _, p := range pointers(t, t.Name()) {
		if p != t.Name()+".Data" {
			out = append(out, fmt.Sprintf("%s is a pointer: batches of packets would be scanned by the collector", p))
		}
	}
	return out
}

func TestPacketHoldsNoPointerButData(t *testing.T) {
	report(t, dataOnly(reflect.TypeFor[packet.Packet]()))
	report(t, pointers(reflect.TypeFor[packet.Ref](), "Ref"))
}

func TestPointerRuleCanFail(t *testing.T) {
	type inner struct{ Name string }
	type bad struct {
		Data []byte
		In   [2]inner
	}
	type good struct {
		Data []byte
		A    [16]byte
	}
	mustComplain(t, "pointer", dataOnly(reflect.TypeFor[bad]()), dataOnly(reflect.TypeFor[good]()), "bad.In[].Name")
}
