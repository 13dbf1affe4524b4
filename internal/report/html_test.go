package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"firestorm/internal/finding"
)

func page1(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHTMLGolden(t *testing.T) {
	for name, r := range map[string]*Report{"finding": founding(), "nothing-wrong": healthy(), "cannot-tell": oneSided(), "two-files": two(),
		"possible": guesses()} {
		got := page1(t, r)
		golden(t, name+".html", []byte(got))
		for _, bad := range []string{"<script", "http://", "https://", " style=", "url(h", "@import", "ZgotmplZ", "javascript:"} {
			if strings.Contains(strings.ReplaceAll(got, "http://www.w3.org/2000/svg", ""), bad) {
				t.Errorf("%s: the page holds %q", name, bad)
			}
		}
		last := 0
		for _, m := range regexp.MustCompile(`<h([1-6])[ >]`).FindAllStringSubmatch(got, -1) {
			n := int(m[1][0] - '0')
			if n > last+1 {
				t.Errorf("%s: a heading of level %d follows one of level %d", name, n, last)
			}
			last = n
		}
		if n := strings.Count(got, "<main>"); n != 1 {
			t.Errorf("%s: %d main landmarks", name, n)
		}
	}
}

// escapes are what may get out of HTML in particular, beside what is nasty everywhere.
var escapes = []string{`" onmouseover="alert(1)`, `' onfocus=alert(1) autofocus x='`, "`", "javascript:alert(1)", "a\x00b", "\x00", "\xc0\xbcscript>", "x\u2028y\u2029", "]]>", "</style><script>alert(1)</script>",
	"</svg></text></desc><script>alert(1)</script>", "</section></main>", "<!--", "url(javascript:alert(1))", "+ADw-script+AD4-", "&#60;script&#62;"}

// shape is a page as a browser takes it apart, without its texts: elements with the names of their attributes.
func shape(page []byte) string {
	var b strings.Builder
	for z := html.NewTokenizer(bytes.NewReader(page)); z.Next() != html.ErrorToken; {
		x := z.Token()
		if x.Type == html.TextToken || x.Data == "text" { // long notes take a second line of the drawing
			continue
		}
		b.WriteString(x.Type.String() + " " + x.Data)
		for _, a := range x.Attr {
			b.WriteString(" " + a.Key)
			switch a.Key {
			case "href", "src", "action", "style", "http-equiv":
				b.WriteString("=" + a.Val)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Hostile text must leave the page's structure as it is: the same elements with the same attributes as with harmless text.
func TestHostileHTML(t *testing.T) {
	for name, make := range map[string]func(string) *Report{"finding": hostile, "cannot tell": func(s string) *Report {
		r := hostile(s)
		r.Findings[0].Confidence = finding.CannotTell
		return r
	}, "named by it": func(s string) *Report {
		r := hostile(s)
		code := *r.Findings[0].Code
		code.ID, code.Kind = s, finding.Kind(s)
		f := r.Findings[0]
		f.ID, f.Code, f.References = s, &code, []string{s}
		f.Remedy[0].Run = []finding.Command{{On: s, Line: s}}
		r.Notes, r.Evidence = []string{s}, func(*finding.Finding) string { return s }
		r.Hits = []RuleHit{{Msg: s, Category: s, Proto: s, Count: 1}}
		return r
	}} {
		want := shape([]byte(page1(t, make("harmless"))))
		if !strings.Contains(want, "StartTag figure") && name == "finding" {
			t.Fatal("there is no drawing")
		}
		for _, s := range append(escapes, nasty...) {
			page := page1(t, make(s))
			checkPrintable(t, "html", page)
			if !utf8.ValidString(page) {
				t.Errorf("%s: %q leaves bytes that are no text", name, s)
			}
			if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(shape([]byte(page)), "\n")); d != "" {
				t.Errorf("%s: %q changes the page:\n%s", name, s, d)
			}
		}
	}
}

// Every text colour has a contrast of at least 4.5 to 1 (WCAG AA) on every ground it stands on, light and dark.
func TestContrast(t *testing.T) {
	for name, block := range map[string]string{"light": pageStyle[:strings.Index(pageStyle, "@media")], "dark": pageStyle[strings.Index(pageStyle, "@media"):strings.Index(pageStyle, "\n*{")]} {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+):#([0-9a-f]{3,6})`).FindAllStringSubmatch(block, -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for _, ground := range []string{"bg", "card", "tint", "code"} {
			for _, ink := range []string{"ink", "soft", "accent", "critical", "high", "medium", "low", "info", "good", "warn", "c1", "c2"} {
				a, okA := colour[ground]
				b, okB := colour[ink]
				if !okA || !okB {
					t.Fatalf("%s: no colour %s or %s", name, ground, ink)
				}
				if ratio := (max(a, b) + .05) / (min(a, b) + .05); ratio < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f", name, ink, ground, ratio)
				}
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	v, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	var l float64
	for i, weight := range []float64{.2126, .7152, .0722} {
		c := float64(v>>(16-8*i)&255) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}

func TestSVG(t *testing.T) {
	for _, s := range append(nasty, "plain") {
		f := hostile(s).Findings[0]
		d := xml.NewDecoder(bytes.NewReader(AppendSVG(nil, founding(), f)))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
		}
	}
	if got := AppendSVG(nil, founding(), &finding.Finding{}); len(got) != 0 {
		t.Errorf("drew %s for no steps", got)
	}
}

func TestLayout(t *testing.T) {
	l, ok := layout(timewait())
	if !ok || l.cuts != 2 {
		t.Fatalf("%d cuts, want the two long silences cut", l.cuts)
	}
	y := map[uint64]int{}
	for i, g := range l.rungs {
		y[g.Ref.Frame] = g.y
		if i > 0 && g.y-l.rungs[i-1].y < minStep {
			t.Errorf("frame %d is %d below the one before", g.Ref.Frame, g.y-l.rungs[i-1].y)
		}
	}
	first, second := y[15]-y[14], y[16]-y[15]
	if r := float64(second) / float64(first); r < 1.95 || r > 2.15 { // 5.95 s to 2.92 s
		t.Errorf("retries after 2.92 s and 5.95 s are drawn %d and %d apart", first, second)
	}
}
