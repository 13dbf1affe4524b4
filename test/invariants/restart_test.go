package invariants

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/test/harness"
)

// memories are a sensor.State, and sensor.Running, in memory.
type memories map[string][]byte

func (m memories) Load(name string, read func(io.Reader) error) (bool, error) {
	b, ok := m[name]
	if !ok {
		return false, nil
	}
	return true, read(bytes.NewReader(b))
}

func (m memories) Save(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	m[name] = b.Bytes()
	return nil
}

// killed is the state of a process that is killed at the end of its input: what was kept last while it ran is all there is.
type killed struct {
	memories
	kept int
}

func (k *killed) Ready() bool { return true }

func (k *killed) Keep(names []string, contents [][]byte) {
	k.kept++
	for i, n := range names {
		k.memories[n] = bytes.Clone(contents[i])
	}
}

func (k *killed) Save(string, func(io.Writer) error) error { return nil }

// life runs the sensor as watch does over some frames, with what an earlier life kept.
func life(t *testing.T, s sensor.State, fs []capture.Frame, faces []capture.Interface, tell func(*finding.Finding)) *sensor.Result {
	t.Helper()
	r, err := sensor.Run(context.Background(), sensor.Options{Source: capture.NewMemory(fs, faces...), Workers: 1, Seed: 1, Checksums: packet.ChecksumsAuto,
		Analyzers: standard.Analyzers, Detectors: standard.Detectors, State: s, Continues: true, OnFindings: func(d sensor.Decided) {
			for _, f := range d.Findings {
				tell(f)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) > 0 || len(r.Engine.Faulty) > 0 || r.StateErr != nil {
		t.Fatalf("%v %v %v", r.Broken, r.Engine.Faulty, r.StateErr)
	}
	return r
}

// about is what a finding is about: its code and its parties.
func about(f *finding.Finding) string {
	s := f.Code.ID
	for i, x := range f.Subjects {
		if i < 2 {
			s += fmt.Sprintf(" %s:%d", x.Addr, x.Port)
		}
	}
	return s
}

// split runs a capture in two lives, cut after n frames, and returns what was told in both, as identities by what they are about.
func split(t *testing.T, fs []capture.Frame, faces []capture.Interface, n int) map[string][]string {
	t.Helper()
	s := memories{}
	told := map[string][]string{}
	tell := func(f *finding.Finding) {
		if a := about(f); !slices.Contains(told[a], f.ID) {
			told[a] = append(told[a], f.ID)
		}
	}
	for _, part := range [][]capture.Frame{fs[:n], fs[n:]} {
		for _, f := range life(t, s, part, faces, func(*finding.Finding) {}).Findings {
			tell(f)
		}
	}
	return told
}

// TestRestart: a run that ends in order in the middle of a capture, and one that begins there with its state, tell together what one
// run over the whole tells.
func TestRestart(t *testing.T) {
	points := 20
	_ = points
	stat := map[string][3]int{}
	for _, c := range harness.Captures(t) {
		if k := os.Getenv("ONLY"); k != "" && !strings.Contains(c, k) {
			continue
		}
		fs, faces := harness.Frames(t, c)
		if len(fs) > 20000 || len(fs) < 10 {
			continue
		}
		whole := map[string]bool{}
		for _, f := range life(t, memories{}, fs, faces, func(*finding.Finding) {}).Findings {
			if f.Confidence >= finding.Likely {
				whole[about(f)] = true
			}
		}
		n := 4
		if os.Getenv("POINTS") != "" {
			fmt.Sscan(os.Getenv("POINTS"), &n)
		}
		for i := 1; i <= n; i++ {
			at := len(fs) * i / (n + 1)
			told := split(t, fs, faces, at)
			for a := range whole {
				code, _, _ := strings.Cut(a, " ")
				x := stat[code]
				x[0]++
				if len(told[a]) == 0 {
					x[1]++
					t.Logf("LOST %s at %d/%d: %s", harness.Name(c), at, len(fs), a)
				} else if len(told[a]) > 1 {
					x[2]++
					t.Logf("TWICE %s at %d/%d: %s %v", harness.Name(c), at, len(fs), a, told[a])
				}
				stat[code] = x
			}
			for a := range told {
				if !whole[a] {
					t.Logf("MORE %s at %d/%d: %s", harness.Name(c), at, len(fs), a)
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(stat)) {
		t.Logf("STAT %-32s %v", k, stat[k])
	}
}
