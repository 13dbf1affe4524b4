package http

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/andybalholm/brotli"
)

// The window that the encoder was told is the one that is read, and a page is read whatever its window.
func TestWindowBits(t *testing.T) {
	for bits := 10; bits <= 24; bits++ {
		var b bytes.Buffer
		w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: 5, LGWin: bits})
		if _, err := w.Write(bytes.Repeat([]byte("a page "), 2000)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := windowBits(b.Bytes()); got != bits {
			t.Errorf("%d bits read as %d", bits, got)
		}
		x := &body{raw: b.Bytes(), coding: []byte("br")}
		if out, state := x.decode(); state != BodyWhole || !bytes.Equal(out, bytes.Repeat([]byte("a page "), 2000)) {
			t.Errorf("%d bits: %v", bits, state)
		}
	}
	if windowBits(nil) != 16 || windowBits([]byte{0x11}) != 0 {
		t.Error("empty or reserved")
	}
}

// fills is a few bytes of Brotli that ask for a window and fill it.
func fills(tb testing.TB, bits int) []byte {
	var b bytes.Buffer
	w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: 9, LGWin: bits})
	if _, err := w.Write(make([]byte, 2<<bits)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// A few bytes that ask for a large window and fill it cost no more memory than what is read of them.
func TestWindowIsNotFilled(t *testing.T) {
	in := fills(t, 22)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x := &body{raw: in, coding: []byte("br")}
	out, state := x.decode()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 || state != BodyBomb || len(out) > 0 {
		t.Errorf("%d bytes of Brotli: %d allocated, %v", len(in), n, state)
	}
}

func BenchmarkWindow(b *testing.B) {
	in := fills(b, 22)
	x := new(body)
	for b.Loop() {
		x.reset()
		x.coding = append(x.coding, "br"...)
		x.add(in)
		x.decode()
	}
}
