package markup

import (
	"strings"

	g "maragu.dev/gomponents"

	"firestorm/internal/event"
)

//go:noinline
func el(name string, c []Node) Node { return g.El(name, c...) }

func element(name string) func(...Node) Node {
	return func(c ...Node) Node { return el(name, c) }
}

// Elements. Their attributes and what is in them may come in any order.
var (
	A          = element("a")
	Article    = element("article")
	B          = element("b")
	Button     = element("button")
	Caption    = element("caption")
	Code       = element("code")
	Dd         = element("dd")
	Details    = element("details")
	Dialog     = element("dialog")
	Div        = element("div")
	Dl         = element("dl")
	Dt         = element("dt")
	Em         = element("em")
	FigCaption = element("figcaption")
	Figure     = element("figure")
	Footer     = element("footer")
	Form       = element("form")
	H1         = element("h1")
	H2         = element("h2")
	H3         = element("h3")
	H4         = element("h4")
	H5         = element("h5")
	Header     = element("header")
	Input      = element("input")
	Kbd        = element("kbd")
	Label      = element("label")
	Li         = element("li")
	Main       = element("main")
	Nav        = element("nav")
	Ol         = element("ol")
	Option     = element("option")
	P          = element("p")
	Section    = element("section")
	Select     = element("select")
	Small      = element("small")
	Span       = element("span")
	Summary    = element("summary")
	Table      = element("table")
	TBody      = element("tbody")
	Td         = element("td")
	Th         = element("th")
	THead      = element("thead")
	Time       = element("time")
	Tr         = element("tr")
	Ul         = element("ul")
)

// Title is the page's title.
func Title(c ...Node) Node { return el("title", c) }

// Style is a sheet of styles of the program that stands in the page. It cannot end itself.
func Style(sheet string) Node { return el("style", []Node{Ours(strings.ReplaceAll(sheet, "</", ""))}) }

// Meta is a word about the page.
func Meta(name, content string) Node {
	return el("meta", []Node{attr("name", name), attr("content", content)})
}

// Charset says that the page is UTF-8.
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

func attribute(name string) func(string) Node {
	return func(s string) Node { return attr(name, s) }
}

// Attributes that are mere text.
var (
	AutoComplete = attribute("autocomplete")
	Class        = attribute("class")
	DateTime     = attribute("datetime")
	ID           = attribute("id")
	MaxLength    = attribute("maxlength")
	Method       = attribute("method")
	Name         = attribute("name")
	Placeholder  = attribute("placeholder")
	Rel          = attribute("rel")
	Role         = attribute("role")
	Scope        = attribute("scope")
	TabIndex     = attribute("tabindex")
	Tip          = attribute("title") // the element Title is another
	Type         = attribute("type")
	Value        = attribute("value")
)

// Aria is an attribute for those who do not see the page.
func Aria(name, value string) Node { return attr("aria-"+name, value) }

// Href is where a link leads: to a path of the site or a place in the page. All else becomes "#".
func Href(s string) Node { return address("href", s) }

// Action is where a form leads, as Href.
func Action(s string) Node { return address("action", s) }

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
