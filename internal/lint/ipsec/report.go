package ipsec

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"firestorm/internal/finding"
)

// Report is all that one question was answered with.
type Report struct {
	Side       *Side
	Notes      []Note
	Verdicts   []Verdict
	Alone      []string // connections here without a counterpart
	AloneThere []string
	Peer       *Side // nil: no --peer
	Upgrade    *Upgrade
}

// Worst is the highest severity in the report: of notes, and high for two ends that will not agree.
func (r *Report) Worst() (finding.Severity, bool) {
	worst, any := finding.Info, false
	for _, n := range r.Notes {
		worst, any = max(worst, n.Severity), true
	}
	for i := range r.Verdicts {
		switch r.Verdicts[i].Outcome {
		case Refuse, Rekey:
			worst, any = max(worst, finding.High), true
		case Narrower:
			worst, any = max(worst, finding.Medium), true
		}
	}
	if r.Upgrade != nil {
		for _, n := range r.Upgrade.Changes {
			worst, any = max(worst, n.Severity), true
		}
	}
	return worst, any
}

// clean takes out what could steer a terminal.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == unicode.ReplacementChar || unicode.Is(unicode.Cf, c) {
			return '?'
		}
		return c
	}, s)
}

// fold breaks a text at blanks; lines after the first begin with indent.
func fold(s, indent string) string {
	var b strings.Builder
	col := len(indent)
	for i, w := range strings.Fields(clean(s)) {
		n := len([]rune(w))
		switch {
		case i == 0:
		case col+1+n > 118:
			b.WriteString("\n" + indent)
			col = len(indent)
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(w)
		col += n
	}
	return b.String()
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, a...)
	}
}

func (p *printer) row(name, text string) {
	if text != "" {
		p.f("    %-8s%s\n", name, fold(text, "            "))
	}
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	p := &printer{w: w}
	p.head("", r.Side)
	if r.Peer != nil {
		p.head("peer: ", r.Peer)
	}
	p.verdicts(r)
	for _, c := range order(r.Notes) {
		title := c
		if c == "" {
			title = "the files themselves"
		}
		p.f("\n%s\n", clean(title))
		for _, n := range r.Notes {
			if n.Conn == c {
				p.note(n)
			}
		}
	}
	if r.Upgrade != nil {
		p.upgrade(r.Upgrade)
	}
	p.f("\n%s\n", r.summary())
	return p.err
}

// order is the connections' names as they come, the files themselves last.
func order(ns []Note) []string {
	var out []string
	seen, files := map[string]bool{}, false
	for _, n := range ns {
		switch {
		case n.Conn == "":
			files = true
		case !seen[n.Conn]:
			seen[n.Conn] = true
			out = append(out, n.Conn)
		}
	}
	if files {
		out = append(out, "")
	}
	return out
}

