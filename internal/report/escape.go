package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"firestorm/internal/event"
)

// maxText is how many characters of one text are shown: a packet can carry a name of 64 KiB.
const maxText = 2000

// Visible makes hostile text safe for a terminal, and is the first step for every other medium: control, invisible
// and reordering characters become \u{..}, bytes that are not UTF-8 become \xNN, and what is too long is cut with a note.
func Visible(s string) string {
	clean, n := true, 0
	for _, r := range s {
		n++
		if r == utf8.RuneError || event.Unprintable(r) {
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
		case event.Unprintable(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
		i += size
		shown++
	}
	return b.String()
}

// Markdown makes hostile text inert in GitHub-flavoured Markdown, wherever in a line it stands: no markup, no HTML, no
// links, no mentions, no table cells.
func Markdown(s string) string {
	s = Visible(s)
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '#', '$', '{', '}', '!':
			b.WriteByte('\\')
		case '&':
			b.WriteString("&amp;")
			continue
		case '@':
			b.WriteString("&#64;") // neither a mention nor an address to link
			continue
		case '-', '+', '=':
			if i == 0 {
				b.WriteByte('\\')
			}
		case ':':
			if strings.HasPrefix(s[i:], "://") {
				b.WriteByte('\\')
			}
		case '.', ')':
			rest := s[i+1:] // "1. " would begin a list
			if digits(s[:i]) && (rest == "" || rest[0] == ' ') || strings.HasSuffix(strings.ToLower(s[:i]), "www") {
				b.WriteByte('\\')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// markdownCode writes s as a code span whose fence is longer than any run of back-ticks inside.
func markdownCode(s string) string {
	s = Visible(s)
	longest, run := 0, 0
	for _, r := range s {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence, pad := strings.Repeat("`", longest+1), ""
	if longest > 0 || s == "" || s[0] == ' ' {
		pad = " "
	}
	return fence + pad + s + pad + fence
}
