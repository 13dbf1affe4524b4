package capture_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

// pcapOf makes a pcap of one-byte packets at the given microseconds.
func pcapOf(t testing.TB, micros ...int64) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := pcapfile.NewPcapWriter(&buf, packet.LinkEthernet, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, us := range micros {
		if err := w.WritePacket(packet.Time(us*1000), []byte{byte(i)}, 60); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// twoInterfaces makes a pcapng with two interfaces, drop counters and a section that repeats the first interface.
func twoInterfaces(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	section := func(names []string, at ...packet.Time) {
		w, err := pcapfile.NewWriter(&buf, pcapfile.WriterOptions{Comments: []string{"hello"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if _, err := w.AddInterface(pcapfile.Interface{Name: n, Description: "card", OS: "Linux", Filter: "tcp", Link: 1, SnapLen: 96}); err != nil {
				t.Fatal(err)
			}
		}
		for i, tm := range at {
			if err := w.WritePacket(i%len(names), tm, []byte{byte(i)}, 60, pcapfile.PacketOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteStatistics(0, pcapfile.Statistics{Received: 9, Dropped: 4, Known: true}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	section([]string{"eth0", "eth1"}, 1000, 2000, 3000)
	section([]string{"eth0"}, 4000)
	return buf.Bytes()
}

func write(t testing.TB, name string, b []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func mustOpen(t testing.TB, path string, o capture.FileOptions) capture.Source {
	t.Helper()
	s, err := capture.OpenFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestOpenErrors(t *testing.T) {
	gzText := func(s string) []byte {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return buf.Bytes()
	}
	for _, tc := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "the file is empty (0 bytes)"},
		{"text", []byte("1 0.0 10.0.0.1 -> 10.0.0.2 TCP\n"), "--format-in tshark-text"},
		{"gz of text", gzText("hello there\n"), "the gzip data holds no capture"},
		{"gz of nothing", gzText(""), "unpacks to nothing"},
		{"snoop", []byte("snoop\x00\x00\x00\x00\x00\x00\x02"), "snoop"},
		{"gz broken", []byte{0x1f, 0x8b, 1, 1, 1, 1}, "gzip header"},
		{"header cut", pcapOf(t)[:10], "damaged at byte 0: pcap file header needs 24 bytes"},
	} {
		s, err := capture.OpenFile(write(t, "x", tc.in), capture.FileOptions{})
		if err == nil || s != nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	dir := t.TempDir()
	if _, err := capture.OpenFile(dir, capture.FileOptions{}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Error(err)
	}
	if _, err := capture.OpenFile(filepath.Join(dir, "none"), capture.FileOptions{}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	if runtime.GOOS != "windows" && os.Geteuid() != 0 {
		p := write(t, "secret", pcapOf(t))
		if err := os.Chmod(p, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := capture.OpenFile(p, capture.FileOptions{}); !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
	}
	if _, err := capture.OpenFile(write(t, "f.gz", gzText("x")), capture.FileOptions{Follow: true}); err == nil || !strings.Contains(err.Error(), "cannot be followed") {
		t.Error(err)
	}
}

func TestInterfacesAndStats(t *testing.T) {
	path := write(t, "two.pcapng", twoInterfaces(t))
	var comments int
	s := mustOpen(t, path, capture.FileOptions{OnComment: func(pcapfile.Comment) { comments++ }})
	if got := capture.Interfaces(s); len(got) != 2 {
		t.Errorf("before the first packet: %v", got)
	}
	var b packet.Batch
	if err := s.Next(&b); err != nil {
		t.Fatal(err)
	}
	type row struct {
		source, vantage uint16
		frame           uint64
	}
	var rows []row
	for _, p := range b.Packets {
		rows = append(rows, row{p.Source, p.Vantage, p.Frame})
	}
	if d := cmp.Diff([]row{{0, 0, 1}, {1, 1, 2}, {0, 0, 3}, {2, 0, 4}}, rows, cmp.AllowUnexported(row{})); d != "" {
		t.Error(d)
	}
	b.Release()
	if err := s.Next(&b); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	in := func(n string, v uint16) capture.Interface {
		return capture.Interface{Name: path + "#" + n, Link: 1, SnapLen: 96, Hardware: "card, Linux", Filter: "tcp", Vantage: v}
	}
	if d := cmp.Diff([]capture.Interface{in("eth0", 0), in("eth1", 1), in("eth0", 0)}, capture.Interfaces(s)); d != "" {
		t.Error(d)
	}
	st := s.Stats()
	if st.Received != 4 || st.Bytes != 4 || st.KernelLost != 8 || !st.LossKnown || st.InputBytes != st.InputTotal || comments != 2 {
		t.Errorf("%+v, %d comments", st, comments)
	}

	s = mustOpen(t, path, capture.FileOptions{Vantage: func(i capture.Interface, n int) uint16 { return 7 }})
	for _, i := range capture.Interfaces(s) {
		if i.Vantage != 7 {
			t.Error(i)
		}
	}
	if got := capture.Interfaces(mustOpen(t, write(t, "a.pcap", pcapOf(t, 1)), capture.FileOptions{})); len(got) != 1 || !strings.HasSuffix(got[0].Name, "a.pcap") {
		t.Error(got)
	}
}

// TestDamageComesLast: packets first, then *Damaged once, then io.EOF.
func TestDamageComesLast(t *testing.T) {
	whole := pcapOf(t, 1, 2, 3)
	for _, tc := range []struct {
		name string
		in   []byte
		want string
	}{
		{"plain", whole[:len(whole)-1], "x: damaged at byte 58: record needs 17 bytes, only 16 are left"},
		{"gzip", func() []byte {
			var buf bytes.Buffer
			w := gzip.NewWriter(&buf)
			_, _ = w.Write(whole[:len(whole)-1])
			_ = w.Close()
			return buf.Bytes()
		}(), "(offset in the uncompressed gzip data)"},
	} {
		s, err := capture.OpenReader("x", bytes.NewReader(tc.in), capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b packet.Batch
		if err := s.Next(&b); err != nil || len(b.Packets) != 2 {
			t.Fatal(err, len(b.Packets))
		}
		b.Release()
		err = s.Next(&b)
		var d *capture.Damaged
		if !errors.As(err, &d) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		for range 2 {
			if err := s.Next(&b); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		}
		s.Close()
	}
}

func TestPoison(t *testing.T) {
	s := mustOpen(t, write(t, "a", pcapOf(t, 1, 2)), capture.FileOptions{Poison: true})
	var b packet.Batch
	if err := s.Next(&b); err != nil {
		t.Fatal(err)
	}
	kept := b.Packets[1].Data
	if kept[0] != 1 {
		t.Fatal("wrong byte")
	}
	b.Release()
	if kept[0] != 0xdb {
		t.Error("a kept byte survives Release")
	}
	b.Release() // a second one does nothing
}

// TestLateRelease keeps many batches before releasing any: none may overwrite another.
func TestLateRelease(t *testing.T) {
	var buf bytes.Buffer
	w, err := pcapfile.NewPcapWriter(&buf, 1, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	const n = 5000
	for i := range n {
		if err := w.WritePacket(packet.Time(i)*1000, bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 500), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	s, err := capture.OpenReader("x", &buf, capture.FileOptions{Poison: true})
	if err != nil {
		t.Fatal(err)
	}
	var batches []*packet.Batch
	for {
		b := new(packet.Batch)
		if err := s.Next(b); err != nil {
			break
		}
		batches = append(batches, b)
	}
	s.Close()
	i := 0
	for _, b := range batches {
		for _, p := range b.Packets {
			if !bytes.Equal(p.Data, bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 500)) {
				t.Fatalf("packet %d was overwritten", i)
			}
			i++
		}
		b.Release()
	}
	if i != n {
		t.Errorf("%d packets", i)
	}
}

// TestNoAllocationPerPacket reads 100 batches with one slab.
func TestNoAllocationPerPacket(t *testing.T) {
	var us []int64
	for i := range int64(100 * packet.BatchSize) {
		us = append(us, i)
	}
	path := write(t, "many", pcapOf(t, us...))
	var b packet.Batch
	allocs := testing.AllocsPerRun(3, func() {
		s, err := capture.OpenFile(path, capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for s.Next(&b) == nil {
			b.Release()
		}
		s.Close()
	})
	if allocs > 60 {
		t.Errorf("%v allocations for %d packets", allocs, len(us))
	}
}