func (p *printer) head(who string, s *Side) {
	line := who + shortList(s.Files)
	if s.Flavour.Program != "" {
		line += "  " + s.Flavour.String()
		if s.Flavour.Guess != "" {
			line += " (guessed: " + s.Flavour.Guess + "; --flavour says otherwise)"
		}
	}
	p.f("%s  %s\n", fold(line, "  "), plural(len(s.Conns), "connection"))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (p *printer) note(n Note) {
	where := n.File
	if n.Line > 0 {
		where += ":" + itoa(n.Line)
	}
	p.f("  %-8s%s\n", strings.ToUpper(n.Level), fold(n.What+"  · "+n.Code+" · "+where, "          "))
	p.row("why", n.Why)
	p.row("change", n.Change)
	if n.Ref != "" {
		p.row("see", n.Ref)
	}
}

func (p *printer) verdicts(r *Report) {
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		p.f("\n%s\n", fold(v.Here+" and the peer's "+v.Peer+" "+words[v.Outcome]+unsure(v), ""))
		var hard, soft []Mismatch
		for _, m := range v.Mismatches {
			if m.Stage == stageRekey || m.Stage == stageNarrow {
				soft = append(soft, m)
			} else {
				hard = append(hard, m)
			}
		}
		for k, m := range append(hard, soft...) {
			label := "also"
			if k == 0 {
				label = "first"
			}
			p.f("  %-8s%s\n", label, fold(m.Topic+" · "+m.Stage, "          "))
			p.row("here", m.Here)
			p.row("peer", m.Peer)
			who := "the peer"
			if m.Who == "here" {
				who = "this side"
			}
			p.row("says", who+": "+m.Says+". Its log: "+m.Seen)
			p.row("change", m.Change)
		}
		if len(v.Agreed) > 0 {
			p.f("  %-8s%s\n", "agreed", fold(strings.Join(v.Agreed, "; "), "          "))
		}
		if len(v.Unknown) > 0 {
			p.f("  %-8s%s\n", "unknown", fold("not compared: "+strings.Join(v.Unknown, "; "), "          "))
		}
		for _, x := range v.Remarks {
			p.f("  %-8s%s\n", "note", fold(x, "          "))
		}
		if v.OtherWay != "" {
			p.f("  %-8s%s\n", "other", fold(v.OtherWay, "          "))
		}
	}
	for _, a := range r.Alone {
		p.f("\n%s: the peer has no connection for it\n", clean(a))
	}
	for _, a := range r.AloneThere {
		p.f("\nthe peer's %s: there is no connection here for it\n", clean(a))
	}
}

func unsure(v *Verdict) string {
	if v.Sure || v.Outcome == Unclear {
		return ""
	}
	return " (probably: it rests on what the programs offer by themselves, which differs with how they were built)"
}

func (r *Report) summary() string {
	count := map[string]int{}
	for _, n := range r.Notes {
		count[n.Level]++
	}
	var parts []string
	for _, l := range []string{"critical", "high", "medium", "low", "info"} {
		if count[l] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[l], l))
		}
	}
	s := plural(len(r.Notes), "note")
	if len(parts) > 0 {
		s += " (" + strings.Join(parts, ", ") + ")"
	}
	if r.Peer != nil {
		n := map[Outcome]int{}
		for i := range r.Verdicts {
			n[r.Verdicts[i].Outcome]++
		}
		s += fmt.Sprintf("; %s with the peer: %d will agree, %d will not, %d cannot tell", plural(len(r.Verdicts), "tunnel"), n[Agree]+n[Narrower], n[Refuse]+n[Rekey], n[Unclear])
	}
	return s
}

// JSON writes the report as one object a line: notes, verdicts, changes of an upgrade, and a summary.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, n := range r.Notes {
		if err := e.Encode(struct {
			Type string `json:"type"`
			Note
		}{"note", n}); err != nil {
			return err
		}
	}
	for i := range r.Verdicts {
		if err := e.Encode(struct {
			Type string `json:"type"`
			Verdict
		}{"pair", r.Verdicts[i]}); err != nil {
			return err
		}
	}
	if r.Upgrade != nil {
		for _, n := range r.Upgrade.Changes {
			if err := e.Encode(struct {
				Type    string `json:"type"`
				From    string `json:"from"`
				To      string `json:"to"`
				Version string `json:"since"`
				Note
			}{"upgrade", r.Upgrade.From.String(), r.Upgrade.To.String(), n.Since, n.Note}); err != nil {
				return err
			}
		}
	}
	sum := struct {
		Type        string   `json:"type"`
		Version     int      `json:"version"`
		Files       []string `json:"files"`
		Program     string   `json:"program,omitempty"`
		Connections int      `json:"connections"`
		Notes       int      `json:"notes"`
		Pairs       int      `json:"pairs"`
		Alone       []string `json:"without_counterpart,omitempty"`
		AloneThere  []string `json:"peer_without_counterpart,omitempty"`
	}{"summary", 1, r.Side.Files, r.Side.Flavour.String(), len(r.Side.Conns), len(r.Notes), len(r.Verdicts), r.Alone, r.AloneThere}
	return e.Encode(sum)
}
