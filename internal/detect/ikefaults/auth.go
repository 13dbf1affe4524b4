package ikefaults

import (
	"strings"

	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
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
	st.lintStep()
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
		Run("swanctl.conf", "id = %s", shown(id)).Run("ipsec.conf", "rightid=%s", named(id, s.initIDType)).
		Run("SonicWall", "VPN policy, General, Peer IKE ID: %s", shown(id))
	b.Remedy(finding.AtClient, "or give the name that the other side expects").Run("swanctl.conf", "id = NAME").Run("ipsec.conf", "leftid=@NAME")
	st.lintStep()
	st.logCheck()
	b.WrongIf("a log of %s that names another reason", st.resp)
}

// named is an identity as ipsec.conf has it: an @ makes what follows a domain name, which an address or a mail address is
// not.
func named(id string, kind uint8) string {
	if kind == idFQDN {
		return "@" + shown(id)
	}
	return shown(id)
}

// idFQDN is the type of an identity that is a domain name (RFC 2407 4.6.2.1).
const idFQDN = 2

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
