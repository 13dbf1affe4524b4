package loss

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// sum is what Compose knows of a group.
type sum struct {
	t          total
	way        way
	place      place
	lost       uint64
	flows      int
	atLeast    bool // some losses are no longer counted one by one
	low, high  float64
	from, to   []string // hosts, by direction travelled
	refs       []packet.Ref
	copies     int       // flows whose receiver would have reported copies
	twin       [2]uint64 // lost before and behind the other vantage, in the same flows
	twinAhead  bool      // the other vantage lies further on this way
	twinBehind bool      // the other vantage lies nearer to the sender
}

// Compose writes the finding for one way and side of the sensor, unless it is a handful.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	s := d.sum(g)
	if s == nil || s.lost < lostLeast || s.low < rateLeast {
		return false
	}
	x := g.Kept[0].Data.(*losses)
	b.Subject(finding.Subject{Role: "client", Addr: x.head.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: x.head.Server.Addr})
	switch {
	case s.low >= grave:
		b.Severity(finding.High)
	case s.high < slight:
		b.Severity(finding.Low)
	}
	from, to := hosts(s.from), hosts(s.to)
	where := d.where(s)
	verb := "is lost"
	if d.damaged(s) > 0 && s.place == before {
		verb = "is lost or arrives damaged"
	}
	b.Title("%s of what goes from %s to %s %s %s", s.rate(), from, to, verb, where)
	seen := "the sensor had seen the first copy of what was sent again, so it, or its acknowledgement, was lost further on"
	if s.place == before {
		seen = "the sensor never saw the first copy of what was sent again, so it was lost on the way to the sensor"
	}
	b.Why("%s", seen)
	b.Summary("Between these hosts %s had to be sent again. %s. So look for the fault %s, not at %s: a bad cable or plug, a duplex mismatch, radio, an overloaded link or a "+
		"device that limits the rate. The sender slows down with each loss: transfers take longer, calls stutter.", detect.Plural(int(s.lost), "packet", "packets"), upper(seen), where, other(s))
	least := ""
	if s.atLeast {
		least = "at least "
	}
	b.Impact("%s%s sent again in %d of %s", least, detect.Plural(int(s.lost), "packet", "packets"), s.flows, detect.Plural(int(s.t.flows), "connection", "connections"))
	d.facts(b, s)
	d.alternatives(b, s)
	b.Remedy(finding.AtSwitch, "%s: read the error and drop counters of each port on the way twice, a minute apart; one that grows names the cable or the queue", where).
		Run("Linux", "ip -s -s link").
		Run("Cisco IOS", "show interfaces | include line protocol|drops|CRC|errors")
	b.Remedy(finding.AtSwitch, "both ends of each link at the same speed and duplex: half duplex on one end loses packets under load").
		Run("Cisco IOS", "show interfaces status")
	b.Remedy(finding.AtRouter, "if the link is full: shape a little below its rate with a fair queue; if a policer limits it, raise its rate or burst")
	b.Remedy(finding.AtSensor, "capture at a second place further on that way and read both files together: the segment that loses is named then")
	port := ""
	if x.way.dir == packet.ToServer && x.head.Server.Port != 0 {
		port = fmt.Sprintf(" --tcp --port %d", x.head.Server.Port)
	}
	b.Check("mtr -rwzbc 200"+port+" "+s.to[0], "from "+s.from[0]+": loss that begins at one hop and stays to the end")
	b.WrongIf("counters without errors or drops on every link %s, or a capture beside %s with the same losses on the other side of it", where, to)
	d.story(b, g)
	return true
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// other names the side that is not to blame.
func other(s *sum) string {
	if s.place == before {
		return "what lies behind the sensor"
	}
	return "what lies before it"
}

