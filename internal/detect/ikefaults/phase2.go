package ikefaults

import (
	"fmt"
	"strings"

	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (st *story) psk() {
	b, s, v := st.b, st.s, st.v
	method := s.authMethod1()
	key := "pre-shared key or ID"
	if s.major == 1 && method != 1 && method != 0 {
		key = "certificate or ID"
	}
	b.Title("%s and %s do not accept each other: %s", st.init, st.resp, key)
	b.Summary("The two gateways found each other and agreed how to encrypt; then one had to prove who it is, and the other did not accept it. Most often the pre-shared key differs (a typing "+
		"error, a blank at its end). From this message on everything is encrypted, so the packets cannot tell it from a wrong ID%s. The log of the gateway that refused knows; the other is not told.",
		map[bool]string{true: "", false: " or a refused certificate"}[s.major == 1 && method == 1])
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	if s.chosen != nil {
		b.Fact(detect.Refs(s.offeredRef, s.chosenRef), "both agreed on %s (IKEv%d)", suites(s.major, s.chosen), s.major)
	}
	x := v.what
	switch v.how {
	case authShort:
		_, most := s.inside(v.reply.length)
		b.Why("phase 1 stops where the shared key is first used: the answer to IKE_AUTH holds an error and no identity")
		b.Fact(x.all(), "%s", st.sent(x))
		b.Fact(v.reply.all(), "the answer at %s s has %d bytes, at most %d of them payloads: no room for an identity and its proof (%d), room for an error", st.d.scope.Since(v.reply.refs[0]), v.reply.length, most, minAuthenticated)
	case authInformed:
		n := "an encrypted informational message"
		if v.reply.notify.Type != 0 {
			n = ike.NotifyName(1, v.reply.notify.Type) + " in the clear"
		}
		b.Why("phase 1 stops where the shared key is first used: %s could not read, or did not accept, the proof of %s", st.resp, st.init)
		b.Fact(x.all(), "%s", st.sent(x))
		b.Fact(v.reply.all(), "answered at %s s by %s instead of the sixth message", st.d.scope.Since(v.reply.refs[0]), n)
	case authRepeated:
		b.Why("phase 1 stops where the shared key is first used: %s repeats its last message as if it had not got the proof", st.resp)
		b.Fact(x.all(), "%s", st.sent(x))
		b.Fact(v.reply.all(), "%s sent its own last message %s", st.resp, st.times(v.reply))
	case authSilent:
		b.Why("phase 1 stops where the shared key is first used: %s says nothing to the proof of %s", st.resp, st.init)
		b.Fact(x.all(), "%s, no answer", st.sent(x))
		b.Fact(detect.Refs(s.answered), "%s answered the messages before it", st.resp)
	case authGivenUp:
		b.Why("phase 1 stops where the shared key is first used: %s did not accept the proof in the answer of %s", st.init, st.resp)
		b.Fact(x.all(), "%s answered in aggressive mode, %s", st.resp, st.times(x))
		if v.reply != nil {
			b.Fact(v.reply.all(), "%s answered at %s s by an informational message instead of the third one", st.init, st.d.scope.Since(v.reply.refs[0]))
		} else {
			b.Fact(nil, "the third message never came")
		}
	}
	st.natFact()
	if w := st.worked(); !w.IsZero() {
		b.Fact(detect.Refs(w), "the two had a tunnel at %s s: something was changed since", st.d.scope.Since(w))
	}
	if v.reply == nil && len(st.sas) == 1 && x.tries < manyTries {
		b.Open("loss", "let it try again")
	} else {
		st.lossRuledOut()
	}
	y, most := s.noCertificate()
	switch {
	case s.major == 1 && method == 1:
		b.RuledOut("certificate", detect.Refs(s.chosenRef), "the two agreed on a pre-shared key as method, in the clear")
	case s.major == 2 && y != nil:
		b.RuledOut("certificate", y.all()[:1], "the proof of %s holds at most %d bytes of payloads: neither a certificate nor an RSA signature fits", st.init, most)
	default:
		b.Open("certificate", "the log of %s tells", st.refuser())
	}
	switch decided, agree, text := st.idContext(); {
	case decided && agree:
		if !strings.HasPrefix(key, "certificate") {
			b.Title("%s and %s do not accept each other: the pre-shared keys differ", st.init, st.resp)
		}
		b.Fact(nil, "%s", text)
		b.RuledOut("identity", x.all(), "the configurations of both sides name the same")
	case decided:
		b.Fact(nil, "%s", text)
		b.Why("%s: the other side cannot accept that", text)
		b.Open("identity", "the files say so: %s", text)
	default:
		b.Open("identity", "the log of %s tells; with --context the IDs of both sides are compared", st.refuser())
	}
	st.pskRemedy()
	st.logCheck()
	b.WrongIf("a log of %s that names another reason", st.refuser())
}

func (st *story) pskRemedy() {
	b := st.b
	if st.s.major == 1 && st.s.authMethod1() > 1 {
		b.Remedy(finding.AtServer, "check that the certificate of %s is valid and its issuer trusted", st.init).Run("strongSwan", "swanctl --list-certs")
	}
	b.Remedy(finding.AtServer, "type the pre-shared key for %s anew, without a blank at either end; then load it", st.init).
		Run("strongSwan", "swanctl --load-creds --clear").Run("libreswan", "ipsec auto --rereadsecrets")
	b.Remedy(finding.AtClient, "type the same key for %s", st.resp).
		Run("strongSwan", "swanctl --load-creds --clear").Run("libreswan", "ipsec auto --rereadsecrets")
	mode := "with a pre-shared key in main mode the key is found by address, so that the ID is the address: leave out leftid and rightid unless both sides set them"
	if st.s.steps[0].exchange != ike.MainMode {
		mode = "compare the IDs: what one calls its own (local id, leftid) the other must expect (remote id, rightid)"
	}
	b.Remedy(finding.AtClient, "%s", mode)
	if i, _ := st.s.nat(); i && st.s.major == 1 && st.s.steps[0].exchange == ike.MainMode {
		b.Remedy(finding.AtServer, "%s may come from a NAT: the key must be for the address that arrives, or for any", st.init)
	}
}

// refuser is who did not accept the other's proof.
func (st *story) refuser() string {
	if st.v.how == authGivenUp {
		return st.init
	}
	return st.resp
}

// logCheck names the log that knows.
func (st *story) logCheck() {
	st.b.Check("journalctl -u strongswan -u ipsec --since -10min | grep -iE 'auth|psk|mac|malformed|no (peer|matching|acceptable)|chosen'", "on "+st.refuser()+": it knows the reason, the other side is not told")
}

func (st *story) identity() {
	b, s, v := st.b, st.s, st.v
	n := ike.NotifyName(1, v.reply.notify.Type)
	id := s.initID
	if id == "" {
		id = "an identity that is encrypted"
	}
	b.Title("%s does not accept the identity %q of %s", st.resp, id, st.init)
	b.Why("%s called itself %q and %s answered %s, in the clear", st.init, id, st.resp, n)
	b.Summary("In a VPN each side has a name. %s says that it is %q; %s has no connection for that name and refused it before any key was compared.", st.init, id, st.resp)
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	b.Fact(s.steps[0].all()[:1], "%s asks in %s and calls itself %q", st.init, ike.ExchangeName(s.steps[0].exchange), id)
	b.Fact(v.reply.all(), "%s answered %s at %s s", st.resp, n, st.d.scope.Since(v.reply.refs[0]))
	private := s.initIDType == 1 || s.initIDType == 5
	if nat, _ := s.nat(); private && (nat || id != st.init) {
		b.Fact(s.natRefs, "the identity is the address %s, its packets come from %s: a NAT lies between", id, st.init)
	}
	b.RuledOut("forged", v.reply.all(), "it names the SPI of a request that had just been sent, and no other answer came")
	if v.reply.notify.Type == ike.InvalidIDInformation {
		b.RuledOut("mode", v.reply.all(), "%s speaks of the identity", n)
	} else {
		b.Open("mode", "the log of %s tells (strongSwan: \"no peer config found\" against \"Aggressive Mode PSK disabled\")", st.resp)
	}
	b.Remedy(finding.AtServer, "expect this name of the peer").
		Run("swanctl.conf", "id = %s", shown(id)).Run("ipsec.conf", "rightid=@%s", shown(id)).
		Run("SonicWall", "VPN policy, General, Peer IKE ID: %s", shown(id))
	b.Remedy(finding.AtClient, "or give the name that the other side expects").Run("swanctl.conf", "id = NAME").Run("ipsec.conf", "leftid=@NAME")
	st.logCheck()
	b.WrongIf("a log of %s that names another reason", st.resp)
}

// shown makes a name from packets harmless in a line to paste: letters, digits and what names are made of.
func shown(id string) string {
	out := []byte(id)
	for i, c := range out {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == '@' || c == ':'
		if !ok {
			return "NAME"
		}
		out[i] = c
	}
	if len(out) > 255 {
		return "NAME"
	}
	return string(out)
}

func (st *story) phase2() {
	b, s, v := st.b, st.s, st.v
	asker, refuser := st.init, st.resp
	if !v.what.fromInit {
		asker, refuser = refuser, asker
	}
	p := s.pfsOf(v.what)
	if v.how == childShort {
		p = pfsUnknown // IKE_AUTH never carries a key exchange for its tunnel
	}
	bomb := v.how == rekeyShort && !st.worked().IsZero()
	switch {
	case bomb:
		b.Title("the tunnel between %s and %s gets no fresh keys: it works for its lifetime, then stops", st.init, st.resp)
		b.Summary("The two gateways trust each other and the tunnel worked. %s later %s wanted fresh keys for it and %s refused. Such a tunnel works for its lifetime, then stops, "+
			"and works again when it is restarted. In IKEv2 the first keys never use PFS, so that a difference in it shows only now.", detect.Span(v.what.refs[0].Time.Sub(st.worked().Time)), asker, refuser)
	default:
		b.Title("%s and %s trust each other and refuse each other's tunnel settings", st.init, st.resp)
		b.Summary("The two gateways proved who they are (phase 1 is done); then %s asked for the tunnel and %s refused. The contents are encrypted here. Check in this order: PFS on one side "+
			"only, the ESP algorithms, the two subnets.", asker, refuser)
	}
	switch p {
	case pfsYes:
		b.Why("phase 1 is done, the request for the tunnel is refused; it is long enough to carry a key exchange: %s uses PFS, and %s probably does not, or with another group", asker, refuser)
	case pfsNo:
		b.Why("phase 1 is done, the request for the tunnel is refused; it has no room for a key exchange of the group %s: %s does not use PFS, and %s may insist on it", ike.GroupName(s.group()), asker, refuser)
	default:
		b.Why("phase 1 is done, the request for the tunnel itself is refused")
	}
	b.Impact("no tunnel: %s in %s", detect.Plural(len(st.sas), "refusal", "refusals"), detect.Span(st.between()))
	b.Fact(detect.Refs(s.chosenRef), "phase 1: both agreed on %s (IKEv%d)", suites(s.major, s.chosen), s.major)
	b.Fact(v.what.all(), "%s by %s", st.sent(v.what), asker)
	switch v.how {
	case childShort:
		_, most := s.inside(v.reply.length)
		b.Fact(v.reply.all(), "the answer at %s s has %d bytes, at most %d of them payloads: enough to prove an identity (%d), not for a tunnel (%d)", st.d.scope.Since(v.reply.refs[0]), v.reply.length, most, minAuthenticated, minTunnel)
	case quickInformed:
		b.Fact(v.reply.all(), "answered at %s s by an informational message instead of the second one of quick mode", st.d.scope.Since(v.reply.refs[0]))
	case quickSilent:
		b.Fact(nil, "no second message of quick mode came")
	case rekeyShort:
		_, most := s.inside(v.reply.length)
		b.Fact(v.reply.all(), "the answer at %s s has %d bytes, at most %d of them payloads: no room for a tunnel (%d), room for an error", st.d.scope.Since(v.reply.refs[0]), v.reply.length, most, minRekeyed)
	}
	if w := st.worked(); !w.IsZero() {
		b.Fact(detect.Refs(w), "the tunnel came up at %s s, %s before", st.d.scope.Since(w), detect.Span(v.what.refs[0].Time.Sub(w.Time)))
	}
	if v.reply == nil && len(st.sas) == 1 && v.what.tries < manyTries {
		b.Open("loss", "let it try again")
	} else {
		st.lossRuledOut()
	}
	refs := append([]packet.Ref(nil), v.what.all()...)
	if v.how == quickSilent {
		b.Open("transient", "a responder that fails inside says nothing, as one does that refuses: the log of %s tells", refuser)
	} else if len(refs) > 1 || len(st.sas) > 1 || v.how == childShort || v.how == quickInformed {
		b.RuledOut("transient", refs[:1], "it was the only request under way between the two")
	} else if collided(s, v.what) {
		b.Open("transient", "both sides asked at once: does the tunnel work again a minute later?")
	} else {
		b.RuledOut("transient", refs[:1], "no other request was under way, and none was taken later")
	}
	differences, same := st.tunnelContext(v.how == childShort)
	if len(differences) > 0 {
		b.Why("phase 1 is done, the request for the tunnel is refused, and the configurations of both sides differ in %s", detect.List(differences, 3))
		b.RuledOut("other", v.what.all(), "the configurations of both sides differ in %s", detect.List(differences, 3))
	} else if len(same) > 0 {
		b.Fact(nil, "the configurations of both sides agree in %s", detect.List(same, 3))
		b.Open("other", "the log of %s tells; the files agree in %s", refuser, detect.List(same, 3))
	} else {
		b.Open("other", "the log of %s tells", refuser)
	}
	st.phase2Remedy(p, refuser)
	b.Check("journalctl -u strongswan -u ipsec --since -1h | grep -iE 'no_prop|no proposal|ts_unacceptable|invalid_id|pfs|traffic selector'", "on "+refuser+": it knows the reason")
	b.WrongIf("a log of %s that names another reason", refuser)
}

// collided reports that the other side asked for a tunnel, too, within five seconds of x.
func collided(s *sa, x *step) bool {
	return s.find(func(y *step) bool {
		d := y.refs[0].Time.Sub(x.refs[0].Time)
		return y.exchange == x.exchange && !y.response && y.fromInit != x.fromInit && d < 5e9 && d > -5e9
	}) != nil
}

func (st *story) phase2Remedy(p pfs, refuser string) {
	b := st.b
	g := ike.GroupName(st.s.group())
	words := "PFS: the same group on both sides, or none on either"
	if p != pfsUnknown {
		words = "PFS is the first to look at: the same group on both sides (none on both also works, and gives up that an old key stays worthless when a newer one leaks)"
	}
	b.Remedy(finding.AtServer, "%s", words).
		Run("swanctl.conf", "esp_proposals = aes128-sha256-%s", g).
		Run("ipsec.conf", "pfs=yes").Run("ipsec.conf", "esp=aes128-sha2_256;%s", g).
		Run("SonicWall", "VPN policy, Proposals, IPSec (Phase 2): Enable Perfect Forward Secrecy, DH Group %d", st.s.group())
	b.Remedy(finding.AtServer, "ESP: one common algorithm and the same lifetime").Run("strongSwan", "swanctl --list-conns").Run("libreswan", "ipsec status | grep -i esp")
	b.Remedy(finding.AtServer, "subnets: what is local on one side must be remote on the other, with the same masks").
		Run("swanctl.conf", "local_ts = OWN").Run("swanctl.conf", "remote_ts = THEIRS").
		Run("ipsec.conf", "leftsubnet=OWN").Run("ipsec.conf", "rightsubnet=THEIRS")
}

func (st *story) natt() {
	b, s, x := st.b, st.s, st.v.what
	b.Title("UDP port 4500 is blocked between %s and %s: the key exchange dies at the move", st.init, st.resp)
	b.Why("on port 500 %s answered; on port 4500, where the exchange has to go on, nothing came back", st.resp)
	b.Summary("%s and %s began to talk on UDP port 500. Since there is a NAT between them (or one of them wants ESP in UDP), they must go on on port 4500; %s did, %d times, and heard nothing. "+
		"Somebody lets port 500 pass and not port 4500.", st.init, st.resp, st.init, x.tries)
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	b.Fact(detect.Refs(s.first, s.answered), "on port 500 %s was answered after %s", name(s.steps[0]), detect.Span(s.answered.Time.Sub(s.first.Time)))
	b.Fact(x.all(), "on port 4500 %s, no answer", st.sent(x))
	st.natFact()
	st.lossRuledOut()
	if s.major == 2 {
		b.RuledOut("key", x.all(), "in IKEv2 a responder answers a wrong key with an error")
	} else {
		b.Open("key", "try the key again, or look whether the message arrives at %s", st.resp)
	}
	if here, there, gone := st.died(x); gone {
		b.Fact(x.all(), "each of them was seen at %s and none at %s", here, there)
		b.RuledOut("daemon", x.all(), "the message never came to its side")
	} else {
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
	b.Title("the large message of %s does not reach %s: IP fragments are dropped on the way", st.init, st.resp)
	b.Why("small messages were answered; %s needs IP fragments (%d bytes) and got no answer, %d times", ike.ExchangeName(x.exchange), x.length, x.tries)
	b.Summary("The first, small messages between %s and %s get through. The next one carries certificates and is larger than a packet, so that the network cuts it into fragments; %d times nothing "+
		"came back. Many firewalls and NATs drop fragments but the first.", st.init, st.resp, x.tries)
	b.Impact("no tunnel: %s in %s", st.attempts, detect.Span(st.between()))
	b.Fact(detect.Refs(s.first, s.answered), "IKE_SA_INIT (%d bytes) was answered", s.steps[0].length)
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
	b.WrongIf("a capture at %s that shows all fragments arriving", st.resp)
}

// canFragment reports that both said that they can cut messages by themselves.
func (st *story) canFragment() bool { return st.s.fragI && st.s.fragR }
