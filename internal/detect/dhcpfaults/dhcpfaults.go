// Package dhcpfaults finds machines that get no address: nobody offers one, a server refuses the one that they remember,
// or two servers on one network offer different ways out, of which one may be a stranger's.
package dhcpfaults

import (
	"sort"
	"time"

	"firestorm/internal/analyzer/dhcp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	NoOffer = "dhcp-no-offer"
	NAKLoop = "dhcp-nak-loop"
	Rogue   = "dhcp-rogue-server"
)

const (
	// manyDiscovers is how often a client must have asked: clients wait 4, 8, 16 s between tries (RFC 2131 4.1).
	manyDiscovers = 3
	// patience is how long after the last question an offer may come: servers probe an address first, which takes a second.
	patience = 5 * time.Second
	// manyNAKs is how many refusals make a loop: one is what a machine gets that was carried into another network.
	manyNAKs = 3
	// nakWindow is how far apart the refusals of one loop may be.
	nakWindow = 10 * time.Minute
	// rogueWindow is how far apart offers of two servers may be to count as competing.
	rogueWindow = 24 * time.Hour
	maxServers  = 8 // on one network
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "dhcpfaults",
	Codes: []*finding.Code{{
		ID:       NoOffer,
		Title:    "a machine asks for an address and nobody offers one",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "unseen", Name: "offers that this capture does not show"},
			{ID: "place", Name: "another place for the fault than the one named here"},
		},
		References: []string{"RFC 2131 4.4.1 (a client repeats DHCPDISCOVER until an offer comes)", "RFC 2131 4.1 (pauses between tries)"},
		Needs:      []finding.Gate{finding.GateLoss, finding.GateTable},
		Settle:     10 * time.Second,
		About: "A machine broadcast DHCPDISCOVER three times or more, and no offer came within five seconds of the last. That it goes on asking shows that it got none, even where offers would not pass this place. Told apart " +
			"by what others get at the same time: others get offers (the pool is used up, or an access list leaves this machine out); nobody gets any (the server or the relay is down, or the network has none). Not this: " +
			"a machine that asks anew when it roams; a refusal, which is a finding of its own.",
		Reproduce: "testbed: dhcp-no-offer, dhcp-no-offer-pool, dhcp-no-offer-relay",
	}, {
		ID:       NAKLoop,
		Title:    "a server refuses again and again the address that a machine asks for",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "moved", Name: "a machine that was carried into another network"},
			{ID: "other", Name: "a second server that offers what the first one refuses"},
		},
		References: []string{"RFC 2131 4.3.2 (when a server answers DHCPNAK)", "RFC 2131 3.1 (then the client begins anew)"},
		Needs:      []finding.Gate{finding.GateLoss},
		Settle:     10 * time.Second,
		About: "A machine asked for an address, was refused (DHCPNAK), and that three times or more within ten minutes. A single refusal is normal: the machine came from another network and begins anew. A loop means that " +
			"what one server offers another one refuses, or that the server's lease file and the client's do not agree.",
		Reproduce: "testbed: dhcp-nak-loop, dhcp-nak-loop-image, dhcp-nak-loop-reserved",
	}, {
		ID:       Rogue,
		Title:    "two DHCP servers on one network offer different ways out",
		Kind:     finding.Attack,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "planned", Name: "a second server that somebody set up on purpose"},
			{ID: "relay", Name: "offers for another network that a relay brought here"},
		},
		References: []string{"RFC 2131 4.3.1 (what a server offers)", "RFC 3118 1 (why a stranger's server is dangerous)"},
		Needs:      []finding.Gate{finding.GateLoss},
		Settle:     10 * time.Second,
		About: "Two servers offered addresses on one network and do not agree on router or name servers. Who is quicker decides where a machine sends its traffic: a forgotten home router, or somebody who wants to read along. " +
			"The server that was seen first, or that gave more machines their address, is called the established one. Not this: a pair of servers for safety, which offer the same.",
		Reproduce: "testbed: dhcp-rogue-server, dhcp-rogue-home, dhcp-rogue-dns",
	}},
	Wants: detect.Wants{Named: []string{dhcp.Kind}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, clients: map[client]*search{}, nets: map[network]*net{}}
	},
}

type client struct {
	vantage uint16
	mac     packet.MAC
}

// network is one segment: all that one place of capture sees, or what one relay brings there.
type network struct {
	vantage uint16
	relay   packet.Addr
}

// search is a machine that looks for an address.
type search struct {
	client
	relay     packet.Addr
	name      string
	wants     packet.Addr
	discovers [4]packet.Ref
	n         int
	last      packet.Ref
	xid       uint32
	naks      []refusal
	lastUsed  packet.Time
	reported  bool
}

