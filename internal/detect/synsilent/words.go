package synsilent

import (
	"fmt"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the silent attempts of one client at one service.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	var silent []*attempt
	tries := 0
	for i := range g.Kept {
		if a := g.Kept[i].Data.(*attempt); !a.answered { // answered after all: slow, not silent
			silent = append(silent, a)
		}
	}
	if len(silent) == 0 {
		return false
	}
	silent = once(silent)
	for _, a := range silent {
		tries += int(a.flow.SYNTries)
	}
	if strings.HasPrefix(g.Key, ofClient) {
		return d.composeClient(b, silent)
	}
	f := silent[0].flow
	h := f.Head()
	w := d.look(g, silent)
	if w.branch == unknown && ofMany(silent) {
		return false // told as one finding about the client
	}
	ports := detect.PortsText(w.ports)
	are, these := "is", "this port"
	if strings.HasPrefix(ports, "ports ") {
		are, these = "are", "these ports"
	}
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	requests := detect.Plural(tries, "request", "requests")
	asked := fmt.Sprintf("%s asked %s (%s) for a connection %s and heard nothing, not even a refusal.", w.who(), h.Server.Addr, ports, detect.Plural(tries, "time", "times"))
	switch {
	case w.branch == sourceFilter && w.holding > 0:
		conns := detect.Plural(w.holding, "connection", "connections")
		b.Title("%s answers others on %s but no more requests of %s, which has %s open there", h.Server.Addr, ports, w.who(), conns)
		b.Why("somebody limits how many connections there are, or has shut this client out since: %s from %s met silence while %s answered", requests, w.who(), w.answered())
		b.Summary("%s The same service answered %s meanwhile, and %s of %s itself are open there. It works, and no rule has left out this client all the time: a limit of connections is reached, or it was banned a moment ago.",
			asked, detect.Plural(w.others.Clients, "other client", "other clients"), conns, w.who())
	default:
		d.say(b, h, &w, requests, asked, ports, are, these)
	}
	b.Impact("%s failed after %s without an answer", detect.Plural(len(silent), "attempt", "attempts"), detect.Span(waited(f)))
	d.facts(b, f, &w)
	d.alternatives(b, f, &w)
	d.remedy(b, h, &w)
	b.Check(fmt.Sprintf("nc -vz -w 5 %s %d", h.Server.Addr, h.Server.Port), "from the client, then from a machine beside the server: where it first works, the filter lies before")
	b.WrongIf("a capture at the server that shows it answering")
	for i, t := range tryRefs(f) {
		label, note := "SYN", "the client asks"
		if i > 0 {
			label, note = "SYN (again)", "again, no answer"
		}
		b.Evidence(t, note)
		b.Ladder(finding.LadderRow{Ref: t, Dir: packet.ToServer, Label: label, Note: note, Lost: true})
	}
	for _, r := range append(w.others.AnsweredRefs, w.near.AnsweredRefs...) {
		b.Evidence(r, "others are answered meanwhile")
	}
	return true
}

