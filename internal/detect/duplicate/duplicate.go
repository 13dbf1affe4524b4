// Package duplicate says when a capture shows packets twice: a fault of the mirror port, not of the network.
package duplicate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "duplicate-on-wire"

const (
	// mostly is the share of a vantage's frames that must be copies before it is worth a word; networks repeat less.
	mostly = 0.05
	// whole is the share of copies among the frames of the hosts concerned from which on each packet has its copy: half
	// of them, less what the capture lost.
	whole = 0.4
	// enough is how many copies it takes.
	enough = 20
	// For who reads along, the last stretch of an input that has no end is judged by itself (Scope.Early): a mirror that was
	// changed after weeks is told within the hour, and one that was put right is not told again.
	stretch = time.Hour
	// soonest is how much of a stretch must have passed; what was told is told again when twice as much has.
	soonest = time.Minute
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "duplicate",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "the capture shows packets twice",
		Kind:     finding.Anomaly,
		Severity: finding.Info,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "retransmission", Name: "real retransmissions"},
			{ID: "network", Name: "a network that doubles packets itself"},
		},
		References: []string{"RFC 1122 3.2.1.5 (identification and retransmission)"},
		Settle:     0,
		About: "A mirror port that copies both what a switch port receives and what it sends shows a packet twice when both ports it passes are mirrored; a capture on all interfaces of a " +
			"router shows it before and after routing. Counted twice, every number would be wrong and every packet would look like a retransmission, so copies are recognised and " +
			"counted once. Looked for: more than 5 % of a vantage's frames that repeat an earlier one, identification and payload included, within 1 ms with the same TTL, or within 10 ms " +
			"with a TTL one less. Not this: retransmissions (another identification or timestamp, later), a network that doubles some packets, a routing loop (more than two sights).",
		Reproduce: "testbed: span-duplicates, span-routed-twice",
	}},
	Wants: detect.Wants{Kinds: []event.Kind{event.KindCapture, event.KindRepeat}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s} },
}

// wire is what is known of one vantage.
type wire struct {
	tally              // of the whole input
	late   tally       // of the stretch that goes on
	from   packet.Time // when that began
	tellAt packet.Time // when it is looked at next
}

// tally is what was counted at one vantage.
type tally struct {
	vantage        uint16
	begun          bool
	frames         uint64
	copies, routed uint64
	among          uint64 // frames of the hosts that have copies
	pairs          uint32
	first, last    packet.Ref
	by             []*sender // of the copies that were looked at
	looked         int       // of these, how many are a routed packet's
	lookedSame     int       // how many have the TTL of the first sight
	loops          bool      // packets circle here: second sights with a TTL one less are theirs
}

// sender is who sent copies: the machine that passed on what it had received, or, of copies that no machine made, none.
type sender struct {
	w      *tally
	mac    packet.MAC // zero: a mirror or the network copied
	same   bool       // the TTL is the same
	looked int
	shown  []*event.Repeat // first copies
}

// mostSenders is how many machines that pass packets on are told apart on one wire.
const mostSenders = finding.MaxKept

// of returns the sender of a copy; nil when there are too many.
func (w *tally) of(x *event.Repeat) *sender {
	var mac packet.MAC
	same := x.TTLLast == x.TTLFirst
	if !same || x.MACs[0] != x.MACs[1] && !x.MACs[1].IsZero() {
		mac = x.Head().SrcMAC
	}
	s := w.sender(mac, same)
	if s == nil && len(w.by) < mostSenders {
		s = &sender{w: w, mac: mac, same: same}
		w.by = append(w.by, s)
	}
	return s
}

// sender returns who is known to have sent copies; nil: nobody.
func (w *tally) sender(mac packet.MAC, same bool) *sender {
	for _, s := range w.by {
		if s.mac == mac && s.same == same {
			return s
		}
	}
	return nil
}

// sight is what a finding is about: the copies on a wire that no other finding explains.
type sight struct {
	*tally
	shown       []*event.Repeat
	unnumbered  int // of those, how many carry nothing that tells a copy from a repetition
	otherSender int // of those, how many came from another link-layer address with the same TTL
}

