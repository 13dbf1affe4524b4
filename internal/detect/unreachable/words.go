package unreachable

import (
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the errors of one sender and one kind.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	ts := d.worth(g)
	if len(ts) == 0 {
		return false
	}
	s := story{d: d, ts: ts, t: ts[0], x: ts[0].err, where: placesOf(ts)}
	s.h = s.x.Head()
	s.before, s.after = d.later(ts)
	for _, t := range ts {
		s.errors += t.count
	}
	s.clients()
	b.Subject(finding.Subject{Role: "client", Addr: s.h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: s.h.Server.Addr, Port: s.h.Server.Port})
	b.Subject(finding.Subject{Role: "sender", Addr: s.x.Sender})
	s.say(b)
	s.facts(b)
	s.alternatives(b)
	s.evidence(b)
	b.WrongIf("%s sending no such errors (a capture beside it), or the same traffic passing there", s.x.Sender)
	return true
}

// story is what the texts of one finding are made of.
type story struct {
	d             *detector
	ts            []*trouble
	t             *trouble // the first
	x             *event.ICMPError
	h             *event.Head
	where         places
	who           string // who met the errors
	errors        int
	before, after packet.Ref
}

func (s *story) clients() {
	seen := map[packet.Addr]bool{}
	var names []string
	for _, t := range s.ts {
		h := t.err.Head()
		a := h.Client.Addr
		if t.err.QuotedDir == packet.ToClient {
			a = h.Server.Addr
		}
		if !seen[a] {
			seen[a] = true
			names = append(names, a.String())
		}
	}
	s.who = detect.List(names, 3)
}

// name is the error in its own words with its numbers.
func (s *story) name() string {
	words := map[kind]string{admin: "forbidden by rule", net: "no route to the network", host: "host unreachable", proto: "protocol unreachable",
		port: "port unreachable", scope: "beyond the scope of the source address"}
	v6 := ""
	if s.x.Version == 6 {
		v6 = "v6"
	}
	word := words[s.t.kind]
	if s.bySource() {
		word = "source address not allowed"
	}
	return fmt.Sprintf("%q (ICMP%s type %d, code %d)", word, v6, s.x.Type, s.x.Code)
}

// bySource reports that a rule about the source address refused (RFC 4443 3.1, code 5: source address failed
// ingress/egress policy).
func (s *story) bySource() bool {
	return s.t.kind == admin && s.every(func(t *trouble) bool { return t.err.Version == 6 && t.err.Code == 5 })
}

// itself reports that only the destinations themselves refused.
func (s *story) itself() bool {
	return s.x.QuotedDir == packet.ToServer && s.every(func(t *trouble) bool { return t.err.Sender == t.target().Addr })
}

func (s *story) every(is func(*trouble) bool) bool {
	return !slices.ContainsFunc(s.ts, func(t *trouble) bool { return !is(t) })
}

// what was refused: packets of the clients, or answers of the servers.
func (s *story) what() string {
	if s.x.QuotedDir == packet.ToClient {
		return "answers"
	}
	return "packets"
}

