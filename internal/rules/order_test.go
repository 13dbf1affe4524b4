package rules

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSortFew: few candidates come in the order that sorting all of them by rule and place gives, of one rule and place as they came.
func TestSortFew(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	sigs := make([]sig, 200)
	for i := range sigs {
		sigs[i].number = i
	}
	few := 0
	for range 20000 {
		n, of := r.IntN(fewCandidates+3), 1+r.IntN(len(sigs))
		cs := make([]candidate, n)
		for i := range cs {
			cs[i] = candidate{s: &sigs[r.IntN(of)], at: uint64(i), begin: uint64(r.IntN(1 + r.IntN(3)))}
		}
		want := slices.Clone(cs)
		slices.SortStableFunc(want, func(a, b candidate) int {
			return cmp.Or(a.s.number-b.s.number, cmp.Compare(a.begin, b.begin))
		})
		before := slices.Clone(cs)
		if !sortFew(cs) {
			if !slices.Equal(cs, before) {
				t.Fatal("candidates that it leaves to others are not as they were")
			}
			continue
		}
		if few++; !slices.Equal(cs, want) {
			t.Fatalf("%d candidates are in another order", n)
		}
	}
	if few < 5000 {
		t.Errorf("only %d were sorted", few)
	}
}
