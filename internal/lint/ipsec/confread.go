package ipsec

import (
	"net/netip"
	"slices"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/ipsecconf"
)

// conf turns the conns of ipsec.conf into connections, and says what is wrong with the writing itself.
func (l *loader) conf(f Flavour) {
	all := ipsecconf.NewConfig(l.sections)
	names := map[string]*ipsecconf.Section{}
	for _, s := range l.sections {
		for _, t := range s.Twice {
			l.note(Note{Code: "setting-twice", Severity: finding.Medium, Conn: s.Name, File: s.File, Line: t.Last, What: t.Key + "= stands here a second time",
				Why: "which of the two counts depends on the program, and some refuse the file", Change: "leave one of them (the first is in line " + itoa(t.First) + ")"})
		}
		if s.Kind != "conn" {
			continue
		}
		if o := names[s.Name]; o != nil && s.Name != "%default" {
			l.note(Note{Code: "conn-twice", Severity: finding.Medium, Conn: s.Name, File: s.File, Line: s.Line, What: "a connection of this name was there before (" + o.File + ":" + itoa(o.Line) + ")",
				Why: "the later one replaces the earlier, joins it or is refused, as the program has it", Change: "give each connection a name of its own"})
		}
		names[s.Name] = s
		if s.Name == "%default" {
			continue
		}
		keys, missing, circular := all.Resolve(s)
		for _, a := range missing {
			l.note(Note{Code: "also-missing", Severity: finding.High, Conn: s.Name, File: s.File, Line: a.Line, What: "also= takes in a section that does not exist: " + a.Name,
				Why: "the connection is not loaded, or loaded without these settings", Change: "write the name of an existing conn"})
		}
		if circular {
			l.note(Note{Code: "also-circle", Severity: finding.Medium, Conn: s.Name, File: s.File, Line: s.Line, What: "sections take in each other by also=",
				Why: "the program refuses the file or reads it in part", Change: "let also= lead one way only"})
		}
		if keys["left"].Value == "" && keys["right"].Value == "" {
			if !l.taken(s.Name) && len(s.Keys) > 0 && !slices.Contains(oe, s.Name) {
				l.note(Note{Code: "conn-without-ends", Severity: finding.Medium, Conn: s.Name, File: s.File, Line: s.Line, What: "has neither left= nor right=, and no other section takes it in",
					Why: "no tunnel can come of it", Change: "say left= and right=, or take the section away"})
			}
			continue
		}
		l.side.Conns = append(l.side.Conns, conn(f, s, keys, l.opt.Self))
	}
}

// oe are the conns by which FreeS/WAN 2 and Openswan 2 encrypt with anybody who publishes a key (opportunistic).
var oe = []string{"block", "private", "private-or-clear", "clear", "clear-or-private", "packetdefault", "OEself"}

// taken reports whether some section takes in the one of this name.
func (l *loader) taken(name string) bool {
	for _, s := range l.sections {
		for _, a := range s.Also {
			if a.Name == name {
				return true
			}
		}
	}
	return false
}

// first returns the first of several settings that is said.
func first(keys map[string]Setting, names ...string) Setting {
	for _, n := range names {
		if s, ok := keys[n]; ok && s.Value != "" {
			return s
		}
	}
	return Setting{}
}

// here are the values of left= that mean this machine.
func here(v string) bool {
	return v == "%defaultroute" || strings.HasPrefix(v, "%eth") || strings.HasPrefix(v, "%ppp")
}

