// Package markup is what pages are made of: elements, attributes, text. It is a narrow door to gomponents, which renders and
// escapes; text from packets is hostile, and nobody who writes a page can forget it.
//
// Everything is escaped the same way wherever it stands, so nothing from packets may stand where escaping is not enough: in
// a script, in a style, in an address that leads elsewhere. There is no function here for attributes that a browser runs as a
// program (on…, style, srcdoc) and none for text in a script; Href, Action and Script take only addresses within the site. What is
// written as it is goes through Ours; test/conventions holds the list of who may call it.
//
// Names of elements and attributes are always constants of the program.
package markup

import (
	"bytes"

	g "maragu.dev/gomponents"

	"firestorm/internal/event"
)

// Node is an element, an attribute or text. A nil Node is nothing.
type Node = g.Node

// Group is several nodes in a row.
type Group = g.Group

// The functions that make nodes are not to be inlined: a node is a closure, and each place where one is made would have
// a copy of its code, which makes the program 600 kB larger.

// Text is s as people are to read it: what is invisible or no UTF-8 is spelt out, what has a meaning in HTML is escaped.
//
//go:noinline
func Text(s string) Node { return g.Text(event.Visible(s)) }

// Ours is a piece of HTML as it stands: made by the program, never anything with data in it that was not escaped.
//
//go:noinline
func Ours(html string) Node { return g.Raw(html) }

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

// Document is a whole page in English.
func Document(head, body []Node) Node {
	return Lines(Ours("<!doctype html>"), el("html", []Node{attr("lang", "en"), Block(el("head", []Node{Block(head...)}), el("body", []Node{Block(body...)}))}))
}

// Bytes is the page.
func Bytes(n Node) []byte {
	var b bytes.Buffer
	if err := n.Render(&b); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}
