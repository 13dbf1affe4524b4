//go:build linux

package main

import (
	"strings"

	"github.com/rivo/uniseg"
)

// cells calls each for what stands in s: a style's sequence (0 cells), or one character as it is seen, with the cells that it
// takes on a terminal. It ends where each says so.
func cells(s string, each func(part string, wide int) bool) {
	state := -1
	for s != "" {
		if strings.HasPrefix(s, "\x1b[") {
			if i := strings.IndexByte(s, 'm'); i > 0 {
				if !each(s[:i+1], 0) {
					return
				}
				s, state = s[i+1:], -1
				continue
			}
		}
		var part string
		var wide int
		part, s, wide, state = uniseg.FirstGraphemeClusterInString(s, state)
		if !each(part, wide) {
			return
		}
	}
}

// widthOf is how many cells of a terminal s takes.
func widthOf(s string) (n int) {
	cells(s, func(_ string, wide int) bool { n += wide; return true })
	return n
}

// cut cuts s to so many cells, of which the last is an ellipsis where something is missing; styles stay.
func cut(s string, most int) string {
	if widthOf(s) <= most {
		return s
	}
	var b strings.Builder
	n, over := 0, false
	cells(s, func(part string, wide int) bool {
		switch {
		case wide == 0:
			b.WriteString(part)
		case over:
		case n+wide > most-1:
			if over = true; most > 0 {
				b.WriteString("…")
			}
		default:
			n += wide
			b.WriteString(part)
		}
		return true
	})
	return b.String()
}

// wrapped breaks s into lines of so many cells at most, between words where it can.
func wrapped(s string, most int) (lines []string) {
	for _, word := range strings.Fields(s) {
		last := len(lines) - 1
		if last >= 0 && widthOf(lines[last])+1+widthOf(word) <= most {
			lines[last] += " " + word
			continue
		}
		for widthOf(word) > most && most > 0 {
			n, at := 0, 0
			cells(word, func(part string, wide int) bool {
				if n+wide > most && at > 0 {
					return false
				}
				n, at = n+wide, at+len(part)
				return true
			})
			lines, word = append(lines, word[:at]), word[at:]
		}
		lines = append(lines, word)
	}
	return lines
}
