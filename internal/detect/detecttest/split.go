package detecttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// store keeps memories in memory.
type store map[string][]byte

// Load gives what was kept to read.
func (s store) Load(name string, read func(io.Reader) error) (bool, error) {
	b, ok := s[name]
	if !ok {
		return false, nil
	}
	return true, read(bytes.NewReader(b))
}

// Save keeps what write writes.
func (s store) Save(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	s[name] = b.Bytes()
	return nil
}

// Split analyses a capture whole and cut in two at several points, the detectors' memory going from the first part to
// the second, and expects that both parts together find what the whole finds, of the codes. Only as
// many frames from the beginning are used as the whole needs, so that no part has enough by itself.
func Split(t *testing.T, file string, points int, codes ...string) {
	t.Helper()
	src, err := capture.OpenFile(Path(t, file), capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	frames, err := capture.ReadAll(src)
	if err != nil {
		t.Fatal(err)
	}
	faces := capture.Interfaces(src)
	src.Close()
	run := func(s store, fs []capture.Frame) []string {
		t.Helper()
		r, err := sensor.Run(context.Background(), sensor.Options{Source: capture.NewMemory(fs, faces...), Workers: 1, Seed: 1, Checksums: packet.ChecksumsAuto,
			Analyzers: standard.Analyzers, Detectors: standard.Detectors, State: s})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Broken) > 0 || len(r.Engine.Faulty) > 0 || r.StateErr != nil {
			t.Fatalf("%v %v %v", r.Broken, r.Engine.Faulty, r.StateErr)
		}
		var out []string
		for _, f := range r.Findings {
			whole(t, f)
			if slices.Contains(codes, f.Code.ID) {
				out = append(out, fmt.Sprintf("%s of %s %s", f.Code.ID, f.Subjects[0].Addr, f.Subjects[0].MAC))
			}
		}
		return out
	}
	enough := sort.Search(len(frames), func(n int) bool { return len(run(store{}, frames[:n])) > 0 })
	frames = frames[:enough]
	want := sorted(run(store{}, frames))
	if len(want) == 0 {
		t.Fatalf("%s: nothing of %v to compare", file, codes)
	}
	for i := 1; i <= points; i++ {
		at := len(frames) * i / (points + 1)
		s := store{}
		got := run(s, frames[:at])
		if got = sorted(append(got, run(s, frames[at:])...)); !slices.Equal(got, want) {
			t.Errorf("%s cut after frame %d: %v, want %v", file, at, got, want)
		}
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}
