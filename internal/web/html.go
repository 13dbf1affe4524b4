//go:build linux

package web

import (
	"net/url"
	"strings"
	"time"

	h "maragu.dev/gomponents/html"

	"firestorm/internal/health"
	m "firestorm/internal/markup"
	"firestorm/internal/packet"
	"firestorm/internal/store"
)

// document is a page that names what all pages are made with.
func document(title string, script m.Node, body ...m.Node) m.Node {
	head := []m.Node{
		h.Meta(h.Charset("utf-8")),
		h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
		h.Meta(h.Name("color-scheme"), h.Content("light dark")),
		h.TitleEl(m.Text(title), m.Text(" · Firestorm")),
		h.Link(h.Rel("icon"), h.Href("/icon.svg"), h.Type("image/svg+xml")),
		h.Link(h.Rel("stylesheet"), h.Href("/console.css")),
	}
	if script != nil {
		head = append(head, script)
	}
	return m.Lines(m.Ours("<!doctype html>"), h.HTML(h.Lang("en"), m.Block(h.Head(m.Block(head...)), h.Body(m.Block(body...)))))
}

// page is what stands around the main part of every page but the stranger's.
func (f *frame) page(main ...m.Node) m.Node {
	place := func(href, name, here string) m.Node {
		return h.A(m.Attr("href", href), m.If(f.Here == here, h.Aria("current", "page")), m.Text(name))
	}
	return document(f.Title, h.Script(h.Src("/console.js"), h.Defer()),
		h.A(h.Class("skip"), h.Href("#main"), m.Text("Skip to the content")),
		h.Header(h.Class("bar"), h.Div(h.Class("in"), m.Block(
			h.P(h.Class("mark"), h.A(h.Href("/"), m.Text("Firestorm"))),
			h.Nav(h.Aria("label", "Pages"), place("/", "Inbox", "inbox"), place("/status", "Status", "status")),
			h.Div(h.Class("now"), h.ID("now"), live(), h.A(m.Attr("class", "health "+f.Health.Mood.String()), h.Href("/status"),
				sign(), h.Span(h.Class("sr"), m.Text("Sensor: ")), m.Text(f.Health.Word))),
		))),
		h.Main(h.ID("main"), h.TabIndex("-1"), m.Flag("data-stream", f.Live), m.Block(main...)),
		h.Footer(h.Class("foot"),
			h.P(m.Text("Times are UTC. The console shows and changes nothing. "), h.A(h.Href("/keys"), h.ID("keys-link"), m.Text("Keys")),
				h.Span(h.ID("fresh"), h.Class("fresh"))),
			h.P(h.Class("sr"), h.ID("said"), h.Role("status"))),
		m.If(f.Here != "keys", h.Dialog(h.ID("keys"), h.Aria("labelledby", "keys-title"), h.H2(h.ID("keys-title"), m.Text("Keys")), keyList(),
			h.Form(h.Method("dialog"), h.Class("closing"),
				h.Label(h.Class("switch"), h.Input(h.Type("checkbox"), h.ID("keys-on"), h.Checked()), m.Text(" Single keys are shortcuts")),
				h.Button(m.Text("Close"))))),
	)
}

// live marks what the script replaces when there is news.
func live() m.Node { return m.Flag("data-live", true) }

// sign is the shape beside the word of how the sensor does.
func sign() m.Node { return h.Span(h.Class("sign"), h.Aria("hidden", "true")) }

// content is the part of most pages that is kept fresh.
func content(lines ...m.Node) m.Node {
	return h.Div(h.ID("list"), live(), m.Lines(lines...))
}

func keyList() m.Node {
	key := func(text string, keys ...string) m.Node {
		var dt m.Group
		for i, k := range keys {
			dt = append(dt, m.If(i > 0, m.Text(" ")), h.Kbd(m.Text(k)))
		}
		return h.Div(h.Dt(dt), h.Dd(m.Text(text)))
	}
	return h.Dl(h.Class("keylist"),
		key("the next finding, the one before", "j", "k"),
		key("open it", "Enter"),
		key("up to the inbox", "u"),
		key("status", "s"),
		key("search", "/"),
		key("this list", "?"),
		key("leave the search or this list", "Esc"))
}

