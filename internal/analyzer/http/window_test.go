package http

import (
	"bytes"
	"testing"

	"github.com/andybalholm/brotli"
)

// The window that the encoder was told is the one that is read, and a large one is not decoded.
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
		if _, state := x.decode(); (state == BodyBomb) != (bits > maxWindowBits) {
			t.Errorf("%d bits: %v", bits, state)
		}
	}
	if windowBits(nil) != 16 || windowBits([]byte{0x11}) != 0 {
		t.Error("empty or reserved")
	}
}
