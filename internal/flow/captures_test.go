package flow

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// readCapture runs a capture through one table, aged each 1 024 packets. A damaged file counts as far as it goes. slow:
// no packet takes the quick path.
func readCapture(t testing.TB, path string, slow bool) []event.Event {
	t.Helper()
	src, err := capture.OpenFile(path, capture.FileOptions{})
	if err != nil {
		return nil
	}
	defer src.Close()
	tab := New(Options{})
	tab.slow = slow
	var out []event.Event
	var b packet.Batch
	var now packet.Time
	var ord uint64
	for {
		err := src.Next(&b)
		for i := range b.Packets {
			p := &b.Packets[i]
			packet.Decode(p, nil)
			ord++
			p.Ordinal = ord
			if ord == 1 || p.Time > now {
				now = p.Time
			}
			tab.Packet(p, &out)
		}
		b.Release()
		tab.Age(now, ord, &out)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			break
		}
	}
	tab.End(now, ord, &out)
	return out
}

// TestCaptures holds the rules of a flow's life against every capture at hand: those of the testbed, and the
// conformance suite where it is present. The quick path must change nothing.
func TestCaptures(t *testing.T) {
	shared := os.Getenv("FIRESTORM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	n := 0
	for _, root := range []string{filepath.Join("..", "..", "testdata", "captures"), filepath.Join(shared, "conformance")} {
		if _, err := os.Stat(root); err != nil {
			t.Logf("%s is not there: set FIRESTORM_SHARED", root)
			continue
		}
		if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(filepath.Ext(path), "pcap") {
				return err
			}
			evs := readCapture(t, path, false)
			checkLives(t, evs)
			if !reflect.DeepEqual(evs, readCapture(t, path, true)) {
				t.Errorf("%s: the quick path changes the events", path)
			}
			n++
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d captures", n)
}
