// Package popupspam finds pop-ups that strangers send to the Windows Messenger service, and says what they are: adverts
// with forged senders, no infection of the machine that shows them.
package popupspam

import (
	"hash/fnv"
	"time"

	"firestorm/internal/analyzer/dcerpc"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "messenger-popup-spam"

// What makes a campaign of single pop-ups: so many within so long, of different senders, texts or receivers. An
// administrator's announcement (one sender, one text, a machine or two) is none.
const (
	campaignSize   = 3
	campaignWindow = 2 * time.Hour
	manyReceivers  = 3
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "popupspam",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "strangers send Windows Messenger pop-ups",
		Kind:     finding.Attack,
		Severity: finding.Medium,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "answers", Name: "answers to the receiver's own questions that happen to come to this port"},
			{ID: "infection", Name: "a program on the receiver that asked for them"},
			{ID: "announcement", Name: "announcements that somebody inside sends on purpose"},
		},
		Absorbs:    []string{"icmp-unreachable", "icmp-admin-prohibited"},
		References: []string{"[MS-MSRP] 3.2.4.1 (NetrSendMessage, opnum 0)", "The Open Group C706 12.5 (connectionless PDUs)", "MS03-043 (the Messenger service)"},
		Settle:     30 * time.Second,
		About: "UDP datagrams carry remote calls to the Windows Messenger service (interface 5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc, operation 0): a sender's name, a receiver's name and a text that Windows " +
			"showed in a box on the screen. Three or more within two hours, from several addresses or with several texts, are a campaign of adverts. One datagram needs no answer, so the source addresses are " +
			"forged as a rule: nobody is to be blamed or blocked by them. The decision is by the call inside, never by the port: a DNS answer to UDP port 1026 is none. Pop-ups that a machine " +
			"inside sends are told apart: that machine wants a look.",
		Reproduce: "testbed: messenger-spam (a sender of our own: the texts are invented)",
	}},
	Wants: detect.Wants{Other: []event.What{event.Answered, event.Ended}, Kinds: []event.Kind{event.KindICMPError}, Named: []string{dcerpc.KindPopup}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, campaigns: map[campaignKey]*campaign{}, flows: map[uint64]*campaign{}}
	},
}

// campaignKey is what belongs together: all that comes to one network, or all that one machine inside sends.
type campaignKey struct {
	vantage uint16
	to      packet.Addr // network of the receivers; zero with from
	from    packet.Addr // sender inside
}

// Bounds of what a campaign remembers; beyond, counts are lower bounds.
const (
	maxSources = 1024
	maxTexts   = 1024
	maxShown   = 8
	recent     = 16
)

// sent is one pop-up of the last few.
type sent struct {
	at   packet.Time
	from packet.Addr
	to   packet.Addr
	text uint64
}

// campaign is what is known of one, bounded.
type campaign struct {
	key       campaignKey
	vantage   uint16
	count     int
	first     packet.Ref
	last      packet.Ref
	sources   map[packet.Addr]bool
	receivers map[packet.Addr]int
	texts     map[uint64]int
	ports     map[uint16]bool
	ttls      map[uint8]bool
	refs      []packet.Ref    // of the first pop-ups, in order
	shown     []*dcerpc.Popup // the first ones with different texts
	parts     int             // fragments of longer ones
	more      bool            // a set ran full: its count is a lower bound
	forgotten bool            // thrown out for lack of room: it may have gone on
	ring      [recent]sent
	is        bool // a campaign, not single pop-ups

	answered     int // flows in which the receiver sent something back
	answers      []packet.Ref
	closed       int // receiver said that nothing listens
	closedRefs   []packet.Ref
	refused      int // somebody on the way said that it is forbidden
	refusedBy    packet.Addr
	refusedRefs  []packet.Ref
	onMyQuestion int // flows that the receiver had begun
}

type detector struct {
	scope     *detect.Scope
	campaigns map[campaignKey]*campaign
	flows     map[uint64]*campaign // of pop-ups, until the flow ends
	evicted   uint64
}

// Handle takes pop-ups, and what came back for them.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *dcerpc.Popup:
		d.popup(x)
	case *event.Flow:
		h := x.Head()
		c := d.flows[h.FlowID]
		if c == nil {
			return
		}
		switch x.What {
		case event.Answered:
			if c.answered++; len(c.answers) < 4 {
				c.answers = append(c.answers, h.Seen)
			}
		case event.Ended:
			delete(d.flows, h.FlowID)
		}
	case *event.ICMPError:
		d.icmp(x)
	}
}

func (d *detector) icmp(x *event.ICMPError) {
	c := d.flows[x.Head().FlowID]
	if c == nil || x.QuotedDir != packet.ToServer {
		return
	}
	closed := x.Version == 4 && x.Type == 3 && x.Code == 3 || x.Version == 6 && x.Type == 1 && x.Code == 4
	if closed && x.Sender == x.Quoted.Dst {
		if c.closed++; len(c.closedRefs) < 4 {
			c.closedRefs = append(c.closedRefs, x.Head().Seen)
		}
		return
	}
	if x.Version == 4 && x.Type != 3 || x.Version == 6 && x.Type != 1 {
		return
	}
	if c.refused++; len(c.refusedRefs) < 4 {
		c.refusedBy = x.Sender
		c.refusedRefs = append(c.refusedRefs, x.Head().Seen)
	}
}

