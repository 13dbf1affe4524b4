package rules

import (
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// asked names what a condition asks: the option it comes from, nil where that is the header's protocol.
type asked struct{ opt *lang.Option }

func (a asked) String() string {
	if a.opt == nil {
		return "the version of IP"
	}
	return optionWords(a.opt)
}

// mark notes which option the newest conditions and checks come from.
func (s *sig) mark(o *lang.Option) {
	for len(s.asked) < len(s.conds) {
		s.asked = append(s.asked, asked{o})
	}
	markChecks(s.payload, o)
	for i := range s.parts {
		markChecks(s.parts[i].checks, o)
	}
}

func markChecks(cs []check, o *lang.Option) {
	for i := len(cs) - 1; i >= 0 && cs[i].opt == nil; i-- {
		cs[i].opt = o
	}
}

// optionWords is an option as it is written, without escapes.
func optionWords(o *lang.Option) string {
	if !o.Given {
		return o.Name
	}
	neg := ""
	if o.Negated {
		neg = "!"
	}
	return o.Name + ":" + neg + o.Value
}

// contentWords are a content's bytes as rules write them: what cannot be printed stands between bars.
func contentWords(b []byte) string {
	var s strings.Builder
	s.WriteByte('"')
	bars := false
	for _, c := range b {
		plain := c >= 0x20 && c < 0x7f && c != '|' && c != '"' && c != ';' && c != '\\'
		switch {
		case plain && bars, !plain && !bars:
			s.WriteByte('|')
			bars = !bars
		case !plain:
			s.WriteByte(' ')
		}
		if plain {
			s.WriteByte(c)
		} else {
			fmt.Fprintf(&s, "%02x", c)
		}
	}
	if bars {
		s.WriteByte('|')
	}
	s.WriteByte('"')
	return s.String()
}

// words says in plain words what a check asks.
func (c *check) words() string {
	not := ""
	if c.neg {
		not = "not "
	}
	switch c.kind {
	case isContent:
		return not + contentWords(c.pattern) + c.place()
	case isDataAt:
		from := ""
		if c.relative {
			from = " behind the match before"
		}
		if c.neg {
			return fmt.Sprintf("fewer than %s bytes%s", c.isDataAt.words(1), from)
		}
		return fmt.Sprintf("at least %s bytes%s", c.isDataAt.words(1), from)
	case isSize:
		return not + c.size.words() + " bytes long"
	case isPCRE:
		from := ""
		if c.relative {
			from = ", behind the match before"
		}
		return not + "the expression " + c.written() + from
	}
	if c.opt == nil {
		return "a test of the protocol"
	}
	return optionWords(c.opt)
}

// written is the value of the option that the check comes from.
func (c *check) written() string {
	if c.opt == nil {
		return ""
	}
	return c.opt.Value
}

// place says where a content must lie.
func (c *check) place() string {
	var s []string
	if c.nocase {
		s = append(s, "in any case of letters")
	}
	switch {
	case c.starts && c.ends:
		s = append(s, "which is all of it")
	case c.starts:
		s = append(s, "at the begin")
	case c.ends:
		s = append(s, "at the end")
	}
	if !c.relative || c.hasDepth || c.offset != (number{}) {
		switch {
		case c.hasDepth && c.offset != (number{}):
			s = append(s, fmt.Sprintf("in %s bytes from byte %s on", c.depth.words(0), c.offset.words(0)))
		case c.hasDepth:
			s = append(s, fmt.Sprintf("in the first %s bytes", c.depth.words(0)))
		case c.offset != (number{}):
			s = append(s, fmt.Sprintf("from byte %s on", c.offset.words(0)))
		}
	}
	if c.relative {
		at := "behind the match before"
		if c.distance != (number{}) {
			at = fmt.Sprintf("from %s bytes behind the match before on", c.distance.words(0))
		}
		if c.hasWithin {
			at += fmt.Sprintf(", within %s bytes", c.within.words(0))
		}
		s = append(s, at)
	}
	if len(s) == 0 {
		return ""
	}
	return " (" + strings.Join(s, ", ") + ")"
}

// words is the number plus more, or that it comes from the packet.
func (n number) words(more int64) string {
	switch {
	case n.v > 0 && more != 0:
		return fmt.Sprintf("(as read before, plus %d)", more)
	case n.v > 0:
		return "(as read before)"
	}
	return strconv.FormatInt(n.n+more, 10)
}

func (r sizeRange) words() string {
	not := ""
	if r.not {
		not = "not "
	}
	switch {
	case r.lo == r.hi:
		return fmt.Sprintf("%s%d", not, r.lo)
	case r.lo == 0:
		return fmt.Sprintf("%sat most %d", not, r.hi)
	case r.hi >= 1<<16-1:
		return fmt.Sprintf("%sat least %d", not, r.lo)
	}
	return fmt.Sprintf("%sfrom %d to %d", not, r.lo, r.hi)
}

// words are what flow:… asks for.
func (f *flowReq) words() string {
	var s []string
	for _, x := range []struct {
		on   bool
		text string
	}{{f.toServer, "travels to the server"}, {f.toClient, "travels to the client"}, {f.established, "belongs to an established connection"},
		{f.notEstablished, "belongs to a connection that is not established"}, {f.onlyStream, "is looked at as part of a stream only"},
		{f.noStream, "is looked at by itself only"}, {f.onlyFrag, "was put together from fragments"}, {f.noFrag, "was no fragments"}} {
		if x.on {
			s = append(s, x.text)
		}
	}
	return strings.Join(s, ", ")
}

// bitWords say what a flowbits option does; names are the bits' by number.
func (op *bitOp) words(names []string) string {
	var list []string
	for _, b := range op.bits {
		list = append(list, names[b])
	}
	name := strings.Join(list, " or ")
	switch op.do {
	case bitSet:
		return "sets the flowbit " + name
	case bitUnset:
		return "clears the flowbit " + name
	case bitToggle:
		return "turns the flowbit " + name + " over"
	case bitIsSet:
		return "wants the flowbit " + name + " set"
	}
	return "wants the flowbit " + name + " not set"
}
