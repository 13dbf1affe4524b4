package capture_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

// thorough makes the tests over the conformance captures take all of them.
func thorough() bool { return os.Getenv("FIRESTORM_THOROUGH") != "" }

// sample picks every nth file, all of them in a thorough run.
func sample(files []string, n int) (out []string) {
	for i, f := range files {
		if thorough() || i%n == 0 {
			out = append(out, f)
		}
	}
	return out
}

// asPcapNG converts a capture.
func asPcapNG(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	_ = pcapfile.Rewrite(&out, bytes.NewReader(b), pcapfile.RewriteOptions{
		Edit: func(rec *pcapfile.Record) (bool, []string) { return true, []string{"note"} },
	})
	return out.Bytes()
}

// readDamaged reads b, which may be damaged in any way, and returns what came and how it ended.
func readDamaged(t testing.TB, name string, b []byte) (out []frame, end error) {
	t.Helper()
	s, err := capture.OpenReader(name, bytes.NewReader(b), capture.FileOptions{Poison: true, OnComment: func(pcapfile.Comment) {}})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var batch packet.Batch
	for range len(b) + 2 {
		err := s.Next(&batch)
		for i := range batch.Packets {
			p := &batch.Packets[i]
			if int(p.WireLen) < len(p.Data) || len(p.Data) > len(b) {
				t.Fatalf("%s: frame %d has %d bytes of %d", name, p.Frame, len(p.Data), p.WireLen)
			}
			out = append(out, frame{p.Time, len(p.Data), int(p.WireLen)})
		}
		batch.Release()
		if err != nil {
			return out, err
		}
	}
	t.Fatalf("%s: reading does not end", name)
	return nil, nil
}

// TestTruncated cuts the conformance captures at seeded places: what stands before the cut must come as it was.
func TestTruncated(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	cuts := 0
	for _, path := range sample(conformanceFiles(t), 17) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 1<<20 && !thorough() {
			continue
		}
		for _, whole := range [][]byte{b, asPcapNG(t, b)} {
			want, _ := readDamaged(t, path, whole)
			for range 12 {
				at := r.IntN(len(whole) + 1)
				got, end := readDamaged(t, path, whole[:at])
				if len(got) > len(want) {
					t.Fatalf("%s cut at %d: %d frames of %d", path, at, len(got), len(want))
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("%s cut at %d: frame %d is %v, was %v", path, at, i+1, got[i], want[i])
					}
				}
				var d *capture.Damaged
				switch {
				case errors.As(end, &d):
					if d.Offset > int64(at) {
						t.Fatalf("%s cut at %d: %v", path, at, d)
					}
				case !errors.Is(end, io.EOF) && len(got) > 0:
					t.Fatalf("%s cut at %d: %v", path, at, end)
				}
				cuts++
			}
		}
	}
	t.Logf("%d cuts", cuts)
}

// TestBitFlips flips seeded bits: any outcome is right but a panic, a hang, or a length that was not there.
func TestBitFlips(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	ends := map[string]int{}
	for _, path := range sample(conformanceFiles(t), 17) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 1<<18 && !thorough() {
			continue
		}
		for _, whole := range [][]byte{b, asPcapNG(t, b)} {
			for k := range 20 {
				bad := bytes.Clone(whole)
				for range 1 + k%4 {
					// Half of the flips hit the first 400 bytes, where the headers are.
					n := len(bad)
					if k%2 == 0 {
						n = min(n, 400)
					}
					at := r.IntN(n * 8)
					bad[at/8] ^= 1 << (at % 8)
				}
				_, end := readDamaged(t, path, bad)
				var d *capture.Damaged
				switch {
				case errors.Is(end, io.EOF):
					ends["good"]++
				case errors.As(end, &d):
					ends["damaged"]++
				default:
					ends["not opened"]++
				}
			}
		}
	}
	t.Log(ends)
	if ends["good"] == 0 || ends["damaged"] == 0 || ends["not opened"] == 0 {
		t.Errorf("the flips do not reach all outcomes: %v", ends)
	}
}
