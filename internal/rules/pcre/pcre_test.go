package pcre

import (
	"bytes"
	"errors"
	"math/rand"
	"slices"
	"strings"
	"testing"
)

func compiled(tb testing.TB, pattern string, flags Flags) *Regexp {
	tb.Helper()
	r, err := Compile(pattern, flags)
	if err != nil {
		tb.Fatalf("/%s/: %v", pattern, err)
	}
	return r
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		flags   Flags
		text    string
		from    int
		want    []int // nil: no match
	}{
		{"b+", 0, "abbbc", 0, []int{1, 4}},
		{"b+", 0, "abbbc", 2, []int{2, 4}},
		{"b+", 0, "abbbc", 4, nil},
		{"a|ab", 0, "ab", 0, []int{0, 1}},
		{"(a+)(b)?", 0, "xaac", 0, []int{1, 3, 1, 3, -1, -1}},
		{`^\xff$`, 0, "\xff", 0, []int{0, 1}},
		{"^.$", 0, "é", 0, nil}, // two bytes are two characters
		{"^..$", 0, "é", 0, []int{0, 2}},
		{".", 0, "\n", 0, nil},
		{".", DotAll, "\n", 0, []int{0, 1}},
		{"a$", 0, "a\n", 0, []int{0, 1}},
		{"a$", DollarEndOnly, "a\n", 0, nil},
		{"a$", MultiLine, "a\nb", 0, []int{0, 1}},
		{"^b", MultiLine, "a\nb", 0, []int{2, 3}},
		{"^b", 0, "ab", 1, nil},                   // the start of the search is not that of the subject
		{"(?<=a)b", 0, "ab", 1, []int{1, 2}},      // what stands before is seen
		{`\bb`, 0, "ab", 1, nil},                  //
		{`\Gb`, 0, "ab", 1, []int{1, 2}},          //
		{"b", Anchored, "ab", 0, nil},             //
		{"b", Anchored, "ab", 1, []int{1, 2}},     //
		{`foo\Kbar`, 0, "foobar", 0, []int{3, 6}}, //
		{`(['"]).*?\1`, 0, `x'a"b'`, 0, []int{1, 6, 1, 2}},
		{"a++a", 0, "aaa", 0, nil},
		{"a.*b", Ungreedy, "abb", 0, []int{0, 2}},
		{"(?P<k>a)(?P=k)", NoCase, "aA", 0, []int{0, 2, 0, 1}},
		{"", 0, "ab", 2, []int{2, 2}},
		{"a", 0, "a", 2, nil},
		{"a", 0, "a", -1, nil},
	} {
		r := compiled(t, c.pattern, c.flags)
		s := NewScratch(Limits{})
		got, res := r.Submatch(s, []byte(c.text), c.from, nil)
		if (res == Matched) != (c.want != nil) || res == Exceeded || !slices.Equal(got, c.want) {
			t.Errorf("/%s/ %#x on %q from %d: %v %v, want %v", c.pattern, c.flags, c.text, c.from, got, res, c.want)
		}
		if only := r.MatchOnly(s, []byte(c.text), c.from); only != res {
			t.Errorf("/%s/ on %q: MatchOnly says %v, Submatch %v", c.pattern, c.text, only, res)
		}
	}
}

// All places are found by going on one byte behind the last start, as a rule does whose next content did not fit.
func TestNextMatch(t *testing.T) {
	r, s := compiled(t, "a+b", 0), NewScratch(Limits{})
	var starts []int
	for from := 0; ; {
		loc, res := r.Match(s, []byte("aab ab b aaab"), from)
		if res != Matched {
			break
		}
		starts = append(starts, loc.Start)
		from = loc.Start + 1
	}
	if want := []int{0, 1, 4, 9, 10, 11}; !slices.Equal(starts, want) {
		t.Errorf("starts %v, want %v", starts, want)
	}
}