// refusal is one DHCPNAK.
type refusal struct {
	ref    packet.Ref
	server packet.Addr
	asked  packet.Ref
	wants  packet.Addr
	text   string
}

// offers is one server of a network, by what it offered last.
type offers struct {
	id       packet.Addr
	mac      packet.MAC
	router   packet.Addr
	dns      packet.Addr
	mask     packet.Addr
	sample   packet.Addr // an address it offered
	first    packet.Ref
	last     packet.Ref
	n, acks  int
	reported bool
}

type net struct {
	network
	servers []*offers
	answers []packet.Ref // latest offers and confirmations to anybody, as a ring
	to      []packet.MAC
	next    int
}

const keptAnswers = 64

type detector struct {
	scope   *detect.Scope
	clients map[client]*search
	nets    map[network]*net
	lost    uint64 // machines and networks that did not fit
}

// Handle follows each machine's questions and what servers say to it.
func (d *detector) Handle(e event.Event) {
	m, ok := e.(*dhcp.Event)
	if !ok || m.ClientMAC.IsZero() {
		return
	}
	c := d.search(client{m.Head().Vantage, m.ClientMAC}, m.Head().Seen.Time)
	if c == nil {
		return
	}
	if m.HostName != "" && !m.Reply {
		c.name = m.HostName
	}
	switch m.Type {
	case dhcp.Discover:
		c.discover(m)
	case dhcp.Request:
		c.asked(m)
	case dhcp.Offer, dhcp.ACK:
		c.n, c.discovers, c.reported = 0, [4]packet.Ref{}, false
		d.offer(m)
	case dhcp.NAK:
		d.refuse(c, m)
	}
}

func (d *detector) search(k client, now packet.Time) *search {
	c := d.clients[k]
	if c == nil {
		if len(d.clients) >= d.scope.Limits.Entries {
			d.lost++
			d.scope.Forgot("dhcpfaults", "machines")
			return nil
		}
		c = &search{client: k}
		d.clients[k] = c
	}
	c.lastUsed = now
	return c
}

func (c *search) discover(m *dhcp.Event) {
	ref := m.Head().Seen
	if c.n > 0 && ref.Time.Sub(c.last.Time) > nakWindow { // another day
		c.n, c.discovers, c.reported = 0, [4]packet.Ref{}, false
	}
	if c.n > 0 && m.XID == c.xid && ref.Time.Sub(c.last.Time) < 200*time.Millisecond {
		return // the same question, through a relay and without
	}
	if c.n < len(c.discovers) {
		c.discovers[c.n] = ref
	}
	c.n++
	c.last, c.xid, c.relay = ref, m.XID, m.Relay
}

// asked notes which address a machine wants: the one that a refusal speaks of.
func (c *search) asked(m *dhcp.Event) {
	c.n, c.discovers = 0, [4]packet.Ref{} // it got an offer, or remembers an address
	c.last = m.Head().Seen
	if c.wants = m.RequestedIP; c.wants.IsZero() {
		c.wants = m.ClientIP
	}
}

func (d *detector) refuse(c *search, m *dhcp.Event) {
	now := m.Head().Seen
	for len(c.naks) > 0 && now.Time.Sub(c.naks[0].ref.Time) > nakWindow || len(c.naks) >= 16 {
		c.naks = c.naks[1:]
	}
	c.naks = append(c.naks, refusal{now, m.ServerID, c.last, c.wants, m.Text})
	if len(c.naks) < manyNAKs {
		return
	}
	loop := append([]refusal(nil), c.naks...)
	c.naks = nil
	d.scope.Report(&finding.Instance{Code: NAKLoop, Key: c.mac.String(), Vantage: c.vantage, Server: m.ServerID, First: loop[0].ref, Last: now,
		Data: &nakLoop{c.client, c.name, loop}})
}

// nakLoop is a run of refusals.
type nakLoop struct {
	client
	name string
	naks []refusal
}