func conn(f Flavour, s *ipsecconf.Section, keys map[string]Setting, self string) *Conn {
	c := &Conn{Name: s.Name, File: s.File, Line: s.Line, Flavour: f, Keys: keys, NATT: Yes}
	left, right := "left", "right"
	lv, rv := keys["left"].Value, keys["right"].Value
	switch {
	case here(rv) && !here(lv), self != "" && rv == self && lv != self:
		left, right = right, left
	case here(lv), lv == "", lv == "%any" && rv != "%any", rv == "%any", self != "" && lv == self:
	default:
		c.unsure = true
	}
	c.version()
	c.Local, c.Remote = c.end(left), c.end(right)
	c.expect()
	agg := first(keys, "aggressive", "aggrmode")
	c.Aggressive, c.AggressiveAt = tri(agg.Value) == Yes, agg
	v := c.Begins
	c.IKE = suites(f, keys["ike"], v, false)
	strict := keys["ike"].Value == "" || strings.HasSuffix(keys["ike"].Value, "!")
	if f.Program == StrongSwan && !strict && !f.Version.Before(5) {
		c.IKE.List, c.IKE.Plus = append(c.IKE.List, own(f, v, false).List...), true
	}
	esp := first(keys, "esp", "phase2alg")
	ch := Child{Name: s.Name, Line: s.Line, ESP: suites(f, esp, v, true), Mode: mode(keys)}
	if f.Program == StrongSwan && esp.Value != "" && !strings.HasSuffix(esp.Value, "!") && !f.Version.Before(5) {
		ch.ESP.List, ch.ESP.Plus = append(ch.ESP.List, own(f, v, true).List...), true
	}
	c.esn(&ch)
	c.pfs(&ch)
	ch.LocalTSAt, ch.RemoteTSAt = first(keys, left+"subnet", left+"subnets"), first(keys, right+"subnet", right+"subnets")
	ch.LocalTS, ch.RemoteTS = nets(ch.LocalTSAt.Value), nets(ch.RemoteTSAt.Value)
	c.IKELife = c.life("ikelifetime")
	ch.Life = c.life("salifetime", "keylife", "lifetime")
	c.Children = []Child{ch}
	c.StartAt = keys["auto"]
	switch keys["auto"].Value {
	case "start", "up":
		c.Start = "start"
	case "route", "ondemand":
		c.Start = "trap"
	case "add", "keep":
		c.Start = "add"
	default:
		c.Start = "ignore"
	}
	c.DPD = keys["dpddelay"]
	if f.Program == StrongSwan && !c.DPD.Said() && tri(keys["dpdaction"].Value) != No && keys["dpdaction"].Said() && keys["dpdaction"].Value != "none" {
		c.DPD = Setting{Value: "30"}
	}
	if f.Program == Openswan || f.Program == FreeSWAN {
		c.NATT = tri(keys["nat_traversal"].Value)
		if c.NATT == Unsaid {
			c.NATT = No
		}
	}
	return c
}

// life returns a time, or what the program does without it.
func (c *Conn) life(names ...string) Span {
	s := first(c.Keys, names...)
	if s.Said() {
		return seconds(s)
	}
	ike := names[0] == "ikelifetime"
	hours := 8
	switch {
	case c.Flavour.Program == StrongSwan && ike:
		hours = 3
	case c.Flavour.Program == StrongSwan:
		hours = 1
	case ike && !c.Flavour.Is(Libreswan, 4, 2):
		hours = 1
	}
	return Span{Seconds: hours * 3600}
}

// version finds out which IKE the connection begins with and answers to.
func (c *Conn) version() {
	f := c.Flavour
	set := func(begins int, takes ...int) {
		c.Begins = begins
		for _, t := range takes {
			c.Takes[t] = true
		}
	}
	ike2, kx := c.Keys["ikev2"], c.Keys["keyexchange"]
	c.VersionAt = first(c.Keys, "keyexchange", "ikev2")
	switch {
	case f.Program == StrongSwan && kx.Value == "ikev1", f.Program == Libreswan && kx.Value == "ikev1":
		set(1, 1)
	case f.Program == StrongSwan && kx.Value == "ikev2", f.Program == Libreswan && kx.Value == "ikev2":
		set(2, 2)
	case f.Program == StrongSwan && f.Version.Before(4, 5):
		set(1, 1, 2)
	case f.Program == StrongSwan:
		set(2, 1, 2)
	case f.Program == FreeSWAN:
		set(1, 1)
	case ike2.Value == "insist", ike2.Value == "yes" && !f.Is(Openswan):
		set(2, 2)
	case ike2.Value == "no", ike2.Value == "never", ike2.Value == "permit" && f.Is(Libreswan, 3, 28):
		set(1, 1)
	case f.Is(Libreswan, 3, 28):
		set(2, 2)
	case ike2.Value == "propose", ike2.Value == "yes":
		set(2, 1, 2)
	case f.Is(Libreswan), f.Is(Openswan, 2, 6): // permit
		set(1, 1, 2)
	default:
		set(1, 1)
	}
}

