package rarogue

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
)

var vendors = neighbour.BuiltIn()

func (r *router) who() string { return fmt.Sprintf("%s, %s,", r.Addr, vendors.Describe(r.MAC)) }

func (r *router) prefixes() string {
	var out []string
	for _, p := range r.Prefixes[:r.NPrefix] {
		out = append(out, fmt.Sprintf("%s/%d", p.Prefix, p.Bits))
	}
	if len(out) == 0 {
		return "no prefix"
	}
	return detect.List(out, 4)
}

func (r *router) servers() string {
	var out []string
	for _, a := range r.Servers[:r.NServer] {
		out = append(out, a.String())
	}
	return detect.List(out, 3)
}

// offers writes what hosts get from the router.
func (r *router) offers() string {
	s := r.prefixes()
	if r.NServer > 0 {
		s += ", name servers " + r.servers()
	}
	return s
}

// Compose writes the finding for one sender.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	s := g.Kept[0].Data.(*segment)
	own, r, forged := s.rogue()
	if r == nil {
		return false
	}
	b.Subject(finding.Subject{Role: "router", Addr: r.Addr, MAC: r.MAC})
	b.Subject(finding.Subject{Role: "known router", Addr: own.Addr, MAC: own.MAC})
	if forged {
		b.Title("%s speaks as the IPv6 router %s, which is %s", vendors.Describe(r.MAC), own.Addr, vendors.Describe(own.MAC))
		b.Why("advertisements in that router's name come from another card (%s), while the router itself goes on", d.scope.Frame(r.First))
	} else {
		b.Title("%s announces itself as an IPv6 router for %s, beside %s", r.who(), r.prefixes(), own.Addr)
		b.Why("it offers %s; the router that was there before offers %s", r.offers(), own.offers())
	}
	b.Summary("A machine in this network tells all hosts that it is a router. They believe it, make themselves an address in its prefix and send it what leaves the network. If it does not pass that on, "+
		"IPv6 is slow or dead for everybody; if it does, it can read what is not encrypted. The network's own router is %s.", own.Addr)
	if n := len(s.Takers); n > 0 {
		b.Impact("%s took up its prefix", detect.Plural(n, "host", "hosts"))
	} else {
		b.Impact("no host was seen to take it up")
	}
	life := detect.Span(r.Lifetime)
	b.Fact(detect.Refs(r.First, r.Last), "%s advertised %s: default router for %s, preference %s, %s", vendors.Describe(r.MAC), detect.Plural(int(r.N), "time", "times"), life, preference(r.Preference), r.offers())
	b.Fact(detect.Refs(own.First, own.Last), "%s (%s) was there before: %s, %s", own.Addr, vendors.Describe(own.MAC), detect.Plural(int(own.N), "advertisement", "advertisements"), own.offers())
	for _, t := range s.Takers {
		b.Fact(detect.Refs(t.Ref), "%s makes itself the address %s", t.MAC, t.IP)
		b.Evidence(t.Ref, "a host takes the prefix up")
	}
	d.alternatives(b, own, r, forged)
	d.remedy(b, r)
	b.Evidence(own.First, "the network's own router")
	b.Evidence(r.First, "the other one")
	b.Evidence(r.Last, "the other one again")
	b.WrongIf("whoever runs the network set up the machine with %s as a router", r.MAC)
	return true
}

func preference(p int8) string { return [...]string{"low", "medium", "high"}[p+1] }

func (d *detector) alternatives(b *finding.Builder, own, r *router, forged bool) {
	refs := detect.Refs(own.Last, r.Last)
	if forged {
		b.RuledOut("second", refs, "it uses the address of the router that is there")
	} else {
		b.Open("second", "ask who runs the machine with %s; Windows' connection sharing and boxes of providers do this unasked", r.MAC)
	}
	if own.Last.Time >= r.First.Time && !own.Last.IsZero() {
		b.RuledOut("renumber", refs, "the router that was there before goes on, with its own card and prefix")
	} else {
		b.Open("renumber", "the router that was there before was not heard any more")
	}
}

func (d *detector) remedy(b *finding.Builder, r *router) {
	m := r.MAC
	b.Remedy(finding.AtSwitch, "let the switch drop router advertisements from all ports but the router's (RA guard, RFC 6105), and find the port of %s", m).
		Run("Cisco IOS", "ipv6 nd raguard policy HOSTS").
		Run("Cisco IOS", "show mac address-table address %02x%02x.%02x%02x.%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5]).
		Run("Linux bridge", "bridge fdb show | grep %s", m)
	b.Remedy(finding.AtClient, "servers with fixed addresses need no advertisements (costs automatic configuration)").
		Run("Linux", "sysctl -w net.ipv6.conf.all.accept_ra=0").
		Run("Windows", "netsh interface ipv6 set interface \"Ethernet\" routerdiscovery=disabled")
	b.Check("rdisc6 eth0", "in this network (package ndisc6): it lists every router that answers; Linux hosts show theirs with ip -6 route show default")
}
