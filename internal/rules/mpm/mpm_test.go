package mpm

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func plain(texts ...string) (out []Pattern) {
	for i, t := range texts {
		out = append(out, Pattern{ID: uint32(i), Bytes: []byte(t)})
	}
	return out
}

func TestScan(t *testing.T) {
	for _, c := range []struct {
		name     string
		patterns []Pattern
		text     string
		want     []Hit
	}{
		{"one", plain("needle"), "a needle, a needle", []Hit{{0, 2}}},
		{"one at the very end", plain("needle"), "needl needle", []Hit{{0, 6}}},
		{"one cut off", plain("needle"), "a needl", nil},
		{"one in a range", []Pattern{{ID: 7, Bytes: []byte("ab"), From: 1, To: 5}}, "ab.ab", []Hit{{7, 3}}},
		{"one beyond its range", []Pattern{{ID: 7, Bytes: []byte("ab"), From: 1, To: 4}}, "ab.ab", nil},
		{"case", []Pattern{{ID: 1, Bytes: []byte("Host")}, {ID: 2, Bytes: []byte("hOST"), NoCase: true}}, "HOST Host", []Hit{{1, 5}, {2, 0}}},
		{"nothing but letters folds", []Pattern{{ID: 1, Bytes: []byte("a@[`{"), NoCase: true}}, "a@[@{ a`[`{ A@[`{", []Hit{{1, 12}}},
		{"bytes above ASCII do not fold", []Pattern{{ID: 1, Bytes: []byte("x\xc1\xe1y"), NoCase: true}}, "x\xe1\xe1y X\xc1\xe1Y", []Hit{{1, 5}}},
		{"lengths 1 to 5", plain("d", "cd", "bcd", "abcd", "zabcd"), "abcd", []Hit{{0, 3}, {1, 2}, {2, 1}, {3, 0}}},
		{"one byte, either case", []Pattern{{ID: 3, Bytes: []byte("Q"), NoCase: true}, {ID: 4, Bytes: []byte("Q")}}, "..q.Q", []Hit{{3, 2}, {4, 4}}},
		{"same twice", []Pattern{{ID: 9, Bytes: []byte("same")}, {ID: 2, Bytes: []byte("same")}}, " same", []Hit{{2, 1}, {9, 1}}},
		{"same in two ranges", []Pattern{{ID: 1, Bytes: []byte("abab"), From: 4, To: 8}, {ID: 2, Bytes: []byte("abab"), From: 2, To: 6}, {ID: 3, Bytes: []byte("zzzz")}}, "ababababab", []Hit{{1, 2}, {2, 2}}},
		{"empty buffer", plain("a", "bc", "defg"), "", nil},
		{"no patterns", nil, "anything", nil},
		{"across the ends of words", plain("0123456789abcdefg", "6789abcdefghijklm"), "0123456789abcdefghijklm", []Hit{{0, 0}, {1, 6}}},
		{"last byte differs", plain("0123456789abcdefg", "0123456789abcdefh"), "0123456789abcdefh", []Hit{{1, 0}}},
	} {
		var sc Scratch
		for _, s := range sets(t, c.patterns) {
			if got := s.Scan(&sc, []byte(c.text)); !slices.Equal(got, c.want) {
				t.Errorf("%s, %v: %v, want %v", c.name, s.Engine(), got, c.want)
			}
		}
		same(t, &sc, c.patterns, sets(t, c.patterns), []byte(c.text))
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		p    []Pattern
		want error
	}{
		{[]Pattern{{ID: 1}}, ErrLength},
		{[]Pattern{{ID: 1, Bytes: make([]byte, MaxPattern+1)}}, ErrLength},
		{[]Pattern{{ID: 1, Bytes: []byte("abc"), From: 5, To: 7}}, ErrRange},
		{[]Pattern{{ID: 1, Bytes: []byte("abc"), From: -1}}, ErrRange},
		{[]Pattern{{ID: 1, Bytes: []byte("abc")}, {ID: 1, Bytes: []byte("abc")}}, ErrDuplicate},
	} {
		if _, err := Build(c.p, Options{}); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.p[0].ID, err, c.want)
		}
	}
	long := []Pattern{{ID: 1, Bytes: bytes.Repeat([]byte("ab"), MaxPattern/2)}, {ID: 2, Bytes: bytes.Repeat([]byte("b"), MaxPattern)}}
	var sc Scratch
	for _, s := range sets(t, long) {
		if got := s.Scan(&sc, slices.Concat([]byte("x"), long[0].Bytes, long[1].Bytes)); len(got) != 2 {
			t.Errorf("%v: the longest patterns: %v", s.Engine(), got)
		}
	}
}

