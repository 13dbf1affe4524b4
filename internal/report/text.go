package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// WriteText writes the report for a terminal or a plain file.
func WriteText(w io.Writer, r *Report, o Options) error {
	v, p := newView(r, &o), newPage(&o)
	v.textHeader(p, &o)
	for _, f := range v.shown {
		p.blank()
		v.textFinding(p, f, &o)
	}
	if len(v.possible) > 0 {
		p.blank()
		for _, f := range v.possible {
			v.textPossible(p, f)
		}
	}
	for _, f := range v.cannot {
		p.blank()
		v.textCannot(p, f)
	}
	if len(r.Hits) > 0 {
		p.blank()
		p.headline("RULES MATCHED", styleYellow, v.hitCount(), "")
		p.fields("rules", v.hitLines())
	}
	switch v.verdict {
	case CannotTell:
		if len(v.cannot) == 0 {
			p.blank()
			v.textBlind(p)
		}
	case NothingWrong, Unexplained:
		p.blank()
		if v.verdict == Unexplained {
			p.headline("NOT EXPLAINED", styleYellow, r.unexplained(), "")
		} else {
			p.headline("NOTHING WRONG", styleGreen, v.fine(), "")
		}
		p.fields("checked", r.Checked)
		p.fields("cannot show", v.gateLines())
	}
	if v.verdict != Found {
		v.textOverview(p)
	}
	if len(r.Undecided) > 0 && (v.verdict != Found || o.Verbose) {
		p.fields("left open", r.Undecided)
	}
	if v.verdict == Found || v.verdict == OnlyPossible {
		if g := v.gateLines(); len(g) > 0 {
			p.blank()
			p.fields("cannot show", g)
		}
	}
	if o.Verbose {
		v.textAccount(p)
	}
	if v.verdict != Found {
		p.blank()
	}
	p.para("", 0, "", v.count())
	_, err := w.Write(p.b.Bytes())
	return err
}

// WriteFinding writes one finding in full, as `findings show` prints it.
func WriteFinding(w io.Writer, r *Report, f *finding.Finding, o Options) error {
	p := newPage(&o)
	v := newView(r, &o)
	if f.Confidence == finding.CannotTell {
		v.textCannot(p, f)
	} else {
		v.textFinding(p, f, &o)
	}
	_, err := w.Write(p.b.Bytes())
	return err
}

func (v *view) textHeader(p *page, o *Options) {
	for _, l := range v.headLines() {
		name := Visible(l.name) + "  "
		if runes(name) > 24 { // a long name gets a line of its own
			p.b.WriteString(p.styled(styleBold, Visible(l.name)) + "\n")
			name = strings.Repeat(" ", indent)
		}
		p.para(p.styled(styleBold, name), runes(name), "", l.text)
	}
	if n, _ := v.packets(); n > 0 && (o.Verbose || v.Zone != nil) {
		p.para("captured: ", 10, "", v.stamp(v.start())+" to "+v.stamp(v.start().Add(v.span())))
	}
	for _, f := range v.Files {
		if f.Damaged != "" {
			p.para("damaged: ", 9, styleYellow, f.Damaged)
		}
	}
	for _, w := range v.Warnings {
		p.para("warning: ", 9, styleYellow, w)
	}
	for _, n := range v.Notes {
		p.para("note: ", 6, "", n)
	}
}

type headLine struct{ name, text string }

// headLines says what was read: one line for one file, else one line each and one for all.
func (v *view) headLines() []headLine {
	one := func(f *File) string {
		return plural(f.Packets, "packet", "packets") + ", " + Coarse(f.To.Sub(f.From))
	}
	end := ", " + plural(v.Conversations, "conversation", "conversations") + ", " + v.account()
	if h := v.home(); h != "" {
		end += "; " + h
	}
	if len(v.Files) == 1 {
		return []headLine{{v.FileName(0), one(&v.Files[0]) + end}}
	}
	var lines []headLine
	for i := range v.Files {
		lines = append(lines, headLine{v.FileName(uint16(i)), one(&v.Files[i])})
	}
	n, _ := v.packets()
	return append(lines, headLine{"together", plural(n, "packet", "packets") + ", " + Coarse(v.span()) + end})
}

func tail(f *finding.Finding) string {
	t := f.Confidence.String() + " · " + f.Code.ID + " · " + f.ID
	if f.Revision > 1 {
		t += fmt.Sprintf(" · revision %d", f.Revision)
	}
	return t
}

