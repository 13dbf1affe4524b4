package serverslow

import (
	"fmt"
	"sort"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one service, unless its slow exchanges are exceptions.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	r := g.Kept[0].Data.(*record)
	h := r.worst.Head()
	all := max(d.exchanges(g.Kept[0].Vantage, r), g.Count)
	if float64(g.Count) < slowShare*float64(all) {
		return false
	}
	quick := all - g.Count
	server := detect.EndText(h.Server)
	median := r.median()
	b.Subject(finding.Subject{Role: "client", Addr: g.Kept[0].Client})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	if median >= severe && len(r.clients) > 1 { // the service, not one client's use of it
		b.Severity(finding.High)
	}
	share := fmt.Sprintf("%d of %s", g.Count, detect.Plural(all, "answer", "answers"))
	if quick == 0 {
		share = "all " + detect.Plural(all, "answer", "answers")
		if all == 1 {
			share = "its one answer"
		}
	}
	b.Title("%s takes long to answer: %s began after %s", server, share, between(r.least, r.most))
	if r.rttMost == 0 {
		b.Why("the server, or something it waits for, takes the time: half of the waits were longer than %s, and nothing was repeated", detect.Span(median))
	} else {
		b.Why("the time goes by inside the server, or in something it waits for: half of the waits were longer than %s; the network takes %s at most, there and back", detect.Span(median), detect.Span(r.rttMost))
	}
	b.Summary("The requests went through and so did the answers: nothing was lost. Between them %s let %s pass. What it does in that time cannot be seen from here: it computes, waits for a "+
		"database, another server, a name lookup or a lock, or has too few workers.", server, between(r.least, r.most))
	b.Impact("%s waited %s in all, half of the times longer than %s, the longest %s", detect.Plural(len(r.clients), "client", "clients"), detect.Span(r.total), detect.Span(median), detect.Span(r.most))
	d.facts(b, r, all, quick)
	d.alternatives(g, b, r, quick)
	b.Remedy(finding.AtServer, "look at the server's own times for the requests at %s: its log with durations, slow-query log of its database, time-outs of name lookups, workers that are all busy", d.moments(r))
	b.Remedy(finding.AtServer, "measure on the server itself, without the network (for HTTP; other protocols: their own client)").
		Run("Linux", "curl -s -o /dev/null -w '%%{time_starttransfer}\\n' http://127.0.0.1:%d/", h.Server.Port)
	b.Remedy(finding.AtClient, "until then raise the client's time limit above %s, so that it does not ask twice", detect.Span(r.most))
	b.Check(fmt.Sprintf("ss -tnp 'sport = :%d'", h.Server.Port), "on the server, during a slow request: Recv-Q 0 (the program has read the request) and Send-Q 0 (it has not answered)")
	b.WrongIf("a capture on the server that shows the answers leaving soon after the requests arrive")
	d.story(b, r)
	return true
}

// exchanges counts all request and answer turns of the service that are known.
func (d *detector) exchanges(vantage uint16, r *record) int {
	known := map[uint64]uint32{} // live flows: the ledger learns their count late
	for i := range r.thinks {
		x := &r.thinks[i]
		known[x.flow] = max(known[x.flow], x.count)
	}
	n := 0
	h := r.worst.Head()
	d.scope.Ledger.Attempts(detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: h.Proto}, func(a *detect.Attempt) bool {
		if a.Vantage == vantage {
			n += int(max(a.Exchanges, known[a.FlowID]))
		}
		return true
	})
	return n
}

func (r *record) median() time.Duration {
	ts := make([]time.Duration, 0, len(r.thinks))
	for i := range r.thinks {
		ts = append(ts, r.thinks[i].think)
	}
	sort.Slice(ts, func(i, j int) bool { return ts[i] < ts[j] })
	return ts[(len(ts)-1)/2]
}

func between(least, most time.Duration) string {
	a, z := detect.Span(least), detect.Span(most)
	if a == z {
		return z
	}
	return a + " to " + z
}

func (d *detector) moments(r *record) string {
	var refs []packet.Ref
	for i := range r.thinks {
		refs = append(refs, r.thinks[i].request)
	}
	sort.SliceStable(refs, func(i, j int) bool { return refs[i].Time < refs[j].Time })
	return d.scope.Times(refs, 4)
}

