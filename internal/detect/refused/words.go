package refused

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for refusals of one service, or of one client's search.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	rs, j := d.fitting(g)
	if len(rs) == 0 {
		return false
	}
	s := story{scope: d.scope, rs: rs, j: j, f: rs[0].flow}
	s.h = s.f.Head()
	s.where = fmt.Sprintf("port %d of %s", s.h.Server.Port, s.h.Server.Addr)
	s.state = d.lookAround(rs)
	s.clients()
	b.Subject(finding.Subject{Role: "client", Addr: s.h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: s.h.Server.Addr, Port: s.h.Server.Port})
	switch {
	case rs[0].searching():
		s.search(b)
	case g.Code.ID == Middlebox:
		s.middlebox(b)
	default:
		s.closed(b)
	}
	s.facts(b)
	if g.Code.ID == Middlebox {
		s.middleboxAlternatives(b)
		b.WrongIf("a capture beside the server that shows it sending the resets")
	} else {
		s.closedAlternatives(b)
		b.WrongIf("a program that listens on the port at the server (ss -ltn), or a capture beside the server without these resets")
	}
	s.evidence(b)
	return true
}

// story is what the texts of one finding are made of.
type story struct {
	scope *detect.Scope
	rs    []*refusal
	j     judgement
	f     *event.Flow // of the first refusal
	h     *event.Head
	state state
	who   string // the clients
	where string // port and server
}

func (s *story) clients() {
	seen := map[packet.Addr]bool{}
	var names []string
	for _, r := range s.rs {
		if a := r.flow.Head().Client.Addr; !seen[a] {
			seen[a] = true
			names = append(names, a.String())
		}
	}
	s.who = detect.List(names, 3)
}

func (s *story) requests() string { return detect.Plural(len(s.rs), "request", "requests") }

func (s *story) closed(b *finding.Builder) {
	h := s.h
	took := detect.Span(s.j.took)
	if s.j.who == unknown {
		b.Title("%s refused %s for port %d", h.Server.Addr, s.requests(), h.Server.Port)
		b.Why("each request was answered with a reset, the first after %s; nothing else of %s was seen, so who sent the resets cannot be told", took, h.Server.Addr)
		b.Summary("%s asked %s for a connection to port %d; each request was refused at once. Either nothing listens on that port, or somebody on the way, or the server's own firewall, refuses.",
			s.who, h.Server.Addr, h.Server.Port)
	} else {
		b.Title("%s itself refuses port %d: nothing listens there", h.Server.Addr, h.Server.Port)
		b.Why("the server answered %s with a reset, the first after %s, and from as far away as its other packets come (TTL %d): it is up and reached, the port is closed", s.requests(), took, s.j.ttl)
		b.Summary("%s asked %s for a connection to port %d; each request was refused at once. The refusal came from the machine itself: it is up and reachable, but no program accepts connections on that "+
			"port (the service is stopped, listens on another port or address), or a rule on the machine refuses them.", s.who, h.Server.Addr, h.Server.Port)
	}
	b.Impact("%s failed at once (%s)", detect.Plural(len(s.rs), "attempt", "attempts"), s.who)
	if len(s.rs) == 1 {
		b.Severity(finding.Low)
	}
	b.Remedy(finding.AtServer, "see whether anything listens; if nothing does, start the service and make it start at boot").
		Run("Linux", "ss -ltnp 'sport = :%d'", h.Server.Port).
		Run("Windows", "netstat -ano | findstr :%d", h.Server.Port)
	b.Remedy(finding.AtServer, "if it listens on 127.0.0.1 or another address only, make it listen on %s (its own bind or listen setting)", h.Server.Addr)
	b.Remedy(finding.AtServer, "if it does listen there, look for a rule that refuses").
		Run("nftables", "nft list ruleset | grep -n reject")
	b.Remedy(finding.AtClient, "if the service moved, correct the address or port used by %s", s.who)
	b.Check(fmt.Sprintf("nc -vz -w 5 %s %d", h.Server.Addr, h.Server.Port), "from "+h.Client.Addr.String()+" after the change")
}

