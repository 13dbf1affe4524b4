package ipsec

import (
	"strings"

	"firestorm/internal/ipsecconf"
)

// swanctl turns the connections of swanctl.conf into ours, and its secrets.
func (l *loader) swanctl(f Flavour) {
	root := &ipsecconf.Node{}
	for _, t := range l.trees {
		root.Sections = append(root.Sections, t.Sections...)
	}
	for _, n := range root.Sections {
		switch n.Name {
		case "connections":
			for _, x := range n.Sections {
				if len(l.side.Conns) < ipsecconf.MaxSections {
					l.side.Conns = append(l.side.Conns, swanctlConn(f, x.Resolve(root)))
				}
			}
		case "secrets":
			l.side.HasSecrets = true
			for _, x := range n.Sections {
				if e, ok := swanctlSecret(x); ok && len(l.side.Secrets) < ipsecconf.MaxSections {
					l.side.Secrets = append(l.side.Secrets, e)
				}
			}
		}
	}
}

func swanctlSecret(n *ipsecconf.Node) (ipsecconf.Entry, bool) {
	e := ipsecconf.Entry{Kind: "PSK", File: n.File, Line: n.Line}
	if !strings.HasPrefix(n.Name, "ike") {
		return e, false
	}
	for _, s := range n.Settings {
		switch {
		case s.Secret.Set():
			e.Secret, e.Line = s.Secret, s.Line
		case strings.HasPrefix(s.Key, "id") && len(e.IDs) < ipsecconf.MaxValues:
			e.IDs = append(e.IDs, ipsecconf.Bare(s.Value))
		}
	}
	return e, e.Secret.Set()
}

func swanctlConn(f Flavour, n *ipsecconf.Node) *Conn {
	c := &Conn{Name: n.Name, File: n.File, Line: n.Line, Flavour: f, Swanctl: true, Keys: map[string]Setting{}, NATT: Yes}
	for _, s := range n.Settings {
		c.Keys[s.Key] = s.Setting
	}
	c.VersionAt = c.Keys["version"]
	switch c.VersionAt.Value {
	case "1":
		c.Begins, c.Takes[1] = 1, true
	case "2":
		c.Begins, c.Takes[2] = 2, true
	default:
		c.Begins, c.Takes[1], c.Takes[2] = 2, true, true
	}
	c.AggressiveAt = c.Keys["aggressive"]
	c.Aggressive = tri(c.AggressiveAt.Value) == Yes
	c.IKE = swanctlSuites(f, c.Keys["proposals"], c.Begins, false)
	c.Local.AddrAt, c.Remote.AddrAt = c.Keys["local_addrs"], c.Keys["remote_addrs"]
	c.Local.Addrs, c.Remote.Addrs = addrs(c.Local.AddrAt.Value), addrs(c.Remote.AddrAt.Value)
	c.DPD = c.Keys["dpd_delay"]
	for _, s := range n.Sections {
		switch {
		case s.Name == "children":
			for _, x := range s.Sections {
				c.Children = append(c.Children, swanctlChild(f, c, x))
			}
		case strings.HasPrefix(s.Name, "local"):
			round(&c.Local, s)
		case strings.HasPrefix(s.Name, "remote"):
			round(&c.Remote, s)
		}
	}
	for _, e := range []*End{&c.Local, &c.Remote} {
		if e.Auth == "" {
			e.Auth = "pubkey"
		}
	}
	c.IKELife = Span{Seconds: 4 * 3600}
	if s := c.Keys["rekey_time"]; s.Said() {
		c.IKELife = seconds(s)
	}
	return c
}

// round reads an authentication round; a second one does not replace the first.
func round(e *End, n *ipsecconf.Node) {
	if e.Auth != "" {
		return
	}
	e.AuthAt, e.IDAt = n.Get("auth"), n.Get("id")
	if e.IDAt.Said() {
		e.ID = identity(e.IDAt.Value)
	}
	switch v := e.AuthAt.Value; {
	case v == "psk":
		e.Auth = "psk"
	case strings.HasPrefix(v, "xauth"), strings.HasPrefix(v, "eap"):
		e.Auth = v[:3]
		if e.Auth == "xau" {
			e.Auth = "xauth"
		}
	default:
		e.Auth = "pubkey"
	}
}

// addrs are the concrete addresses of a list: any, and ranges, are none.
func addrs(v string) []string {
	var out []string
	for _, a := range ipsecconf.List(v) {
		if strings.HasPrefix(a, "%any") || strings.ContainsAny(a, "/-*") {
			return nil
		}
		out = append(out, strings.TrimPrefix(a, "%"))
	}
	return out
}

func swanctlSuites(f Flavour, s Setting, version int, esp bool) Suites {
	if s.Value == "" || s.Value == "default" {
		out := own(f, version, esp)
		out.At = s
		return out
	}
	out := suites(f, s, version, esp)
	var list []ipsecconf.Proposal
	for _, p := range out.List {
		if p.Text == "default" {
			list, out.Plus = append(list, own(f, version, esp).List...), true
			continue
		}
		list = append(list, p)
	}
	out.List = list
	return out
}

func swanctlChild(f Flavour, c *Conn, n *ipsecconf.Node) Child {
	ch := Child{Name: n.Name, Line: n.Line, ESP: swanctlSuites(f, n.Get("esp_proposals"), c.Begins, true), Mode: n.Get("mode").Value,
		LocalTSAt: n.Get("local_ts"), RemoteTSAt: n.Get("remote_ts"), Life: Span{Seconds: 3600}}
	ch.LocalTS, ch.RemoteTS = nets(ch.LocalTSAt.Value), nets(ch.RemoteTSAt.Value)
	if ch.Mode == "" {
		ch.Mode = "tunnel"
	}
	if s := n.Get("rekey_time"); s.Said() {
		ch.Life = seconds(s)
	}
	c.pfs(&ch)
	switch s := n.Get("start_action"); {
	case s.Value == "start", strings.Contains(s.Value, "start"):
		c.Start, c.StartAt = "start", s
	case strings.Contains(s.Value, "trap"):
		c.Start, c.StartAt = "trap", s
	case c.Start == "":
		c.Start = "add"
	}
	return ch
}
