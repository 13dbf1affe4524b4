package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"firestorm/internal/packet"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// manyPackets has packets of all sizes, some larger than a block, with content that depends on place.
func manyPackets(t testing.TB, ng bool, n int) (file []byte, packets [][]byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	var buf bytes.Buffer
	pw, err := NewPcapWriter(&buf, 1, 1<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	write := func(i int, d []byte) error { return pw.WritePacket(packet.Time(i), d, uint32(len(d))) }
	flush := pw.Flush
	if ng {
		buf.Reset()
		w, err := NewWriter(&buf, WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.AddInterface(Interface{Link: 1}); err != nil {
			t.Fatal(err)
		}
		write = func(i int, d []byte) error {
			return w.WritePacket(0, packet.Time(i), d, uint32(len(d)), PacketOptions{})
		}
		flush = w.Flush
	}
	for i := range n {
		size := r.IntN(1600)
		switch r.IntN(40) {
		case 0:
			size = r.IntN(70_000)
		case 1:
			size = 0
		case 2:
			size = 200_000 + r.IntN(MaxPacket-200_000)
		}
		d := make([]byte, size)
		for j := range d {
			d[j] = byte(i*7 + j)
		}
		packets = append(packets, d)
		if err := write(i, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), packets
}

// TestBlockEdges reads with readers that give whole blocks, single bytes, or anything between, holding every
// block until the end or none.
func TestBlockEdges(t *testing.T) {
	for _, ng := range []bool{false, true} {
		file, want := manyPackets(t, ng, 700)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r },
			"odd":   func(r io.Reader) io.Reader { return &oddReader{r, rand.New(rand.NewPCG(5, 6))} },
			"half":  iotest.HalfReader,
			"eof":   iotest.DataErrReader,
		} {
			for _, hold := range []bool{false, true} {
				pool := &Pool{Poison: true}
				r := NewReader(wrap(bytes.NewReader(file)), Options{Pool: pool})
				var rec Record
				var kept [][]byte
				var blocks []*Block
				for {
					err := r.Next(&rec)
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatal(name, err)
					}
					if hold {
						r.Block().Hold()
						blocks = append(blocks, r.Block())
						kept = append(kept, rec.Data)
					} else {
						kept = append(kept, bytes.Clone(rec.Data))
					}
				}
				r.Close()
				if len(kept) != len(want) {
					t.Fatalf("%s: %d packets, want %d", name, len(kept), len(want))
				}
				for i := range kept {
					if !bytes.Equal(kept[i], want[i]) {
						t.Fatalf("ng %v, %s, hold %v: packet %d differs", ng, name, hold, i)
					}
				}
				for _, b := range blocks {
					b.Release()
				}
				if pool.Out() != 0 {
					t.Errorf("%s, hold %v: %d blocks are lost", name, hold, pool.Out())
				}
				if hold && len(want[5]) > 0 && bytes.Equal(kept[5], want[5]) {
					t.Error("released blocks are not poisoned")
				}
			}
		}
	}
}

type oddReader struct {
	src io.Reader
	r   *rand.Rand
}

func (o *oddReader) Read(p []byte) (int, error) {
	return o.src.Read(p[:1+o.r.IntN(min(len(p), 5000))])
}

// TestLyingLength: a length field alone must not take memory.
func TestLyingLength(t *testing.T) {
	g := littleNG().shb()
	g.b = append(g.b, g.u(99, uint32(MaxBlock-4), "and no more")...)
	r := NewReader(bytes.NewReader(g.b), Options{})
	defer r.Close()
	_, err := readAll(t, r)
	if err == nil || len(r.w.cur.buf) > 2*growStep {
		t.Errorf("%v, block of %d bytes", err, len(r.w.cur.buf))
	}
}

