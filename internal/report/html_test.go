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

// Hostile text must leave the page's structure as it is: the same tags in the same order as with harmless text.
func TestHostileHTML(t *testing.T) {
	tags := regexp.MustCompile(`</?[a-zA-Z!][^\s>]*`)
	shape := func(s string) string {
		page := page1(t, hostile(s))
		checkPrintable(t, "html", page)
		got := tags.FindAllString(page, -1)
		var keep []string
		for _, x := range got {
			if x != "<text" && x != "</text" { // long notes take a second line of the drawing
				keep = append(keep, x)
			}
		}
		return strings.Join(keep, " ")
	}
	want := shape("harmless")
	for _, s := range nasty {
		if got := shape(s); got != want {
			t.Errorf("%q changes the page", s)
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
