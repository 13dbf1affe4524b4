package refused

import (
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (s *story) facts(b *finding.Builder) {
	f, j, h := s.f, &s.j, s.h
	rst := f.Refusal
	b.Fact(detect.Refs(f.Start, rst.Ref), "the request from %s was answered with a reset after %s", detect.EndText(h.Client), detect.Span(j.took))
	switch {
	case j.theirs == 0:
		b.Fact(nil, "no other packet of %s was seen to compare the resets' TTL of %d with", h.Server.Addr, j.ttl)
	case j.who == ownStart:
		b.Fact(detect.Refs(rst.Ref, j.theirRef), "the resets have TTL %d, other packets of %s %d: as many hops from here, counted from another beginning", j.ttl, h.Server.Addr, j.theirs)
	case j.ttl == j.theirs:
		b.Fact(detect.Refs(rst.Ref, j.theirRef), "the resets have TTL %d, as other packets of %s", j.ttl, h.Server.Addr)
	default:
		b.Fact(detect.Refs(rst.Ref, j.theirRef), "the resets have TTL %d, other packets of %s have %d", j.ttl, h.Server.Addr, j.theirs)
	}
	if j.host != nil && j.host.MinRTT >= timingFloor && j.took < j.host.MinRTT/2 {
		b.Fact(detect.Refs(f.Start, rst.Ref), "%s is faster than the server ever answered (%s)", detect.Span(j.took), detect.Span(j.host.MinRTT))
	}
	if j.odd {
		b.Fact(detect.Refs(rst.Ref), "the reset's sequence number is %d, where a closed port's is 0", rst.Seq)
	}
	if !s.state.before.IsZero() {
		b.Fact(detect.Refs(s.state.before), "the port still answered at %s s", s.scope.Since(s.state.before))
	}
	if !s.state.after.IsZero() {
		b.Fact(detect.Refs(s.state.after), "the port answered again at %s s", s.scope.Since(s.state.after))
	}
	if o := &s.state.others; o.Answered > 0 {
		b.Fact(o.AnsweredRefs, "other ports of %s answered %s within a minute", h.Server.Addr, detect.Plural(o.Answered, "time", "times"))
	}
}

func (s *story) resets() []packet.Ref {
	var out []packet.Ref
	for i, r := range s.rs {
		if i == 4 {
			break
		}
		out = append(out, r.flow.Refusal.Ref)
	}
	return out
}

func (s *story) closedAlternatives(b *finding.Builder) {
	j, h := &s.j, s.h
	switch {
	case j.who == unknown && j.through:
		b.Open("middlebox", "the resets came from beyond %s; a capture beside the server shows whether it sends them", s.there())
	case j.who == unknown:
		b.Open("middlebox", "a connection to another port of %s in the same capture shows its TTL: %d too if it refuses itself", h.Server.Addr, j.ttl)
	case j.between:
		b.Open("middlebox", "the resets were not seen at %s: a capture beside the server shows whether it sends them", s.there())
	case j.odd:
		b.Open("middlebox", "the resets' sequence numbers are not 0: a capture beside the server shows whether it sends them")
	case j.who == ownStart:
		b.Open("middlebox", "the resets' TTL begins elsewhere than that of its other packets: a capture beside the server shows whether it sends them")
	default:
		b.RuledOut("middlebox", append(s.resets(), detect.Refs(j.theirRef)...), "the resets came from as far away as the server's other packets (TTL %d)", j.ttl)
	}
	b.Open("own-firewall", "ss -ltn on the server: if the port is in the list, a rule there refuses it")
	if m := &s.state.meanwhile; m.Answered > 0 {
		b.Open("busy", "the port accepted %s within seconds of the refusals: the server's log tells whether it restarted or was full", detect.Plural(m.Answered, "other request", "other requests"))
	} else {
		b.RuledOut("busy", s.resets(), "it accepted nobody else within seconds of the refusals")
	}
}

func (s *story) middleboxAlternatives(b *finding.Builder) {
	j, h := &s.j, s.h
	refs := append(s.resets(), detect.Refs(j.theirRef)...)
	switch {
	case j.between:
		b.RuledOut("server", refs, "the requests never came to %s, nor did the resets", s.there())
	case j.ttl == j.theirs:
		b.Open("server", "a capture beside the server shows whether it sends the resets")
	case initialTTL(j.ttl) == initialTTL(j.theirs) && j.hops < j.far && !j.through:
		b.RuledOut("server", refs, "no system sends with a TTL of %d, which it would have needed", int(initialTTL(j.ttl))+j.far-j.hops)
	case j.fast && j.hops < j.far && !j.through:
		b.RuledOut("server", refs, "%s is less than half of the shortest time in which anything of it came (%s), and TTL %d is not one that its packets have (%d)", detect.Span(j.took), detect.Span(j.host.MinRTT), j.ttl, j.theirs)
	default:
		b.Open("server", "a capture beside the server shows whether it sends the resets")
	}
	if j.keeps {
		b.RuledOut("forwarder", detect.Refs(j.keepsRef), "the server has the same address at %s and %s", s.here(), s.there())
	} else {
		b.Open("forwarder", "ask who owns %s: if it is a gateway's own address, the port is not forwarded there", h.Server.Addr)
	}
}

func (s *story) evidence(b *finding.Builder) {
	b.Evidence(s.j.theirRef, "the server's own TTL")
	for i, r := range s.rs {
		f := r.flow
		b.Evidence(f.Marks[event.MarkSYNLast], "the client asks")
		b.Evidence(f.Refusal.Ref, "refused")
		if i > 0 {
			continue
		}
		b.Ladder(finding.LadderRow{Ref: f.Marks[event.MarkSYNLast], Dir: packet.ToServer, Label: "SYN", Note: "the client asks"})
		note := "nothing listens there"
		if s.j.who == another {
			note = "sent by another machine"
		} else if s.j.who == unknown {
			note = "refused"
		}
		b.Ladder(finding.LadderRow{Ref: f.Refusal.Ref, Dir: packet.ToClient, Label: "RST, ACK", Note: note, Gap: s.j.took})
	}
}
