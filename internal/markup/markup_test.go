package markup

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"firestorm/internal/event"
)

// hostile is what could get out of a text, an attribute, an address, a script, a style or a drawing.
var hostile = []string{`"`, `'`, "`", `"'><b>`, "<script>alert(1)</script>", "</p></title></style></script></textarea><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
	`" onmouseover="alert(1)`, "' style='x:expression(alert(1))", " autofocus onfocus=alert(1) x=", "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "\x01javascript:alert(1)",
	"java\nscript:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "http://e.example/", "//e.example/", `\\e.example\`, `/\e.example/`, "/\t/e.example/", "/\n/e.example/",
	"\x00", "a\x00b", "\xff\xfe", "\xc0\xbc", "\xe2\x80", "x\u2028y\u2029z", "\u202eexe.gnp", "]]>", "<![CDATA[", "<!--", "-->", "--!>", "</style>", "<style>*{}", "&lt;script&gt;", "&quot;", "&#34;", "&", "{{.}}", "+ADw-script+AD4-",
	"url(javascript:alert(1))", "", " ", strings.Repeat("<", 5000)}

// look reads a page as a browser does and tells what is in it: elements with their attributes, and text.
func look(t *testing.T, page []byte) (tokens []html.Token) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(string(page)))
	for z.Next() != html.ErrorToken {
		tokens = append(tokens, z.Token())
	}
	return tokens
}

// whole checks that s, put wherever data may be put, stays there: the same elements and attributes as with any other text.
func whole(t *testing.T, s string) {
	t.Helper()
	shown := strings.NewReplacer("\r", "").Replace(event.Visible(s))
	page := Bytes(A(Class(s), ID(s), Value(s), DateTime(s), Aria("label", s), Name(s), Tip(s), Href(s), Action(s), Text(s)))
	got := look(t, page)
	if shown != "" {
		if len(got) != 3 || got[1].Type != html.TextToken || got[1].Data != shown {
			t.Fatalf("%q becomes %s", s, page)
		}
	} else if len(got) != 2 {
		t.Fatalf("%q becomes %s", s, page)
	}
	first, last := got[0], got[len(got)-1]
	if first.Type != html.StartTagToken || first.Data != "a" || last.Type != html.EndTagToken || last.Data != "a" {
		t.Fatalf("%q becomes %s", s, page)
	}
	want := []string{"class", "id", "value", "datetime", "aria-label", "name", "title", "href", "action"}
	if len(first.Attr) != len(want) {
		t.Fatalf("%q becomes %s", s, page)
	}
	for i, a := range first.Attr {
		switch {
		case a.Key != want[i]:
			t.Errorf("%q: the attribute %q for %q", s, a.Key, want[i])
		case i < 7 && a.Val != shown:
			t.Errorf("%q: %s is %q", s, a.Key, a.Val)
		case i >= 7 && a.Val != "#" && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#"):
			t.Errorf("%q: %s leads to %q", s, a.Key, a.Val)
		}
	}
	for i := 1; i < len(page)-1; i++ { // what is neither UTF-8 nor printable does not come through, in whatever reading
		if page[i] < ' ' || page[i] == 0x7f {
			t.Fatalf("%q: the byte %#x stands in the page", s, page[i])
		}
	}
	if strings.ContainsAny(string(page), "\u2028\u2029\u202e\ufffd") && !strings.Contains(s, "\ufffd") || strings.ToValidUTF8(string(page), "") != string(page) {
		t.Errorf("%q becomes %q", s, page)
	}
	for _, p := range [][]byte{Bytes(Title(Text(s))), Bytes(Option(Value(s), Text(s)))} {
		if got := look(t, p); len(got) > 3 || len(got) == 3 && got[1].Data != shown {
			t.Errorf("%q becomes %s", s, p)
		}
	}
}

func TestHostile(t *testing.T) {
	for _, s := range hostile {
		whole(t, s)
	}
}

func FuzzHostile(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(whole)
}

// Addresses lead within the site, in any reading, or nowhere.
func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{"/": "/", "/finding/FS-000001": "/finding/FS-000001", "/?q=%22+%26&show=unseen": "/?q=%22+%26&show=unseen", "#main": "#main", "/a:b//c": "/a:b//c", "/javascript:alert(1)": "/javascript:alert(1)",
		"": "#", "relative": "#", "?q": "#", "/a b": "#", "/é": "#", "/\x00": "#", "/\u2028": "#", "/a\xff": "#", "/\x7f": "#"} {
		if got := inside(in); got != want {
			t.Errorf("%q leads to %q, want %q", in, got, want)
		}
	}
	for _, s := range hostile {
		if got := inside(s); got != "#" {
			t.Errorf("%q leads to %q", s, got)
		}
	}
	if got := string(Bytes(Script("//e.example/x.js"))); got != `<script src="#" defer></script>` {
		t.Error(got)
	}
	if got := string(Bytes(Href(`/a"onclick="x`))); got != ` href="/a&#34;onclick=&#34;x"` {
		t.Error(got)
	}
}

// A sheet of styles cannot end itself.
func TestStyle(t *testing.T) {
	if got := look(t, Bytes(Style("a{b:c}</style><script>alert(1)</script>"))); len(got) != 3 || got[2].Data != "style" {
		t.Errorf("%v", got)
	}
}

// Nodes come out as they are told to.
func TestNodes(t *testing.T) {
	two := []string{"a", "b"}
	for want, n := range map[string]Node{
		"<p></p>":                               P(nil, If(false, Text("x"))),
		`<p class="a">x&lt;</p>`:                P(Text("x"), Class("a"), Text("<")),
		`<input checked>`:                       Input(Flag("checked", true), Flag("disabled", false)),
		"<ul>\n<li>a</li>\n\n<li>b</li>\n</ul>": Ul(Block(Li(Text("a")), nil, Li(Text("b")))),
		"<b>a</b><b>b</b>":                      Each(two, func(s *string) Node { return B(Text(*s)) }),
		"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n</head>\n<body>\nx\n</body>\n</html>": Document([]Node{Charset()}, []Node{Text("x")}),
		`<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;">`:                            Policy("default-src 'none'"),
	} {
		if got := string(Bytes(n)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
