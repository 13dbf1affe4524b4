package markup

import (
	"strings"

	g "maragu.dev/gomponents"

	"firestorm/internal/event"
)

//go:noinline
func el(name string, c []Node) Node { return g.El(name, c...) }

// Elements, with attributes and content in c.
func A(c ...Node) Node          { return el("a", c) }
func Article(c ...Node) Node    { return el("article", c) }
func B(c ...Node) Node          { return el("b", c) }
func Button(c ...Node) Node     { return el("button", c) }
func Caption(c ...Node) Node    { return el("caption", c) }
func Code(c ...Node) Node       { return el("code", c) }
func Dd(c ...Node) Node         { return el("dd", c) }
func Details(c ...Node) Node    { return el("details", c) }
func Dialog(c ...Node) Node     { return el("dialog", c) }
func Div(c ...Node) Node        { return el("div", c) }
func Dl(c ...Node) Node         { return el("dl", c) }
func Dt(c ...Node) Node         { return el("dt", c) }
func Em(c ...Node) Node         { return el("em", c) }
func FigCaption(c ...Node) Node { return el("figcaption", c) }
func Figure(c ...Node) Node     { return el("figure", c) }
func Footer(c ...Node) Node     { return el("footer", c) }
func Form(c ...Node) Node       { return el("form", c) }
func H1(c ...Node) Node         { return el("h1", c) }
func H2(c ...Node) Node         { return el("h2", c) }
func H3(c ...Node) Node         { return el("h3", c) }
func H4(c ...Node) Node         { return el("h4", c) }
func H5(c ...Node) Node         { return el("h5", c) }
func Header(c ...Node) Node     { return el("header", c) }
func Input(c ...Node) Node      { return el("input", c) }
func Kbd(c ...Node) Node        { return el("kbd", c) }
func Label(c ...Node) Node      { return el("label", c) }
func Li(c ...Node) Node         { return el("li", c) }
func Main(c ...Node) Node       { return el("main", c) }
func Nav(c ...Node) Node        { return el("nav", c) }
func Ol(c ...Node) Node         { return el("ol", c) }
func Option(c ...Node) Node     { return el("option", c) }
func P(c ...Node) Node          { return el("p", c) }
func Section(c ...Node) Node    { return el("section", c) }
func Select(c ...Node) Node     { return el("select", c) }
func Small(c ...Node) Node      { return el("small", c) }
func Span(c ...Node) Node       { return el("span", c) }
func Summary(c ...Node) Node    { return el("summary", c) }
func Table(c ...Node) Node      { return el("table", c) }
func TBody(c ...Node) Node      { return el("tbody", c) }
func Td(c ...Node) Node         { return el("td", c) }
func Th(c ...Node) Node         { return el("th", c) }
func THead(c ...Node) Node      { return el("thead", c) }
func Time(c ...Node) Node       { return el("time", c) }
func Tr(c ...Node) Node         { return el("tr", c) }
func Ul(c ...Node) Node         { return el("ul", c) }

// Title is the page's title.
func Title(c ...Node) Node { return el("title", c) }

// Style is a sheet of styles that stands in the page.
func Style(sheet string) Node { return el("style", []Node{Ours(strings.ReplaceAll(sheet, "</", ""))}) }

// Meta is a word about the page; Charset says how it is written, and Policy what a browser may do with it.
func Meta(name, content string) Node {
	return el("meta", []Node{attr("name", name), attr("content", content)})
}

// Charset is UTF-8.
func Charset() Node { return el("meta", []Node{attr("charset", "utf-8")}) }

// Policy is the Content-Security-Policy of a page that comes without headers.
func Policy(policy string) Node {
	return el("meta", []Node{attr("http-equiv", "Content-Security-Policy"), attr("content", policy)})
}

// Link names a file that belongs to the page.
func Link(c ...Node) Node { return el("link", c) }

// Script is a script of the site, run when the page is there. There is none with its text in the page.
func Script(src string) Node { return el("script", []Node{address("src", src), Flag("defer", true)}) }

// attr is an attribute that is mere text to a browser.
//
//go:noinline
func attr(name, value string) Node { return g.Attr(name, event.Visible(value)) }

// address is an attribute that a browser follows.
//
//go:noinline
func address(name, value string) Node { return g.Attr(name, inside(value)) }

// Attributes of addresses: a path of the site, or a place in the page. All else becomes "#".
func Href(s string) Node   { return address("href", s) }
func Action(s string) Node { return address("action", s) }

// Attributes of text.
func Aria(name, value string) Node { return attr("aria-"+name, value) }
func AutoComplete(s string) Node   { return attr("autocomplete", s) }
func Class(s string) Node          { return attr("class", s) }
func DateTime(s string) Node       { return attr("datetime", s) }
func ID(s string) Node             { return attr("id", s) }
func MaxLength(s string) Node      { return attr("maxlength", s) }
func Method(s string) Node         { return attr("method", s) }
func Name(s string) Node           { return attr("name", s) }
func Placeholder(s string) Node    { return attr("placeholder", s) }
func Rel(s string) Node            { return attr("rel", s) }
func Role(s string) Node           { return attr("role", s) }
func Scope(s string) Node          { return attr("scope", s) }
func TabIndex(s string) Node       { return attr("tabindex", s) }
func Tip(s string) Node            { return attr("title", s) }
func Type(s string) Node           { return attr("type", s) }
func Value(s string) Node          { return attr("value", s) }

// Flag is an attribute without a value, where it is on.
//
//go:noinline
func Flag(name string, on bool) Node {
	if !on {
		return nil
	}
	return g.Attr(name)
}

// inside lets an address through that is a path of the site we are on, or a place in the page: it has no scheme and no host in
// any reading, among them those that drop tabs and line ends or take a backslash for a slash. Others become "#". It is a whole
// address: what is put into it was escaped before (net/url).
func inside(address string) string {
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "#") || strings.HasPrefix(address, "//") {
		return "#"
	}
	for i := range len(address) {
		if c := address[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return "#"
		}
	}
	return address
}
