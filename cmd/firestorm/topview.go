//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/health"
	"firestorm/internal/report"
)

// topView draws a moment into a width and a height; height 0: as many lines as it takes. All text of it is escaped here.
type topView struct {
	data          *topData
	rates         []float64 // packets a second of the last minutes, the newest last
	width, height int
	color         bool
	skip          int // findings above the first that is shown
	paused        bool
	help          bool
}

// Styles, as SGR parameters.
const (
	topBold   = "1"
	topDim    = "2"
	topRed    = "1;31"
	topYellow = "33"
	topGreen  = "32"
	topBlue   = "34"
)

func (v *topView) paint(style, s string) string {
	if !v.color || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// fit cuts a text to a width and fills it up to that.
func fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	s = cut(s, width)
	return s + strings.Repeat(" ", max(width-widthOf(s), 0))
}

// right puts a short text at the right end of a width.
func right(s string, width int) string {
	s = cut(s, max(width, 0))
	return strings.Repeat(" ", max(width-widthOf(s), 0)) + s
}

// sides puts b at the right end of a's line.
func (v *topView) sides(a, b string) string {
	n := v.width - widthOf(b) - 1
	if n < 10 {
		return fit(a, v.width)
	}
	return fit(a, n) + " " + b
}

var moodMarks = map[health.Mood][2]string{health.Well: {"●", topGreen}, health.Uneasy: {"▲", topYellow}, health.Blind: {"■", topRed}, health.Unknown: {"○", topRed}}

