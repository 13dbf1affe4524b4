package ipsec

import (
	"slices"
	"sort"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/ipsecconf"
)

// Upgrade is what a change of program or version does to the connections.
type Upgrade struct {
	From, To Flavour
	Changes  []Change
}

// Change is one thing that an upgrade changes.
type Change struct {
	Since string // the version that brought it
	Note
}

// news is what a version changed. hits returns the setting it meets in a connection, and whether it meets it.
type news struct {
	program string
	version Version
	sev     finding.Severity
	hits    func(c *Conn, from Flavour) (Setting, bool)
	what    string
	why     string
	change  string
	ref     string
}

// history is told by the programs' own lists of changes: CHANGES of libreswan, NEWS of strongSwan and Debian's.
var history = []news{
	{Libreswan, Version{3, 2}, finding.Low, has("force_keepalive"), "force_keepalive= is gone", "the setting is refused or ignored", "nat-keepalive=yes (the default) in the conn", "libreswan 3.2, CHANGES"},
	{Libreswan, Version{3, 3}, finding.High, group("modp768", "des"), "DES and group 1 are gone", "the connection is not loaded", "aes256-sha2_256;modp2048", "libreswan 3.3, CHANGES"},
	{Libreswan, Version{3, 19}, finding.Medium, byDefault(1), "modp1024 is no longer offered by itself in IKEv1", "a peer that has group 2 alone is refused with NO_PROPOSAL_CHOSEN", "change the peer to group 14; until then ike=…;modp1024 (up to 3.29)", "libreswan 3.19, CHANGES"},
	{Libreswan, Version{3, 20}, finding.Low, byDefault(1), "MD5 is no longer offered by itself in IKEv1", "a peer that has MD5 alone is refused with NO_PROPOSAL_CHOSEN", "change the peer to SHA-256; until then write ike= out", "libreswan 3.20, CHANGES"},
	{Libreswan, Version{3, 23}, finding.High, implicitLeft, "left= must be said", "\"cannot identify ourselves with either end of this connection\": the connection is not loaded", "left=%defaultroute or the address", "libreswan 3.23"},
	{Libreswan, Version{3, 25}, finding.High, contradiction, "pfs=no and a group in esp= may no longer stand together", "from 3.25 on the connection is not loaded; 4.10 loads it, ignores the group and has no PFS", "take pfs=no away, or the group", "libreswan 3.25, CHANGES"},
	{Libreswan, Version{3, 28}, finding.High, unsaidVersion, "IKEv2 is the default, and a connection is one or the other", "the connection begins with IKEv2 and answers to nothing else: a peer with IKEv1 alone is lost", "ikev2=no for such a peer; better IKEv2 on both sides", "libreswan 3.28, CHANGES"},
	{Libreswan, Version{3, 28}, finding.High, value("ikev2", "propose", "permit", "insist", "never"), "ikev2= takes yes and no alone", "permit now means IKEv1 alone; propose and insist mean IKEv2 alone: there is no falling back from one version to the other", "ikev2=yes or ikev2=no", "libreswan 3.28, CHANGES"},
	{Libreswan, Version{3, 28}, finding.Low, byDefault(2), "SHA-1 is no longer offered by itself in IKEv2", "a peer that has SHA-1 alone is refused", "change the peer to SHA-256", "libreswan 3.28, CHANGES"},
	{Libreswan, Version{3, 30}, finding.High, group("modp1024"), "built without group 2 (modp1024)", "the connection is not loaded", "modp2048 on both sides, on the same day", "libreswan 3.30, CHANGES; RFC 8247"},
	{Libreswan, Version{4, 0}, finding.Medium, underscore, "old names with an underscore are gone", "the setting is not known any more", "write it with a hyphen", "libreswan 4.0, CHANGES"},
	{Libreswan, Version{4, 2}, finding.Info, unsaid("ikelifetime"), "phase 1 lives for 8 hours instead of 1", "nothing breaks; a peer with IKEv1 may insist on its own time", "ikelifetime=1h if the peer wants it", "libreswan 4.2, CHANGES"},
	{Libreswan, Version{4, 2}, finding.Medium, version(1), "IKEv1 can be switched off for the whole program, and Debian does", "with ikev1-policy=drop no IKEv1 connection works, whatever the conn says", "ikev1-policy=accept in config setup, until the peer has IKEv2", "libreswan 4.2, CHANGES; Debian's NEWS"},
	{Libreswan, Version{4, 8}, finding.Info, has("interfaces"), "interfaces= is ignored", "addresses are found out by the program", "take the line away", "libreswan 4.8, CHANGES"},

	{StrongSwan, Version{4, 5}, finding.High, unsaidVersion, "IKEv2 is the default", "the connection begins with IKEv2: a peer with IKEv1 alone does not answer", "keyexchange=ikev1 for such a peer; better IKEv2 on both sides", "strongSwan 4.5.0, NEWS"},
	{StrongSwan, Version{5, 0}, finding.High, pfsMatters, "pfs= and pfsgroup= have no effect any more", "PFS is on with a Diffie-Hellman group in esp= and off without: with a peer that has PFS, quick mode is refused or the first rekey is", "esp=aes256-sha256-modp2048! (the peer's group)", "strongSwan 5.0.0 (the daemon pluto is gone)"},
	{StrongSwan, Version{5, 0}, finding.Low, has("nat_traversal", "plutostart", "charonstart", "virtual_private", "interfaces", "klipsdebug", "plutodebug", "plutoload"), "settings of the old daemon pluto are gone", "they are ignored with a warning; NAT traversal is always on", "take them away", "strongSwan 5.0.0"},
	{StrongSwan, Version{5, 0}, finding.High, aggressivePSK, "aggressive mode with a pre-shared key is refused by the side that answers", "\"Aggressive Mode PSK disabled for security reasons\"", "main mode or IKEv2; there is a setting in strongswan.conf whose name says what it does to the key", "strongSwan 5.0.0"},
	{StrongSwan, Version{5, 0}, finding.High, pluto, "authby=secret is authby=psk, and the spelling of suites differs", "authby=secret is still understood; suites with a semicolon or sha2_256 are not, and refuse the whole connection", "aes256-sha256-modp2048! (hyphens, sha256, an exclamation mark)", "strongSwan, ipsec.conf(5)"},
	{StrongSwan, Version{5, 6, 1}, finding.Medium, byDefault(0), "3DES, MD5 and modp1024 are no longer offered by themselves", "a peer that has nothing else is refused with NO_PROPOSAL_CHOSEN", "write the suite out until the peer is changed", "strongSwan 5.6.1, NEWS"},
	{StrongSwan, Version{5, 8}, finding.Low, classic, "the service strongswan is the one of swanctl now; that of ipsec.conf is strongswan-starter", "after the upgrade the wrong service may start, and no connection of ipsec.conf is loaded", "systemctl enable --now strongswan-starter; or move to swanctl.conf", "strongSwan 5.8.0, NEWS"},
	{StrongSwan, Version{6, 0}, finding.High, classic, "ipsec.conf is read by a part that is no longer built by default", "depending on the distribution no connection is loaded at all", "move to swanctl.conf before: firestorm lint ipsec --to swanctl", "strongSwan 6.0.0, NEWS"},
	{StrongSwan, Version{6, 0, 2}, finding.Info, unsaidESP, "the program's own ESP proposals offer PFS, and none", "nothing breaks with a peer that has either", "", "strongSwan 6.0.2, NEWS"},
}

