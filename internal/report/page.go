package report

import (
	"strconv"
	"strings"

	h "maragu.dev/gomponents/html"

	"firestorm/internal/finding"
	m "firestorm/internal/markup"
)

// page is the whole report. Its parts stand in the order in which they are read.
func (p *htmlPage) page() m.Node {
	return m.Group{m.Lines(m.Ours("<!doctype html>"), h.HTML(h.Lang("en"), m.Block(
		h.Head(m.Block(
			h.Meta(h.Charset("utf-8")),
			h.Meta(m.Fixed("http-equiv", "Content-Security-Policy"), m.Attr("content", p.Policy)),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			h.Meta(h.Name("referrer"), h.Content("no-referrer")),
			h.Meta(h.Name("color-scheme"), h.Content("light dark")),
			h.TitleEl(m.Text(p.Title)),
			h.StyleEl(m.Ours(pageStyle)),
		)),
		h.Body(m.Block(
			p.header(),
			h.Main(m.Block(p.sections()...)),
			h.Footer(h.Class("foot"), h.P(
				m.Text("Times are UTC or counted from the first packet; frame numbers are those Wireshark shows. Confidence is a word, never a percentage: "),
				h.B(m.Text("certain")), m.Text(", every other explanation excluded by packets; "),
				h.B(m.Text("likely")), m.Text(", one left; "),
				h.B(m.Text("possible")), m.Text(", several; "),
				h.B(m.Text("cannot tell")), m.Text(", the capture lacks what decides."))),
		)),
	))), m.Newline}
}

func (p *htmlPage) header() m.Node {
	return h.Header(m.Attr("class", "head "+p.Verdict), m.Block(
		h.P(h.Class("brand"), m.Text("Firestorm "), h.Span(m.Text("report"))),
		h.H1(m.Text(p.Word)),
		h.P(h.Class("lead"), m.Text(p.Lead)),
		h.P(h.Class("count"), m.Text(p.Count)),
		h.Ul(h.Class("files"), m.Each(p.Files, func(f *htmlFile) m.Node {
			return h.Li(h.B(m.Text(f.Name)), m.Text(" "), h.Span(m.Text(f.Text)),
				m.If(f.Damaged != "", m.Group{m.Text(" "), h.Em(m.Text("damaged: "), m.Text(f.Damaged))}))
		})),
		h.P(h.Class("state"), m.If(p.When != "", m.Text("from "+p.When+" · ")), m.Text(p.Account), m.If(p.Home != "", m.Group{m.Text(" · "), m.Text(p.Home)})),
		m.Each(p.Warnings, func(s *string) m.Node {
			return h.P(h.Class("warning"), h.B(m.Text("Warning:")), m.Text(" "), m.Text(*s))
		}),
		m.Each(p.Notes, func(s *string) m.Node { return h.P(h.Class("state"), h.B(m.Text("Note:")), m.Text(" "), m.Text(*s)) }),
	))
}

