//go:build linux

package web

import (
	"net/url"
	"strings"
	"time"

	"firestorm/internal/health"
	h "firestorm/internal/markup"
	"firestorm/internal/packet"
	"firestorm/internal/store"
)

// document is a page that names what all pages are made with.
func document(title string, script h.Node, body ...h.Node) h.Node {
	head := []h.Node{
		h.Charset(),
		h.Meta("viewport", "width=device-width, initial-scale=1"),
		h.Meta("color-scheme", "light dark"),
		h.Title(h.Text(title), h.Text(" · Firestorm")),
		h.Link(h.Rel("icon"), h.Href("/icon.svg"), h.Type("image/svg+xml")),
		h.Link(h.Rel("stylesheet"), h.Href("/console.css")),
	}
	if script != nil {
		head = append(head, script)
	}
	return h.Document(head, body)
}

// page is what stands around the main part of every page but the stranger's.
func (f *frame) page(main ...h.Node) h.Node {
	place := func(href, name, here string) h.Node {
		return h.A(h.Href(href), h.If(f.Here == here, h.Aria("current", "page")), h.Text(name))
	}
	return document(f.Title, h.Script("/console.js"),
		h.A(h.Class("skip"), h.Href("#main"), h.Text("Skip to the content")),
		h.Header(h.Class("bar"), h.Div(h.Class("in"), h.Block(
			h.P(h.Class("mark"), h.A(h.Href("/"), h.Text("Firestorm"))),
			h.Nav(h.Aria("label", "Pages"), place("/", "Inbox", "inbox"), place("/status", "Status", "status")),
			h.Div(h.Class("now"), h.ID("now"), live(), h.A(h.Class("health "+f.Health.Mood.String()), h.Href("/status"),
				sign(), h.Span(h.Class("sr"), h.Text("Sensor: ")), h.Text(f.Health.Word))),
		))),
		h.Main(h.ID("main"), h.TabIndex("-1"), h.Flag("data-stream", f.Live), h.Block(main...)),
		h.Footer(h.Class("foot"),
			h.P(h.Text("Times are UTC. The console shows and changes nothing. "), h.A(h.Href("/keys"), h.ID("keys-link"), h.Text("Keys")),
				h.Span(h.ID("fresh"), h.Class("fresh"))),
			h.P(h.Class("sr"), h.ID("said"), h.Role("status"))),
		h.If(f.Here != "keys", h.Dialog(h.ID("keys"), h.Aria("labelledby", "keys-title"), h.H2(h.ID("keys-title"), h.Text("Keys")), keyList(),
			h.Form(h.Method("dialog"), h.Class("closing"),
				h.Label(h.Class("switch"), h.Input(h.Type("checkbox"), h.ID("keys-on"), h.Flag("checked", true)), h.Text(" Single keys are shortcuts")),
				h.Button(h.Text("Close"))))),
	)
}

// live marks what the script replaces when there is news.
func live() h.Node { return h.Flag("data-live", true) }

// sign is the shape beside the word of how the sensor does.
func sign() h.Node { return h.Span(h.Class("sign"), h.Aria("hidden", "true")) }

// content is the part of most pages that is kept fresh.
func content(lines ...h.Node) h.Node {
	return h.Div(h.ID("list"), live(), h.Lines(lines...))
}

