package ruletraffic

import (
	"fmt"
	"strconv"
	"strings"
)

// Rule is a rule as written. Texts are as in the file but for the quotation marks and what these escape.
type Rule struct {
	Text          string
	Action, Proto string
	Src, Dst      string
	SrcPort       string
	DstPort       string
	Both          bool // <>
	Pair          bool // =>: about a request and its answer
	Options       []Option
	SID           int
}

// Option is one option of a rule.
type Option struct {
	Name, Value string
	Neg         bool // a ! before the value
}

// Has reports whether the rule has an option of that name.
func (r *Rule) Has(name string) bool { return r.first(name) != nil }

func (r *Rule) first(name string) *Option {
	for i := range r.Options {
		if r.Options[i].Name == name {
			return &r.Options[i]
		}
	}
	return nil
}

// index is the place of one of the rule's options.
func (r *Rule) index(o *Option) int {
	for i := range r.Options {
		if o == &r.Options[i] {
			return i
		}
	}
	return -1
}

// Without is the rule's text without the options of that name.
func (r *Rule) Without(name string) string {
	return rewrite(r.Text, func(o string) bool {
		n, _, _ := strings.Cut(o, ":")
		return strings.TrimSpace(n) != name
	})
}

// rewrite keeps the options of a rule's text that keep says.
func rewrite(text string, keep func(option string) bool) string {
	open := strings.IndexByte(text, '(')
	var b strings.Builder
	b.WriteString(text[:open+1])
	for _, o := range cutOptions(text[open+1 : strings.LastIndexByte(text, ')')]) {
		if keep(o) {
			b.WriteString(strings.TrimSpace(o) + "; ")
		}
	}
	return strings.TrimSpace(b.String()) + ")"
}

// cutOptions cuts at semicolons that no backslash stands before and that no quotation marks enclose.
func cutOptions(text string) []string {
	var out []string
	from, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				out = append(out, text[from:i])
				from = i + 1
			}
		}
	}
	if rest := strings.TrimSpace(text[from:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

// Read reads one rule.
func Read(line string) (*Rule, error) {
	line = strings.TrimSpace(line)
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return nil, fmt.Errorf("no options in parentheses")
	}
	h := headerWords(line[:open])
	if len(h) != 7 {
		return nil, fmt.Errorf("the header has %d words, not 7", len(h))
	}
	r := &Rule{Text: line, Action: h[0], Proto: h[1], Src: h[2], SrcPort: h[3], Dst: h[5], DstPort: h[6], Both: h[4] == "<>", Pair: h[4] == "=>"}
	for _, text := range cutOptions(line[open+1 : end]) {
		name, value, _ := strings.Cut(text, ":")
		o := Option{Name: strings.ToLower(strings.TrimSpace(name)), Value: strings.TrimSpace(value)}
		if v, ok := strings.CutPrefix(o.Value, "!"); ok {
			o.Neg, o.Value = true, strings.TrimSpace(v)
		}
		if n := len(o.Value); n > 1 && o.Value[0] == '"' && o.Value[n-1] == '"' {
			o.Value = o.Value[1 : n-1]
			if o.Name != "pcre" {
				o.Value = unescape(o.Value)
			}
		}
		r.Options = append(r.Options, o)
	}
	if o := r.first("sid"); o != nil {
		r.SID, _ = strconv.Atoi(o.Value)
	}
	return r, nil
}

// headerWords are the words before the options; a list in brackets is one word.
func headerWords(s string) []string {
	var out []string
	depth, from := 0, -1
	for i := 0; i <= len(s); i++ {
		blank := i == len(s) || s[i] == ' ' || s[i] == '\t'
		switch {
		case blank && depth == 0:
			if from >= 0 {
				out = append(out, s[from:i])
				from = -1
			}
			continue
		case i < len(s) && s[i] == '[':
			depth++
		case i < len(s) && s[i] == ']':
			depth--
		}
		if from < 0 {
			from = i
		}
	}
	return out
}

// unescape takes the backslash from before " ; : and itself.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`";:\`, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// patternOf turns a content's text into bytes.
func patternOf(text string) ([]byte, error) {
	var out []byte
	for i, piece := range strings.Split(text, "|") {
		if i%2 == 0 {
			out = append(out, piece...)
			continue
		}
		digits := strings.ReplaceAll(piece, " ", "")
		if len(digits)%2 != 0 {
			return nil, fmt.Errorf("half a byte in %q", piece)
		}
		for k := 0; k < len(digits); k += 2 {
			n, err := strconv.ParseUint(digits[k:k+2], 16, 8)
			if err != nil {
				return nil, fmt.Errorf("%q is not hexadecimal", piece)
			}
			out = append(out, byte(n))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("an empty content")
	}
	return out, nil
}
