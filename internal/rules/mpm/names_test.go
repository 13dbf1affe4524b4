package mpm

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	s, err := BuildNames([]Name{
		{ID: 1, Name: []byte("example.com"), Match: Exact},
		{ID: 2, Name: []byte("example.com"), Match: Below},
		{ID: 3, Name: []byte("example.com"), Match: Domain},
		{ID: 4, Name: []byte("Example.COM"), Match: Domain, NoCase: true},
		{ID: 9, Name: []byte("com"), Match: Below},
		{ID: 8, Name: []byte("com"), Match: Below},
		{ID: 5, Name: bytes.Repeat([]byte("long."), 60), Match: Domain},
		{ID: 6, Name: []byte("192.0.2.1"), Match: Exact, NoCase: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		want []uint32
	}{
		{"example.com", []uint32{1, 3, 4, 8, 9}},
		{"EXAMPLE.com", []uint32{4, 8, 9}},
		{"www.example.com", []uint32{2, 3, 4, 8, 9}},
		{"a.b.Example.com", []uint32{4, 8, 9}},
		{"badexample.com", []uint32{8, 9}},
		{".example.com", []uint32{2, 3, 4, 8, 9}},
		{"example.com.", nil},
		{"example.org", nil},
		{"com", nil},
		{".", nil},
		{"", nil},
		{"192.0.2.1", []uint32{6}},
		{"x." + string(bytes.Repeat([]byte("long."), 60)), []uint32{5}},
	} {
		if got := s.Lookup(nil, []byte(c.name)); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.name, got, c.want)
		}
	}
	if got := s.Lookup([]uint32{77}, []byte("example.com")); got[0] != 77 || len(got) != 6 {
		t.Errorf("what stood before is gone: %v", got)
	}
	dst := make([]uint32, 0, 16)
	if n := testing.AllocsPerRun(20, func() { s.Lookup(dst, []byte("www.example.com")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s.Len() != 7 {
		t.Errorf("%d names, want 7", s.Len())
	}
	for _, c := range []struct {
		n    []Name
		want error
	}{
		{[]Name{{ID: 1}}, ErrLength},
		{[]Name{{ID: 1, Name: []byte("a")}, {ID: 1, Name: []byte("b")}}, ErrDuplicate},
	} {
		if _, err := BuildNames(c.n); !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.n, err)
		}
	}
}

// naiveNames compares with every name.
func naiveNames(names []Name, text []byte) (out []uint32) {
	for _, n := range names {
		a, b := n.Name, text
		if n.NoCase {
			a, b = lowered(a), lowered(b)
		}
		below := bytes.HasSuffix(b, append([]byte("."), a...))
		if n.Match != Below && bytes.Equal(a, b) || n.Match != Exact && below {
			out = append(out, n.ID)
		}
	}
	slices.Sort(out)
	return out
}

func FuzzNames(f *testing.F) {
	f.Add([]byte("example.com,com,Example.com,www.example.com"), []byte("www.example.com"), uint64(1))
	f.Add([]byte("a,.,..,a.a,A"), []byte("a..a."), uint64(2))
	f.Fuzz(func(t *testing.T, list, text []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		var names []Name
		for i, n := range bytes.Split(list, []byte(",")) {
			if len(n) > 0 && len(n) <= MaxPattern && i < 100 {
				names = append(names, Name{ID: uint32(i), Name: n, Match: Match(r.IntN(3)), NoCase: r.IntN(2) == 0})
			}
		}
		s, err := BuildNames(names)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.Lookup(nil, text), naiveNames(names, text); !slices.Equal(got, want) {
			t.Fatalf("%q of %q: %v, want %v", text, list, got, want)
		}
	})
}

func BenchmarkNames(b *testing.B) {
	var names []Name
	for i := range 5000 {
		names = append(names, Name{ID: uint32(i), Name: fmt.Appendf(nil, "host%d.example%d.com", i, i%7), Match: Domain})
	}
	s, err := BuildNames(names)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(s.Bytes()), "set-B")
	for _, name := range []string{"www.host77.example0.com", "news.example.org", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.example0.com"} {
		b.Run(name, func(b *testing.B) {
			var dst []uint32
			for b.Loop() {
				dst = s.Lookup(dst[:0], []byte(name))
			}
		})
	}
}
