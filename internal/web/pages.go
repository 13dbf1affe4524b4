//go:build linux

package web

import (
	_ "embed" // style and script
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/health"
	"firestorm/internal/markup"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/store"
)

//go:embed console.css
var consoleStyle string

//go:embed console.js
var script []byte

//go:embed icon.svg
var icon []byte

// asset is a file that the pages name.
type asset struct {
	kind string
	body []byte
}

var assets = map[string]*asset{
	"/console.css": {"text/css; charset=utf-8", []byte(report.Style() + consoleStyle)},
	"/console.js":  {"text/javascript; charset=utf-8", script},
	"/icon.svg":    {"image/svg+xml", icon},
}

// pageSize is how many findings a page lists, maxPage the last page: the store gives no more than store.MaxRows.
const (
	pageSize = 50
	maxPage  = store.MaxRows / pageSize
	maxText  = 200 // characters that are looked for
)

// frame is what every page has.
type frame struct {
	Title  string
	Here   string // the page's place in the navigation
	Health health.Judgement
	Live   bool // the script keeps it fresh
}

func (s *Server) frame(title, here string, live bool) frame {
	return frame{title, here, health.Look(s.o.Status, s.o.Now()), live}
}

func when(t packet.Time) string { return t.Std().UTC().Format("2006-01-02 15:04:05") }

func clock(t packet.Time) string { return t.Std().UTC().Format(time.TimeOnly) }

func machine(t packet.Time) string { return t.Std().UTC().Format(time.RFC3339) }

// number writes a count with thin spaces between its thousands.
func number(x any) string {
	s := fmt.Sprint(x)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// render writes a page.
func (s *Server) render(w http.ResponseWriter, status int, page markup.Node) {
	b := markup.Bytes(page)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// notice is a page that says one thing.
type notice struct {
	frame
	Text string
	Line string // to paste
}

func (s *Server) sorry(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	n := notice{frame: s.frame(title, "", false), Text: text}
	s.render(w, status, n.node())
}

// stranger says how to get in, and nothing else.
func (s *Server) stranger(w http.ResponseWriter, r *http.Request, status int) {
	n := notice{frame: frame{Title: "This console wants its link"}, Line: "firestorm serve --link --store " + word(s.o.Store),
		Text: "It shows what happens in your network, so it opens with a link that holds a token. This prints it, on the machine where the console runs:"}
	if status == http.StatusForbidden {
		n.Title = "This link does not fit"
		n.Text = "Its token is not the one of this console; it may have been made anew. This prints the link that fits, on the machine where the console runs:"
	}
	s.render(w, status, n.stranger())
}

// ask asks the store in turn, and answers where it cannot be asked. It reports whether f ran well.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, f func(*store.Store) error) bool {
	wait := time.NewTimer(queryPatience)
	defer wait.Stop()
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-r.Context().Done():
		return false
	case <-wait.C:
		w.Header().Set("Retry-After", "5")
		s.sorry(w, r, http.StatusServiceUnavailable, "The store is busy", "Many ask at once. Try again in a moment.")
		return false
	}
	err := s.shelf.with(f)
	switch {
	case err == nil:
		return true
	case errors.Is(err, fs.ErrNotExist):
		n := notice{frame: s.frame("There is no store yet", "inbox", true), Line: "sudo firestorm watch eth0 --store " + word(s.o.Store),
			Text: "Findings appear here once a watch keeps them in this folder. That none are shown says nothing of the network."}
		s.render(w, http.StatusOK, n.node())
	default:
		s.sorry(w, r, http.StatusInternalServerError, "The store cannot be read", err.Error())
	}
	return false
}

// query is what the inbox is asked for, as it stands in the address.
type query struct {
	Text, Severity, Kind, Show string
	Page                       int
}

// shows are the values of show: what is to be seen of what was judged before.
var shows = []string{"", "unseen", "muted"}