// say puts what the control group says into words, by branch.
func (d *detector) say(b *finding.Builder, h *event.Head, w *witness, requests, asked, ports, are, these string) {
	switch w.branch {
	case sourceFilter:
		b.Title("%s answers others on %s but not %s", h.Server.Addr, ports, w.who())
		b.Why("somebody filters by source: %s from %s met silence while %s answered", requests, w.who(), w.answered())
		b.Summary("%s The same service answered %s meanwhile. It works; a filter on the way, or on the server, leaves out this client, or the answers to it are sent somewhere else.",
			asked, detect.Plural(w.others.Clients, "other client", "other clients"))
	case portFiltered:
		b.Title("%s of %s %s filtered: requests vanish while its other ports answer", ports, h.Server.Addr, are)
		b.Why("a firewall, on the way or on the server, drops what goes to %s: %s met silence while other ports of the server answered", ports, requests)
		b.Summary("%s The server is up: other ports of it answered meanwhile. Something between, or on it, drops requests to %s.", asked, these)
	case hostSilent:
		b.Title("%s is on the network but answers nobody", h.Server.Addr)
		b.Why("the machine answers ARP, so it is switched on and connected; above that it is silent: its own firewall drops everything, or it hangs")
		b.Summary("%s The machine answers the network's question who has its address, so it is on; nobody got further than that.", asked)
	case hostOff:
		b.Title("nobody has the address %s: the server is off, or the address is wrong", h.Server.Addr)
		b.Why("%s for %s were not answered by anyone: on its own wire nobody has that address", detect.Plural(int(w.arp.ARPAskedN), "ARP request", "ARP requests"), h.Server.Addr)
		b.Summary("%s On the server's own wire nobody answers for its address: the machine is off, unplugged, or has another address.", asked)
	case dropped:
		b.Title("the device between %s and %s drops requests to %s of %s", d.scope.Twins.Name(h.Vantage), d.scope.Twins.Name(w.died.Vantage), ports, h.Server.Addr)
		b.Why("%s were seen at %s and not one of them at %s: they entered the device between and never left it", requests, d.scope.Twins.Name(h.Vantage), d.scope.Twins.Name(w.died.Vantage))
		b.Summary("%s The requests came as far as the device between the two places of capture, and no further: a rule of it drops them, or it does not know where to send them. The server never saw them.", asked)
	case logged:
		b.Title("the firewall refuses requests from %s to %s of %s: its own log says so", w.who(), ports, h.Server.Addr)
		b.Why("the firewall's log has beside the request (%s): %s", d.scope.Frame(w.refusal.Head().Seen), says(d.scope, w.refusal))
		b.Summary("%s The firewall wrote the request down as one that it refuses: %s. It does not answer, so the client waits.", asked, says(d.scope, w.refusal))
	default:
		b.Title("%s (%s) did not answer %s", h.Server.Addr, ports, w.who())
		b.Why("nothing came back; where the requests die cannot be seen from here")
		b.Summary("%s Nothing in this capture says where the requests die.", asked)
	}
}

// answered says what others got at the silent ports.
func (w *witness) answered() string {
	return detect.Plural(w.others.Answered, "request of others to the same port was", "requests of others to the same port were")
}

// waited is how long the client is known to have waited in vain: the capture may end before silence is final.
func waited(f *event.Flow) time.Duration {
	until := min(f.Marks[event.MarkSYNLast].Time.Add(event.SilenceAfter), f.Head().Seen.Time)
	return until.Sub(f.Start.Time)
}

func tryRefs(f *event.Flow) []packet.Ref {
	return detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkSYN2], f.Marks[event.MarkSYN3], f.Marks[event.MarkSYNLast])
}

func (d *detector) facts(b *finding.Builder, f *event.Flow, w *witness) {
	h := f.Head()
	b.Fact(tryRefs(f), "%s from %s at %s, no reply", detect.Plural(int(f.SYNTries), "request", "requests"), detect.EndText(h.Client), d.scope.Times(tryRefs(f), 4))
	if w.refusal != nil {
		b.Fact(detect.Refs(w.refusal.Head().Seen), "the firewall's log says of it: %s", says(d.scope, w.refusal))
	}
	switch {
	case w.others.Answered > 0:
		b.Fact(w.others.AnsweredRefs, "the same port answered %s from %s after that", detect.Plural(w.others.Answered, "request", "requests"), detect.Plural(w.others.Clients, "other address", "other addresses"))
	case w.others.Total() > 0:
		b.Fact(w.others.SilentRefs, "%s tried the same port then; none was answered", detect.Plural(w.others.Clients, "other address", "other addresses"))
	default:
		b.Fact(nil, "nobody else was answered there from then on, up to a minute after the last request")
	}
	if w.branch == sourceFilter && w.holding > 0 {
		b.Fact(w.held, "%s of %s to the same port were open when the first of these requests was sent", detect.Plural(w.holding, "connection", "connections"), w.who())
	}
	if w.branch == portFiltered && w.before.Answered > 0 {
		b.Fact(w.before.AnsweredRefs, "the port itself answered %s in the minute before: a rule that stood all the time does not explain that", detect.Plural(w.before.Answered, "request", "requests"))
	}
	if w.near.Answered+w.near.Refused > 0 {
		b.Fact(w.near.AnsweredRefs, "other ports of %s answered %s meanwhile", h.Server.Addr, detect.Plural(w.near.Answered+w.near.Refused, "time", "times"))
	}
	if w.arp != nil && w.arp.ARPAskedN >= arpUnanswered {
		b.Fact(w.arp.ARPAskedUnansweredRefs[:], "%s asked for %s by ARP, no reply", detect.Plural(int(w.arp.ARPAskedN), "time", "times"), h.Server.Addr)
	} else if w.arp != nil && !w.arp.ARPAnswered.IsZero() {
		b.Fact(detect.Refs(w.arp.ARPAnswered), "%s answers ARP from %s", h.Server.Addr, w.arp.MAC)
	}
}