func keysPage(f frame) m.Node {
	return f.page(
		h.H1(m.Text("Keys")),
		h.Div(h.Class("card slim"), keyList(), h.P(h.Class("note"),
			m.Text("They work with the script of the page. Everything can be reached with Tab as well. Where single keys are in the way, the list that "),
			h.Kbd(m.Text("?")), m.Text(" opens switches them off."))),
	)
}

func (n *notice) node() m.Node {
	return n.page(content(
		h.H1(m.Text(n.Title)),
		h.P(h.Class("lead"), m.Text(n.Text)),
		m.If(n.Line != "", h.P(paste(n.Line))),
	))
}

// stranger is the notice for somebody who has no link: it names nothing of what is within.
func (n *notice) stranger() m.Node {
	return document(n.Title, nil, h.Main(h.ID("main"), h.Class("alone"), h.P(h.Class("mark"), m.Text("Firestorm")), m.Lines(
		h.H1(m.Text(n.Title)),
		h.P(h.Class("lead"), m.Text(n.Text)),
		h.P(paste(n.Line)),
	)))
}

// paste is a command on a line of its own.
func paste(s string) m.Node { return h.Code(h.Class("cmd block"), m.Text(s)) }

func (p *inboxPage) node() m.Node {
	return p.page(
		h.Div(h.ID("lead"), live(), h.H1(m.Text("Inbox")), h.P(h.Class("lead"), m.Text(p.Lead)), p.worry()),
		h.Div(h.Class("tools"), m.Block(
			h.Nav(h.Class("tabs"), h.ID("tabs"), h.Aria("label", "What is shown"), live(), m.Each(p.Tabs, (*tab).node)),
			p.filter(),
		)),
		content(
			m.Each(p.Days, func(g *group) m.Node {
				return h.Section(h.H2(m.Text(g.Day)), h.Ol(h.Class("rows"), m.Each(g.Rows, (*row).node)))
			}),
			m.If(p.Empty != "", h.P(h.Class("empty"), m.Text(p.Empty))),
			p.pager(),
		),
	)
}

// worry says above the findings that some may be missing.
func (p *inboxPage) worry() m.Node {
	if p.Health.Mood == health.Well {
		return nil
	}
	return h.P(h.Class("warning"), h.B(m.Text(p.Health.Word), m.Text(":")), m.Text(" "),
		m.Each(p.Health.Text, func(s *string) m.Node { return m.Group{m.Text(*s), m.Text(" ")} }), h.A(h.Href("/status"), m.Text("Status")))
}

func (t *tab) node() m.Node {
	return h.A(m.Attr("href", t.Link), m.If(t.Here, h.Aria("current", "page")), m.Text(t.Text), m.Text(" "), h.Span(h.Class("n"), m.Text(number(t.Count))))
}

// filter is the form above the list. It asks with GET: an address holds everything.
func (p *inboxPage) filter() m.Node {
	return h.Form(h.Class("filter"), h.Action("/"), h.Role("search"), m.Lines(
		m.If(p.Query.Show != "", h.Input(h.Type("hidden"), h.Name("show"), m.Attr("value", p.Query.Show))),
		h.Label(h.Class("grow"), h.Span(h.Class("sr"), m.Text("Words, an address, a network or a code")),
			h.Input(h.Type("search"), h.Name("q"), h.ID("search"), m.Attr("value", p.Query.Text), h.Placeholder("words, address, code"), h.MaxLength("200"), h.AutoComplete("off"))),
		h.Label(h.Span(h.Class("sr"), m.Text("Severity")), h.Select(h.Name("severity"), m.Each(p.Severities, (*option).node))),
		h.Label(h.Span(h.Class("sr"), m.Text("Kind")), h.Select(h.Name("kind"), m.Each(p.Kinds, (*option).node))),
		m.Group{h.Button(m.Text("Find")), m.If(p.Clear != "", h.A(m.Attr("href", p.Clear), m.Text("clear")))},
	))
}

