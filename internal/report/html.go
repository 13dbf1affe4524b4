package report

import (
	"crypto/sha256"
	_ "embed" // the page's style
	"encoding/base64"
	"io"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/markup"
)

//go:embed page.css
var pageStyle string

// The page allows nothing but its own style: no script, no image, no font, no form, no frame.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}()

// htmlPage is what the page shows. Everything in it is plain text but Drawing, which is ours.
type htmlPage struct {
	Policy   string
	Title    string
	Verdict  string
	Word     string
	Lead     string
	Files    []htmlFile
	Account  string
	When     string
	Home     string
	Warnings []string
	Notes    []string
	Findings []htmlFinding
	Possible []htmlFinding
	Cannot   []htmlFinding
	Blind    []htmlGate
	Gates    []htmlGate
	Hits     []string
	HitCount string
	Checked  []string
	Left     []string
	Talkers  [][]string
	Services [][]string
	Slowest  [][]string
	TimeWent []htmlShare
	Reasons  [][]string
	Count    string
	Quiet    bool // the overview comes first: nothing was found
}

type htmlFile struct{ Name, Text, Damaged string }

type htmlGate struct{ Name, Text, How string }

// htmlShare is one bar: Of is tenths of a per cent of the longest.
type htmlShare struct {
	What, Time string
	Of         int
}

type htmlFinding struct {
	ID, Severity, Confidence, Code, Kind string
	Title, Summary, Why, Impact, Who     string
	When, WrongIf, Check, CheckNote      string
	Packets, Command                     string
	Facts, RuledOut                      []htmlFact
	Open, Explains, References           []string
	Gates                                []htmlGate
	Remedy                               []htmlPlace
	Drawing                              string // SVG
	Scale                                string
	Steps                                []htmlStep
}

type htmlFact struct{ Name, Text, Frames string }

type htmlPlace struct {
	Where string
	Steps []finding.Step
}

type htmlStep struct{ Time, Frame, Way, Label, Note string }

// WriteHTML writes one self-contained page: no script, nothing fetched.
func WriteHTML(w io.Writer, r *Report, o Options) error {
	v := newView(r, &o)
	_, err := w.Write(markup.Bytes(v.html().page()))
	return err
}

var verdictWords = map[Verdict]string{Found: "Found", OnlyPossible: "Possible", CannotTell: "Cannot tell", Unexplained: "Not explained", NothingWrong: "Nothing wrong"}

func (v *view) html() *htmlPage {
	p := &htmlPage{
		Policy:  pagePolicy,
		Verdict: strings.ReplaceAll(string(v.verdict), " ", "-"), Word: verdictWords[v.verdict], Lead: v.lead(),
		Account: v.account(), Home: v.home(), Warnings: v.Warnings, Notes: v.Notes, Hits: v.hitLines(), HitCount: v.hitCount(), Checked: v.Checked, Left: v.Undecided,
		Count: v.count(), Quiet: v.verdict != Found,
	}
	for i := range v.Files {
		f := &v.Files[i]
		text := plural(f.Packets, "packet", "packets") + ", " + Size(f.Bytes) + ", " + Coarse(f.To.Sub(f.From))
		if f.Link != "" {
			text += ", " + f.Link
		}
		p.Files = append(p.Files, htmlFile{v.FileName(uint16(i)), text, f.Damaged})
	}
	if n, _ := v.packets(); n > 0 {
		p.When = v.local(v.start()).Format("2006-01-02 15:04:05 MST")
	}
	p.Title = "Firestorm report"
	if v.verdict == Found {
		p.Word = plural(len(v.shown), "finding", "findings")
		p.Count = strings.Join(append([]string{v.severities()}, v.others()...), ", ")
	}
	if len(p.Files) > 0 {
		p.Title = clip(Visible(p.Files[0].Name), 60) + ": " + strings.ToLower(p.Word) + " · Firestorm"
	}
	for _, f := range v.shown {
		p.Findings = append(p.Findings, v.htmlFinding(f))
	}
	for _, f := range v.possible {
		p.Possible = append(p.Possible, v.htmlFinding(f))
	}
	for _, f := range v.cannot {
		p.Cannot = append(p.Cannot, v.htmlFinding(f))
	}
	for _, g := range v.Gates {
		h := htmlGate{g.Gate.String(), g.Text, g.How}
		if g.Where != "" {
			h.Text = g.Where + ": " + g.Text
		}
		if v.verdict == CannotTell && len(v.cannot) == 0 {
			p.Blind = append(p.Blind, h)
		} else {
			p.Gates = append(p.Gates, h)
		}
	}
	v.htmlTables(p)
	return p
}