func (d *detector) offer(m *dhcp.Event) {
	h := m.Head()
	k := network{h.Vantage, m.Relay}
	n := d.nets[k]
	if n == nil {
		if len(d.nets) >= d.scope.Limits.Entries {
			d.lost++
			d.scope.Forgot("dhcpfaults", "networks")
			return
		}
		n = &net{network: k}
		d.nets[k] = n
	}
	n.heard(h.Seen, m.ClientMAC)
	if m.ServerID.IsZero() {
		return
	}
	var s *offers
	for _, x := range n.servers {
		if x.id == m.ServerID {
			s = x
		}
	}
	if s == nil {
		if len(n.servers) >= maxServers {
			d.lost++
			return
		}
		s = &offers{id: m.ServerID, first: h.Seen}
		n.servers = append(n.servers, s)
	}
	s.last, s.sample, s.mask = h.Seen, m.YourIP, m.Mask
	if m.Relay.IsZero() {
		s.mac = h.SrcMAC
	}
	s.n++
	if m.Type == dhcp.ACK {
		s.acks++
	}
	s.router, s.dns = first(m.Routers), first(m.DNS)
	d.compare(n, s)
}

func first(as []packet.Addr) packet.Addr {
	if len(as) == 0 {
		return packet.Addr{}
	}
	return as[0]
}

// compare reports the later of two servers that disagree.
func (d *detector) compare(n *net, s *offers) {
	for _, x := range n.servers {
		if x == s || s.last.Time.Sub(x.last.Time) > rogueWindow || !disagree(x, s) {
			continue
		}
		old, late := x, s
		if later(old, late) {
			old, late = late, old
		}
		if late.reported {
			continue
		}
		late.reported = true
		d.scope.Report(&finding.Instance{Code: Rogue, Key: late.id.String(), Vantage: n.vantage, Server: late.id, First: late.first, Last: s.last, Data: &rivals{n, old, late}})
	}
}

// rivals are two servers of one network that disagree.
type rivals struct {
	net       *net
	old, late *offers
}

// later reports that x came to be known after y: it was seen later, and has not given more machines their address.
func later(x, y *offers) bool {
	if x.acks != y.acks && (x.acks == 0 || y.acks == 0) {
		return x.acks < y.acks
	}
	return x.first.Time > y.first.Time
}

// disagree reports that two servers send machines different ways, where both say which.
func disagree(x, y *offers) bool {
	return x.router != y.router && !x.router.IsZero() && !y.router.IsZero() || x.dns != y.dns && !x.dns.IsZero() && !y.dns.IsZero()
}

func (n *net) heard(ref packet.Ref, mac packet.MAC) {
	if len(n.answers) < keptAnswers {
		n.answers, n.to = append(n.answers, ref), append(n.to, mac)
		return
	}
	n.answers[n.next], n.to[n.next] = ref, mac
	n.next = (n.next + 1) % keptAnswers
}

// hunger is a machine that got no offer, with what others got meanwhile.
type hunger struct {
	search
	others  []packet.Ref // first answers to other machines from its first question on
	nothers int
	ever    packet.Ref // any answer of a server that was seen before
}

// Tick reports machines whose last question is old enough, and forgets those that were quiet for long when room is short.
func (d *detector) Tick(now packet.Time) {
	d.report(func(c *search) bool { return now.Sub(c.last.Time) >= patience })
	if len(d.clients) >= d.scope.Limits.Entries {
		for k, c := range d.clients {
			if now.Sub(c.lastUsed) > nakWindow {
				delete(d.clients, k)
			}
		}
	}
}

// End reports those who asked for long enough: their first question has waited longer than an offer may take.
func (d *detector) End(packet.Time) {
	d.report(func(c *search) bool { return c.last.Time.Sub(c.discovers[0].Time) >= 2*patience })
}

// report hands on, in order of their first question, the machines that wait in vain.
func (d *detector) report(due func(*search) bool) {
	var hungry []*search
	for _, c := range d.clients {
		if c.n >= manyDiscovers && !c.reported && due(c) {
			hungry = append(hungry, c)
		}
	}
	sort.Slice(hungry, func(i, j int) bool {
		a, b := hungry[i].discovers[0], hungry[j].discovers[0]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.Frame < b.Frame
	})
	for _, c := range hungry {
		c.reported = true
		h := &hunger{search: *c}
		if n := d.nets[network{c.vantage, c.relay}]; n != nil {
			for i := range n.answers {
				k := (n.next + i) % len(n.answers)
				switch {
				case n.answers[k].Time < c.discovers[0].Time:
					h.ever = n.answers[k]
				case n.to[k] != c.mac:
					if len(h.others) < 4 {
						h.others = append(h.others, n.answers[k])
					}
					h.nothers++
				}
			}
		}
		d.scope.Report(&finding.Instance{Code: NoOffer, Key: key(h), Vantage: c.vantage, First: c.discovers[0], Last: c.last, Data: h})
	}
}

// key folds machines with one cause: all of a network when nobody gets an offer, each machine where others do.
func key(h *hunger) string {
	if h.nothers > 0 {
		return h.mac.String()
	}
	return "nobody " + h.relay.String()
}