func keyList() h.Node {
	key := func(text string, keys ...string) h.Node {
		var dt h.Group
		for i, k := range keys {
			dt = append(dt, h.If(i > 0, h.Text(" ")), h.Kbd(h.Text(k)))
		}
		return h.Div(h.Dt(dt), h.Dd(h.Text(text)))
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

func keysPage(f frame) h.Node {
	return f.page(
		h.H1(h.Text("Keys")),
		h.Div(h.Class("card slim"), keyList(), h.P(h.Class("note"),
			h.Text("They work with the script of the page. Everything can be reached with Tab as well. Where single keys are in the way, the list that "),
			h.Kbd(h.Text("?")), h.Text(" opens switches them off."))),
	)
}

func (n *notice) node() h.Node {
	return n.page(content(
		h.H1(h.Text(n.Title)),
		h.P(h.Class("lead"), h.Text(n.Text)),
		h.If(n.Line != "", h.P(paste(n.Line))),
	))
}

// stranger is the notice for somebody who has no link: it names nothing of what is within.
func (n *notice) stranger() h.Node {
	return document(n.Title, nil, h.Main(h.ID("main"), h.Class("alone"), h.P(h.Class("mark"), h.Text("Firestorm")), h.Lines(
		h.H1(h.Text(n.Title)),
		h.P(h.Class("lead"), h.Text(n.Text)),
		h.P(paste(n.Line)),
	)))
}

// paste is a command on a line of its own.
func paste(s string) h.Node { return h.Code(h.Class("cmd block"), h.Text(s)) }

func (p *inboxPage) node() h.Node {
	return p.page(
		h.Div(h.ID("lead"), live(), h.H1(h.Text("Inbox")), h.P(h.Class("lead"), h.Text(p.Lead)), p.worry()),
		h.Div(h.Class("tools"), h.Block(
			h.Nav(h.Class("tabs"), h.ID("tabs"), h.Aria("label", "What is shown"), live(), h.Each(p.Tabs, (*tab).node)),
			p.filter(),
		)),
		content(
			h.Each(p.Days, func(g *group) h.Node {
				return h.Section(h.H2(h.Text(g.Day)), h.Ol(h.Class("rows"), h.Each(g.Rows, (*row).node)))
			}),
			h.If(p.Empty != "", h.P(h.Class("empty"), h.Text(p.Empty))),
			p.pager(),
		),
	)
}

// worry says above the findings that some may be missing.
func (p *inboxPage) worry() h.Node {
	if p.Health.Mood == health.Well {
		return nil
	}
	return h.P(h.Class("warning"), h.B(h.Text(p.Health.Word), h.Text(":")), h.Text(" "),
		h.Each(p.Health.Text, func(s *string) h.Node { return h.Group{h.Text(*s), h.Text(" ")} }), h.A(h.Href("/status"), h.Text("Status")))
}

func (t *tab) node() h.Node {
	return h.A(h.Href(t.Link), h.If(t.Here, h.Aria("current", "page")), h.Text(t.Text), h.Text(" "), h.Span(h.Class("n"), h.Text(number(t.Count))))
}

// filter is the form above the list. It asks with GET: an address holds everything.
func (p *inboxPage) filter() h.Node {
	return h.Form(h.Class("filter"), h.Action("/"), h.Role("search"), h.Lines(
		h.If(p.Query.Show != "", h.Input(h.Type("hidden"), h.Name("show"), h.Value(p.Query.Show))),
		h.Label(h.Class("grow"), h.Span(h.Class("sr"), h.Text("Words, an address, a network or a code")),
			h.Input(h.Type("search"), h.Name("q"), h.ID("search"), h.Value(p.Query.Text), h.Placeholder("words, address, code"), h.MaxLength("200"), h.AutoComplete("off"))),
		h.Label(h.Span(h.Class("sr"), h.Text("Severity")), h.Select(h.Name("severity"), h.Each(p.Severities, (*option).node))),
		h.Label(h.Span(h.Class("sr"), h.Text("Kind")), h.Select(h.Name("kind"), h.Each(p.Kinds, (*option).node))),
		h.Group{h.Button(h.Text("Find")), h.If(p.Clear != "", h.A(h.Href(p.Clear), h.Text("clear")))},
	))
}

func (o *option) node() h.Node {
	return h.Option(h.Value(o.Value), h.Flag("selected", o.Chosen), h.Text(o.Text))
}

func (p *inboxPage) pager() h.Node {
	if p.Back == "" && p.On == "" {
		return nil
	}
	newer, older := h.Span(), h.Span() // keep their places
	if p.Back != "" {
		newer = h.A(h.Rel("prev"), h.Href(p.Back), h.Text("Newer"))
	}
	if p.On != "" {
		older = h.A(h.Rel("next"), h.Href(p.On), h.Text("Older"))
	}
	return h.Nav(h.Class("pager"), h.Aria("label", "Pages of findings"), newer, h.Span(h.Text(p.Range)), older)
}

// node is a finding in the list.
func (r *row) node() h.Node {
	class := "row " + r.Severity.String()
	if r.Seen {
		class += " seen"
	}
	muted, seen := r.judged()
	if r.MutedBy != "" {
		seen = nil // one says enough
	}
	last, first := h.Text(""), h.Node(nil)
	if r.Since != "" {
		last, first = h.Text("last "), h.Span(h.Text("first "), moment(r.First, r.Since))
	}
	return h.Li(h.ID("row-"+r.ID+"-"+r.Code), h.Class(class), h.Lines(
		h.H3(h.A(h.Class("go"), h.Href("/finding/"+url.PathEscape(r.ID)), h.Text(r.Title))),
		h.P(h.Class("what"), h.Span(h.Class("pill sev"), h.Text(strings.ToUpper(r.Severity.String()))), h.Span(h.Class("pill"), h.Text(r.Confidence.String())),
			h.Span(h.Class("kind"), h.Text(string(r.Kind))), muted, seen),
		h.P(h.Class("sub"), h.If(r.Who != "", h.Span(h.Text(r.Who))), h.Span(r.times()), h.Span(last, moment(r.Last, clock(r.Last))), first,
			h.Span(h.Text(string(r.State))), h.Span(h.Class("code"), h.Text(r.Code))),
	))
}

// judged says what somebody thought of it before.
func (r *row) judged() (muted, seen h.Node) {
	if r.MutedBy != "" {
		muted = h.Span(h.Class("judged"), h.Text("muted: "), h.Text(r.MutedBy))
	}
	if r.Seen {
		seen = h.Span(h.Class("judged"), h.Text("acknowledged"), h.If(r.Note != "", h.Group{h.Text(": "), h.Text(r.Note)}))
	}
	return muted, seen
}

// times is how often it was seen.
func (r *row) times() h.Node {
	if r.Count == 1 {
		return h.Text("once")
	}
	return h.Text(number(r.Count) + " times")
}

// moment is a time for people, and for programs.
func moment(t packet.Time, text string) h.Node {
	return h.Time(h.DateTime(machine(t)), h.Text(text))
}

func (p *findingPage) node() h.Node {
	return p.page(
		h.P(h.Class("crumb"), h.A(h.Href("/"), h.Text("Inbox"))),
		h.H1(h.Class("small-h"), h.Text("Finding "), h.Text(p.ID)),
		h.Div(h.ID("list"), live(), h.Each(p.Found, (*kept).node)),
	)
}

// node is the story of one finding: its card, how it grew, and what can be done with it.
func (k *kept) node() h.Node {
	muted, seen := k.judged()
	return h.Section(h.Class("one"), h.Aria("labelledby", "story-"+k.Code), h.Lines(
		h.H2(h.Class("sr"), h.ID("story-"+k.Code), h.Text("What was found")),
		h.P(h.Class("sub strip"), h.Span(h.Text(string(k.State))), h.Span(k.times()), h.Span(h.Text("first "), moment(k.First, when(k.First))),
			h.Span(h.Text("last "), moment(k.Last, when(k.Last))), muted, seen),
		k.Card,
		h.If(len(k.Revisions) > 0, h.Div(h.Class("card slim"), h.H2(h.Text("How it grew")),
			h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("label", "How it grew"), h.Table(
				columns("When", "#Times", "Severity", "Confidence"),
				h.TBody(h.Each(k.Revisions, func(x *store.Revision) h.Node {
					return h.Tr(h.Td(moment(x.At, when(x.At))), h.Td(h.Class("n"), h.Text(number(x.Count))), h.Td(h.Text(x.Severity.String())), h.Td(h.Text(x.Confidence.String())))
				})))))),
		h.Div(h.Class("card slim judge"), h.H2(h.Text("When you have judged it")),
			h.P(h.Text("Seen, and done with until it grows:")), paste(k.Ack),
			h.P(h.Text("Known, and not to be told again (it goes on being counted):")), paste(k.Mute)),
	))
}

// columns is the head of a table; # stands before a column of numbers.
func columns(names ...string) h.Node {
	return h.THead(h.Tr(h.Each(names, func(s *string) h.Node {
		name, n := strings.CutPrefix(*s, "#")
		return h.Th(h.Scope("col"), h.If(n, h.Class("n")), h.Text(name))
	})))
}

func (p *statusPage) node() h.Node {
	return p.page(h.Div(h.ID("list"), live(), h.Newline, h.Lines(
		h.Div(h.Class("verdict "+p.Health.Mood.String()), h.Lines(
			h.Group{h.H1(sign(), h.Text(p.Health.Word)), h.Each(p.Health.Text, func(s *string) h.Node { return h.P(h.Class("lead"), h.Text(*s)) })},
			p.asOf())),
		p.traffic(),
		h.Div(h.Class("two figures"), h.Block(p.findings(), p.rules(), p.store(),
			h.If(len(p.Reasons) > 0, panel("h-no", "Packets not used", pairs(h.Each(p.Reasons, func(x *reason) h.Node { return pair(x.What, h.Text(number(x.N))) })))))),
	)))
}

// asOf says how old the status is.
func (p *statusPage) asOf() h.Node {
	f := p.File
	if f == nil {
		return nil
	}
	return h.P(h.Class("state"), h.Text("As of "), h.Time(h.Text(second(f.Time))), h.If(p.Running != "", h.Text(", after "+p.Running)),
		h.If(f.Program != "", h.Group{h.Text("; version "), h.Text(f.Program)}),
		h.If(p.Health.Mood == health.Unknown, h.Group{h.Text(". "), h.B(h.Text("What stands below is old."))}))
}

// traffic is what the interfaces see.
func (p *statusPage) traffic() h.Node {
	f := p.File
	if f == nil {
		return nil
	}
	interfaces, talkers, rate := h.P(h.Text("None.")), h.P(h.Class("note"), h.Text("None just now.")), h.Node(nil)
	if len(f.Interfaces) > 0 {
		interfaces = h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("labelledby", "h-if"), h.Table(
			columns("Interface", "State", "#Packets", "#Dropped by the kernel", "#Last packet"), h.TBody(h.Each(f.Interfaces, place))))
	}
	if len(f.Talkers) > 0 {
		talkers = pairs(h.Each(f.Talkers, func(x *health.Talker) h.Node { return pair(x.Address, h.Text(health.Rounded(x.Bytes)+"B/s")) }))
	}
	if r := f.Rate; r != nil {
		rate = h.Group{pair("Packets a second", h.Text(health.Rounded(r.Packets))), pair("Bytes a second", h.Text(health.Rounded(r.Bytes))),
			pair("Dropped a second", bad(r.Lost != 0, health.Rounded(r.Lost)))}
	}
	return h.Group{h.Newline, h.Lines(
		panel("h-if", "Interfaces", interfaces),
		h.Div(h.Class("two figures"), h.Block(
			panel("h-tr", "Traffic", pairs(rate, pair("Packets", h.Text(number(f.Packets))), pair("Dropped by the kernel", bad(f.Lost != 0, number(f.Lost))),
				pair("Could not be read", h.Text(number(f.Undecoded))))),
			panel("h-ta", "Busiest hosts", talkers))),
	)}
}

