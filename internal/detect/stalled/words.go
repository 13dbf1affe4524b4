package stalled

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the deaths between two networks.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	var deaths []*death
	first := (*death)(nil)
	dead := map[uint64]bool{}
	for i := range g.Kept {
		x := g.Kept[i].Data.(*death)
		deaths = append(deaths, x)
		dead[x.flow.Head().FlowID] = true
		if first == nil || x.stall.First.Time < first.stall.First.Time {
			first = x
		}
	}
	f, s := first.flow, first.stall
	h := f.Head()
	from, to := h.Client, h.Server
	if s.Dir == packet.ToClient {
		from, to = to, from
	}
	flows := detect.Plural(g.Count, "connection", "connections")
	died := d.scope.Twins.Trace(s.Last)
	between := died.Known && !died.Seen
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	if between {
		here, there := d.scope.Twins.Name(h.Vantage), d.scope.Twins.Name(died.Vantage)
		b.Title("the device between %s and %s drops %s in the middle: %s is no longer heard by %s", here, there, flows, detect.EndText(from), detect.EndText(to))
		b.Why("what %s sends enters the device between the two captures and never leaves it, from %s s on", detect.EndText(from), d.scope.Since(s.First))
	} else {
		b.Title("%s of %s to %s died in the middle: what was sent is no longer answered", flows, h.Client.Addr, detect.EndText(h.Server))
		and := "neither a pause, nor a new size, nor a closed window explains it"
		if s.IdleBefore >= pauseLeast {
			and = "neither a new size nor a closed window explains it; it had been silent for " + detect.Span(s.IdleBefore)
		}
		b.Why("from %s s on nothing that %s sends is answered, though the connection worked before and %s", d.scope.Since(s.First), detect.EndText(from), and)
	}
	b.Summary("%s worked, then stopped: %s sent the same data %s within %s and heard nothing. Something on the way drops these packets, most often a firewall that lost its memory of the connection or dislikes what it carries. "+
		"Users see a session that hangs.", flows, detect.EndText(from), detect.Plural(int(s.Tries), "time", "times"), detect.Span(s.Last.Time.Sub(s.First.Time)))
	b.Impact("%s lost", flows)
	for i, x := range deaths {
		if i == 4 {
			b.Fact(nil, "and %d more like these", g.Count-i)
			break
		}
		xh := x.flow.Head()
		b.Fact(detect.Refs(x.stall.First, x.stall.Last), "%s → %s: %d bytes sent %d times within %s without an answer", detect.EndText(xh.Client), detect.EndText(xh.Server), x.stall.IPLen, x.stall.Tries,
			detect.Span(x.stall.Last.Time.Sub(x.stall.First.Time)))
	}
	there, back := f.Sides[packet.ToServer].Packets, f.Sides[packet.ToClient].Packets
	if vain := uint64(s.Tries); s.Dir == packet.ToServer {
		there -= min(vain, there)
	} else {
		back -= min(vain, back)
	}
	b.Fact(detect.Refs(f.Start, s.Before), "it worked before: %d packets there and %d back, the last one %s earlier", there, back, detect.Span(s.IdleBefore))
	d.alternatives(b, first, dead, between)
	d.pause(b, deaths, h)
	b.Remedy(finding.AtFirewall, "look for the connection in its table and for what it counts as invalid").
		Run("Linux", "conntrack -L -s %s -d %s; conntrack -S", h.Client.Addr, h.Server.Addr).
		Run("Linux", "sysctl -w net.netfilter.nf_conntrack_log_invalid=6")
	b.Remedy(finding.AtFirewall, "switch off content inspection or helpers for this service for a test, and see whether it still dies")
	b.Check(fmt.Sprintf("tcpdump -ni any host %s and port %d", h.Client.Addr, clientPort(h)), "on the device between, on both sides at once: in on one, out on the other?")
	b.WrongIf("a capture behind the device that shows these packets arriving")
	story(b, first)
	return true
}

