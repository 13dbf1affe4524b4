package pcre

import (
	"math/rand"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// FuzzCompile compiles anything and searches anything: nothing panics, the ways to ask agree, literals are there.
func FuzzCompile(f *testing.F) {
	for i, line := range strings.Split(strings.Trim(table, "\n"), "\n") {
		if i%4 == 0 {
			f.Add(line[1:strings.LastIndexByte(line, '/')], uint16(i%128), "aab\nabc GET /a\r\n", 1)
		}
	}
	f.Add("(?:(?:(?:(?:a{16}){16}){16}){16}){16}", uint16(0), "a", 0)
	f.Add("(?:(?:(?:){65535}){65535}){65535}", uint16(0), "a", 0)
	f.Add("(?:(?:(?:a|){9999}){9999}){9999}b", uint16(0), "aaaa", 0)
	f.Fuzz(func(t *testing.T, pattern string, flags uint16, text string, from int) {
		r, err := Compile(pattern, Flags(flags)&127)
		if err != nil {
			if e := err.(*Error); e.Offset < 0 || e.Offset > len(pattern) || e.Reason == "" {
				t.Fatalf("error %+v", e)
			}
			return
		}
		s := NewScratch(Limits{Steps: 20_000, Stack: 2000, Memory: 1 << 20})
		b := []byte(text)
		only := r.MatchOnly(s, b, from)
		loc, res := r.Match(s, b, from)
		slots, sub := r.Submatch(s, b, from, nil)
		if res != sub || only != res && res != Exceeded {
			t.Fatalf("MatchOnly %v, Match %v, Submatch %v", only, res, sub)
		}
		if res != Matched {
			return
		}
		if loc.Start < from || loc.End > len(b) || loc.Start > loc.End || slots[0] != loc.Start || slots[1] != loc.End {
			t.Fatalf("%v in %d bytes from %d, slots %v", loc, len(b), from, slots)
		}
		for i := 0; i < len(slots); i += 2 {
			if lo, hi := slots[i], slots[i+1]; (lo < 0) != (hi < 0) || lo > hi || hi > len(b) {
				t.Fatalf("slots %v in %d bytes", slots, len(b))
			}
		}
		for _, l := range r.Literals() {
			if newFinder(l).find(b, from+l.MinOffset) < 0 {
				t.Fatalf("literal %q is not there", l.Bytes)
			}
		}
	})
}

// FuzzGo compares with Go's regexp what both can do: patterns grown from a seed, texts of ASCII.
func FuzzGo(f *testing.F) {
	for seed := range int64(60) {
		f.Add(seed, "aab abc\nA_b c.a")
	}
	f.Fuzz(func(t *testing.T, seed int64, text string) {
		for i := range len(text) {
			if text[i] >= 0x80 || text[i] == '\v' { // \s of Go leaves \v out
				return
			}
		}
		g := &grammar{rng: rand.New(rand.NewSource(seed)), common: true}
		pattern := g.pattern(3)
		theirs, err := regexp.Compile(pattern)
		if err != nil {
			return
		}
		r := compiled(t, pattern, DollarEndOnly)
		s := NewScratch(wide)
		want := theirs.FindStringSubmatchIndex(text)
		if only := r.MatchOnly(s, []byte(text), 0); (only == Matched) != (want != nil) {
			t.Fatalf("/%s/ on %q: %v, Go finds %v", pattern, text, only, want)
		}
		got, res := r.Submatch(s, []byte(text), 0, nil)
		if res == Exceeded {
			return
		}
		// Where rounds of a loop may take nothing, Go has its own order of preference.
		if (res == Matched) != (want != nil) || !emptyRounds(r) && !slices.Equal(got, want) {
			t.Fatalf("/%s/ on %q: %v, Go finds %v", pattern, text, got, want)
		}
	})
}

// emptyRounds reports whether some round of a counted or endless repeat may take nothing.
func emptyRounds(r *Regexp) bool {
	return r.auto == nil || r.auto.loopy || slices.ContainsFunc(r.prog.insts, func(i inst) bool { return i.op == opLoop })
}
