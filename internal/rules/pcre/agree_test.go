package pcre

import (
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// wide limits, so that what is compared is not cut short.
var wide = Limits{Steps: 5_000_000, Stack: 1_000_000}

// score is what a comparison came to.
type score struct {
	patterns, refused, texts, matched, undecided int
}

// mostComplaints bounds what a broken engine prints.
const mostComplaints = 20

// compare runs trials through both engines. refusedByUs lists patterns that PCRE2 takes and we do not, on purpose.
func compare(t *testing.T, trials []trial, refusedByUs map[string]bool) score {
	t.Helper()
	verdicts := askPCRE2(t, trials)
	s := NewScratch(wide)
	var sc score
	complaints := 0
	complain := func(format string, args ...any) {
		if complaints++; complaints <= mostComplaints {
			t.Errorf(format, args...)
		}
	}
	for i, tr := range trials {
		sc.patterns++
		r, err := Compile(tr.pattern, tr.flags)
		if err != nil {
			sc.refused++
		}
		if (err != nil) != (verdicts[i].refused != "") && !(err != nil && refusedByUs[tr.pattern]) {
			complain("/%s/ flags %#x: we say %v, PCRE2 %q", tr.pattern, tr.flags, err, verdicts[i].refused)
		}
		if err != nil || verdicts[i].refused != "" {
			continue
		}
		for k, sub := range tr.subjects {
			want := verdicts[i].found[k]
			if want == gaveUp {
				sc.undecided++
				continue
			}
			got := ours(r, s, sub)
			sc.texts++
			if got != noMatch {
				sc.matched++
			}
			if got != want {
				complain("/%s/ flags %#x on %q from %d:\nours  %q\nPCRE2 %q", tr.pattern, tr.flags, sub.text, sub.from, got, want)
			}
			if only := r.MatchOnly(s, []byte(sub.text), sub.from); (only == Matched) != (want != noMatch) {
				complain("/%s/ flags %#x on %q from %d: MatchOnly says %v, PCRE2 %q", tr.pattern, tr.flags, sub.text, sub.from, only, want)
			}
			checkLiterals(t, r, s, sub)
		}
	}
	if complaints > mostComplaints {
		t.Errorf("… %d complaints in all", complaints)
	}
	return sc
}

// checkLiterals wants every literal of a pattern in what follows where the search began, at the offset it claims.
func checkLiterals(t *testing.T, r *Regexp, s *Scratch, sub subject) {
	t.Helper()
	if _, res := r.Match(s, []byte(sub.text), sub.from); res != Matched {
		return
	}
	for _, l := range r.Literals() {
		if newFinder(l).find([]byte(sub.text), sub.from+l.MinOffset) < 0 {
			t.Errorf("literal %q is not in %q from %d on", l.Bytes, sub.text, sub.from)
		}
	}
}

func (sc score) log(t *testing.T) {
	t.Helper()
	t.Logf("%d patterns, %d refused; %d texts compared, %d of them with a match; %d left out where PCRE2 gave up",
		sc.patterns, sc.refused, sc.texts, sc.matched, sc.undecided)
}

func TestTableAgreesWithPCRE2(t *testing.T) {
	rng := rand.New(rand.NewSource(11))
	g := &grammar{rng: rng}
	var trials []trial
	for _, line := range strings.Split(strings.Trim(table, "\n"), "\n") {
		end := strings.LastIndexByte(line, '/')
		tr := trial{pattern: line[1:end]}
		for i := end + 1; i < len(line); i++ {
			f, ok := FlagOf(line[i])
			if !ok {
				t.Fatalf("%s: no flag %q", line, line[i])
			}
			tr.flags |= f
		}
		tr.subjects = append(tr.subjects, tableSubjects...)
		if _, tree, err := parse(tr.pattern, tr.flags); err == nil {
			tr.subjects = append(tr.subjects, subjectsFor(tree, rng, 8)...)
		}
		for range 4 {
			tr.subjects = append(tr.subjects, subject{text: g.text()})
		}
		trials = append(trials, tr)
	}
	compare(t, trials, notSupported).log(t)
}

func TestRandomPatternsAgreeWithPCRE2(t *testing.T) {
	rng := rand.New(rand.NewSource(12))
	var trials []trial
	for range 2000 {
		g := &grammar{rng: rng}
		tr := trial{pattern: g.pattern(3), exact: true}
		for _, f := range []Flags{NoCase, MultiLine, DotAll, Extended, Anchored, DollarEndOnly, Ungreedy} {
			if rng.Intn(6) == 0 {
				tr.flags |= f
			}
		}
		if _, tree, err := parse(tr.pattern, tr.flags); err == nil {
			tr.subjects = subjectsFor(tree, rng, 4)
		}
		for range 4 {
			text := g.text()
			tr.subjects = append(tr.subjects, subject{text, 0}, subject{text, rng.Intn(len(text) + 1)})
		}
		trials = append(trials, tr)
	}
	compare(t, trials, nil).log(t)
}

// rulePatterns returns every distinct pattern of the shared rule files, or skips.
func rulePatterns(tb testing.TB) []trial {
	tb.Helper()
	dir := os.Getenv("FIRESTORM_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	option := regexp.MustCompile(`[;\s]pcre:\s*!?\s*"/(.*?)/([A-Za-z]*)"\s*;`)
	found := map[string]trial{}
	for _, name := range []string{"et-open-2025-08.rules", "snort2-community.rules"} {
		raw, err := os.ReadFile(filepath.Join(dir, "rules", name))
		if err != nil {
			tb.Skipf("no rules to take patterns from: set FIRESTORM_SHARED to the folder that holds rules/ (%v)", err)
		}
		for _, m := range option.FindAllStringSubmatch(string(raw), -1) {
			tr := trial{pattern: m[1]}
			for i := range len(m[2]) {
				f, _ := FlagOf(m[2][i])
				tr.flags |= f
			}
			found[m[1]+"/"+m[2]] = tr
		}
	}
	keys := make([]string, 0, len(found))
	for k := range found {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	out := make([]trial, len(keys))
	for i, k := range keys {
		out[i] = found[k]
	}
	return out
}

func TestRulePatternsAgreeWithPCRE2(t *testing.T) {
	trials := rulePatterns(t)
	rng := rand.New(rand.NewSource(13))
	regular, size, without := 0, 0, 0
	for i := range trials {
		tr := &trials[i]
		r, err := Compile(tr.pattern, tr.flags)
		if err != nil {
			t.Errorf("/%s/ does not compile: %v", tr.pattern, err)
			continue
		}
		size += r.Size()
		if r.Regular() {
			regular++
		}
		if len(r.Literals()) == 0 {
			without++
		}
		_, tree, _ := parse(tr.pattern, tr.flags)
		tr.subjects = subjectsFor(tree, rng, 4)
	}
	compare(t, trials, nil).log(t)
	s := NewScratch(Limits{})
	for _, tr := range trials {
		r := compiled(t, tr.pattern, tr.flags)
		for _, sub := range tr.subjects {
			r.Match(s, []byte(sub.text), sub.from)
		}
	}
	t.Logf("with the default limits: %+v", s.Stats())
	t.Logf("%d are regular, %d require no literal; %d KB compiled", regular, without, size>>10)
}
