package fraglost

import (
	"fmt"
	"sort"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one direction between two hosts.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	x, w, t, gone := d.worst(g)
	if t == nil {
		return false // too few, or most become whole: loss takes the first fragment as often as the others
	}
	h := x.Head()
	from, to := names(gone, func(h *event.Head) packet.Addr { return h.Client.Addr }), names(gone, func(h *event.Head) packet.Addr { return h.Server.Addr })
	var refs []packet.Ref
	for _, y := range gone[:min(4, len(gone))] {
		refs = append(refs, y.First)
	}
	packets := detect.Plural(t.lost, "packet", "packets")
	b.Subject(finding.Subject{Role: "sender", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "receiver", Addr: h.Server.Addr})
	b.Title("large packets from %s to %s never become whole: only their first fragment comes", from, to)
	why, how := "somebody between the sender and the sensor drops fragments that are not the first; the receiver waits for the rest in vain", "a filter on the way drops the rest. "+
		"Small packets pass, so that most things work; large answers of name servers, key exchanges of VPNs and large pings do not."
	there, rest := d.elsewhere(w)
	asked, talk := d.asked(gone), d.talk(gone)
	if rest == nil && len(asked) < enough && talk.IsZero() {
		why, how = "the receiver waits for the rest in vain: somebody on the way drops fragments that are not the first, or the rest was never sent", "a filter on the way drops the rest, or there is none."
	}
	b.Why("%s", why)
	b.Summary("Packets that are too large for a link travel in fragments, and only the first of them says to which port it goes. Of %s from %s to %s the first fragment came and no other: %s", packets, from, to, how)
	b.Impact("%s lost: %s", packets, services(gone, t.lost))
	b.Fact(refs, "first fragments from %s at %s, and nothing more of these packets within %s or longer", from, d.scope.Times(refs, 4), detect.Span(shortest(gone)))
	if t.whole > 0 {
		b.Fact(t.wholeRefs, "%s of the same way became whole", detect.Plural(t.whole, "packet", "packets"))
	} else {
		b.Fact(nil, "not one packet in fragments became whole on this way")
	}
	if !t.waited.IsZero() {
		b.Fact(detect.Refs(t.waited), "%s says itself that it waited for the rest in vain (ICMP, fragment reassembly time exceeded)", to)
	}
	if rest != nil {
		name := d.scope.Twins.Name(there)
		b.Why("the device between %s and %s drops fragments that are not the first: they are at the one and not at the other", name, d.scope.Twins.Name(h.Vantage))
		b.Fact(rest, "at %s, the packets of %s are whole", name, from)
	}
	if back := d.ways[way{w.to, w.from, 1 - w.vantage}]; rest != nil && back.habit() {
		b.Fact(nil, "the other way it is the same: %s from %s to %s never became whole at %s", detect.Plural(back.lost, "packet", "packets"), to, from, d.scope.Twins.Name(there))
	}
	d.alternatives(b, x, t, refs, rest, asked, talk)
	remedy(b, h)
	b.WrongIf("a later fragment of one of these packets behind the device")
	for i, y := range gone {
		if i < 4 {
			b.Evidence(y.First, "a first fragment; the rest never came")
			b.Ladder(finding.LadderRow{Ref: y.First, Dir: packet.ToServer, Label: "first fragment", Note: "the rest never came"})
		}
	}
	for _, r := range rest {
		b.Evidence(r, "whole, before the device")
	}
	return true
}

// worst returns the way on which most was lost, if that is a habit, and what was lost on it.
func (d *detector) worst(g *finding.Group) (x *event.Datagram, w way, t *tally, gone []*event.Datagram) {
	of := func(y *event.Datagram) way {
		return wayOf(y.Head().Client.Addr, y.Head().Server.Addr, y.Head().Vantage)
	}
	for i := range g.Kept {
		y := g.Kept[i].Data.(*event.Datagram)
		if o := d.ways[of(y)]; o.habit() && (t == nil || o.lost > t.lost || o.lost == t.lost && x.Head().Client.Port == 0 && y.Head().Client.Port != 0) { // a service rather than a ping
			x, w, t = y, of(y), o
		}
	}
	for i := range g.Kept {
		if y := g.Kept[i].Data.(*event.Datagram); t != nil && of(y) == w {
			gone = append(gone, y)
		}
	}
	return x, w, t, gone
}

// habit reports that nearly all packets that came in fragments lacked all but the first.
func (t *tally) habit() bool { return t != nil && t.lost >= enough && t.lost >= 4*(t.whole+t.holed) }

// names lists addresses, three at most.
func names(gone []*event.Datagram, of func(*event.Head) packet.Addr) string {
	seen := map[packet.Addr]bool{}
	var out []string
	for _, x := range gone {
		if a := of(x.Head()); !seen[a] {
			seen[a] = true
			out = append(out, a.String())
		}
	}
	return detect.List(out, 3)
}

// elsewhere looks for the same way at another place of capture where the packets are whole.
func (d *detector) elsewhere(w way) (vantage uint16, refs []packet.Ref) {
	if d.scope.Twins == nil {
		return 0, nil
	}
	o := w
	o.vantage = 1 - w.vantage
	if t := d.ways[o]; t != nil && t.whole > 0 && t.lost == 0 {
		return o.vantage, t.wholeRefs
	}
	return 0, nil
}