// sections are the lines of the main part; what the report has nothing to say of is nil.
func (p *htmlPage) sections() []m.Node {
	gates := func(id string, l []htmlGate) m.Node {
		return m.If(len(l) > 0, slim(id, "What this capture cannot show", gates(l)))
	}
	return []m.Node{
		m.If(len(p.Findings) > 0, section("findings", "Findings", m.Each(p.Findings, (*htmlFinding).card))),
		m.If(len(p.Cannot) > 0, section("cannot", "What this capture cannot tell", m.Each(p.Cannot, (*htmlFinding).small))),
		gates("blind", p.Blind),
		m.If(len(p.Possible) > 0, section("possible", "Possible explanations", m.Each(p.Possible, (*htmlFinding).small))),
		m.Group{m.If(len(p.Hits) > 0, slim("rules", p.HitCount, list("plain", p.Hits))), p.checked()},
		m.If(len(p.Talkers) > 0, slim("talkers", "Who talked to whom", scrolled("talkers",
			head(left("Client"), left("Server"), left("Services"), right("Conversations"), right("Volume")),
			m.Each(p.Talkers, func(c *[]string) m.Node { return row(*c, 3) })))),
		m.If(len(p.Services) > 0, slim("services", "Services", scrolled("services",
			head(left("Service"), right("Clients"), right("Attempts"), right("Answered"), right("Refused"), right("Silent"),
				right("Connect ", h.Small(m.Text("median / longest"))), right("Answer ", h.Small(m.Text("mean / longest")))),
			m.Each(p.Services, func(c *[]string) m.Node {
				return h.Tr(h.Th(h.Scope("row"), m.Text((*c)[0])), m.Each((*c)[1:], numeric))
			})))),
		m.If(len(p.Slowest) > 0, slim("slowest", "The slowest", scrolled("slowest",
			head(left("What"), right("Took"), right("Frames")),
			m.Each(p.Slowest, func(c *[]string) m.Node { return row(*c, 1) })))),
		m.If(len(p.TimeWent) > 0, slim("timewent", "Where the time went", h.Table(h.Class("bars"),
			h.THead(h.Class("sr"), h.Tr(left("Into"), left("Time"), left("Share"))),
			h.TBody(m.Each(p.TimeWent, (*htmlShare).row))))),
		gates("gates", p.Gates),
		slim("account", "Account of the capture", h.P(m.Text(p.Account), m.Text(".")),
			m.If(len(p.Reasons) > 0, h.Table(head(left("Not used"), right("Count")), h.TBody(m.Each(p.Reasons, func(c *[]string) m.Node { return row(*c, 1) }))))),
	}
}

func (p *htmlPage) checked() m.Node {
	return m.If(len(p.Checked) > 0, slim("checked", "What was checked", list("ticks", p.Checked),
		m.If(len(p.Left) > 0, m.Group{h.H3(m.Text("Left open by the end of the capture")), list("plain", p.Left)})))
}

// row is one bar of where the time went.
func (s *htmlShare) row() m.Node {
	return h.Tr(h.Th(h.Scope("row"), m.Text(s.What)), numeric(&s.Time), h.Td(h.Class("bar"), m.Ours(bar(s.Of))))
}

// bar draws a share in tenths of a per cent; a number is all that goes into it.
func bar(of int) string {
	return `<svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="track" width="1000" height="10"/><rect class="fill" width="` +
		strconv.Itoa(of) + `" height="10"/></svg>`
}

// card is a finding in full.
func (f *htmlFinding) card() m.Node {
	return m.Group{m.Newline, h.Article(m.Attr("class", "card "+f.Severity), m.Attr("aria-labelledby", f.ID+"-h"), m.Block(
		h.Header(h.Class("top"), m.Lines(
			h.P(h.Class("pills"), h.Span(h.Class("pill sev"), m.Text(strings.ToUpper(f.Severity))), m.Text(" "), pill(f.Confidence), m.Text(" "), f.kind()),
			f.heading(),
			m.If(f.Summary != "", h.P(h.Class("summary"), m.Text(f.Summary))))),
		m.If(f.Why != "", h.Section(h.Class("why"), h.H4(m.Text("Why")), h.P(m.Text(f.Why)))),
		h.Dl(h.Class("meta"), term("Impact", f.Impact), term("Who", f.Who), term("When", f.When)),
		m.If(len(f.Remedy) > 0, h.Section(h.Class("do"), h.H4(m.Text("What to do")), h.Div(h.Class("places"), m.Each(f.Remedy, (*htmlPlace).node)))),
		m.If(f.Check != "" || f.CheckNote != "", h.Section(h.Class("check"), h.H4(m.Text("Check it")),
			m.If(f.Check != "", h.Code(h.Class("cmd block"), m.Text(f.Check))),
			m.If(f.CheckNote != "", h.P(h.Class("note"), m.Text(f.CheckNote))))),
		f.figure("The conversation"),
		h.Section(h.H4(m.Text("Facts")), h.Table(h.Class("facts"),
			head(left("Observed"), h.Th(h.Scope("col"), h.Class("frames"), m.Text("Frames"))),
			h.TBody(m.Each(f.Facts, func(x *htmlFact) m.Node {
				return h.Tr(h.Td(m.Text(x.Text)), h.Td(h.Class("frames"), m.Text(x.Frames)))
			})))),
		h.Div(h.Class("two"), m.Block(f.ruledOut(), f.couldBe())),
		m.If(len(f.Explains) > 0, h.Section(h.H4(m.Text("Also explains")), list("plain", f.Explains))),
		h.Footer(
			h.P(f.packets(), m.If(f.Command != "", m.Group{m.Text(" "), cmd(f.Command)})),
			h.P(h.Class("small"), f.name(), m.Each(f.References, func(s *string) m.Node { return m.Group{m.Text(" · "), m.Text(*s)} }))),
	))}
}

