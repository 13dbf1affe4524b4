// Package scan finds who tries doors to see which are open: many ports of one machine, many machines, or just too many
// failures at first contact (sequential hypothesis testing). What strangers try in vain becomes one line a day.
package scan

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Ports      = "scan-ports"
	Hosts      = "scan-hosts"
	Slow       = "scan-trw"
	Background = "scan-background"
)

const (
	// portsAt is how many doors of one machine that fail within windowSpan make a search of that machine.
	portsAt = 15
	// portsEver is the same without regard to time.
	portsEver = 40
	// hostsAt is how many machines that fail within windowSpan make a search of a network.
	hostsAt = 25
	// netAt is how many addresses of a network make it one source of a search, where none of them is one by itself.
	netAt = 3
	// toldFor is how long a door that a stranger found is not news again.
	toldFor = 24 * time.Hour
	// monitorAt is how often, on average, a program comes back to its doors that has a list of them.
	monitorAt = 2
	// sweepEvery is how often rest is looked for.
	sweepEvery = time.Minute
	// crowd is how many strangers knock in vain before single knocks of others count as noise, too.
	crowd = 100
)

// absorbed are the codes that speak of single failures.
var absorbed = []string{"tcp-syn-silent-drop", "tcp-closed-port", "tcp-refused-by-middlebox", "icmp-unreachable", "icmp-admin-prohibited", "tcp-flags-illegal",
	"ike-no-answer", "dns-server-silent", "ntp-silent-or-unsync", "wg-no-response"} // the questions that searches for UDP services ask

var alternatives = []finding.Alt{
	{ID: "outage", Name: "a program with a list of services, many of which are down"},
	{ID: "many-users", Name: "the failures of several machines behind one address"},
	{ID: "peers", Name: "a peer-to-peer program that tries the peers it was told of"},
	{ID: "filter", Name: "an ordinary program whose requests are swallowed on the way"},
	{ID: "forged", Name: "somebody else who uses this address as sender"},
}

var references = []string{"Jung, Paxson, Berger, Balakrishnan: Fast Portscan Detection Using Sequential Hypothesis Testing, IEEE S&P 2004",
	"nmap(1), port scanning techniques", "RFC 9293 3.10.7.1 (what a closed port answers)"}

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "scan",
	Codes: []*finding.Code{{
		ID: Ports, Title: "somebody tries the doors of a machine", Kind: finding.Attack, Severity: finding.High, Tier: 1,
		Alternatives: alternatives, Absorbs: absorbed, References: references,
		Needs:  []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateTable},
		Settle: 30 * time.Second,
		About: "One address tries many ports of one machine, and nearly all of them are closed or silent: 15 or more within five minutes. How it was done (half-open SYN, whole connections, FIN, NULL, Xmas, " +
			"Maimon, ACK, UDP, IP protocols) and what was found open is told, and which of it nobody else uses. It is looking, not yet breaking in. A search by a stranger is told only when it found a door " +
			"that nobody else uses, or came back to use one; all else is in scan-background. Not this: data ports of an FTP conversation, traceroute, programs that come back to a list of services, peers " +
			"of a peer-to-peer program, a server that is down for everybody, answers to forged requests (backscatter).",
		Reproduce: "testbed: scan-syn, scan-connect, scan-stealth, scan-udp, scan-proto, scan-decoys, scan-shared",
	}, {
		ID: Hosts, Title: "somebody looks for machines, or for one service on many machines", Kind: finding.Attack, Severity: finding.High, Tier: 1,
		Alternatives: alternatives, Absorbs: absorbed, References: references,
		Needs:  []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateTable},
		Settle: 30 * time.Second,
		About: "One address tries to reach many machines, and most of them do not exist or refuse: 25 or more that fail at the first contact within five minutes, by TCP, UDP or ICMP echo. Worms and " +
			"people who map a network do that. A search by a stranger is told only when it found a door that nobody else uses, or came back to use one. Not this: monitors and health checks, which come back " +
			"to their list; peer-to-peer programs, whose peers all have ports of their own; a name server or mail server some of whose many partners are down.",
		Reproduce: "testbed: scan-sweep, scan-masscan, scan-ping",
	}, {
		ID: Slow, Title: "too many first contacts of one address fail", Kind: finding.Attack, Severity: finding.Medium, Tier: 1,
		Alternatives: alternatives, Absorbs: absorbed, References: references,
		Needs:  []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateTable},
		Settle: 30 * time.Second,
		About: "A patient scanner stays below every rate. But who knows where he goes is answered: of an ordinary program's first contacts about 80 % succeed, of a scanner's about 20 %. Each machine that " +
			"fails makes a scanner four times likelier, each that answers four times less likely; from 99 to 1 on (four failures in a row, or more failures than answers by four) the address is called a scanner. " +
			"Machines count once, TCP, UDP and ICMP apart, and each fingerprint behind an address apart. What fools it: a program with a list of machines that are gone.",
		Reproduce: "testbed: scan-slow",
	}, {
		ID: Background, Title: "strangers try doors and find nothing", Kind: finding.Attack, Severity: finding.Info, Tier: 1,
		Absorbs: absorbed,
		Alternatives: []finding.Alt{
			{ID: "outage", Name: "customers of a service that is down"},
		},
		Needs:      []finding.Gate{finding.GateTwoWay},
		References: []string{"Wustrow, Karir, Bailey, Jahanian, Huston: Internet Background Radiation Revisited, IMC 2010"},
		Settle:     30 * time.Second,
		About: "Every address of the Internet is tried by strangers all day long. What they try in vain, and what they find that everybody uses, is one line a day with the numbers, so that it hides nothing " +
			"else. So are answers to requests that nobody here sent: somebody forges your addresses in a flood against others (backscatter). A search that finds a door nobody else uses, that comes from " +
			"inside, or that is followed by a use of what was found, is told by itself.",
		Reproduce: "testbed: scan-nothing",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Answered, event.Refused, event.Silent, event.Ended}, Other: []event.What{event.Answered, event.Ended}, Kinds: []event.Kind{event.KindCapture}},
	New:   newDetector,
}

