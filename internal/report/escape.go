package report

import (
	"strings"

	"firestorm/internal/event"
)

// Visible makes hostile text safe for a terminal, and is the first step for every other medium. See event.Visible.
func Visible(s string) string { return event.Visible(s) }

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