func (d *detector) alternatives(b *finding.Builder, f *event.Flow, w *witness) {
	tries := tryRefs(f)
	b.RuledOut("loss", tries, "%s in a row met the same silence", detect.Plural(int(f.SYNTries), "request", "requests"))
	switch w.branch {
	case sourceFilter:
		b.RuledOut("server-down", w.others.AnsweredRefs, "it answered others meanwhile")
		b.RuledOut("busy", w.others.AnsweredRefs, "it accepted %s of others meanwhile", detect.Plural(w.others.Answered, "request", "requests"))
		w.returnPath(b, tries)
	case portFiltered:
		b.RuledOut("server-down", w.near.AnsweredRefs, "its other ports answered")
		w.returnPath(b, tries)
		b.Open("busy", "ss -ltn on the server shows whether its queue is full")
		if w.before.Answered > 0 {
			b.Cap(finding.Possible) // a service that filled up since looks the same
		}
	case hostSilent:
		b.RuledOut("server-down", detect.Refs(w.arp.ARPAnswered), "it answered ARP; if it hangs, that is what this finding says")
		if w.local {
			b.RuledOut("return-path", detect.Refs(w.arp.ARPAnswered), "client and server are on the same wire")
		} else {
			b.Open("return-path", serverDecides)
		}
		if len(w.ports) > 1 {
			b.RuledOut("busy", tries, "%d of its ports are silent: one full queue does not explain that", len(w.ports))
		} else {
			b.Open("busy", "ss -ltn on the server shows whether its queue is full")
		}
	case hostOff:
		b.RuledOut("server-down", w.arp.ARPAskedUnansweredRefs[:], "that is what this finding says: nobody has the address")
		b.RuledOut("return-path", w.arp.ARPAskedUnansweredRefs[:], "the question on the server's own wire went unanswered")
		b.RuledOut("busy", w.arp.ARPAskedUnansweredRefs[:], "a busy machine still answers ARP")
	case logged:
		said := detect.Refs(w.refusal.Head().Seen)
		if w.refusal.Sure {
			b.RuledOut("server-down", said, "the firewall blocked the request itself")
		} else {
			b.Open("server-down", "the words in the log are the administrator's; the rule that wrote them shows whether it refuses, or only writes and lets go on")
		}
		b.RuledOut("return-path", said, "the firewall's log names the request, not an answer")
		b.RuledOut("busy", said, "the firewall's log names the request")
	case dropped:
		if len(w.alive) > 0 {
			b.RuledOut("server-down", w.alive, "it was up meanwhile, and the requests never came to it")
		} else {
			b.Open("server-down", "the device may drop because nobody answers for the address: ip neigh show %s on it", f.Head().Server.Addr)
		}
		b.RuledOut("return-path", tries, neverThere)
		b.RuledOut("busy", tries, neverThere)
	default:
		b.Open("server-down", "ping it, or look whether its link is up")
		b.Open("return-path", serverDecides)
		b.Open("busy", "ss -ltn on the server shows whether its queue is full")
	}
}

const (
	serverDecides = "a capture at the server decides"
	neverThere    = "the requests never came to the server's side of the device"
)

// returnPath is excluded when answers of the same server reached the same client, or the requests never reached it.
func (w *witness) returnPath(b *finding.Builder, tries []packet.Ref) {
	if w.between {
		b.RuledOut("return-path", tries, neverThere)
	} else if w.own.Answered+w.own.Refused > 0 {
		b.RuledOut("return-path", w.own.AnsweredRefs, "the same client got answers from other ports of the server")
	} else {
		b.Open("return-path", serverDecides)
	}
}