func (o *option) node() m.Node {
	return h.Option(m.Attr("value", o.Value), m.Flag("selected", o.Chosen), m.Text(o.Text))
}

func (p *inboxPage) pager() m.Node {
	if p.Back == "" && p.On == "" {
		return nil
	}
	newer, older := h.Span(), h.Span() // keep their places
	if p.Back != "" {
		newer = h.A(h.Rel("prev"), m.Attr("href", p.Back), m.Text("Newer"))
	}
	if p.On != "" {
		older = h.A(h.Rel("next"), m.Attr("href", p.On), m.Text("Older"))
	}
	return h.Nav(h.Class("pager"), h.Aria("label", "Pages of findings"), newer, h.Span(m.Text(p.Range)), older)
}

// node is a finding in the list.
func (r *row) node() m.Node {
	class := "row " + r.Severity.String()
	if r.Seen {
		class += " seen"
	}
	muted, seen := r.judged()
	if r.MutedBy != "" {
		seen = nil // one says enough
	}
	last, first := m.Text(""), m.Node(nil)
	if r.Since != "" {
		last, first = m.Text("last "), h.Span(m.Text("first "), moment(r.First, r.Since))
	}
	return h.Li(m.Attr("id", "row-"+r.ID+"-"+r.Code), m.Attr("class", class), m.Lines(
		h.H3(h.A(h.Class("go"), m.Attr("href", "/finding/"+url.PathEscape(r.ID)), m.Text(r.Title))),
		h.P(h.Class("what"), h.Span(h.Class("pill sev"), m.Text(strings.ToUpper(r.Severity.String()))), h.Span(h.Class("pill"), m.Text(r.Confidence.String())),
			h.Span(h.Class("kind"), m.Text(string(r.Kind))), muted, seen),
		h.P(h.Class("sub"), m.If(r.Who != "", h.Span(m.Text(r.Who))), h.Span(r.times()), h.Span(last, moment(r.Last, clock(r.Last))), first,
			h.Span(m.Text(string(r.State))), h.Span(h.Class("code"), m.Text(r.Code))),
	))
}

// judged says what somebody thought of it before.
func (r *row) judged() (muted, seen m.Node) {
	if r.MutedBy != "" {
		muted = h.Span(h.Class("judged"), m.Text("muted: "), m.Text(r.MutedBy))
	}
	if r.Seen {
		seen = h.Span(h.Class("judged"), m.Text("acknowledged"), m.If(r.Note != "", m.Group{m.Text(": "), m.Text(r.Note)}))
	}
	return muted, seen
}

// times is how often it was seen.
func (r *row) times() m.Node {
	if r.Count == 1 {
		return m.Text("once")
	}
	return m.Text(number(r.Count) + " times")
}

// moment is a time for people, and for programs.
func moment(t packet.Time, text string) m.Node {
	return h.Time(m.Attr("datetime", machine(t)), m.Text(text))
}

func (p *findingPage) node() m.Node {
	return p.page(
		h.P(h.Class("crumb"), h.A(h.Href("/"), m.Text("Inbox"))),
		h.H1(h.Class("small-h"), m.Text("Finding "), m.Text(p.ID)),
		h.Div(h.ID("list"), live(), m.Each(p.Found, (*kept).node)),
	)
}

