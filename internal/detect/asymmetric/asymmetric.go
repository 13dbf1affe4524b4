// Package asymmetric finds connections of which a gateway sees one direction only, because the answers take another
// way, and tells that from a capture that shows one direction only.
package asymmetric

import (
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "tcp-asymmetric-path"

const (
	// enough is how many one-sided connections between two networks it takes: load sharing over several lines can hide
	// the answers of a few.
	enough = 11
	// mostly is the share of the connections between the networks that must be one-sided.
	mostly = 0.9
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "asymmetric",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "answers come back another way than the requests went",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "capture", Name: "a mirror port or capture filter that shows one direction only"},
			{ID: "loss", Name: "packets that the capture lost"},
			{ID: "silence", Name: "a server that does not answer"},
		},
		Absorbs: []string{"tcp-syn-silent-drop", "tcp-idle-timeout-drop", "tcp-half-open-reset", "pmtud-black-hole", "tcp-accept-queue-full", "tcp-loss-where", "tcp-data-unanswered", "tcp-out-of-window"},
		References: []string{"RFC 9293 3.4 (acknowledgements show that the other side spoke)", "RFC 3234 (middleboxes that need both directions)",
			"nf_conntrack-sysctl: nf_conntrack_tcp_be_liberal, nf_conntrack_tcp_loose"},
		Needs:  []finding.Gate{finding.GateLoss, finding.GateTable},
		Settle: 0,
		About: "A firewall or NAT must see both directions of a connection. When the answers come back over another router it sees half, and sooner or later drops the rest. Looked for: more than ten " +
			"connections between two networks of which one direction was never seen, though the other side's acknowledgements advance, so that the answers did arrive. It is told from a " +
			"capture that records one direction only by traffic that the capture shows in the opposite direction over the very same link: ARP answers, or packets of other hosts. " +
			"Two joined captures prove it when one of them shows both directions. Without such a witness there is no finding; the account of the capture says that it is one-sided.",
		Reproduce: "testbed: asymmetric-path (a second router carries the way back)",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Started, event.Answered, event.Established, event.Ended}, Other: []event.What{event.Started, event.Answered}, Kinds: []event.Kind{event.KindARP}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, pairs: detect.NewColumn[pair](s.Nets, s.Limits.Entries).Of(s, "asymmetric", "pairs of networks"), links: map[link]*witness{}, sides: map[uint64][2]bool{}}
	},
}

type pairKey struct {
	vantage uint16
	a, b    packet.Addr // networks of client and server
}

// pair is the connections between two networks at one vantage.
type pair struct {
	key     pairKey
	one     uint64    // connections of which one side was never seen
	missing [2]uint64 // of those, by the direction that is missing
	both    uint64
	kept    []*event.Flow // one-sided ones, at most keep
	clients map[packet.Addr]bool
	told    int   // of kept, how many were reported
	ways    []way // the links over which the seen direction goes, at most maxLinks
}

const keep, maxLinks = 64, 16

// link is a pair of link-layer addresses, as frames go.
type link struct {
	vantage  uint16
	from, to packet.MAC
}

// way is a link and how many connections began over it.
type way struct {
	link
	n int
}

// witness is what was seen going over a link.
type witness struct {
	arp, ip packet.Ref
	ipFrom  packet.Addr
}

type detector struct {
	scope *detect.Scope
	pairs *detect.Column[pair]
	order []*pair
	links map[link]*witness
	sides map[uint64][2]bool // joined flows that ended: which directions were seen
}

// Handle counts connections by what was seen of them, and remembers what goes over which link.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.ARP:
		h := x.Head()
		if x.Op == 2 {
			if w := d.witness(link{h.Vantage, h.SrcMAC, h.DstMAC}); w != nil && w.arp.IsZero() {
				w.arp = h.Seen
			}
		}
	case *event.Flow:
		d.flow(x)
	}
}

func (d *detector) witness(l link) *witness {
	if l.from.IsZero() || l.to.IsZero() {
		return nil
	}
	w := d.links[l]
	if w == nil {
		if len(d.links) >= d.scope.Limits.Entries {
			d.scope.Forgot("asymmetric", "links")
			return nil
		}
		w = &witness{}
		d.links[l] = w
	}
	return w
}