func mode(keys map[string]Setting) string {
	switch keys["type"].Value {
	case "", "tunnel":
		return "tunnel"
	case "passthrough":
		return "pass"
	case "reject":
		return "drop"
	}
	return keys["type"].Value
}

// pfs: pluto uses PFS unless told otherwise, with the group of esp=, pfsgroup= or phase 1; strongSwan with a group in esp= only.
func (c *Conn) pfs(ch *Child) {
	var groups []string
	for _, p := range ch.ESP.List {
		groups = append(groups, p.Group...)
	}
	if !c.Flavour.Pluto() {
		ch.PFSAt = ch.ESP.At
		ch.PFS = No
		if len(groups) > 0 {
			ch.PFS = Yes
		}
		return
	}
	ch.PFSAt = c.Keys["pfs"]
	ch.PFS = tri(ch.PFSAt.Value)
	if ch.PFS == Unsaid {
		ch.PFS = Yes
	}
	if ch.PFS == No {
		for i := range ch.ESP.List {
			ch.ESP.List[i].Group = nil
		}
		return
	}
	if len(groups) > 0 {
		return
	}
	if g := c.Keys["pfsgroup"]; g.Said() {
		for _, p := range ipsecconf.ParseProposals(g.Value) {
			groups = append(groups, p.Group...)
		}
	}
	if len(groups) == 0 { // that of phase 1
		for _, p := range c.IKE.List {
			for _, g := range p.Group {
				if !slices.Contains(groups, g) {
					groups = append(groups, g)
				}
			}
		}
	}
	for i := range ch.ESP.List {
		ch.ESP.List[i].Group = groups
	}
}

// esn: libreswan says by esn= whether sequence numbers may be long; since 4 both are right unless it is said.
func (c *Conn) esn(ch *Child) {
	if c.Flavour.Program != Libreswan || c.Begins != 2 {
		return
	}
	list := []string{"noesn"}
	switch v := c.Keys["esn"].Value; {
	case v == "yes":
		list = []string{"esn"}
	case v == "either", v == "" && c.Flavour.Is(Libreswan, 4):
		list = []string{"noesn", "esn"}
	}
	for i := range ch.ESP.List {
		ch.ESP.List[i].ESN = list
	}
}

func (c *Conn) end(side string) End {
	e := End{AddrAt: c.Keys[side], IDAt: c.Keys[side+"id"]}
	for _, v := range ipsecconf.List(e.AddrAt.Value) {
		if !strings.HasPrefix(v, "%") && v != "0.0.0.0" && v != "::" && v != "0.0.0.0/0" {
			e.Addrs = append(e.Addrs, v)
		}
	}
	if e.IDAt.Said() {
		e.ID = identity(e.IDAt.Value)
	}
	e.AuthAt = first(c.Keys, side+"auth", "authby")
	v := strings.ToLower(e.AuthAt.Value)
	switch {
	case v == "secret", v == "psk", v == "secret|rsasig", v == "rsasig|secret":
		e.Auth = "psk"
	case strings.HasPrefix(v, "xauth"):
		e.Auth = "xauth"
	case strings.HasPrefix(v, "eap"):
		e.Auth = "eap"
	case v == "null", v == "never":
		e.Auth = v
	default: // public keys are the default of all of them
		e.Auth = "pubkey"
	}
	return e
}

