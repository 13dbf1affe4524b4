package lang

import (
	"fmt"
	"io"
	"strings"
)

// MaxRule is the longest rule in bytes, its continuation lines included. Longer ones are refused: what is not a rule file
// should not be kept in memory as one.
const MaxRule = 64 << 10

// Parse reads a rule file: one rule a line, continued where a line ends in a backslash. Blank lines and lines that begin
// with "#" or ";" are comments, and so a rule that is switched off is one. A broken rule is a Problem and the others load.
// The error is that of r; what was read until then is returned beside it. The rules share the memory of the file's text.
func Parse(name string, r io.Reader) ([]*Rule, []Problem, error) {
	text, err := readText(name, r)
	p := newRules(len(text))
	var problems []Problem
	lines := newLines(text)
	var rules []*Rule
	for lines.next() {
		at := Place{File: name, Line: lines.first}
		if lines.tooLong {
			problems = append(problems, Problem{Place: at,
				Reason: fmt.Sprintf("the rule is longer than %d bytes", MaxRule)})
			continue
		}
		rule, bad := p.rule(lines.text, at)
		if bad != nil {
			problems = append(problems, *bad)
			continue
		}
		rules = append(rules, rule)
	}
	return rules, problems, err
}

// lines cuts a text into logical lines: comments left out, continued lines joined.
type lines struct {
	rest    string
	at      int // number of the last line read
	text    string
	first   int  // number of the first line of text
	tooLong bool // text is longer than MaxRule and cut
}

func newLines(text string) lines { return lines{rest: text} }

// line takes the next physical line without its end and the blanks before that.
func (l *lines) line() (string, bool) {
	if l.rest == "" {
		return "", false
	}
	l.at++
	line, rest, _ := strings.Cut(l.rest, "\n")
	l.rest = rest
	return strings.TrimRight(line, " \t\r\f\v"), true
}

// next moves to the next logical line that is neither blank nor a comment.
func (l *lines) next() bool {
	for {
		line, ok := l.line()
		if !ok {
			return false
		}
		first := l.at
		trimmed := strings.TrimLeft(line, " \t\f\v")
		if trimmed == "" {
			continue
		}
		if trimmed[0] == '#' || trimmed[0] == ';' {
			l.comment(trimmed)
			continue
		}
		l.first, l.tooLong = first, false
		l.text = l.join(trimmed)
		return true
	}
}

// join appends continuation lines: the backslash and the line's end vanish, the next line's blanks stay.
func (l *lines) join(text string) string {
	if !continued(text) {
		l.tooLong = len(text) > MaxRule
		return text
	}
	var b strings.Builder
	for ok := true; ok; {
		more := continued(text)
		if more {
			text = text[:len(text)-1]
		}
		if b.Len()+len(text) > MaxRule {
			l.tooLong = true // the rest of the rule is still read, to be no rule of its own
		} else {
			b.WriteString(text)
		}
		if !more {
			break
		}
		text, ok = l.line()
	}
	return b.String()
}

func continued(line string) bool { return strings.HasSuffix(line, `\`) }

// comment passes over the continuation of a comment. Only indented lines count as such: a comment that happens to end in
// a backslash must not hide the rule after it.
func (l *lines) comment(line string) {
	for continued(line) && l.rest != "" && (l.rest[0] == ' ' || l.rest[0] == '\t') {
		line, _ = l.line()
	}
}
