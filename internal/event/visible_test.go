package event

import (
	"strings"
	"testing"
	"unicode"
)

// The oracle is Unicode's own table: controls, separators of lines and paragraphs, and format characters that show
// nothing. Those of category Cf that have a shape of their own (Arabic and Kaithi signs, hieroglyph joiners) may be shown.
func TestUnprintableKnowsUnicode(t *testing.T) {
	shaped := &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0x600, Hi: 0x605, Stride: 1}, {Lo: 0x6dd, Hi: 0x6dd, Stride: 1}, {Lo: 0x70f, Hi: 0x70f, Stride: 1},
			{Lo: 0x890, Hi: 0x891, Stride: 1}, {Lo: 0x8e2, Hi: 0x8e2, Stride: 1}},
		R32: []unicode.Range32{{Lo: 0x110bd, Hi: 0x110bd, Stride: 1}, {Lo: 0x110cd, Hi: 0x110cd, Stride: 1}, {Lo: 0x13430, Hi: 0x1343f, Stride: 1}},
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		must := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Variation_Selector) && !unicode.Is(shaped, r)
		if must && !Unprintable(r) {
			t.Errorf("%U is shown", r)
		}
		if !must && Unprintable(r) && unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.Sm, unicode.Sc) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) {
			t.Errorf("%U (%c) is not shown", r, r)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日 😀":  "plain é 日 😀",
		"a\x1b[31mb":   `a\u{1b}[31mb`,
		"x\u202egnp":   `x\u{202e}gnp`,
		"\xff\xc3":     `\xff\xc3`,
		"\uFFFD":       "\uFFFD",
		"tab\tline\n":  `tab\u{9}line\u{a}`,
		"\U000e0041":   `\u{e0041}`,
		"\u0085\u200d": `\u{85}\u{200d}`,
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := Visible(strings.Repeat("é", maxText+5)); !strings.HasSuffix(got, "é… (10 bytes more)") {
		t.Errorf("long text ends %q", got[len(got)-40:])
	}
}