func (d *detector) flow(f *event.Flow) {
	h := f.Head()
	switch f.What {
	case event.Started, event.Answered:
		from := h.Client.Addr
		if f.What == event.Answered {
			from = h.Server.Addr
		}
		if w := d.witness(link{h.Vantage, h.SrcMAC, h.DstMAC}); w != nil && w.ip.IsZero() {
			w.ip, w.ipFrom = h.Seen, from
		}
	case event.Established:
		if h.Proto == packet.ProtoTCP && f.OneSided { // the packets go on: remember the link while it is at hand
			if p := d.pair(h); p != nil && !h.SrcMAC.IsZero() {
				p.over(link{h.Vantage, h.SrcMAC, h.DstMAC})
			}
		}
	case event.Ended:
		if h.Proto == packet.ProtoTCP {
			d.ended(f, h)
		}
	}
}

func (d *detector) pair(h *event.Head) *pair {
	p, fresh := d.pairs.Own(d.scope.Nets.Of(h))
	if fresh {
		p.key = pairKey{h.Vantage, h.Client.Addr.Prefix(), h.Server.Addr.Prefix()}
		d.order = append(d.order, p)
	}
	return p
}

func (p *pair) over(l link) {
	for i := range p.ways {
		if p.ways[i].link == l {
			p.ways[i].n++
			return
		}
	}
	if len(p.ways) < maxLinks {
		p.ways = append(p.ways, way{l, 1})
	}
}

func (d *detector) ended(f *event.Flow, h *event.Head) {
	s := &f.Sides
	seen := [2]bool{s[packet.ToServer].Packets > 0, s[packet.ToClient].Packets > 0}
	switch {
	case d.scope.Twins.Of(h.FlowID) == 0:
	case len(d.sides) < d.scope.Limits.Entries:
		d.sides[h.FlowID] = seen
	default:
		d.scope.Forgot("asymmetric", "joined connections", h.Client.Addr, h.Server.Addr)
	}
	if !f.OneSided && !(seen[0] && seen[1]) {
		return // unanswered tries say nothing of the way
	}
	if f.OneSided && unasked(&s[packet.ToClient]) {
		return // nor does an answer to a request in a forged name: it comes alone, and nothing follows it
	}
	p := d.pair(h)
	if p == nil {
		return
	}
	if !f.OneSided {
		p.both++
		return
	}
	p.one++
	if seen[packet.ToServer] {
		p.missing[packet.ToClient]++
	} else {
		p.missing[packet.ToServer]++
	}
	if len(p.kept) < keep {
		p.kept = append(p.kept, f.Keep())
		if p.clients == nil {
			p.clients = map[packet.Addr]bool{}
		}
		p.clients[h.Client.Addr] = true
	}
	if p.one >= enough {
		d.report(p)
	}
}

// unasked reports that a server sent SYN/ACKs and no more: of a connection that goes on another way, more would be seen.
func unasked(s *event.Side) bool {
	return s.Flags&packet.SYN != 0 && s.Flags&(packet.FIN|packet.PSH) == 0 && s.Payload == 0
}

// report hands on the connections of a pair that were not yet reported.
func (d *detector) report(p *pair) {
	for ; p.told < len(p.kept); p.told++ {
		f := p.kept[p.told]
		h := f.Head()
		d.scope.Report(&finding.Instance{
			Code: Code, Key: p.key.a.String() + " " + p.key.b.String() + " " + d.scope.Twins.Name(h.Vantage), FlowID: h.FlowID, Vantage: h.Vantage,
			Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port, First: f.Start, Last: f.Last,
			Covers: finding.Cover{Client: p.key.a, Server: p.key.b, ByPrefix: true}, Data: p,
		})
	}
}

// Tick does nothing: connections are counted when they end.
func (d *detector) Tick(packet.Time) {}

// End does nothing, for the same reason.
func (d *detector) End(packet.Time) {}
