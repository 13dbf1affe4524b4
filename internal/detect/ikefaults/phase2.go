package ikefaults

import (
	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

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
	st.lintStep()
}
