package pcre

import "fmt"

// Error says why a pattern was refused.
type Error struct {
	Offset int    // in bytes, from the start of the pattern
	Reason string // in plain words
}

// Error returns the reason with its place.
func (e *Error) Error() string { return fmt.Sprintf("at offset %d: %s", e.Offset, e.Reason) }

// refuse ends parsing; Compile recovers it. Only the parser's own *Error takes this way.
func (p *parser) refuse(at int, format string, args ...any) {
	panic(&Error{Offset: min(at, len(p.src)), Reason: fmt.Sprintf(format, args...)})
}