// PlanUpgrade says what changes when the connections of a side move to another program or version.
func PlanUpgrade(s *Side, to Flavour) *Upgrade {
	from := s.Flavour
	u := &Upgrade{From: from, To: to}
	for i := range history {
		n := &history[i]
		if n.program != to.Program || to.Version.Before(n.version...) {
			continue
		}
		if from.Program == to.Program && !from.Version.Before(n.version...) {
			continue
		}
		for _, c := range s.Conns {
			if c.Flavour.Program == Device {
				continue
			}
			at, ok := n.hits(c, from)
			if !ok {
				continue
			}
			if !at.Said() {
				at = Setting{File: c.File, Line: c.Line}
			}
			u.Changes = append(u.Changes, Change{n.version.String(), Note{Code: "upgrade", Severity: n.sev, Level: n.sev.String(), Conn: c.Name, File: at.File, Line: at.Line, What: n.what, Why: n.why, Change: n.change, Ref: n.ref}})
		}
	}
	sort.SliceStable(u.Changes, func(i, j int) bool {
		a, b := &u.Changes[i], &u.Changes[j]
		return b.Severity < a.Severity
	})
	return u
}

func has(names ...string) func(*Conn, Flavour) (Setting, bool) {
	return func(c *Conn, _ Flavour) (Setting, bool) {
		s := first(c.Keys, names...)
		return s, s.Said()
	}
}

func unsaid(name string) func(*Conn, Flavour) (Setting, bool) {
	return func(c *Conn, _ Flavour) (Setting, bool) { return Setting{}, !c.Swanctl && !c.Keys[name].Said() }
}

