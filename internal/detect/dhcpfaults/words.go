package dhcpfaults

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one network, machine or server.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	switch x := g.Kept[0].Data.(type) {
	case *hunger:
		return d.noOffer(g, x, b)
	case *nakLoop:
		return d.nakLoop(g, x, b)
	case *rivals:
		return d.rogue(g, x, b)
	}
	return false
}

// called writes a machine by its hardware address, and its name where it told one.
func called(mac packet.MAC, name string) string {
	if name == "" {
		return mac.String()
	}
	return mac.String() + " (" + name + ")"
}

func (d *detector) noOffer(g *finding.Group, h *hunger, b *finding.Builder) bool {
	var who []string
	for i := range g.Kept {
		x := g.Kept[i].Data.(*hunger)
		who = append(who, called(x.mac, x.name))
	}
	list := detect.List(who, 3)
	b.Subject(finding.Subject{Role: "client", MAC: h.mac, Name: h.name})
	b.Fact(detect.Refs(append(h.discovers[:], h.last)...), "%s asked %s from %s to %s s, and got no offer", called(h.mac, h.name), detect.Plural(h.n, "time", "times"),
		d.scope.Since(h.discovers[0]), d.scope.Since(h.last))
	b.Impact("%s without an address, for at least %s", detect.Plural(len(who), "machine", "machines"), detect.AtLeast(g.Last.Time.Sub(g.First.Time)))
	b.RuledOut("unseen", detect.Refs(h.discovers[1], h.last), "it went on asking: a machine that gets an offer asks for that address instead")
	dump := "tcpdump -ni any -e 'udp port 67 or udp port 68'"
	if h.nothers > 0 {
		b.Title("%s gets no address, while other machines do", list)
		b.Why("no server offered it one; others got %s meanwhile", detect.Plural(h.nothers, "answer", "answers"))
		b.Summary("%s asks for an address and nobody offers one, though other machines on the same network are served: the pool is used up, or the server leaves this machine out.", list)
		b.Fact(h.others, "meanwhile other machines got %s", detect.Plural(h.nothers, "answer", "answers"))
		b.Open("place", "the server's log: \"no free leases\", or a rule that names this hardware address")
		b.Remedy(finding.AtServer, "see whether addresses are left; make the range larger or the leases shorter").
			Run("dnsmasq", "cat /var/lib/misc/dnsmasq.leases | wc -l").
			Run("ISC DHCP", "dhcp-lease-list").
			Run("Kea", "journalctl -u kea-dhcp4-server | grep ALLOC_ENGINE_V4_ALLOC_FAIL").
			Run("Windows", "powershell Get-DhcpServerv4ScopeStatistics")
		b.Remedy(finding.AtServer, "look for a reservation or filter that leaves %s out", h.mac)
	} else {
		where := "on this network"
		if !h.relay.IsZero() {
			where = "the relay " + h.relay.String()
		}
		b.Title("nobody offers %s an address: no DHCP server answers %s", list, where)
		b.Why("%s went unanswered, and no machine got an answer meanwhile", detect.Plural(h.n, "question", "questions"))
		b.Summary("%s asks for an address and nobody answers. No other machine got an answer either: the DHCP server is down, or its answers do not come here (a relay that is missing, the wrong VLAN on a port).", list)
		if h.ever.IsZero() {
			b.Fact(nil, "no answer of a DHCP server was seen in this capture at all")
		} else {
			b.Fact(detect.Refs(h.ever), "a server still answered at %s s", d.scope.Since(h.ever))
		}
		if !h.relay.IsZero() {
			b.Fact(detect.Refs(h.discovers[0]), "the relay %s passed the questions on", h.relay)
			b.Open("place", "a capture beside the server shows whether the relay's questions arrive: if not, the way between them; if so, the server")
		} else {
			b.Open("place", "%s on the server: if the questions arrive it is the server, if not the relay or VLAN between", dump)
		}
		b.Remedy(finding.AtServer, "see whether the DHCP server runs, and start it").
			Run("dnsmasq", "systemctl restart dnsmasq").
			Run("ISC DHCP", "systemctl restart isc-dhcp-server").
			Run("Kea", "systemctl restart kea-dhcp4-server").
			Run("Windows", "powershell Restart-Service DHCPServer")
		b.Remedy(finding.AtRouter, "if the server is in another network, let the router relay").Run("Cisco IOS", "ip helper-address SERVER").Run("Linux", "systemctl restart isc-dhcp-relay")
		b.Remedy(finding.AtSwitch, "check the VLAN of the machine's port, and that DHCP snooping trusts the server's")
	}
	b.Check(dump, "on the server, while the machine asks")
	for i, r := range h.discovers {
		b.Evidence(r, []string{"asks for an address", "asks again", "and again", "and again"}[i])
	}
	b.Evidence(h.last, "still asks")
	b.Evidence(h.ever, "a server answered before")
	for i, r := range h.others {
		if i < 2 {
			b.Evidence(r, "another machine is answered")
		}
	}
	b.WrongIf("a DHCPOFFER to %s in a capture at its own port", h.mac)
	return true
}

