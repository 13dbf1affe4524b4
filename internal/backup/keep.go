package backup

import (
	"fmt"
	"slices"
	"sort"
)

// Keep says which generations stay: the newest Last, and the newest of each of the last Daily days, Weekly weeks and
// Monthly months that have one. The newest always stays.
type Keep struct {
	Last, Daily, Weekly, Monthly int
}

// DefaultKeep is what nobody need think about.
var DefaultKeep = Keep{Last: 3, Daily: 7, Weekly: 4, Monthly: 6}

// drop returns the names of those that nothing keeps, oldest first.
func (k Keep) drop(good []Mark) []string {
	all := slices.Clone(good)
	// Newest first, by name: clocks are set back.
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return b.Generation < a.Generation
	})
	kept := map[string]bool{}
	for i := range all {
		if i < max(k.Last, 1) {
			kept[all[i].Generation] = true
		}
	}
	for _, rule := range []struct {
		n  int
		of func(Mark) string
	}{
		{k.Daily, func(m Mark) string { return m.Time.UTC().Format("2006-01-02") }},
		{k.Weekly, func(m Mark) string { y, w := m.Time.UTC().ISOWeek(); return fmt.Sprint(y, "-", w) }},
		{k.Monthly, func(m Mark) string { return m.Time.UTC().Format("2006-01") }},
	} {
		seen := map[string]bool{}
		for _, m := range all {
			if p := rule.of(m); !seen[p] && len(seen) < rule.n {
				seen[p] = true
				kept[m.Generation] = true
			}
		}
	}
	var out []string
	for i := len(all) - 1; i >= 0; i-- {
		if !kept[all[i].Generation] {
			out = append(out, all[i].Generation)
		}
	}
	return out
}