func (d *detector) sum(g *finding.Group) *sum {
	x := g.Kept[0].Data.(*losses)
	t := d.ways.Get(d.scope.Nets.Find(x.way.vantage, x.way.client, x.way.server))
	if t == nil || t.carried[x.way.dir].packets == 0 {
		return nil
	}
	s := &sum{t: total{t.carried[x.way.dir], t.trouble[x.way.dir]}, way: x.way, place: x.place, flows: g.Count}
	clients, servers := map[packet.Addr]bool{}, map[packet.Addr]bool{}
	var cs, ss []packet.Addr
	for i := range g.Kept {
		y := g.Kept[i].Data.(*losses)
		s.lost += uint64(y.lost)
		s.refs = append(s.refs, y.refs...)
		if y.copies {
			s.copies++
		}
		if c, v := y.head.Client.Addr, y.head.Server.Addr; true {
			if !clients[c] {
				clients[c] = true
				cs = append(cs, c)
			}
			if !servers[v] {
				servers[v] = true
				ss = append(ss, v)
			}
		}
		if t := d.flows[d.scope.Twins.Of(y.head.FlowID)]; t != nil {
			s.twin[before] += uint64(t[x.way.dir].lost[before])
			s.twin[behind] += uint64(t[x.way.dir].lost[behind])
		}
		if d.scope.Twins.Of(y.head.FlowID) != 0 {
			ahead := d.scope.Twins.Near(y.head.FlowID) == (x.way.dir == packet.ToServer)
			s.twinAhead, s.twinBehind = s.twinAhead || ahead, s.twinBehind || !ahead
		}
	}
	switch {
	case g.Count == s.t.lossy[s.place]: // nothing of it is explained otherwise
		s.lost = max(s.lost, s.t.lost[s.place])
	case g.Count > len(g.Kept):
		s.atLeast = true
	}
	s.from, s.to = names(cs), names(ss)
	if x.way.dir == packet.ToClient {
		s.from, s.to = s.to, s.from
	}
	s.low = float64(s.lost) / float64(s.t.packets)
	s.high = s.low
	if s.t.segments > 0 {
		s.high = max(s.low, min(1, float64(s.lost)/float64(s.t.segments)))
	}
	sort.SliceStable(s.refs, func(i, j int) bool { return s.refs[i].Time < s.refs[j].Time })
	return s
}

func names(as []packet.Addr) []string {
	sort.Slice(as, func(i, j int) bool { return as[i].Compare(as[j]) < 0 })
	var out []string
	for _, a := range as {
		out = append(out, a.String())
	}
	return out
}

func hosts(ns []string) string { return detect.List(ns, 3) }

// rate writes the bounds: all packets of the way, or only as many as its data needs.
func (s *sum) rate() string {
	lo, hi := fmt.Sprintf("%.1f", 100*s.low), fmt.Sprintf("%.1f", 100*s.high)
	if lo == hi {
		return lo + " %"
	}
	return lo + " to " + hi + " %"
}

// where says on which stretch of the way the packets died.
func (d *detector) where(s *sum) string {
	v := d.scope.Twins.Name(s.way.vantage)
	o := d.scope.Twins.Name(1 - s.way.vantage&1)
	switch {
	case s.place == behind && s.twinAhead && !s.twinBehind && s.twin[before] > s.twin[behind]:
		return "between " + v + " and " + o
	case s.place == behind && s.twinAhead && !s.twinBehind && s.twin[behind] > 0:
		return "behind " + o + ", on the way to " + hosts(s.to)
	case s.place == before && s.twinBehind && !s.twinAhead && s.twin[behind] > s.twin[before]:
		return "between " + o + " and " + v
	case s.place == before && s.twinBehind && !s.twinAhead && s.twin[before] > 0:
		return "between " + hosts(s.from) + " and " + o
	}
	end, many := s.to, "servers"
	if s.place == before {
		end = s.from
	}
	if (s.way.dir == packet.ToServer) == (s.place == before) {
		many = "clients"
	}
	name := "these " + many
	if len(end) == 1 {
		name = end[0]
	}
	if s.place == behind {
		return "between the sensor and " + name
	}
	return "between " + name + " and the sensor"
}

// damaged counts packets with a wrong checksum at the vantage.
func (d *detector) damaged(s *sum) uint64 {
	if int(s.way.vantage) < len(d.broken) {
		return d.broken[s.way.vantage]
	}
	return 0
}

