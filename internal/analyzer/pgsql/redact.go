package pgsql

import "strings"

// redact takes the passwords out of a statement as it is written down: the literal behind PASSWORD, as CREATE ROLE, ALTER ROLE
// and OPTIONS (…) have it. Rules see the statement as it came.
func redact(s string) string {
	const word = "password"
	if len(s) < len(word) {
		return s
	}
	var out strings.Builder
	from := 0
	for i := 0; i+len(word) < len(s); i++ {
		if c := s[i] | 0x20; c != 'p' || !strings.EqualFold(s[i:i+len(word)], word) || i > 0 && inWord(s[i-1]) {
			continue
		}
		k := i + len(word)
		for k < len(s) && (s[k] == ' ' || s[k] == '\t' || s[k] == '\n' || s[k] == '\r') {
			k++
		}
		end := literal(s[k:])
		if end == 0 {
			continue
		}
		out.WriteString(s[from:k])
		out.WriteString("'***'")
		from = k + end
		i = from - 1
	}
	if from == 0 {
		return s
	}
	out.WriteString(s[from:])
	return out.String()
}

func inWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80
}

// literal returns how long the string constant is with which s begins (PostgreSQL's documentation, "String Constants"): all of
// it where it does not end. 0: none does.
func literal(s string) int {
	i, escapes := 0, false
	if len(s) > 1 && s[0]|0x20 == 'e' && s[1] == '\'' {
		i, escapes = 1, true
	} else if len(s) > 2 && s[0]|0x20 == 'u' && s[1] == '&' && s[2] == '\'' {
		i = 2
	}
	if i >= len(s) {
		return 0
	}
	if s[i] == '$' {
		n := strings.IndexByte(s[1:], '$')
		if n < 0 || n > 64 {
			return 0
		}
		tag := s[:n+2]
		if end := strings.Index(s[len(tag):], tag); end >= 0 {
			return end + 2*len(tag)
		}
		return len(s)
	}
	if s[i] != '\'' {
		return 0
	}
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\' && escapes:
			i++
		case s[i] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
		case s[i] == '\'':
			return i + 1
		}
	}
	return len(s)
}
