package amplification

import (
	"fmt"
	"strconv"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one service.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	x := g.Kept[0].Data.(*bout)
	if !x.is() {
		return false // later conversations show that it is an ordinary service
	}
	s := &story{scope: d.scope, bout: x, what: services[x.port], at: detect.EndText(event.End{Addr: x.server, Port: x.port})}
	s.words(b)
	s.facts(b)
	s.alternatives(b)
	s.remedy(b)
	s.evidence(b)
	return true
}

// story is what the texts of one finding are made of.
type story struct {
	*bout
	scope *detect.Scope
	what  string
	at    string
}

func (s *story) to() string {
	if len(s.receivers) == 1 {
		return s.victim.String()
	}
	least := ""
	if s.more {
		least = "at least "
	}
	return least + strconv.Itoa(len(s.receivers)) + " addresses"
}

func (s *story) times() string {
	return strconv.FormatFloat(float64(s.answered)/float64(s.asked), 'f', 1, 64)
}

func (s *story) over() string { return detect.Span(s.last.Time.Sub(s.first.Time)) }

func (s *story) words(b *finding.Builder) {
	whose := "your server is a weapon against others"
	if !s.inside {
		whose = "the server is a weapon against others"
		b.Severity(finding.Medium)
	}
	b.Title("%s (%s) multiplies requests by %s towards %s: %s", s.at, s.what, s.times(), s.to(), whose)
	b.Why("a datagram needs no handshake: the service believes the source address, and its answers, %s times as long as the requests, go to whoever a forger names", s.times())
	outside := ""
	if !s.inside {
		outside = fmt.Sprintf(" %s is not among the networks that count as inside: if it is yours, say so with --home-net; else tell its owner.", s.server)
	}
	b.Summary("Short requests to the %s service on %s (%d of them, %d bytes) made it send %d bytes to %s within %s. %s Whoever gets these answers is the victim of a flood, "+
		"and sees %s as the attacker.%s", s.what, s.at, s.requests, s.asked, s.answered, s.to(), s.over(), s.proof(), s.server, outside)
	b.Impact("%d bytes in %s sent to %s, and as much of the server's own line used up", s.answered, s.over(), s.to())
	b.Subject(finding.Subject{Role: "server", Addr: s.server, Port: s.port})
	b.WrongIf("programs on the receivers that asked for these answers: they would know the requests")
}

// proof says what shows that the requests are forged.
func (s *story) proof() string {
	switch n := s.oneMachine(); {
	case s.unasked() > 0 || s.refused >= manyRefusals:
		return fmt.Sprintf("Nobody there waits for them: the receivers' hosts refused %s.", detect.Plural(s.refused, "answer", "answers"))
	case n > 0:
		return fmt.Sprintf("One machine sent the requests, not the receivers: they name %d networks, and nearly all came with TTL %d.", n, s.ttl)
	}
	return "Whether the receivers asked for it this capture does not show."
}

func (s *story) facts(b *finding.Builder) {
	b.Fact(append(detect.Refs(s.asks...), s.answers...), "%s of %d bytes in all were answered with %d bytes: %s times as much (frames on the wire)",
		detect.Plural(int(s.requests), "request", "requests"), s.asked, s.answered, s.times())
	b.Fact(s.answers, "the answers went to %s, between %s s and %s s", s.to(), s.scope.Since(s.first), s.scope.Since(s.last))
	if s.refused > 0 {
		b.Fact(s.refusals, "%s refused by the receiver's host with ICMP: no program waits on that port", detect.Plural(s.refused, "answer was", "answers were"))
	}
	if n := s.oneMachine(); n > 0 {
		b.Fact(s.asks, "the requests name %d networks, and %d of %d came with TTL %d", n, s.sameTTL, s.requests, s.ttl)
	}
}

func (s *story) alternatives(b *finding.Builder) {
	switch n, nets := s.unasked(), s.oneMachine(); {
	case n > 0:
		b.RuledOut("clients", s.refusals, "who asks keeps a port open for the answer; the hosts of %d of %d receivers refused it", n, len(s.receivers))
	case nets > 0:
		b.RuledOut("clients", s.asks, "clients in %d networks are not all equally far away", nets)
	case !s.many():
		b.Open("clients", "a client that gives up before its answers come refuses them the same way: ask at %s whether a program there asks %s", s.victim, s.at)
	default:
		b.Open("clients", "look for the same question again and again, and ask a receiver whether it asked: tcpdump -nv -c 20 udp port %d and host %s", s.port, s.server)
	}
	b.RuledOut("busy", s.answers, "%d of %d conversations %s had answers over %d times as long as the requests", s.long, s.flows, s.who(), factor)
	if s.many() {
		b.RuledOut("transfer", s.answers, "%s got them, not one client", s.to())
	} else {
		b.RuledOut("transfer", s.refusals, "who fetches something takes it; these answers were refused by the receiver's host")
	}
}

func (s *story) who() string {
	switch {
	case s.own:
		return "of own clients"
	case s.inside:
		return "with addresses outside"
	}
	return "with this service"
}

func (s *story) evidence(b *finding.Builder) {
	for _, r := range s.asks {
		b.Evidence(r, "a short request")
		b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: s.what + " request", Note: "source address forged"})
	}
	for _, r := range s.answers {
		b.Evidence(r, "the long answer")
		b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToClient, Label: s.what + " answer", Note: "goes to the victim"})
	}
	for _, r := range s.refusals {
		b.Evidence(r, "the receiver did not ask")
	}
}