func readQuery(v url.Values) query {
	q := query{Text: strings.TrimSpace(v.Get("q")), Severity: v.Get("severity"), Kind: v.Get("kind"), Show: v.Get("show")}
	if r := []rune(q.Text); len(r) > maxText {
		q.Text = string(r[:maxText])
	}
	if _, ok := finding.ParseSeverity(q.Severity); !ok {
		q.Severity = ""
	}
	if !slices.Contains(kinds, finding.Kind(q.Kind)) {
		q.Kind = ""
	}
	if !slices.Contains(shows, q.Show) {
		q.Show = ""
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil {
		q.Page = n
	}
	q.Page = min(max(q.Page, 1), maxPage)
	return q
}

var kinds = []finding.Kind{finding.Attack, finding.Diagnosis, finding.Policy, finding.Anomaly}

// link is the address of the inbox for q.
func (q query) link() string {
	v := url.Values{}
	for name, x := range map[string]string{"q": q.Text, "severity": q.Severity, "kind": q.Kind, "show": q.Show} {
		if x != "" {
			v.Set(name, x)
		}
	}
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	if len(v) == 0 {
		return "/"
	}
	return "/?" + v.Encode()
}

// on is the address for another page.
func (q query) on(page int) string {
	q.Page = page
	return q.link()
}

func (q query) filtered() bool { return q.Text != "" || q.Severity != "" || q.Kind != "" }

// filter is q for the store.
func (q query) filter() store.Filter {
	f := store.Filter{Kind: finding.Kind(q.Kind), Muted: q.Show == "muted", Unseen: q.Show == "unseen", Skip: (q.Page - 1) * pageSize, Limit: pageSize}
	f.MinSeverity, _ = finding.ParseSeverity(q.Severity)
	if net, err := finding.ParseEnd(q.Text); err == nil && net.IsValid() {
		f.Host = net // an address is looked for among the ends, not in words
	} else {
		f.Text = q.Text
	}
	return f
}

// option is one of a choice.
type option struct {
	Value, Text string
	Chosen      bool
}

// tab is one of the three ways to look at the inbox.
type tab struct {
	Text, Link string
	Count      int64
	Here       bool
}

// group are the findings of one day.
type group struct {
	Day  string
	Rows []row
}

type row struct {
	store.Row
	Seen  bool
	Who   string
	Since string // when it began, where that is worth saying beside its end
}

type inboxPage struct {
	frame
	Query      query
	Lead       string
	Tabs       []tab
	Severities []option
	Kinds      []option
	Days       []group
	Empty      string
	Back, On   string // addresses; empty: there is none
	Range      string
	Clear      string
}

// inbox lists findings, those of the newest day first.
func (s *Server) inbox(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r.URL.Query())
	var rows []store.Row
	var more bool
	var shown, unseen, muted [finding.Critical + 1]int64
	if !s.ask(w, r, func(st *store.Store) (err error) {
		f := q.filter()
		if rows, more, err = st.List(f); err != nil {
			return err
		}
		f.Muted, f.Unseen = false, false
		if shown, err = st.Tally(f); err != nil {
			return err
		}
		f.Unseen = true
		if unseen, err = st.Tally(f); err != nil {
			return err
		}
		f.Unseen, f.Muted = false, true
		muted, err = st.Tally(f)
		return err
	}) {
		return
	}
	p := inboxPage{frame: s.frame("Inbox", "inbox", true), Query: q}
	for i, c := range []struct {
		text string
		n    [finding.Critical + 1]int64
	}{{"All", shown}, {"New", unseen}, {"Muted", muted}} {
		x := q
		x.Show, x.Page = shows[i], 1
		p.Tabs = append(p.Tabs, tab{c.text, x.link(), sum(c.n), q.Show == shows[i]})
	}
	p.Lead = lead(map[string][finding.Critical + 1]int64{"": shown, "unseen": unseen, "muted": muted}[q.Show], q)
	p.Severities = []option{{"", "any severity", q.Severity == ""}}
	for i := finding.Critical; i >= finding.Info; i-- {
		text := i.String()
		if i < finding.Critical {
			text += " and worse"
		}
		p.Severities = append(p.Severities, option{i.String(), text, q.Severity == i.String()})
	}
	p.Kinds = []option{{"", "any kind", q.Kind == ""}}
	for _, k := range kinds {
		p.Kinds = append(p.Kinds, option{string(k), string(k), q.Kind == string(k)})
	}
	for _, x := range rows {
		day := s.day(x.Last)
		if n := len(p.Days); n == 0 || p.Days[n-1].Day != day {
			p.Days = append(p.Days, group{Day: day})
		}
		g := &p.Days[len(p.Days)-1]
		g.Rows = append(g.Rows, row{x, x.Acked > 0 && x.Acked >= x.Revision, who(&x), since(&x)})
	}
	switch {
	case len(rows) > 0:
		p.Range = fmt.Sprintf("%s to %s", number(q.filter().Skip+1), number(q.filter().Skip+len(rows)))
	case q.Page > 1:
		p.Empty = "This page is beyond the last one."
	case q.filtered():
		p.Empty = "Nothing fits these words and choices."
	case q.Show == "unseen":
		p.Empty = "Nothing new: everything was acknowledged, or is muted."
	case q.Show == "muted":
		p.Empty = "Nothing is muted."
	default:
		p.Empty = "No findings were kept."
		if p.Health.Mood != health.Well {
			p.Empty += " That says nothing of the network: see the status."
		}
	}
	if q.filtered() {
		p.Clear = query{Show: q.Show}.link()
	}
	if q.Page > 1 {
		p.Back = q.on(q.Page - 1)
	}
	if more && q.Page < maxPage {
		p.On = q.on(q.Page + 1)
	}
	s.render(w, http.StatusOK, p.node())
}