// node is the story of one finding: its card, how it grew, and what can be done with it.
func (k *kept) node() m.Node {
	muted, seen := k.judged()
	return h.Section(h.Class("one"), m.Attr("aria-labelledby", "story-"+k.Code), m.Lines(
		h.H2(h.Class("sr"), m.Attr("id", "story-"+k.Code), m.Text("What was found")),
		h.P(h.Class("sub strip"), h.Span(m.Text(string(k.State))), h.Span(k.times()), h.Span(m.Text("first "), moment(k.First, when(k.First))),
			h.Span(m.Text("last "), moment(k.Last, when(k.Last))), muted, seen),
		k.Card,
		m.If(len(k.Revisions) > 0, h.Div(h.Class("card slim"), h.H2(m.Text("How it grew")),
			h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("label", "How it grew"), h.Table(
				columns("When", "#Times", "Severity", "Confidence"),
				h.TBody(m.Each(k.Revisions, func(x *store.Revision) m.Node {
					return h.Tr(h.Td(moment(x.At, when(x.At))), h.Td(h.Class("n"), m.Text(number(x.Count))), h.Td(m.Text(x.Severity.String())), h.Td(m.Text(x.Confidence.String())))
				})))))),
		h.Div(h.Class("card slim judge"), h.H2(m.Text("When you have judged it")),
			h.P(m.Text("Seen, and done with until it grows:")), paste(k.Ack),
			h.P(m.Text("Known, and not to be told again (it goes on being counted):")), paste(k.Mute)),
	))
}

// columns is the head of a table; # stands before a column of numbers.
func columns(names ...string) m.Node {
	return h.THead(h.Tr(m.Each(names, func(s *string) m.Node {
		name, n := strings.CutPrefix(*s, "#")
		return h.Th(h.Scope("col"), m.If(n, h.Class("n")), m.Text(name))
	})))
}

func (p *statusPage) node() m.Node {
	return p.page(h.Div(h.ID("list"), live(), m.Newline, m.Lines(
		h.Div(m.Attr("class", "verdict "+p.Health.Mood.String()), m.Lines(
			m.Group{h.H1(sign(), m.Text(p.Health.Word)), m.Each(p.Health.Text, func(s *string) m.Node { return h.P(h.Class("lead"), m.Text(*s)) })},
			p.asOf())),
		p.traffic(),
		h.Div(h.Class("two figures"), m.Block(p.findings(), p.rules(), p.store(),
			m.If(len(p.Reasons) > 0, panel("h-no", "Packets not used", pairs(m.Each(p.Reasons, func(x *reason) m.Node { return pair(x.What, m.Text(number(x.N))) })))))),
	)))
}

// asOf says how old the status is.
func (p *statusPage) asOf() m.Node {
	f := p.File
	if f == nil {
		return nil
	}
	return h.P(h.Class("state"), m.Text("As of "), h.Time(m.Text(second(f.Time))), m.If(p.Running != "", m.Text(", after "+p.Running)),
		m.If(f.Program != "", m.Group{m.Text("; version "), m.Text(f.Program)}),
		m.If(p.Health.Mood == health.Unknown, m.Group{m.Text(". "), h.B(m.Text("What stands below is old."))}))
}

// traffic is what the interfaces see.
func (p *statusPage) traffic() m.Node {
	f := p.File
	if f == nil {
		return nil
	}
	interfaces, talkers, rate := h.P(m.Text("None.")), h.P(h.Class("note"), m.Text("None just now.")), m.Node(nil)
	if len(f.Interfaces) > 0 {
		interfaces = h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("labelledby", "h-if"), h.Table(
			columns("Interface", "State", "#Packets", "#Dropped by the kernel", "#Last packet"), h.TBody(m.Each(f.Interfaces, place))))
	}
	if len(f.Talkers) > 0 {
		talkers = pairs(m.Each(f.Talkers, func(x *health.Talker) m.Node { return pair(x.Address, m.Text(health.Rounded(x.Bytes)+"B/s")) }))
	}
	if r := f.Rate; r != nil {
		rate = m.Group{pair("Packets a second", m.Text(health.Rounded(r.Packets))), pair("Bytes a second", m.Text(health.Rounded(r.Bytes))),
			pair("Dropped a second", bad(r.Lost != 0, health.Rounded(r.Lost)))}
	}
	return m.Group{m.Newline, m.Lines(
		panel("h-if", "Interfaces", interfaces),
		h.Div(h.Class("two figures"), m.Block(
			panel("h-tr", "Traffic", pairs(rate, pair("Packets", m.Text(number(f.Packets))), pair("Dropped by the kernel", bad(f.Lost != 0, number(f.Lost))),
				pair("Could not be read", m.Text(number(f.Undecoded))))),
			panel("h-ta", "Busiest hosts", talkers))),
	)}
}

