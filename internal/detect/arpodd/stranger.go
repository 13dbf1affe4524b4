package arpodd

import (
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// stranger follows which networks are on a wire, and hosts that are of none of them. A network is known by its hosts: a
// /24 with three of them, or one whose hosts are answered by those of a known one, as where the mask is shorter.
func (d *detector) stranger(w neighbour.Wire, c *neighbour.Claim) {
	d.latest = c.Seen
	if !c.IP.Is4() || linkLocal4(c.IP) {
		return
	}
	n := d.network(w, c.IP, c.Seen)
	n.add(c.IP)
	switch {
	case c.How == neighbour.Asked && !c.To.IsZero():
		d.asked(w, c)
	case c.How == neighbour.Answered:
		if at := d.asks.Get(ask{w, c.To, c.IP}); at != nil && c.Seen.Time.Sub(*at) <= answerWithin {
			d.answered(w, c)
		}
	}
}

// network returns what is known of the /24 of an address.
func (d *detector) network(w neighbour.Wire, a packet.Addr, r packet.Ref) *members4 {
	v, fresh := d.nets.Put(network{w, a.Prefix()})
	if fresh {
		*v = &members4{Net: a.Prefix(), Ref: r}
	}
	return *v
}

func (n *members4) add(a packet.Addr) {
	for _, h := range n.Hosts[:n.N] {
		if h == a {
			return
		}
	}
	if n.N < members {
		n.Hosts[n.N] = a
		n.N++
	}
}

// asked notes a question of a host; the one before it is decided by now or never.
func (d *detector) asked(w neighbour.Wire, c *neighbour.Claim) {
	a, _ := d.asks.Put(ask{w, c.IP, c.To})
	*a = c.Seen.Time
	k := host{w, c.IP}
	v, fresh := d.hosts.Put(k)
	if fresh {
		*v = &stranger{key: k, MAC: c.MAC, First: c.Seen}
	}
	s := *v
	s.Asked++
	if s.Pending != 0 && !s.Answered {
		s.Vain++
		if len(s.Refs) < maxRefs && !s.PendingR.IsZero() {
			s.Refs = append(s.Refs, s.PendingR)
		}
	}
	s.Pending, s.PendingR, s.Target = c.Seen.Time, c.Seen, c.To
}

// answered joins the networks of who asked and who answered.
func (d *detector) answered(w neighbour.Wire, c *neighbour.Claim) {
	if v := d.hosts.Get(host{w, c.To}); v != nil {
		(*v).Answered = true
	}
	if v := d.hosts.Get(host{w, c.IP}); v != nil {
		(*v).Served = true // somebody looks for it and finds it: it is of use here
	}
	x, y := d.network(w, c.IP, c.Seen), d.network(w, c.To, c.Seen)
	if x.Net != y.Net {
		from, to := y.Net, x.Net
		d.nets.Each(func(_ network, v **members4) {
			if (*v).Net == from {
				(*v).Net = to
			}
		})
	}
}

// judge reports a host whose questions go unanswered, alone in its network, on a wire where another network is known.
func (d *detector) judge(s *stranger) {
	if s.Said || s.Answered || s.Served || s.Vain < inVain || d.latest.IsZero() {
		return
	}
	own := d.network(s.key.Wire, s.key.IP, d.latest)
	if own.N >= members || d.here(s.key.Wire, own) == nil {
		return
	}
	s.Said = true
	first, last := s.First, s.PendingR
	if last.IsZero() { // it asked before this input
		last = d.latest
	}
	if first.IsZero() {
		first = last
	}
	d.scope.Report(&finding.Instance{Code: Bogon, Key: s.key.IP.String() + wire(s.key.Wire), Vantage: s.key.Vantage, Client: s.key.IP, First: first, Last: last, Data: s})
}

// Tick looks at hosts that may be strangers: the network that is here may become known after they asked.
func (d *detector) Tick(now packet.Time) {
	if now.Sub(d.looked) < lookEvery {
		return
	}
	d.looked = now
	d.hosts.Each(func(_ host, v **stranger) { d.judge(*v) })
}

// End judges what is there. A question that may still be answered counts for nothing.
func (d *detector) End(packet.Time) {
	d.hosts.Each(func(_ host, v **stranger) { d.judge(*v) })
}

// here returns the known network of a wire that is not own's; nil when none is known.
func (d *detector) here(w neighbour.Wire, own *members4) *members4 {
	var best *members4
	d.nets.Each(func(k network, v **members4) {
		if n := *v; k.Wire == w && n.Net != own.Net && n.N >= members && best == nil {
			best = n
		}
	})
	return best
}

// linkLocal4 reports an address that hosts give themselves (RFC 3927): it belongs to every wire.
func linkLocal4(a packet.Addr) bool { return a[12] == 169 && a[13] == 254 || a[12] == 0 }
