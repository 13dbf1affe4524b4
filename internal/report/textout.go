package report

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"firestorm/internal/finding"
)

// Columns of the text form.
const (
	minWidth = 80
	indent   = 2
	column   = 17 // where the text after a label begins
)

// ANSI styles. A style never carries meaning alone: the words are there too.
const (
	styleOff    = "\x1b[0m"
	styleBold   = "\x1b[1m"
	styleDim    = "\x1b[2m"
	styleRed    = "\x1b[1;31m"
	styleYellow = "\x1b[1;33m"
	styleBlue   = "\x1b[1;34m"
	styleGreen  = "\x1b[1;32m"
	styleCyan   = "\x1b[36m"
	styleAlarm  = "\x1b[1;97;41m"
)

// page lays out text in columns. All text given to it is made Visible here.
type page struct {
	b     bytes.Buffer
	width int
	color bool
}

func newPage(o *Options) *page {
	w := o.Width
	if w == 0 {
		w = DefaultWidth
	}
	return &page{width: max(w, minWidth), color: o.Color}
}

func (p *page) styled(style, s string) string {
	if !p.color || style == "" || s == "" {
		return s
	}
	return style + s + styleOff
}

func (p *page) blank() { p.b.WriteByte('\n') }

// para writes text from column at on, wrapped; first is printed before it on the first line, already laid out.
func (p *page) para(first string, at int, style, text string) {
	for i, line := range wrap(Visible(text), p.width-at) {
		if i == 0 {
			p.b.WriteString(first)
		} else {
			p.b.WriteString(strings.Repeat(" ", at))
		}
		p.b.WriteString(p.styled(style, line))
		p.b.WriteByte('\n')
	}
}

// field writes "  label          text"; a label of "" continues the one before.
func (p *page) field(label, text string) {
	if text == "" {
		return
	}
	p.para(p.label(label), column, "", text)
}

// fields writes one entry a line under one label.
func (p *page) fields(label string, texts []string) {
	for _, t := range texts {
		if t == "" {
			continue
		}
		p.field(label, t)
		label = ""
	}
}

func (p *page) label(label string) string {
	pad := strings.Repeat(" ", max(1, column-indent-utf8.RuneCountInString(label)))
	return strings.Repeat(" ", indent) + p.styled(styleCyan, label) + pad
}

// command writes text that somebody will paste: never wrapped, never cut by a style in the middle.
func (p *page) command(label, text, note string) {
	if text == "" {
		return
	}
	text = Visible(text)
	p.b.WriteString(p.label(label) + p.styled(styleBold, text))
	if note = Visible(note); note != "" {
		if column+runes(text)+3+runes(note) <= p.width {
			p.b.WriteString("   " + p.styled(styleDim, note))
		} else {
			p.blank()
			p.para(strings.Repeat(" ", column), column, styleDim, note)
			return
		}
	}
	p.blank()
}

// lines writes the lines of a step to paste, each whole, with the platform in front.
func (p *page) lines(at int, cs []finding.Command) {
	wide := 0
	for _, c := range cs {
		wide = max(wide, runes(Visible(c.On)))
	}
	for _, c := range cs {
		on := ""
		if wide > 0 {
			on = Visible(c.On)
			on = p.styled(styleDim, on) + strings.Repeat(" ", wide-runes(on)+2)
		}
		p.b.WriteString(strings.Repeat(" ", at) + on + p.styled(styleBold, Visible(c.Line)) + "\n")
	}
}

// headline writes a verdict: a word, a sentence, and what is only for reference at the right or below.
func (p *page) headline(word, style, sentence, tail string) {
	at := runes(word) + 2
	lines := wrap(Visible(sentence), p.width-at)
	tail = Visible(tail)
	for i, line := range lines {
		if i == 0 {
			p.b.WriteString(p.styled(style, word) + "  ")
		} else {
			p.b.WriteString(strings.Repeat(" ", at))
		}
		p.b.WriteString(p.styled(styleBold, line))
		if i == len(lines)-1 && tail != "" {
			if free := p.width - at - runes(line) - runes(tail); free >= 2 {
				p.b.WriteString(strings.Repeat(" ", free))
			} else {
				p.b.WriteString("\n" + strings.Repeat(" ", at))
			}
			p.b.WriteString(p.styled(styleDim, tail))
		}
		p.blank()
	}
}

// table writes rows under a label, columns aligned; those marked '>' in align to the right. A table too wide for the
// page loses the ends of its longest texts, never a figure.
func (p *page) table(label, align string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	for _, row := range rows {
		for i := range row {
			row[i] = Visible(row[i])
		}
	}
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, c := range row {
			width[i] = max(width[i], runes(c))
		}
	}
	for {
		total, longest := 2*indent-2, -1
		for i, w := range width {
			total += w + 2
			if align[i] == '<' && w > 12 && (longest < 0 || w > width[longest]) {
				longest = i
			}
		}
		if total <= p.width || longest < 0 {
			break
		}
		width[longest]--
	}
	line := func(style string, row []string) {
		var b strings.Builder
		for i, c := range row {
			c = clip(c, width[i])
			pad := strings.Repeat(" ", width[i]-runes(c))
			if i > 0 {
				b.WriteString("  ")
			}
			if align[i] == '>' {
				b.WriteString(pad + c)
			} else {
				b.WriteString(c + pad)
			}
		}
		p.b.WriteString(strings.Repeat(" ", 2*indent) + p.styled(style, strings.TrimRight(b.String(), " ")) + "\n")
	}
	p.b.WriteString(strings.Repeat(" ", indent) + p.styled(styleCyan, label) + "\n")
	line(styleDim, head)
	for _, row := range rows {
		line("", row)
	}
}

func runes(s string) int { return utf8.RuneCountInString(s) }

func clip(s string, n int) string {
	if runes(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// wrap breaks text at spaces into lines of at most width characters. A number stays with its unit. A word longer than
// the line stands alone and whole, so that commands can be copied.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, w := range words(text) {
		switch {
		case line == "":
			line = w
		case runes(line)+1+runes(w) <= width:
			line += " " + w
		default:
			lines = append(lines, line)
			line = w
		}
	}
	if line == "" && len(lines) > 0 {
		return lines
	}
	return append(lines, line)
}

func words(text string) []string {
	fields := strings.Fields(text)
	out := fields[:0:0]
	for _, f := range fields {
		if n := len(out); n > 0 && units[strings.TrimRight(f, ".,;:)")] && number0(out[n-1]) {
			out[n-1] += " " + f
			continue
		}
		out = append(out, f)
	}
	return out
}

var units = map[string]bool{"s": true, "ms": true, "µs": true, "min": true, "h": true, "d": true, "B": true, "bytes": true,
	"kB": true, "MB": true, "GB": true, "%": true}

func number0(s string) bool {
	c := s[len(s)-1]
	return c >= '0' && c <= '9'
}

func severityStyle(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return styleAlarm
	case finding.High:
		return styleRed
	case finding.Medium:
		return styleYellow
	case finding.Low:
		return styleBlue
	}
	return styleBold
}
