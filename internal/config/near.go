package config

import "fmt"

// nearest says which of names was probably meant; empty where none is near.
func nearest(name string, names []string) string {
	best, most := "", len(name)/2+1
	for _, n := range names {
		if d := distance(name, n); d < most {
			best, most = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// nearestSection says which section was probably meant, or of which section a key is that stands at the outermost level.
func nearestSection(name string) string {
	var names []string
	for i := range Sections {
		s := &Sections[i]
		names = append(names, s.Name)
		for j := range s.Keys {
			if s.Keys[j].Name == name {
				return fmt.Sprintf("%s stands below %q", name, s.Name+":")
			}
		}
	}
	return nearest(name, names)
}

// distance is how many letters must be put in, taken out or changed, or swapped with their neighbour, to make b from a.
// Names longer than 64 are far from all.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var rows [3][65]int
	prev2, prev, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
