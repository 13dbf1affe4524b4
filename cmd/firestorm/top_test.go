//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/health"
	"firestorm/internal/packet"
	"firestorm/internal/store"
)

var topNow = time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)

// topMoment is a sensor that does well, with findings to scroll through.
func topMoment(rows int) *topData {
	f := &health.File{Version: 1, Time: topNow, Every: 1, Healthy: true, Packets: 200_000, Bytes: 1e9, Undecoded: 100, Rounds: 8,
		Interfaces: []health.Interface{{Name: "eth0", Packets: 199_000, Last: topNow}, {Name: "eth1", Packets: 1000, Last: topNow}},
		Rate:       &health.Rate{Seconds: 1, Packets: 4200, Bytes: 2.3e6}, Talkers: []health.Talker{{Address: "10.1.0.11", Bytes: 1.2e6}, {Address: "2001:db8::77", Bytes: 900}}}
	d := &topData{At: topNow, Health: health.Judge(f, nil, topNow), Muted: 3}
	d.Shown[finding.High], d.Shown[finding.Low] = 2, int64(rows)
	for i := range rows {
		d.Rows = append(d.Rows, store.Row{ID: fmt.Sprintf("FS-%06d", i), Code: "tcp-closed-port", Title: fmt.Sprintf("title number %d", i), Severity: finding.Low, Confidence: finding.Likely, Count: 2, Revision: 1,
			Last: packet.Time(topNow.Add(-time.Duration(i) * time.Hour).UnixNano())})
	}
	return d
}

