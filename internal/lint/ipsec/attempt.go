package ipsec

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"firestorm/internal/ipsecconf"
)

// attempt plays the exchange from the first message to the tunnel, notes every mismatch in the order in which the
// daemons meet them, and says what comes of it.
func attempt(t *talk) Verdict {
	t.out = &Verdict{Begins: t.who(true), Sure: true}
	here, peer, hc, pc := t.init, t.resp, t.ic, t.rc
	if !t.initHere {
		here, peer, hc, pc = peer, here, pc, hc
	}
	t.out.Here, t.out.Peer, t.out.Child, t.out.PeerChild = here.title(), peer.title(), hc.Name, pc.Name
	t.loads()
	t.addresses()
	t.version()
	t.exchange()
	t.phase1()
	if t.v == 1 {
		t.keys()
		t.names()
		t.methods()
	} else {
		t.names()
		t.methods()
		t.keys()
	}
	t.networks()
	t.esp()
	t.modes()
	t.rekey()
	t.lifetimes()
	return *t.conclude()
}

func (t *talk) conclude() *Verdict {
	v := t.out
	v.Version = t.v
	late, narrow := false, false
	var hard []Mismatch
	for _, m := range v.Mismatches {
		switch m.Stage {
		case stageRekey:
			late = true
		case stageNarrow:
			narrow = true
		default:
			hard = append(hard, m)
		}
	}
	switch {
	case len(hard) > 0:
		v.Outcome = Refuse
		v.Sure = !hard[0].assume
	case t.blind():
		v.Outcome = Unclear
	case late:
		v.Outcome = Rekey
	case narrow:
		v.Outcome = Narrower
	default:
		v.Outcome = Agree
	}
	return v
}

// Stages that do not keep the tunnel from coming up.
const (
	stageRekey  = "the first rekey"
	stageNarrow = "traffic selectors, narrowed"
)

// blind reports that what decides is not known: a device whose screens were not told.
func (t *talk) blind() bool {
	return t.v == 0 || len(t.init.IKE.List) == 0 || len(t.resp.IKE.List) == 0 || len(t.ic.ESP.List) == 0 || len(t.rc.ESP.List) == 0 || t.ic.NoTS || t.rc.NoTS
}

// loads: a connection that its program refuses does nothing at all.
func (t *talk) loads() {
	for _, x := range []struct {
		c    *Conn
		init bool
	}{{t.init, true}, {t.resp, false}} {
		r := x.c.refused()
		if r == nil {
			continue
		}
		if !r.at.Said() {
			r.at = Setting{File: x.c.File, Line: x.c.Line}
		}
		i, z := said(r.what, r.at, x.c), "(not reached)"
		if !x.init {
			i, z = z, i
		}
		log := r.log
		if log == "" {
			log = "that the connection cannot be loaded"
		}
		t.fail(x.init, "configuration", "loading", i, z, "nothing: "+shown[x.c.Flavour.Program]+" does not load the connection", log, r.change, false)
	}
}

// addresses: does the responder have a connection for whom it hears?
func (t *talk) addresses() {
	i, r := t.init, t.resp
	show := func(e End, c *Conn) string { return said(orAny(e.Addrs), e.AddrAt, c) }
	if len(i.Remote.Addrs) > 0 && len(r.Local.Addrs) > 0 && len(both(i.Remote.Addrs, r.Local.Addrs)) == 0 {
		if private(r.Local.Addrs[0]) && !private(i.Remote.Addrs[0]) {
			t.nat = true
		} else {
			t.fail(false, "addresses", "the first message", show(i.Remote, i), show(r.Local, r), "nothing", "nothing arrives there: "+i.Remote.Addrs[0]+" is called, and the other gateway is "+r.Local.Addrs[0],
				"write the address of one side as the peer of the other", false)
		}
	}
	if len(r.Remote.Addrs) > 0 && len(i.Local.Addrs) > 0 && len(both(r.Remote.Addrs, i.Local.Addrs)) == 0 {
		if private(i.Local.Addrs[0]) && !private(r.Remote.Addrs[0]) {
			t.nat = true
		} else {
			says, seen := noConfig(r)
			t.fail(false, "addresses", firstMessage(i), show(i.Local, i), show(r.Remote, r), says, seen, "write the address of one side as the peer of the other", false)
		}
	}
	if t.nat {
		t.remark("a NAT is between the two: one side writes a private address where the other has a public one")
		for _, x := range []struct {
			c    *Conn
			init bool
		}{{i, true}, {r, false}} {
			if x.c.NATT == No {
				t.fail(x.init, "NAT traversal", "after phase 1", "a NAT is on the way", said("no NAT traversal", x.c.Keys["nat_traversal"], x.c), "nothing", "ESP without a port does not pass the NAT, or comes back to nobody", "nat_traversal=yes on both sides, and let UDP 4500 pass", false)
			}
		}
	}
}

