package detect

import (
	"slices"
	"testing"
)

func TestLatest(t *testing.T) {
	var l Latest[int]
	for i := range 20 {
		l.Push(i, 6)
		var got, want []int
		for v := range l.All {
			got = append(got, *v)
		}
		for k := max(0, i-5); k <= i; k++ {
			want = append(want, k)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the latest six of %d: %v", i+1, got)
		}
	}
	for v := range l.All {
		if *v != 14 {
			t.Errorf("begins with %d", *v)
		}
		break
	}
}