type detector struct {
	scope   *detect.Scope
	sources sources
	oldest  *source
	newest  *source
	lately  [8]*source // those that became the newest last, in a ring
	turn    int
	working []*source // those that have a bout, in the order these began
	room    int       // bytes for all sources together
	bytes   int
	uses    uses
	down    map[uint32]*broken     // doors that failed for ordinary clients
	told    map[uint32]packet.Time // when the discovery of a door was told
	day     day
	lossy   lossy
	// strangers are addresses from outside that tried a door in vain and never had a conversation, of this day.
	strangers set
	searchers set    // of them, those who tried many
	common    common // the doors that most of them tried
	now       packet.Time
	swept     packet.Time
	looked    packet.Time // when it was last asked what can be told early
	// Evicted counts sources forgotten for lack of room, while something of theirs had failed.
	evicted uint64
	// gone are those of them that were judged with all they had done: nothing is lost unless they come again.
	gone map[plainKey]struct{}
	long bool // no contact takes the short way: for a test that both come to the same
	// next and doors are the hashes that Ahead asks for.
	next, doors []uint32
	// out and due are lists of evict, kept for the next time.
	out, due []*source
}

// broken is a door that failed for ordinary clients.
type broken struct{ clients [3]uint32 }

func newDetector(s *detect.Scope) detect.Detector {
	d := &detector{scope: s}
	d.reset()
	s.Explain(d.explains)
	s.Foresee(d)
	return d
}

// Ahead asks for the sources of the next events, and for the doors that they use (detect.Foresight).
func (d *detector) Ahead(step int, fs []*event.Flow) {
	if step == 0 {
		d.next, d.doors = d.next[:0], d.doors[:0]
		for _, f := range fs {
			if f.What != event.Answered && f.What != event.Ended {
				continue
			}
			h := f.Head()
			hash := d.sources.hash(&srcKey{h.Vantage, h.Client.Addr, false})
			d.sources.index.Ask(hash)
			d.next = append(d.next, hash)
			if f.What == event.Ended {
				hash = d.uses.hash(&door{h.Server.Addr, h.Server.Port, h.Proto})
				d.uses.index.Ask(hash)
				d.doors = append(d.doors, hash)
			}
		}
		return
	}
	fresh := 0
	for _, hash := range d.next {
		if d.sources.ask(step, hash, fresh) {
			fresh++
		}
	}
	if step == 1 {
		for _, hash := range d.doors {
			d.uses.ask(hash)
		}
	}
}