func orAny(l []string) string {
	if len(l) == 0 {
		return "any address"
	}
	return strings.Join(l, ", ")
}

// noConfig is what a responder says that has no connection for the initiator's address and version.
func noConfig(r *Conn) (says, seen string) {
	switch r.Flavour.Program {
	case StrongSwan:
		return "NO_PROPOSAL_CHOSEN", "no IKE config found for …, sending NO_PROPOSAL_CHOSEN"
	case Device:
		return "nothing, or NO_PROPOSAL_CHOSEN", "no policy for this peer"
	}
	return "NO_PROPOSAL_CHOSEN, or nothing", "initial message received on …, but no connection has been authorized"
}

func firstMessage(i *Conn) string {
	switch {
	case i.Begins == 2:
		return "IKE_SA_INIT"
	case i.Aggressive:
		return "aggressive mode"
	}
	return "main mode"
}

func (t *talk) version() {
	i, r := t.init, t.resp
	t.v = i.Begins
	if t.v == 0 {
		t.v = r.Begins
		t.unknown("IKE version: the file of facts has no \"exchange\"")
		return
	}
	if r.Begins == 0 {
		t.unknown("IKE version: the file of facts has no \"exchange\"")
		return
	}
	if r.Takes[t.v] {
		t.agreed("IKEv%d", t.v)
		return
	}
	says, seen := noConfig(r)
	if t.v == 2 && r.Flavour.Program != StrongSwan {
		says = "INVALID_MAJOR_VERSION, NO_PROPOSAL_CHOSEN or nothing"
	}
	t.fail(false, "IKE version", firstMessage(i), said(fmt.Sprintf("begins with IKEv%d", i.Begins), i.VersionAt, i), said(versions(r), r.VersionAt, r), says, seen,
		fmt.Sprintf("the same version on both sides: IKEv2 if both can (%s), else IKEv1", how2(r)), false)
}

func versions(c *Conn) string {
	if c.Takes[1] && !c.Takes[2] {
		return "takes IKEv1 alone"
	}
	return "takes IKEv2 alone"
}

// how2 is how a program is told to use IKEv2.
func how2(c *Conn) string {
	switch {
	case c.Swanctl:
		return "version = 2"
	case c.Flavour.Program == Device:
		return "exchange: IKEv2 Mode"
	case c.Flavour.Program == StrongSwan:
		return "keyexchange=ikev2"
	case c.Flavour.Program == FreeSWAN:
		return "FreeS/WAN has no IKEv2"
	case c.Flavour.Program == Openswan:
		return "ikev2=insist"
	}
	return "ikev2=yes"
}

// exchange compares main and aggressive mode.
func (t *talk) exchange() {
	i, r := t.init, t.resp
	if t.v != 1 || r.Begins == 0 || i.Begins == 0 {
		return
	}
	if i.Aggressive && r.Flavour.Is(StrongSwan, 5) && r.Local.Auth == "psk" {
		t.fail(false, "exchange", firstMessage(i), said("aggressive mode", i.AggressiveAt, i), "strongSwan refuses it with a pre-shared key, whatever the connection says", "AUTHENTICATION_FAILED",
			"Aggressive Mode PSK disabled for security reasons", "main mode on both sides, or IKEv2: aggressive mode shows a hash of the key to whoever asks for it", false)
		return
	}
	if i.Aggressive == r.Aggressive {
		return
	}
	name := map[bool]string{true: "aggressive mode", false: "main mode"}
	says, seen := "nothing, or NO_PROPOSAL_CHOSEN", "no policy allows this mode"
	if r.Flavour.Program == StrongSwan {
		says, seen = "AUTHENTICATION_FAILED", "found … matching config, but none allows … authentication using "+map[bool]string{true: "Aggressive Mode", false: "Main Mode"}[i.Aggressive]
	}
	t.fail(false, "exchange", firstMessage(i), said(name[i.Aggressive], i.AggressiveAt, i), said(name[r.Aggressive], r.AggressiveAt, r), says, seen,
		"main mode on both sides: aggressive mode shows a hash of the key to whoever asks for it", false)
}