// place is the row of one interface.
func place(x *health.Interface) m.Node {
	state, last := m.Text("up"), "none"
	if !x.BlindSince.IsZero() {
		state = m.Group{bad(true, "blind since "+second(x.BlindSince)), m.Text(" ("), m.Text(x.Why), m.Text(")")}
	}
	if !x.Last.IsZero() {
		last = second(x.Last)
	}
	return h.Tr(h.Th(h.Scope("row"), m.Text(x.Name)), h.Td(state), h.Td(h.Class("n"), m.Text(number(x.Packets))), h.Td(h.Class("n"), bad(x.Lost != 0, number(x.Lost))),
		h.Td(h.Class("n"), m.Text(last)))
}

// findings are those of this run.
func (p *statusPage) findings() m.Node {
	var muted uint64
	text := "Not known."
	if p.File != nil {
		muted, text = p.File.Muted, "None were told."
	}
	switch {
	case len(p.Findings) > 0:
		return panel("h-fi", "Findings of this run", pairs(m.Each(p.Findings, func(x *reason) m.Node { return pair(x.What, m.Text(number(x.N))) }),
			m.If(muted > 0, pair("muted", m.Text(number(muted))))))
	case muted > 0:
		text = "None were told; " + number(muted) + " are muted."
	}
	return panel("h-fi", "Findings of this run", h.P(h.Class("note"), m.Text(text)))
}

func (p *statusPage) rules() m.Node {
	f := p.File
	if f == nil {
		return panel("h-ru", "Rules", h.P(h.Class("note"), m.Text("Not known.")))
	}
	running, age := h.P(h.Class("note"), m.Text("No rules were loaded.")), m.Node(nil)
	if r := f.Rules; r != nil {
		running = pairs(pair("Running", m.Text(number(r.Active))), m.If(r.Refused != 0, pair("Refused", bad(true, number(r.Refused)))))
	}
	switch {
	case p.RuleAge == "":
	case p.OldRules:
		age = h.P(h.Class("bad"), m.Text("Their newest file is "+p.RuleAge+" old: "), h.Code(h.Class("cmd"), m.Text("firestorm rules update")), m.Text("."))
	default:
		age = h.P(h.Class("note"), m.Text("Their newest file is "+p.RuleAge+" old."))
	}
	return panel("h-ru", "Rules", running, age)
}

func (p *statusPage) store() m.Node {
	var size m.Node
	if z := p.Size; z != nil {
		size = m.Group{pairs(pair("Findings", m.Text(number(z.Findings))), pair("of them muted", m.Text(number(z.Muted))),
			m.If(z.Oldest != 0, pair("Oldest", m.Text(when(z.Oldest))))), h.P(h.Class("note"), m.Text(p.Used))}
	}
	return panel("h-st", "Store", m.If(p.SizeErr != "", h.P(h.Class("bad"), m.Text(p.SizeErr))), size)
}

// panel is a part of the status with its heading.
func panel(id, title string, content ...m.Node) m.Node {
	return h.Section(h.Class("card slim"), m.Attr("aria-labelledby", id), h.H2(m.Attr("id", id), m.Text(title)), m.Group(content))
}

// pairs are names with their values.
func pairs(rows ...m.Node) m.Node { return h.Dl(h.Class("pairs"), m.Group(rows)) }

func pair(name string, value m.Node) m.Node { return h.Div(h.Dt(m.Text(name)), h.Dd(value)) }

// bad is a number that should be 0, and stands out where it is not.
func bad(is bool, text string) m.Node {
	if !is {
		return m.Text("0")
	}
	return h.B(h.Class("bad"), m.Text(text))
}

func second(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
