package detect

import (
	"fmt"
	"slices"
	"testing"
)

func TestRecent(t *testing.T) {
	r := NewRecent[int, string](3)
	for i := range 3 {
		v, fresh := r.Put(i)
		if !fresh {
			t.Fatal("known")
		}
		*v = fmt.Sprint(i)
	}
	r.Get(0) // asked for: stays
	if v, _ := r.Put(3); *v != "" {
		t.Error("an old value in a new entry")
	}
	if r.Get(0) == nil || r.Get(1) != nil || r.Get(2) == nil || r.Evicted != 1 || r.Len() != 3 {
		t.Errorf("%d evicted, %d left", r.Evicted, r.Len())
	}
	r.Drop(2)
	if r.Get(2) != nil || r.Len() != 2 {
		t.Error("dropped and there")
	}
	r.Put(4)
	if r.Evicted != 1 || r.Len() != 3 {
		t.Errorf("%d evicted though a place was free", r.Evicted)
	}
	s := NewRecent[int, string](3)
	s.Restore(r.Pairs())
	if !slices.Equal(s.Pairs(), r.Pairs()) {
		t.Errorf("%v became %v", r.Pairs(), s.Pairs())
	}
	for i := range 100_000 {
		r.Put(i)
	}
	if r.Len() != 3 || len(r.slots) != 3 || len(r.by) != 3 {
		t.Errorf("%d entries", r.Len())
	}
}
