package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// maxCodes is how many codes of findings a line names; JSON has all.
const maxCodes = 6

// Write prints checks for a person: the worst first, each with what was measured, why it matters and what puts it right.
// With all, the reason stands beside what is good too. printable makes text from outside harmless.
func Write(w io.Writer, cs []Check, all bool, printable func(string) string) error {
	for i := range cs {
		c := &cs[i]
		name := c.Name
		if c.Subject != "" {
			name += " " + c.Subject
		}
		if _, err := fmt.Fprintf(w, "%-8s %s: %s\n", c.Level, line(printable(name)), line(printable(c.What))); err != nil {
			return err
		}
		if c.Level == OK && !all {
			continue
		}
		rows := [][2]string{{"why", c.Why}}
		if c.Hint != "" {
			rows = append(rows, [2]string{"change", c.Hint})
		}
		if len(c.Off) > 0 {
			rows = append(rows, [2]string{"off", list(c.Off) + " cannot be told"})
		}
		if len(c.Weaker) > 0 {
			rows = append(rows, [2]string{"weaker", list(c.Weaker) + " are told with less confidence, or not at all"})
		}
		for k, f := range c.Fix {
			word := "do"
			if k > 0 {
				word = "or"
			}
			rows = append(rows, [2]string{word, f})
		}
		for _, r := range rows {
			if _, err := fmt.Fprintf(w, "         %-7s %s\n", r[0], line(printable(r[1]))); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintln(w, Count(cs).String())
	return err
}

// line keeps text on its line.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, s)
}

// list names some codes.
func list(codes []string) string {
	if len(codes) <= maxCodes+1 {
		return strings.Join(codes, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(codes[:maxCodes], ", "), len(codes)-maxCodes)
}

// String is the sum on one line.
func (n Counts) String() string {
	s := fmt.Sprintf("%s, %s, %d unknown, %d ok", plural(n.Problems, "problem", "problems"), plural(n.Warnings, "warning", "warnings"), n.Unknown, n.OK)
	if n.NotPermitted > 0 {
		s += fmt.Sprintf("; %d of them because this user may not look or act: sudo firestorm doctor", n.NotPermitted)
	}
	return s
}

// WriteJSON prints one object: the sum, and the checks in the order of the text.
func WriteJSON(w io.Writer, cs []Check) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if cs == nil {
		cs = []Check{}
	}
	return enc.Encode(struct {
		Version int     `json:"version"`
		Counts  Counts  `json:"counts"`
		Checks  []Check `json:"checks"`
	}{1, Count(cs), cs})
}