func (d *detector) facts(b *finding.Builder, r *record, all, quick int) {
	b.Fact(detect.Refs(r.worst.Request, r.worst.Response), "the longest: request of %s complete at %s s, answer begins at %s s, %s later", detect.EndText(r.worst.Head().Client),
		d.scope.Since(r.worst.Request), d.scope.Since(r.worst.Response), detect.Span(r.most))
	var refs []packet.Ref
	for i := range r.thinks {
		if i == 3 {
			break
		}
		refs = append(refs, r.thinks[i].request, r.thinks[i].response)
	}
	others := "no other answer of the service is in the capture"
	if quick > 0 {
		others = detect.Plural(quick, "other answer", "other answers") + " of the service began sooner"
	}
	b.Fact(refs, "%s waited %s for the first byte; %s", detect.Plural(r.slow, "request", "requests"), between(r.least, r.most), others)
	if r.rttMost > 0 {
		b.Fact(detect.Refs(r.worst.Request), "round trip %s at most: %s of the wait", detect.Span(r.rttMost), percent(r.rttMost, r.least))
	}
	if r.repeated+r.far > 0 {
		b.Fact(nil, "not counted: %d slow answers during which something was repeated, %d of a way that is slow itself", r.repeated, r.far)
	}
}

func percent(part, whole time.Duration) string {
	p := 100 * float64(part) / float64(whole)
	if p < 1 {
		return "less than 1 %"
	}
	return fmt.Sprintf("%.0f %% or less", p)
}

func (d *detector) alternatives(g *finding.Group, b *finding.Builder, r *record, quick int) {
	worst := detect.Refs(r.worst.Request, r.worst.Response)
	if r.rttMost > 0 {
		b.RuledOut("network", worst, "there and back takes %s; the waits took %s", detect.Span(r.rttMost), between(r.least, r.most))
	} else {
		b.Open("network", "no handshake of the server is in the capture, so the round trip is unknown; ping %s tells it", r.worst.Head().Server.Addr)
	}
	b.RuledOut("loss", worst, "neither side repeated anything between these requests and their answers")
	slow := detect.Plural(r.slow, "wait", "waits")
	switch {
	case r.greets:
		b.Open("by-design", "the server speaks first (%s): in an interactive protocol a command may take its time", d.scope.Frame(r.greetsRef))
		b.Cap(finding.Possible)
	case r.unasked >= r.least:
		b.Open("by-design", "the server also speaks unasked, after silences of up to %s: these may be such messages rather than answers", detect.Span(r.unasked))
		b.Cap(finding.Possible)
	case r.most >= heldOpen:
		b.Open("by-design", "services that hold a request until there is news wait as long; what was asked for (the URL in the server's log) decides")
		b.Cap(finding.Possible)
	case r.slow > 1 && r.least >= heldLeast && float64(r.most-r.least) < alike*float64(r.most):
		b.Open("by-design", "%s, all of %s: that is a timer, of a held request or of something the server waits for in vain (a name lookup: 5 s); the server's log decides", slow, detect.Span(r.most))
		b.Cap(finding.Possible)
	case quick > 0:
		b.Open("by-design", "other requests were answered sooner; whether these were meant to wait, the server's log tells")
	default:
		b.Open("by-design", "no request was answered quickly, so there is nothing to compare with; whether these were meant to wait, the server's log tells")
	}
	if g.Count < fewExchanges {
		b.Open("few", "%s only; a longer capture decides", slow)
	} else {
		b.RuledOut("few", worst, "%s", slow)
	}
}

func (d *detector) story(b *finding.Builder, r *record) {
	add := func(ref packet.Ref, dir packet.Dir, label, note string) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note})
	}
	add(r.worst.Request, packet.ToServer, "request", "the request is complete")
	add(r.worst.Response, packet.ToClient, "answer", "the answer begins "+detect.Span(r.most)+" later")
	for i := range r.thinks {
		if i == 3 {
			break
		}
		b.Evidence(r.thinks[i].request, "a request")
		b.Evidence(r.thinks[i].response, "its answer, "+detect.Span(r.thinks[i].think)+" later")
	}
}
