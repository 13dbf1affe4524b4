package mpm

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
)

// TestPageBorder: nothing is read beyond the buffer, nor before it: it stands between two pages that may not be touched.
func TestPageBorder(t *testing.T) {
	page := syscall.Getpagesize()
	m, err := syscall.Mmap(-1, 0, 4*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	}()
	for _, p := range [][]byte{m[:page], m[3*page:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	free := m[page : 3*page]
	r := rand.New(rand.NewPCG(8, 8))
	copy(free, someBytes(r, len(free), "abAB"))
	var sc Scratch
	for _, n := range []int{1, 5, 60} {
		patterns := somePatterns(r, n, 12, "abAB")
		patterns = append(patterns, Pattern{ID: 100000, Bytes: []byte("nowhere"), NoCase: true})
		for _, s := range sets(t, patterns) {
			for size := range 150 {
				last, first := free[len(free)-size:], free[:size]
				for _, b := range [][]byte{last, first} {
					if got, want := s.Scan(&sc, b), naive(patterns, b); !slices.Equal(got, want) {
						t.Fatalf("%v, %d bytes: %v, want %v", s.Engine(), size, got, want)
					}
				}
			}
			s.Scan(&sc, free)
		}
	}
}