func (s *story) middlebox(b *finding.Builder) {
	h, j := s.h, &s.j
	switch d := j.far - j.hops; {
	case j.between && j.theirs == 0:
		b.Title("a device between %s and %s refuses port %d in the name of %s", s.here(), s.there(), h.Server.Port, h.Server.Addr)
		b.Why("the requests were seen at %s and never at %s, and the resets likewise: the device between them answered", s.here(), s.there())
	case j.fast && j.ttl == j.theirs:
		b.Title("something nearer than %s refuses port %d in its name", h.Server.Addr, h.Server.Port)
		b.Why("the reset came after %s; the server itself never answered in less than %s", detect.Span(j.took), detect.Span(j.host.MinRTT))
	case d > 0 && initialTTL(j.ttl) == initialTTL(j.theirs):
		b.Title("a device %s nearer than %s refuses port %d in its name", detect.Plural(d, "hop", "hops"), h.Server.Addr, h.Server.Port)
		b.Why("the resets bear the server's address and TTL %d, its own packets have TTL %d: they came from %s nearer", j.ttl, j.theirs, detect.Plural(d, "hop", "hops"))
	case j.fast && d > 0:
		b.Title("a device nearer than %s refuses port %d in its name", h.Server.Addr, h.Server.Port)
		b.Why("the reset bears the server's address and came after %s, where the server needs %s at least; its TTL is %d, that of the server's own packets %d", detect.Span(j.took), detect.Span(j.host.MinRTT), j.ttl, j.theirs)
	default:
		b.Title("another machine than %s refuses port %d in its name", h.Server.Addr, h.Server.Port)
		b.Why("the resets bear the server's address and TTL %d, its own packets have TTL %d: they come from another machine", j.ttl, j.theirs)
	}
	b.Summary("%s asked %s for a connection to port %d; each request was refused at once, but not by that machine: the refusal bears its address and was sent by a device on the way, as a firewall does that "+
		"is told to reject. Whether the service runs cannot be seen from here.", s.who, h.Server.Addr, h.Server.Port)
	b.Impact("%s failed at once (%s)", detect.Plural(len(s.rs), "attempt", "attempts"), s.who)
	hop := j.hops + 1
	b.Remedy(finding.AtFirewall, "find the device (it is hop %d from where this was captured), and its rule", hop).
		Run("Linux", "traceroute -n %s", h.Server.Addr).
		Run("nftables", "nft list ruleset | grep -n -e reject -e %d", h.Server.Port)
	b.Remedy(finding.AtFirewall, "if the service is meant to be reached by %s, allow it before the rule that rejects", s.who).
		Run("nftables", "nft insert rule inet filter forward ip%s saddr %s ip%s daddr %s tcp dport %d accept", v6(h.Client.Addr), h.Client.Addr, v6(h.Server.Addr), h.Server.Addr, h.Server.Port)
	b.Remedy(finding.AtClient, "if it is not meant to be reached, nothing is wrong: correct what asks for it")
	b.Check(fmt.Sprintf("nc -vz -w 5 %s %d", h.Server.Addr, h.Server.Port), "from a machine beside the server: it works there, or is refused by the server itself")
}

// v6 is what nftables puts behind "ip" for IPv6.
func v6(a packet.Addr) string {
	if a.Is4() {
		return ""
	}
	return "6"
}

func (s *story) here() string  { return s.scope.Twins.Name(s.h.Vantage) }
func (s *story) there() string { return s.scope.Twins.Name(s.j.beyond) }

// search is the text for a client that finds many targets closed.
func (s *story) search(b *finding.Builder) {
	h, r := s.h, s.rs[0]
	client := h.Client.Addr
	b.Severity(finding.Low)
	t, of := r.ports, "port"
	if !t.many() {
		t, of = r.hosts, "host"
	}
	n := fmt.Sprint(len(t.seen))
	if t.more {
		n = "at least " + n
	}
	over := detect.Span(t.last.Time.Sub(t.first.Time))
	if of == "port" {
		var ports []uint16
		for _, x := range t.order {
			ports = append(ports, x.port)
		}
		b.Title("%s tried %s ports of %s that are closed", client, n, h.Server.Addr)
		b.Summary("%s asked %s for connections to %s different ports within %s and was refused each time. One program looking for open ports does that; it is not so many broken services.",
			client, h.Server.Addr, n, over)
		b.Fact(detect.Refs(t.first, t.last), "%s ports in %s, among them %s", n, over, detect.Ports(ports))
	} else {
		var hosts []string
		for _, x := range t.order {
			hosts = append(hosts, x.addr.String())
		}
		b.Title("%s tried port %d of %s machines that refuse it", client, h.Server.Port, n)
		b.Summary("%s asked %s machines for connections to port %d within %s and was refused by each. One program looking for that service does that; it is not so many broken services.",
			client, n, h.Server.Port, over)
		b.Fact(detect.Refs(t.first, t.last), "%s machines in %s, among them %s", n, over, detect.List(hosts, 6))
	}
	b.Why("%s met %s closed %ss within %s: it is searching, or its list of targets is out of date", client, n, of, over)
	b.Impact("none by itself: closed ports refuse as they should")
	b.Remedy(finding.AtClient, "see which program on %s does it; if nobody there knows it, treat the machine as suspect", client).
		Run("Linux", "ss -tnp state syn-sent")
	b.Check("ss -tnp state syn-sent", fmt.Sprintf("on %s, while it goes on", client))
}
