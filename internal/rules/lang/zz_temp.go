package lang

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// Classification is a temporary stand-in.
type Classification struct {
	Name, Description string
	Priority          int
}

// Classifications is a temporary stand-in.
func Classifications(_ string, r io.Reader) (map[string]Classification, []Problem, error) {
	m := map[string]Classification{}
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		rest, ok := strings.CutPrefix(strings.TrimSpace(sc.Text()), "config classification:")
		if !ok {
			continue
		}
		f := strings.Split(rest, ",")
		if len(f) == 3 {
			n, _ := strconv.Atoi(strings.TrimSpace(f[2]))
			m[strings.ToLower(strings.TrimSpace(f[0]))] = Classification{f[0], strings.TrimSpace(f[1]), n}
		}
	}
	return m, nil, nil
}