// place is the row of one interface.
func place(x *health.Interface) h.Node {
	state, last := h.Text("up"), "none"
	if !x.BlindSince.IsZero() {
		state = h.Group{bad(true, "blind since "+second(x.BlindSince)), h.Text(" ("), h.Text(x.Why), h.Text(")")}
	}
	if !x.Last.IsZero() {
		last = second(x.Last)
	}
	return h.Tr(h.Th(h.Scope("row"), h.Text(x.Name)), h.Td(state), h.Td(h.Class("n"), h.Text(number(x.Packets))), h.Td(h.Class("n"), bad(x.Lost != 0, number(x.Lost))),
		h.Td(h.Class("n"), h.Text(last)))
}

// findings are those of this run.
func (p *statusPage) findings() h.Node {
	var muted uint64
	text := "Not known."
	if p.File != nil {
		muted, text = p.File.Muted, "None were told."
	}
	switch {
	case len(p.Findings) > 0:
		return panel("h-fi", "Findings of this run", pairs(h.Each(p.Findings, func(x *reason) h.Node { return pair(x.What, h.Text(number(x.N))) }),
			h.If(muted > 0, pair("muted", h.Text(number(muted))))))
	case muted > 0:
		text = "None were told; " + number(muted) + " are muted."
	}
	return panel("h-fi", "Findings of this run", h.P(h.Class("note"), h.Text(text)))
}

