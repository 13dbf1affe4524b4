package ikefaults

import (
	"fmt"

	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const around = 60e9 // ns before and after, within which other answers of a gateway count

// alive looks for other answers of the responder at about the same time.
func (st *story) alive() detect.Control {
	own := st.s.initiator.Addr
	return st.d.scope.Ledger.Server(st.s.vantage, st.s.responder.Addr, func(a *detect.Attempt) bool {
		return a.Client.Addr == own && a.Service.Proto == packet.ProtoUDP && (a.Service.Port == ike.Port || a.Service.Port == ike.PortNATT)
	}, st.s.first.Time.Add(-around), st.s.last.Time.Add(around))
}

func (st *story) noAnswer() {
	b, x := st.b, st.v.what
	c := st.alive()
	up := c.Answered+c.Refused > 0
	if st.v.how == icmpError {
		st.noAnswerICMP()
		return
	}
	b.Title("%s does not answer the key exchange of %s", st.resp, st.init)
	b.Fact(x.all(), "%s: %s, no reply and no ICMP error", st.sent(x), firstOf(st.s))
	if up {
		b.Fact(c.AnsweredRefs, "%s answered %s otherwise at that time", st.resp, detect.Plural(c.Answered+c.Refused, "time", "times"))
		b.Why("%s is there, it answers other traffic; its IKE (UDP port %d) stays silent: a filter drops it, or the gateway ignores a peer that it has no connection for", st.resp, x.ports[1])
	} else {
		b.Fact(nil, "nothing else of %s was answered in the minute before and after", st.resp)
		b.Why("nothing came back; where it dies cannot be seen from here")
	}
	b.Summary("%s wants to build a VPN with %s and asked %d times. Nothing came back, not even a refusal. No key or setting has been compared yet: the two have not begun to talk.", st.init, st.resp, x.tries)
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	st.lossRuledOut()
	here, there, gone := st.died(x)
	switch {
	case gone:
		b.Title("the device between %s and %s drops the key exchange from %s to %s", here, there, st.init, st.resp)
		b.Why("every request was seen at %s and none at %s: they entered the device between and never left it", here, there)
		b.RuledOut("off", x.all(), "the requests never came to its side")
		b.RuledOut("ignored", x.all(), "the requests never came to its side")
		b.RuledOut("filter", x.all(), "that is what this finding says")
	case up:
		b.RuledOut("off", c.AnsweredRefs, "it answered other traffic")
		b.Open("filter", "a capture at %s: does the request arrive?", st.resp)
		if w := st.peer.answer; !w.IsZero() && w.Time < x.refs[0].Time {
			b.RuledOut("ignored", detect.Refs(w), "it answered the same peer before")
		} else {
			b.Open("ignored", "the log of %s tells (libreswan: \"no connection has been authorized\")", st.resp)
		}
	default:
		b.Open("off", "ping %s, or any other service of it", st.resp)
		b.Open("filter", "a capture at %s: does the request arrive?", st.resp)
		b.Open("ignored", "the log of %s tells", st.resp)
	}
	b.Remedy(finding.AtClient, "check that %s is the right address of the peer", st.resp)
	st.openPorts()
	b.Remedy(finding.AtServer, "see that a connection for the peer %s is loaded", st.init).
		Run("strongSwan", "swanctl --list-conns").Run("libreswan", "ipsec status | grep %s", st.init)
	b.Check(fmt.Sprintf("ike-scan -M -2 %s", st.resp), "from another place; without -2 for IKEv1. A capture at the responder: tcpdump -ni any udp port 500")
	b.WrongIf("a capture at %s that shows an answer leaving it", st.resp)
}

// died reports that a second capture, which shows other packets of the same flow, shows none of these.
func (st *story) died(x *step) (here, there string, gone bool) {
	for _, r := range x.all() {
		t := st.d.scope.Twins.Trace(r)
		if !t.Known || t.Seen {
			return "", "", false
		}
		there = st.d.scope.Twins.Name(t.Vantage)
	}
	return st.d.scope.Twins.Name(st.s.vantage), there, there != "" && x.tries > 1
}

// firstOf says what the initiator asks for.
func firstOf(s *sa) string {
	if len(s.offered) == 0 {
		return fmt.Sprintf("IKEv%d", s.major)
	}
	return fmt.Sprintf("IKEv%d, offering %s", s.major, suites(s.major, s.offered))
}

// openPorts is the remedy for filters.
func (st *story) openPorts() {
	fam := "ip"
	if !st.s.responder.Addr.Is4() {
		fam = "ip6"
	}
	st.b.Remedy(finding.AtFirewall, "let UDP 500, UDP 4500 and ESP (protocol 50) pass between the two, both ways").
		Run("nftables", "nft insert rule inet filter forward %s saddr { %s, %s } %s daddr { %s, %s } udp dport { 500, 4500 } accept", fam, st.init, st.resp, fam, st.init, st.resp).
		Run("nftables", "nft insert rule inet filter forward %s saddr { %s, %s } %s daddr { %s, %s } meta l4proto esp accept", fam, st.init, st.resp, fam, st.init, st.resp)
}

func (st *story) noAnswerICMP() {
	b, x, e := st.b, st.v.what, st.s.icmp
	port := isPort(e) && e.Sender == st.s.responder.Addr
	admin := isAdmin(e) || isPort(e) && !port // many filters reject with "port unreachable"
	who := e.Sender.String()
	refs := detect.Refs(e.Head().Seen)
	switch {
	case port:
		b.Title("no IKE daemon listens on %s", st.resp)
		b.Why("%s itself says that nothing listens on its UDP port %d", st.resp, x.ports[1])
	case admin:
		b.Title("a firewall (%s) forbids the key exchange from %s to %s", who, st.init, st.resp)
		b.Why("%s says that a rule forbids it", who)
	default:
		b.Title("the key exchange from %s does not reach %s: %s reports it", st.init, st.resp, who)
		b.Why("%s says that the destination cannot be reached (ICMP type %d, code %d)", who, e.Type, e.Code)
	}
	b.Summary("%s wants to build a VPN with %s and was told by %s that it cannot get there. No key or setting has been compared yet.", st.init, st.resp, who)
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	b.Fact(x.all(), "%s: %s", st.sent(x), firstOf(st.s))
	b.Fact(refs, "%s from %s, ICMP type %d code %d, quoting it", detect.Plural(st.s.icmps, "error", "errors"), who, e.Type, e.Code)
	b.RuledOut("loss", refs, "the error says what became of the message")
	if port {
		b.RuledOut("off", refs, "the machine itself answered")
	} else {
		b.RuledOut("off", refs, "%s says what is the matter", who)
	}
	b.RuledOut("ignored", refs, "the message came to no IKE daemon")
	b.RuledOut("filter", refs, "%s", map[bool]string{true: "that is what this finding says: a rule forbids it, and says so", false: "a filter that drops says nothing"}[admin])
	switch {
	case port:
		b.Remedy(finding.AtServer, "start the IKE daemon, and see that it listens on UDP 500 and 4500").
			Run("strongSwan", "systemctl enable --now strongswan; ss -lun 'sport = :500 or sport = :4500'").
			Run("libreswan", "systemctl enable --now ipsec; ss -lun 'sport = :500 or sport = :4500'")
		b.Check("ss -lun 'sport = :500 or sport = :4500'", "on "+st.resp)
	case admin:
		st.openPorts()
		b.Check("nft list ruleset | grep -n -e reject -e 500", "on "+who)
	default:
		b.Remedy(finding.AtRouter, "on %s, look for the route to %s", who, st.resp).Run("Linux", "ip route get %s", st.resp)
		b.Check("ip route get "+st.resp, "on "+who)
	}
	b.WrongIf("a capture at %s that shows no such error leaving it", who)
}

func isPort(e *event.ICMPError) bool {
	return e.Version == 4 && e.Code == 3 || e.Version == 6 && e.Code == 4
}

func isAdmin(e *event.ICMPError) bool {
	return e.Version == 4 && (e.Code == 9 || e.Code == 10 || e.Code == 13) || e.Version == 6 && (e.Code == 1 || e.Code == 5)
}

func (st *story) proposal() {
	b, s, x := st.b, st.s, st.v.reply
	offered := suites(s.major, s.offered)
	if offered == "" {
		offered = "proposals that the capture cut off"
	}
	n := ike.NotifyName(s.major, x.notify.Type)
	switch st.v.how {
	case wrongVersion:
		b.Title("%s does not speak the version of IKE that %s asks for", st.resp, st.init)
		b.Why("%s asked with IKEv%d and got %s", st.init, s.major, n)
		b.Summary("%s asks %s for a VPN with version %d of the key exchange; the other side is set to another version.", st.init, st.resp, s.major)
	case wrongGroup:
		b.Title("%s wants the Diffie-Hellman group %s, which %s does not take", st.resp, ike.GroupName(x.notify.Value), st.init)
		b.Why("%s asked for group %s (%s) and no request with it followed", st.resp, ike.GroupName(x.notify.Value), n)
		b.Summary("%s and %s do not agree on how to exchange keys: the one offers the group %s, the other insists on %s.", st.init, st.resp, ike.GroupName(st.v.what.keGroup), ike.GroupName(x.notify.Value))
	default:
		b.Title("%s refuses every IKE proposal of %s", st.resp, st.init)
		b.Why("%s offered %s; %s answered %s", st.init, offered, st.resp, n)
		b.Summary("%s offered %s ways to encrypt the key exchange of a VPN, and %s took none. One of the two has to learn what the other speaks; no key has been compared yet.", st.init, offered, st.resp)
	}
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	b.Fact(detect.Refs(s.offeredRef), "offered by %s (IKEv%d): %s", st.init, s.major, offered)
	b.Fact(x.all(), "answered by %s at %s s with %s, in the clear", st.resp, st.d.scope.Since(x.refs[0]), n)
	accepted := st.peer.suite
	if accepted != nil {
		b.Fact(detect.Refs(st.peer.suiteAt), "accepted between the two at %s s (IKEv%d): %s", st.d.scope.Since(st.peer.suiteAt), st.peer.suiteOf, suites(st.peer.suiteOf, accepted))
	}
	b.RuledOut("forged", x.all(), "it names the SPI of a request that had just been sent, and no other answer came")
	decided := st.v.how == refused && st.proposalContext()
	switch {
	case decided:
		b.RuledOut("unknown-peer", x.all(), "the configuration of %s has a connection for the peer, and says why", st.resp)
	case st.v.how != refused:
		b.RuledOut("unknown-peer", x.all(), "%s says that the peer is known and what is the matter", n)
	case accepted != nil && st.peer.suiteOf == s.major:
		b.RuledOut("unknown-peer", detect.Refs(st.peer.suiteAt), "it accepted the same peer and version at %s s", st.d.scope.Since(st.peer.suiteAt))
	default:
		b.Open("unknown-peer", "the log of %s tells (strongSwan: \"no IKE config found\" against \"no proposal chosen\")", st.resp)
	}
	st.proposalRemedy()
	b.Check(st.lint(), "on a gateway: what is offered and accepted there; with the other side's files or facts as --peer it names the first mismatch")
	b.WrongIf("a log of %s that names another reason for the refusal", st.resp)
}

// proposalRemedy prints one suite for both sides.
func (st *story) proposalRemedy() {
	b, s := st.b, st.s
	if st.v.how == wrongVersion {
		b.Remedy(finding.AtClient, "set the version that the other side has").Run("swanctl.conf", "version = %d", 3-min(s.major, 2)).Run("ipsec.conf", "ikev2=%s", map[bool]string{true: "no", false: "yes"}[s.major == 2])
		return
	}
	list := ike.Suites(s.major, s.offered)
	if st.v.how == wrongGroup && len(list) > 0 {
		list[0].Group = []ike.Algorithm{{Name: ike.GroupName(st.v.reply.notify.Value), Number: uint32(st.v.reply.notify.Value)}}
		st.suiteLines(finding.AtClient, "offer the group that the other side wants", &list[0])
		return
	}
	if acc := ike.Suites(st.peer.suiteOf, st.peer.suite); len(acc) > 0 {
		st.suiteLines(finding.AtClient, "offer what worked before", &acc[0])
		return
	}
	if len(list) == 0 {
		b.Remedy(finding.AtServer, "compare the IKE (phase 1) proposals of both sides and make them equal")
		return
	}
	words := "accept what the other side offers"
	if w := weak(&list[0]); w != "" {
		words = fmt.Sprintf("accept what the other side offers; but %s is weak: better set aes256-sha256-modp2048 on both sides", w)
	}
	st.suiteLines(finding.AtServer, words, &list[0])
	b.Remedy(finding.AtServer, "see that a connection for %s with IKEv%d is there at all", st.init, s.major).
		Run("strongSwan", "swanctl --list-conns").Run("libreswan", "ipsec status | grep %s", st.init)
}

func (st *story) suiteLines(at finding.Where, words string, s *ike.Suite) {
	v := map[bool]string{true: "yes", false: "no"}[st.s.major == 2]
	st.b.Remedy(at, "%s", words).
		Run("swanctl.conf", "version = %d", st.s.major).Run("swanctl.conf", "proposals = %s", s.String()).
		Run("ipsec.conf", "ikev2=%s", v).Run("ipsec.conf", "ike=%s", s.Libreswan()).
		Run("SonicWall", "VPN policy, Proposals, IKE (Phase 1): %s", s.SonicWall())
}

// weak names an algorithm of the suite that should not be used any more (RFC 8247).
func weak(s *ike.Suite) string {
	for _, l := range [][]ike.Algorithm{s.Encr, s.Hash, s.Group} {
		for _, a := range l {
			switch a.Name {
			case "des", "3des", "md5", "modp768", "modp1024", "modp1024s160", "blowfish", "cast128", "idea", "rc5":
				return a.Name
			}
		}
	}
	return ""
}
