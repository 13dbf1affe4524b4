package arpconflict

import (
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// probing is a host's question whether an address is free, and what came of it.
type probing struct {
	MAC    packet.MAC // who asks
	Probe  packet.Ref
	At     packet.Time
	Refs   []packet.Ref // of all its probes that were answered, at most maxBoth
	Taken  []packet.Ref // the answers, at most maxBoth
	By     packet.MAC
	Times  uint32 // probes answered
	Twins  bool   // both only probed
	Owner  bool   // By used the address before
	Denies int    // addresses for which By answered that it was never seen to use
	Known  packet.MAC
	KnownR packet.Ref // a claim by Known before the probe
	place  place
}

// dad follows duplicate address detection of IPv6 (RFC 4862 5.4): a probe that is answered, or met by another's probe,
// leaves its host without the address.
func (d *detector) dad(p place, c *neighbour.Claim) {
	if neighbour.Shared(c.MAC) != "" {
		return
	}
	if c.How != neighbour.Probed {
		x := d.probes.Get(p)
		switch {
		case x == nil:
			v, _ := d.probes.Put(p)
			*v = probing{Known: c.MAC, KnownR: c.Seen, place: p}
		case !x.MAC.IsZero() && c.Reply && c.MAC != x.MAC && c.Seen.Time.Sub(x.At) <= answerWithin:
			d.taken(x, c.Seen, c.MAC, false)
		case c.MAC != x.MAC:
			x.Known, x.KnownR = c.MAC, c.Seen
		}
		return
	}
	x, _ := d.probes.Put(p)
	x.place = p
	if !x.MAC.IsZero() && x.MAC != c.MAC && c.Seen.Time.Sub(x.At) <= answerWithin {
		d.taken(x, c.Seen, c.MAC, true) // RFC 4862 5.4.3: two that probe at once
		return
	}
	x.MAC, x.Probe, x.At = c.MAC, c.Seen, c.Seen.Time
}

func (d *detector) taken(x *probing, answer packet.Ref, by packet.MAC, twins bool) {
	if x.By != by && !x.By.IsZero() {
		x.Refs, x.Taken, x.Times = nil, nil, 0
	}
	x.By, x.Twins = by, twins
	x.Owner = x.Known == by
	s, _ := d.claims.Put(claimer{x.place.Wire, by})
	if !x.Owner && !twins {
		s.add(x.place.IP) // answers for what it was never seen to use
	}
	x.Denies = s.N
	x.Times++
	if len(x.Refs) < maxBoth {
		x.Refs, x.Taken = append(x.Refs, x.Probe), append(x.Taken, answer)
	}
	kept := *x
	d.scope.Report(&finding.Instance{Code: DAD, Key: x.MAC.String() + x.place.IP.String() + wire(x.place.Wire), Vantage: x.place.Vantage,
		First: x.Probe, Last: answer, Data: &kept})
	x.MAC = packet.MAC{} // one answer to a probe is enough
}
