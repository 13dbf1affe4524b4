package ipsec

import (
	"slices"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/ipsecconf"
)

// weak are algorithms that are to be left, how badly, and why (RFC 8221 and RFC 8247: MUST NOT and SHOULD NOT; RFC 9395).
var weak = map[string]struct {
	sev finding.Severity
	why string
}{
	"des":          {finding.High, "DES is broken by search within a day"},
	"null":         {finding.High, "nothing is encrypted"},
	"idea":         {finding.Medium, "IDEA has 64-bit blocks and is no longer allowed"},
	"3des":         {finding.Medium, "3DES has 64-bit blocks: after some 32 GB under one key contents leak (Sweet32)"},
	"blowfish":     {finding.Medium, "Blowfish has 64-bit blocks: after some 32 GB under one key contents leak (Sweet32)"},
	"cast128":      {finding.Medium, "CAST has 64-bit blocks: after some 32 GB under one key contents leak (Sweet32)"},
	"md5":          {finding.Medium, "MD5 is no longer allowed in IKE and ESP, and newer programs leave it out"},
	"sha1":         {finding.Low, "SHA-1 is on its way out: newer programs stop offering it"},
	"modp768":      {finding.High, "group 1 (768 bits) is broken with the means of a university"},
	"modp1024":     {finding.Medium, "group 2 (1024 bits) is within reach of a state's computing centre (Logjam), and libreswan since 3.30 is built without it"},
	"modp1536":     {finding.Low, "group 5 (1536 bits) is too small for new tunnels"},
	"modp1024s160": {finding.High, "group 22 is small and of unknown origin: not allowed"},
	"modp2048s224": {finding.Medium, "group 23 is of unknown origin: newer programs leave it out"},
	"modp2048s256": {finding.Medium, "group 24 is of unknown origin: newer programs leave it out"},
	"tiger":        {finding.Medium, "Tiger was never common"},
}

// cryptography looks at suites, versions and modes.
func (r *rules) cryptography() {
	c := r.c
	for _, x := range []struct {
		s    Suites
		what string
		esp  bool
	}{{c.IKE, "phase 1", false}, {childESP(c), "phase 2", true}} {
		r.suite(x.s, x.what, x.esp)
	}
	if ref := c.refused(); ref != nil && c.Flavour.Program == Libreswan && ref.at.Said() && ref.at.Value != "no" {
		r.say("suite-not-built", finding.High, ref.at, ref.what, "libreswan does not load the connection: \""+ref.log+"\"", ref.change, "libreswan, CHANGES; RFC 8247")
	}
	if c.Aggressive {
		sev := finding.Medium
		why := "names travel in the clear, and the mode gains nothing but a message"
		if c.Local.Auth == "psk" || c.Local.Auth == "xauth" || c.Local.Auth == "" {
			sev = finding.High
			why = "whoever asks is sent a hash of the pre-shared key and can search for the key at home (ike-scan --aggressive --pskcrack)"
		}
		r.say("aggressive-mode", sev, c.AggressiveAt, "aggressive mode", why, "IKEv2, or main mode with a key for the peer's address", "RFC 2409 5.4; RFC 9395")
	}
	if c.Begins == 1 && c.tunnels() {
		sev, change := finding.Low, "IKEv2 on both sides ("+how2(c)+"); firestorm lint ipsec --to swanctl writes it down"
		if c.Flavour.Program == FreeSWAN {
			change = "FreeS/WAN was given up in 2004 and has no IKEv2: change to strongSwan or libreswan; firestorm lint ipsec --to swanctl writes it down"
		}
		r.say("ikev1", sev, c.VersionAt, "the connection begins with IKEv1", "IKEv1 is no longer maintained as a standard, and programs are taking it out", change, "RFC 9395")
	}
}

func childESP(c *Conn) Suites {
	if len(c.Children) == 0 {
		return Suites{}
	}
	return c.Children[0].ESP
}

