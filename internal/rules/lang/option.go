package lang

import "strings"

// cutOption takes one option from the start of text, which begins with no blank, and its semicolon.
//
// The value of a quoted option ends at the first quote that a semicolon follows, so that quotes inside need no escape
// where Suricata wants none, and a semicolon between two quotes ends nothing.
func cutOption(text string) (o Option, rest string, f *fault) {
	n := 0
	for n < len(text) && isNameByte(text[n]) {
		n++
	}
	o.Name = lower(text[:n])
	rest = trimLeft(text[n:])
	switch {
	case rest == "":
		return o, "", faultf(o.Name, "the rule ends within the option; a ; is missing")
	case o.Name == "" && rest[0] == ';':
		return o, "", faultf("", "an option is empty: there is a ; too much")
	case rest[0] == ';' && o.Name != "":
		return o, rest[1:], nil
	case rest[0] == ')' && o.Name != "":
		return o, "", faultf(o.Name, "the ; after the option is missing")
	case rest[0] != ':' || o.Name == "":
		return o, "", faultf(o.Name, "%s stands where the name of an option, a : or a ; should", quote(rest))
	}
	o.Given = true
	rest = trimLeft(rest[1:])
	if rest != "" && rest[0] == '!' {
		o.Negated = true
		rest = trimLeft(rest[1:])
	}
	if rest != "" && rest[0] == '"' {
		o.Quoted = true
		if o.Value, rest, f = cutQuoted(o.Name, rest[1:]); f != nil {
			return o, "", f
		}
	} else {
		end, _ := semicolon(rest, 0)
		if end < 0 {
			return o, "", faultf(o.Name, "the ; after the option is missing")
		}
		o.Value, rest = trimRight(rest[:end]), rest[end+1:]
	}
	if strings.IndexByte(o.Value, '\\') < 0 && (!o.Quoted || strings.IndexByte(o.Value, '"') < 0) {
		return o, rest, nil
	}
	switch o.Name {
	case "pcre", "pcrexform":
		// A regular expression has escapes of its own, of which the language's are a part.
		return o, rest, nil
	case "content", "uricontent":
		if f := checkContent(&o); f != nil {
			return o, "", f
		}
	}
	o.Value = unescape(o.Value)
	return o, rest, nil
}

// cutQuoted takes a value up to its closing quote, and the semicolon after that. text begins behind the opening quote.
func cutQuoted(name, text string) (value, rest string, f *fault) {
	from, quotes := 0, 1
	for {
		end, inside := semicolon(text, from)
		if end < 0 {
			if (quotes+inside)%2 == 1 {
				return "", "", faultf(name, "the closing quote is missing")
			}
			return "", "", faultf(name, "the ; after the option is missing")
		}
		quotes += inside
		if v := trimRight(text[:end]); inside > 0 && v[len(v)-1] == '"' && !escaped(v, len(v)-1) {
			return v[:len(v)-1], text[end+1:], nil
		}
		if quotes%2 == 0 {
			return "", "", faultf(name, "text after the closing quote; a quote inside a value is written \\\"")
		}
		from = end + 1
	}
}

// semicolon finds the next semicolon that no backslash escapes, and counts such quotes on the way.
func semicolon(s string, from int) (at, quotes int) {
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			quotes++
		case ';':
			return i, quotes
		}
	}
	return -1, quotes
}

// escaped reports that an odd number of backslashes stands before s[i].
func escaped(s string, i int) bool {
	n := 0
	for i > n && s[i-n-1] == '\\' {
		n++
	}
	return n%2 == 1
}

// checkContent refuses what Suricata refuses in a content: another escape, or a bare quote.
func checkContent(o *Option) *fault {
	for i := 0; i < len(o.Value); i++ {
		switch o.Value[i] {
		case '"':
			return faultf(o.Name, "a quote inside a %s is written \\\" or |22|", o.Name)
		case '\\':
			i++
			if i == len(o.Value) || !escapable(o.Value[i]) {
				return faultf(o.Name, "only \" ; : and \\ are escaped with a backslash; write other bytes as |xx|")
			}
		}
	}
	return nil
}

// escapable reports the characters that a backslash stands before.
func escapable(c byte) bool { return c == '"' || c == ';' || c == ':' || c == '\\' }

// unescape undoes the escapes of the language; other backslashes stay.
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && escapable(s[i+1]) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}
