package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"firestorm/internal/finding"
)

// WriteMarkdown writes the report for a ticket, in GitHub-flavoured Markdown.
func WriteMarkdown(w io.Writer, r *Report, o Options) error {
	v, m := newView(r, &o), &markdown{}
	m.line("# %s", Markdown(v.markdownTitle()))
	for _, l := range v.headLines() {
		m.line("**%s**: %s", Markdown(l.name), Markdown(l.text))
	}
	for i := range v.Files {
		if d := v.Files[i].Damaged; d != "" {
			m.line("Damaged: %s: %s", Markdown(v.FileName(uint16(i))), Markdown(d))
		}
	}
	for _, x := range v.Warnings {
		m.line("Warning: %s", Markdown(x))
	}
	for _, x := range v.Notes {
		m.line("Note: %s", Markdown(x))
	}
	if len(v.Hits) > 0 {
		m.line("## %s", Markdown(v.hitCount()))
		m.list("Rules", v.hitLines())
	}
	for _, f := range v.shown {
		v.markdownFinding(m, f)
	}
	for _, f := range v.cannot {
		m.line("## Cannot tell: %s", Markdown(title(f)))
		m.gates(f.Gates)
		m.list("Seen", v.facts(f))
		m.list("Could be", stillOpen(f))
		m.last(v, f)
	}
	if v.verdict == CannotTell && len(v.cannot) == 0 {
		var g []finding.GateResult
		for _, x := range v.Gates {
			g = append(g, x.GateResult)
		}
		m.gates(g)
	}
	for _, f := range v.possible {
		m.line("## Possible: %s", Markdown(title(f)))
		m.list("Could also be", stillOpen(f))
		m.last(v, f)
	}
	if v.verdict != Found {
		v.markdownOverview(m)
	}
	m.line("%s", Markdown(v.count()))
	_, err := w.Write(bytes.TrimLeft(m.b.Bytes(), "\n"))
	return err
}

func (v *view) markdownTitle() string {
	if v.verdict == Found {
		return "Firestorm: " + plural(len(v.shown), "finding", "findings")
	}
	return "Firestorm: " + strings.ToLower(verdictWords[v.verdict])
}

func (v *view) markdownFinding(m *markdown, f *finding.Finding) {
	m.line("## %s: %s", strings.ToUpper(f.Severity.String()), Markdown(title(f)))
	m.line("%s · %s · %s", f.Confidence, markdownCode(f.Code.ID), markdownCode(f.ID))
	m.text("", sentence(f.Summary))
	m.text("Why", f.Why)
	m.text("Impact", impact(f))
	m.text("Who", v.parties(f))
	m.text("When", v.when(f))
	m.list("Facts", v.facts(f))
	m.list("Ruled out", v.ruledOut(f))
	m.list("Could still be", stillOpen(f))
	m.gates(f.Gates)
	if where, by := places(f.Remedy); len(where) > 0 {
		m.line("**What to do**")
		m.b.WriteByte('\n')
		for _, w := range where {
			fmt.Fprintf(&m.b, "- %s\n", Markdown(string(w)))
			for _, s := range by[w] {
				fmt.Fprintf(&m.b, "  - %s\n", Markdown(s.Text))
				for _, c := range s.Run {
					fmt.Fprintf(&m.b, "    - %s\n", strings.TrimSpace(Markdown(c.On)+" "+markdownCode(c.Line)))
				}
			}
		}
	}
	if f.Check != "" {
		m.line("**Check**: %s %s", markdownCode(f.Check), Markdown(f.CheckNote))
	}
	m.last(v, f)
	m.list("Also explains", alsoExplains(f))
	m.list("See", f.References)
}

func (v *view) markdownOverview(m *markdown) {
	m.list("Checked", v.Checked)
	m.list("Left open", v.Undecided)
	if v.verdict != CannotTell {
		m.list("This capture cannot show", v.gateLines())
	}
	var rows [][]string
	for i := range v.Talkers {
		t := &v.Talkers[i]
		rows = append(rows, []string{v.host(t.Client), v.host(t.Server), t.Services, number(t.Conversations), Size(t.Bytes)})
	}
	m.table("Who talked to whom", []string{"client", "server", "services", "conversations", "volume"}, 3, rows)
	rows = nil
	for i := range v.Services {
		rows = append(rows, v.serviceRow(&v.Services[i]))
	}
	m.table("Services", serviceHead, 1, rows)
	rows = nil
	for i := range v.Slowest {
		s := &v.Slowest[i]
		rows = append(rows, []string{s.What, Duration(s.Took), v.Frames(s.Refs)})
	}
	m.table("The slowest", []string{"what", "took", "frames"}, 1, rows)
	rows = nil
	for _, s := range v.TimeWent {
		rows = append(rows, []string{s.What, Duration(s.Time)})
	}
	m.table("Where the time went", []string{"into", "time"}, 1, rows)
}

// markdown collects blocks, each after an empty line. Arguments are escaped by the caller.
type markdown struct{ b bytes.Buffer }

func (m *markdown) line(format string, a ...any) {
	m.b.WriteByte('\n')
	m.b.WriteString(strings.TrimRight(fmt.Sprintf(format, a...), " "))
	m.b.WriteByte('\n')
}

func (m *markdown) text(label, s string) {
	switch {
	case s == "":
	case label == "":
		m.line("%s", Markdown(s))
	default:
		m.line("**%s**: %s", label, Markdown(s))
	}
}

func (m *markdown) list(label string, items []string) {
	if len(items) == 0 {
		return
	}
	m.line("**%s**", label)
	m.b.WriteByte('\n')
	for _, x := range items {
		fmt.Fprintf(&m.b, "- %s\n", Markdown(x))
	}
}

func (m *markdown) gates(list []finding.GateResult) {
	for i := range list {
		m.line("%s", Markdown(gateLine(&list[i], "")))
		if list[i].How != "" {
			m.line("To see it: %s", markdownCode(list[i].How))
		}
	}
}

func (m *markdown) last(v *view, f *finding.Finding) {
	s := "**Packets**: " + Markdown(v.Frames(refsOf(f)))
	if c := v.evidence(f); c != "" {
		s += " " + markdownCode(c)
	}
	m.line("%s", s)
}

// table writes rows; columns from numeric on are aligned to the right.
func (m *markdown) table(label string, head []string, numeric int, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	m.line("**%s**", label)
	m.b.WriteString("\n| " + strings.Join(head, " | ") + " |\n|")
	for i := range head {
		if i >= numeric {
			m.b.WriteString(" ---: |")
		} else {
			m.b.WriteString(" --- |")
		}
	}
	m.b.WriteByte('\n')
	for _, row := range rows {
		m.b.WriteByte('|')
		for _, c := range row {
			m.b.WriteString(" " + Markdown(c) + " |")
		}
		m.b.WriteByte('\n')
	}
}
