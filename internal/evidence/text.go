package evidence

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"firestorm/internal/packet"
)

// telling finds what may name a host or a person in a sentence: MAC and IP addresses, mail addresses, domain names,
// and whatever stands in quotes. What a sentence cites from packets is quoted, or a name that Redactor was told of.
var telling = regexp.MustCompile(`(?i)"[^"]*"|“[^”]*”|‘[^’]*’|` +
	`\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b|\b[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}\b|` +
	`[0-9a-f]*:[0-9a-f:]*:[0-9a-f.:]*[0-9a-f]|[0-9a-f]*:[0-9a-f:]*:|` +
	`[\pL\pN_.+-]+@[\pL\pN_.-]+|[\pL\pN_-]+(?:\.[\pL\pN_-]+)+`)

// Text returns s with all addresses and names replaced by what stands for them.
func (r *Redactor) Text(s string) string {
	s = telling.ReplaceAllStringFunc(s, r.word)
	for _, n := range r.names {
		s = replaceWord(s, n, r.Map.Name(n))
	}
	return s
}

// word maps one thing that telling found.
func (r *Redactor) word(s string) string {
	if b, ok := macBytes(s); ok {
		return r.Map.MAC(b).String()
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return r.Map.Addr(packet.FromNetip(a)).String()
	}
	for _, p := range []string{`"`, "“", "‘"} {
		if strings.HasPrefix(s, p) {
			return `"` + r.Map.Name(strings.Trim(s, `"“”‘’`)) + `"`
		}
	}
	if strings.Contains(s, "@") || domain(s) {
		return r.Map.Name(s)
	}
	return s // a time of day, a number, a version
}

// domain reports that the last label of s is a word, as that of every domain is.
func domain(s string) bool {
	label := s[strings.LastIndexByte(s, '.')+1:]
	return len(label) > 1 && len(label) < len(s) && !strings.Contains(s, ":") &&
		(strings.HasPrefix(strings.ToLower(label), "xn--") || !strings.ContainsFunc(label, func(c rune) bool { return !unicode.IsLetter(c) }))
}

// macBytes reads six bytes written with colons, hyphens or in Cisco's groups of four digits.
func macBytes(s string) (m packet.MAC, ok bool) {
	b, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "", ".", "").Replace(s))
	if err != nil || len(b) != 6 || len(s) != 17 && (len(s) != 14 || strings.Contains(s, ":")) {
		return m, false
	}
	return packet.MAC(b), true
}

// replaceWord replaces old where it stands alone, in any case.
func replaceWord(s, old, by string) string {
	low, find := strings.ToLower(s), strings.ToLower(old)
	if len(low) != len(s) || find == "" { // lower case of another length: no places to compare
		return strings.ReplaceAll(s, old, by)
	}
	var b strings.Builder
	for at := 0; ; {
		i := strings.Index(low[at:], find)
		if i < 0 {
			b.WriteString(s[at:])
			return b.String()
		}
		i += at
		end := i + len(find)
		b.WriteString(s[at:i])
		if i > 0 && wordByte(s[i-1]) || end < len(s) && wordByte(s[end]) {
			b.WriteString(s[i:end])
		} else {
			b.WriteString(by)
		}
		at = end
	}
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// Know adds names that Text must replace wherever they stand: those of hosts, seen in the capture.
func (r *Redactor) Know(names ...string) {
	for _, n := range names {
		if n = strings.TrimSpace(n); len(n) > 1 && !slices.Contains(r.names, n) {
			r.names = append(r.names, n)
		}
	}
	slices.SortFunc(r.names, func(a, b string) int { // longest first: "pc" must not tear "pc.example" apart
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
}
