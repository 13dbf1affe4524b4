package report

import (
	"strconv"
	"strings"

	"firestorm/internal/finding"
	h "firestorm/internal/markup"
)

// page is the whole report. Its parts stand in the order in which they are read.
func (p *htmlPage) page() h.Node {
	head := []h.Node{
		h.Charset(),
		h.Policy(p.Policy),
		h.Meta("viewport", "width=device-width, initial-scale=1"),
		h.Meta("referrer", "no-referrer"),
		h.Meta("color-scheme", "light dark"),
		h.Title(h.Text(p.Title)),
		h.Style(pageStyle),
	}
	body := []h.Node{
		p.header(),
		h.Main(h.Block(p.sections()...)),
		h.Footer(h.Class("foot"), h.P(
			h.Text("Times are UTC or counted from the first packet; frame numbers are those Wireshark shows. Confidence is a word, never a percentage: "),
			h.B(h.Text("certain")), h.Text(", every other explanation excluded by packets; "),
			h.B(h.Text("likely")), h.Text(", one left; "),
			h.B(h.Text("possible")), h.Text(", several; "),
			h.B(h.Text("cannot tell")), h.Text(", the capture lacks what decides."))),
	}
	return h.Group{h.Document(head, body), h.Newline}
}

func (p *htmlPage) header() h.Node {
	return h.Header(h.Class("head "+p.Verdict), h.Block(
		h.P(h.Class("brand"), h.Text("Firestorm "), h.Span(h.Text("report"))),
		h.H1(h.Text(p.Word)),
		h.P(h.Class("lead"), h.Text(p.Lead)),
		h.P(h.Class("count"), h.Text(p.Count)),
		h.Ul(h.Class("files"), h.Each(p.Files, func(f *htmlFile) h.Node {
			return h.Li(h.B(h.Text(f.Name)), h.Text(" "), h.Span(h.Text(f.Text)),
				h.If(f.Damaged != "", h.Group{h.Text(" "), h.Em(h.Text("damaged: "), h.Text(f.Damaged))}))
		})),
		h.P(h.Class("state"), h.If(p.When != "", h.Text("from "+p.When+" · ")), h.Text(p.Account), h.If(p.Home != "", h.Group{h.Text(" · "), h.Text(p.Home)})),
		h.Each(p.Warnings, func(s *string) h.Node {
			return h.P(h.Class("warning"), h.B(h.Text("Warning:")), h.Text(" "), h.Text(*s))
		}),
		h.Each(p.Notes, func(s *string) h.Node { return h.P(h.Class("state"), h.B(h.Text("Note:")), h.Text(" "), h.Text(*s)) }),
	))
}

// sections are the lines of the main part; what the report has nothing to say of is nil.
func (p *htmlPage) sections() []h.Node {
	gates := func(id string, l []htmlGate) h.Node {
		return h.If(len(l) > 0, slim(id, "What this capture cannot show", gates(l)))
	}
	return []h.Node{
		h.If(len(p.Findings) > 0, section("findings", "Findings", h.Each(p.Findings, (*htmlFinding).card))),
		h.If(len(p.Cannot) > 0, section("cannot", "What this capture cannot tell", h.Each(p.Cannot, (*htmlFinding).small))),
		gates("blind", p.Blind),
		h.If(len(p.Possible) > 0, section("possible", "Possible explanations", h.Each(p.Possible, (*htmlFinding).small))),
		h.Group{h.If(len(p.Hits) > 0, slim("rules", p.HitCount, list("plain", p.Hits))), p.checked()},
		h.If(len(p.Talkers) > 0, slim("talkers", "Who talked to whom", scrolled("talkers",
			head(left("Client"), left("Server"), left("Services"), right("Conversations"), right("Volume")),
			h.Each(p.Talkers, func(c *[]string) h.Node { return row(*c, 3) })))),
		h.If(len(p.Services) > 0, slim("services", "Services", scrolled("services",
			head(left("Service"), right("Clients"), right("Attempts"), right("Answered"), right("Refused"), right("Silent"),
				right("Connect ", h.Small(h.Text("median / longest"))), right("Answer ", h.Small(h.Text("mean / longest")))),
			h.Each(p.Services, func(c *[]string) h.Node {
				return h.Tr(h.Th(h.Scope("row"), h.Text((*c)[0])), h.Each((*c)[1:], numeric))
			})))),
		h.If(len(p.Slowest) > 0, slim("slowest", "The slowest", scrolled("slowest",
			head(left("What"), right("Took"), right("Frames")),
			h.Each(p.Slowest, func(c *[]string) h.Node { return row(*c, 1) })))),
		h.If(len(p.TimeWent) > 0, slim("timewent", "Where the time went", h.Table(h.Class("bars"),
			h.THead(h.Class("sr"), h.Tr(left("Into"), left("Time"), left("Share"))),
			h.TBody(h.Each(p.TimeWent, (*htmlShare).row))))),
		gates("gates", p.Gates),
		slim("account", "Account of the capture", h.P(h.Text(p.Account), h.Text(".")),
			h.If(len(p.Reasons) > 0, h.Table(head(left("Not used"), right("Count")), h.TBody(h.Each(p.Reasons, func(c *[]string) h.Node { return row(*c, 1) }))))),
	}
}

