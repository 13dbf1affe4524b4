package espflow

import (
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one tunnel.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	r := g.Kept[0].Data.(*report)
	t := r.t
	w, back := &t.way[r.side], &t.way[1-r.side]
	if back.last.Time > w.start.Time && !w.start.IsZero() || w.start.IsZero() {
		return false // the other direction was heard after all
	}
	if back.ike.IsZero() && back.first.IsZero() {
		return false // nothing of the other gateway was seen at all: the capture may show one direction
	}
	from, to := t.a, t.b
	if r.side == 1 {
		from, to = to, from
	}
	n, span := w.total()-w.sinceStart, w.last.Time.Sub(w.start.Time)
	what := "ESP (protocol 50)"
	switch {
	case t.ah:
		what = "AH (protocol 51)"
	case t.udp:
		what = "ESP in UDP 4500"
	}
	b.Subject(finding.Subject{Role: "sender", Addr: from})
	b.Subject(finding.Subject{Role: "receiver", Addr: to})
	b.Title("the tunnel between %s and %s carries packets one way only", from, to)
	b.Summary("%s sent %d encrypted packets to %s in %s and not one came back. The tunnel looks up to both gateways, and what is sent into it gets no answer.", from, n, to, detect.Span(span))
	b.Impact("nothing answers through the tunnel for %s", detect.Span(span))
	b.Fact(detect.Refs(w.start, w.last), "%d packets of %s from %s to %s (SPI %08x) from %s to %s s", n, what, from, to, w.spi, d.scope.Since(w.start), d.scope.Since(w.last))
	if back.first.IsZero() {
		b.Fact(nil, "none from %s to %s in the whole capture", to, from)
	} else {
		b.Fact(detect.Refs(back.last), "the last one from %s came at %s s", to, d.scope.Since(back.last))
	}
	if !back.ike.IsZero() {
		b.Fact(detect.Refs(w.ike, back.ike), "the key exchange (IKE) was seen from both sides")
		b.RuledOut("capture", detect.Refs(w.ike, back.ike), "messages of IKE were seen from both sides")
	} else {
		b.RuledOut("capture", detect.Refs(back.last), "packets of the tunnel came the other way before")
	}
	towards := true // what is missing are packets towards who is heard
	if far, seen := d.elsewhere(t, to, from, w); !seen.IsZero() {
		here, there := d.scope.Twins.Name(t.vantage), d.scope.Twins.Name(far)
		b.Title("the device between %s and %s drops the tunnel's packets from %s to %s", there, here, to, from)
		b.Fact(detect.Refs(seen), "at %s packets of the tunnel from %s to %s were seen, at %s none", there, to, from, here)
		b.Why("%s answers: its packets were seen at %s and never came to %s; a filter between lets the key exchange pass and not the tunnel", to, there, here)
		b.RuledOut("unasked", detect.Refs(seen), "answers were sent")
		b.RuledOut("behind", detect.Refs(seen), "answers were sent")
	} else if here, there, gone := d.died(t, w); gone {
		sent := detect.Refs(w.start, w.last)
		towards = false
		b.Title("the device between %s and %s drops the tunnel's packets from %s to %s", here, there, from, to)
		b.Fact(sent, "the first and the last of them were seen at %s and never at %s", here, there)
		b.Why("packets of %s enter the device and never come out at %s; a filter there lets the key exchange pass and not the tunnel", from, there)
		b.RuledOut("unasked", sent, "what was sent did not arrive: nobody was asked")
		b.RuledOut("behind", sent, "what was sent never came to the side of %s", to)
	} else {
		b.Why("a filter on the way that lets the key exchange pass and not the tunnel explains it, and so does a machine behind %s that does not answer", to)
		if back.first.IsZero() || span > 6*oneWay {
			b.Open("unasked", "ping through the tunnel: is there an answer?")
		} else {
			b.RuledOut("unasked", detect.Refs(back.last), "answers came before")
		}
		b.Open("behind", "a capture at %s: does it send packets of the tunnel?", to)
	}
	src, dst, port := to, from, "sport"
	if !towards {
		src, dst, port = from, to, "dport"
	}
	proto := "meta l4proto esp"
	switch {
	case t.ah:
		proto = "meta l4proto ah"
	case t.udp:
		proto = "udp " + port + " 4500"
	}
	fam := "ip"
	if !from.Is4() {
		fam = "ip6"
	}
	b.Remedy(finding.AtFirewall, "let the tunnel's packets pass from %s to %s", src, dst).
		Run("nftables", "nft insert rule inet filter forward %s saddr %s %s daddr %s %s accept", fam, src, fam, dst, proto)
	if !t.udp && !t.ah {
		b.Remedy(finding.AtServer, "or have ESP carried in UDP 4500, which filters and NATs handle better").
			Run("swanctl.conf", "encap = yes").Run("ipsec.conf", "encapsulation=yes")
	}
	b.Check("tcpdump -ni any 'esp or udp port 4500'", "on "+to.String()+", while something is sent through the tunnel: do its own packets leave?")
	b.WrongIf("a capture on the side of %s that shows no packet of the tunnel leaving it", to)
	b.Evidence(w.start, "first without an answer")
	b.Evidence(w.last, "last without an answer")
	b.Evidence(back.last, "last packet the other way")
	b.Evidence(back.ike, "the key exchange is answered")
	b.Ladder(finding.LadderRow{Ref: w.start, Dir: packet.ToServer, Label: what, Note: "no answer", Lost: true})
	b.Ladder(finding.LadderRow{Ref: w.last, Dir: packet.ToServer, Label: what, Note: "no answer", Lost: true})
	return true
}

// died reports that the packets that went unanswered entered a device between two captures and did not leave it.
func (d *detector) died(t *tunnel, w *way) (here, there string, gone bool) {
	first, last := d.scope.Twins.Trace(w.start), d.scope.Twins.Trace(w.last)
	if !first.Known || first.Seen || !last.Known || last.Seen {
		return "", "", false
	}
	return d.scope.Twins.Name(t.vantage), d.scope.Twins.Name(first.Vantage), true
}

// elsewhere returns another vantage at which packets from one gateway to the other were seen while w went unanswered
// here.
func (d *detector) elsewhere(t *tunnel, from, to packet.Addr, w *way) (vantage uint16, seen packet.Ref) {
	if d.scope.Twins == nil {
		return 0, packet.Ref{}
	}
	for _, o := range d.order {
		if o.vantage == t.vantage || o.a != t.a || o.b != t.b {
			continue
		}
		side := 0
		if from == o.b {
			side = 1
		}
		if x := &o.way[side]; x.last.Time > w.start.Time {
			return o.vantage, x.last
		}
	}
	return 0, packet.Ref{}
}