func (d *detector) popup(x *dcerpc.Popup) {
	h := x.Head()
	from, to := x.Sender(), x.Receiver()
	k := campaignKey{vantage: h.Vantage, to: to.Addr.Prefix()}
	key := "to " + k.to.String()
	if d.inside(from.Addr, to.Addr) {
		k = campaignKey{vantage: h.Vantage, from: from.Addr}
		key = "from " + from.Addr.String()
	}
	c := d.campaign(k, h.Seen)
	c.add(x, from.Addr, to, fingerprint(x.Text))
	if x.Dir == packet.ToClient {
		c.onMyQuestion++
	}
	if len(d.flows) < d.scope.Limits.Entries {
		d.flows[h.FlowID] = c
	} else {
		d.scope.Forgot("popupspam", "messages", from.Addr, to.Addr)
	}
	d.scope.Report(&finding.Instance{Code: Code, Key: key, FlowID: h.FlowID, Vantage: h.Vantage, Client: from.Addr, Server: to.Addr,
		Port: to.Port, First: h.Seen, Last: h.Seen, Data: c})
}

// fingerprint tells texts apart.
func fingerprint(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// inside reports a sender on the receiver's own network, or on a private network when the receiver is too: a forger
// outside gains nothing by such an address, as most gateways drop it.
func (d *detector) inside(from, to packet.Addr) bool {
	return from.Prefix() == to.Prefix() || from.Netip().IsPrivate() && to.Netip().IsPrivate()
}

// campaign returns the campaign of k, a new one if there is none. Where the table is full, the one that rests longest
// is forgotten.
func (d *detector) campaign(k campaignKey, at packet.Ref) *campaign {
	if c := d.campaigns[k]; c != nil {
		return c
	}
	if len(d.campaigns) >= max(d.scope.Limits.Entries, 1) {
		var oldest *campaign
		for _, c := range d.campaigns {
			if oldest == nil || c.last.Time < oldest.last.Time || c.last.Time == oldest.last.Time && older(c, oldest) {
				oldest = c
			}
		}
		oldest.forgotten = true
		d.scope.Forgot("popupspam", "campaigns")
		delete(d.campaigns, oldest.key)
		d.evicted++
	}
	c := &campaign{key: k, vantage: k.vantage, first: at, sources: map[packet.Addr]bool{}, receivers: map[packet.Addr]int{},
		texts: map[uint64]int{}, ports: map[uint16]bool{}, ttls: map[uint8]bool{}}
	d.campaigns[k] = c
	return c
}

// older orders campaigns that rested equally long: by their first frame, which no two share.
func older(a, b *campaign) bool {
	if a.first.Time != b.first.Time {
		return a.first.Time < b.first.Time
	}
	return a.first.Source < b.first.Source || a.first.Source == b.first.Source && a.first.Frame < b.first.Frame
}

func (c *campaign) add(x *dcerpc.Popup, from packet.Addr, to event.End, text uint64) {
	at := x.Head().Seen
	c.count++
	c.last = at
	if len(c.refs) < finding.MaxEvidence {
		c.refs = append(c.refs, at)
	}
	c.more = c.more || len(c.sources) >= maxSources && !c.sources[from] || len(c.texts) >= maxTexts && c.texts[text] == 0
	if len(c.sources) < maxSources {
		c.sources[from] = true
	}
	if len(c.receivers) < maxSources || c.receivers[to.Addr] > 0 {
		c.receivers[to.Addr]++
	}
	if len(c.ports) < 64 {
		c.ports[to.Port] = true
	}
	if x.TTL != 0 {
		c.ttls[x.TTL] = true
	}
	if x.Fragment {
		c.parts++
	}
	if c.texts[text] == 0 && len(c.shown) < maxShown {
		c.shown = append(c.shown, x)
	}
	if len(c.texts) < maxTexts || c.texts[text] > 0 {
		c.texts[text]++
	}
	c.ring[(c.count-1)%recent] = sent{at.Time, from, to.Addr, text}
	if !c.is {
		c.is = c.enough(at.Time)
	}
}

// enough judges the last few pop-ups.
func (c *campaign) enough(now packet.Time) bool {
	from, to, text := map[packet.Addr]bool{}, map[packet.Addr]bool{}, map[uint64]bool{}
	n := 0
	for i := range min(c.count, recent) {
		if s := &c.ring[i]; now.Sub(s.at) <= campaignWindow {
			n++
			from[s.from], to[s.to], text[s.text] = true, true, true
		}
	}
	return n >= campaignSize && (len(from) > 1 || len(text) > 1 || len(to) >= manyReceivers)
}

// Tick does nothing: campaigns are told when the engine decides.
func (d *detector) Tick(packet.Time) {}

// End does nothing: a pop-up is complete when it comes.
func (d *detector) End(packet.Time) {}
