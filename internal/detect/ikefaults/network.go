package ikefaults

import (
	"fmt"

	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (st *story) natt() {
	b, s, x := st.b, st.s, st.v.what
	b.Title("UDP port 4500 is blocked between %s and %s: the key exchange dies at the move", st.init, st.resp)
	b.Why("on port 500 %s answered; on port 4500, where the exchange has to go on, nothing came back", st.resp)
	b.Summary("%s and %s began to talk on UDP port 500. Since there is a NAT between them (or one of them wants ESP in UDP), they must go on on port 4500; %s did, %d times, and got no answer. "+
		"Somebody lets port 500 pass and not port 4500.", st.init, st.resp, st.init, x.tries)
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	b.Fact(detect.Refs(s.first, s.answered), "on port 500 %s was answered after %s", name(s.steps[0]), detect.Span(s.answered.Time.Sub(s.first.Time)))
	b.Fact(x.all(), "on port 4500 %s, no answer", st.sent(x))
	st.natFact()
	st.lossRuledOut()
	here, there, gone := st.died(x)
	if gone {
		b.Fact(x.all(), "each of them was seen at %s and none at %s", here, there)
	}
	e := s.icmp
	told := e != nil && e.Quoted.DstPort == ike.PortNATT
	var says []packet.Ref
	if told {
		says = detect.Refs(e.Head().Seen)
		b.Fact(says, "%s answered instead: %s, ICMP type %d code %d, quoting it", e.Sender, detect.Plural(s.icmps, "error", "errors"), e.Type, e.Code)
	}
	elsewhere := told && e.Sender != s.responder.Addr
	switch {
	case elsewhere:
		b.Why("on port 500 %s answered; on port 4500, where the exchange has to go on, %s refuses", st.resp, e.Sender)
		b.RuledOut("key", says, "the message did not come to %s: %s refused it", st.resp, e.Sender)
	case s.major == 2:
		b.RuledOut("key", x.all(), "in IKEv2 a responder answers a wrong key with an error")
	case gone:
		b.RuledOut("key", x.all(), "the message never came to its side")
	default:
		b.Open("key", "try the key again, or look whether the message arrives at %s", st.resp)
	}
	switch {
	case elsewhere:
		b.RuledOut("daemon", says, "it is %s that refuses, on the way", e.Sender)
	case gone:
		b.RuledOut("daemon", x.all(), "the message never came to its side")
	case told:
		b.Open("daemon", "%s itself says that the message did not get to a program: ss -lun 'sport = :4500' there", st.resp)
	default:
		b.Open("daemon", "ss -lun 'sport = :4500' on %s", st.resp)
	}
	b.Remedy(finding.AtFirewall, "let UDP 4500 pass, both ways").
		Run("nftables", "nft insert rule inet filter forward udp dport 4500 accept").Run("nftables", "nft insert rule inet filter forward udp sport 4500 accept")
	b.Remedy(finding.AtServer, "see that the daemon listens on 4500, and its own firewall lets it").Run("Linux", "ss -lun 'sport = :4500'; nft list ruleset | grep -n 4500")
	b.Check("tcpdump -ni any udp port 4500", "on "+st.resp+", while the other side tries: do the messages arrive?")
	b.WrongIf("a capture at %s that shows an answer on port 4500 leaving it", st.resp)
}

func (st *story) fragments() {
	b, s, x := st.b, st.s, st.v.what
	b.Title("the large messages between %s and %s do not get through: IP fragments are dropped on the way", st.init, st.resp)
	b.Why("small messages were answered; %s needs IP fragments (%d bytes) and got no answer, %d times", ike.ExchangeName(x.exchange), x.length, x.tries)
	b.Summary("The first, small messages between %s and %s get through. The next one carries certificates and is larger than a packet, so that the network cuts it into fragments; %d times nothing "+
		"came back. Many firewalls and NATs drop fragments but the first.", st.init, st.resp, x.tries)
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	b.Fact(detect.Refs(s.first, s.answered), "%s (%d bytes) was answered", ike.ExchangeName(s.steps[0].exchange), s.steps[0].length)
	b.Fact(x.all(), "%s in IP fragments, no answer", st.sent(x))
	if !st.canFragment() {
		b.Fact(detect.Refs(s.first), "fragmentation by IKE (RFC 7383) was not offered by both sides")
	}
	st.lossRuledOut()
	if x.ports[1] == ike.PortNATT {
		if y := s.find(func(y *step) bool { return !y.fromInit && y.ports[0] == ike.PortNATT }); y != nil {
			b.RuledOut("port", y.all(), "other messages on port 4500 were answered")
		} else {
			b.Open("port", "allow UDP 4500 and try again: it is the first message on that port")
		}
	} else {
		b.RuledOut("port", detect.Refs(s.answered), "small messages on the same port were answered")
	}
	b.RuledOut("responder", x.all(), "in IKEv2 a responder answers every request that it gets whole, if only with an error")
	b.Remedy(finding.AtClient, "let IKE itself cut its messages, on both sides").
		Run("swanctl.conf", "fragmentation = yes").Run("ipsec.conf", "fragmentation=yes")
	b.Remedy(finding.AtFirewall, "let fragments pass: a filter with connection tracking puts them together first").
		Run("nftables", "nft list ruleset | grep -n frag-off").Run("Cisco IOS", "show access-lists | include fragments")
	b.Remedy(finding.AtServer, "send less: no intermediate certificates that the peer has, smaller keys (ECDSA)")
	b.Check(fmt.Sprintf("ping -c 3 -s 2000 %s", st.resp), "from the initiator: is a fragmented ping answered? And tcpdump -ni any 'ip[6:2] & 0x1fff != 0' at the responder")
	b.WrongIf("a capture at %s that shows all fragments arriving, and no answer in fragments leaving", st.resp)
}

// canFragment reports that both said that they can cut messages by themselves.
func (st *story) canFragment() bool { return st.s.fragI && st.s.fragR }
