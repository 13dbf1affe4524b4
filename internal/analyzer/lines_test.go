package analyzer

import (
	"slices"
	"strings"
	"testing"
)

// cutLines feeds text in pieces of the size and returns what came out; "~" marks a line that was cut.
func cutLines(text string, size, most int) (out []string) {
	var l Lines
	for b := []byte(text); len(b) > 0; {
		n := min(size, len(b))
		for piece := b[:n]; ; {
			line, rest, cut, ok := l.Next(piece, most)
			if !ok {
				break
			}
			s := string(line)
			if cut {
				s += "~"
			}
			out = append(out, s)
			piece = rest
		}
		b = b[n:]
	}
	return out
}

func TestLines(t *testing.T) {
	text := "one\r\n\r\n\ntwo\nthree\rfour\r\n12345678\r\n123456789\r\n\r\r\nnot finished"
	want := []string{"one", "", "", "two", "three\rfo~", "12345678", "12345678~", "\r"}
	for size := 1; size <= len(text); size++ {
		if got := cutLines(text, size, 8); !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

func TestLinesAfterGap(t *testing.T) {
	var l Lines
	if !l.BeginsTLS([]byte{22}) || l.BeginsTLS([]byte("EHLO")) {
		t.Error("a record of TLS and a line are not told apart")
	}
	if _, _, _, ok := l.Next([]byte("half a li"), 80); ok || !l.Begun() {
		t.Error("a line without its end")
	}
	if l.BeginsTLS([]byte{22}) {
		t.Error("TLS in the middle of a line")
	}
	l.Gap()
	line, rest, _, ok := l.Next([]byte("tail of another\nwhole\nmore"), 80)
	if !ok || string(line) != "whole" || string(rest) != "more" {
		t.Errorf("%q %q %v", line, rest, ok)
	}
	l.Next([]byte("secret"), 80)
	l.Reset()
	if l.Begun() || strings.Contains(string(l.buf[:cap(l.buf)]), "secret") {
		t.Error("Reset leaves the line behind")
	}
}