// TestTopView: a screen of any size is full and not overfull; what must not be missed is there at 80x24.
func TestTopView(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 50}, {76, 20}, {40, 12}, {20, 5}, {5, 2}, {1, 1}} {
		for _, help := range []bool{false, true} {
			for _, color := range []bool{false, true} {
				d := topMoment(80)
				d.Rows[0].Title = "wide 日本語 " + strings.Repeat("long ", 50)
				v := topView{data: d, width: size[0], height: size[1], color: color, help: help, rates: []float64{1, 5, 2, 4200}}
				lines := strings.Split(strings.TrimSuffix(v.text(), "\n"), "\n")
				if len(lines) != size[1] {
					t.Errorf("%v: %d lines", size, len(lines))
				}
				for _, l := range lines {
					if n := widthOf(l); n > size[0] {
						t.Errorf("%v: a line is %d wide: %q", size, n, l)
					}
					if !color && strings.Contains(l, "\x1b") {
						t.Errorf("colour where none is wanted: %q", l)
					}
				}
			}
		}
	}
	v := topView{data: topMoment(80), width: 80, height: 24, rates: []float64{1, 4200}}
	text := v.text()
	for _, want := range []string{"● watching", "2026-11-29 09:00:00 UTC", "Every interface is up", "packets/s 4.2 k", "bytes/s 2.3 M", "dropped/s 0", "not read 0.05 %", "▁█", "eth0", "199000", "10.1.0.11", "1.2 M", "2 high, 80 low, 3 muted",
		"11-29 09:00 LOW        FS-000000  title number 0 (2 times)", "q end   ? keys"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestTopSick: a sensor that is blind, silent or not there looks like it, in words and without colour.
func TestTopSick(t *testing.T) {
	d := topMoment(1)
	f := d.Health.File
	f.Interfaces[1].BlindSince, f.Interfaces[1].Why = topNow.Add(-time.Minute), "gone"
	for name, c := range map[string]struct {
		j       health.Judgement
		want    []string
		without string
	}{
		"blind":  {health.Judge(f, nil, topNow), []string{"■ blind", "Blind on eth1 since", "blind since 08:59:00 (gone)"}, "●"},
		"silent": {health.Judge(f, nil, topNow.Add(time.Hour)), []string{"○ silent", "60 min old", "packets/s -"}, "4.2 k"},
		"gone":   {health.Judge(nil, errors.New("broken"), topNow), []string{"○ not known", "broken", "no interface is known"}, "●"},
		"none":   {health.Judge(nil, health.Unnamed, topNow), []string{"No status file was named"}, "●"},
	} {
		d := *d
		d.Health, d.NoStore = c.j, "there is no store in /x"
		text := (&topView{data: &d, width: 80, height: 24}).text()
		for _, want := range append(c.want, "there is no store in /x") {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
		if strings.Contains(text, c.without) {
			t.Errorf("%s: %q in\n%s", name, c.without, text)
		}
	}
}

// TestTopHostile: text of packets and interfaces moves no cursor.
func TestTopHostile(t *testing.T) {
	bad := "\x1b[2J\x1b]0;x\a\r\n\u202e\xff日"
	d := topMoment(1)
	f := d.Health.File
	f.Interfaces[0].Name, f.Interfaces[1].Name, f.Interfaces[1].Why, f.Interfaces[1].BlindSince = bad, bad, bad, topNow
	f.Talkers[0].Address = bad
	d.Rows[0].Title, d.Rows[0].ID = bad, bad
	d.Health = health.Judge(f, nil, topNow)
	d.Health.Word, d.NoStore = bad, ""
	for _, height := range []int{0, 24, 60} {
		text := (&topView{data: d, width: 150, height: height}).text()
		if strings.ContainsAny(text, "\x1b\a\r\u202e") || strings.Contains(text, "\xff") || !strings.Contains(text, `\u{1b}[2J`) {
			t.Errorf("%q", text)
		}
		if height > 0 && strings.Count(text, "\n") != height {
			t.Errorf("%d lines", strings.Count(text, "\n"))
		}
	}
}

// TestTopModel: keys, resizing, holding still, the end.
func TestTopModel(t *testing.T) {
	n := 0
	gather := func() *topData {
		n++
		d := topMoment(50)
		d.Health.File.Time = topNow.Add(time.Duration(n) * time.Second)
		return d
	}
	m := &topModel{view: topView{width: 80, height: 24}}
	if s := m.text(); s != "reading…" {
		t.Errorf("%q", s)
	}
	key := func(sent string) (over bool) {
		for _, k := range keysOf([]byte(sent)) {
			over = m.key(k) || over
		}
		return over
	}
	m.took(gather())
	shows := func(what, want string, yes bool) {
		t.Helper()
		if strings.Contains(m.text(), want) != yes {
			t.Errorf("%s: %q is there: %v\n%s", what, want, !yes, m.text())
		}
	}
	shows("first", "FS-000000", true)
	key("j")
	key("\x1b[B")
	shows("two down", "FS-000001", false)
	shows("two down", "FS-000002", true)
	shows("two down", "from number 3 on", true)
	key("k")
	shows("one up", "FS-000001", true)
	key(strings.Repeat("\x1bOB", 100))
	shows("the last", "FS-000049", true)
	key("\x1b[H")
	shows("home", "FS-000000", true)
	key("?")
	shows("help", "hold the screen still", true)
	if key("\x1b") {
		t.Error("Escape ends while the help is shown")
	}
	shows("no help", "hold the screen still", false)
	m.view.width, m.view.height = 40, 12
	if got := strings.Count(m.text(), "\n") + 1; got != 12 {
		t.Errorf("%d lines after resizing", got)
	}
	if got := strings.Count(m.screen(), "\r\n") + 1; got != 12 || strings.Contains(strings.ReplaceAll(m.screen(), "\r\n", ""), "\n") {
		t.Errorf("%d lines on the screen, or one without a return: %q", got, m.screen())
	}
	m.view.width, m.view.height = 80, 24
	key(" ")
	shows("held", "held still", true)
	was := m.view.data
	if m.took(gather()); m.view.data != was {
		t.Error("what is held still moves")
	}
	key(" ")
	if m.took(gather()); m.view.data == was {
		t.Error("it stays still")
	}
	for range 3 * topHistory {
		m.took(gather())
	}
	if len(m.view.rates) != topHistory {
		t.Errorf("%d rates are kept", len(m.view.rates))
	}
	for _, sent := range []string{"q", "\x1b", "\x03", "\x04", "jjq"} {
		if !key(sent) {
			t.Errorf("%q does not end it", sent)
		}
	}
}

// TestTopKeys: what a terminal sends is taken apart whatever it is, and hostile bytes are no keys.
func TestTopKeys(t *testing.T) {
	for sent, want := range map[string]string{"": "", "ab": "a b", "\x1b[A\x1b[6~x": "up pgdown x", "\x1b[1;5Dq": "q", "\x1bj": "", "\x1b[": "", "\x1b[99": "", "\x00\x07\xc3\xa4q": "q", "\x1bOP": "f1"} {
		if got := strings.Join(keysOf([]byte(sent)), " "); got != want {
			t.Errorf("%q: %q, want %q", sent, got, want)
		}
	}
}

// TestTopOnce: without a terminal it prints one moment and ends.
func TestTopOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "status.json")
	if err := health.Write(file, &health.File{Version: 1, Time: time.Now(), Every: 60, Healthy: true, Packets: 5, Interfaces: []health.Interface{{Name: "eth0"}}}); err != nil {
		t.Fatal(err)
	}
	if r := runApp(strings.NewReader(""), "top", "--status", file, "--store", dir); r.code != 0 || !strings.Contains(r.stdout, "● watching") || !strings.Contains(r.stdout, "there is no store") || strings.Contains(r.stdout, "\x1b") {
		t.Errorf("%+v", r)
	}
	capture := filepath.Join(repository, "testdata", "captures", "founding-timewait", "founding.pcap")
	if r := runApp(strings.NewReader(""), "read", capture, "--store", dir, "-q"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	config := filepath.Join(dir, "config.yaml") // not that of this machine
	if err := os.WriteFile(config, []byte("capture:\n  ring: 64M\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := runApp(strings.NewReader(""), "top", "--json", "--store", dir, "--config", config)
	var v struct {
		Mood     string
		Findings []struct{ ID, Code, Last string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || v.Mood != "unknown" || len(v.Findings) != 1 || v.Findings[0].Code != "tcp-timewait-reuse" {
		t.Errorf("%v %+v", err, r)
	}
	if r := runApp(strings.NewReader(""), "top", "--once", "--store", dir, "--status", file, "--color", "always"); !strings.Contains(r.stdout, "2005-06-13") || !strings.Contains(r.stdout, "\x1b[1;31mHIGH") {
		t.Errorf("%+v", r)
	}
	if r := runApp(strings.NewReader(""), "top", "--store", filepath.Join(dir, "none"), "--config", config); r.code != exitUsage || !strings.Contains(r.stderr, "there is nothing to show") {
		t.Errorf("%+v", r)
	}
}

// TestCells: widths as a terminal has them; styles take no cells and survive a cut.
func TestCells(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		want string
	}{
		{"abcdef", 6, "abcdef"}, {"abcdef", 5, "abcd…"}, {"abcdef", 1, "…"}, {"abcdef", 0, ""}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"}, {"\x1b[1mabc\x1b[0mdef", 4, "\x1b[1mabc\x1b[0m…"}, {"\x1b[", 9, "\x1b["},
	} {
		if got := cut(c.s, c.most); got != c.want || widthOf(got) > max(c.most, 0) && c.most > 0 {
			t.Errorf("%q in %d: %q, want %q", c.s, c.most, got, c.want)
		}
	}
	if got := strings.Join(wrapped("blind on eth0 since 日本語日本語 x", 9), "|"); got != "blind on|eth0|since|日本語日|本語 x" {
		t.Errorf("%q", got)
	}
}
