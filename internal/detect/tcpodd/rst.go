package tcpodd

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// youngest is the age below which no device forgets a connection by its idle timer: the shortest that are known to be
// used are half a minute.
const youngest = 30 * time.Second

// pause is the silence from which on a device may have forgotten a connection: the idle detector speaks of those.
const pause = 2 * time.Second

// injected reports that a standing connection was cut by a reset that came from another distance than all else that its
// supposed sender sent, and the direction that the reset travelled.
func injected(f *event.Flow) (packet.Dir, bool) {
	x := &f.Refusal
	if x.Ref.IsZero() || !x.Valid || f.Marks[event.MarkHandshake].IsZero() {
		return 0, false
	}
	if f.Stall.EndedByRST && f.Stall.IdleBefore >= pause {
		return 0, false // it died after a silence: a timer, as a rule
	}
	s := &f.Sides[x.Dir]
	if s.TTLFirst == 0 || s.TTLMin != s.TTLMax || x.TTL == 0 || x.TTL == s.TTLFirst || begin(x.TTL) != begin(s.TTLFirst) {
		return 0, false
	}
	return x.Dir, true
}

// begin is the TTL that a packet began with, as systems set it.
func begin(ttl uint8) int {
	for _, n := range []int{32, 64, 128} {
		if int(ttl) <= n {
			return n
		}
	}
	return 255
}

func (d *detector) rst(g *finding.Group, b *finding.Builder) bool {
	f := oddityOf(g, 0).flow
	h := f.Head()
	x := &f.Refusal
	s := &f.Sides[x.Dir]
	from, to := sender(h, x.Dir), sender(h, x.Dir.Other())
	var at []packet.Ref
	onward, oldest := packet.Ref{}, time.Duration(0)
	for i := range g.Kept {
		k := oddityOf(g, i).flow
		if len(at) < 4 {
			at = append(at, k.Refusal.Ref)
		}
		if r := k.Resets[k.Refusal.Dir].After; onward.IsZero() && !r.IsZero() {
			onward = r
		}
		oldest = max(oldest, k.Refusal.Ref.Time.Sub(k.Start.Time))
	}
	nearer := int(x.TTL) - int(s.TTLFirst)
	where := detect.Plural(nearer, "hop nearer", "hops nearer")
	if nearer < 0 {
		where = detect.Plural(-nearer, "hop farther away", "hops farther away")
	}
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	b.Title("a device cuts connections between %s and %s: %s, by resets in the name of %s", h.Client.Addr, detect.EndText(h.Server),
		detect.Plural(g.Count, "connection", "connections"), from.Addr)
	b.Why("the resets come from %s than %s itself (TTL %d, all its other packets %d)", where, from.Addr, x.TTL, s.TTLFirst)
	b.Summary("%s between these networks worked and were then reset. The resets bear the address of %s, and did not come from there: they travelled another distance than everything else it sent. A firewall, an "+
		"inspection or an attacker on the way cuts these connections; neither end wanted it.", detect.Plural(g.Count, "connection", "connections"), from.Addr)
	b.Impact("%s cut", detect.Plural(g.Count, "connection", "connections"))
	b.Fact(at, "the reset to %s (%s) arrived with TTL %d", detect.EndText(to), d.scope.Frame(x.Ref), x.TTL)
	b.Fact([]packet.Ref{f.Start, f.Marks[event.MarkSYNACK]}, "all other packets of %s on this connection arrived with TTL %d", from.Addr, s.TTLFirst)
	if !onward.IsZero() {
		b.Fact([]packet.Ref{onward}, "%s went on after the reset in its name (%s)", from.Addr, d.scope.Frame(onward))
	}
	b.RuledOut("endpoint", at, "a system sends its resets with the TTL it sends everything with; %d and %d begin at the same %d", x.TTL, s.TTLFirst, begin(x.TTL))
	if oldest < youngest {
		b.RuledOut("idle", at, "the oldest of them was %s old: no device forgets as fast", detect.Span(oldest))
	} else {
		b.Open("idle", "whether they died after a pause of equal length decides: then a device forgets, and does not judge")
	}
	if !onward.IsZero() {
		b.RuledOut("forwarder", []packet.Ref{onward}, "the end itself went on after the reset")
	} else {
		b.Open("forwarder", "a capture on the other side of the device decides: does the reset arrive there, too?")
	}
	b.Remedy(finding.AtFirewall, "find the rule that rejects with a reset, or the inspection (IPS, web filter) that dislikes the content; its log names the connection").
		Run("nftables", "nft list ruleset | grep -n 'reject with tcp reset'").
		Run("iptables", "iptables-save | grep -n 'reject-with tcp-reset'")
	b.Remedy(finding.AtRouter, "if no device of yours does it, somebody on the way does: use encryption that hides what is judged, and ask the provider")
	b.Check("tcpdump -n -v 'tcp[13] & 4 != 0'", "on the gateway: resets with a TTL unlike the end's other packets")
	b.WrongIf("%s is a gateway that answers for a machine behind it", from.Addr)
	for _, r := range at {
		b.Evidence(r, "reset from elsewhere")
	}
	b.Evidence(f.Marks[event.MarkSYNACK], "the end's own TTL")
	b.Ladder(finding.LadderRow{Ref: x.Ref, Dir: x.Dir, Label: "RST", Note: "from another distance"})
	return true
}