// Handle learns from what became of each try.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok {
		if x, ok := e.(*event.Capture); ok {
			d.lossy.see(x)
		}
		return
	}
	d.now = max(d.now, f.Head().Seen.Time)
	c, ok := read(f, d.now)
	if !ok || c.result == unanswered && c.how == udpScan && !d.scope.Home.Has(c.to.addr) {
		return // many a datagram to the outside needs no answer
	}
	h := f.Head()
	if c.result == backscatter {
		d.backscatter(&c)
		return
	}
	c.name()
	s := d.source(&srcKey{h.Vantage, c.source.Addr, false}, f)
	fresh := d.count(s, &c)
	if c.result == answered {
		d.answered(s, &c)
	} else {
		d.failed(s, &c, fresh)
	}
	if !d.scope.Home.Has(s.addr) { // a patient stranger may have a network to himself
		k := srcKey{h.Vantage, c.source.Addr.Prefix(), true}
		n := s.network
		if n == nil || n.forgotten || n.srcKey != k { // its place may be another's
			n = d.source(&k, f)
			s.network = n
		}
		d.count(n, &c)
		d.bytes -= n.bytes()
		n.members.add(h16(&s.addr))
		n.single = n.single || s.scanning()
		d.bytes += n.bytes()
	}
	if d.bytes > d.room {
		d.evict(s)
	}
}

// source returns the source with a key, a new one if need be.
func (d *detector) source(k *srcKey, f *event.Flow) *source {
	hash := d.sources.hash(k)
	if s := d.sources.at(k, hash); s != nil {
		return s
	}
	return d.begin(k, hash, f)
}

// count books a contact with a source, or with the network of one, and reports whether it was the first with that door.
func (d *detector) count(s *source, c *contact) (fresh bool) {
	f := c.flow
	if f.Start.Time.Sub(s.last.Time) > rememberFor {
		d.renew(s)
	}
	d.touch(s, f)
	if s.bout != nil && f.Start.Time.Sub(s.bout.last.Time) > d.gap(s) {
		d.close([]*source{s})
	}
	if s.bout == nil && !d.long && s.visits(c) {
		return false
	}
	before := s.bytes()
	fresh = s.learn(c)
	if s.bout != nil && !s.listed {
		s.listed = true
		d.working = append(d.working, s)
	}
	d.bytes += s.bytes() - before
	return fresh
}

// answered remembers who uses a door: a conversation, not just an answer.
func (d *detector) answered(s *source, c *contact) {
	f := c.flow
	if f.What != event.Ended || f.Sides[0].Payload == 0 || f.Sides[1].Payload == 0 {
		return
	}
	if b := s.bout; b != nil {
		b.comeback(c)
	}
	if s.scanning() {
		return
	}
	s.talked = true
	d.uses.add(&c.to, h16(&s.addr), f.Last.Time)
}

// comeback notes a conversation with a door that was found before.
func (b *bout) comeback(c *contact) {
	f := c.flow
	n := f.Sides[0].Payload + f.Sides[1].Payload
	if n <= b.used.bytes {
		return
	}
	for i := range b.opened {
		if x := &b.opened[i]; x.door == c.to && f.Start.Time > x.ask.Time {
			b.used = use{c.to, f.Start, f.Last, n, f.Exchanges}
			return
		}
	}
}

// failed remembers doors that fail for ordinary clients: what fails for everybody says nothing of one of them.
func (d *detector) failed(s *source, c *contact, fresh bool) {
	if c.result == unanswered && d.lossy.at(c.flow.Start.Time) {
		return
	}
	sum := c.sum | 2
	sum &^= openBit
	if !s.talked && !d.scope.Home.Has(s.addr) {
		if fresh {
			d.day.port(c.to.port, c.to.proto)
		}
		if d.strangers.add(h16(&s.addr)) {
			d.common.add(sum)
		}
		return
	}
	if !s.talked || s.scanning() {
		return
	}
	x := d.down[sum]
	if x == nil {
		if len(d.down) >= max(d.scope.Limits.Entries, 16) {
			d.scope.Forgot("scan", "doors that fail for everybody")
			return
		}
		x = &broken{}
		d.down[sum] = x
	}
	who := h16(&s.addr)
	for i, y := range x.clients {
		if y == who {
			return
		}
		if y == 0 {
			x.clients[i] = who
			return
		}
	}
}

// h16 is a short name of a source in other tables; never 0.
func h16(a *packet.Addr) uint32 { return uint32(sumAddr(a)>>16) | 1 }