// suite looks at the algorithms of a phase that the file itself names.
func (r *rules) suite(s Suites, what string, esp bool) {
	c := r.c
	if s.Default || !s.At.Said() {
		if c.Flavour.Program == FreeSWAN && c.tunnels() {
			r.say("weak-suite", finding.Medium, Setting{}, what+": FreeS/WAN has 3DES with MD5 or SHA-1 alone", weak["3des"].why, "change the program: no setting helps", "RFC 8221, RFC 8247")
		}
		return
	}
	stated := s.List
	if s.Plus {
		stated = nil
		for _, p := range s.List {
			if strings.Contains(s.At.Value, p.Text) {
				stated = append(stated, p)
			}
		}
	}
	var found []string
	sev := finding.Low
	for _, p := range stated {
		for _, a := range slices.Concat(p.Encr, p.Hash, p.Group) {
			name := a
			if w, ok := weak[strings.TrimRight(a, "0123456789")]; ok && weak[a].why == "" && w.why != "" && strings.HasPrefix(a, "blowfish") {
				name = "blowfish"
			}
			if w, ok := weak[name]; ok && !slices.Contains(found, name) {
				found = append(found, name)
				sev = max(sev, w.sev)
			}
		}
		for _, u := range p.Unknown {
			r.say("unknown-algorithm", finding.High, s.At, what+": no algorithm is called "+u+" ("+p.Text+")", "the program refuses the connection, or leaves the proposal out", "look it up: "+near(u), "")
		}
		r.form(p, s, what, esp)
	}
	if len(found) > 0 {
		var why []string
		for _, f := range found {
			why = append(why, weak[f].why)
		}
		change := "aes256-sha256-modp2048 or better on both sides; offer the old suite second while the other side is changed"
		if !esp && c.Begins == 2 {
			change = "aes256gcm16-prfsha384-ecp384,aes256-sha256-modp3072 on both sides; the old suite second while the other side is changed"
		}
		ref := "RFC 8247"
		if esp {
			ref = "RFC 8221"
		}
		r.say("weak-suite", sev, s.At, what+" uses "+strings.Join(found, ", "), strings.Join(why, "; "), change, ref)
	}
	if s.Plus {
		key := map[bool]string{true: "esp", false: "ike"}[esp]
		r.say("suite-open", finding.Info, s.At, key+"= has no \"!\" at its end: the program's own proposals follow it", "more is offered and accepted than is written; a mismatch shows later than one thinks", key+"="+s.At.Value+"!", "")
	}
}

// form looks at proposals that a program will not load.
func (r *rules) form(p ipsecconf.Proposal, s Suites, what string, esp bool) {
	c := r.c
	if c.Flavour.Program != StrongSwan || len(p.Encr) == 0 {
		return
	}
	aead, plain := 0, 0
	for _, e := range p.Encr {
		if ipsecconf.AEAD(e) {
			aead++
		} else {
			plain++
		}
	}
	refused := "strongSwan refuses the whole connection"
	switch {
	case aead > 0 && plain > 0 && !esp:
		r.say("suite-mixed", finding.High, s.At, what+": GCM or CCM and a plain cipher in one proposal ("+p.Text+")", refused+": they cannot stand together", "two proposals with a comma between", "RFC 5282 8")
	case !esp && aead > 0 && len(p.PRF) == 0:
		r.say("suite-no-prf", finding.High, s.At, what+": GCM or CCM without a pseudo-random function ("+p.Text+")", refused, "add one: prfsha256 or prfsha384", "RFC 5282 8")
	case !esp && aead == 0 && len(p.Hash) == 0:
		r.say("suite-no-hash", finding.High, s.At, what+": no check value ("+p.Text+")", refused, "add one: sha256", "RFC 7296 3.3.3")
	case !esp && len(p.Group) == 0:
		r.say("suite-no-group", finding.High, s.At, what+": no Diffie-Hellman group ("+p.Text+")", refused, "add one: modp2048, ecp256 or curve25519", "RFC 7296 3.3.3")
	}
}

func near(u string) string {
	if n := nearest(u, []string{"aes128", "aes192", "aes256", "3des", "sha1", "sha256", "sha384", "sha512", "md5", "modp1024", "modp1536", "modp2048", "modp3072", "modp4096", "ecp256", "ecp384", "ecp521", "curve25519", "aes128gcm16", "aes256gcm16"}); n != "" {
		return "did you mean " + n + "?"
	}
	return "firestorm knows none of that name"
}

// forward looks at perfect forward secrecy.
func (r *rules) forward() {
	c := r.c
	for i := range c.Children {
		ch := &c.Children[i]
		if ch.PFS != No || !c.tunnels() {
			continue
		}
		said := ch.PFSAt
		what := "PFS is off"
		if !said.Said() && !c.Flavour.Pluto() {
			what = "PFS is off: strongSwan has it only with a Diffie-Hellman group in esp"
		}
		change := "pfs=yes on both sides, on the same day: one side alone breaks the tunnel"
		switch {
		case c.Swanctl:
			change = "a group in esp_proposals (aes256gcm16-ecp384) on both sides, on the same day: one side alone breaks the tunnel at the next rekey"
		case c.Flavour.Program == Device:
			change = "Enable Perfect Forward Secrecy, DH Group 14 or higher, and the same on the other side"
		case !c.Flavour.Pluto():
			change = "a group in esp= (esp=aes256-sha256-modp2048!) on both sides, on the same day: one side alone breaks the tunnel"
		}
		r.say("pfs-off", finding.Low, said, what, "who ever learns the keys of phase 1 can read all traffic of that time that was recorded", change, "RFC 2409 5.5, RFC 7296 2.12")
	}
}