func (t *talk) phase1() {
	i, r := t.init, t.resp
	if len(i.IKE.List) == 0 || len(r.IKE.List) == 0 {
		t.unknown("IKE proposals (phase 1): the file of facts does not say them")
		return
	}
	p := phase{groups: true, first: t.v == 1 && i.Flavour.Program == StrongSwan}
	offered, accepted := t.suites(i, false), t.suites(r, false)
	c, differ, ok := p.offer(offered.List, accepted.List)
	if ok {
		t.agreed("IKE proposals: %s", text(firsts(c)))
		if offered.Assumed || accepted.Assumed {
			t.out.Sure = false
		}
		return
	}
	says, seen := "NO_PROPOSAL_CHOSEN", "received proposals unacceptable"
	if t.v == 1 && r.Flavour.Program == StrongSwan {
		seen = "no proposal found"
	}
	if r.Flavour.Program != StrongSwan {
		seen = "no acceptable proposal"
	}
	t.fail(false, "IKE proposals: no common "+differ, firstMessage(i), said(offered.show(true), offered.At, i), said(accepted.show(true), accepted.At, r), says, seen,
		"one suite that both have: "+t.modern(false), offered.Assumed || accepted.Assumed)
}

// suites are those of a connection in the version that is spoken.
func (t *talk) suites(c *Conn, esp bool) Suites {
	s := c.IKE
	if esp {
		if s = t.ic.ESP; c == t.resp {
			s = t.rc.ESP
		}
	}
	if t.v != 0 && t.v != c.Begins && s.Default {
		o := own(c.Flavour, t.v, esp)
		if esp && c.Flavour.Pluto() {
			for i := range o.List {
				o.List[i].Group = s.List[0].Group
			}
		}
		return o
	}
	return s
}

// modern is a suite to write on both sides, in the words of each.
func (t *talk) modern(esp bool) string {
	if t.v == 1 {
		if esp {
			return "aes256-sha256 with group 14, in each program's own spelling; 3DES and MD5 only where the other end is too old for more"
		}
		return "aes256-sha256-modp2048, in each program's own spelling; 3DES, MD5 and modp1024 only where the other end is too old for more"
	}
	if esp {
		return "aes256gcm16-ecp384, or aes256-sha256-modp3072"
	}
	return "aes256gcm16-prfsha384-ecp384, or aes256-sha256-modp3072"
}

// id is what a side calls itself: its ID, or its address. known is false where neither is told.
func (c *Conn) id(peer *Conn) (id Identity, known bool) {
	if !c.Local.ID.Any() {
		return c.Local.ID, true
	}
	if a := c.own(peer); a != "" {
		if _, err := netip.ParseAddr(a); err == nil {
			return Identity{"ip", a}, true
		}
	}
	return Identity{}, false
}

