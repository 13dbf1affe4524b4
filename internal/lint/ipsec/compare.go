package ipsec

import (
	"net/netip"
	"slices"
)

// Compare judges every connection of one gateway with the one of its peer that is most likely meant. alone are those
// here, and there, that have no counterpart.
func Compare(a, b *Side) (verdicts []Verdict, alone, aloneThere []string) {
	used := map[*Conn]bool{}
	mates := map[*Conn]*Conn{}
	for _, x := range a.Conns {
		if !x.tunnels() {
			continue
		}
		var best *Conn
		var mine *Conn
		score := 0
		for _, y := range b.Conns {
			if !y.tunnels() {
				continue
			}
			for _, p := range x.ways() {
				for _, q := range y.ways() {
					if s := kinship(p, q); best == nil || s > score {
						best, mine, score = q, p, s
						mates[q] = y
					}
				}
			}
		}
		lonely := len(live(a.Conns)) == 1 && len(live(b.Conns)) == 1
		if best == nil || score < 2 && !lonely {
			alone = append(alone, x.title())
			continue
		}
		used[mates[best]] = true
		for i := range mine.Children {
			verdicts = append(verdicts, judge(mine, &mine.Children[i], best, a, b))
		}
		if len(mine.Children) == 0 {
			verdicts = append(verdicts, judge(mine, &Child{}, best, a, b))
		}
	}
	for _, y := range live(b.Conns) {
		if !used[y] {
			aloneThere = append(aloneThere, y.title())
		}
	}
	return verdicts, alone, aloneThere
}

// tunnels reports whether a connection is one between gateways at all.
func (c *Conn) tunnels() bool {
	return len(c.Children) == 0 || c.Children[0].Mode != "pass" && c.Children[0].Mode != "drop"
}

func live(cs []*Conn) []*Conn {
	return slices.DeleteFunc(slices.Clone(cs), func(c *Conn) bool { return !c.tunnels() })
}

// ways are the connection and, where nothing tells which end is this machine, the same seen from the other.
func (c *Conn) ways() []*Conn {
	if c.unsure {
		return []*Conn{c, c.flipped()}
	}
	return []*Conn{c}
}

// kinship says how much two connections look like the two ends of one.
func kinship(a, b *Conn) int {
	s := 0
	near := func(mine, theirs []string) {
		switch {
		case len(mine) == 0 || len(theirs) == 0:
			s++
		case slices.ContainsFunc(mine, func(x string) bool { return slices.Contains(theirs, x) }):
			s += 6
		default:
			s -= 9
		}
	}
	near(a.Remote.Addrs, b.Local.Addrs)
	near(a.Local.Addrs, b.Remote.Addrs)
	for _, x := range [][2]Identity{{a.Local.ID, b.Remote.ID}, {b.Local.ID, a.Remote.ID}} {
		if !x[0].Any() && !x[1].Any() && x[0].Matches(x[1]) {
			s += 3
		}
	}
	for i := range a.Children {
		for j := range b.Children {
			if len(a.Children[i].LocalTS) > 0 && slices.Equal(a.Children[i].LocalTS, b.Children[j].RemoteTS) {
				s += 2
			}
			if len(a.Children[i].RemoteTS) > 0 && slices.Equal(a.Children[i].RemoteTS, b.Children[j].LocalTS) {
				s += 2
			}
		}
	}
	if a.Name == b.Name {
		s++
	}
	for v := 1; v <= 2; v++ { // the responder takes the one whose version fits
		if a.Takes[v] && b.Takes[v] {
			s++
			break
		}
	}
	return s
}

// judge lets both sides begin, where they can, and says what comes of it.
func judge(a *Conn, ac *Child, b *Conn, as, bs *Side) Verdict {
	bc := partner(a, ac, b)
	begins := func(c *Conn) bool { return len(c.Remote.Addrs) > 0 }
	var here, peer *Verdict
	if begins(a) || !begins(b) {
		v := attempt(&talk{init: a, resp: b, ic: ac, rc: bc, iside: as, rside: bs, initHere: true})
		here = &v
	}
	if begins(b) {
		v := attempt(&talk{init: b, resp: a, ic: bc, rc: ac, iside: bs, rside: as})
		peer = &v
	}
	switch {
	case here == nil:
		return *peer
	case peer == nil:
		return *here
	}
	// The one who is told to begin counts; otherwise this side.
	main, other := here, peer
	if a.Start != "start" && b.Start == "start" {
		main, other = peer, here
	}
	if main.Outcome != other.Outcome {
		main.OtherWay = "when the other side begins: " + words[other.Outcome]
		if len(other.Mismatches) > 0 {
			m := other.Mismatches[0]
			main.OtherWay += " (" + m.Topic + ": " + m.Says + ")"
		}
	}
	return *main
}

// partner is the tunnel of the peer that fits best.
func partner(a *Conn, ac *Child, b *Conn) *Child {
	best, score := &Child{}, -1
	for i := range b.Children {
		c := &b.Children[i]
		s := 0
		for _, x := range [][2][]string{{a.selectors(ac, true, b), b.selectors(c, false, a)}, {a.selectors(ac, false, b), b.selectors(c, true, a)}} {
			switch equal, overlap := selectorsMeet(x[0], x[1]); {
			case equal:
				s += 4
			case overlap:
				s++
			}
		}
		if c.Name == ac.Name {
			s++
		}
		if s > score {
			best, score = c, s
		}
	}
	return best
}

// own is the address that a side has, as far as its own file or its peer's tells.
func (c *Conn) own(peer *Conn) string {
	switch {
	case len(c.Local.Addrs) > 0:
		return c.Local.Addrs[0]
	case peer != nil && len(peer.Remote.Addrs) > 0:
		return peer.Remote.Addrs[0]
	}
	return ""
}

// selectors are the networks of one end of a tunnel; without any it is the end's address. nil: not known.
func (c *Conn) selectors(ch *Child, local bool, peer *Conn) []string {
	l := ch.RemoteTS
	addr := peer.own(c)
	if local {
		l, addr = ch.LocalTS, c.own(peer)
	}
	if len(l) > 0 || ch.NoTS {
		return l
	}
	if a, err := netip.ParseAddr(addr); err == nil {
		return []string{netip.PrefixFrom(a, a.BitLen()).String()}
	}
	return nil
}