// begin makes a source.
func (d *detector) begin(k *srcKey, hash uint32, f *event.Flow) *source {
	s := d.sources.add(k, hash)
	s.first, s.last = f.Start, f.Start
	if len(d.gone) > 0 {
		if _, ok := d.gone[k.plain()]; ok {
			delete(d.gone, k.plain())
			d.scope.Forgot("scan", "sources that came again", k.addr)
		}
	}
	d.bytes += s.bytes()
	return s
}

// renew forgets what a source did a day ago.
func (d *detector) renew(s *source) {
	if s.bout != nil {
		d.close([]*source{s})
	}
	d.bytes -= s.bytes()
	s.doors, s.hosts, s.members, s.walks, s.single = set{}, set{}, set{}, [classes]walk{}, false
	d.bytes += s.bytes()
}

// touch makes s the newest.
func (d *detector) touch(s *source, f *event.Flow) {
	s.last = f.Head().Seen
	if d.newest == s {
		return
	}
	d.unlink(s)
	d.append(s)
}

func (d *detector) append(s *source) {
	if s.older = d.newest; s.older != nil {
		s.older.newer = s
	} else {
		d.oldest = s
	}
	d.newest = s
	x := &d.lately[d.turn%len(d.lately)]
	if *x != nil {
		(*x).later = s
	}
	*x = s
	d.turn++
}

func (d *detector) unlink(s *source) {
	if s.older != nil {
		s.older.newer = s.newer
	} else if d.oldest == s {
		d.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else if d.newest == s {
		d.newest = s.older
	}
	s.older, s.newer = nil, nil
}

// evict makes room for an eighth of what may be kept: the sources that rested longest go, those with nothing that failed
// before the others: a crowd of healthy clients does not hide a searcher (2026-11-29). What they did is judged first. One
// at a time would cost a look at all others for each (2026-11-28: a third of a run).
func (d *detector) evict(keep *source) {
	gone, due := d.out[:0], d.due[:0]
	left := d.bytes
	for _, failed := range []bool{false, true} {
		for s := d.oldest; s != nil && s != keep && s != d.newest && left > d.room-d.room/8; s = s.newer {
			if s.later != nil {
				s.later.ask(1)
			}
			if (s.bout != nil) != failed {
				continue
			}
			left -= s.bytes()
			gone = append(gone, s)
			if !failed {
				continue
			}
			d.evicted++
			if len(d.gone) < max(d.scope.Limits.Entries, 16) {
				if d.gone == nil {
					d.gone = map[plainKey]struct{}{}
				}
				d.gone[s.srcKey.plain()] = struct{}{}
				d.scope.Forgot("scan", "sources")
			} else {
				d.scope.Forgot("scan", "sources", s.addr)
			}
			due = append(due, s)
		}
	}
	d.close(due)
	for _, s := range gone {
		d.sources.index.Ask(d.sources.hash(&s.srcKey))
	}
	for _, s := range gone {
		d.forget(s)
	}
	d.out, d.due = gone, due
}

func (d *detector) forget(s *source) {
	d.bytes -= s.bytes()
	d.unlink(s)
	d.sources.drop(s)
	s.network = nil
}

// gap is the rest that ends a bout of s: of a patient searcher inside, a day.
func (d *detector) gap(s *source) time.Duration {
	if s.scanning() || !d.scope.Home.Has(s.addr) {
		return boutGap
	}
	return rememberFor
}

// Tick ends bouts that rest, and days.
func (d *detector) Tick(now packet.Time) {
	d.now = max(d.now, now)
	if d.scope.Early && (now.Sub(d.looked) >= earlyEvery || now < d.looked) {
		d.looked = now
		d.early()
	}
	if now.Sub(d.swept) < sweepEvery && now >= d.swept {
		return
	}
	d.swept = now
	var due []*source
	for _, s := range d.working {
		if s.bout != nil && now.Sub(s.last.Time) > d.gap(s) {
			due = append(due, s)
		}
	}
	if len(due) > 0 {
		d.close(due)
	}
	if !d.day.begin.IsZero() && now.Sub(d.day.begin.Time) >= 24*time.Hour {
		d.endDay()
	}
}

// End judges what is still going on.
func (d *detector) End(now packet.Time) {
	d.now = max(d.now, now)
	var due []*source
	for _, s := range d.working {
		if s.bout != nil {
			due = append(due, s)
		}
	}
	d.close(due)
	d.endDay()
}