func (v *view) textFinding(p *page, f *finding.Finding, o *Options) {
	p.headline(strings.ToUpper(f.Severity.String()), severityStyle(f.Severity), title(f), tail(f))
	if o.Verbose {
		p.field("in short", f.Summary)
	}
	if v.named(f) || o.Verbose {
		p.field("who", v.parties(f))
	}
	if o.Verbose {
		p.field("when", v.when(f))
	}
	p.field("why", f.Why)
	p.field("impact", impact(f))
	p.fields("facts", v.facts(f))
	p.fields("ruled out", v.ruledOut(f))
	p.fields("could still be", stillOpen(f))
	for _, g := range f.Gates {
		p.field("not shown", gateLine(&g, ""))
	}
	if o.Verbose {
		p.field("disproved by", f.WrongIf)
	}
	v.textRemedy(p, f)
	p.command("check", f.Check, f.CheckNote)
	if f.Check == "" {
		p.field("check", f.CheckNote)
	}
	v.textPackets(p, f)
	p.fields("also explains", alsoExplains(f))
	if o.Verbose {
		p.fields("see", f.References)
	}
}

func (v *view) textRemedy(p *page, f *finding.Finding) {
	where, by := places(f.Remedy)
	wide := 0
	for _, w := range where {
		wide = max(wide, runes(string(w)))
	}
	label := "do"
	for _, w := range where {
		first := p.styled(styleBold, string(w)) + strings.Repeat(" ", wide-runes(string(w))+2)
		for _, step := range by[w] {
			p.para(p.label(label)+first, column+wide+2, "", step.Text)
			label, first = "", strings.Repeat(" ", wide+2)
			p.lines(column+wide+4, step.Run)
		}
	}
}

// textPackets writes the frames and the command that saves them, whole, so that it can be copied.
func (v *view) textPackets(p *page, f *finding.Finding) {
	frames, command := Visible(v.Frames(refsOf(f))), Visible(v.evidence(f))
	if room := p.width - column - runes(frames) - 4; command != "" && room >= runes(command) {
		p.b.WriteString(p.label("packets") + frames + "    " + p.styled(styleBold, command) + "\n")
		return
	}
	p.field("packets", frames)
	p.command("", command, "")
}

func (v *view) textPossible(p *page, f *finding.Finding) {
	p.headline("POSSIBLE", styleYellow, title(f), f.Code.ID+" · "+f.ID)
	p.fields("could also be", stillOpen(f))
	p.field("packets", v.Frames(refsOf(f)))
}

func (v *view) textCannot(p *page, f *finding.Finding) {
	p.headline("CANNOT TELL", styleYellow, title(f), f.Code.ID+" · "+f.ID)
	var how []string
	for _, g := range f.Gates {
		p.field("why", gateLine(&g, ""))
		how = appendNew(how, g.How)
	}
	p.fields("seen", v.facts(f))
	p.fields("could be", stillOpen(f))
	for i, h := range how {
		label := ""
		if i == 0 {
			label = "capture again"
		}
		p.command(label, h, "")
	}
	p.field("packets", v.Frames(refsOf(f)))
}

func (v *view) textBlind(p *page) {
	if n, _ := v.packets(); n == 0 {
		p.headline("CANNOT TELL", styleYellow, "there is no packet in this input", "")
		return
	}
	p.headline("CANNOT TELL", styleYellow, "this capture cannot show whether anything is wrong", "")
	var how []string
	for _, g := range v.Gates {
		p.field("why", gateLine(&g.GateResult, g.Where))
		how = appendNew(how, g.How)
	}
	for i, h := range how {
		label := ""
		if i == 0 {
			label = "capture again"
		}
		p.command(label, h, "")
	}
	p.fields("still checked", v.Checked)
}

func (v *view) textOverview(p *page) {
	var rows [][]string
	for i := range v.Talkers {
		t := &v.Talkers[i]
		rows = append(rows, []string{v.host(t.Client), "→ " + v.host(t.Server), t.Services, number(t.Conversations), Size(t.Bytes)})
	}
	p.table("who talked", "<<<>>", []string{"client", "  server", "services", "conversations", "volume"}, rows)
	rows = nil
	for i := range v.Services {
		rows = append(rows, v.serviceRow(&v.Services[i]))
	}
	p.table("services", "<>>>>>>>", serviceHead, rows)
	if len(rows) > 0 {
		p.para(strings.Repeat(" ", 2*indent), 2*indent, styleDim, "connect: median / longest; answer: mean / longest")
	}
	rows = nil
	for i := range v.Slowest {
		s := &v.Slowest[i]
		rows = append(rows, []string{Duration(s.Took), s.What, v.Frames(s.Refs)})
	}
	p.table("slowest", "><<", []string{"took", "what", "packets"}, rows)
	rows = nil
	for _, s := range v.TimeWent {
		rows = append(rows, []string{Duration(s.Time), s.What})
	}
	p.table("time went", "><", []string{"time", "into"}, rows)
}