func (d *detector) remedy(b *finding.Builder, h *event.Head, w *witness) {
	switch w.branch {
	case sourceFilter:
		if w.holding > 0 {
			b.Remedy(finding.AtFirewall, "look for a limit of connections or of new ones in a time, on the way and on the server; raise it if it is too low for this client").
				Run("nftables", "nft list ruleset | grep -n -e 'ct count' -e limit -e meter").
				Run("iptables", "iptables-save | grep -e connlimit -e hashlimit -e recent")
			b.Remedy(finding.AtClient, "keep fewer connections open at a time, and use them again")
		}
		b.Remedy(finding.AtFirewall, "find the rule that names %s or its network, and allow it to %s", h.Client.Addr, detect.EndText(h.Server)).
			Run("nftables", "nft list ruleset | grep -n -e %s -e %s", h.Client.Addr, h.Server.Addr)
		b.Remedy(finding.AtServer, "look for a local rule or a ban against it").
			Run("nftables", "nft list ruleset | grep -n %s", h.Client.Addr).
			Run("fail2ban", "fail2ban-client banned %s", h.Client.Addr)
		b.Remedy(finding.AtServer, "check the way back").Run("Linux", "ip route get %s", h.Client.Addr)
	case portFiltered:
		b.Remedy(finding.AtFirewall, "if the service is meant to be reached, allow it").
			Run("nftables", "nft insert rule inet filter forward %s daddr %s tcp dport %d accept", family(h.Server.Addr), h.Server.Addr, h.Server.Port)
		b.Remedy(finding.AtServer, "check its own firewall for port %d", h.Server.Port).Run("nftables", "nft list ruleset | grep -n -e drop -e %d", h.Server.Port)
		b.Remedy(finding.AtFirewall, "if it is not meant to be reached, answer instead of dropping, so that clients do not wait").
			Run("nftables", "nft add rule inet filter forward %s daddr %s tcp dport %d reject with tcp reset", family(h.Server.Addr), h.Server.Addr, h.Server.Port)
	case logged:
		findRule(b, w.refusal)
		b.Remedy(finding.AtFirewall, "if the service is meant to be reached, allow it before that rule").
			Run("nftables", "nft insert rule inet filter forward %s daddr %s tcp dport %d accept", family(h.Server.Addr), h.Server.Addr, h.Server.Port)
		b.Remedy(finding.AtFirewall, "if it is not meant to be reached, answer instead of dropping, so that clients do not wait").
			Run("nftables", "nft add rule inet filter forward %s daddr %s tcp dport %d reject with tcp reset", family(h.Server.Addr), h.Server.Addr, h.Server.Port)
	case dropped:
		b.Remedy(finding.AtFirewall, "on the device between, find the rule that drops").
			Run("nftables", "nft list ruleset | grep -n -e drop -e 'dport %d'", h.Server.Port)
		b.Remedy(finding.AtFirewall, "if the service is meant to be reached, allow it before that rule").
			Run("nftables", "nft insert rule inet filter forward %s daddr %s tcp dport %d accept", family(h.Server.Addr), h.Server.Addr, h.Server.Port)
		b.Remedy(finding.AtRouter, "if no rule drops, look for a missing route or neighbour, a source check that discards, a full table of connections").
			Run("Linux", "ip route get %s; ip neigh show %s; nstat -az TcpExtIPReversePathFilter; dmesg | grep conntrack", h.Server.Addr, h.Server.Addr)
	case hostSilent:
		b.Remedy(finding.AtServer, "look at its console: does it hang; does its firewall drop everything?").
			Run("nftables", "nft list ruleset | grep -n -e policy -e drop")
	case hostOff:
		b.Remedy(finding.AtServer, "switch it on, check cable and port, and that it has the address %s", h.Server.Addr).Run("Linux", "ip address; ip link")
		b.Remedy(finding.AtClient, "check that %s is still the right address of the service", h.Server.Addr)
	}
}

// family is what nftables calls the address's family.
func family(a packet.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ip6"
}