func value(name string, values ...string) func(*Conn, Flavour) (Setting, bool) {
	return func(c *Conn, _ Flavour) (Setting, bool) {
		s := c.Keys[name]
		return s, s.Said() && slices.Contains(values, s.Value)
	}
}

// group: a suite that is written out has one of these algorithms.
func group(names ...string) func(*Conn, Flavour) (Setting, bool) {
	return func(c *Conn, _ Flavour) (Setting, bool) {
		for _, s := range []Setting{c.Keys["ike"], first(c.Keys, "esp", "phase2alg"), c.Keys["pfsgroup"]} {
			for _, p := range ipsecconf.ParseProposals(s.Value) {
				for _, a := range slices.Concat(p.Encr, p.Group) {
					if slices.Contains(names, a) {
						return s, true
					}
				}
			}
		}
		return Setting{}, false
	}
}

// byDefault: phase 1 uses the program's own suites, in the version of IKE (0: any).
func byDefault(v int) func(*Conn, Flavour) (Setting, bool) {
	return func(c *Conn, _ Flavour) (Setting, bool) {
		return Setting{}, !c.Keys["ike"].Said() && !c.Keys["proposals"].Said() && (v == 0 || c.Begins == v)
	}
}

func version(v int) func(*Conn, Flavour) (Setting, bool) {
	return func(c *Conn, _ Flavour) (Setting, bool) { return c.VersionAt, c.Begins == v }
}

func implicitLeft(c *Conn, _ Flavour) (Setting, bool) {
	l := c.Keys["left"]
	return l, !c.Swanctl && (l.Value == "" || l.Value == "%any") && !here(c.Keys["right"].Value)
}

func contradiction(c *Conn, _ Flavour) (Setting, bool) {
	esp := first(c.Keys, "esp", "phase2alg")
	for _, p := range ipsecconf.ParseProposals(esp.Value) {
		if len(p.Group) > 0 && tri(c.Keys["pfs"].Value) == No {
			return c.Keys["pfs"], true
		}
	}
	return Setting{}, false
}

func unsaidVersion(c *Conn, _ Flavour) (Setting, bool) {
	k := c.Keys["keyexchange"]
	return k, !c.Swanctl && c.Begins == 1 && !c.Keys["ikev2"].Said() && (!k.Said() || k.Value == "ike")
}

// underscore: names that libreswan 4 no longer takes with an underscore.
func underscore(c *Conn, _ Flavour) (Setting, bool) {
	for _, k := range sorted(c.Keys) {
		if strings.Contains(k, "_") && slices.Contains(confKeys, strings.ReplaceAll(k, "_", "-")) {
			return c.Keys[k], true
		}
	}
	return Setting{}, false
}

// pfsMatters: what pluto does about PFS by pfs= or by itself, strongSwan 5 does by esp= alone.
func pfsMatters(c *Conn, from Flavour) (Setting, bool) {
	if c.Swanctl || !from.Pluto() || len(c.Children) == 0 {
		return Setting{}, false
	}
	esp := slices.ContainsFunc(ipsecconf.ParseProposals(first(c.Keys, "esp", "phase2alg").Value), func(p ipsecconf.Proposal) bool { return len(p.Group) > 0 })
	return c.Keys["pfs"], c.Children[0].PFS == Yes && !esp
}

func aggressivePSK(c *Conn, _ Flavour) (Setting, bool) {
	return c.AggressiveAt, c.Aggressive && c.Local.Auth != "pubkey"
}

// pluto: the file is of FreeS/WAN's family and names suites in its way.
func pluto(c *Conn, from Flavour) (Setting, bool) {
	for _, s := range []Setting{c.Keys["ike"], first(c.Keys, "esp", "phase2alg")} {
		if from.Program != StrongSwan && (strings.Contains(s.Value, ";") || strings.Contains(s.Value, "_")) {
			return s, true
		}
	}
	return c.Keys["phase2alg"], c.Keys["phase2alg"].Said() && from.Program != StrongSwan
}

func classic(c *Conn, _ Flavour) (Setting, bool) { return Setting{}, !c.Swanctl }

func unsaidESP(c *Conn, _ Flavour) (Setting, bool) {
	return Setting{}, len(c.Children) > 0 && c.Children[0].ESP.Default
}

func (p *printer) upgrade(u *Upgrade) {
	p.f("\nfrom %s to %s: %s\n", u.From, u.To, plural(len(u.Changes), "change"))
	for _, c := range u.Changes {
		n := c.Note
		n.What = n.Conn + ": " + n.What + " (since " + c.Since + ")"
		p.note(n)
	}
}