// somePatterns draws n patterns over an alphabet: a small one makes windows that many share.
func somePatterns(r *rand.Rand, n, longest int, alphabet string) (out []Pattern) {
	for i := range n {
		p := Pattern{ID: uint32(i*3 + 1), NoCase: r.IntN(2) == 0, Bytes: someBytes(r, 1+r.IntN(longest), alphabet)}
		if r.IntN(4) == 0 {
			p.From = r.IntN(50)
		}
		if r.IntN(4) == 0 {
			p.To = p.From + len(p.Bytes) + r.IntN(200)
		}
		out = append(out, p)
	}
	return out
}

func someBytes(r *rand.Rand, n int, alphabet string) []byte {
	b := make([]byte, n)
	for i := range b {
		if b[i] = byte(r.Uint32()); alphabet != "" {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
	}
	return b
}

// TestSame: every engine finds what the naive matcher finds, at all lengths of buffers, with many and few candidates.
func TestSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var sc Scratch // one for all sets, as a worker has
	for round := range 60 {
		alphabet := []string{"ab", "aAbB", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ./-=", "", "\x00\x20\xff"}[round%5]
		n := []int{1, 2, 3, 9, 33, 70, 400}[round%7]
		patterns := somePatterns(r, n, []int{3, 6, 12, 40}[round%4], alphabet)
		all := sets(t, patterns)
		for _, size := range []int{0, 1, 2, 3, 4, 5, 7, 15, 16, 17, 31, 34, 35, 36, 64, 67, 100, 300, chunkSize + 5} {
			b := someBytes(r, size, alphabet)
			for range size / 20 {
				p := patterns[r.IntN(n)].Bytes
				copy(b[r.IntN(len(b)):], p)
			}
			same(t, &sc, patterns, all, b)
		}
	}
	if sc.Stats.Rescues == 0 {
		t.Error("no buffer needed the automaton: that path was not tried")
	}
}

// TestPlaces: a pattern is found at every place of a buffer that spans chunks, and in none where it is cut off.
func TestPlaces(t *testing.T) {
	patterns := plain("Ab", "xyz", "GET /index.html", "Qw", "0123")
	var sc Scratch
	for _, s := range sets(t, patterns) {
		b := bytes.Repeat([]byte{'.'}, chunkSize+200)
		for id, p := range patterns {
			for at := range len(b) {
				if at > 150 && at < chunkSize-150 {
					continue
				}
				copy(b[at:], p.Bytes)
				got := s.Scan(&sc, b)
				whole := at+len(p.Bytes) <= len(b)
				if whole && !slices.Equal(got, []Hit{{uint32(id), at}}) || !whole && len(got) != 0 {
					t.Fatalf("%v: %q at %d of %d: %v", s.Engine(), p.Bytes, at, len(b), got)
				}
				for i := at; i < min(at+len(p.Bytes), len(b)); i++ {
					b[i] = '.'
				}
			}
		}
	}
}

// TestDeterministic: the order of the patterns changes nothing, the size of the set neither.
func TestDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	patterns := somePatterns(r, 500, 12, "abcdeABCDE")
	text := someBytes(r, 3000, "abcdeABCDE")
	a, err := Build(patterns, Options{Engine: Portable})
	if err != nil {
		t.Fatal(err)
	}
	r.Shuffle(len(patterns), func(i, j int) { patterns[i], patterns[j] = patterns[j], patterns[i] })
	b, err := Build(patterns, Options{Engine: Portable})
	if err != nil {
		t.Fatal(err)
	}
	var s1, s2 Scratch
	h1, h2 := a.Scan(&s1, text), b.Scan(&s2, text)
	if !slices.Equal(h1, h2) || s1.Stats != s2.Stats || a.Bytes() != b.Bytes() || !slices.Equal(a.long.entries, b.long.entries) {
		t.Errorf("%d hits, %+v, %d bytes; shuffled %d hits, %+v, %d bytes", len(h1), s1.Stats, a.Bytes(), len(h2), s2.Stats, b.Bytes())
	}
	if a.Len() > 500 || a.Len() < 100 {
		t.Errorf("%d differ of 500", a.Len())
	}
}