// sights puts together what is left of a wire: kept are its senders. It is false when that is too little. Who sent copies in
// an earlier stretch and none in the last has no part in it.
func sights(kept []finding.Instance) (x sight, any bool) {
	for i := range kept {
		if w := kept[i].Data.(*sender).w; x.tally == nil || w.last.Time > x.last.Time {
			x.tally = w
		}
	}
	rest, same := 0, 0
	for i := range kept {
		s := kept[i].Data.(*sender)
		if s.w != x.tally {
			continue
		}
		if s.same {
			same += s.looked
		} else {
			rest += s.looked
		}
		x.shown = append(x.shown, s.shown...)
	}
	w := *x.tally
	x.tally = &w
	// All were counted, some were looked at: the share stands for all.
	if same < w.lookedSame || same == 0 {
		w.copies = w.copies * uint64(same) / uint64(max(w.lookedSame, 1))
	}
	if w.looked > 0 && rest < w.looked {
		w.routed = w.routed * uint64(rest) / uint64(w.looked)
	}
	slices.SortStableFunc(x.shown, func(a, b *event.Repeat) int { return cmp.Compare(a.Head().Ordinal, b.Head().Ordinal) })
	x.shown = x.shown[:min(len(x.shown), finding.MaxEvidence/2)]
	for _, r := range x.shown {
		if r.Unnumbered {
			x.unnumbered++
		}
		if r.Step == 0 && !r.MACs[1].IsZero() && r.MACs[0] != r.MACs[1] {
			x.otherSender++
		}
	}
	return x, w.much()
}

// much reports that a good part of the wire's packets come twice.
func (w *tally) much() bool {
	n := w.copies + w.routed
	return n >= enough && float64(n) > mostly*float64(w.frames)
}

type detector struct {
	scope *detect.Scope
	wires []*wire
}

// Handle adds up the rounds of each vantage.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Capture:
		w := d.wire(x.Head().Vantage)
		w.add(x)
		if d.scope.Early {
			w.late.add(x)
		}
	case *event.Repeat:
		w := d.wire(x.Head().Vantage)
		w.repeat(x)
		if d.scope.Early {
			w.late.repeat(x)
		}
	}
}

// add counts a round of packets.
func (w *tally) add(x *event.Capture) {
	h := x.Head()
	if !w.begun {
		w.begun, w.first = true, h.Seen
	}
	w.last = h.Seen
	w.frames += x.Packets
	w.copies += x.Duplicates
	w.routed += x.Routed
	w.among += x.CopyFrames
	w.pairs = x.CopyPairs
}

// repeat counts a copy that was looked at.
func (w *tally) repeat(x *event.Repeat) {
	if x.Loop {
		w.loops = true
		return
	}
	s := w.of(x)
	if s == nil {
		return
	}
	s.looked++
	if s.same {
		w.lookedSame++
	} else {
		w.looked++
	}
	if len(s.shown) < finding.MaxEvidence/2 {
		s.shown = append(s.shown, x)
	}
}

func (d *detector) wire(v uint16) *wire {
	for len(d.wires) <= int(v) {
		n := uint16(len(d.wires))
		d.wires = append(d.wires, &wire{tally: tally{vantage: n}, late: tally{vantage: n}})
	}
	return d.wires[v]
}

// Tick looks at the stretches that go on, for who reads along; without one, all is known at the end.
func (d *detector) Tick(now packet.Time) {
	if !d.scope.Early {
		return
	}
	for _, w := range d.wires {
		since := now.Sub(w.from)
		over := w.from == 0 || since < 0 || since >= stretch
		if !w.late.begun || !over && now < w.tellAt {
			continue
		}
		much := w.late.much() && w.from != 0
		if much {
			d.tell(w.late.copy(), w)
			w.tellAt = now.Add(max(since, soonest))
		}
		if over {
			w.late = tally{vantage: w.vantage}
			if w.from = now; !much {
				w.tellAt = now.Add(soonest)
			}
		}
	}
}

// copy returns the tally as it is now: what a finding says must not change before it is told.
func (w *tally) copy() *tally {
	c := *w
	c.by = nil
	for _, s := range w.by {
		s := *s
		s.w = &c
		c.by = append(c.by, &s)
	}
	return &c
}

// End reports the vantages that show a good part of their packets twice.
func (d *detector) End(packet.Time) {
	for _, w := range d.wires {
		d.tell(&w.tally, nil)
	}
}

// tell reports w when it shows a good part of its packets twice. Of a stretch that goes on, whole is all that was seen of the
// wire: what is told of a stretch takes the place of what was told of one before, so it begins where the first began.
func (d *detector) tell(w *tally, whole *wire) {
	if w.loops {
		w.routed = 0
	}
	if !w.much() {
		return
	}
	for _, s := range w.by { // one cause, unless a finding about one of the machines explains its part
		first := s
		if whole != nil {
			first = whole.sender(s.mac, s.same)
		}
		if first == nil || w.loops && !s.same {
			continue
		}
		d.scope.Report(&finding.Instance{Code: Code, Key: fmt.Sprint(w.vantage), Vantage: w.vantage, MAC: s.mac, First: first.shown[0].First, Last: w.last, Data: s, Interim: whole != nil})
	}
}

// share is the part of the frames of the hosts concerned that are copies.
func (w *tally) share() float64 {
	if w.among == 0 {
		return 0
	}
	return float64(w.copies+w.routed) / float64(w.among)
}

