package ikefaults

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/hostconf"
	"firestorm/internal/packet"
)

// settings returns what the file of a gateway says of its connection with peer; given: there is a file with connections.
func (st *story) settings(own, peer packet.Addr) (c *hostconf.Connection, given bool) {
	f := st.d.scope.Context.For(own)
	if f == nil || len(f.Connections) == 0 {
		return nil, false
	}
	for pass := range 2 { // one of the version that was spoken before one of another
		for i := range f.Connections {
			x := &f.Connections[i]
			if x.Matches(peer) && (pass == 1 || x.Version == 0 || x.Version == int(st.s.major)) {
				return x, true
			}
		}
	}
	return nil, true
}

// lint is the command that judges the configuration: of both sides where their files were given, else of the machine on
// which it is run.
func (st *story) lint() string {
	files := func(a packet.Addr) (out []string) {
		f := st.d.scope.Context.For(a)
		if f == nil {
			return nil
		}
		for i := range f.Connections {
			if n := word(f.Connections[i].File); !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
		return out
	}
	here, peer := files(st.s.responder.Addr), files(st.s.initiator.Addr)
	if len(here) == 0 || len(peer) == 0 {
		return "firestorm lint ipsec /etc"
	}
	return "firestorm lint ipsec " + strings.Join(here, " ") + " --peer " + strings.Join(peer, " --peer ")
}

// word writes a file's name as one word of a shell.
func word(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// lintStep adds the comparison of both configurations to the remedy.
func (st *story) lintStep() {
	words := "let the configuration be read: with the other side's files, or a few facts about a device (--peer, see firestorm lint ipsec --help), the first mismatch is named"
	if cmd := st.lint(); strings.Contains(cmd, "--peer") {
		st.b.Remedy(finding.AtServer, "compare the configurations of both sides: the first mismatch is named").Run("", "%s", cmd)
	} else {
		st.b.Remedy(finding.AtServer, "%s", words).Run("", "%s", cmd)
	}
}

// where names a connection for people.
func where(c *hostconf.Connection) string { return fmt.Sprintf("%s:%d (%s)", c.File, c.Line, c.Name) }

// proposalContext says what the responder's file accepts. decided: the file shows why the proposals were refused.
func (st *story) proposalContext() (decided bool) {
	b := st.b
	c, given := st.settings(st.s.responder.Addr, st.s.initiator.Addr)
	switch {
	case !given:
		return false
	case c == nil:
		b.Fact(nil, "%s has no connection for the peer %s", strings.Join(st.d.scope.Context.For(st.s.responder.Addr).Files, ", "), st.init)
		return false
	case c.Version != 0 && c.Version != int(st.s.major):
		b.Fact(nil, "%s is for IKEv%d; %s asked with IKEv%d", where(c), c.Version, st.init, st.s.major)
		b.Why("%s asked with IKEv%d, and the connection of %s is for IKEv%d", st.init, st.s.major, st.resp, c.Version)
		return true
	case len(c.Proposals) == 0:
		b.Fact(nil, "%s leaves the proposals to the program", where(c))
		return false
	}
	b.Fact(nil, "%s accepts %s", where(c), texts(c.Proposals))
	if d := differs(ike.Suites(st.s.major, st.s.offered), c.Proposals); d != "" {
		b.Why("%s offered %s and %s accepts %s: %s", st.init, suites(st.s.major, st.s.offered), st.resp, texts(c.Proposals), d)
		return true
	}
	return false
}

func texts(ps []hostconf.Proposal) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Text)
	}
	return detect.List(out, 3)
}

// differs says in which sort of algorithm nothing is common; empty where some suite fits.
func differs(offered []ike.Suite, accepted []hostconf.Proposal) string {
	said := ""
	for i := range offered {
		for j := range accepted {
			o, a := &offered[i], &accepted[j]
			d := ""
			for _, k := range []struct {
				what string
				x    []ike.Algorithm
				y    []string
			}{{"cipher", o.Encr, a.Encr}, {"check value", o.Hash, a.Hash}, {"Diffie-Hellman group", o.Group, a.Group}} {
				if len(k.x) > 0 && len(k.y) > 0 && !slices.ContainsFunc(k.x, func(x ike.Algorithm) bool { return slices.Contains(k.y, x.Name) }) {
					d = "no common " + k.what
					break
				}
			}
			if d == "" {
				return ""
			}
			said = d
		}
	}
	return said
}

