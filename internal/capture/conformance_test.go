package capture_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"

	"github.com/gopacket/gopacket/pcapgo"
)

// conformanceFiles lists the captures of the shared conformance suite; it skips the test when there is none.
func conformanceFiles(t testing.TB) []string {
	t.Helper()
	root := os.Getenv("FIRESTORM_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	var files []string
	_ = filepath.WalkDir(filepath.Join(root, "conformance"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(p, ".pcap") || strings.HasSuffix(p, ".pcapng")) {
			files = append(files, p)
		}
		return nil
	})
	if len(files) == 0 {
		t.Skip("no captures under FIRESTORM_SHARED/conformance: set FIRESTORM_SHARED to the shared folder")
	}
	return files
}

// frame is what two readers must agree on.
type frame struct {
	time     packet.Time
	cap, len int
}

func readAll(t testing.TB, src capture.Source) (out []frame, err error) {
	t.Helper()
	var b packet.Batch
	for {
		err := src.Next(&b)
		for i := range b.Packets {
			p := &b.Packets[i]
			out = append(out, frame{p.Time, len(p.Data), int(p.WireLen)})
			if p.Frame != uint64(len(out)) {
				t.Fatalf("frame number %d at position %d", p.Frame, len(out))
			}
		}
		b.Release()
		if err != nil {
			return out, err
		}
	}
}

// TestAgreesWithPcapgo compares count, lengths and times of every conformance capture with another reader.
func TestAgreesWithPcapgo(t *testing.T) {
	total := 0
	for _, path := range conformanceFiles(t) {
		src, err := capture.OpenFile(path, capture.FileOptions{Poison: true})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		got, end := readAll(t, src)
		src.Close()
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := pcapgo.NewReader(f)
		if err != nil {
			t.Logf("pcapgo cannot open %s: %v", path, err)
			f.Close()
			continue
		}
		var want []frame
		var wantErr error
		for {
			data, ci, err := r.ReadPacketData()
			if err != nil {
				wantErr = err
				break
			}
			want = append(want, frame{packet.Time(ci.Timestamp.UnixNano()), len(data), ci.Length})
		}
		f.Close()
		if len(got) != len(want) {
			t.Errorf("%s: %d frames, pcapgo %d (%v; pcapgo %v)", path, len(got), len(want), end, wantErr)
			continue
		}
		if errors.Is(end, io.EOF) != errors.Is(wantErr, io.EOF) {
			t.Logf("%s: ends with %v, pcapgo %v", path, end, wantErr)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: frame %d is %v, pcapgo %v", path, i+1, got[i], want[i])
				break
			}
		}
		total += len(got)
	}
	t.Logf("%d frames compared", total)
}
