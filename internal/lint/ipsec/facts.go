package ipsec

import (
	"slices"
	"strings"

	"firestorm/internal/ipsecconf"
)

// A file of facts describes a peer that has screens instead of files. A policy begins with a line in brackets: the sort
// of device and a name. Then comes one field a line, FIELD = VALUE, named as on a SonicWall's screens or by its short
// name here; what is left out is not known and not compared. "#" begins a comment.
//
//	[sonicwall fswn-swll]
//	own address       = 192.0.2.9      # of the device, as the other side sees it
//	gateway           = 192.0.2.1      # IPsec primary gateway: whom it calls
//	local networks    = 10.9.0.0/24
//	remote networks   = 10.1.0.0/24
//	exchange          = main           # main, aggressive, ikev2
//	ike dh group      = 2
//	ike encryption    = 3DES
//	ike authentication = MD5
//	ike life time     = 28800
//	ipsec encryption  = 3DES
//	ipsec authentication = MD5
//	pfs               = no
//	pfs dh group      = 2
//	ipsec life time   = 28800
//	authentication method = preshared secret
//	shared secret     = …              # only compared, never shown; better left out
//	local id, peer id, nat traversal

// isFacts reports whether the first line names a device.
func isFacts(lines []ipsecconf.Line) bool {
	if len(lines) == 0 {
		return false
	}
	w := strings.Fields(strings.Trim(lines[0].Text, "[]"))
	return strings.HasPrefix(lines[0].Text, "[") && strings.Contains(lines[0].Text, "]") && len(w) > 0 && slices.Contains(deviceWords, strings.ToLower(w[0]))
}

var deviceWords = []string{"sonicwall", "peer", "device"}

// aliases are fields as a SonicWall's screens name them.
var aliases = map[string]string{
	"ipsec primary gateway name or address": "gateway", "ipsec primary gateway": "gateway", "primary gateway": "gateway",
	"local network": "local networks", "remote network": "remote networks", "destination networks": "remote networks", "own networks": "local networks", "peer networks": "remote networks",
	"local ike id": "local id", "peer ike id": "peer id", "own id": "local id", "exchange mode": "exchange",
	"phase 1 exchange": "exchange", "phase 1 dh group": "ike dh group", "phase 1 encryption": "ike encryption", "phase 1 authentication": "ike authentication", "phase 1 life time": "ike life time",
	"phase 2 encryption": "ipsec encryption", "phase 2 authentication": "ipsec authentication", "phase 2 life time": "ipsec life time", "phase 2 protocol": "ipsec protocol", "phase 2 dh group": "pfs dh group",
	"enable perfect forward secrecy": "pfs", "perfect forward secrecy": "pfs", "dh group": "ike dh group", "secret": "shared secret", "pre-shared key": "shared secret",
	"enable nat traversal": "nat traversal", "nat-t": "nat traversal", "unique firewall identifier": "local id", "wan address": "own address", "address": "own address",
}

// factFields are the fields that there are.
var factFields = []string{"own address", "gateway", "local networks", "remote networks", "local id", "peer id", "exchange", "ike dh group", "ike encryption", "ike authentication",
	"ike life time", "ipsec encryption", "ipsec authentication", "ipsec protocol", "pfs", "pfs dh group", "ipsec life time", "nat traversal", "authentication method", "shared secret", "keep alive"}