func sum(n [finding.Critical + 1]int64) (all int64) {
	for _, x := range n {
		all += x
	}
	return all
}

// lead says how many there are, the worst first.
func lead(n [finding.Critical + 1]int64, q query) string {
	all := sum(n)
	what := "findings"
	if all == 1 {
		what = "finding"
	}
	switch q.Show {
	case "unseen":
		what = "new " + what
	case "muted":
		what = "muted " + what
	}
	text := number(all) + " " + what
	if q.filtered() {
		text += " that fit"
	}
	var parts []string
	for i := finding.Critical; i >= finding.Info; i-- {
		if n[i] > 0 {
			parts = append(parts, number(n[i])+" "+i.String())
		}
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

// day names the day of a time.
func (s *Server) day(t packet.Time) string {
	now, at := s.o.Now().UTC(), t.Std().UTC()
	name := at.Format("Monday, 2 January 2006")
	switch at.Format(time.DateOnly) {
	case now.Format(time.DateOnly):
		return "Today, " + at.Format("2 January 2006")
	case now.AddDate(0, 0, -1).Format(time.DateOnly):
		return "Yesterday, " + at.Format("2 January 2006")
	}
	return name
}

// since writes when a finding was seen first; empty: about when it was seen last.
func since(r *store.Row) string {
	switch first, last := r.First.Std().UTC(), r.Last.Std().UTC(); {
	case first.Format(time.DateOnly) != last.Format(time.DateOnly):
		return when(r.First)
	case last.Sub(first) >= time.Minute:
		return clock(r.First)
	}
	return ""
}

// who names the two ends.
func who(r *store.Row) string {
	var parts []string
	if !r.Source.IsZero() {
		parts = append(parts, r.Source.String())
	}
	if !r.Destination.IsZero() {
		to := r.Destination.String()
		if r.Port != 0 {
			if strings.Contains(to, ":") {
				to = "[" + to + "]"
			}
			to += ":" + strconv.Itoa(int(r.Port))
		}
		parts = append(parts, to)
	}
	return strings.Join(parts, " → ")
}

// kept is one finding on its page.
type kept struct {
	row
	Card      markup.Node
	Revisions []store.Revision
	Ack, Mute string
}

type findingPage struct {
	frame
	ID     string
	Found  []kept
	Unread int
	Store  string
}

// finding is the page of one finding: the card of the HTML report, and what was judged of it.
func (s *Server) finding(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if len(id) > 64 {
		s.sorry(w, r, http.StatusNotFound, "There is no such finding", "Its name is too long to be one.")
		return
	}
	p := findingPage{frame: s.frame(id, "inbox", true), ID: id}
	if !s.ask(w, r, func(st *store.Store) (err error) {
		p.Unread, err = st.Records(store.Filter{ID: id, Any: true, Limit: 10}, s.o.Codes, func(rec *store.Record, x *store.Row) error {
			k := kept{row: row{*x, x.Acked > 0 && x.Acked >= x.Revision, who(x), since(x)}, Card: report.Card(s.o.Report(rec), rec.Finding), Ack: "firestorm findings ack " + word(x.ID) + " --store " + word(s.o.Store)}
			ends := [2]string{"*", "*"}
			for i, a := range []packet.Addr{x.Source, x.Destination} {
				if !a.IsZero() {
					ends[i] = a.String()
				}
			}
			k.Mute = "firestorm findings mute " + word(x.Code+" "+ends[0]+" "+ends[1]+" - REASON") + " --store " + word(s.o.Store)
			p.Found = append(p.Found, k)
			return nil
		})
		if err != nil || len(p.Found) == 0 {
			return err
		}
		revs, err := st.Revisions(id)
		if len(p.Found) == 1 && len(revs) > 1 {
			p.Found[0].Revisions = revs[max(0, len(revs)-100):]
		}
		return err
	}) {
		return
	}
	if len(p.Found) == 0 {
		text := "It never was in this store, or was let go when it grew old."
		if p.Unread > 0 {
			text = "It is in the store, but cannot be read: another version wrote it, or it is damaged."
		}
		s.sorry(w, r, http.StatusNotFound, "There is no such finding", text)
		return
	}
	s.render(w, http.StatusOK, p.node())
}

// word quotes s for a shell.
func word(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

type statusPage struct {
	frame
	File     *health.File
	Reasons  []reason
	Findings []reason
	Size     *store.Size
	SizeErr  string
	Used     string
	RuleAge  string
	OldRules bool
	Every    string
	Running  string
}

type reason struct {
	What string
	N    uint64
}

// oldRules is from when on rules are told to be old.
const oldRules = 14 * 24 * time.Hour

// status says how the sensor does. It is worth looking at without a store.
func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	p := statusPage{frame: s.frame("Status", "status", true)}
	p.File = p.Health.File
	if f := p.File; f != nil {
		for what, n := range f.NotUsed {
			p.Reasons = append(p.Reasons, reason{what, n})
		}
		slices.SortFunc(p.Reasons, func(a, b reason) int {
			if a.N != b.N {
				return int(min(max(float64(b.N)-float64(a.N), -1), 1))
			}
			return strings.Compare(a.What, b.What)
		})
		p.Reasons = p.Reasons[:min(len(p.Reasons), 30)]
		for i := finding.Critical; i >= finding.Info; i-- {
			if n := f.Findings[i.String()]; n > 0 {
				p.Findings = append(p.Findings, reason{i.String(), n})
			}
		}
		if f.Rules != nil && !f.Rules.Newest.IsZero() {
			age := s.o.Now().Sub(f.Rules.Newest)
			p.RuleAge, p.OldRules = health.Span(age), age > oldRules
		}
		if !f.Began.IsZero() {
			p.Running = health.Span(f.Time.Sub(f.Began))
		}
	}
	select {
	case s.turns <- struct{}{}:
		if err := s.shelf.with(func(st *store.Store) error {
			z, err := st.Size()
			p.Size = &z
			return err
		}); errors.Is(err, fs.ErrNotExist) {
			p.Size, p.SizeErr = nil, "There is no store yet."
		} else if err != nil {
			p.Size, p.SizeErr = nil, "The store cannot be read: "+err.Error()
		} else {
			p.Used = fmt.Sprintf("%s of it used", report.Size(uint64(p.Size.Bytes-p.Size.Free)))
		}
		<-s.turns
	case <-time.After(queryPatience):
		p.SizeErr = "The store is busy."
	}
	s.render(w, http.StatusOK, p.node())
}

func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	s.render(w, http.StatusOK, keysPage(s.frame("Keys", "keys", false)))
}