// idContext compares the identities of both files; decided: they agree, agree says so.
func (st *story) idContext() (decided, agree bool, text string) {
	i, _ := st.settings(st.s.initiator.Addr, st.s.responder.Addr)
	r, _ := st.settings(st.s.responder.Addr, st.s.initiator.Addr)
	if i == nil || r == nil {
		return false, false, ""
	}
	for _, x := range []struct{ own, expected, ownAddr, who, other string }{
		{i.LocalID, r.RemoteID, st.init, st.init, st.resp}, {r.LocalID, i.RemoteID, st.resp, st.resp, st.init}} {
		own := x.own
		if own == "" {
			own = x.ownAddr
		}
		if x.expected != "" && x.expected != "%any" && x.expected != own {
			return true, false, fmt.Sprintf("%s calls itself %s and %s expects %s", x.who, own, x.other, x.expected)
		}
		if x.expected == "" && x.own != "" && x.own != x.ownAddr {
			return true, false, fmt.Sprintf("%s calls itself %s and %s names nobody, so expects the address %s", x.who, own, x.other, x.ownAddr)
		}
	}
	return true, true, fmt.Sprintf("%s and %s name the same identities", where(i), where(r))
}

// tunnelContext compares the tunnel's settings of both files: what differs, and whether all was compared.
func (st *story) tunnelContext(firstTunnel bool) (differences []string, same []string) {
	i, _ := st.settings(st.s.initiator.Addr, st.s.responder.Addr)
	r, _ := st.settings(st.s.responder.Addr, st.s.initiator.Addr)
	for _, c := range []*hostconf.Connection{i, r} {
		if c == nil {
			continue
		}
		for k := range c.Children {
			ch := &c.Children[k]
			st.b.Fact(nil, "%s:%d (%s): PFS %s, ESP %s, %s to %s", c.File, ch.Line, ch.Name, pfsText(ch), orDefault(texts(ch.Proposals)), orDefault(detect.List(ch.LocalNets, 3)), orDefault(detect.List(ch.RemoteNets, 3)))
		}
	}
	if i == nil || r == nil || len(i.Children) != 1 || len(r.Children) != 1 {
		return nil, nil
	}
	a, z := &i.Children[0], &r.Children[0]
	note := func(what string, equal, known bool) {
		switch {
		case known && equal:
			same = append(same, what)
		case known:
			differences = append(differences, what)
		}
	}
	if !firstTunnel { // in IKEv2 the first tunnel has no key exchange of its own
		note("PFS", a.PFS == z.PFS && (a.PFS != hostconf.Yes || commonGroup(a, z)), a.PFS != hostconf.Unsaid && z.PFS != hostconf.Unsaid)
	}
	note("the ESP algorithms", commonESP(a.Proposals, z.Proposals), len(a.Proposals) > 0 && len(z.Proposals) > 0)
	note("the subnets", mirrored(a.LocalNets, z.RemoteNets) && mirrored(a.RemoteNets, z.LocalNets),
		len(a.LocalNets) > 0 && len(a.RemoteNets) > 0 && len(z.LocalNets) > 0 && len(z.RemoteNets) > 0)
	return differences, same
}

func pfsText(c *hostconf.Child) string {
	switch c.PFS {
	case hostconf.Yes:
		for _, p := range c.Proposals {
			if len(p.Group) > 0 {
				return "with " + p.Group[0]
			}
		}
		return "yes"
	case hostconf.No:
		return "no"
	}
	return "as the program does"
}

func orDefault(s string) string {
	if s == "" {
		return "(not said)"
	}
	return s
}

func commonGroup(a, b *hostconf.Child) bool {
	var x, y []string
	for _, p := range a.Proposals {
		x = append(x, p.Group...)
	}
	for _, p := range b.Proposals {
		y = append(y, p.Group...)
	}
	return len(x) == 0 || len(y) == 0 || slices.ContainsFunc(x, func(g string) bool { return slices.Contains(y, g) })
}

func commonESP(a, b []hostconf.Proposal) bool {
	meet := func(x, y []string) bool {
		return len(x) == 0 && len(y) == 0 || slices.ContainsFunc(x, func(s string) bool { return slices.Contains(y, s) })
	}
	for i := range a {
		for j := range b {
			if meet(a[i].Encr, b[j].Encr) && meet(a[i].Hash, b[j].Hash) {
				return true
			}
		}
	}
	return false
}

// mirrored reports whether two lists name the same networks, in whatever order and writing.
func mirrored(a, b []string) bool {
	norm := func(l []string) []string {
		var out []string
		for _, s := range l {
			if p, err := netip.ParsePrefix(s); err == nil {
				s = p.Masked().String()
			} else if x, err := netip.ParseAddr(s); err == nil {
				s = netip.PrefixFrom(x, x.BitLen()).String()
			}
			out = append(out, s)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(norm(a), norm(b))
}