func (t *talk) names() {
	i, r := t.init, t.resp
	stage := "IKE_AUTH"
	if t.v == 1 {
		stage = "main mode, message 5"
		if i.Aggressive {
			stage = "aggressive mode"
		}
	}
	before := len(t.out.Mismatches)
	says, seen := "AUTHENTICATION_FAILED", "no matching peer config found"
	if t.v == 1 {
		seen = "no peer config found"
	}
	if r.Flavour.Program != StrongSwan {
		says, seen = "INVALID_ID_INFORMATION or AUTHENTICATION_FAILED, or nothing", "no suitable connection for peer"
	}
	change := "the ID that one side has (leftid, local id) is the one that the other expects (rightid, remote id)"
	if t.v == 1 && r.Flavour.Program == Device {
		change = "take leftid= away: in main mode such a device knows its peer by the address alone, and refuses any other ID"
	}
	iid, iknown := i.id(r)
	switch {
	case !iknown, r.Flavour.Program == Device && r.Remote.ID.Type == "":
		t.unknown("ID of the side that begins")
	case !iid.Matches(r.Remote.ID):
		t.fail(false, "ID", stage, said(iid.String(), i.Local.IDAt, i), "expects "+said(r.Remote.ID.String(), orAddr(r.Remote), r), says, seen, change, false)
	}
	rid, rknown := r.id(i)
	wanted := i.Remote.ID
	if r.Local.ID.Any() && !wanted.Any() && r.Flavour.Program == StrongSwan && r.Swanctl {
		rid, rknown = wanted, true // without an ID of its own it takes the one it is asked for
	}
	switch {
	case !rknown, i.Flavour.Program == Device && wanted.Type == "":
		t.unknown("ID of the side that answers")
	case !rid.Matches(wanted):
		who, s, z := true, "AUTHENTICATION_FAILED", "constraint check failed: identity '…' required"
		if t.v == 1 {
			z = "IDir '" + rid.Text + "' does not match to '" + wanted.Text + "'"
		}
		if t.v == 2 && r.Flavour.Program == StrongSwan {
			who, s, z = false, "AUTHENTICATION_FAILED", "no matching peer config found"
		}
		t.fail(who, "ID", stage, "expects "+said(wanted.String(), orAddr(i.Remote), i), said(rid.String(), r.Local.IDAt, r), s, z, change, false)
	}
	if len(t.out.Mismatches) == before && iknown && rknown {
		t.agreed("IDs: %s and %s", iid, rid)
	}
	if t.nat && (iid.Type == "ip" && private(iid.Text) || rid.Type == "ip" && private(rid.Text)) && len(t.out.Mismatches) == before {
		t.remark("an ID is a private address behind a NAT: give both sides names (leftid=@…)")
	}
}

// orAddr is where an expected ID comes from: its own setting, or the address.
func orAddr(e End) Setting {
	if e.IDAt.Said() {
		return e.IDAt
	}
	return e.AddrAt
}

// methods compares how each side proves who it is.
func (t *talk) methods() {
	i, r := t.init, t.resp
	for k, x := range []struct{ gives, wants End }{{i.Local, r.Remote}, {r.Local, i.Remote}} {
		if x.gives.Auth == "" || x.wants.Auth == "" {
			t.unknown("authentication method")
			return
		}
		if x.gives.Auth == x.wants.Auth {
			continue
		}
		stage, says, seen := "IKE_AUTH", "AUTHENTICATION_FAILED", "constraint requires … authentication"
		if t.v == 1 {
			stage = "main mode"
			says, seen = "AUTHENTICATION_FAILED", "found … matching config, but none allows … authentication"
			if r.Flavour.Program != StrongSwan {
				says, seen = "NO_PROPOSAL_CHOSEN", "policy does not allow … authentication"
			}
		}
		g, w := said(authName(x.gives.Auth), x.gives.AuthAt, i), "wants "+said(authName(x.wants.Auth), x.wants.AuthAt, r)
		byInit := k == 1
		if byInit {
			g, w = "wants "+said(authName(x.wants.Auth), x.wants.AuthAt, i), said(authName(x.gives.Auth), x.gives.AuthAt, r)
		}
		t.fail(byInit && t.v == 2, "authentication", stage, g, w, says, seen, "the same method on both sides (authby=secret, auth = psk, IKE using Preshared Secret; or certificates)", false)
		return
	}
	t.agreed("authentication: %s", authName(i.Local.Auth))
}

func authName(a string) string {
	if a == "psk" {
		return "pre-shared key"
	}
	if a == "pubkey" {
		return "certificate or public key"
	}
	return a
}

