// Package amplification finds services of one datagram whose long answers go to addresses that others forged: servers that
// are used as a weapon.
package amplification

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "amplification"

const (
	// factor is how many bytes of answers each byte of requests must bring, in frames on the wire.
	factor = 10
	// manyRequests is how many such requests make a bout.
	manyRequests = 20
	// manyReceivers is how many addresses must get the answers, unless they say themselves that they did not ask.
	manyReceivers = 10
	// manyRefusals is how many answers must be refused where fewer addresses get them: a host that gives up before a slow
	// answer comes refuses one now and then, and kernels refuse one a second at most.
	manyRefusals = 10
	// refusers is how many receivers must have refused, and of how great a share of all, to show that none of them asked.
	refusers     = 3
	refusedShare = 0.25
	// most is the least share of a service's conversations that must be of this sort: a busy one has a few long answers.
	most = 0.5
	// pause without any such conversation ends a bout.
	pause = 10 * time.Minute
	// manyNetworks is how many networks (/24, /64) with one TTL are one machine: clients of so many places differ.
	manyNetworks = 8
	// oneTTL is the least share of requests that have that TTL.
	oneTTL = 0.95
)

// Bounds of what a bout remembers; beyond, counts are lower bounds.
const (
	maxReceivers = 128
	maxRefs      = 4
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "amplification",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a server sends long answers to addresses that others forged",
		Kind:     finding.Attack,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "clients", Name: "clients of their own that want such long answers"},
			{ID: "busy", Name: "a busy service with a few long answers among many"},
			{ID: "transfer", Name: "one client that fetches much, such as a zone or a table of a device"},
		},
		Absorbs:    []string{"icmp-unreachable", "icmp-admin-prohibited"},
		References: []string{"RFC 5358 (recursive name servers in reflector attacks)", "BCP 38, RFC 2827 (forged source addresses)", "RFC 8085 3.1 (answers larger than requests)"},
		Settle:     30 * time.Second,
		About: "A datagram needs no handshake, so a service answers whoever the source address names. With a forged address the answer hits a victim, and where the answer is much longer than the request a small line makes a " +
			"large flood. Looked for: conversations with UDP services known for it (DNS 53, NTP 123, SNMP 161, CLDAP 389, SSDP 1900, memcached 11211) in which the server sent more than ten times the bytes that it got: twenty such " +
			"requests or more, most of what outsiders ask that service, and either ten receivers or more, or receivers whose hosts refuse ten of the answers because no program waits for them (ICMP port unreachable). Not this: a busy " +
			"resolver with a few long answers; one client that fetches much; own clients that take what they asked for. Both directions are needed; a transfer over TCP cannot be forged this way.",
		Reproduce: "testbed: amplification, amplification-long, amplification-one (a resolver that serves everybody; the sender with forged addresses is our own)",
	}},
	Wants: detect.Wants{Other: []event.What{event.Ended}, Kinds: []event.Kind{event.KindICMPError}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, bouts: detect.NewRecent[place, *bout](s.Limits.Entries).Of(s, "amplification", "services", func(k place) packet.Addr { return k.server })}
	},
}

// services are the ports that are looked at, and what answers there.
var services = map[uint16]string{53: "DNS", 123: "NTP", 161: "SNMP", 389: "CLDAP", 1900: "SSDP", 11211: "memcached"}

// place is a service as one sort of clients meets it: own ones of an own server, or all others.
type place struct {
	server  packet.Addr
	port    uint16
	vantage uint16
	own     bool // both ends are inside
}

// bout is what one service did while it was used, bounded.
type bout struct {
	place
	flows     int // conversations that were answered
	long      int // of those, with long answers
	requests  uint64
	asked     uint64               // bytes
	answered  uint64               // bytes
	receivers map[packet.Addr]bool // true: its host refused an answer
	more      bool                 // there was no room for all
	ttl       uint8                // of the first request
	sameTTL   uint64               // requests in conversations that began with it
	refused   int                  // answers that the receiver's host refused
	first     packet.Ref
	last      packet.Ref
	asks      []packet.Ref
	answers   []packet.Ref
	refusals  []packet.Ref
	victim    packet.Addr // the first receiver
	inside    bool        // the server is
}

type detector struct {
	scope *detect.Scope
	bouts *detect.Recent[place, *bout]
}

// Handle takes conversations that are over, and refusals of answers.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Flow:
		if x.What == event.Ended && x.Head().Proto == packet.ProtoUDP {
			d.ended(x)
		}
	case *event.ICMPError:
		d.refused(x)
	}
}

