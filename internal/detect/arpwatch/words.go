package arpwatch

import (
	"fmt"
	"strconv"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

func code(id, title string, s finding.Severity, alt finding.Alt, about string) *finding.Code {
	return &finding.Code{ID: id, Title: title, Kind: finding.Policy, Severity: s, Tier: 1, Alternatives: []finding.Alt{alt},
		References: []string{"arpwatch(8)", "RFC 826", "RFC 4861"}, Settle: time.Minute,
		About: about + " It needs a memory (--state), and says nothing while that is younger than a day, unless \"firestorm neighbours approve --all\" ended the learning. Nothing is wrong by itself: it is for " +
			"networks where somebody wants to know.",
		Reproduce: "testbed: arp-conflict, arp-nic-swap, with a memory that knows the network"}
}

var (
	codeNew = code(NewStation, "machines that were not seen before", finding.Low, finding.Alt{ID: "known", Name: "a machine that is known, with another card or a self-chosen address"},
		"A link-layer address that was never seen on this wire used an IP address. Known machines with a new address are not told, those with self-chosen link-layer addresses in one number.")
	codeChanged = code(Changed, "addresses that other machines have now", finding.Low, finding.Alt{ID: "lease", Name: "a lease that ended, and whose address another machine got"},
		"An IP address is used by a link-layer address that never had it before: another card, another machine, or an impostor. Not told: self-chosen addresses among themselves, virtual "+
			"addresses, machines that answer for others.")
	codeReused = code(ReusedOld, "addresses that went back to an earlier machine", finding.Low, finding.Alt{ID: "lease", Name: "a lease that ended, and whose address another machine got"},
		"An IP address is used again by a link-layer address that had it some changes ago.")
	codeFlipFlop = code(FlipFlop, "addresses that go to and fro between two machines", finding.Medium, finding.Alt{ID: "standby", Name: "a standby that took over and gave back, or one machine with two cards"},
		"An IP address is used again by the link-layer address that had it before the last one. Where it goes on, arp-ip-conflict says more.")
	codeExpired = code(Expired, "machines that are gone", finding.Info, finding.Alt{ID: "elsewhere", Name: "a machine that is there, and whose ARP does not reach this sensor any more"},
		"A machine that was there for a week or longer, or that somebody approved, was not heard for 30 days.")
)

var vendors = neighbour.BuiltIn()

// wire writes a place of capture for the key of a finding.
func wire(w neighbour.Wire) string {
	return strconv.Itoa(int(w.Vantage)) + "." + strconv.Itoa(int(w.VLAN))
}

func (x *change) who() string {
	s := x.key.IP.String()
	if x.name != "" {
		s += fmt.Sprintf(" (%q)", x.name)
	}
	return s
}

func date(t packet.Time) string { return t.Std().Format("2006-01-02 15:04") }

// Compose writes one line for all changes of one sort on one wire.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	var xs []*change
	random := 0
	for i := range g.Kept {
		x := g.Kept[i].Data.(*change)
		xs = append(xs, x)
		if x.random {
			random++
		}
	}
	first := xs[0]
	b.Subject(finding.Subject{Role: "machine", Addr: first.key.IP, MAC: first.mac, Name: first.name})
	var lines []string
	for _, x := range xs {
		lines = append(lines, x.line(g.Code.ID))
	}
	b.Title("%s: %s", headline(g.Code.ID, g.Count), detect.List(lines, 2))
	for _, x := range xs[:min(len(xs), 8)] {
		b.Fact(detect.Refs(x.at), "%s%s", x.line(g.Code.ID), x.more(g.Code.ID))
		b.Evidence(x.at, x.line(g.Code.ID))
	}
	b.Fact(nil, "the memory has %s, the first since %s", detect.Plural(d.table.Len(), "address", "addresses"), date(d.table.Began))
	if random > 0 && g.Code == codeNew {
		b.Fact(nil, "%d of the %d new ones chose their link-layer address themselves, as phones do", random, len(xs))
	}
	d.texts(g, b, first, random, len(xs))
	b.Check("firestorm neighbours list "+first.key.IP.String(), "with --state DIR, where the memory was given a place")
	return true
}

func headline(id string, n int) string {
	switch id {
	case NewStation:
		return detect.Plural(n, "new machine", "new machines")
	case Changed:
		return detect.Plural(n, "address has another machine now", "addresses have other machines now")
	case ReusedOld:
		return detect.Plural(n, "address went back to an earlier machine", "addresses went back to earlier machines")
	case FlipFlop:
		return detect.Plural(n, "time an address went to and fro", "times addresses went to and fro")
	}
	return detect.Plural(n, "machine is gone", "machines are gone")
}

// line tells one change in half a line.
func (x *change) line(id string) string {
	switch id {
	case NewStation, Expired:
		return fmt.Sprintf("%s is %s", x.who(), vendors.Describe(x.mac))
	}
	return fmt.Sprintf("%s is %s, was %s", x.who(), vendors.Describe(x.mac), vendors.Describe(x.was.MAC))
}

func (x *change) more(id string) string {
	switch id {
	case NewStation:
		return ""
	case Expired:
		return fmt.Sprintf("; first seen %s, last %s", date(x.first), date(x.last))
	}
	return fmt.Sprintf("; the other one was there from %s to %s", date(x.was.First), date(x.was.Last))
}

func (d *detector) texts(g *finding.Group, b *finding.Builder, x *change, random, n int) {
	approve := fmt.Sprintf("firestorm neighbours approve %s", x.key.IP)
	switch g.Code.ID {
	case NewStation:
		b.Why("their link-layer addresses were not seen on this wire since %s", date(d.table.Began))
		b.Summary("Machines use this network that it did not know. Visitors, new devices and phones with self-chosen addresses look like this too.")
		b.Impact("none by itself")
		if random == n {
			b.Open("known", "all of them chose their address themselves: the lease they ask for, or a name, may show who they are")
		} else {
			b.RuledOut("known", detect.Refs(x.at), "%d of them have the address that their maker gave the card, and no card of that address was seen", n-random)
		}
		b.WrongIf("the machine was there before the memory began")
	case Expired:
		b.Why("nothing of them was heard for 30 days")
		b.Summary("Machines that were part of this network are silent. They may be switched off, moved, or dead.")
		b.Impact("none by itself")
		b.Open("elsewhere", "ping the address from its own network")
		b.WrongIf("the machine answers")
	case FlipFlop:
		b.Why("two machines were heard with one address, in turn")
		b.Summary("An address went back to the machine that had it before. Two machines that use one address, or a standby that gives it back, look like this.")
		b.Impact("connections of that address break each time it changes")
		b.Open("standby", "ask whether the two belong together; if not, see arp-ip-conflict")
		b.WrongIf("both link-layer addresses belong to one machine or cluster")
	default:
		b.Why("the address was heard from another link-layer address than before")
		b.Summary("An address of this network belongs to another card than before: an exchanged card or machine, a lease that went to another, or somebody who took the address.")
		b.Impact("none if it was meant; otherwise whoever has it gets what is sent to it")
		b.Open("lease", "the lease of %s at the DHCP server tells whose it is", x.key.IP)
		b.WrongIf("the same machine has both cards")
	}
	b.Remedy(finding.AtSensor, "if it belongs here, say so, with a word about what it is (--state DIR, where the memory was given a place)").
		Run("", "%s", approve).
		Run("", "firestorm neighbours note %s 'what it is'", x.key.IP)
	b.Remedy(finding.AtSwitch, "if nobody knows it, find its port").
		Run("Linux bridge", "bridge fdb show | grep %s", x.mac)
}