// expect fills in the ID that ipsec.conf expects of a peer where none is said: its address.
func (c *Conn) expect() {
	if c.Remote.ID.Type == "" && len(c.Remote.Addrs) == 1 {
		c.Remote.ID = identity(c.Remote.Addrs[0])
	}
}

// identity reads an ID as ipsec.conf and swanctl.conf write it.
func identity(v string) Identity {
	v = ipsecconf.Bare(v)
	if _, err := netip.ParseAddr(v); err == nil {
		return Identity{"ip", v}
	}
	switch {
	case v == "", v == "%any", v == "%any4", v == "%any6":
		return Identity{"any", v}
	case strings.HasPrefix(v, "%"):
		return Identity{}
	case strings.HasPrefix(v, "@#"):
		return Identity{"keyid", strings.ToLower(v[2:])}
	case strings.HasPrefix(v, "keyid:"):
		return Identity{"keyid", v[6:]}
	case strings.HasPrefix(v, "@["):
		return Identity{"keyid", strings.Trim(v[1:], "[]")}
	case strings.HasPrefix(v, "@@"):
		return Identity{"email", v[2:]}
	case strings.HasPrefix(v, "@"):
		return Identity{"fqdn", v[1:]}
	case strings.HasPrefix(v, "fqdn:"):
		return Identity{"fqdn", v[5:]}
	case strings.HasPrefix(v, "email:"):
		return Identity{"email", v[6:]}
	case strings.Contains(v, "="):
		return Identity{"dn", strings.Join(strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '/' }), ",")}
	case strings.Contains(v, "@"):
		return Identity{"email", v}
	}
	return Identity{"fqdn", v}
}

// nets reads networks: with prefix, with a mask, an address, 0/0, each with or without [protocol/port].
func nets(v string) []string {
	var out []string
	for _, s := range ipsecconf.List(v) {
		net, port, _ := strings.Cut(s, "[")
		p, ok := prefix(net)
		switch {
		case s == "dynamic", strings.HasPrefix(s, "dynamic["), strings.HasPrefix(s, "%dynamic"), strings.HasPrefix(s, "vhost:"), strings.HasPrefix(s, "vnet:"):
			return nil
		case ok && port != "":
			out = append(out, p.String()+"["+port)
		case ok:
			out = append(out, p.String())
		default:
			out = append(out, s)
		}
	}
	return out
}

func prefix(s string) (netip.Prefix, bool) {
	if s == "0/0" || s == "0.0.0.0/0" {
		return netip.MustParsePrefix("0.0.0.0/0"), true
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	addr, mask, ok := strings.Cut(s, "/")
	a, err := netip.ParseAddr(addr)
	m, err2 := netip.ParseAddr(mask)
	if !ok || err != nil || err2 != nil || !a.Is4() || !m.Is4() {
		return netip.Prefix{}, false
	}
	b := m.As4()
	bits, ended := 0, false
	for _, x := range b {
		for i := 7; i >= 0; i-- {
			switch one := x>>i&1 == 1; {
			case one && ended:
				return netip.Prefix{}, false
			case one:
				bits++
			default:
				ended = true
			}
		}
	}
	return netip.PrefixFrom(a, bits).Masked(), true
}

// flipped is the connection seen with left and right exchanged.
func (c *Conn) flipped() *Conn {
	o := *c
	o.Local, o.Remote = c.end("right"), c.end("left")
	o.expect()
	o.Children = slices.Clone(c.Children)
	for i := range o.Children {
		ch := &o.Children[i]
		ch.LocalTS, ch.RemoteTS = ch.RemoteTS, ch.LocalTS
		ch.LocalTSAt, ch.RemoteTSAt = ch.RemoteTSAt, ch.LocalTSAt
	}
	return &o
}