// networks compares the traffic selectors.
func (t *talk) networks() {
	i, r := t.init, t.resp
	il, ir := i.selectors(t.ic, true, r), i.selectors(t.ic, false, r)
	rl, rr := r.selectors(t.rc, true, i), r.selectors(t.rc, false, i)
	if len(il) == 0 || len(ir) == 0 || len(rl) == 0 || len(rr) == 0 {
		t.unknown("networks (traffic selectors)")
		return
	}
	show := func(l, z []string, s Setting, c *Conn) string {
		v := strings.Join(l, ", ") + " to " + strings.Join(z, ", ")
		if s.Said() {
			return v + " (" + at(s) + ")"
		}
		return v
	}
	iText, rText := show(il, ir, t.ic.LocalTSAt, i), show(rr, rl, t.rc.RemoteTSAt, r)
	if t.v == 1 {
		for _, l := range []*[]string{&il, &ir} {
			if len(*l) > 1 && i.Flavour.Program == StrongSwan {
				t.remark("IKEv1 has one network for each end of a tunnel: of several only %s is used", (*l)[0])
				*l = (*l)[:1]
			}
		}
	}
	eq1, over1 := selectorsMeet(il, rr)
	eq2, over2 := selectorsMeet(ir, rl)
	equal, overlap := eq1 && eq2, over1 && over2
	strict := r.Flavour.Program != StrongSwan && tri(r.Keys["narrowing"].Value) != Yes
	change := "what is local on one side is remote on the other, with the same masks"
	switch {
	case equal:
		t.agreed("networks: %s to %s", strings.Join(il, ", "), strings.Join(ir, ", "))
	case !overlap || strict:
		stage, says, seen := "IKE_AUTH, the tunnel", "TS_UNACCEPTABLE", "traffic selectors … unacceptable"
		if t.v == 1 {
			stage, says, seen = "quick mode", "INVALID_ID_INFORMATION", "no matching CHILD_SA config found for …"
		}
		if r.Flavour.Program != StrongSwan {
			seen = "cannot respond to IPsec SA request because no connection is known for …"
		}
		t.fail(false, "networks", stage, iText, "has "+rText, says, seen, change, false)
	case t.v == 2 && i.Flavour.Pluto() && tri(i.Keys["narrowing"].Value) != Yes && !(within(il, rr) && within(ir, rl)):
		t.fail(true, "networks", "IKE_AUTH, the tunnel", iText, "has "+rText, "TS_UNACCEPTABLE", "the answer is narrower than what was asked for, and narrowing=no", change, false)
	default:
		t.fail(false, "networks", stageNarrow, iText, "has "+rText, "nothing: it takes the part that both have", "… === … in the line of the tunnel", change+": packets of the rest go out unencrypted, or nowhere", false)
	}
}

func (t *talk) esp() {
	i, r := t.init, t.resp
	if len(t.ic.ESP.List) == 0 || len(t.rc.ESP.List) == 0 {
		t.unknown("ESP proposals (phase 2)")
		return
	}
	offered, accepted := t.suites(i, true), t.suites(r, true)
	stage, seen := "IKE_AUTH, the tunnel", "no acceptable proposal found"
	if t.v == 1 {
		stage, seen = "quick mode", "no matching proposal found, sending NO_PROPOSAL_CHOSEN"
	}
	p := phase{esp: true, first: t.v == 1 && i.Flavour.Program == StrongSwan}
	c, differ, ok := p.offer(offered.List, accepted.List)
	if !ok {
		t.fail(false, "ESP proposals: no common "+differ, stage, said(offered.show(false), offered.At, i), said(accepted.show(false), accepted.At, r), "NO_PROPOSAL_CHOSEN", seen,
			"one suite that both have: "+t.modern(true), offered.Assumed || accepted.Assumed)
		return
	}
	t.agreed("ESP proposals: %s", text(firsts(c)))
	if t.v != 1 {
		return
	}
	if t.ic.PFS == Unsaid || t.rc.PFS == Unsaid {
		t.unknown("PFS")
		return
	}
	p.groups = true
	if _, _, ok := p.offer(withPFS(offered, t.ic), withPFS(accepted, t.rc)); ok {
		t.agreed("PFS: %s", onOff(t.ic.PFS))
		return
	}
	// A responder of FreeS/WAN's family that has no PFS itself takes it when it is offered.
	if r.Flavour.Pluto() && t.rc.PFS == No {
		t.remark("%s takes PFS when it is offered, though it has pfs=no", shown[r.Flavour.Program])
		return
	}
	t.fail(false, "PFS", stage, said(pfsText(t.ic), t.ic.PFSAt, i), said(pfsText(t.rc), t.rc.PFSAt, r), "NO_PROPOSAL_CHOSEN", seen, t.pfsChange(), offered.Assumed && t.ic.PFS == Yes && t.rc.PFS == Yes)
}

