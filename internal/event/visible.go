package event

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxText is how many characters of one text are shown: a packet can carry a name of 64 KiB.
const maxText = 2000

// Visible makes hostile text safe to show on a terminal or in another program's window: control, invisible and
// reordering characters become \u{..}, bytes that are not UTF-8 become \xNN, and what is too long is cut with a note.
func Visible(s string) string {
	clean, n := true, 0
	for _, r := range s {
		n++
		if r == utf8.RuneError || Unprintable(r) {
			clean = false
		}
	}
	if clean && n <= maxText {
		return s
	}
	var b strings.Builder
	shown := 0
	for i := 0; i < len(s); {
		if shown == maxText {
			fmt.Fprintf(&b, "… (%d bytes more)", len(s)-i)
			break
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case Unprintable(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
		i += size
		shown++
	}
	return b.String()
}