func TestNames(t *testing.T) {
	r := compiled(t, "(a)(?<flow_id>b)(?P<x>c)", 0)
	if got := r.Names(); !slices.Equal(got, []string{"", "", "flow_id", "x"}) || r.Groups() != 3 {
		t.Errorf("names %q, %d groups", got, r.Groups())
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for _, c := range []struct {
		pattern string
		offset  int
		reason  string
	}{
		{"ab(c", 2, "the parenthesis is not closed"},
		{"ab)c", 2, "a closing parenthesis without an opening one"},
		{"a{3,2}", 1, "the counts in braces are out of order"},
		{"a**", 2, "a quantifier follows a quantifier"},
		{"[a", 0, "the class is not closed"},
		{`ab\j`, 2, `\j means nothing`},
		{"a(?R)", 1, "recursion and calls of groups are not supported"},
		{"(?<=a+)b", 0, "the look-behind has no fixed length"},
		{`(a)\2`, 3, "there is no group 2: the pattern has 1"},
		{"(?<a>x)(?P=b)", 7, `no group has the name "b"`},
		{strings.Repeat("(", 251), 250, "parentheses are nested more than 250 deep"},
		{strings.Repeat("()", 1001), 2000, "there are more than 1000 capturing groups"},
		{strings.Repeat("a", 65536), 0, "the pattern is longer than 65535 bytes"},
	} {
		_, err := Compile(c.pattern, 0)
		var e *Error
		if !errors.As(err, &e) || e.Offset != c.offset || e.Reason != c.reason {
			t.Errorf("%.40s: %v, want offset %d: %s", c.pattern, err, c.offset, c.reason)
		}
	}
}

func TestLiterals(t *testing.T) {
	for _, c := range []struct {
		pattern string
		flags   Flags
		want    []Literal
	}{
		{"abc", 0, []Literal{{[]byte("abc"), false, 0, 0}}},
		{"^GET /(x|y)[a-z]{2,5}Hello", NoCase, []Literal{{[]byte("hello"), true, 8, 11}, {[]byte("get /"), true, 0, 0}}},
		{"a+b*cd", 0, []Literal{{[]byte("cd"), false, 1, -1}, {[]byte("a"), false, 0, 0}}},
		{"(?:ab){2}c", 0, []Literal{{[]byte("ababc"), false, 0, 0}}},
		{"(?i:a)bC", 0, []Literal{{[]byte("abc"), true, 0, 0}}},
		{`x?\x00\xffA`, 0, []Literal{{[]byte("\x00\xffA"), false, 0, 1}}},
		{"(?!abc)d(?=e)f", 0, []Literal{{[]byte("df"), false, 0, 0}}},
		{"abc|abd", 0, nil},
		{"(abc)?", 0, nil},
		{`\d+`, 0, nil},
	} {
		if got := compiled(t, c.pattern, c.flags).Literals(); !slices.EqualFunc(got, c.want, func(a, b Literal) bool {
			return bytes.Equal(a.Bytes, b.Bytes) && a.NoCase == b.NoCase && a.MinOffset == b.MinOffset && a.MaxOffset == b.MaxOffset
		}) {
			t.Errorf("/%s/: %v, want %v", c.pattern, got, c.want)
		}
	}
}

// The patterns that bring backtracking engines to their knees end at once: the regular ones with the right answer, the
// others at the limit, which is said and counted.
func TestSteps(t *testing.T) {
	as := bytes.Repeat([]byte("a"), 1400)
	for _, c := range []struct {
		pattern string
		text    []byte
		only    Result
		match   Result
		most    int // steps
	}{
		{"^(a+)+$", append(bytes.Clone(as), 'b'), NoMatch, NoMatch, 0},
		{"^(a+)+$", as, Matched, Matched, 0},
		{"^(a|a)*b$", as, NoMatch, NoMatch, 0},
		{"(a+a+)+b", as, NoMatch, NoMatch, 0},
		{"^(?:a?){60}a{60}$", as[:60], Matched, Matched, 0},                    // too many ways to go back; the automaton decides
		{"^(a|aa)+$(?<!b)", append(bytes.Clone(as), 'b'), NoMatch, NoMatch, 0}, // not regular, but the filter says no
		{`^(a+)+(?!a)\1b`, append(bytes.Clone(as), 'b'), Exceeded, Exceeded, 0},
		{"^(?=(a+)+c)a*b", append(bytes.Clone(as), 'b'), Exceeded, Exceeded, 0},
	} {
		r, s := compiled(t, c.pattern, 0), NewScratch(Limits{})
		if res := r.MatchOnly(s, c.text, 0); res != c.only {
			t.Errorf("/%s/ on %d bytes: MatchOnly says %v, want %v", c.pattern, len(c.text), res, c.only)
		}
		if _, res := r.Match(s, c.text, 0); res != c.match {
			t.Errorf("/%s/ on %d bytes: Match says %v, want %v", c.pattern, len(c.text), res, c.match)
		}
		want := uint64(0)
		if c.only == Exceeded {
			want = 2
		}
		if got := s.Stats().Exceeded; got != want {
			t.Errorf("/%s/: %d exceeded, want %d", c.pattern, got, want)
		}
		if s.back.steps < -len(c.text) {
			t.Errorf("/%s/: %d steps more than the limit", c.pattern, -s.back.steps)
		}
	}
}

// The limit is the one that was asked for: what takes some hundred steps is not decided within fifty.
func TestStepLimitIsKept(t *testing.T) {
	r, text := compiled(t, `^(a+)+(?!a)\1b`, 0), []byte("aaaaaaaab")
	for steps, want := range map[int]Result{50: Exceeded, 5000: NoMatch} {
		s := NewScratch(Limits{Steps: steps})
		if _, res := r.Match(s, text, 0); res != want {
			t.Errorf("%d steps: %v, want %v", steps, res, want)
		}
	}
}

func TestStackLimit(t *testing.T) {
	r, s := compiled(t, `(?:(a)|b)*\1c`, 0), NewScratch(Limits{Steps: 1 << 30, Stack: 1000})
	if res := r.MatchOnly(s, append(bytes.Repeat([]byte("ab"), 5000), "ac"...), 0); res != Exceeded {
		t.Errorf("%v, want Exceeded", res)
	}
	if n := cap(s.back.stack); n > 4*1000 {
		t.Errorf("the stack holds %d entries, limit 1000", n)
	}
}

// An automaton with ever new states forgets them, and in the end is not remembered at all; the answers stay.
func TestAutomatonIsBounded(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	r, s := compiled(t, "[ab]*a[ab]{20}c", 0), NewScratch(Limits{})
	text := make([]byte, 200_000)
	for i := range text {
		text[i] = "ab"[rng.Intn(2)]
	}
	for range 3 {
		if res := r.MatchOnly(s, text, 0); res != NoMatch {
			t.Fatalf("%v, want NoMatch", res)
		}
		if d := s.dfas[r]; d.size() > 4*dfaBytes {
			t.Errorf("the automaton holds %d bytes, limit about %d", d.size(), dfaBytes)
		}
	}
	if st := s.Stats(); st.Resets < dfaMaxBad || st.Retired != 1 {
		t.Errorf("%+v: want %d resets and one retired", st, dfaMaxBad)
	}
	if res := r.MatchOnly(s, append(text, "abbbbbbbbbbbbbbbbbbbbc"...), 0); res != Matched {
		t.Errorf("%v, want Matched", res)
	}
}

func TestAutomataTogetherAreBounded(t *testing.T) {
	s := NewScratch(Limits{Memory: 100_000})
	text := []byte(strings.Repeat("the quick brown fox jumps ", 20))
	for i := range 300 {
		r := compiled(t, "(?:q|[a-"+string(rune('b'+i%20))+"]+)x[^z]*y", 0)
		r.MatchOnly(s, text, 0)
		if s.held > 100_000+4*dfaBytes {
			t.Fatalf("%d bytes held, limit 100000", s.held)
		}
	}
	if s.Stats().Dropped == 0 {
		t.Error("nothing was dropped")
	}
}

func TestNoAllocation(t *testing.T) {
	s := NewScratch(Limits{})
	text := []byte("GET /index.php?id=1234&key=abcabc HTTP/1.1\r\nHost: example.com\r\n\r\n")
	dst := make([]int, 0, 16)
	for _, p := range []string{`id=\d+&`, `(abc)\1`, `(?:GET|POST) /[a-z]+\.php`, `Host: (?!www)([^\r]+)`, `^(\w+ )+x`} {
		r := compiled(t, p, NoCase)
		try := func() {
			r.MatchOnly(s, text, 0)
			r.Match(s, text, 3)
			dst, _ = r.Submatch(s, text, 0, dst[:0])
		}
		try()
		if n := testing.AllocsPerRun(100, try); n != 0 {
			t.Errorf("/%s/: %v allocations", p, n)
		}
	}
}

// What was searched before, and where the states of an automaton were forgotten, changes no result.
func TestResultsDoNotDependOnHistory(t *testing.T) {
	rng := rand.New(rand.NewSource(5))
	used := NewScratch(Limits{Memory: 2000})
	for range 300 {
		g := &grammar{rng: rng}
		r, err := Compile(g.pattern(3), 0)
		if err != nil {
			continue
		}
		for range 5 {
			text := []byte(g.text())
			a, ra := r.Submatch(used, text, 0, nil)
			b, rb := r.Submatch(NewScratch(Limits{}), text, 0, nil)
			if ra != rb || !slices.Equal(a, b) {
				t.Fatalf("on %q: %v %v, with a new memory %v %v", text, a, ra, b, rb)
			}
		}
	}
	if used.Stats().Dropped == 0 {
		t.Error("the used memory was never emptied")
	}
}

// The simulation with positions and the backtracker agree where both are exact.
func TestPikeAgreesWithBacktracker(t *testing.T) {
	rng := rand.New(rand.NewSource(6))
	s := NewScratch(wide)
	var p pike
	compared := 0
	for range 5000 {
		g := &grammar{rng: rng}
		r, err := Compile(g.pattern(3), 0)
		if err != nil || !r.Regular() || r.auto.loopy {
			continue
		}
		for range 4 {
			text := []byte(g.text())
			want, res := r.Submatch(s, text, 0, nil)
			if found := p.run(r.auto, text, 0, 0, 2*(r.groups+1), r.anchor != anchorNone); found != (res == Matched) {
				t.Fatalf("on %q: pike %v, backtracker %v", text, found, res)
			}
			for i := range want {
				if p.best[i] != int32(want[i]) && (p.best[i^1] >= 0 || want[i] >= 0) {
					t.Fatalf("on %q: pike %v, backtracker %v", text, p.best, want)
				}
			}
			compared++
		}
	}
	if compared < 1000 {
		t.Errorf("only %d comparisons", compared)
	}
}