// bout returns the bout of the service that h names, nil for one that is not looked at. A bout that rests is over.
func (d *detector) bout(h *event.Head, from packet.Ref) *bout {
	if h.Proto != packet.ProtoUDP || services[h.Server.Port] == "" || h.Server.Addr.Netip().IsMulticast() {
		return nil
	}
	in := d.scope.Home.Has(h.Server.Addr)
	k := place{server: h.Server.Addr, port: h.Server.Port, vantage: h.Vantage, own: in && d.scope.Home.Has(h.Client.Addr)}
	p, fresh := d.bouts.Put(k)
	if fresh || from.Time.Sub((*p).last.Time) > pause {
		*p = &bout{place: k, inside: in, first: from, last: from}
	}
	return *p
}

func (d *detector) ended(f *event.Flow) {
	h := f.Head()
	up, down := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	if up.Packets == 0 || down.Packets == 0 {
		return // nothing was answered, or this capture shows one direction
	}
	b := d.bout(h, f.Start)
	if b == nil {
		return
	}
	b.flows++
	if down.Bytes <= factor*up.Bytes {
		return
	}
	b.add(f)
	if b.is() {
		d.scope.Report(&finding.Instance{Code: Code, Key: detect.EndText(h.Server), FlowID: h.FlowID, Vantage: h.Vantage, Server: b.server, Port: b.port,
			First: b.first, Last: b.last, Covers: finding.Cover{Host: b.server, Also: b}, Data: b})
	}
}

func (b *bout) add(f *event.Flow) {
	up, down := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	to := f.Head().Client.Addr
	if b.long == 0 {
		b.victim, b.ttl = to, up.TTLFirst
	}
	b.long++
	b.requests += up.Packets
	b.asked += up.Bytes
	b.answered += down.Bytes
	if up.TTLFirst == b.ttl {
		b.sameTTL += up.Packets
	}
	if f.Start.Time < b.first.Time {
		b.first = f.Start
	}
	if f.Last.Time > b.last.Time {
		b.last = f.Last
	}
	if len(b.asks) < maxRefs {
		b.asks = append(b.asks, f.Start)
		b.answers = append(b.answers, f.Last)
	}
	b.receiver(to, false)
}

// receiver remembers an address that gets the answers.
func (b *bout) receiver(a packet.Addr, refused bool) {
	if b.receivers == nil {
		b.receivers = map[packet.Addr]bool{}
	}
	before, known := b.receivers[a]
	if !known && len(b.receivers) >= maxReceivers {
		b.more = true
		return
	}
	b.receivers[a] = before || refused
}

// refused counts answers that came to a host where no program waits for them: its address was forged.
func (d *detector) refused(x *event.ICMPError) {
	none := x.Version == 4 && x.Type == 3 && x.Code == 3 || x.Version == 6 && x.Type == 1 && x.Code == 4
	if !none || x.Sender != x.Quoted.Dst {
		return
	}
	h := *x.Head()
	if x.QuotedDir == packet.ToServer { // the request is not in the capture: the server looks like the client
		h.Client, h.Server = h.Server, h.Client
	}
	b := d.bout(&h, h.Seen)
	if b == nil {
		return
	}
	b.refused++
	b.receiver(x.Sender, true)
	if len(b.refusals) < maxRefs {
		b.refusals = append(b.refusals, h.Seen)
	}
	if h.Seen.Time > b.last.Time {
		b.last = h.Seen
	}
}

// Covers reports a refusal of the service's answers (finding.Coverer). Where the capture lost the request, the answer
// looks like the first packet, and the server like the client.
func (b *bout) Covers(client, server packet.Addr, port uint16) bool {
	if server == b.server {
		return port == b.port
	}
	_, got := b.receivers[server]
	return client == b.server && got
}

// is judges what is known so far.
func (b *bout) is() bool {
	return b.requests >= manyRequests && float64(b.long) >= most*float64(b.flows) && (b.refused >= manyRefusals || b.many())
}

// many reports receivers enough that no client of one's own explains them.
func (b *bout) many() bool { return !b.own && len(b.receivers) >= manyReceivers }

// unasked returns how many receivers refused, if they are enough to speak for the others.
func (b *bout) unasked() int {
	n := 0
	for _, refused := range b.receivers {
		if refused {
			n++
		}
	}
	if n < refusers || float64(n) < refusedShare*float64(len(b.receivers)) {
		return 0
	}
	return n
}

// oneMachine returns how many networks the requests name though nearly all came with one TTL; 0: that cannot be said.
func (b *bout) oneMachine() int {
	nets := map[packet.Addr]bool{}
	for a := range b.receivers {
		nets[a.Prefix()] = true
	}
	if b.own || len(nets) < manyNetworks || b.ttl == 0 || float64(b.sameTTL) < oneTTL*float64(b.requests) {
		return 0
	}
	return len(nets)
}

// Tick does nothing: a bout ends with the next conversation that is far from it.
func (d *detector) Tick(packet.Time) {}

// End does nothing: conversations are over when they come.
func (d *detector) End(packet.Time) {}
