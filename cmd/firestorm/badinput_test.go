package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long one damaged capture may keep the program busy.
const patience = 10 * time.Second

// mutations is how many damaged forms of each capture are tried.
const mutations = 6

// badSeed makes the damage the same on every machine.
const badSeed = 20031209

// TestBadInput reads captures that were cut, had bits flipped or blocks shuffled, and every capture of the conformance
// set: no panic, no hang, and an exit status that says what happened.
func TestBadInput(t *testing.T) {
	var own []string
	for _, pattern := range []string{"*.pcap", "*.pcapng"} {
		m, err := filepath.Glob(filepath.Join(repository, "testdata", "captures", "*", pattern))
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, m...)
	}
	if len(own) == 0 {
		t.Fatal("no captures")
	}
	t.Run("mutated", func(t *testing.T) {
		for _, f := range own {
			t.Run(filepath.Base(filepath.Dir(f))+"/"+filepath.Base(f), func(t *testing.T) {
				t.Parallel()
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				for i := range mutations {
					r := rand.New(rand.NewPCG(badSeed, uint64(i)+uint64(len(b))<<8))
					name, bad := damage(b, r, i)
					survives(t, name, bad)
				}
			})
		}
	})
	t.Logf("%d damaged forms of %d captures, seed %d", mutations*len(own), len(own), badSeed)
	t.Run("conformance", conformance)
}

func conformance(t *testing.T) {
	shared := os.Getenv("FIRESTORM_SHARED")
	if shared == "" {
		shared = filepath.Join(repository, "..", "shared")
	}
	n := 0
	err := filepath.WalkDir(filepath.Join(shared, "conformance"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		switch filepath.Ext(p) {
		case ".pcap", ".pcapng", ".cap", ".trace":
		default:
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		n++
		survives(t, filepath.Base(filepath.Dir(p))+"/"+filepath.Base(p), b)
		return nil
	})
	if err != nil || n == 0 {
		t.Skipf("no conformance captures: set FIRESTORM_SHARED to the folder that holds conformance/ (%v)", err)
	}
	t.Logf("%d captures of the conformance set", n)
}

// survives reads b from standard input and checks how that ends.
func survives(t *testing.T, name string, b []byte) {
	t.Helper()
	done := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- result{code: -1, stderr: fmt.Sprint("panic: ", p)}
			}
		}()
		done <- runApp(bytes.NewReader(b), "read", "-", "--max-memory", "64M", "--workers", "1", "-v")
	}()
	select {
	case r := <-done:
		if r.code != exitOK && r.code != exitDamaged {
			t.Errorf("%s: exit status %d: %s", name, r.code, r.stderr)
		}
		if r.code == exitDamaged && !strings.Contains(r.stderr, "firestorm: ") {
			t.Errorf("%s: exit status %d without a word on standard error", name, r.code)
		}
	case <-time.After(patience):
		t.Fatalf("%s: still busy after %s", name, patience)
	}
}

// damage returns b with the i-th sort of harm done to it.
func damage(b []byte, r *rand.Rand, i int) (string, []byte) {
	out := bytes.Clone(b)
	switch i % 3 {
	case 0:
		n := r.IntN(len(out))
		return fmt.Sprintf("cut at %d", n), out[:n]
	case 1:
		flips := 1 + r.IntN(64)
		for range flips {
			out[r.IntN(len(out))] ^= 1 << r.IntN(8)
		}
		return fmt.Sprintf("%d bits flipped", flips), out
	}
	// The file header stays, so that what follows is read at all.
	const head, size = 24, 512
	var blocks [][]byte
	for rest := out[min(head, len(out)):]; len(rest) > 0; {
		n := min(size, len(rest))
		blocks = append(blocks, rest[:n])
		rest = rest[n:]
	}
	r.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	return "blocks shuffled", append(bytes.Clone(out[:min(head, len(out))]), bytes.Join(blocks, nil)...)
}