func (s *story) say(b *finding.Builder) {
	sender := s.x.Sender.String()
	target := s.t.target()
	b.Impact("%s of %s failed, the first was told after %s", detect.Plural(len(s.ts), "attempt", "attempts"), s.who, s.told())
	if len(s.ts) == 1 && (s.t.kind == port || s.t.kind == proto) {
		b.Severity(finding.Low)
	}
	why := fmt.Sprintf("%s returned an error for %s from %s: %s", sender, s.what(), s.who, s.name())
	nft := fmt.Sprintf("nft list ruleset | grep -n -e reject -e %s", target.Addr)
	switch s.t.kind {
	case admin:
		s.sayForbidden(b, why, nft)
	case net:
		b.Title("%s has no route to %s", sender, s.where.hosts())
		b.Why("%s; its routing table has no way there", why)
		b.Summary("%s tried to reach %s. The router %s does not know the way and said so. Either the route is missing there (or was withdrawn), or the address is wrong.", s.who, s.where.hosts(), sender)
		b.Remedy(finding.AtRouter, "look at the route on %s; if it is missing, add it (%s route add %s via the next router)", sender, ip(target.Addr), prefix(target.Addr)).
			Run("Linux", "%s route get %s", ip(target.Addr), target.Addr)
		b.Remedy(finding.AtRouter, "if it comes from a routing protocol, look why it is gone").
			Run("FRR", "vtysh -c 'show %s route %s'", routes(target.Addr), target.Addr).
			Run("Cisco IOS", "show %s route %s", routes(target.Addr), target.Addr)
		b.Remedy(finding.AtClient, "check that %s is the right address", s.where.hosts())
		b.Check(fmt.Sprintf("%s route get %s", ip(target.Addr), target.Addr), "on the router "+sender)
	case host:
		b.Title("%s cannot find %s on its network", sender, s.where.hosts())
		b.Why("%s; nobody there answered its question who has that address", why)
		b.Summary("%s tried to reach %s. The way there works up to %s, which found nobody with that address on the last network: the machine is off, unplugged, in another network, or the address is wrong.",
			s.who, s.where.hosts(), sender)
		b.Remedy(finding.AtServer, "switch it on, check its cable or virtual network, and that it has the address %s (ip address)", target.Addr)
		b.Remedy(finding.AtClient, "check that %s is still the right address", s.where.hosts())
		b.Remedy(finding.AtRouter, "see what %s knows of it", sender).Run("Linux", "ip neigh show %s", target.Addr)
		b.Check(fmt.Sprintf("ip neigh show %s", target.Addr), "on "+sender+": FAILED or INCOMPLETE confirms it")
	case port:
		s.sayPort(b, why, nft)
	case proto:
		b.Title("%s does not speak %s", sender, packet.ProtoName(s.h.Proto))
		b.Why("%s", why)
		b.Summary("%s sent %s packets to %s, which answered that it does not speak that protocol.", s.who, packet.ProtoName(s.h.Proto), s.where.hosts())
		b.Remedy(finding.AtServer, "start the service that speaks %s, or load its kernel module", packet.ProtoName(s.h.Proto))
		b.Remedy(finding.AtClient, "use a protocol that %s speaks", s.where.hosts())
		b.Check("cat /proc/net/protocols", "on the server: the protocols it speaks")
	case scope:
		b.Title("%s cannot pass on what %s sends to %s: its source address is not valid there", sender, s.who, s.where.hosts())
		b.Why("%s", why)
		b.Summary("%s sent packets to %s from an address that is valid on its own link only. The router cannot pass them on.", s.who, s.where.hosts())
		b.Remedy(finding.AtClient, "give %s a global address, and see which one it chooses", s.who).Run("Linux", "ip -6 route get %s", target.Addr)
		b.Check(fmt.Sprintf("ip -6 route get %s", target.Addr), "on the client: src is the address it uses")
	}
}

// sayForbidden tells a firewall on the way from the destination's own, and a rule about who sends from one about what is
// asked for.
func (s *story) sayForbidden(b *finding.Builder, why, nft string) {
	sender, target := s.x.Sender, s.t.target()
	switch {
	case s.itself():
		b.Title("the firewall of %s itself forbids %s to reach %s", sender, s.who, s.where.services())
		b.Why("%s; a rule on the machine itself refuses them", why)
		b.Summary("%s tried to reach %s. The machine is up and was reached; a rule of its own firewall refused and said so.", s.who, s.where.services())
		b.Remedy(finding.AtServer, "if it should be allowed, find the rule that refuses").
			Run("nftables", "nft list ruleset | grep -n reject").
			Run("iptables", "iptables-save | grep REJECT")
		if target.Port != 0 {
			p := strings.ToLower(packet.ProtoName(s.h.Proto))
			b.Remedy(finding.AtServer, "and allow it before that rule").
				Run("nftables", "nft insert rule inet filter input ip%s saddr %s %s dport %d accept", v6(s.h.Client.Addr), s.h.Client.Addr, p, target.Port).
				Run("firewalld", "firewall-cmd --permanent --add-port=%d/%s && firewall-cmd --reload", target.Port, p)
		}
	case s.bySource():
		b.Title("the firewall %s does not allow the source address of %s: nothing of it reaches %s", sender, s.who, s.where.hosts())
		b.Why("%s; a rule on it is about who sends, not about what is asked for", why)
		b.Summary("%s tried to reach %s. On the way, %s refused because of the source address: it is blocked there, or not one that belongs on that side (a filter against forged senders). The server was not asked.",
			s.who, s.where.services(), sender)
		b.Remedy(finding.AtFirewall, "if the address belongs there, find the rule or the prefix list on %s, and add it", sender).
			Run("nftables", "nft list ruleset | grep -n -e reject -e saddr")
		b.Remedy(finding.AtClient, "see which source address %s uses: one of another network (a second provider's, a stale one) is rightly refused", s.who).
			Run("Linux", "%s route get %s", ip(target.Addr), target.Addr)
	default:
		if s.x.QuotedDir == packet.ToClient {
			b.Title("the firewall %s forbids the answers of %s to %s", sender, s.who, s.where.hosts())
		} else {
			b.Title("the firewall %s forbids %s to reach %s", sender, s.who, s.where.services())
		}
		b.Why("%s; a rule on it refuses them", why)
		b.Summary("%s tried to reach %s. On the way, %s refused and said so: a rule of that firewall forbids it. The server was not asked.", s.who, s.where.services(), sender)
		b.Remedy(finding.AtFirewall, "if it should be allowed, find the rule on %s", sender).Run("nftables", "%s", nft)
		b.Remedy(finding.AtFirewall, "and allow it before that rule").Run("nftables", "%s", s.allow())
	}
	b.Remedy(finding.AtClient, "if it is forbidden on purpose, nothing is wrong: correct what asks for it")
	b.Check(s.probe(), "from "+s.h.Client.Addr.String()+" after the change")
}

