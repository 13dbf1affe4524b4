package report

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Horizontal places of the drawing.
const (
	svgWidth = 860
	xTime    = 84  // right edge of the times
	xFrame   = 132 // right edge of the frame numbers
	xClient  = 176
	xServer  = 556
	xNote    = 578
	slant    = 9 // how far an arrow falls on its way

	noteWidth = 42 // characters of the margin's lines
	roomy     = 54 // a step this high has room for its length in words
)

// AppendSVG draws the conversation of f as an SVG element with title and description; it draws nothing when the finding
// has no steps. Its colours come from the classes of the page it stands in: edges, labels and shapes carry the meaning.
func AppendSVG(dst []byte, r *Report, f *finding.Finding) []byte {
	l, ok := layout(f)
	if !ok {
		return dst
	}
	var b strings.Builder
	id := svgID(f.ID)
	fmt.Fprintf(&b, `<svg class="ladder" role="img" aria-labelledby="%s-t %s-d" viewBox="0 0 %d %d" width="%d" height="%d" xmlns="http://www.w3.org/2000/svg">`,
		id, id, svgWidth, l.height, svgWidth, l.height)
	fmt.Fprintf(&b, `<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, id, esc("Conversation of "+l.client+" and "+l.server), id, esc(l.describe(r)))
	fmt.Fprintf(&b, `<defs><marker id="%s-a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" orient="auto-start-reverse"><path class="head" d="M0 .8 10 5 0 9.2z"/></marker></defs>`, id)
	fmt.Fprintf(&b, `<text class="end" x="%d" y="22" text-anchor="middle">%s</text><text class="end" x="%d" y="22" text-anchor="middle">%s</text>`,
		xClient, esc(clip(Visible(l.client), 34)), xServer, esc(clip(Visible(l.server), 34)))
	fmt.Fprintf(&b, `<text class="axis" x="%d" y="42" text-anchor="end">time</text><text class="axis" x="%d" y="42" text-anchor="end">frame</text>`, xTime, xFrame)
	l.lifelines(&b)
	for i := range l.rungs {
		l.arrow(&b, r, &l.rungs[i], id)
	}
	b.WriteString(`</svg>`)
	return append(dst, b.String()...)
}

// lifelines draws both verticals with a gap at every cut, and the cuts' labels.
func (l *ladder) lifelines(b *strings.Builder) {
	from := 34
	segment := func(to int) {
		for _, x := range []int{xClient, xServer} {
			fmt.Fprintf(b, `<path class="life" d="M%d %dV%d"/>`, x, from, to)
		}
	}
	for i, g := range l.rungs {
		if i > 0 && g.pause == 0 && !g.moved && g.y-l.rungs[i-1].y >= roomy {
			fmt.Fprintf(b, `<text class="wait" x="%d" y="%d" text-anchor="middle">%s</text>`, (xClient+xServer)/2,
				(l.rungs[i-1].y+slant+g.y-14)/2+5, esc(Duration(g.Ref.Time.Sub(l.rungs[i-1].Ref.Time))))
		}
		if g.pause == 0 {
			continue
		}
		mid := g.y - minStep + 4 // closer to the step after it: the one before needs room for its slant
		segment(mid - 13)
		for _, x := range []int{xClient, xServer} {
			fmt.Fprintf(b, `<path class="cut" d="M%d %dl14 -6M%d %dl14 -6"/>`, x-7, mid-8, x-7, mid+2)
		}
		fmt.Fprintf(b, `<rect class="pause" x="%d" y="%d" width="%d" height="22" rx="11"/><text class="pause-text" x="%d" y="%d" text-anchor="middle">%s of silence (not to scale)</text>`,
			(xClient+xServer)/2-130, mid-16, 260, (xClient+xServer)/2, mid-1, esc(Duration(g.pause)))
		from = mid + 3
	}
	segment(l.height - 12)
}

func (l *ladder) arrow(b *strings.Builder, r *Report, g *rung, id string) {
	x1, x2 := xClient, xServer
	if g.Dir == packet.ToClient {
		x1, x2 = x2, x1
	}
	class, dir := "hop", 1
	if x2 < x1 {
		dir = -1
	}
	if strings.Contains(g.Label, "RST") {
		class = "hop reset"
	}
	b.WriteString(`<g>`)
	fmt.Fprintf(b, `<text class="time" x="%d" y="%d" text-anchor="end">%s</text>`, xTime, g.y+4, esc(r.Clock(g.Ref.Time)))
	fmt.Fprintf(b, `<text class="frame" x="%d" y="%d" text-anchor="end">%s%d</text>`, xFrame, g.y+4, r.letter(g.Ref.Source), g.Ref.Frame)
	fmt.Fprintf(b, `<circle class="dot" cx="%d" cy="%d" r="3"/>`, x1, g.y)
	if g.Lost {
		fmt.Fprintf(b, `<path class="hop lost" d="M%d %dL%d %d" marker-end="url(#%s-a)"/>`, x1+dir*4, g.y, x2-dir*3, g.y+slant, id)
		fmt.Fprintf(b, `<path class="cross" d="M%d %dl10 10m0 -10l-10 10"/>`, x2+dir*8-5, g.y+slant-5)
	} else {
		fmt.Fprintf(b, `<path class="%s" d="M%d %dL%d %d" marker-end="url(#%s-a)"/>`, class, x1+dir*4, g.y, x2-dir*3, g.y+slant, id)
	}
	fmt.Fprintf(b, `<text class="label" x="%d" y="%d" text-anchor="middle">%s</text>`, (x1+x2)/2, g.y-2, esc(clip(Visible(g.Label), 44)))
	note := g.Note
	if g.Lost {
		note = joinNote("no answer", note)
	}
	for i, line := range notes(note) {
		x := xNote
		if g.Lost && g.Dir == packet.ToServer {
			x += 4
		}
		fmt.Fprintf(b, `<text class="note" x="%d" y="%d">%s</text>`, x, g.y+12+i*15, esc(line))
	}
	b.WriteString(`</g>`)
}

// joinNote puts a before b, unless b says it already.
func joinNote(a, b string) string {
	if b == "" {
		return a
	}
	if strings.Contains(b, a) {
		return b
	}
	return a + "; " + b
}

// notes breaks a note into at most two lines of the margin.
func notes(s string) []string {
	if s == "" {
		return nil
	}
	lines := wrap(Visible(s), noteWidth)
	if len(lines) > 2 {
		lines = append(lines[:1], clip(lines[1]+" "+lines[2], noteWidth))
	}
	for i := range lines {
		lines[i] = clip(lines[i], noteWidth)
	}
	return lines
}

// letter stands for a file where there are several: the drawing has no room for names.
func (r *Report) letter(source uint16) string {
	switch {
	case !r.MultiSource():
		return ""
	case source < 26:
		return string(rune('a'+source)) + ":"
	}
	return strconv.Itoa(int(source)) + ":"
}

// legend says which files the letters of a drawing stand for.
func (l *ladder) legend(r *Report) string {
	if !r.MultiSource() {
		return ""
	}
	used := map[uint16]bool{}
	for _, g := range l.rungs {
		used[g.Ref.Source] = true
	}
	var s []string
	for i := range r.Files {
		if used[uint16(i)] {
			s = append(s, strings.TrimSuffix(r.letter(uint16(i)), ":")+" is "+r.FileName(uint16(i)))
		}
	}
	return " Frames: " + strings.Join(s, ", ") + "."
}

// scaleNote says how the drawing relates to time.
func (l *ladder) scaleNote() string {
	s := "Time runs downwards."
	switch {
	case l.scale > 0 && l.cuts > 0:
		s += " Between the breaks distances are to scale"
	case l.scale > 0:
		s += " Distances are to scale"
	default:
		return s
	}
	if l.moved {
		s += ", except that steps less than " + Duration(durationOf(minStep/l.scale)) + " apart are moved apart to be readable"
	}
	s += "."
	if l.cuts > 0 {
		s += " " + plural(l.cuts, "long silence is", "long silences are") + " cut short, each with its length."
	}
	return s
}

// describe tells the drawing to those who cannot see it.
func (l *ladder) describe(r *Report) string {
	lost := 0
	for _, g := range l.rungs {
		if g.Lost {
			lost++
		}
	}
	s := plural(len(l.rungs), "step", "steps") + " from " + r.Clock(l.from) + " to " + r.Clock(l.to) + ", left to right from client to server"
	if lost > 0 {
		s += "; " + number(lost) + " without an answer"
	}
	return s + ". The table below has the same steps. " + l.scaleNote() + l.legend(r)
}

// svgID is the finding's id as an XML name: everything else is left out.
func svgID(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, "l-"+s)
}

func esc(s string) string { return html.EscapeString(Visible(s)) }