func (v *view) textAccount(p *page) {
	if len(v.Capture.Reasons) == 0 {
		return
	}
	p.blank()
	label := "not used"
	for _, x := range v.Capture.Reasons {
		p.field(label, number(x.Count)+"  "+x.What)
		label = ""
	}
}

var serviceHead = []string{"service", "clients", "attempts", "answered", "refused", "silent", "connect", "answer"}

func (v *view) serviceRow(s *Service) []string {
	return []string{serviceName(s), number(s.Clients), number(s.Attempts), number(s.Answered) + rate(s), number(s.Refused),
		number(s.Silent), pair(s.ConnectMedian, s.ConnectMax), pair(s.AnswerMean, s.AnswerMax)}
}

func serviceName(s *Service) string {
	n := endpoint(s.Addr, s.Port) + "/" + strings.ToLower(s.Proto)
	if s.App != "" {
		n += " " + s.App
	}
	return n
}

// rate is the share of decided attempts that were answered; a share of few is not worth a figure.
func rate(s *Service) string {
	n := s.Attempts - s.Undecided()
	if n == 0 {
		return ""
	}
	pct := fmt.Sprintf(" (%d %%)", s.Answered*100/n)
	return pct
}

func pair(typical, longest time.Duration) string {
	if longest == 0 {
		return "-"
	}
	return Duration(typical) + " / " + Duration(longest)
}

// The blocks of a finding as lines, shared by all forms.

func title(f *finding.Finding) string {
	if f.Title != "" {
		return f.Title
	}
	return f.Code.Title
}

func impact(f *finding.Finding) string {
	s := f.Impact
	if f.Count > 1 && s == "" {
		s = fmt.Sprintf("seen %s times", number(f.Count))
	}
	if f.Suppressed > 0 {
		if s != "" {
			s += "; "
		}
		s += plural(f.Suppressed, "finding", "findings") + " like it held back before by its rate"
	}
	return s
}

func (r *Report) when(f *finding.Finding) string {
	s := r.stamp(f.First.Time)
	if f.Last.Time != f.First.Time && !f.Last.IsZero() {
		s += " to " + r.stamp(f.Last.Time)
	}
	return s
}

func (v *view) named(f *finding.Finding) bool {
	for i := range f.Subjects {
		if n, _ := v.name(f.Subjects[i].Addr); n != "" || f.Subjects[i].Name != "" {
			return true
		}
	}
	return false
}

func (v *view) parties(f *finding.Finding) string {
	var s []string
	for i := range f.Subjects {
		s = append(s, v.party(&f.Subjects[i]))
	}
	return strings.Join(s, "; ")
}

func (v *view) facts(f *finding.Finding) []string {
	var s []string
	for _, x := range f.Facts {
		s = append(s, v.with(x.Text, x.Refs))
	}
	return s
}

func (v *view) ruledOut(f *finding.Finding) []string {
	var s []string
	for _, a := range f.RuledOut {
		s = append(s, v.with(a.Name+": "+a.Text, a.Refs))
	}
	return s
}

func stillOpen(f *finding.Finding) []string {
	var s []string
	for _, a := range f.CouldBe {
		t := a.Name
		if a.Text != "" {
			t += ": " + a.Text
		}
		s = append(s, t)
	}
	return s
}

func alsoExplains(f *finding.Finding) []string {
	var s []string
	for _, x := range f.Explains {
		t := x.Code
		if x.Text != "" {
			t = x.Text + " (" + x.Code + ")"
		}
		if x.Count > 1 {
			t = fmt.Sprintf("%s × %s", number(x.Count), t)
		}
		s = append(s, t)
	}
	return s
}

func (v *view) evidence(f *finding.Finding) string {
	if v.Evidence == nil {
		return ""
	}
	return v.Evidence(f)
}

func (v *view) gateLines() []string {
	var s []string
	for _, g := range v.Gates {
		s = append(s, gateLine(&g.GateResult, g.Where)+how(g.How))
	}
	return s
}

func how(h string) string {
	if h == "" {
		return ""
	}
	return " To see it: " + h
}

func gateLine(g *finding.GateResult, where string) string {
	s := g.Text
	if where != "" {
		s = where + ": " + s
	}
	return s + " [" + g.Gate.String() + "]"
}

func appendNew(list []string, s string) []string {
	if s == "" {
		return list
	}
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

// frame writes one frame for a table.
func (v *view) frame(ref packet.Ref) string { return v.Frames([]packet.Ref{ref}) }
