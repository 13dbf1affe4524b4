package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firestorm/internal/event"
	"firestorm/internal/finding"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./internal/report -update writes it)", err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func text(t *testing.T, r *Report, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *Report
		o    Options
	}{
		{"finding", founding(), Options{}},
		{"finding-80-color-verbose", founding(), Options{Width: 80, Color: true, Verbose: true}},
		{"nothing-wrong", healthy(), Options{}},
		{"cannot-tell", oneSided(), Options{}},
		{"possible", guesses(), Options{}},
		{"possible-on-request", guesses(), Options{MinConfidence: finding.Possible}},
		{"two-files", two(), Options{}},
		{"unexplained", refusals(), Options{}},
		{"no-packet", &Report{Files: []File{{Name: "empty.pcap"}}}, Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := text(t, c.r, c.o)
			golden(t, c.name+".txt", []byte(got))
			for i, l := range strings.Split(got, "\n") {
				width := c.o.Width
				if width == 0 {
					width = DefaultWidth
				}
				if n := runes(l); n > width && !c.o.Color && !strings.Contains(l, "findstr") && !strings.Contains(l, "tcpdump") {
					t.Errorf("line %d has %d characters: %s", i+1, n, l)
				}
			}
		})
	}
}

func TestColorAddsNothing(t *testing.T) {
	plain, coloured := text(t, founding(), Options{}), text(t, founding(), Options{Color: true})
	for _, s := range []string{styleOff, styleBold, styleDim, styleRed, styleYellow, styleBlue, styleGreen, styleCyan, styleAlarm} {
		coloured = strings.ReplaceAll(coloured, s, "")
	}
	if plain != coloured {
		t.Error("with the colours taken away the text differs from the plain one")
	}
}

// hostile puts s wherever text of packets or file names can stand.
func hostile(s string) *Report {
	r := founding()
	f := r.Findings[0]
	r.Files[0].Name, r.Files[0].Damaged, r.Files[0].Link = "x"+s, s, s
	r.Warnings, r.Checked, r.Undecided, r.HomeNet = []string{s}, []string{s}, []string{s}, s
	r.Capture.Reasons = []Reason{{s, 1}}
	r.Talkers, r.Slowest, r.TimeWent = []Talker{{Services: s}}, []Slow{{What: s}}, []Share{{What: s}}
	r.Services = []Service{{App: s, Proto: s}}
	f.Title, f.Summary, f.Why, f.Impact, f.Check, f.CheckNote, f.WrongIf = s, s, s, s, s, s, s
	f.Facts[0].Text, f.RuledOut[0].Text, f.CouldBe[0].Text, f.Remedy[0].Text = s, s, s, s
	f.Subjects[0].Name, f.Evidence[0].Role, f.Explains[0].Text = s, s, s
	f.Ladder[0].Label, f.Ladder[0].Note = s, s
	f.Gates = []finding.GateResult{{Text: s, How: s, Caps: finding.Likely}}
	r.Gates = []Gate{{finding.GateResult{Text: s, How: s, Caps: finding.Likely}, s}}
	return r
}

var nasty = []string{"\x1b[2J\x1b]0;owned\x07", "\u202egnp.exe", "a\u200b\u2066b\ufeff", "\x9b31m", "\xff\xfe", "line\nFORGED\r\n", "<script>alert(1)</script>",
	"</title></svg><img src=x onerror=alert(1)>", "[x](javascript:alert(1)) ![i](http://e) | `a` <b> @all #1 www.x.y", "\"'\\", "--><!--", "]]>",
	strings.Repeat("A", 5000), "\U000e0041", "&amp;&lt;", "{{.}}"}

func checkPrintable(t *testing.T, what, s string) {
	t.Helper()
	for i, r := range s {
		if r != '\n' && event.Unprintable(r) {
			t.Fatalf("%s: %U at %d, after %q", what, r, i, s[max(0, i-40):i])
		}
	}
}

func TestHostileText(t *testing.T) {
	for _, s := range nasty {
		got := text(t, hostile(s), Options{Verbose: true})
		checkPrintable(t, "text", got)
		if strings.Contains(got, "\nFORGED") {
			t.Error("a packet forged a line")
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkPrintable(t, "visible", Visible(s))
		if strings.ContainsAny(Visible(s), "\n") {
			t.Fatal("line break")
		}
		m := Markdown(s)
		checkPrintable(t, "markdown", m)
		checkInert(t, m)
	})
}

// checkInert fails when a character that Markdown gives a meaning stands without a backslash before it.
func checkInert(t *testing.T, m string) {
	t.Helper()
	for i := 0; i < len(m); i++ {
		if m[i] == '\\' {
			i++
			continue
		}
		if strings.IndexByte("`*_[]<>|~@", m[i]) >= 0 || strings.HasPrefix(m[i:], "://") {
			t.Fatalf("%q is live in %q", m[i], m)
		}
	}
}

func TestWords(t *testing.T) {
	r := two()
	ref := func(src uint16, f uint64) finding.Proof {
		p := finding.Proof{}
		p.Ref.Source, p.Ref.Frame = src, f
		return p
	}
	refs := fr(17, 9, 1, 2, 3)
	one := founding()
	for _, c := range []struct{ got, want string }{
		{one.Frames(refs), "1-3, 9, 17"},
		{one.Frames(append(refs, refs...)), "1-3, 9, 17"},
		{r.Frames(append(fr(14, 15), ref(1, 2).Ref, ref(1, 1).Ref, ref(1, 9).Ref)), "problem.pcapng:14-15, outside.pcap:1-2, 9"},
		{one.Frames(nil), ""},
		{one.Clock(fr(14)[0].Time), "68.26 s"},
		{healthy().Clock(begin + 3725e8), "0:06:12.5"},
		{Duration(0), "0 s"}, {Duration(67_950e6), "67.95 s"}, {Duration(240e6), "240 ms"}, {Duration(2_920e6), "2.92 s"},
		{Duration(61e3), "61 µs"}, {Duration(242e9), "4 min 2 s"}, {Duration(-5e9), "-5 s"}, {Duration(30e9), "30 s"},
		{Coarse(98_250e6), "98 s"}, {Coarse(3600e9), "1 h"}, {Coarse(356_400e9), "4 d 3 h"},
		{Size(1), "1 byte"}, {Size(999), "999 bytes"}, {Size(31_400_000), "31.4 MB"}, {number(48210), "48,210"}, {number(1234), "1234"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	one.Zone = time.FixedZone("CET", 3600)
	if got := one.stamp(begin); got != "2003-12-09T21:00:00+01:00" {
		t.Errorf("local: %s", got)
	}
	if got := one.lasting(one.Findings[0]); !strings.HasPrefix(got, "2003-12-09 21:01:") || !strings.Contains(got, " CET") {
		t.Errorf("local: %s", got)
	}
	if got := AppendSummary(nil, one, Options{}); !strings.Contains(string(got), `"first":"2003-12-09T20:00:00Z"`) {
		t.Errorf("JSON: %s", got)
	}
	same := &Report{Files: []File{{Name: "a/x.pcap"}, {Name: "b/x.pcap"}}}
	if same.FileName(0) != "x.pcap#1" || same.FileName(1) != "x.pcap#2" {
		t.Errorf("equal names: %s, %s", same.FileName(0), same.FileName(1))
	}
}
