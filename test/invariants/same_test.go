package invariants

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"firestorm/internal/capture"
	"firestorm/internal/pcapfile"
	"firestorm/test/harness"
)

// seed chooses the samples.
const seed = 20031209

// inputs are the committed captures and captures of the conformance set: a sample of each, or in the long tier all.
func inputs(t *testing.T, committed, sample int) []string {
	out := harness.Captures(t)
	if harness.Long() {
		committed, sample = 0, 0
	}
	out = harness.Sample(out, committed, seed)
	t.Logf("%d committed captures, seed %d", len(out), seed)
	t.Run("conformance set", func(t *testing.T) { // a subtest, so that only this part is skipped
		all := harness.Conformance(t)
		some := harness.Sample(all, sample, seed)
		t.Logf("%d of the %d captures of the conformance set, seed %d", len(some), len(all), seed)
		out = append(out, some...)
	})
	return out
}

// TestSameForAnyWorkers compares everything a run knows, event by event, over workers, hash seeds, sizes of batches,
// and with every byte, and every event that nobody keeps, overwritten as soon as its time is over.
func TestSameForAnyWorkers(t *testing.T) {
	for _, f := range inputs(t, 160, 40) {
		t.Run(harness.Name(f), func(t *testing.T) {
			t.Parallel()
			first, err := harness.Open(f, false)
			if err != nil {
				t.Skip("cannot be begun:", err)
			}
			want := harness.Run(t, f, first, harness.Options{})
			harness.Whole(t, f, want)
			for _, o := range []harness.Options{{Workers: 1, Seed: 7, Nonsense: true}, {Workers: 2}, {Workers: 8, Seed: 7}} {
				s, err := harness.Open(f, true)
				if err != nil {
					t.Fatal(err)
				}
				got := harness.Run(t, f, s, o)
				if o.Nonsense {
					harness.Whole(t, f, got)
				}
				if d := harness.Diff(want.Text, got.Text); d != "" {
					t.Errorf("poisoned, %+v: %s", o, d)
				}
			}
			if want.Damaged != nil || want.Source.KernelLost > 0 {
				return // frames in memory are another input: they cannot break, and nobody counted what was lost
			}
			frames, ifaces := harness.Frames(t, f)
			for _, chunk := range []int{1, 7, 1000} {
				m := capture.NewMemory(frames, ifaces...)
				m.Chunk, m.Poison = chunk, true
				got := harness.Run(t, f, m, harness.Options{Workers: 2})
				if d := harness.Diff(want.Text, got.Text); d != "" {
					t.Errorf("%d packets a batch: %s", chunk, d)
				}
			}
		})
	}
}

// TestSameReports runs the program itself and compares every form of its report.
func TestSameReports(t *testing.T) {
	list := harness.Captures(t)
	if !harness.Long() {
		list = harness.Sample(list, 16, seed)
	}
	t.Logf("%d captures, seed %d", len(list), seed)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		t.Run(harness.Name(f), func(t *testing.T) {
			t.Parallel()
			if rel, err := filepath.Rel(here, f); err == nil {
				f = rel // as a person would: the report names the capture as it was given
			}
			want, _ := harness.Read(t, nil, "--workers", "1", "--seed", "0", f)
			if host, err := os.Hostname(); err == nil && len(host) > 3 && strings.Contains(want, host) {
				t.Errorf("the host's name %q is in the output", host)
			}
			for _, p := range []string{here, harness.Root(), os.TempDir(), "goroutine "} {
				if strings.Contains(want, p) {
					t.Errorf("%q is in the output", p)
				}
			}
			for _, args := range [][]string{{"--workers", "2", "--seed", "7"}, {"--workers", "8", "--seed", "0"}} {
				if got, _ := harness.Read(t, nil, append(args, f)...); got != want {
					t.Errorf("%v: %s", args, harness.Diff(want, got))
				}
			}
		})
	}
}

