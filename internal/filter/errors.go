package filter

import (
	"fmt"
	"strings"
)

// Error says why an expression was not compiled.
type Error struct {
	Expr string // the whole expression as given
	Pos  int    // byte offset in Expr of what was not understood; len(Expr) at the end
	What string // what is wrong there
	Try  string // what to write instead; may be empty
}

// Error gives the column (counted from 1), the words found there, what is
// wrong and what to try.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "capture filter, column %d: %s", e.Pos+1, e.What)
	if e.Try != "" {
		b.WriteString("; ")
		b.WriteString(e.Try)
	}
	return b.String()
}

// bail carries an Error out of the recursive walk; Compile recovers it.
type bail struct{ err *Error }

func fail(pos int, try string, format string, a ...any) {
	panic(bail{&Error{Pos: pos, What: fmt.Sprintf(format, a...), Try: try}})
}