// text is the whole screen, a line break at the end of each line.
func (v *topView) text() string {
	lines := v.lines()
	if v.height > 0 && len(lines) > v.height {
		lines = lines[:v.height]
	}
	var b strings.Builder
	for _, l := range lines {
		if v.height > 0 {
			l = cut(l, v.width)
		}
		b.WriteString(strings.TrimRight(l, " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func (v *topView) lines() (out []string) {
	d := v.data
	mark := moodMarks[d.Health.Mood]
	clock := d.At.UTC().Format("2006-01-02 15:04:05 UTC")
	if v.paused {
		clock = "held still   " + clock
	}
	out = append(out, v.sides(v.paint(topBold, "firestorm top")+"   "+v.paint(mark[1], mark[0]+" "+report.Visible(d.Health.Word)), v.paint(topDim, clock)))
	for i, t := range d.Health.Text {
		if i == 2 && len(d.Health.Text) > 3 && v.height > 0 {
			out = append(out, fmt.Sprintf("and %d more such things", len(d.Health.Text)-2))
			break
		}
		lines := []string{report.Visible(t)}
		if v.height > 0 {
			lines = wrapped(lines[0], v.width)
		}
		out = append(out, lines[:min(len(lines), 3)]...)
	}
	if v.help {
		return v.foot(append(append(out, ""), topKeys...))
	}
	out = append(out, "")
	out = append(out, v.traffic()...)
	out = append(out, "")
	out = append(out, v.places()...)
	out = append(out, "")
	return v.foot(v.findings(out))
}

var topKeys = []string{
	"q, Esc       end",
	"?            this list, and back",
	"down, j      further down the findings",
	"up, k        back up; Home: to the newest",
	"space        hold the screen still, and go on",
	"",
	"firestorm findings show ID prints a finding; firestorm serve shows them in a browser",
}

// foot adds the line of keys as the last one of the screen.
func (v *topView) foot(out []string) []string {
	if v.height <= 0 {
		return out
	}
	room := max(v.height-1, 0)
	if len(out) > room {
		out = out[:room]
	}
	for len(out) < room {
		out = append(out, "")
	}
	return append(out, v.paint(topDim, "q end   ? keys   ↑ ↓ findings   space hold"))
}

// traffic says how much comes. What an old status says of rates is no rate.
func (v *topView) traffic() []string {
	f := v.data.Health.File
	if f == nil || f.Rate == nil || v.data.Health.Mood == health.Unknown {
		return []string{v.paint(topDim, "packets/s -   bytes/s -   dropped/s -")}
	}
	lost := "dropped/s " + health.Rounded(f.Rate.Lost)
	if f.Rate.Lost > 0 {
		lost = v.paint(topRed, lost)
	}
	unread := ""
	if f.Packets > 0 {
		unread = fmt.Sprintf("   not read %.2g %%", float64(f.Undecoded)*100/float64(f.Packets))
	}
	line := "packets/s " + v.paint(topBold, health.Rounded(f.Rate.Packets)) + "   bytes/s " + v.paint(topBold, health.Rounded(f.Rate.Bytes)) + "   " + lost + unread
	if n := v.width - widthOf(line) - 3; n >= 8 && len(v.rates) > 1 {
		line += "   " + v.paint(topBlue, spark(v.rates, min(n, 60)))
	}
	return []string{line}
}

// spark draws numbers as bars, the last n of them.
func spark(x []float64, n int) string {
	x = x[max(len(x)-n, 0):]
	most := 1.0
	for _, y := range x {
		most = max(most, y)
	}
	var b strings.Builder
	for _, y := range x {
		b.WriteRune([]rune("▁▂▃▄▅▆▇█")[min(int(y/most*7.999), 7)])
	}
	return b.String()
}

// topPlaces is how many interfaces and hosts a screen of 24 lines has room for.
const topPlaces = 6

// places are the interfaces, beside them the busiest hosts where there is room.
func (v *topView) places() []string {
	f := v.data.Health.File
	if f == nil {
		return []string{v.paint(topDim, "no interface is known")}
	}
	most := topPlaces
	if v.height <= 0 {
		most = 1 << 20
	} else if v.height > 30 {
		most = v.height / 4
	}
	wide := v.width
	two := v.width >= 76
	if two {
		wide = v.width*3/5 - 2
	} else if v.height > 0 {
		most = min(most, max(v.height/6, 1)) // one below the other: findings want room too
	}
	left := []string{v.paint(topBold, fit("INTERFACE", wide-32)+right("PACKETS", 12)+right("DROPPED", 10)+"  LAST")}
	for i := range f.Interfaces {
		if i == most-1 && len(f.Interfaces) > most {
			left = append(left, fmt.Sprintf("and %d more", len(f.Interfaces)-i))
			break
		}
		l := &f.Interfaces[i]
		last := "never"
		if !l.Last.IsZero() {
			last = l.Last.UTC().Format(time.TimeOnly)
		}
		line := fit(report.Visible(l.Name), wide-32) + right(fmt.Sprint(l.Packets), 12) + right(fmt.Sprint(l.Lost), 10) + "  " + last
		switch {
		case !l.BlindSince.IsZero():
			line = v.paint(topRed, fit(report.Visible(l.Name), 12)+fit(" blind since "+l.BlindSince.UTC().Format(time.TimeOnly)+" ("+report.Visible(l.Why)+")", wide-12))
		case l.Lost > 0:
			line = v.paint(topYellow, line)
		}
		left = append(left, line)
	}
	narrow := v.width
	if two {
		narrow = v.width - wide - 3
	}
	side := []string{v.paint(topBold, fit("BUSIEST HOSTS", narrow-10)+right("BYTES/S", 10))}
	if v.data.Health.Mood != health.Unknown {
		for i, t := range f.Talkers {
			if i == most {
				break
			}
			side = append(side, fit(report.Visible(t.Address), narrow-10)+right(health.Rounded(t.Bytes), 10))
		}
	}
	if len(side) == 1 {
		side = append(side, v.paint(topDim, "none just now"))
	}
	if !two {
		return append(append(left, ""), side...)
	}
	var out []string
	for i := range max(len(left), len(side)) {
		var a, b string
		if i < len(left) {
			a = left[i]
		}
		if i < len(side) {
			b = side[i]
		}
		out = append(out, fit(a, wide)+"   "+b)
	}
	return out
}

var severityPaint = map[finding.Severity]string{finding.Critical: topRed, finding.High: topRed, finding.Medium: topYellow, finding.Low: topBlue, finding.Info: topDim}

// findings adds the newest ones, as many as there is room for.
func (v *topView) findings(out []string) []string {
	d := v.data
	if d.NoStore != "" {
		return append(out, v.paint(topBold, "FINDINGS"), report.Visible(d.NoStore))
	}
	var parts []string
	for i := finding.Critical; i >= finding.Info; i-- {
		if n := d.Shown[i]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, i))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none were kept"}
	}
	if d.Muted > 0 {
		parts = append(parts, fmt.Sprintf("%d muted", d.Muted))
	}
	head := v.paint(topBold, "FINDINGS") + "   " + strings.Join(parts, ", ")
	skip := min(v.skip, max(len(d.Rows)-1, 0))
	if skip > 0 {
		head += v.paint(topDim, fmt.Sprintf("   from number %d on", skip+1))
	}
	out = append(out, head)
	room := len(d.Rows)
	if v.height > 0 {
		room = v.height - 1 - len(out)
	} else {
		room = min(room, 20)
	}
	for i := range d.Rows[skip:] {
		if i >= room {
			break
		}
		r := &d.Rows[skip+i]
		times := ""
		if r.Count > 1 {
			times = fmt.Sprintf(" (%d times)", r.Count)
		}
		seen := " "
		if r.Acked > 0 && r.Acked >= r.Revision {
			seen = "✓"
		}
		at := r.Last.Std().UTC().Format("01-02 15:04")
		if r.Last.Std().UTC().Year() != d.At.UTC().Year() {
			at = r.Last.Std().UTC().Format("2006-01-02 ")
		}
		out = append(out, at+" "+v.paint(severityPaint[r.Severity], fit(strings.ToUpper(r.Severity.String()), 8))+" "+seen+" "+report.Visible(r.ID)+"  "+report.Visible(r.Title)+times)
	}
	return out
}
