package scan

import (
	"fmt"
	"slices"
	"sort"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// day is what strangers tried in vain since it began.
type day struct {
	begin, last packet.Ref
	searches    int // of which the numbers alone say that they are searches
	knocks      uint64
	opened      uint64 // doors that opened to them: used by others, or told before
	answers     uint64 // backscatter
	victims     set    // who sent it
	asks        [4]packet.Ref
	replies     [3]packet.Ref
	vantage     uint16
	ports       [8]portCount
}

type portCount struct {
	port  uint16
	proto uint8
	n     uint64
}

// book counts a stranger's bout as noise.
func (d *detector) book(r *report) {
	y := &d.day
	for i := range r.parts {
		b := &r.parts[i]
		y.see(b.first, b.last, b.source.vantage)
		if r.code != "" {
			y.searches++
			d.searchers.add(h16(&b.source.addr))
			for _, a := range b.asks {
				y.ask(a)
			}
		}
		y.knocks += uint64(b.fails)
		y.opened += uint64(len(b.opened))
	}
}

func (y *day) see(first, last packet.Ref, vantage uint16) {
	if y.begin.IsZero() || first.Time < y.begin.Time {
		y.begin = first
	}
	if last.Time > y.last.Time {
		y.last, y.vantage = last, vantage
	}
}

func (y *day) ask(r packet.Ref) {
	for i := range y.asks {
		if y.asks[i].IsZero() {
			y.asks[i] = r
			return
		}
	}
}

// port counts what strangers look for; the rarest makes room.
func (y *day) port(port uint16, proto uint8) {
	least := &y.ports[0]
	for i := range y.ports {
		p := &y.ports[i]
		if p.n > 0 && p.port == port && p.proto == proto {
			p.n++
			return
		}
		if p.n < least.n {
			least = p
		}
	}
	*least = portCount{port, proto, least.n + 1}
}

// backscatter counts an answer that nobody here asked for.
func (d *detector) backscatter(c *contact) {
	if d.scope.Home.Has(c.source.Addr) || !d.scope.Home.Has(c.to.addr) {
		return
	}
	y := &d.day
	y.see(c.flow.Start, c.flow.Last, c.flow.Head().Vantage)
	if y.answers < uint64(len(y.replies)) {
		y.replies[y.answers] = c.flow.Start
	}
	y.answers += c.side.Packets
	y.victims.add(h16(&c.source.Addr))
}

// common counts which doors strangers try: a door that a quarter of them tries is not searched for, it is wanted.
type common struct {
	doors [32]commonDoor
	total uint64
}

type commonDoor struct {
	sum uint32
	n   uint64
}

// add counts one more stranger at a door; the rarest door makes room and leaves its count, which makes counts too high
// by no more than the strangers over the places.
func (c *common) add(sum uint32) {
	c.total++
	least := &c.doors[0]
	for i := range c.doors {
		x := &c.doors[i]
		if x.n > 0 && x.sum == sum {
			x.n++
			return
		}
		if x.n < least.n {
			least = x
		}
	}
	*least = commonDoor{sum, least.n + 1}
}

// fade halves what was counted, so that yesterday does not outweigh today.
func (c *common) fade() {
	for i := range c.doors {
		c.doors[i].n /= 2
	}
	c.total /= 2
}

// wanted reports a door that a quarter of the strangers tried.
func (c *common) wanted(sum uint32) bool {
	for i := range c.doors {
		if x := &c.doors[i]; x.sum == sum {
			return 4*x.n >= c.total
		}
	}
	return false
}

// others is how many strangers did not try a wanted door.
func (c *common) others() uint64 {
	n := c.total
	for i := range c.doors {
		if x := &c.doors[i]; 4*x.n >= c.total {
			n -= min(n, x.n)
		}
	}
	return n
}

// crowded reports that so many strangers knock that each single one is noise.
func (c *common) crowded() bool { return c.others() >= crowd }

// explains says of what others report whether it is noise: failures of a stranger at a door that nobody uses and that
// not everybody wants, once there is a crowd of them.
func (d *detector) explains(i *finding.Instance) bool {
	return slices.Contains(absorbed, i.Code) && d.noise(&d.common, srcKey{i.Vantage, i.Client, false}, i.Server, i.Port)
}

// noise reports a failure that is noise among what c counted.
func (d *detector) noise(c *common, k srcKey, server packet.Addr, port uint16) bool {
	if !c.crowded() || k.addr.IsZero() || d.scope.Home.Has(k.addr) {
		return false
	}
	if s := d.sources.find(&k); s != nil && s.talked {
		return false
	}
	x := door{server, port, packet.ProtoTCP}
	return d.uses.find(&x) == nil && !c.wanted((x.sum()|2)&^openBit)
}

// noted are the strangers of one day, for what was reported before there were enough of them.
type noted struct {
	d       *detector
	vantage uint16
	common  common // as the day ended: then it fades
}

// Covers reports what the day's line explains.
func (n *noted) Covers(client, server packet.Addr, port uint16) bool {
	return n.d.noise(&n.common, srcKey{n.vantage, client, false}, server, port) || !n.d.scope.Home.Has(client) && n.d.searchers.has(h16(&client))
}

// endDay tells the day's noise in one line, and begins a new day.
func (d *detector) endDay() {
	y := d.day
	if y.searches > 0 || d.common.crowded() {
		n := d.strangers
		r := &noise{day: y, strangers: n.n, more: n.full}
		d.scope.Report(&finding.Instance{Code: Background, Key: fmt.Sprint("day ", uint64(y.begin.Time)), Vantage: y.vantage, First: y.begin, Last: y.last,
			Covers: finding.Cover{Also: &noted{d, y.vantage, d.common}}, Data: r})
	}
	d.day = day{victims: set{most: y.victims.most}}
	d.strangers = set{most: d.strangers.most}
	d.common.fade()
	if d.searchers.full {
		d.searchers = set{most: d.searchers.most}
	}
}

// noise is one day's line.
type noise struct {
	day
	strangers int
	more      bool
}

func (d *detector) composeNoise(g *finding.Group, b *finding.Builder) bool {
	n := g.Kept[0].Data.(*noise)
	y := &n.day
	span := detect.Span(y.last.Time.Sub(y.begin.Time))
	who := detect.Plural(n.strangers, "address", "addresses")
	if n.more {
		who = "at least " + who
	}
	asks := y.asks[:]
	if asks[0].IsZero() { // single knocks alone
		asks = []packet.Ref{y.begin, y.last}
	}
	b.Subject(finding.Subject{Role: "attacker", Name: "strangers"})
	b.Title("the usual knocking from outside: %s tried %s in vain within %s", who, detect.Plural(int(y.knocks), "door", "doors"), span)
	b.Why("programs try every address of the Internet all the time; nothing here opened to them that others do not use anyway")
	b.Summary("%s from outside tried doors of your machines, and %s in vain. %d of them tried so many that it is plainly a search. This is weather: it is counted here in one line, "+
		"and told by itself only when it finds a door that nobody else uses, comes from inside, or is followed by a use of what was found.", who, detect.Plural(int(y.knocks), "try was", "tries were"), y.searches)
	b.Impact("none: they found nothing")
	b.Fact(asks, "%s, %s in vain, from %s to %s", detect.Plural(y.searches, "search", "searches"), detect.Plural(int(y.knocks), "door", "doors"), d.scope.Frame(y.begin), d.scope.Frame(y.last))
	if list := y.wanted(); list != "" {
		b.Fact(asks[:1], "what they look for most: %s", list)
	}
	b.Fact(asks[:1], "%s to them that others use, too, or that was told before", detect.Plural(int(y.opened), "door opened", "doors opened"))
	if y.answers > 0 {
		b.Fact(y.replies[:], "beside that, %s to requests that nobody here sent, from %s: somebody uses your addresses as forged senders (backscatter); nothing is wrong here",
			detect.Plural(int(y.answers), "answer", "answers"), detect.Plural(y.victims.n, "machine", "machines"))
	}
	b.RuledOut("outage", asks[:2], "what they tried are doors that nobody used before or since, and not one that most of them wanted")
	b.Remedy(finding.AtFirewall, "nothing needs to be done. What no stranger has to reach should be dropped at the edge, so that it stays quiet inside")
	b.Check("ss -ltnp", "on each server: is everything that listens meant for strangers?")
	b.WrongIf("one of the doors belongs to a service that customers should reach")
	for i, r := range asks {
		b.Evidence(r, "a stranger tries a door")
		if i < 2 {
			b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: "SYN", Note: "a stranger tries a door", Lost: true})
		}
	}
	for _, r := range y.replies {
		b.Evidence(r, "an answer that nobody asked for")
	}
	return true
}

// wanted lists the doors that strangers try most.
func (y *day) wanted() string {
	ps := slices.Clone(y.ports[:])
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].n > ps[j].n })
	var items []string
	for _, p := range ps[:5] {
		if p.n > 1 && 50*p.n > y.knocks {
			items = append(items, fmt.Sprintf("%s (%d times)", doorName(p.port, p.proto), p.n))
		}
	}
	return detect.List(items, 5)
}

func doorName(port uint16, proto uint8) string {
	switch proto {
	case packet.ProtoTCP:
		return fmt.Sprint(port)
	case packet.ProtoUDP:
		return fmt.Sprint(port, "/udp")
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return "ping"
	}
	return "IP protocol " + packet.ProtoName(proto)
}
