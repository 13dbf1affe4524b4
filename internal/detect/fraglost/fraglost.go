// Package fraglost finds ways on which packets that came in fragments never become whole: somebody drops the fragments
// that are not the first.
package fraglost

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "ip-fragment-lost"

const (
	// enough is how many packets in a row make a habit of it.
	enough = 5
	// late is how long after a fragment the others do not come any more: they leave within a millisecond of each other.
	late = time.Second
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "fraglost",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "packets that came in fragments never become whole: the later fragments are dropped on the way",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "capture", Name: "a capture that leaves out later fragments, as a filter for ports does"},
			{ID: "loss", Name: "ordinary loss"},
			{ID: "sender", Name: "a sender that never sent the rest"},
			{ID: "flood", Name: "somebody who sends first fragments alone, perhaps under another's address, to fill the receiver's memory"},
		},
		References: []string{"RFC 8900 (IP fragmentation considered fragile)", "RFC 791 3.2 (fragmentation)", "RFC 8200 4.5 (for IPv6)", "RFC 9715 (fragmentation avoidance in DNS over UDP)"},
		Needs:      []finding.Gate{finding.GateLoss, finding.GateClock},
		Settle:     0,
		About: "A packet larger than a link carries travels in fragments, of which only the first says to which port it goes. Filters that decide by port let the first pass and drop the others; then the receiver waits " +
			"for the rest in vain, and large DNS answers, key exchanges of VPNs and large pings fail while all that is small works. Looked for: five packets from one network to another of which the first fragment came and no " +
			"other, within a second after it, and hardly one that became whole. Two captures show the device between that drops the rest. Not this: fragments that the capture cut or had no room for, key exchanges of " +
			"IPsec (ike-fragment-lost), packets of which other fragments are missing: that is loss.",
		Reproduce: "testbed: fragment-lost, fragment-lost-ipv6, fragment-lost-snmp, fragment-lost-remedied",
	}},
	Wants: detect.Wants{Kinds: []event.Kind{event.KindDatagram, event.KindICMPError}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, ways: map[way]*tally{}, later: map[uint16]packet.Ref{}}
	},
}

// way is one direction between two networks, at one place of capture.
type way struct {
	from, to packet.Addr // prefixes
	vantage  uint16
}

func wayOf(from, to packet.Addr, vantage uint16) way { return way{from.Prefix(), to.Prefix(), vantage} }

// key is that of both directions: one device drops what goes either way.
func (w way) key() string {
	a, b := w.from, w.to
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return a.String() + " " + b.String()
}

// tally is what became of the packets of a way that came in fragments.
type tally struct {
	lost, whole, holed int // holed: others than the later fragments are missing
	wholeRefs          []packet.Ref
	waited             packet.Ref // the receiver said that the rest did not come
}

type detector struct {
	scope *detect.Scope
	ways  map[way]*tally
	later map[uint16]packet.Ref // by vantage: a fragment that is not a first one
}

// Handle counts packets that became whole and those that did not.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Datagram:
		d.datagram(x)
	case *event.ICMPError: // fragment reassembly time exceeded (RFC 792; RFC 4443 3.3)
		if x.Version == 4 && x.Type == 11 && x.Code == 1 || x.Version == 6 && x.Type == 3 && x.Code == 1 {
			if t := d.tally(wayOf(x.Quoted.Src, x.Quoted.Dst, x.Head().Vantage)); t != nil && t.waited.IsZero() {
				t.waited = x.Head().Seen
			}
		}
	}
}

func (d *detector) tally(w way) *tally {
	t := d.ways[w]
	if t == nil {
		if len(d.ways) >= d.scope.Limits.Entries {
			d.scope.Forgot("fraglost", "pairs of networks")
			return nil
		}
		t = &tally{}
		d.ways[w] = t
	}
	return t
}

func (d *detector) datagram(x *event.Datagram) {
	h := x.Head()
	if x.Whole || !x.HasFirst || x.Fragments > 1 {
		d.later[h.Vantage] = h.Seen
	}
	if x.Truncated || !x.Whole && x.Waited < late || isIKE(h) {
		return
	}
	w := wayOf(h.Client.Addr, h.Server.Addr, h.Vantage)
	t := d.tally(w)
	switch {
	case t == nil:
	case x.Whole:
		if t.whole++; len(t.wholeRefs) < 4 {
			t.wholeRefs = append(t.wholeRefs, h.Seen)
		}
	case !x.HasFirst || x.Fragments > 1:
		t.holed++
	default:
		t.lost++
		d.scope.Report(&finding.Instance{Code: Code, Key: w.key(), Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
			First: x.First, Last: h.Seen, Data: x})
	}
}

// isAnswer reports that a service sends, by its smaller port.
func isAnswer(h *event.Head) bool { return h.Client.Port != 0 && h.Client.Port < h.Server.Port }

// isIKE reports a key exchange of IPsec: what its lost fragments break is told by ike-fragment-lost.
func isIKE(h *event.Head) bool {
	ike := func(p uint16) bool { return p == 500 || p == 4500 }
	return h.Proto == packet.ProtoUDP && (ike(h.Client.Port) || ike(h.Server.Port))
}

// Tick does nothing: the table of fragments says when the rest does not come.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}