// parseFacts reads a file of facts.
func parseFacts(file string, lines []ipsecconf.Line) ([]*Conn, error) {
	var out []*Conn
	var cur *Conn
	for _, l := range lines {
		text := l.Text
		if i := strings.Index(text, " #"); i >= 0 {
			text = strings.TrimSpace(text[:i])
		}
		if strings.HasPrefix(text, "[") {
			head, rest, ok := strings.Cut(text[1:], "]")
			w := strings.Fields(head)
			if !ok || rest != "" || len(w) == 0 || !slices.Contains(deviceWords, strings.ToLower(w[0])) {
				return nil, &ipsecconf.Error{File: file, Line: l.N, What: "a policy begins with [sonicwall NAME] or [peer NAME]"}
			}
			if len(out) >= ipsecconf.MaxSections {
				return nil, &ipsecconf.Error{File: file, Line: l.N, What: "too many policies"}
			}
			name := strings.ToLower(w[0])
			if len(w) > 1 {
				name = ipsecconf.Bare(strings.Join(w[1:], " "))
			}
			cur = &Conn{Name: name, File: file, Line: l.N, Flavour: Flavour{Program: Device}, Keys: map[string]Setting{}}
			out = append(out, cur)
			continue
		}
		k, v, ok := strings.Cut(text, "=")
		k = strings.ToLower(strings.Join(strings.Fields(k), " "))
		if a := aliases[k]; a != "" {
			k = a
		}
		switch {
		case !ok:
			return nil, &ipsecconf.Error{File: file, Line: l.N, What: "is no field (FIELD = VALUE)"}
		case cur == nil:
			return nil, &ipsecconf.Error{File: file, Line: l.N, What: "a policy begins with [sonicwall NAME] or [peer NAME]"}
		case !slices.Contains(factFields, k):
			return nil, &ipsecconf.Error{File: file, Line: l.N, What: "no field of that name; there are: " + strings.Join(factFields, ", ")}
		case k == "shared secret": // comparing it is all that is done with it
			cur.secret = ipsecconf.NewSecret(strings.TrimSpace(v))
			cur.secretLine = l.N
		default:
			cur.Keys[k] = Setting{Value: ipsecconf.Bare(v), File: file, Line: l.N}
		}
	}
	for _, c := range out {
		if err := c.facts(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// facts turns fields into a connection.
func (c *Conn) facts() error {
	get := func(k string) Setting { return c.Keys[k] }
	wrong := func(s Setting, what string) error { return &ipsecconf.Error{File: s.File, Line: s.Line, What: what} }
	c.VersionAt = get("exchange")
	switch v := strings.ToLower(get("exchange").Value); {
	case v == "":
	case strings.HasPrefix(v, "main"):
		c.Begins, c.Takes[1] = 1, true
	case strings.HasPrefix(v, "aggressive"):
		c.Begins, c.Takes[1], c.Aggressive, c.AggressiveAt = 1, true, true, get("exchange")
	case strings.HasPrefix(v, "ikev2"):
		c.Begins, c.Takes[2] = 2, true
	default:
		return wrong(get("exchange"), "exchange is none of main, aggressive, ikev2")
	}
	c.Local = End{Addrs: addrs(get("own address").Value), AddrAt: get("own address"), IDAt: get("local id")}
	c.Remote = End{Addrs: addrs(get("gateway").Value), AddrAt: get("gateway"), IDAt: get("peer id")}
	for _, e := range []*End{&c.Local, &c.Remote} {
		if len(e.Addrs) == 1 && e.Addrs[0] == "0.0.0.0" {
			e.Addrs = nil
		}
		if e.IDAt.Said() {
			e.ID = deviceID(e.IDAt.Value)
		}
		e.AuthAt = get("authentication method")
		switch v := strings.ToLower(e.AuthAt.Value); {
		case v == "":
		case strings.Contains(v, "shared"), v == "psk":
			e.Auth = "psk"
		case strings.Contains(v, "cert"):
			e.Auth = "pubkey"
		default:
			return wrong(e.AuthAt, "authentication method is none of preshared secret, certificate")
		}
	}
	if c.Remote.ID.Type == "" && len(c.Remote.Addrs) == 1 && c.Begins == 1 && !c.Aggressive {
		c.Remote.ID = identity(c.Remote.Addrs[0]) // main mode with a shared key knows its peer by the address alone
	}
	ike, err := c.factSuites("ike", "ike dh group")
	if err != nil {
		return err
	}
	c.IKE = ike
	ch := Child{Name: c.Name, Line: c.Line, Mode: "tunnel", PFS: tri(get("pfs").Value), PFSAt: get("pfs"), NoTS: !get("local networks").Said() || !get("remote networks").Said()}
	if ch.PFS == Unsaid && get("pfs").Said() {
		return wrong(get("pfs"), "pfs is yes or no")
	}
	group := ""
	if ch.PFS == Yes {
		group = "pfs dh group"
	}
	if ch.ESP, err = c.factSuites("ipsec", group); err != nil {
		return err
	}
	ch.LocalTSAt, ch.RemoteTSAt = get("local networks"), get("remote networks")
	ch.LocalTS, ch.RemoteTS = nets(ch.LocalTSAt.Value), nets(ch.RemoteTSAt.Value)
	c.IKELife, ch.Life = seconds(get("ike life time")), seconds(get("ipsec life time"))
	c.NATT = tri(get("nat traversal").Value)
	c.Children = []Child{ch}
	c.Start = "add"
	if tri(get("keep alive").Value) == Yes {
		c.Start, c.StartAt = "start", get("keep alive")
	}
	return nil
}

// deviceID reads an ID as a screen has it: its type, and the text; or the text alone.
func deviceID(v string) Identity {
	kind, text, ok := strings.Cut(v, ":")
	if !ok {
		return identity(v)
	}
	text = strings.TrimSpace(text)
	switch k := strings.ToLower(strings.TrimSpace(kind)); {
	case strings.Contains(k, "address") && strings.Contains(k, "mail"):
		return Identity{"email", text}
	case strings.Contains(k, "ip"):
		return identity(text)
	case strings.Contains(k, "domain"), k == "fqdn":
		return Identity{"fqdn", text}
	case strings.Contains(k, "key"), strings.Contains(k, "firewall"):
		return Identity{"keyid", text}
	}
	return identity(v)
}

// factSuites is the one suite of a phase that a screen has.
func (c *Conn) factSuites(phase, group string) (Suites, error) {
	e, a := c.Keys[phase+" encryption"], c.Keys[phase+" authentication"]
	if !e.Said() {
		return Suites{}, nil
	}
	out := Suites{At: e}
	clean := func(s string) string {
		return ipsecconf.Canonical(strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(s)))
	}
	p := ipsecconf.Proposal{Encr: []string{clean(e.Value)}}
	if p.Encr[0] == "aes" {
		p.Encr[0] = "aes128"
	}
	if ps := ipsecconf.ParseProposals(p.Encr[0]); len(ps) != 1 || len(ps[0].Unknown) > 0 || len(ps[0].Encr) == 0 {
		return out, &ipsecconf.Error{File: e.File, Line: e.Line, What: "no cipher of that name: write 3DES, AES-128, AES-256, AESGCM16-256 or the like"}
	}
	if a.Said() && tri(a.Value) != No && !strings.EqualFold(a.Value, "none") {
		h := clean(a.Value)
		ps := ipsecconf.ParseProposals("aes-" + h)
		if len(ps) != 1 || len(ps[0].Hash) == 0 {
			return out, &ipsecconf.Error{File: a.File, Line: a.Line, What: "no check value of that name: write MD5, SHA1, SHA256, SHA384, SHA512 or none"}
		}
		p.Hash = ps[0].Hash
	}
	if phase == "ike" && len(p.Hash) > 0 {
		p.PRF = []string{"prf" + p.Hash[0]}
	}
	if g := c.Keys[group]; group != "" && g.Said() {
		n := strings.TrimSpace(strings.TrimPrefix(strings.ToLower(g.Value), "group"))
		name := ipsecconf.GroupNamed(n)
		if name == "" {
			if ps := ipsecconf.ParseProposals("aes-" + n); len(ps) == 1 && len(ps[0].Group) == 1 {
				name = ps[0].Group[0]
			}
		}
		if name == "" {
			return out, &ipsecconf.Error{File: g.File, Line: g.Line, What: "no Diffie-Hellman group of that name: write 14, Group 14 or modp2048"}
		}
		p.Group = []string{name}
	}
	p.Text = text(p)
	out.List = []ipsecconf.Proposal{p}
	return out, nil
}

// text writes a proposal in strongSwan's names.
func text(p ipsecconf.Proposal) string {
	parts := slices.Concat(p.Encr, p.Hash)
	if len(p.Hash) == 0 {
		parts = append(parts, p.PRF...)
	}
	return strings.Join(slices.Concat(parts, p.Group), "-")
}
