package hostconf

import (
	"strings"

	"firestorm/internal/ipsecconf"
	"firestorm/internal/packet"
)

// Tri is yes, no, or what the program does when the file does not say.
type Tri uint8

// Values of Tri.
const (
	Unsaid Tri = iota
	Yes
	No
)

// Connection is one side's settings for a VPN, as ipsec.conf or swanctl.conf have them.
type Connection struct {
	Name                  string
	File                  string
	Line                  int
	Version               int // of IKE: 1, 2; 0 either
	Aggressive            Tri
	Proposals             []Proposal // phase 1; none: the program's own
	LocalAddr, RemoteAddr []string
	LocalID, RemoteID     string // empty: the address, as a rule
	Children              []Child
}

// Child is a tunnel of a connection.
type Child struct {
	Name                  string
	Line                  int
	Proposals             []Proposal // ESP; none: the program's own
	PFS                   Tri
	LocalNets, RemoteNets []string
}

// Proposal is one list of algorithms in strongSwan's short names.
type Proposal = ipsecconf.Proposal

// ipsec reads ipsec.conf of FreeS/WAN, Openswan, libreswan and strongSwan. Which of left and right is this host, its
// address tells; left, where neither does.
func (f *Facts) ipsec(file string, text []byte, own packet.Addr) error {
	x, err := ipsecconf.ParseConf(file, text)
	if err != nil {
		return err
	}
	all := ipsecconf.NewConfig(x.Sections)
	for _, s := range x.Sections {
		if s.Kind != "conn" || s.Name == "%default" {
			continue
		}
		keys, _, _ := all.Resolve(s)
		get := func(names ...string) string {
			for _, n := range names {
				if v := keys[n].Value; v != "" {
					return bounded(v)
				}
			}
			return ""
		}
		if get("left") == "" && get("right") == "" {
			continue // a part for others (also=)
		}
		f.Connections = append(f.Connections, connection(file, s, get, own))
	}
	return nil
}

func connection(file string, s *ipsecconf.Section, get func(...string) string, own packet.Addr) Connection {
	l, r := "left", "right"
	if get("right") == own.String() && get("left") != own.String() {
		l, r = r, l
	}
	c := Connection{Name: s.Name, File: file, Line: s.Line, LocalAddr: list(get(l)), RemoteAddr: list(get(r)),
		LocalID: strings.TrimPrefix(get(l+"id"), "@"), RemoteID: strings.TrimPrefix(get(r+"id"), "@"), Aggressive: tri(get("aggressive", "aggrmode"))}
	switch v := get("keyexchange"); v {
	case "ikev1":
		c.Version = 1
	case "ikev2":
		c.Version = 2
	}
	switch get("ikev2") {
	case "no", "never":
		c.Version = 1
	case "yes", "insist":
		c.Version = 2
	}
	c.Proposals = ipsecconf.ParseProposals(get("ike"))
	ch := Child{Name: s.Name, Line: s.Line, Proposals: ipsecconf.ParseProposals(get("esp", "phase2alg")), LocalNets: list(get(l+"subnet", l+"subnets")),
		RemoteNets: list(get(r+"subnet", r+"subnets"))}
	ch.PFS = tri(get("pfs"))
	if ch.PFS == Unsaid {
		ch.PFS = pfsOf(ch.Proposals)
		if ch.PFS == No || get("pfsgroup") != "" {
			ch.PFS = Unsaid // libreswan uses PFS unless told otherwise, strongSwan only with a group
		}
	}
	c.Children = []Child{ch}
	return c
}

// pfsOf says what strongSwan takes from ESP proposals: a group means PFS, none none.
func pfsOf(ps []Proposal) Tri {
	if len(ps) == 0 {
		return Unsaid
	}
	for _, p := range ps {
		if len(p.Group) > 0 {
			return Yes
		}
	}
	return No
}

func tri(s string) Tri {
	switch strings.ToLower(s) {
	case "yes", "true", "1":
		return Yes
	case "no", "false", "0":
		return No
	}
	return Unsaid
}

// Matches reports whether the connection is for a peer with the address: named, or any.
func (c *Connection) Matches(peer packet.Addr) bool {
	if len(c.RemoteAddr) == 0 {
		return true
	}
	for _, a := range c.RemoteAddr {
		if strings.HasPrefix(a, "%") || a == peer.String() || a == "0.0.0.0/0" || a == "::/0" {
			return true
		}
	}
	return false
}
