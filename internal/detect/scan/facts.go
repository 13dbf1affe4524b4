package scan

import (
	"fmt"
	"math"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (d *detector) facts(b *finding.Builder, v *view) {
	p := &v.parts[0]
	b.Fact(p.asks[:], "%s of %s from %s to %s: %d failed (%d refused, %d silent), %d opened", v.doorsText(), detect.Plural(v.machines, "machine", "machines"),
		d.scope.Frame(v.first), d.scope.Frame(v.last), v.fails, v.refused, v.silent, len(v.opened))
	b.Fact(p.asks[:2], "how: %s", v.techniques())
	if len(v.opened) > 0 {
		var refs []packet.Ref
		for i := range v.opened[:min(len(v.opened), 4)] {
			refs = append(refs, v.opened[i].ref)
		}
		b.Fact(refs, "open: %s", opensList(v.opened))
	}
	if len(v.news) > 0 {
		b.Fact([]packet.Ref{v.news[0].ref}, "of that, nobody else was seen to use %s", opensList(v.news))
	}
	if w := p.step; w.score >= convict && v.report.how == alone {
		b.Fact(p.asks[:], "first contacts: %s failed, %s answered; that is %s times likelier for a scanner than for an ordinary client (99 times is enough)",
			detect.Plural(int(w.fails), "machine", "machines"), detect.Plural(int(w.answered), "machine", "machines"), ratio(int(w.score)))
	}
	if v.report.how == decoys {
		b.Fact(p.asks[:1], "%s tried the same doors at the same time with the same kind of packets: one search in %d names, of which at most one is real", v.names(), len(v.parts))
	}
	if v.report.how == shared {
		b.Fact(p.asks[:1], "%s began together, made the same kind of packets, and no door was tried twice", v.names())
	}
	if v.used != nil {
		b.Fact([]packet.Ref{v.used.start, v.used.last}, "%s afterwards: a conversation of %d bytes through %s in %s", v.who, v.used.bytes, where(v.used.door), detect.Span(v.used.last.Time.Sub(v.used.start.Time)))
	}
}

// ratio writes a power of four.
func ratio(n int) string {
	if n > 15 {
		return "more than a thousand million"
	}
	return fmt.Sprintf("%.0f", math.Pow(4, float64(n)))
}

// techniques says how the doors were tried.
func (v *view) techniques() string {
	var items []string
	for t, n := range v.how {
		if n == 0 {
			continue
		}
		name := techniqueNames[t]
		if technique(t) == synScan {
			switch {
			case v.whole > 0 && v.half > 0:
				name = "SYN (some of what opened was left half-open)"
			case v.whole > 0:
				name = "whole connections (SYN, completed where it opened)"
			case v.half > 0:
				name = "half-open (SYN, and no completion of what opened)"
			}
			switch {
			case 10*v.nmap >= 9*v.syns:
				name += " with window 1024 and no option but MSS 1460, as Nmap makes them"
			case 10*v.raw >= 9*v.syns:
				name += " without the options that every operating system's TCP sends"
			}
		}
		items = append(items, fmt.Sprintf("%d × %s", n, name))
	}
	return detect.List(items, 10)
}

func (d *detector) alternatives(b *finding.Builder, v *view) {
	p := &v.parts[0]
	asks := p.asks[:2]
	raw := v.rawTool()
	switch {
	case raw:
		b.RuledOut("outage", asks, "such packets are made by scanners, not by a program that wants a service")
	case v.code == Ports:
		b.RuledOut("outage", asks, "no program has a list of %d ports of one machine", v.main.fails)
	case p.again == 0 && v.span() > againAfter:
		b.RuledOut("outage", asks, "it came to each door once in %s; a program with a list comes back", detect.Span(v.span()))
	case v.code == Hosts:
		b.RuledOut("outage", asks, "%d of %d machines failed, and no other client was seen to fail at them", v.hostFails, v.machines)
	default:
		b.Open("outage", "whether %s was ever meant to reach these machines decides", v.who)
	}
	switch {
	case raw || p.print != 0 && v.alike:
		b.RuledOut("many-users", asks, "all requests have the same fingerprint")
	case v.natMachines > 1:
		b.Open("many-users", "a capture behind %s decides: at least %d machines use this address", v.who, v.natMachines)
	default:
		b.RuledOut("many-users", asks, "nothing shows more than one machine behind the address")
	}
	switch {
	case raw:
		b.RuledOut("peers", asks, "a peer-to-peer program uses its operating system's TCP and UDP")
	case v.main.fails > 2 && v.code == Ports:
		b.RuledOut("peers", asks, "%d of the doors belong to one machine", v.main.fails)
	case 2*p.ports.n < p.hostFails || p.ports.n <= 2:
		b.RuledOut("peers", asks, "the same %s everywhere; peers have ports of their own", detect.Plural(p.ports.n, "port", "ports"))
	default:
		b.Open("peers", "which program on %s does it (ss -tunp) decides", v.who)
	}
	switch {
	case v.refused > 0 || len(v.opened) > 0:
		b.RuledOut("filter", asks, "%d doors refused and %d opened: the requests arrive", v.refused, len(v.opened))
	case raw || v.code == Ports:
		b.RuledOut("filter", asks, "an ordinary program has no use for such requests, answered or not")
	default:
		b.Open("filter", "all of them are silent; a capture nearer to the targets decides whether they arrive")
	}
	switch {
	case v.report.how == decoys:
		b.Open("forged", "at most one of the names is real; the capture nearest to each of them decides who sends")
	case v.used != nil:
		b.RuledOut("forged", []packet.Ref{v.used.start}, "it had a conversation from this address afterwards")
	case v.whole > 0:
		b.RuledOut("forged", asks, "it completed %s from this address", detect.Plural(v.whole, "connection", "connections"))
	default:
		b.Open("forged", "no connection was completed from this address, so anybody may have written it as sender; a capture nearer to it, or its MAC address, decides")
	}
}

func remedy(b *finding.Builder, v *view) {
	fam := "ip"
	if !v.who.Is4() {
		fam = "ip6"
	}
	if len(v.news) > 0 {
		b.Remedy(finding.AtServer, "what is not meant for strangers (%s): stop the program, or let it listen on 127.0.0.1", opensList(v.news))
		close := b.Remedy(finding.AtFirewall, "or close it there")
		for _, o := range v.news[:min(len(v.news), 4)] {
			proto := "tcp"
			if o.proto == packet.ProtoUDP {
				proto = "udp"
			}
			close.Run("nftables", "nft insert rule inet filter forward %s daddr %s %s dport %d drop", fam, o.addr, proto, o.port)
		}
	}
	if v.in {
		b.Remedy(finding.AtClient, "find the program on %s that does it; if nobody runs it on purpose, take the machine off the network and examine it", v.who).
			Run("Linux", "ss -tunp state syn-sent").
			Run("Windows", "netstat -bno")
		b.Check("ss -tunp; last -n 5", "on "+v.who.String()+": which program, and who was logged in")
		return
	}
	if v.whole == 0 && v.used == nil {
		b.Remedy(finding.AtFirewall, "do not block the address for this alone: a sender can be forged, and somebody else would be locked out. What opens is what matters")
	} else {
		b.Remedy(finding.AtFirewall, "if it comes back, block it for a while").
			Run("nftables", "nft insert rule inet filter forward %s saddr %s drop", fam, v.parts[0].source)
	}
	if len(v.news) > 0 {
		b.Check(fmt.Sprintf("ss -lntup | grep :%d", v.news[0].port), "on "+v.news[0].addr.String()+": which program listens there?")
		return
	}
	b.Check("ss -lntup", "on the machines it found")
}