func (p *htmlPage) checked() h.Node {
	return h.If(len(p.Checked) > 0, slim("checked", "What was checked", list("ticks", p.Checked),
		h.If(len(p.Left) > 0, h.Group{h.H3(h.Text("Left open by the end of the capture")), list("plain", p.Left)})))
}

// row is one bar of where the time went.
func (s *htmlShare) row() h.Node {
	return h.Tr(h.Th(h.Scope("row"), h.Text(s.What)), numeric(&s.Time), h.Td(h.Class("bar"), h.Ours(bar(s.Of))))
}

// bar draws a share in tenths of a per cent; a number is all that goes into it.
func bar(of int) string {
	return `<svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="track" width="1000" height="10"/><rect class="fill" width="` +
		strconv.Itoa(of) + `" height="10"/></svg>`
}

// card is a finding in full.
func (f *htmlFinding) card() h.Node {
	return h.Group{h.Newline, h.Article(h.Class("card "+f.Severity), h.Aria("labelledby", f.ID+"-h"), h.Block(
		h.Header(h.Class("top"), h.Lines(
			h.P(h.Class("pills"), h.Span(h.Class("pill sev"), h.Text(strings.ToUpper(f.Severity))), h.Text(" "), pill(f.Confidence), h.Text(" "), f.kind()),
			f.heading(),
			h.If(f.Summary != "", h.P(h.Class("summary"), h.Text(f.Summary))))),
		h.If(f.Why != "", h.Section(h.Class("why"), h.H4(h.Text("Why")), h.P(h.Text(f.Why)))),
		h.Dl(h.Class("meta"), term("Impact", f.Impact), term("Who", f.Who), term("When", f.When)),
		h.If(len(f.Remedy) > 0, h.Section(h.Class("do"), h.H4(h.Text("What to do")), h.Div(h.Class("places"), h.Each(f.Remedy, (*htmlPlace).node)))),
		h.If(f.Check != "" || f.CheckNote != "", h.Section(h.Class("check"), h.H4(h.Text("Check it")),
			h.If(f.Check != "", h.Code(h.Class("cmd block"), h.Text(f.Check))),
			h.If(f.CheckNote != "", h.P(h.Class("note"), h.Text(f.CheckNote))))),
		f.figure("The conversation"),
		h.Section(h.H4(h.Text("Facts")), h.Table(h.Class("facts"),
			head(left("Observed"), h.Th(h.Scope("col"), h.Class("frames"), h.Text("Frames"))),
			h.TBody(h.Each(f.Facts, func(x *htmlFact) h.Node {
				return h.Tr(h.Td(h.Text(x.Text)), h.Td(h.Class("frames"), h.Text(x.Frames)))
			})))),
		h.Div(h.Class("two"), h.Block(f.ruledOut(), f.couldBe())),
		h.If(len(f.Explains) > 0, h.Section(h.H4(h.Text("Also explains")), list("plain", f.Explains))),
		h.Footer(
			h.P(f.packets(), h.If(f.Command != "", h.Group{h.Text(" "), cmd(f.Command)})),
			h.P(h.Class("small"), f.name(), h.Each(f.References, func(s *string) h.Node { return h.Group{h.Text(" · "), h.Text(*s)} }))),
	))}
}

// small is what is merely possible, or what the capture cannot tell.
func (f *htmlFinding) small() h.Node {
	sure := "possible"
	if len(f.Gates) > 0 {
		sure = "cannot tell"
	}
	return h.Group{h.Newline, h.Article(h.Class("card slim"), h.Aria("labelledby", f.ID+"-h"), h.Lines(
		h.P(h.Class("pills"), pill(sure), h.Text(" "), f.kind()),
		f.heading(),
		gates(f.Gates),
		h.If(len(f.Facts) > 0, h.Ul(h.Class("plain"), h.Each(f.Facts, func(x *htmlFact) h.Node { return h.Li(h.Text(x.Text), frames(x.Frames)) }))),
		h.If(len(f.Open) > 0, h.Group{h.H4(h.Text("Could be")), list("plain open", f.Open)}),
		f.figure("What was seen"),
		h.Footer(h.P(f.packets()), h.P(h.Class("small"), f.name())),
	))}
}

func (f *htmlFinding) heading() h.Node { return h.H3(h.ID(f.ID+"-h"), h.Text(f.Title)) }

func (f *htmlFinding) kind() h.Node { return h.Span(h.Class("kind"), h.Text(f.Kind)) }

func (f *htmlFinding) name() h.Node { return h.Text(f.Code + " · " + f.ID) }

func (f *htmlFinding) packets() h.Node {
	return h.Group{h.Span(h.Class("lab"), h.Text("Packets")), h.Text(" "), h.Text(f.Packets)}
}