func (d *detector) nakLoop(g *finding.Group, l *nakLoop, b *finding.Builder) bool {
	n := &l.naks[0]
	var refs []packet.Ref
	servers := map[packet.Addr]bool{}
	for _, x := range l.naks {
		refs = append(refs, x.ref)
		servers[x.server] = true
	}
	who := called(l.mac, l.name)
	other := d.otherServer(l.vantage, n.server)
	b.Subject(finding.Subject{Role: "client", MAC: l.mac, Name: l.name})
	b.Subject(finding.Subject{Role: "server", Addr: n.server})
	b.Title("%s refuses the address %s that %s asks for, again and again", n.server, addrText(n.wants), who)
	b.Why("%s in %s: each time the machine begins anew, and asks for the same", detect.Plural(len(l.naks), "refusal", "refusals"), detect.Span(l.naks[len(l.naks)-1].ref.Time.Sub(n.ref.Time)))
	b.Summary("%s asks for %s, and %s says no (DHCPNAK). The machine drops the address, begins anew, and comes back with the same wish: each round it is without the network until it has another address.", who, addrText(n.wants), n.server)
	b.Impact("%s lost its address %s", who, detect.Plural(len(l.naks), "time", "times"))
	b.Fact(refs[:min(len(refs), 4)], "%s by %s", detect.Plural(len(l.naks), "refusal", "refusals"), n.server)
	b.Fact(detect.Refs(n.asked), "it asked for %s", addrText(n.wants))
	if n.text != "" {
		b.Fact(detect.Refs(n.ref), "the server says why: %q", n.text)
	}
	b.RuledOut("moved", refs[:min(len(refs), 4)], "a machine that comes from another network is refused once and then takes a new address")
	switch {
	case other != nil:
		b.RuledOut("other", detect.Refs(other.last), "there is one: %s offers addresses on this network too, and the first one refuses them", other.id)
		b.Remedy(finding.AtServer, "run one DHCP server for this network, or give both the same ranges and leases: %s and %s do not know of each other", n.server, other.id)
	case len(servers) > 1:
		b.RuledOut("other", refs[:min(len(refs), 4)], "several servers refuse it alike")
	default:
		b.Open("other", "a DHCPOFFER of another server in a capture at the machine's port")
	}
	b.Remedy(finding.AtServer, "look for the machine's hardware address in its lease file, and delete an entry that does not fit").
		Run("dnsmasq", "grep -n %s /var/lib/misc/dnsmasq.leases", l.mac).
		Run("ISC DHCP", "grep -n -B8 %s /var/lib/dhcp/dhcpd.leases", l.mac)
	b.Remedy(finding.AtClient, "let it forget the address that it remembers").
		Run("Linux", "rm -f /var/lib/dhcp/dhclient*.leases").
		Run("Windows", "ipconfig /release && ipconfig /renew")
	b.Check(fmt.Sprintf("journalctl --since -1h | grep -i %s", l.mac), "on the server")
	for i, x := range l.naks {
		if i < 4 {
			b.Evidence(x.asked, "asks for "+addrText(x.wants))
			b.Evidence(x.ref, "refused")
		}
	}
	if other != nil {
		b.Evidence(other.last, "another server answers")
	}
	b.WrongIf("the machine keeping that address after one of these refusals")
	return true
}