// sayPort tells three things apart that bear the same code: a closed UDP port, and firewalls on the server and on the
// way, whose usual way to reject is this error.
func (s *story) sayPort(b *finding.Builder, why, nft string) {
	sender, target := s.x.Sender, s.t.target()
	switch {
	case sender != target.Addr:
		b.Title("the firewall %s rejects what %s sends to %s", sender, s.who, s.where.services())
		b.Why("%s; that is not the machine the packets were meant for, so a rule on the way rejects them", why)
		b.Summary("%s tried to reach %s. On the way, %s rejected it: many firewalls do that with this error. The server was not asked.", s.who, s.where.services(), sender)
		b.Remedy(finding.AtFirewall, "if it should be allowed, find the rule on %s", sender).Run("nftables", "%s", nft)
		b.Remedy(finding.AtFirewall, "and allow it before that rule").Run("nftables", "%s", s.allow())
		b.Check(s.probe(), "from "+s.h.Client.Addr.String()+" after the change")
	case s.h.Proto == packet.ProtoTCP:
		b.Title("the firewall of %s itself rejects connections to %s", sender, s.where.services())
		b.Why("%s; a closed TCP port answers with a reset, so a rule rejects", why)
		b.Summary("%s tried to reach %s and was rejected by a rule on the machine itself.", s.who, s.where.services())
		b.Remedy(finding.AtServer, "if it should be allowed, find the rule, and allow it before that").
			Run("nftables", "nft list ruleset | grep -n reject").
			Run("nftables", "nft insert rule inet filter input tcp dport %d accept", target.Port)
		b.Check(s.probe(), "from "+s.h.Client.Addr.String()+" after the change")
	default:
		b.Title("nothing listens on %s", s.where.services())
		b.Why("%s; the machine is up and reached, the port is closed", why)
		b.Summary("%s sent packets to %s. The machine itself answered that nothing listens there: the service is stopped or listens on another port or address, or the client asks the wrong machine.",
			s.who, s.where.services())
		b.Remedy(finding.AtServer, "see whether anything listens; if the service is wanted, start it").
			Run("Linux", "ss -lunp 'sport = :%d'", target.Port).
			Run("Windows", "netstat -ano -p udp | findstr :%d", target.Port)
		b.Remedy(finding.AtClient, "if the service moved, correct the address or port used by %s", s.who)
		b.Check(fmt.Sprintf("ss -lunp 'sport = :%d'", target.Port), "on "+target.Addr.String()+": nothing confirms it")
	}
}

// told is how long the first client waited for the error.
func (s *story) told() string {
	if a := s.t.asked(); !a.IsZero() {
		return detect.Span(s.h.Seen.Time.Sub(a.Time))
	}
	return "a time that was not seen"
}

// allow is the rule that would let the first attempt through.
func (s *story) allow() string {
	q := &s.x.Quoted
	var m strings.Builder
	fmt.Fprintf(&m, "nft insert rule inet filter forward ip%s saddr %s ip%s daddr %s", v6(q.Src), q.Src, v6(q.Dst), q.Dst)
	if q.HasPorts && (q.Proto == packet.ProtoTCP || q.Proto == packet.ProtoUDP) {
		end := fmt.Sprintf("dport %d", q.DstPort)
		if s.x.QuotedDir == packet.ToClient {
			end = fmt.Sprintf("sport %d", q.SrcPort)
		}
		fmt.Fprintf(&m, " %s %s", strings.ToLower(packet.ProtoName(q.Proto)), end)
	}
	return m.String() + " accept"
}

// probe is the command that tries the first attempt again.
func (s *story) probe() string {
	e := s.h.Server
	switch s.h.Proto {
	case packet.ProtoTCP:
		return fmt.Sprintf("nc -vz -w 5 %s %d", e.Addr, e.Port)
	case packet.ProtoUDP:
		return fmt.Sprintf("nc -vzu -w 5 %s %d", e.Addr, e.Port)
	}
	return fmt.Sprintf("ping -c 3 %s", e.Addr)
}

// v6 is what nftables puts behind "ip" for IPv6.
func v6(a packet.Addr) string {
	if a.Is4() {
		return ""
	}
	return "6"
}

// prefix is the network that a missing route would name.
func prefix(a packet.Addr) string {
	if a.Is4() {
		return a.Prefix().String() + "/24"
	}
	return a.Prefix().String() + "/64"
}

// ip is the command that shows routes of the address's family.
func ip(a packet.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ip -6"
}

// routes is how routing daemons call that table.
func routes(a packet.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ipv6"
}
