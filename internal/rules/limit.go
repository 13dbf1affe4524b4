package rules

import (
	"fmt"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// mostCounts bounds what a Limiter counts at a time.
const mostCounts = 1 << 16

// limits are what keeps alerts of a rule back.
type limits struct {
	info     *event.RuleInfo
	filter   *lang.Threshold // detection_filter: of the rule only
	limit    *lang.Threshold // threshold of the rule, or a line of threshold.config
	suppress []suppression
	rates    []rateFilter
	bucket   *bucket
}

// suppression keeps all alerts back that it fits.
type suppression struct {
	track lang.Track
	addrs *lang.AddrSet // nil: all
}

// limitKeywords say how many alerts of a rule are too many, or too few.
var limitKeywords = []keyword{
	{"threshold", func(c *compiler, o *lang.Option) error {
		t, err := lang.ThresholdOption(o.Value)
		c.s.limits().limit = &t
		return err
	}},
	{"detection_filter", func(c *compiler, o *lang.Option) error {
		t, err := lang.ThresholdOption(o.Value)
		if err == nil && t.UniqueOn != "" {
			for n := range 256 {
				if p := uint8(n); c.s.proto.has(p) && p != packet.ProtoTCP && p != packet.ProtoUDP && p != packet.ProtoSCTP {
					err = fmt.Errorf("unique_on needs a protocol with ports")
				}
			}
		}
		c.s.limits().filter = &t
		return err
	}},
}

func (s *sig) limits() *limits {
	if s.limit == nil {
		s.limit = &limits{info: s.info}
	}
	return s.limit
}

// configure applies lines of threshold.config.
func (s *Set) configure(lines []lang.Threshold, o *Options) (bad []lang.Problem) {
	for i := range lines {
		t := &lines[i]
		p := lang.Problem{Place: t.Place, SID: t.SID}
		var sup suppression
		switch {
		case t.Kind == lang.Suppress && t.IP != "":
			a, err := lang.Addrs(t.IP, &o.Vars)
			if err != nil {
				p.Reason = err.Error()
				bad = append(bad, p)
				continue
			}
			sup = suppression{t.Track, a}
		}
		for _, g := range s.sigs {
			switch {
			case t.GID != 0 && t.GID != g.info.GID, t.SID != 0 && t.SID != g.info.SID:
			case t.Kind == lang.RateFilter:
				g.rate(t, o)
			case t.Kind == lang.Suppress:
				g.limits().suppress = append(g.limits().suppress, sup)
			case t.SID != 0 || g.limit == nil || g.limit.limit == nil: // a line for all does not take a rule's own away
				g.limits().limit = t
			}
		}
	}
	return bad
}

// rate adds a line of rate_filter.
func (s *sig) rate(t *lang.Threshold, o *Options) {
	m := s.limits()
	if len(m.rates) == mostRates {
		return
	}
	r := rateFilter{line: t, info: s.info}
	if o.Prevent && t.NewAction != lang.Pass && t.NewAction != lang.Alert {
		blocked := *s.info
		blocked.Action = "blocked"
		r.blocked = &blocked
	}
	m.rates = append(m.rates, r)
}

// Limiter keeps alerts back that thresholds and suppressions take out. It works behind the border, where alerts of all
// connections come in order: what it counts is wider than a connection. It belongs to one goroutine.
type Limiter struct {
	of     map[*event.RuleInfo]*limits
	counts map[countKey]*count
	now    packet.Time
	// Held counts alerts kept back, Full those let through because no room was left to count them.
	Held, Full uint64
	lates      lates
	set        *Set
	tags       map[*event.RuleInfo]*sig // rules that tag hosts
	hosts      hostsTagged
}

type countKey struct {
	rule *event.RuleInfo
	kind uint8
	a, b packet.Addr
	flow uint64
}

// What a rule counts.
const (
	countLimit uint8 = iota
	countFilter
	countBucket
	countRate // and those behind it: a number for each line of rate_filter
)

type count struct {
	from  packet.Time
	n     uint64
	next  uint64 // of a backoff
	until packet.Time
	acts  packet.Time         // until then a rate_filter's action holds
	seen  map[uint16]struct{} // ports, with unique_on
}

// NewLimiter returns a limiter for the alerts of a set; nil when no rule of it has a limit and no list is to be written.
func (s *Set) NewLimiter() *Limiter {
	l := &Limiter{of: map[*event.RuleInfo]*limits{}, counts: map[countKey]*count{}, set: s}
	l.lates = lates{of: map[*event.RuleInfo]*sig{}, sets: map[*dataset]*changedSet{}}
	for _, g := range s.sigs {
		if g.limit != nil {
			l.of[g.info] = g.limit
		}
		if len(g.late) > 0 {
			l.lates.of[g.info] = g
		}
		if len(g.hosts) > 0 {
			if l.tags == nil {
				l.tags = map[*event.RuleInfo]*sig{}
			}
			l.tags[g.info] = g
		}
	}
	if len(l.of)+len(l.lates.of)+len(l.tags) == 0 && !s.writes() {
		return nil
	}
	return l
}

// Pass reports whether an alert is to be shown.
func (l *Limiter) Pass(a *event.Alert) bool {
	src, dst := a.Ends()
	if !l.lates.pass(a, &src, &dst) {
		return false
	}
	if m := l.of[a.Rule]; m != nil && !l.pass(m, a) {
		l.Held++
		return false
	}
	if s := l.tags[a.Rule]; s != nil {
		l.hosts.tag(s, a, src, dst)
	}
	return true
}

func (l *Limiter) pass(m *limits, a *event.Alert) bool {
	h := a.Head()
	l.now = max(l.now, h.Seen.Time)
	src, dst := a.Ends()
	if m.filter != nil {
		c := l.count(m.filter, countKey{rule: a.Rule, kind: countFilter}, src, dst, h.FlowID)
		if c != nil && m.filter.UniqueOn != "" {
			c.distinct(m.filter, a)
		}
		if c != nil && c.n <= uint64(m.filter.Count) {
			return false
		}
	}
	for i := range m.suppress {
		s := &m.suppress[i]
		if s.addrs == nil || s.track != lang.ByDst && s.addrs.Has(&src) || s.track != lang.BySrc && s.addrs.Has(&dst) {
			return false
		}
	}
	if m.bucket != nil {
		t := lang.Threshold{Track: m.bucket.track}
		if c := l.count(&t, countKey{rule: a.Rule, kind: countBucket}, src, dst, h.FlowID); c != nil {
			c.n-- // a bucket counts for itself
			if !m.bucket.take(c, l.now) {
				return false
			}
		}
	}
	if len(m.rates) > 0 && !l.rateOf(m, a, src, dst) {
		return false
	}
	t := m.limit
	if t == nil {
		return true
	}
	c := l.count(t, countKey{rule: m.info, kind: countLimit}, src, dst, h.FlowID)
	if c == nil {
		return true
	}
	most := uint64(max(t.Count, 1))
	switch t.Type {
	case lang.TypeThreshold:
		if c.n < most {
			return false
		}
		c.n = 0
		return true
	case lang.TypeBoth:
		return c.n == most
	case lang.TypeBackoff:
		if c.next == 0 {
			c.next = most
		}
		if c.n < c.next {
			return false
		}
		c.next *= uint64(max(t.Multiplier, 2))
		return true
	}
	return c.n <= most
}

// count counts one more for what t tracks; nil when there is no room to.
func (l *Limiter) count(t *lang.Threshold, k countKey, src, dst packet.Addr, flow uint64) *count {
	switch t.Track {
	case lang.BySrc:
		k.a = src
	case lang.ByDst:
		k.a = dst
	case lang.ByBoth:
		k.a, k.b = src, dst
		if k.b.Compare(k.a) < 0 {
			k.a, k.b = k.b, k.a
		}
	case lang.ByFlow:
		k.flow = flow
	}
	c := l.counts[k]
	if c == nil {
		if len(l.counts) >= mostCounts {
			l.sweep()
		}
		if len(l.counts) >= mostCounts {
			l.Full++
			return nil
		}
		c = &count{from: l.now}
		l.counts[k] = c
	}
	span := packet.Time(t.Seconds) * 1_000_000_000
	if t.Seconds > 0 && l.now-c.from > span {
		*c = count{from: l.now, acts: c.acts}
	}
	c.until = c.from + span
	if t.Seconds == 0 {
		c.until = 1<<63 - 1
	}
	c.n++
	return c
}

// distinct counts ports that differ instead of alerts.
func (c *count) distinct(t *lang.Threshold, a *event.Alert) {
	h := a.Head()
	src, dst := h.Client.Port, h.Server.Port
	if a.Dir == packet.ToClient {
		src, dst = dst, src
	}
	if t.UniqueOn == "src_port" {
		dst = src
	}
	if c.seen == nil {
		c.seen = map[uint16]struct{}{}
	}
	if uint64(len(c.seen)) <= uint64(t.Count) {
		c.seen[dst] = struct{}{}
	}
	c.n = uint64(len(c.seen))
}

// sweep forgets counts whose time is over.
func (l *Limiter) sweep() {
	for k, c := range l.counts {
		if c.until < l.now {
			delete(l.counts, k)
		}
	}
}
