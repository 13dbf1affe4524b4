package unreachable

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (s *story) refs(n int) []packet.Ref {
	var out []packet.Ref
	for i, t := range s.ts {
		if i == n {
			break
		}
		out = append(out, t.err.Head().Seen)
	}
	return out
}

func (s *story) facts(b *finding.Builder) {
	x, h := s.x, s.h
	times := fmt.Sprintf("from %s s on", s.d.scope.Since(h.Seen))
	if s.errors == 1 {
		times = fmt.Sprintf("at %s s", s.d.scope.Since(h.Seen))
	}
	b.Fact(s.refs(4), "%s from %s, %s, %s", detect.Plural(s.errors, "error", "errors"), x.Sender, s.name(), times)
	from, to := h.Client, h.Server
	if x.QuotedDir == packet.ToClient {
		from, to = to, from
	}
	b.Fact(detect.Refs(s.t.asked(), h.Seen), "the first one quotes a packet from %s to %s", detect.EndText(from), detect.EndText(to))
	if !s.before.IsZero() {
		b.Fact(detect.Refs(s.before), "the same destination still answered at %s s", s.d.scope.Since(s.before))
	}
	if !s.after.IsZero() {
		b.Fact(detect.Refs(s.after), "it answered the same client again at %s s", s.d.scope.Since(s.after))
	}
	if s.t.kind != host {
		return
	}
	for _, a := range s.where.addrs {
		if w := s.d.scope.Hosts.Nearest(a); w != nil && w.ARPAskedN > 0 {
			b.Fact(w.ARPAskedUnansweredRefs[:], "%s asked for %s by ARP, no reply", detect.Plural(int(w.ARPAskedN), "time", "times"), a)
			return
		}
	}
}

func (s *story) alternatives(b *finding.Builder) {
	switch s.h.Proto {
	case packet.ProtoTCP:
		b.RuledOut("forged", s.refs(4), "each quotes the sequence number of a packet that had just been sent")
	default:
		b.RuledOut("forged", s.refs(4), "each quotes a packet that had just been sent, and no answer came to it")
	}
	switch {
	case !s.after.IsZero():
		b.Open("transient", "the same client got through at %s s: if it does so now, it has passed", s.d.scope.Since(s.after))
	case s.errors > 1:
		b.RuledOut("transient", s.refs(4), "%s, and none of these clients got through later", detect.Plural(s.errors, "error", "errors"))
	default:
		b.Open("transient", "it was said once: try again")
	}
}

func (s *story) evidence(b *finding.Builder) {
	for i, t := range s.ts {
		b.Evidence(t.asked(), "sent")
		b.Evidence(t.err.Head().Seen, "the error")
		if i > 0 {
			continue
		}
		h := t.err.Head()
		if a := t.asked(); !a.IsZero() {
			b.Ladder(finding.LadderRow{Ref: a, Dir: t.err.QuotedDir, Label: first(h, t), Note: "sent", Lost: true})
		}
		b.Ladder(finding.LadderRow{Ref: h.Seen, Dir: t.err.QuotedDir.Other(), Label: "ICMP error", Note: "from " + t.err.Sender.String() + ": " + kindNotes[t.kind]})
	}
	b.Evidence(s.before, "answered before")
	b.Evidence(s.after, "answered again")
}

func first(h *event.Head, t *trouble) string {
	if h.Proto == packet.ProtoTCP && t.attempt != nil && !t.attempt.Midstream {
		return "SYN"
	}
	return packet.ProtoName(h.Proto)
}

var kindNotes = [...]string{"", "forbidden by rule", "no route", "nobody has the address", "protocol not spoken", "nothing listens", "address not valid there"}
