package pcre

// Flags change how a pattern is read; each is a letter after the closing slash of a rule's pcre.
type Flags uint16

// The flags with the letters rules write for them.
const (
	NoCase        Flags = 1 << iota // i: ASCII letters match both cases
	MultiLine                       // m: ^ and $ match at every line
	DotAll                          // s: the dot matches \n as well
	Extended                        // x: white space and #-comments in the pattern are ignored
	Anchored                        // A: a match starts where the search starts
	DollarEndOnly                   // E: $ without m does not match before a last \n
	Ungreedy                        // G: repeats are lazy, and greedy with a question mark
)

// Flags that only the inside of a pattern can set.
const (
	extendedMore  Flags = 1 << (iota + 8) // (?xx): white space in classes is ignored too
	noAutoCapture                         // (?n): plain parentheses do not capture
)

// FlagOf returns the flag for a letter after a rule's pattern; ok is false for letters that are not about matching, such
// as R or U, which name the bytes to match in.
func FlagOf(letter byte) (f Flags, ok bool) {
	switch letter {
	case 'i':
		return NoCase, true
	case 'm':
		return MultiLine, true
	case 's':
		return DotAll, true
	case 'x':
		return Extended, true
	case 'A':
		return Anchored, true
	case 'E':
		return DollarEndOnly, true
	case 'G':
		return Ungreedy, true
	}
	return 0, false
}