func (d *detector) alternatives(b *finding.Builder, x *event.Datagram, t *tally, refs, rest, asked []packet.Ref, talk packet.Ref) {
	later := d.later[x.Head().Vantage]
	switch {
	case !later.IsZero():
		b.RuledOut("capture", detect.Refs(later), "the capture has later fragments of other packets")
	case !t.waited.IsZero():
		b.RuledOut("capture", detect.Refs(t.waited), "the receiver says itself that the rest did not come")
	default:
		filter := "ip[6:2] & 0x1fff != 0"
		if !x.Head().Client.Addr.Is4() {
			filter = "ip6[6] == 44"
		}
		b.Open("capture", "capture again without a filter, or with \"or (%s)\" added to it", filter)
	}
	b.RuledOut("loss", refs, "%s in a row, and of each the first fragment came", detect.Plural(t.lost, "packet", "packets"))
	switch {
	case rest != nil:
		b.RuledOut("sender", rest, "the rest was sent: it is in the capture before the device")
	case len(asked) >= enough:
		b.RuledOut("sender", asked[:4], "they are answers of a service (port %d) to questions that are in the capture: who sends the first fragment of an answer sends them all", x.Head().Client.Port)
	default:
		b.Open("sender", "a capture at %s shows whether the rest leaves it", x.Head().Client.Addr)
	}
	switch {
	case rest != nil:
		b.RuledOut("flood", rest, "the rest was sent")
	case len(asked) >= enough:
		b.RuledOut("flood", asked[:4], "the receiver had asked for them")
	case !talk.IsZero():
		b.RuledOut("flood", detect.Refs(talk), "the two talk to each other otherwise, and answers come")
	default:
		b.Open("flood", "nothing else of %s is in the capture that got an answer: whether it is who it says, its owner knows", x.Head().Client.Addr)
	}
}

// asked are the questions, one for each packet, that the receivers had sent to the service that answers with them.
func (d *detector) asked(gone []*event.Datagram) (refs []packet.Ref) {
	for _, x := range gone {
		h := x.Head()
		if h.Client.Port == 0 {
			continue
		}
		var q packet.Ref
		d.scope.Ledger.Attempts(detect.Service{Addr: h.Client.Addr, Port: h.Client.Port, Proto: h.Proto}, func(a *detect.Attempt) bool {
			if a.Client == h.Server && a.Vantage == h.Vantage && a.Start.Time <= x.First.Time {
				q = a.Start
			}
			return q.IsZero()
		})
		if !q.IsZero() {
			refs = append(refs, q)
		}
	}
	return refs
}

// talk is an answer that one of the two hosts of a packet gave the other; zero: none is known.
func (d *detector) talk(gone []*event.Datagram) (answer packet.Ref) {
	pair := map[[2]packet.Addr]bool{}
	for _, x := range gone {
		h := x.Head()
		pair[[2]packet.Addr{h.Client.Addr, h.Server.Addr}], pair[[2]packet.Addr{h.Server.Addr, h.Client.Addr}] = true, true
	}
	d.scope.Ledger.Attempts(detect.Service{}, func(a *detect.Attempt) bool {
		if a.Outcome == detect.OutAnswered && pair[[2]packet.Addr{a.Client.Addr, a.Service.Addr}] {
			answer = a.Answer
		}
		return answer.IsZero()
	})
	return answer
}

// services says what the packets belong to, most first.
func services(gone []*event.Datagram, n int) string {
	count := map[string]int{}
	var names []string
	for _, x := range gone {
		h := x.Head()
		name := packet.ProtoName(h.Proto)
		if p := min(h.Client.Port, h.Server.Port); p != 0 {
			name += fmt.Sprintf(" port %d", p)
		}
		if count[name]++; count[name] == 1 {
			names = append(names, name)
		}
	}
	sort.SliceStable(names, func(i, j int) bool { return count[names[i]] > count[names[j]] })
	for i, s := range names {
		if n == len(gone) {
			names[i] = fmt.Sprintf("%d of %s", count[s], s)
		}
	}
	return detect.List(names, 3)
}

func shortest(gone []*event.Datagram) time.Duration {
	w := gone[0].Waited
	for _, x := range gone {
		w = min(w, x.Waited)
	}
	return w
}

func remedy(b *finding.Builder, h *event.Head) {
	from, to := h.Client, h.Server
	if from.Addr.Is4() {
		b.Remedy(finding.AtFirewall, "put fragments together before they are judged (connection tracking does), or let later fragments pass; a rule that drops them comes before that").
			Run("nftables", "nft -a list ruleset | grep -n -e frag-off -e fragment").
			Run("iptables", "iptables-save | grep -e ' -f ' -e fragment").
			Run("Cisco ASA", "show fragment")
	} else {
		b.Remedy(finding.AtFirewall, "put fragments together before they are judged (connection tracking does), or let later fragments pass; a rule that drops them comes before that").
			Run("nftables", "nft -a list ruleset | grep -n -e frag -e exthdr").
			Run("ip6tables", "ip6tables-save | grep -e frag").
			Run("Cisco ASA", "show fragment")
	}
	switch {
	case from.Port == 53:
		b.Remedy(finding.AtServer, "until then, keep answers over UDP small; clients ask again over TCP").
			Run("BIND", "max-udp-size 1232;").
			Run("Unbound", "max-udp-size: 1232").
			Run("dnsmasq", "edns-packet-max=1232")
	case isAnswer(h):
		b.Remedy(finding.AtServer, "until then, send packets that fit: a smaller message or block size in the service on port %d", from.Port)
	case from.Port != 0:
		b.Remedy(finding.AtClient, "until then, send packets that fit: a smaller message or block size in what talks to port %d of %s", to.Port, to.Addr)
	}
	ping := "ping -c 3 -s 3000 %s"
	if !from.Addr.Is4() {
		ping = "ping -6 -c 3 -s 3000 %s"
	}
	b.Check(fmt.Sprintf(ping, from.Addr), fmt.Sprintf("from %s; with -s 500 it must work: then size is what matters", to.Addr))
}
