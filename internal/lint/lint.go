// Package lint holds what all lints say: a problem, where it stands, and what to do.
package lint

import "fmt"

// Level is how much a problem matters.
type Level uint8

// Levels.
const (
	Note  Level = iota // good to know
	Warn               // works today, or for some
	Wrong              // does not work, or is not safe
)

// String returns the level in lower case.
func (l Level) String() string { return [...]string{"note", "warning", "wrong"}[min(l, Wrong)] }

// MarshalText writes the level as String does.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Problem is one thing to change. Texts may hold words of the file: they are escaped on their way out.
type Problem struct {
	Level Level    `json:"level"`
	File  string   `json:"file,omitempty"`
	Line  int      `json:"line,omitempty"` // 0: the file as a whole, or none
	What  string   `json:"what"`
	Why   string   `json:"why,omitempty"`
	Do    []string `json:"do,omitempty"` // what to change, one step each
}

// Place is "file:line", as far as it is known.
func (p *Problem) Place() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}