// withPFS are the proposals with the groups that PFS has.
func withPFS(s Suites, ch *Child) []ipsecconf.Proposal {
	out := slices.Clone(s.List)
	if ch.PFS == No {
		for i := range out {
			out[i].Group = nil
		}
	}
	return out
}

func onOff(p Tri) string { return map[Tri]string{Yes: "on", No: "off", Unsaid: "not known"}[p] }

func pfsText(ch *Child) string {
	if ch.PFS != Yes {
		return "PFS " + onOff(ch.PFS)
	}
	var g []string
	for _, p := range ch.ESP.List {
		for _, x := range p.Group {
			if !slices.Contains(g, x) {
				g = append(g, x)
			}
		}
	}
	return "PFS on, " + shortList(g)
}

func (t *talk) pfsChange() string {
	how := pfsHow(t.init)
	if o := pfsHow(t.resp); o != how {
		how += "; " + o
	}
	return "the same group on both sides (" + how + "); off on both works as well, and gives up that old traffic stays secret when a key leaks"
}

func pfsHow(c *Conn) string {
	switch {
	case c.Swanctl:
		return "esp_proposals = aes256-sha256-modp2048"
	case c.Flavour.Program == Device:
		return "Enable Perfect Forward Secrecy, DH Group 14"
	case !c.Flavour.Pluto():
		return "esp=aes256-sha256-modp2048!"
	case c.Flavour.Program == Libreswan:
		return "pfs=yes and esp=aes256-sha2_256;modp2048"
	}
	return "pfs=yes"
}

// rekey: with IKEv2 the first tunnel has no key exchange of its own, so that PFS is first compared when fresh keys are due.
func (t *talk) rekey() {
	if t.v != 2 || len(t.ic.ESP.List) == 0 || len(t.rc.ESP.List) == 0 {
		return
	}
	if t.ic.PFS == Unsaid || t.rc.PFS == Unsaid {
		t.unknown("PFS")
		return
	}
	offered, accepted := t.suites(t.init, true), t.suites(t.resp, true)
	p := phase{esp: true}
	if _, _, ok := p.offer(offered.List, accepted.List); !ok {
		return // said already
	}
	p.groups = true
	if _, _, ok := p.offer(withPFS(offered, t.ic), withPFS(accepted, t.rc)); ok {
		t.agreed("PFS: %s", onOff(t.ic.PFS))
		return
	}
	t.fail(false, "PFS", stageRekey, said(pfsText(t.ic), t.ic.PFSAt, t.init), said(pfsText(t.rc), t.rc.PFSAt, t.resp), "NO_PROPOSAL_CHOSEN", "no acceptable proposal found",
		t.pfsChange(), false)
}

func (t *talk) modes() {
	if t.ic.Mode == t.rc.Mode || t.ic.Mode == "" || t.rc.Mode == "" {
		return
	}
	if t.v == 1 {
		t.fail(false, "mode", "quick mode", t.ic.Mode, t.rc.Mode, "NO_PROPOSAL_CHOSEN", "no matching proposal found", "tunnel or transport on both sides", true)
		return
	}
	t.remark("one side has %s mode, the other %s: what comes of it differs with the program", t.ic.Mode, t.rc.Mode)
}

func (t *talk) lifetimes() {
	for _, x := range []struct {
		what string
		a, b Span
	}{{"phase 1", t.init.IKELife, t.resp.IKELife}, {"phase 2", t.ic.Life, t.rc.Life}} {
		if x.a.Seconds == 0 || x.b.Seconds == 0 || t.v == 2 { // with IKEv2 each side keeps its own
			continue
		}
		if 2*max(x.a.Seconds, x.b.Seconds) <= 3*min(x.a.Seconds, x.b.Seconds) { // margins before the end are no difference
			continue
		}
		t.remark("lifetimes of %s differ (%d s and %d s): the shorter counts; some devices refuse instead, so write the same", x.what, min(x.a.Seconds, x.b.Seconds), max(x.a.Seconds, x.b.Seconds))
	}
}