func (d *detector) facts(b *finding.Builder, s *sum) {
	refs := s.refs[:min(len(s.refs), 6)]
	copyText := "its first copy had passed the sensor"
	if s.place == before {
		copyText = "its first copy never came to the sensor"
	}
	b.Fact(refs, "sent again at %s; of each %s", d.scope.Times(s.refs, 4), copyText)
	b.Fact(nil, "%d lost of %d packets on this way, %d or more of them with data, in %d of %s", s.lost, s.t.packets, s.t.segments, s.flows, detect.Plural(int(s.t.flows), "connection", "connections"))
	b.Fact(nil, "on the other side of the sensor, the same way: %d lost", s.t.lost[1-s.place])
	if s.t.needless+s.t.late > 0 {
		b.Fact(nil, "not counted: %s that were needless (the data had arrived), %s that were only overtaken", detect.Plural(int(s.t.needless), "repeat", "repeats"), detect.Plural(int(s.t.late), "segment", "segments"))
	}
	if n := d.damaged(s); n > 0 {
		b.Fact(nil, "%s came to the sensor with a wrong checksum: something on the way changes bits, and what it changes is dropped at the end", detect.Plural(int(n), "packet", "packets"))
	}
	if every, n, ok := period(s.refs); ok {
		b.Fact(refs, "the losses come in %d bursts, about every %s", n, detect.Span(every))
	}
}

func (d *detector) alternatives(b *finding.Builder, s *sum) {
	refs := s.refs[:min(len(s.refs), 4)]
	switch {
	case s.place == behind:
		b.RuledOut("capture", refs, "the capture has both the first copy and the repeat")
	case s.t.holes == 0:
		b.RuledOut("capture", refs, "each gap was filled by a repeat; nothing was acknowledged that the capture does not have")
	default:
		b.Open("capture", "%s acknowledged that the capture does not have: it lost packets too", detect.Plural(int(s.t.holes), "gap was", "gaps were"))
	}
	switch {
	case s.place == before:
		b.RuledOut("late", refs, "the repeats came later than overtaken packets do, or after the receiver had asked three times")
	case s.copies > 0:
		b.RuledOut("late", refs, "the receivers would have reported data that came twice (DSACK); such repeats are not counted")
	default:
		b.Open("late", "the receivers cannot report data that came twice (no SACK, or the handshake is not in the capture); a capture beside them decides")
	}
	n := moments(s.refs)
	if s.lost >= manyLost && n >= episodes {
		b.RuledOut("passing", refs, "%d losses, at %d moments or more", s.lost, n)
		return
	}
	b.Open("passing", "%d losses, at %s; a longer capture decides", s.lost, detect.Plural(n, "moment", "moments"))
	if n < 2 {
		b.Cap(finding.Possible) // a queue that ran over once: how TCP finds the speed of a path
	}
}

// moments counts the losses that do not follow each other at once.
func moments(refs []packet.Ref) int {
	n := 0
	for i, r := range refs {
		if i == 0 || r.Time.Sub(refs[i-1].Time) > together {
			n++
		}
	}
	return n
}

func (d *detector) story(b *finding.Builder, g *finding.Group) {
	n := 0
	for i := range g.Kept {
		x := g.Kept[i].Data.(*losses)
		for _, r := range x.refs {
			if n == 8 {
				return
			}
			n++
			b.Evidence(r, "sent again")
			if i == 0 {
				b.Ladder(finding.LadderRow{Ref: r, Dir: x.way.dir, Label: "data (again)", Note: "the copy before was lost"})
			}
		}
	}
}

// period looks for bursts of losses that come round: at least three, with gaps that differ by a fifth at most.
func period(refs []packet.Ref) (every time.Duration, bursts int, ok bool) {
	var starts []packet.Time
	n := 0
	flush := func() bool { return n == 0 || n >= burstLeast }
	for i, r := range refs {
		if i == 0 || r.Time.Sub(refs[i-1].Time) >= burstGap {
			if !flush() {
				return 0, 0, false
			}
			starts = append(starts, r.Time)
			n = 0
		}
		n++
	}
	if !flush() || len(starts) < 3 {
		return 0, 0, false
	}
	every = starts[len(starts)-1].Sub(starts[0]) / time.Duration(len(starts)-1)
	for i := 1; i < len(starts); i++ {
		if gap := starts[i].Sub(starts[i-1]); gap < every*4/5 || gap > every*6/5 {
			return 0, 0, false
		}
	}
	return every, len(starts), true
}
