package hostconf

import (
	"strings"

	"firestorm/internal/ipsecconf"
)

// swanctl reads swanctl.conf of strongSwan: the section connections, and nothing of secrets.
func (f *Facts) swanctl(file string, text []byte) error {
	root, err := ipsecconf.ParseTree(file, text)
	if err != nil {
		return err
	}
	for _, cs := range root.Sections {
		if cs.Name != "connections" {
			continue
		}
		for _, n := range cs.Sections {
			f.Connections = append(f.Connections, swanctlConnection(n.Resolve(root)))
		}
	}
	return nil
}

func swanctlConnection(n *ipsecconf.Node) Connection {
	c := Connection{Name: n.Name, File: n.File, Line: n.Line, Aggressive: tri(n.Get("aggressive").Value), LocalAddr: list(n.Get("local_addrs").Value),
		RemoteAddr: list(n.Get("remote_addrs").Value), Proposals: proposals(n.Get("proposals").Value)}
	switch n.Get("version").Value {
	case "1":
		c.Version = 1
	case "2":
		c.Version = 2
	}
	for _, s := range n.Sections {
		id := &c.LocalID
		switch {
		case strings.HasPrefix(s.Name, "local"):
		case strings.HasPrefix(s.Name, "remote"):
			id = &c.RemoteID
		case s.Name == "children":
			for _, x := range s.Sections {
				ch := Child{Name: x.Name, Line: x.Line, Proposals: proposals(x.Get("esp_proposals").Value), LocalNets: list(x.Get("local_ts").Value),
					RemoteNets: list(x.Get("remote_ts").Value)}
				ch.PFS = pfsOf(ch.Proposals)
				c.Children = append(c.Children, ch)
			}
			continue
		default:
			continue
		}
		if *id == "" {
			*id = bounded(s.Get("id").Value)
		}
	}
	return c
}

// proposals are those of a setting; none where the program's own are meant.
func proposals(v string) []Proposal {
	if v == "default" {
		return nil
	}
	return ipsecconf.ParseProposals(v)
}