func TestLargestBlock(t *testing.T) {
	g := littleNG().shb().idb(1, 0)
	g.block(0x77, make([]byte, MaxBlock-12)).epb(0, 1e6, "after")
	r := NewReader(bytes.NewReader(g.b), Options{})
	defer r.Close()
	if out, err := readAll(t, r); len(out) != 1 || err != nil {
		t.Error(len(out), err)
	}
	if len(r.w.cur.buf) > BlockSize {
		t.Errorf("the large block of %d bytes stays in use", len(r.w.cur.buf))
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	for _, ng := range []bool{false, true} {
		var buf bytes.Buffer
		const n = 20_000
		d := make([]byte, 400)
		if ng {
			w, _ := NewWriter(&buf, WriterOptions{})
			_, _ = w.AddInterface(Interface{Link: 1})
			for i := range n {
				if err := w.WritePacket(0, packet.Time(i), d, 400, PacketOptions{Comments: []string{"c"}, Flags: 1}); err != nil {
					t.Fatal(err)
				}
			}
			_ = w.Flush()
		} else {
			w, _ := NewPcapWriter(&buf, 1, 0, false)
			for i := range n {
				if err := w.WritePacket(packet.Time(i), d, 400); err != nil {
					t.Fatal(err)
				}
			}
			_ = w.Flush()
		}
		src := bytes.NewReader(buf.Bytes())
		allocs := testing.AllocsPerRun(3, func() {
			src.Reset(buf.Bytes())
			r := NewReader(src, Options{})
			var rec Record
			for r.Next(&rec) == nil {
			}
			r.Close()
		})
		if allocs > 20 {
			t.Errorf("ng %v: %v allocations for %d packets", ng, allocs, n)
		}
	}
}

func gz(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(b)
	_ = w.Close()
	return buf.Bytes()
}

func zs(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func TestCompressed(t *testing.T) {
	le := binary.AppendByteOrder(binary.LittleEndian)
	file := pcapBytes(le, 0xa1b2c3d4, 2, 4, 99, 1, 0, [5]any{1, 0, 3, 3, "abc"}, [5]any{2, 0, 3, 3, "def"})
	skippable := append(le.AppendUint32(le.AppendUint32(nil, 0x184d2a53), 4), "skip"...)
	cat := func(bs ...[]byte) []byte { return bytes.Join(bs, nil) }
	for _, tc := range []struct {
		name    string
		in      []byte
		kind    Compression
		packets int
		damaged bool
	}{
		{"plain", file, Plain, 2, false},
		{"gzip", gz(file), Gzip, 2, false},
		{"gzip members", cat(gz(file[:50]), gz(file[50:])), Gzip, 2, false},
		{"gzip cut", cat(gz(file))[:len(gz(file))-6], Gzip, 2, true},
		{"gzip, garbage behind", cat(gz(file), []byte("garbage garbage")), Gzip, 2, true},
		{"zstd", zs(file), Zstd, 2, false},
		{"zstd frames", cat(zs(file[:50]), skippable, zs(file[50:])), Zstd, 2, false},
		{"zstd, skippable first", cat(skippable, zs(file)), Zstd, 2, false},
		{"zstd cut", zs(file)[:len(zs(file))-3], Zstd, 0, true},
	} {
		plain, kind, err := Decompress(bytes.NewReader(tc.in))
		if err != nil || kind != tc.kind {
			t.Errorf("%s: %v, %v", tc.name, kind, err)
			continue
		}
		r := NewReader(plain, Options{})
		out, err := readAll(t, r)
		var e *Error
		if errors.As(err, &e) != tc.damaged || len(out) != tc.packets && !(tc.damaged && tc.kind == Zstd) {
			t.Errorf("%s: %d packets, %v", tc.name, len(out), err)
		}
		r.Close()
		if err := plain.Close(); err != nil {
			t.Error(err)
		}
	}
	// A decoder's error that wraps io.EOF is damage all the same.
	odd := &packed{Reader: io.MultiReader(bytes.NewReader(file), iotest.ErrReader(fmt.Errorf("member: %w", io.EOF))), kind: Gzip}
	r := NewReader(odd, Options{})
	var e *Error
	if out, err := readAll(t, r); len(out) != 2 || !errors.As(err, &e) || e.Offset != int64(len(file)) {
		t.Errorf("%d packets, %v", len(out), err)
	}
	r.Close()
	if _, _, err := Decompress(bytes.NewReader([]byte{0x1f, 0x8b, 0, 0})); err == nil {
		t.Error("a broken gzip header was taken")
	}
}

// TestFollowGrowing appends to a file in pieces that cut records.
func TestFollowGrowing(t *testing.T) {
	file, want := manyPackets(t, true, 60)
	path := filepath.Join(t.TempDir(), "grow")
	w, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := NewReader(f, Options{Follow: true})
	defer r.Close()
	var rec Record
	n := 0
	for at := 0; ; {
		err := r.Next(&rec)
		if err == nil {
			if !bytes.Equal(rec.Data, want[n]) {
				t.Fatalf("packet %d differs", n)
			}
			n++
			continue
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if at == len(file) {
			break
		}
		next := min(at+7777, len(file))
		if _, err := w.Write(file[at:next]); err != nil {
			t.Fatal(err)
		}
		at = next
	}
	if n != len(want) {
		t.Errorf("%d packets, want %d", n, len(want))
	}
}