// small is what is merely possible, or what the capture cannot tell.
func (f *htmlFinding) small() m.Node {
	sure := "possible"
	if len(f.Gates) > 0 {
		sure = "cannot tell"
	}
	return m.Group{m.Newline, h.Article(h.Class("card slim"), m.Attr("aria-labelledby", f.ID+"-h"), m.Lines(
		h.P(h.Class("pills"), pill(sure), m.Text(" "), f.kind()),
		f.heading(),
		gates(f.Gates),
		m.If(len(f.Facts) > 0, h.Ul(h.Class("plain"), m.Each(f.Facts, func(x *htmlFact) m.Node { return h.Li(m.Text(x.Text), frames(x.Frames)) }))),
		m.If(len(f.Open) > 0, m.Group{h.H4(m.Text("Could be")), list("plain open", f.Open)}),
		f.figure("What was seen"),
		h.Footer(h.P(f.packets()), h.P(h.Class("small"), f.name())),
	))}
}

func (f *htmlFinding) heading() m.Node { return h.H3(m.Attr("id", f.ID+"-h"), m.Text(f.Title)) }

func (f *htmlFinding) kind() m.Node { return h.Span(h.Class("kind"), m.Text(f.Kind)) }

func (f *htmlFinding) name() m.Node { return m.Text(f.Code + " · " + f.ID) }

func (f *htmlFinding) packets() m.Node {
	return m.Group{h.Span(h.Class("lab"), m.Text("Packets")), m.Text(" "), m.Text(f.Packets)}
}

// figure is the drawing and the same as a table.
func (f *htmlFinding) figure(title string) m.Node {
	if f.Drawing == "" {
		return nil
	}
	return h.Figure(
		h.FigCaption(h.H4(m.Text(title)), h.P(h.Class("note"), m.Text(f.Scale))),
		h.Div(h.Class("scroll drawing"), h.TabIndex("0"), h.Role("region"), h.Aria("label", "Drawing of the conversation"), m.Ours(f.Drawing)),
		h.Details(h.Class("twin"), h.Summary(m.Text("The same as a table")),
			h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("label", "Steps of the conversation"), h.Table(
				h.Caption(h.Class("sr"), m.Text("Steps of the conversation")),
				head(right("Time"), right("Frame"), left("Way"), left("Packet"), left("Note")),
				h.TBody(m.Each(f.Steps, func(s *htmlStep) m.Node {
					return h.Tr(numeric(&s.Time), numeric(&s.Frame), cell(&s.Way), cell(&s.Label), cell(&s.Note))
				}))))))
}

func (f *htmlFinding) ruledOut() m.Node {
	return m.If(len(f.RuledOut) > 0, h.Section(h.H4(m.Text("Ruled out")), h.Ul(h.Class("plain out"), m.Each(f.RuledOut, func(x *htmlFact) m.Node {
		return h.Li(h.B(m.Text(x.Name)), m.Text(": "), m.Text(x.Text), frames(x.Frames))
	}))))
}

