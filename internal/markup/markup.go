// Package markup is what pages are made of, so that nobody who writes one can forget that text from packets is hostile. Elements
// come from gomponents' package html; text and attributes with data come from here, and the root package of gomponents is for
// this package alone (test/conventions holds pages to it).
//
// Everything is escaped the same way wherever it stands, so nothing from packets may stand where escaping is not enough: in
// a script, in a style, in an address of elsewhere. Text and Attr are the only ways for data into a page, and they see to that.
package markup

import (
	"bytes"
	"strings"

	g "maragu.dev/gomponents"

	"firestorm/internal/event"
)

// Node is an element, an attribute or text. A nil Node is nothing.
type Node = g.Node

// Group is several nodes in a row.
type Group = g.Group

// Text is s as people are to read it: what is invisible or no UTF-8 is spelt out, what has a meaning in HTML is escaped.
func Text(s string) Node { return g.Text(event.Visible(s)) }

// Ours is a piece of HTML as it stands: a constant of the program, never anything with data in it.
func Ours(html string) Node { return g.Raw(html) }

// Attr is an attribute with data in it. Where the value is an address, it leads within the site (see inside) or to "#". An
// attribute that is neither an address nor known to be mere text is not written at all: a browser may run it as a program.
func Attr(name, value string) Node {
	switch name {
	case "href":
		return g.Attr(name, inside(value))
	case "class", "content", "datetime", "id", "value":
	default:
		if !strings.HasPrefix(name, "aria-") {
			return nil
		}
	}
	return g.Attr(name, event.Visible(value))
}

// Fixed is an attribute of which both are constants of the program, where package html has no function for it.
func Fixed(name, value string) Node { return g.Attr(name, value) }

// inside lets an address through that is a path of the site we are on: it has no scheme and no host in any reading, among
// them those that drop tabs and line ends or take a backslash for a slash. Others become "#". It is a whole address: what is put
// into it was escaped before (net/url).
func inside(address string) string {
	if !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") {
		return "#"
	}
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return "#"
		}
	}
	return address
}

// Flag is an attribute without a value, where it is on.
func Flag(name string, on bool) Node {
	if !on {
		return nil
	}
	return g.Attr(name)
}

// If is n where it is so, or nothing. Both are evaluated: what must not be belongs behind an if.
func If(so bool, n Node) Node {
	if so {
		return n
	}
	return nil
}

// Each makes a node of each thing.
func Each[T any](things []T, node func(*T) Node) Group {
	out := make(Group, len(things))
	for i := range things {
		out[i] = node(&things[i])
	}
	return out
}

// Newline ends a line of the source of a page.
var Newline = Ours("\n")

// Lines puts each node on a line of its own, without a line end after the last. One that is nothing leaves its line empty.
func Lines(nodes ...Node) Group {
	out := make(Group, 0, 2*len(nodes))
	for i, n := range nodes {
		if i > 0 {
			out = append(out, Newline)
		}
		out = append(out, n)
	}
	return out
}

// Block is Lines between two line ends: what fills an element whose tags have lines of their own.
func Block(nodes ...Node) Group {
	return Group{Newline, Lines(nodes...), Newline}
}

// Bytes is the page.
func Bytes(n Node) []byte {
	var b bytes.Buffer
	if err := n.Render(&b); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}
