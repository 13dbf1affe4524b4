package outofwindow

import (
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the connections between two networks.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	x := g.Kept[0].Data.(*cut)
	f, s := x.flow, &x.flow.Stall
	h := f.Head()
	from, to := h.Client, h.Server
	if s.Dir == packet.ToClient {
		from, to = to, from
	}
	flows := detect.Plural(g.Count, "connection", "connections")
	mine, other := &f.Sides[s.Dir], &f.Sides[s.Dir.Other()]
	kernel := map[event.Bound]string{event.SeqAbove: "beyond the receiver's window", event.SeqBelow: "data already acknowledged", event.AckAbove: "ACK for data the firewall has not seen",
		event.AckBelow: "an ACK that is too old"}[s.Bound]
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	two := x.gone.Known
	if two {
		b.Title("the device between %s and %s drops %s of %s to %s: %s", d.scope.Twins.Name(h.Vantage), d.scope.Twins.Name(x.gone.Vantage), flows, from.Addr, detect.EndText(to), kernel)
		b.Summary("The connection worked, then part of what %s sends no longer passed here: acknowledgements or data that went another way. For the two ends all is right; a connection tracker at this place "+
			"sees packets outside the window and drops them. Users see a session that hangs.", to.Addr)
	} else {
		b.Title("%s of %s to %s hung while its packets, by what passed here, were outside the window: %s", flows, from.Addr, detect.EndText(to), kernel)
		b.Summary("The connection worked, then part of what %s sends was not seen here any more, and what %s sends stayed without an answer. A connection tracker that sees what this capture saw would drop such packets; whether one "+
			"did, a capture behind it tells.", to.Addr, from.Addr)
	}
	b.Why("%s sent the same data %d times in vain, and by what passed here it is outside the window: %s", detect.EndText(from), s.Tries, kernel)
	b.Impact("%s lost", flows)
	switch s.Bound {
	case event.SeqAbove:
		b.Fact(detect.Refs(s.Before, s.First, s.Last), "the data begins %d bytes beyond what %s allowed by what was seen here (window of at most %d bytes): %s heard acknowledgements that did not pass", s.Outside, to.Addr, other.MaxWindow, from.Addr)
	case event.SeqBelow:
		b.Fact(detect.Refs(s.Before, s.First, s.Last), "the data ends %d bytes before all that %s may still be asked for, by what was seen here (window of at most %d bytes)", s.Outside, to.Addr, other.MaxWindow)
	case event.AckAbove:
		b.Fact(detect.Refs(s.Before, s.First, s.Last), "%s acknowledges %d bytes of %s that did not pass here: it received them another way", from.Addr, s.Outside, to.Addr)
	case event.AckBelow:
		b.Fact(detect.Refs(s.Before, s.First, s.Last), "%s acknowledges %d bytes less than a tracker lets it lag behind what %s sent", from.Addr, s.Outside, to.Addr)
	}
	b.Fact(detect.Refs(s.First, s.Last), "%d bytes sent %d times within %s without an answer", s.IPLen, s.Tries, detect.Span(s.Last.Time.Sub(s.First.Time)))
	b.Fact(detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkSYNACK]), "SYN and SYN/ACK were seen, and so the scale of the windows")
	b.Fact(nil, "Linux would log: nf_ct_proto_6: %s", s.Bound)
	switch {
	case two && d.missingThere(f):
		b.Fact(detect.Refs(s.Last), "it enters the device between the two captures and does not leave it")
		b.RuledOut("capture", detect.Refs(s.First, s.Last), "what is missing here is missing at %s as well: two captures do not lose the same packets", d.scope.Twins.Name(x.gone.Vantage))
	case two:
		b.Fact(detect.Refs(s.Last), "it enters the device between the two captures and does not leave it")
		b.Open("capture", "%s saw what is missing here, or cannot tell: the firewall's own log decides", d.scope.Twins.Name(x.gone.Vantage))
	default:
		b.Open("capture", "a second capture behind the firewall shows whether the packets leave it, and what passed there")
	}
	if mine.TTLMin == mine.TTLMax && mine.TTLMax != 0 {
		b.RuledOut("attack", detect.Refs(f.Start, s.First), "the packets continue the stream of %s and come from the same distance (TTL %d) as all others of it", from.Addr, mine.TTLMax)
	} else {
		b.Open("attack", "a capture at %s decides: does it send them?", from.Addr)
	}
	b.Open("other", "the firewall's own log decides: sysctl -w net.netfilter.nf_conntrack_log_invalid=6")
	b.Remedy(finding.AtRouter, "let both directions take the same way: compare the routes of both ends, and look for redirects, load sharing and a router that came up meanwhile; on %s:", to.Addr).
		Run("Linux", "ip route get %s", from.Addr)
	b.Remedy(finding.AtFirewall, "when both ways must stay: stop the check of the window. The cost: forged packets inside a connection, resets too, are no longer held back").
		Run("Linux", "sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1")
	b.Remedy(finding.AtFirewall, "a NAT passes on invalid packets with their inner addresses unless they are dropped: keep the rule that drops them, and count with it").
		Run("nftables", "nft insert rule inet filter forward ct state invalid counter drop")
	b.Remedy(finding.AtFirewall, "is there no second way, a device that changes sequence numbers or windows is between: new firmware, or its TCP acceleration switched off")
	b.Check("conntrack -S", "on the firewall: the count of invalid grows with each repeat")
	b.WrongIf("a capture behind the firewall shows these packets arriving")
	for _, r := range []struct {
		ref   packet.Ref
		dir   packet.Dir
		label string
		note  string
		lost  bool
	}{
		{f.Marks[event.MarkSYN], packet.ToServer, "SYN", "the connection begins", false},
		{f.Marks[event.MarkSYNACK], packet.ToClient, "SYN, ACK", "it is answered", false},
		{s.Before, s.Dir, "data", "last packet before", false},
		{s.First, s.Dir, "data", kernel, true},
		{s.Last, s.Dir, "data (again)", "last repeat", true},
	} {
		b.Evidence(r.ref, r.note)
		b.Ladder(finding.LadderRow{Ref: r.ref, Dir: r.dir, Label: r.label, Note: r.note, Lost: r.lost})
	}
	return true
}