// TestSameManyRuns repeats a few captures twenty times: a map's order that reaches the output shows sooner or later.
func TestSameManyRuns(t *testing.T) {
	few := []string{"founding-timewait/founding.pcap", "clean-routed/inside.pcap", "syn-flood/outside.pcap", "span-duplicates/span.pcap"}
	n := 0
	for _, f := range few {
		f = filepath.Join(harness.Root(), "testdata", "captures", filepath.FromSlash(f))
		if _, err := os.Stat(f); err != nil {
			m, _ := filepath.Glob(filepath.Join(filepath.Dir(f), "*.pcap*"))
			if len(m) == 0 {
				t.Errorf("no capture in %s", filepath.Base(filepath.Dir(f)))
				continue
			}
			f = m[0]
		}
		n++
		want, _ := harness.Read(t, nil, f)
		for range 20 {
			if got, _ := harness.Read(t, nil, f); got != want {
				t.Errorf("%s: %s", harness.Name(f), harness.Diff(want, got))
				break
			}
		}
	}
	t.Logf("%d captures, 20 runs each", n)
}

// evidenceLine is the part of a report that names the file: in each form there is another.
var evidenceLine = regexp.MustCompile(`\s*firestorm evidence .* -w case\.pcapng`)

// TestSameForm gives the same packets as pcap, pcapng, packed, and on standard input.
func TestSameForm(t *testing.T) {
	list := harness.Captures(t)
	if !harness.Long() {
		list = harness.Sample(list, 6, seed+1)
	}
	t.Logf("%d captures, seed %d", len(list), seed+1)
	for _, f := range list {
		t.Run(harness.Name(f), func(t *testing.T) {
			t.Parallel()
			frames, ifaces := harness.Frames(t, f)
			if len(ifaces) != 1 {
				t.Skip("several interfaces: pcap cannot hold them")
			}
			dir := t.TempDir()
			at := func(sub string) string {
				d := filepath.Join(dir, sub)
				if err := os.MkdirAll(d, 0o755); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(d, "capture") // the name is in the report: it must be the same
			}
			write := func(name string, b []byte) string {
				if err := os.WriteFile(name, b, 0o644); err != nil {
					t.Fatal(err)
				}
				return name
			}
			pcap, ng := asPcap(t, frames, ifaces[0]), asPcapNG(t, frames, ifaces[0])
			want, _ := harness.Read(t, nil, write(at("pcap"), pcap))
			want = evidenceLine.ReplaceAllString(want, "")
			for what, b := range map[string][]byte{"pcapng": ng, "gzip": gz(t, pcap), "zstd": zst(t, ng)} {
				got, _ := harness.Read(t, nil, write(at(what), b))
				if got = evidenceLine.ReplaceAllString(got, ""); got != want {
					t.Errorf("%s: %s", what, harness.Diff(want, got))
				}
			}
			piped, _ := harness.Read(t, bytes.NewReader(pcap), "-")
			packed, _ := harness.Read(t, bytes.NewReader(gz(t, ng)), "-")
			if piped != packed {
				t.Errorf("standard input, packed: %s", harness.Diff(piped, packed))
			}
			if a, b := findings(want), findings(piped); a != b {
				t.Errorf("standard input: %s", harness.Diff(a, b))
			}
		})
	}
}

// findings cuts the JSON lines of the findings out of all forms, without the name of the input.
func findings(all string) string {
	_, rest, _ := strings.Cut(all, "=== findings.jsonl\n")
	rest, _, _ = strings.Cut(rest, "\n=== ")
	var out []string
	for _, l := range strings.Split(rest, "\n") {
		if strings.HasPrefix(l, `{"type":"finding"`) {
			out = append(out, strings.ReplaceAll(l, `"file":"capture"`, `"file":"-"`))
		}
	}
	return strings.Join(out, "\n")
}

func asPcap(t *testing.T, fs []capture.Frame, i capture.Interface) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapfile.NewPcapWriter(&b, i.Link, i.SnapLen, true)
	if err != nil {
		t.Fatal(err)
	}
	for k := range fs {
		if err := w.WritePacket(fs[k].Time, fs[k].Data, max(fs[k].WireLen, uint32(len(fs[k].Data)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPcapNG(t *testing.T, fs []capture.Frame, i capture.Interface) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapfile.NewWriter(&b, pcapfile.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := w.AddInterface(pcapfile.Interface{Link: i.Link, SnapLen: i.SnapLen, Name: "eth0"})
	if err != nil {
		t.Fatal(err)
	}
	for k := range fs {
		f := &fs[k]
		if err := w.WritePacket(n, f.Time, f.Data, max(f.WireLen, uint32(len(f.Data))), pcapfile.PacketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zst(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(fmt.Errorf("zstd: %w", err))
	}
	return out.Bytes()
}