// otherServer returns a server of the same place that gives addresses and is not id.
func (d *detector) otherServer(vantage uint16, id packet.Addr) *offers {
	n := d.nets[network{vantage: vantage}]
	if n == nil {
		return nil
	}
	for _, s := range n.servers {
		if s.id != id {
			return s
		}
	}
	return nil
}

func addrText(a packet.Addr) string {
	if a.IsZero() {
		return "an address"
	}
	return a.String()
}

// gives writes what a server tells machines: "router 10.0.0.1, name server 10.0.0.53".
func (s *offers) gives() string {
	switch {
	case s.router.IsZero():
		return "name server " + addrText(s.dns)
	case s.dns.IsZero():
		return "router " + s.router.String()
	}
	return "router " + s.router.String() + ", name server " + s.dns.String()
}

// where writes a server with the hardware address that its packets came from.
func (s *offers) where() string {
	if s.mac.IsZero() {
		return s.id.String()
	}
	return s.id.String() + " (" + s.mac.String() + ")"
}

func (d *detector) rogue(g *finding.Group, r *rivals, b *finding.Builder) bool {
	o, l := r.old, r.late
	b.Subject(finding.Subject{Role: "stranger", Addr: l.id, MAC: l.mac})
	b.Subject(finding.Subject{Role: "established server", Addr: o.id, MAC: o.mac})
	what, send := "another way out", "send their traffic to "+l.gives()
	if l.router == o.router {
		what, send = "another name server", "ask "+addrText(l.dns)+" for every name"
	}
	b.Title("a second DHCP server, %s, offers machines %s than %s", l.where(), what, o.id)
	b.Why("%s offers %s; %s offers %s", o.id, o.gives(), l.id, l.gives())
	b.Summary("Two DHCP servers answer on this network and do not agree. Machines that take what %s offers %s: a home router that was plugged in the wrong way round, or somebody who wants to read along.",
		l.where(), send)
	if l.acks > 0 {
		b.Impact("%s took an address from it", detect.Plural(l.acks, "machine", "machines"))
	} else {
		b.Impact("no machine took its offer while this was captured")
	}
	b.Fact(detect.Refs(o.first, o.last), "%s offers %s; first seen at %s s, %s confirmed", o.where(), o.gives(), d.scope.Since(o.first), detect.Plural(o.acks, "address", "addresses"))
	b.Fact(detect.Refs(l.first, l.last), "%s offers %s; first seen at %s s, %s confirmed", l.where(), l.gives(), d.scope.Since(l.first), detect.Plural(l.acks, "address", "addresses"))
	b.Open("planned", "ask who runs %s; if it is yours, give both servers the same router and name servers", l.id)
	if r.net.relay.IsZero() {
		b.RuledOut("relay", detect.Refs(o.first, l.first), "neither offer was brought by a relay")
	} else {
		b.RuledOut("relay", detect.Refs(o.first, l.first), "both offers were brought by the relay %s, for one network", r.net.relay)
	}
	if l.mac.IsZero() {
		b.Remedy(finding.AtSwitch, "find where %s is plugged in, and take it off the network", l.id)
	} else {
		b.Remedy(finding.AtSwitch, "find the port of %s, and take it off the network", l.mac).
			Run("Cisco IOS", "show mac address-table address %02x%02x.%02x%02x.%02x%02x", l.mac[0], l.mac[1], l.mac[2], l.mac[3], l.mac[4], l.mac[5]).
			Run("Linux bridge", "bridge fdb show | grep -i %s", l.mac)
	}
	b.Remedy(finding.AtSwitch, "let DHCP answers in through the server's port only").Run("Cisco IOS", "ip dhcp snooping")
	b.Remedy(finding.AtClient, "renew the address of machines that took its offer").Run("Linux", "dhclient -r && dhclient").Run("Windows", "ipconfig /release && ipconfig /renew")
	b.Check("nmap --script broadcast-dhcp-discover", "from a machine on this network: it lists every server that answers")
	b.Evidence(o.first, o.id.String()+" offers")
	b.Evidence(l.first, l.id.String()+" offers something else")
	b.Evidence(l.last, "its latest answer")
	b.WrongIf("%s belonging to the same administration as %s", l.id, o.id)
	return true
}