func clientPort(h *event.Head) uint16 { return h.Client.Port }

func (d *detector) alternatives(b *finding.Builder, x *death, dead map[uint64]bool, between bool) {
	h := x.flow.Head()
	from := x.stall.First.Time
	if mine, other := &x.flow.Sides[x.stall.Dir], &x.flow.Sides[x.stall.Dir.Other()]; between || mine.MaxDelivered > 0 || other.Payload > 0 {
		b.RuledOut("unserved", detect.Refs(x.stall.Before), "the connection carried data before")
	} else {
		b.Open("unserved", "ss -ltn on %s: a Recv-Q above 0 is connections that wait for the program", h.Server.Addr)
	}
	if between {
		lost := detect.Refs(x.stall.First, x.stall.Last)
		b.RuledOut("peer-gone", lost, "the packets never reached its side")
		b.RuledOut("host", lost, "the packets never reached its side")
	}
	others := d.scope.Ledger.Server(h.Vantage, h.Server.Addr, func(a *detect.Attempt) bool {
		return dead[a.FlowID] || a.Outcome != detect.OutAnswered || a.Answer.Time < from
	}, from, x.stall.Last.Time.Add(time.Minute))
	alive := d.road(h).last
	var refs []packet.Ref
	how := ""
	switch {
	case others.Answered > 0:
		refs, how = others.AnsweredRefs, "new connections on the same way were answered after that"
	case alive.Time > from.Add(aliveFor):
		refs, how = detect.Refs(alive), "other connections on the same way went on for "+detect.Span(alive.Time.Sub(from))+" after that"
	}
	if how == "" {
		if !between {
			b.Open("peer-gone", "ping %s at that moment", h.Server.Addr)
			b.Open("host", "a capture at %s decides", h.Server.Addr)
		}
		b.Open("path-cut", "any other traffic on the same way at that moment decides")
		return
	}
	b.RuledOut("path-cut", refs, "%s", how)
	if !between {
		b.RuledOut("peer-gone", refs, "%s", how)
		b.Open("host", "a capture at %s decides", h.Server.Addr)
	}
}

// road returns what is known of other connections on a flow's way.
func (d *detector) road(h *event.Head) road {
	if r := d.roads.Get(d.scope.Nets.Find(h.Vantage, h.Client.Addr, h.Server.Addr)); r != nil {
		return *r
	}
	return road{}
}

// pause asks whether the deaths came after silences, as a device's timer brings them.
func (d *detector) pause(b *finding.Builder, deaths []*death, h *event.Head) {
	x := deaths[0]
	for _, y := range deaths {
		if y.stall.IdleBefore < x.stall.IdleBefore {
			x = y
		}
	}
	r := d.road(h)
	switch idle := x.stall.IdleBefore; {
	case idle < pauseLeast:
		b.RuledOut("pause", detect.Refs(x.stall.Before, x.stall.First), "data was sent in vain %s after the last packet", detect.Span(idle))
	case r.survived >= idle:
		b.RuledOut("pause", detect.Refs(r.from, r.to), "a silence of %s was survived on the same way, longer than the %s after which one of these died", detect.Span(r.survived), detect.Span(idle))
	default:
		b.Open("pause", "each of these had been silent for %s or longer; connections that are silent for as long and live, or one that dies without a silence, decide", detect.Span(idle))
	}
}

// story draws the first death.
func story(b *finding.Builder, x *death) {
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	f, s := x.flow, x.stall
	add(f.Marks[event.MarkSYN], packet.ToServer, "SYN", "the connection begins", false)
	add(f.Marks[event.MarkSYNACK], packet.ToClient, "SYN, ACK", "it is answered", false)
	add(s.Before, s.Dir.Other(), "data", "last packet before", false)
	add(s.First, s.Dir, "data", "no answer from here on", true)
	add(s.Last, s.Dir, "data (again)", "last repeat", true)
}