func (p *statusPage) rules() h.Node {
	f := p.File
	if f == nil {
		return panel("h-ru", "Rules", h.P(h.Class("note"), h.Text("Not known.")))
	}
	running, age := h.P(h.Class("note"), h.Text("No rules were loaded.")), h.Node(nil)
	if r := f.Rules; r != nil {
		running = pairs(pair("Running", h.Text(number(r.Active))), h.If(r.Refused != 0, pair("Refused", bad(true, number(r.Refused)))))
	}
	switch {
	case p.RuleAge == "":
	case p.OldRules:
		age = h.P(h.Class("bad"), h.Text("Their newest file is "+p.RuleAge+" old: "), h.Code(h.Class("cmd"), h.Text("firestorm rules update")), h.Text("."))
	default:
		age = h.P(h.Class("note"), h.Text("Their newest file is "+p.RuleAge+" old."))
	}
	return panel("h-ru", "Rules", running, age)
}

func (p *statusPage) store() h.Node {
	var size h.Node
	if z := p.Size; z != nil {
		size = h.Group{pairs(pair("Findings", h.Text(number(z.Findings))), pair("of them muted", h.Text(number(z.Muted))),
			h.If(z.Oldest != 0, pair("Oldest", h.Text(when(z.Oldest))))), h.P(h.Class("note"), h.Text(p.Used))}
	}
	return panel("h-st", "Store", h.If(p.SizeErr != "", h.P(h.Class("bad"), h.Text(p.SizeErr))), size)
}

// panel is a part of the status with its heading.
func panel(id, title string, content ...h.Node) h.Node {
	return h.Section(h.Class("card slim"), h.Aria("labelledby", id), h.H2(h.ID(id), h.Text(title)), h.Group(content))
}

// pairs are names with their values.
func pairs(rows ...h.Node) h.Node { return h.Dl(h.Class("pairs"), h.Group(rows)) }

func pair(name string, value h.Node) h.Node { return h.Div(h.Dt(h.Text(name)), h.Dd(value)) }

// bad is a number that should be 0, and stands out where it is not.
func bad(is bool, text string) h.Node {
	if !is {
		return h.Text("0")
	}
	return h.B(h.Class("bad"), h.Text(text))
}

func second(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
