package lang

import (
	"errors"
	"fmt"
	"strings"
)

// Vars are the variables of address and port expressions, without the "$", as the configuration has them.
type Vars struct {
	Addrs, Ports map[string]string
}

// Bounds of an expression: what is written by hand stays far below; a chain of variables can be made to double each time.
const (
	maxDepth = 64      // groups and variables inside each other
	maxItems = 1 << 20 // addresses or ports after all variables are replaced
)

// group reads the grammar that address and port expressions share: items, "!", groups in brackets, variables. Two lists
// are filled, of what is wanted and of what is not; a negated group is worked out by itself first and then unwanted.
type group[L any] struct {
	what  string // "address" or "port"
	vars  map[string]string
	items int
	// item adds one item that is neither group nor variable.
	item func(text string, to *L) error
	// minus works out wanted less unwanted; alone reports that nothing but negations was written.
	minus func(wanted, unwanted *L) error
	// add appends one list to another.
	add func(to, from *L)
}

func (g *group[L]) read(expr string, depth int, wanted, unwanted *L) error {
	if depth > maxDepth {
		return fmt.Errorf("groups or variables stand more than %d deep inside each other; does one name itself?", maxDepth)
	}
	for rest := expr; ; {
		item, more, err := cutItem(rest)
		if err != nil {
			return err
		}
		negated := false
		for item != "" && item[0] == '!' {
			if negated {
				return fmt.Errorf("%s is negated twice", quote(item[1:]))
			}
			negated, item = true, trimLeft(item[1:])
		}
		if g.items++; g.items > maxItems {
			return fmt.Errorf("the expression has more than %d items", maxItems)
		}
		if err := g.one(item, negated, depth, wanted, unwanted); err != nil {
			return err
		}
		if more == "" {
			return nil
		}
		rest = more[1:]
	}
}

// one adds one item, group or variable.
func (g *group[L]) one(item string, negated bool, depth int, wanted, unwanted *L) error {
	if err := alone(item); err != nil {
		return err
	}
	switch {
	case item == "":
		return fmt.Errorf("an %s is missing between commas or in a pair of brackets", g.what)
	case item[0] == '[':
		item = item[1 : len(item)-1]
	case item[0] == '$':
		value, ok := g.vars[item[1:]]
		if value = strings.TrimSpace(value); !ok || value == "" {
			return fmt.Errorf("the variable %s is not set among the %s groups", quote(item), g.what)
		}
		if err := g.inner(value, negated, depth, wanted, unwanted); err != nil {
			return fmt.Errorf("in $%s: %w", item[1:], err)
		}
		return nil
	default:
		if negated {
			wanted = unwanted
		}
		return g.item(item, wanted)
	}
	return g.inner(item, negated, depth, wanted, unwanted)
}

func (g *group[L]) inner(expr string, negated bool, depth int, wanted, unwanted *L) error {
	if !negated {
		return g.read(expr, depth+1, wanted, unwanted)
	}
	var in, out L
	if err := g.read(expr, depth+1, &in, &out); err != nil {
		return err
	}
	if err := g.minus(&in, &out); err != nil {
		return err
	}
	g.add(unwanted, &in)
	return nil
}

// cutItem takes an item up to the next comma outside of brackets; more begins with that comma or is empty.
func cutItem(s string) (item, more string, err error) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth < 0 {
				return "", "", errors.New("a ] without its [")
			}
		case ',':
			if depth == 0 {
				return strings.TrimSpace(s[:i]), s[i:], nil
			}
		}
	}
	if depth > 0 {
		return "", "", errors.New("a [ is not closed")
	}
	return strings.TrimSpace(s), "", nil
}

// alone refuses an item that has something beside its brackets, which are known to be in pairs.
func alone(item string) error {
	if i := strings.IndexByte(item, '['); i > 0 {
		return fmt.Errorf("a comma is missing before %s", quote(item[i:]))
	}
	depth := 0
	for i := 0; i < len(item); i++ {
		switch item[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 && i+1 < len(item) {
				return fmt.Errorf("a comma is missing before %s", quote(trimLeft(item[i+1:])))
			}
		}
	}
	return nil
}
