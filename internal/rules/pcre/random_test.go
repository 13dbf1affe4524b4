package pcre

import (
	"fmt"
	"math/rand"
	"strings"
)

// grammar writes random patterns over few bytes, so that they match often.
type grammar struct {
	rng    *rand.Rand
	groups int
	common bool // only what Go's regexp and PCRE have in common
}

var (
	commonAtoms = []string{"a", "b", "c", "A", "_", "ab", "ba", " ", `\n`, ".", `\w`, `\d`, `\s`, "[ab]", "[^a]", "[^bc\\n]", "[a-c]", `\W`, `\x61`,
		"[[:alpha:]]", `\S`}
	pcreAtoms   = []string{`\h`, `\v`, `\R`, `\N`, `[\w_-]`, `\Qa.b\E`, `\101`, `\cA`, `[]a]`, `[^]b]`, `\C`, `(?#x)a`, `\x{62}`, `[^\W_]`, `\V`, "[[:^lower:]b]"}
	anchors     = []string{"^", "$", `\b`, `\B`, `\A`, `\z`}
	pcrePlaces  = []string{`\Z`, `\G`, `\K`, "(?i)", "(?s)", "(?m)", "(?-i)", "(?x) ", "(?U)"}
	repeats     = []string{"*", "+", "?", "{2}", "{0,2}", "{1,}", "{2,3}", "{0}", "*?", "+?", "??", "{1,2}?"}
	possessives = []string{"*+", "++", "?+", "{1,2}+"}
)

func (g *grammar) one(of []string) string { return of[g.rng.Intn(len(of))] }

func (g *grammar) atom() string {
	if !g.common && g.rng.Intn(4) == 0 {
		return g.one(pcreAtoms)
	}
	return g.one(commonAtoms)
}

func (g *grammar) quantifier() string {
	if !g.common && g.rng.Intn(5) == 0 {
		return g.one(possessives)
	}
	return g.one(repeats)
}

func (g *grammar) pattern(depth int) string {
	var alts []string
	for range 1 + g.rng.Intn(2)*g.rng.Intn(3) {
		var b strings.Builder
		for range g.rng.Intn(4) {
			b.WriteString(g.term(depth))
		}
		alts = append(alts, b.String())
	}
	return strings.Join(alts, "|")
}

func (g *grammar) term(depth int) string {
	switch k := g.rng.Intn(10); {
	case k < 4 || depth == 0:
		return g.atom()
	case k < 6:
		return g.atom() + g.quantifier()
	case k == 6:
		if !g.common && g.rng.Intn(2) == 0 {
			return g.one(pcrePlaces)
		}
		return g.one(anchors)
	}
	s := g.groupTerm(depth - 1)
	if q := g.quantifier(); g.rng.Intn(2) == 0 && q != "{0}" { // PCRE2 10.42 takes (^){0}a for anchored
		s += q
	}
	return s
}

func (g *grammar) groupTerm(depth int) string {
	kinds := 3
	if !g.common {
		kinds = 14
	}
	switch g.rng.Intn(kinds) {
	case 0:
		return "(?:" + g.pattern(depth) + ")"
	case 1, 2:
		g.groups++
		return "(" + g.pattern(depth) + ")"
	case 3:
		return "(?=" + g.noKeep(depth) + ")"
	case 4:
		return "(?!" + g.noKeep(depth) + ")"
	case 5:
		return g.one([]string{"(?<=a)", "(?<!b)", "(?<=ab|c)", "(?<!^|a)", `(?<=\b.)`, "(?<=(a|b)c)", "(?<=^)"})
	case 6:
		return "(?>" + g.pattern(depth) + ")"
	case 7, 8:
		return fmt.Sprintf(`\%d`, 1+g.rng.Intn(g.groups+1))
	case 9:
		return fmt.Sprintf("(?(%d)%s|%s)", 1+g.rng.Intn(g.groups+1), g.atom(), g.atom())
	case 10:
		return fmt.Sprintf("(?(?%s%s)%s|%s)", g.one([]string{"=", "!", "<=", "<!"}), g.one([]string{"a", "b", "."}), g.atom(), g.atom())
	case 11:
		return "(?i:" + g.pattern(depth) + ")"
	case 12:
		g.groups++
		return "(?|(" + g.pattern(0) + ")|" + g.atom() + "(" + g.pattern(0) + "))"
	}
	g.groups++
	return fmt.Sprintf("(?<n%d>%s)", g.groups, g.pattern(depth))
}

func (g *grammar) noKeep(depth int) string { return strings.ReplaceAll(g.pattern(depth), `\K`, "a") }

// text is a short random subject over the same bytes.
func (g *grammar) text() string {
	const bytes = "aaabbbccAB_ \n\n.5-\r\x85"
	b := make([]byte, g.rng.Intn(12))
	for i := range b {
		b[i] = bytes[g.rng.Intn(len(bytes))]
	}
	return string(b)
}