func (f *htmlFinding) couldBe() m.Node {
	if len(f.Open) == 0 && len(f.Gates) == 0 && f.WrongIf == "" {
		return nil
	}
	open := f.Open
	if len(open) == 0 {
		open = []string{"nothing else: every other explanation is excluded"}
	}
	return h.Section(h.H4(m.Text("Could still be")), list("plain open", open), gates(f.Gates),
		m.If(f.WrongIf != "", h.P(h.Class("note"), m.Text("What would prove this wrong: "), m.Text(f.WrongIf))))
}

// node is what to do at one place.
func (p *htmlPlace) node() m.Node {
	return h.Div(h.Class("place"), h.H5(m.Text(p.Where)), h.Ol(m.Each(p.Steps, func(s *finding.Step) m.Node {
		return h.Li(m.Text(s.Text), m.Each(s.Run, func(c *finding.Command) m.Node {
			return h.Span(h.Class("run"), m.If(c.On != "", m.Group{h.Span(h.Class("on"), m.Text(c.On)), m.Text(" ")}), cmd(c.Line))
		}))
	})))
}

func gates(l []htmlGate) m.Node {
	return m.Each(l, func(g *htmlGate) m.Node {
		return h.P(h.Class("gate"), h.Span(h.Class("tag"), m.Text(g.Name)), m.Text(" "), m.Text(g.Text),
			m.If(g.How != "", m.Group{m.Text(" "), h.Span(h.Class("how"), m.Text("To see it: "), cmd(g.How))}))
	})
}

// section is a part of the page with its heading, slim one without findings.
func section(id, title string, content ...m.Node) m.Node {
	return h.Section(m.Attr("aria-labelledby", id), h.H2(m.Attr("id", id), m.Text(title)), m.Group(content))
}

func slim(id, title string, content ...m.Node) m.Node {
	return h.Section(h.Class("card slim"), m.Attr("aria-labelledby", id), h.H2(m.Attr("id", id), m.Text(title)), m.Group(content))
}

// scrolled is a table that may be wider than the page, with the name of the section it stands in.
func scrolled(id string, head m.Node, rows m.Group) m.Node {
	return h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), m.Attr("aria-labelledby", id), h.Table(head, h.TBody(rows)))
}

func head(columns ...m.Node) m.Node { return h.THead(h.Tr(columns...)) }

// left and right are heads of columns, of words and of numbers.
func left(name string) m.Node { return h.Th(h.Scope("col"), m.Text(name)) }

func right(name string, more ...m.Node) m.Node {
	return h.Th(h.Scope("col"), h.Class("n"), m.Text(name), m.Group(more))
}

func cell(s *string) m.Node { return h.Td(m.Text(*s)) }

func numeric(s *string) m.Node { return h.Td(h.Class("n"), m.Text(*s)) }

// row has so many cells of words, and numbers after them.
func row(cells []string, words int) m.Node {
	return h.Tr(m.Each(cells[:words], cell), m.Each(cells[words:], numeric))
}

func list(class string, items []string) m.Node {
	return h.Ul(m.Attr("class", class), m.Each(items, func(s *string) m.Node { return h.Li(m.Text(*s)) }))
}

func term(name, text string) m.Node {
	return m.If(text != "", h.Div(h.Dt(m.Text(name)), h.Dd(m.Text(text))))
}

func pill(s string) m.Node { return h.Span(h.Class("pill"), m.Text(s)) }

func cmd(s string) m.Node { return h.Code(h.Class("cmd"), m.Text(s)) }

func frames(s string) m.Node {
	return m.If(s != "", m.Group{m.Text(" "), h.Span(h.Class("ref"), h.Title("frame numbers"), m.Text(s))})
}
