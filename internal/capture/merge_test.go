package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"

	"github.com/google/go-cmp/cmp"
)

// rowsOf prints time:source/vantage#frame of every packet.
func rowsOf(t *testing.T, s capture.Source) (rows []string, end error) {
	t.Helper()
	var b packet.Batch
	for {
		err := s.Next(&b)
		for _, p := range b.Packets {
			rows = append(rows, fmt.Sprintf("%d:%d/%d#%d", p.Time/1000, p.Source, p.Vantage, p.Frame))
		}
		b.Release()
		if err != nil {
			return rows, err
		}
	}
}

func TestMerge(t *testing.T) {
	a := mustOpen(t, write(t, "a", pcapOf(t, 1, 5, 5, 9)), capture.FileOptions{Poison: true})
	two := mustOpen(t, write(t, "two", twoInterfaces(t)), capture.FileOptions{Poison: true}) // 1, 2, 3, 4 µs
	c := mustOpen(t, write(t, "c", pcapOf(t, 5, 2, 10)), capture.FileOptions{Poison: true})
	m := capture.Merge(a, two, c)
	names := func() (n int) { return len(capture.Interfaces(m)) }
	if names() != 4 {
		t.Errorf("%d interfaces known before the start", names())
	}
	rows, err := rowsOf(t, m)
	want := []string{"1:0/0#1", "1:1/1#1", "2:2/2#2", "3:1/1#3", "4:4/1#4", "5:0/0#2", "5:0/0#3", "5:3/3#1", "2:3/3#2", "9:0/0#4", "10:3/3#3"}
	if d := cmp.Diff(want, rows); d != "" || !errors.Is(err, io.EOF) {
		t.Error(err, d)
	}
	if st := m.Stats(); st.Received != 11 || st.KernelLost != 8 || st.LossKnown || st.InputTotal == 0 || names() != 5 {
		t.Errorf("%+v, %d interfaces", st, names())
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestMergeHoldsBytes merges large files and checks bytes against the releases of many batches.
func TestMergeHoldsBytes(t *testing.T) {
	make1 := func(id byte, step int) []capture.Frame {
		var fs []capture.Frame
		for i := range 4000 {
			fs = append(fs, capture.Frame{Data: bytes.Repeat([]byte{id, byte(i), byte(i >> 8)}, 100), Time: packet.Time(i * step), Link: 1})
		}
		return fs
	}
	a, b := capture.NewMemory(make1(1, 3)), capture.NewMemory(make1(2, 5))
	a.Poison, b.Poison, b.Chunk = true, true, 7
	m := capture.Merge(a, b)
	var batches []*packet.Batch
	for {
		o := new(packet.Batch)
		if err := m.Next(o); err != nil {
			break
		}
		batches = append(batches, o)
	}
	n, last := 0, packet.Time(0)
	for _, o := range batches {
		for _, p := range o.Packets {
			i := p.Frame - 1
			if !bytes.Equal(p.Data, bytes.Repeat([]byte{byte(p.Source + 1), byte(i), byte(i >> 8)}, 100)) || p.Time < last {
				t.Fatalf("packet %d: source %d frame %d", n, p.Source, p.Frame)
			}
			last = p.Time
			n++
		}
	}
	for _, o := range batches {
		kept := o.Packets[0].Data
		o.Release()
		_ = kept
	}
	if n != 8000 {
		t.Errorf("%d packets", n)
	}
}

func TestMergeDamage(t *testing.T) {
	whole := pcapOf(t, 1, 3, 5)
	bad := mustOpen(t, write(t, "bad", whole[:len(whole)-1]), capture.FileOptions{})
	good := mustOpen(t, write(t, "good", pcapOf(t, 2, 4, 6)), capture.FileOptions{})
	m := capture.Merge(bad, good)
	rows, err := rowsOf(t, m)
	var d *capture.Damaged
	if len(rows) != 5 || !errors.As(err, &d) {
		t.Error(rows, err)
	}
	if err := m.Next(new(packet.Batch)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestFiltered(t *testing.T) {
	var fs []capture.Frame
	for i := range 3000 {
		fs = append(fs, capture.Frame{Data: []byte{byte(i), byte(i >> 8)}, Time: packet.Time(i), Link: 1})
	}
	mem := capture.NewMemory(fs)
	mem.Poison = true
	s := capture.Filtered(mem, func(d []byte, l packet.LinkType) bool { return l == 1 && int(d[0])|int(d[1])<<8 >= 2500 && d[0]%2 == 0 })
	out, err := capture.ReadAll(s)
	if err != nil || len(out) != 250 {
		t.Fatal(len(out), err)
	}
	for _, f := range out {
		if int(f.Data[0])|int(f.Data[1])<<8 != int(f.Number-1) || f.Number <= 2500 || f.Number%2 == 0 {
			t.Fatalf("frame %d has bytes % x", f.Number, f.Data)
		}
	}
	if st := s.Stats(); st.Received != 250 || st.Filtered != 2750 || st.Bytes != 500 {
		t.Errorf("%+v", st)
	}
}

// faultFrames are frames 1 to n, one second apart, whose first byte is the number.
func faultFrames(n int) (fs []capture.Frame) {
	for i := 1; i <= n; i++ {
		fs = append(fs, capture.Frame{Data: []byte{byte(i), 0, 0, 0}, Time: packet.Time(i) * packet.Time(time.Second), Link: 1})
	}
	return fs
}

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault func() capture.Fault
		want  string // number@second
	}{
		{"drop", func() capture.Fault { return capture.DropEvery(3) }, "1@1 2@2 4@4 5@5 7@7"},
		{"where", func() capture.Fault {
			return capture.DropWhere(func(f *capture.Frame) bool { return f.Data[0] < 6 })
		}, "6@6 7@7"},
		{"duplicate", func() capture.Fault { return capture.Duplicate(4, time.Second) }, "1@1 2@2 3@3 4@4 4@5 5@5 6@6 7@7"},
		{"delay", func() capture.Fault { return capture.Delay(3, 2*time.Second) }, "1@1 2@2 4@4 3@5 5@5 7@7 6@8"},
		{"reorder", func() capture.Fault { return capture.Reorder(3, 2) }, "1@1 2@2 4@4 5@5 3@5 7@7 6@6"},
	} {
		show := func(fs []capture.Frame) string {
			var s string
			for i, f := range fs {
				if f.Number != uint64(i+1) {
					t.Errorf("%s: frame %d has number %d", tc.name, i+1, f.Number)
				}
				s += fmt.Sprintf(" %d@%d", f.Data[0], f.Time/packet.Time(time.Second))
			}
			return s[1:]
		}
		if got := show(capture.Apply(faultFrames(7), tc.fault())); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		mem := capture.NewMemory(faultFrames(7))
		mem.Poison, mem.Chunk = true, 2
		fs, err := capture.ReadAll(capture.WithFaults(mem, tc.fault()))
		if got := show(fs); got != tc.want || err != nil {
			t.Errorf("%s as a source: %s, want %s (%v)", tc.name, got, tc.want, err)
		}
	}
	in := faultFrames(50)
	flipped := 0
	for i, f := range capture.Apply(in, capture.Corrupt(7, 5, 1), capture.Truncate(3)) {
		if len(f.Data) != 3 || f.WireLen != 4 {
			t.Fatalf("%+v", f)
		}
		if !bytes.Equal(f.Data, in[i].Data[:3]) {
			flipped++
		}
	}
	if flipped < 5 || flipped > 10 || !cmp.Equal(in, faultFrames(50)) {
		t.Errorf("%d of 50 frames changed", flipped)
	}
	if a, b := capture.Apply(in, capture.Corrupt(7, 5, 3)), capture.Apply(in, capture.Corrupt(7, 5, 3)); !cmp.Equal(a, b) {
		t.Error("the same seed gives other bits")
	}
}

func TestFromHost(t *testing.T) {
	ip := make([]byte, 28)
	ip[0], ip[3], ip[8], ip[9] = 0x45, 28, 64, packet.ProtoUDP
	copy(ip[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
	back := bytes.Clone(ip)
	copy(back[12:], []byte{192, 0, 2, 2, 192, 0, 2, 1})
	fs := []capture.Frame{{Data: ip, Link: packet.LinkRaw}, {Data: back, Link: packet.LinkRaw}, {Data: []byte{0}, Link: packet.LinkRaw}}
	out := capture.Apply(fs, capture.DropWhere(capture.FromHost(packet.MustAddr("192.0.2.2"))))
	if len(out) != 2 || !bytes.Equal(out[0].Data, ip) {
		t.Errorf("%d frames left", len(out))
	}
}