// figure is the drawing and the same as a table.
func (f *htmlFinding) figure(title string) h.Node {
	if f.Drawing == "" {
		return nil
	}
	return h.Figure(
		h.FigCaption(h.H4(h.Text(title)), h.P(h.Class("note"), h.Text(f.Scale))),
		h.Div(h.Class("scroll drawing"), h.TabIndex("0"), h.Role("region"), h.Aria("label", "Drawing of the conversation"), h.Ours(f.Drawing)),
		h.Details(h.Class("twin"), h.Summary(h.Text("The same as a table")),
			h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("label", "Steps of the conversation"), h.Table(
				h.Caption(h.Class("sr"), h.Text("Steps of the conversation")),
				head(right("Time"), right("Frame"), left("Way"), left("Packet"), left("Note")),
				h.TBody(h.Each(f.Steps, func(s *htmlStep) h.Node {
					return h.Tr(numeric(&s.Time), numeric(&s.Frame), cell(&s.Way), cell(&s.Label), cell(&s.Note))
				}))))))
}

func (f *htmlFinding) ruledOut() h.Node {
	return h.If(len(f.RuledOut) > 0, h.Section(h.H4(h.Text("Ruled out")), h.Ul(h.Class("plain out"), h.Each(f.RuledOut, func(x *htmlFact) h.Node {
		return h.Li(h.B(h.Text(x.Name)), h.Text(": "), h.Text(x.Text), frames(x.Frames))
	}))))
}

func (f *htmlFinding) couldBe() h.Node {
	if len(f.Open) == 0 && len(f.Gates) == 0 && f.WrongIf == "" {
		return nil
	}
	open := f.Open
	if len(open) == 0 {
		open = []string{"nothing else: every other explanation is excluded"}
	}
	return h.Section(h.H4(h.Text("Could still be")), list("plain open", open), gates(f.Gates),
		h.If(f.WrongIf != "", h.P(h.Class("note"), h.Text("What would prove this wrong: "), h.Text(f.WrongIf))))
}

// node is what to do at one place.
func (p *htmlPlace) node() h.Node {
	return h.Div(h.Class("place"), h.H5(h.Text(p.Where)), h.Ol(h.Each(p.Steps, func(s *finding.Step) h.Node {
		return h.Li(h.Text(s.Text), h.Each(s.Run, func(c *finding.Command) h.Node {
			return h.Span(h.Class("run"), h.If(c.On != "", h.Group{h.Span(h.Class("on"), h.Text(c.On)), h.Text(" ")}), cmd(c.Line))
		}))
	})))
}

func gates(l []htmlGate) h.Node {
	return h.Each(l, func(g *htmlGate) h.Node {
		return h.P(h.Class("gate"), h.Span(h.Class("tag"), h.Text(g.Name)), h.Text(" "), h.Text(g.Text),
			h.If(g.How != "", h.Group{h.Text(" "), h.Span(h.Class("how"), h.Text("To see it: "), cmd(g.How))}))
	})
}

// section is a part of the page with its heading, slim one without findings.
func section(id, title string, content ...h.Node) h.Node {
	return h.Section(h.Aria("labelledby", id), h.H2(h.ID(id), h.Text(title)), h.Group(content))
}

func slim(id, title string, content ...h.Node) h.Node {
	return h.Section(h.Class("card slim"), h.Aria("labelledby", id), h.H2(h.ID(id), h.Text(title)), h.Group(content))
}

// scrolled is a table that may be wider than the page, with the name of the section it stands in.
func scrolled(id string, head h.Node, rows h.Group) h.Node {
	return h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), h.Aria("labelledby", id), h.Table(head, h.TBody(rows)))
}

func head(columns ...h.Node) h.Node { return h.THead(h.Tr(columns...)) }

// left and right are heads of columns, of words and of numbers.
func left(name string) h.Node { return h.Th(h.Scope("col"), h.Text(name)) }

func right(name string, more ...h.Node) h.Node {
	return h.Th(h.Scope("col"), h.Class("n"), h.Text(name), h.Group(more))
}

func cell(s *string) h.Node { return h.Td(h.Text(*s)) }

func numeric(s *string) h.Node { return h.Td(h.Class("n"), h.Text(*s)) }

// row has so many cells of words, and numbers after them.
func row(cells []string, words int) h.Node {
	return h.Tr(h.Each(cells[:words], cell), h.Each(cells[words:], numeric))
}

func list(class string, items []string) h.Node {
	return h.Ul(h.Class(class), h.Each(items, func(s *string) h.Node { return h.Li(h.Text(*s)) }))
}

func term(name, text string) h.Node {
	return h.If(text != "", h.Div(h.Dt(h.Text(name)), h.Dd(h.Text(text))))
}

func pill(s string) h.Node { return h.Span(h.Class("pill"), h.Text(s)) }

func cmd(s string) h.Node { return h.Code(h.Class("cmd"), h.Text(s)) }

func frames(s string) h.Node {
	return h.If(s != "", h.Group{h.Text(" "), h.Span(h.Class("ref"), h.Tip("frame numbers"), h.Text(s))})
}