func TestNoAllocation(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	patterns := somePatterns(r, 300, 30, "ab")
	text := someBytes(r, 5000, "ab")
	for _, s := range sets(t, patterns) {
		var sc Scratch
		s.Scan(&sc, text)
		if sc.Stats.Rescues == 0 {
			t.Errorf("%v: the automaton was not needed", s.Engine())
		}
		if n := testing.AllocsPerRun(20, func() { s.Scan(&sc, text) }); n != 0 {
			t.Errorf("%v: %v allocations", s.Engine(), n)
		}
	}
}

// TestRarity: the window is where the other patterns are not alike.
func TestRarity(t *testing.T) {
	var patterns []Pattern
	for i := range 100 {
		patterns = append(patterns, Pattern{ID: uint32(i), Bytes: fmt.Appendf(nil, "GET /%cq%cz.php HTTP/1.", 'a'+i%26, 'a'+i/26)})
	}
	s, err := Build(patterns, Options{Engine: Portable})
	if err != nil {
		t.Fatal(err)
	}
	var sc Scratch
	s.Scan(&sc, []byte(strings.Repeat("GET /index.php HTTP/1.1\r\n", 100)))
	if sc.Stats.Candidates > 100 {
		t.Errorf("%d candidates in 100 lines: windows stand in what all patterns share", sc.Stats.Candidates)
	}
}

// TestShared: goroutines share a set, each with its scratch, which serves sets of any size in turn.
func TestShared(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	var all []*Set
	var groups [][]Pattern
	for _, n := range []int{700, 3, 90, 1} {
		patterns := somePatterns(r, n, 8, "abAB ")
		groups = append(groups, patterns)
		all = append(all, sets(t, patterns)...)
	}
	text := someBytes(r, 2000, "abAB ")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var sc Scratch
			per := len(all) / len(groups)
			for i, s := range all {
				if got, want := s.Scan(&sc, text), naive(groups[i/per], text); !slices.Equal(got, want) {
					t.Errorf("set %d: %d hits, want %d", i, len(got), len(want))
				}
			}
		})
	}
	wg.Wait()
}

// TestBytes: the memory that a set reports is what it takes.
func TestBytes(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	rarity := new(Rarity)
	for _, n := range []int{1, 16, 150, 1500} {
		patterns := madeUp(n)
		kept := make([]*Set, 2000/n+1)
		before := heap()
		said := 0
		for i := range kept {
			s, err := Build(patterns, Options{Rarity: rarity})
			if err != nil {
				t.Fatal(err)
			}
			kept[i] = s
			said += s.Bytes()
		}
		took := int(heap() - before)
		runtime.KeepAlive(kept)
		if took > said*4/3 || took < said*3/4 {
			t.Errorf("%d patterns: a set takes %d bytes and says %d", n, took/len(kept), said/len(kept))
		}
	}
}

// TestFastest: what the measuring chose is an engine of this machine, and few patterns are shuffled where that is there.
func TestFastest(t *testing.T) {
	for _, n := range []int{20, 2000} {
		s, err := Build(madeUp(n), Options{})
		if err != nil {
			t.Fatal(err)
		}
		g := s.long
		if g == nil {
			g = s.short
		}
		if e := g.filter; !slices.Contains(Engines(), e) || n == 20 && e != Engines()[len(Engines())-1] {
			t.Errorf("%d patterns: %v of %v", n, e, Engines())
		}
	}
}