func (v *view) htmlTables(p *htmlPage) {
	for i := range v.Talkers {
		t := &v.Talkers[i]
		p.Talkers = append(p.Talkers, []string{v.host(t.Client), v.host(t.Server), t.Services, number(t.Conversations), Size(t.Bytes)})
	}
	for i := range v.Services {
		p.Services = append(p.Services, v.serviceRow(&v.Services[i]))
	}
	for i := range v.Slowest {
		s := &v.Slowest[i]
		p.Slowest = append(p.Slowest, []string{s.What, Duration(s.Took), v.Frames(s.Refs)})
	}
	var longest int64 = 1
	for _, s := range v.TimeWent {
		longest = max(longest, int64(s.Time))
	}
	for _, s := range v.TimeWent {
		p.TimeWent = append(p.TimeWent, htmlShare{s.What, Duration(s.Time), max(1, int(float64(s.Time)/float64(longest)*1000))})
	}
	for _, x := range v.Capture.Reasons {
		p.Reasons = append(p.Reasons, []string{x.What, number(x.Count)})
	}
}

// lasting writes when and how long, for a reader rather than a program.
func (r *Report) lasting(f *finding.Finding) string {
	s := r.local(f.First.Time).Format("2006-01-02 15:04:05.99 MST")
	if d := f.Last.Time.Sub(f.First.Time); d > 0 && !f.Last.IsZero() {
		s += ", for " + Duration(d)
	}
	return s
}

// sentence gives a text its capital letter when it begins with an ordinary word, not with a name or a command.
func sentence(s string) string {
	word, _, more := strings.Cut(s, " ")
	if !more || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz,:") != "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// lead is the sentence under the verdict.
func (v *view) lead() string {
	switch v.verdict {
	case Found:
		return title(v.shown[0])
	case OnlyPossible:
		return "Something went wrong, but this capture leaves more than one explanation."
	case CannotTell:
		if n, _ := v.packets(); n == 0 {
			return "There is no packet in this input."
		}
		return "This capture cannot show what happened. How to capture again stands below."
	}
	if v.verdict == Unexplained {
		return sentence(v.unexplained()) + ". The services below show where."
	}
	return sentence(v.fine()) + "."
}

func (v *view) htmlFinding(f *finding.Finding) htmlFinding {
	h := htmlFinding{
		ID: f.ID, Severity: f.Severity.String(), Confidence: f.Confidence.String(), Code: f.Code.ID, Kind: string(f.Code.Kind),
		Title: title(f), Summary: f.Summary, Why: sentence(f.Why), Impact: sentence(impact(f)), Who: v.parties(f), When: v.lasting(f),
		WrongIf: f.WrongIf, Check: f.Check, CheckNote: f.CheckNote, Packets: v.Frames(refsOf(f)), Command: v.evidence(f),
		Open: stillOpen(f), Explains: alsoExplains(f), References: f.References,
	}
	for _, x := range f.Facts {
		h.Facts = append(h.Facts, htmlFact{"", sentence(x.Text), v.Frames(x.Refs)})
	}
	for _, a := range f.RuledOut {
		h.RuledOut = append(h.RuledOut, htmlFact{a.Name, a.Text, v.Frames(a.Refs)})
	}
	for _, g := range f.Gates {
		h.Gates = append(h.Gates, htmlGate{g.Gate.String(), g.Text, g.How})
	}
	where, by := places(f.Remedy)
	for _, w := range where {
		h.Remedy = append(h.Remedy, htmlPlace{string(w), by[w]})
	}
	if l, ok := layout(f); ok {
		h.Drawing, h.Scale = string(AppendSVG(nil, v.Report, f)), l.scaleNote()+l.legend(v.Report)
		for _, g := range l.rungs {
			way := "client to server"
			if g.Dir == 1 {
				way = "server to client"
			}
			note := g.Note
			if g.Lost {
				note = joinNote("no answer", note)
			}
			if g.pause > 0 {
				note = joinNote("after "+Duration(g.pause)+" of silence", note)
			}
			h.Steps = append(h.Steps, htmlStep{v.Clock(g.Ref.Time), v.frame(g.Ref), way, g.Label, note})
		}
	}
	return h
}