// Compose writes the finding for one vantage.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	w, much := sights(g.Kept)
	if !much {
		return false
	}
	n := w.copies + w.routed
	percent := 100 * float64(n) / float64(w.frames)
	first := w.shown[0]
	h := first.Head()
	routed := w.routed > w.copies
	refs := detect.Refs(first.First, h.Seen)
	name := d.scope.Twins.Name(w.vantage)
	if name != "" {
		name = " of " + name
	}
	b.Subject(finding.Subject{Role: "sensor", Name: "the capture" + name})
	each := w.share() >= whole && w.unnumbered < len(w.shown)
	switch {
	case routed:
		b.Title("the capture%s shows packets before and after a router: I counted each once", name)
		b.Why("the mirror port, or a capture on all interfaces, records both sides of a router: %d of %d frames are the same packet with a TTL one less", w.routed, w.frames)
	case each && w.otherSender == 0:
		b.Title("the mirror port%s copies each packet twice: I counted each once", name)
		b.Why("%d of %d frames are copies of the one before, byte for byte, as a mirror of both receive and transmit makes them", w.copies, w.frames)
	default:
		b.Title("the capture%s shows %.0f %% of its frames twice: I counted each once", name, percent)
		b.Why("%d of %d frames repeat an earlier one, byte for byte, within a millisecond", w.copies, w.frames)
	}
	if !routed && !(each && w.otherSender == 0) {
		b.Summary("%d of %d frames are second sights of a packet. Either the way the traffic is recorded shows them twice, or the network itself doubles them. I left the copies out, so that "+
			"all numbers of this report count each packet once.", n, w.frames)
	} else {
		b.Summary("Nothing is wrong with the network by this. The way it is recorded shows packets twice: %d of %d frames are second sights. I recognised and left them out, so that "+
			"all numbers of this report count each packet once. Other programs would call them retransmissions.", n, w.frames)
	}
	b.Impact("none for users; %.0f %% of the sensor's work and disk is wasted", percent)
	gap := h.Seen.Time.Sub(first.First.Time)
	b.Fact(refs, "%s and %s are the same packet, %s apart, TTL %d and %d", d.scope.Frame(first.First), d.scope.Frame(h.Seen), detect.Span(gap), first.TTLFirst, first.TTLLast)
	b.Fact(w.refs(), "%d of %d frames (%.0f %%) are such copies: %d with the same TTL, %d with a TTL one less", n, w.frames, percent, w.copies, w.routed)
	if w.among > 0 {
		b.Fact(refs, "they belong to %s; of the frames between those, %.0f %% are copies", detect.Plural(int(w.pairs), "pair of hosts", "pairs of hosts"), 100*w.share())
	}
	b.Fact(refs, "all numbers of this report count each packet once")
	if w.unnumbered == len(w.shown) {
		b.Cap(finding.Possible)
		b.Open("retransmission", "they carry no identification and no sequence number: a sender that repeats itself at once looks the same. What the sender sent (a capture on it) decides")
	} else {
		b.RuledOut("retransmission", refs, "a retransmission comes later, and has an identification or a timestamp of its own; these are the same to the byte")
	}
	switch {
	case routed:
		b.RuledOut("network", w.refs(), "their TTL is one less: it is one packet on both sides of a router")
	case each && w.otherSender == 0:
		b.RuledOut("network", w.refs(), "every packet has its copy, in both directions, from the same sender; a network that doubles packets does so to some, or in another's name")
	default: // part of the packets only: a network may do that as well as a mirror
		b.Cap(finding.Possible)
		b.Open("network", "a capture on the machine itself (tcpdump -i IFACE host ADDRESS) decides: does it, too, see the packets twice?")
	}
	b.Remedy(finding.AtSwitch, "mirror one direction of the ports concerned only, or one port instead of the whole VLAN (Cisco IOS: monitor session 1 source interface … rx; Junos: analyzer … input ingress)")
	b.Remedy(finding.AtSensor, "on a router or a virtualisation host capture on one interface instead of all: tcpdump -i IFACE -w again.pcap")
	b.Check("editcap -d -w 0.001 FILE once.pcap", "takes the copies out of the file for other programs (same TTL only)")
	b.WrongIf("a capture on one of the machines shows the packets twice as well")
	for i, r := range w.shown {
		if i == 3 {
			break
		}
		b.Evidence(r.First, "a packet")
		b.Evidence(r.Head().Seen, "the same packet again")
		b.Ladder(finding.LadderRow{Ref: r.First, Dir: packet.ToServer, Label: "packet", Note: fmt.Sprintf("TTL %d", r.TTLFirst)})
		b.Ladder(finding.LadderRow{Ref: r.Head().Seen, Dir: packet.ToServer, Label: "copy", Note: fmt.Sprintf("TTL %d", r.TTLLast)})
	}
	return true
}

func (w *sight) refs() []packet.Ref {
	var out []packet.Ref
	for _, r := range w.shown {
		out = append(out, r.Head().Seen)
	}
	return out
}
