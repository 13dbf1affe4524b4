package vrrp

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
)

var vendors = neighbour.BuiltIn()

// Compose writes the finding for one virtual router.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	s := g.Kept[0].Data.(*state)
	x, y := &s.Leaders[s.Pair[0]], &s.Leaders[s.Pair[1]]
	both := s.Pair[1] > s.Pair[0]
	if !both {
		x, y = &s.Leaders[0], &s.Leaders[1]
	}
	if s.N < 2 {
		return false
	}
	name := fmt.Sprintf("%s router %d", s.key.Protocol, s.key.ID)
	b.Subject(finding.Subject{Role: "router", Addr: x.Addr, MAC: x.MAC})
	b.Subject(finding.Subject{Role: "router", Addr: y.Addr, MAC: y.MAC})
	if both {
		b.Title("%s and %s both lead %s: they do not hear each other", x.Addr, y.Addr, name)
		b.Why("both advertised it side by side for %s; who hears one with a greater priority stops", detect.Span(s.Longest))
	} else {
		b.Title("the lead of %s goes to and fro between %s and %s: %d changes within an hour", name, x.Addr, y.Addr, len(s.Changes))
		b.Why("the lead changed %d times within an hour without a word of who led; advertisements are lost, or a watched line comes and goes", len(s.Changes))
	}
	b.Summary("Two routers share an address so that one can stand in for the other. Only one of them should lead at a time; each should hear the other's advertisements and give way to the better one. "+
		"Machines that use the shared address %s now talk to one or the other, and connections break when that changes.", addresses(x))
	b.Impact("connections through %s break whenever the other one answers", addresses(x))
	for _, l := range []*leader{x, y} {
		b.Fact(detect.Refs(l.First, l.Last), "%s (%s) advertised it %s: priority %d, every %s, for %s", l.Addr, vendors.Describe(l.MAC), detect.Plural(int(l.N), "time", "times"), l.Priority,
			detect.Span(l.Interval), addresses(l))
	}
	if both {
		b.Fact(s.Refs, "they led side by side for %s", detect.Span(s.Longest))
	}
	d.differences(b, x, y)
	if both {
		b.RuledOut("hand-over", s.Refs, "it lasted %s, longer than %d intervals: in a hand-over the old one is silent, or gives up at the first advertisement that it hears", detect.Span(s.Longest), intervals)
	} else {
		b.RuledOut("hand-over", s.ChangeR, "it changed %d times, and who led did not say that it leaves", len(s.Changes))
	}
	if x.Count > 0 && x.Addresses == y.Addresses {
		b.RuledOut("numbers", detect.Refs(x.Last, y.Last), "both speak of the same addresses, %s", addresses(x))
	} else {
		b.Open("numbers", "they speak of %s and of %s: compare the configurations, and whether the mirror joins two VLANs", addresses(x), addresses(y))
	}
	d.remedy(b, s, x, y)
	for _, r := range s.Refs {
		b.Evidence(r, "an advertisement while both lead")
	}
	b.Evidence(x.First, x.Addr.String()+" leads")
	b.Evidence(y.First, y.Addr.String()+" leads")
	b.WrongIf("captures at both routers show that each receives the other's advertisements")
	return true
}

// addresses lists what a router backs up.
func addresses(l *leader) string {
	var out []string
	for _, a := range l.Addresses {
		if !a.IsZero() {
			out = append(out, a.String())
		}
	}
	if len(out) == 0 {
		return "addresses that the messages do not name"
	}
	return detect.List(out, 4)
}

// differences names what makes routers ignore each other.
func (d *detector) differences(b *finding.Builder, x, y *leader) {
	refs := detect.Refs(x.Last, y.Last)
	switch {
	case x.Version != y.Version:
		b.Fact(refs, "%s speaks version %d, %s version %d: they ignore each other (RFC 9568 8.4)", x.Addr, x.Version, y.Addr, y.Version)
	case x.Auth != y.Auth:
		b.Fact(refs, "their kinds of authentication differ (%d and %d): they ignore each other", x.Auth, y.Auth)
	case x.Interval != y.Interval && x.Version == 2:
		b.Fact(refs, "their intervals differ (%s and %s): version 2 ignores such messages (RFC 3768 7.1)", detect.Span(x.Interval), detect.Span(y.Interval))
	case x.TTL != 255 || y.TTL != 255:
		b.Fact(refs, "TTL %d and %d: what is not 255 is ignored (RFC 9568 5.1.1.3)", x.TTL, y.TTL)
	default:
		b.Fact(refs, "version, authentication, interval and TTL agree: the messages do not arrive, or are dropped on arrival")
	}
}

func (d *detector) remedy(b *finding.Builder, s *state, x, y *leader) {
	proto, where := "112", "224.0.0.18"
	if s.key.V6 {
		where = "ff02::12"
	}
	b.Remedy(finding.AtRouter, "let both routers receive the other's advertisements (IP protocol %s to %s): look at their own filters first", proto, where).
		Run("nftables", "nft insert rule inet filter input meta l4proto %s accept", proto).
		Run("iptables", "iptables -I INPUT -p %s -j ACCEPT", proto)
	b.Remedy(finding.AtSwitch, "then at the switches between them: multicast to %s must pass (storm control, IGMP snooping without a querier, a VLAN missing on a trunk)", where).
		Run("Cisco IOS", "show ip igmp snooping groups")
	b.Check("tcpdump -ni any 'ip proto "+proto+" or ip6 proto "+proto+"'", "on "+x.Addr.String()+" and on "+y.Addr.String()+": each must show the other's")
}
