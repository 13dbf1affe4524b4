package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// bucket bounds the rate of a rule's alerts: each takes a token, and tokens come back one after each interval, at most burst
// of them.
type bucket struct {
	every packet.Time // nanoseconds for a token
	burst uint64
	track lang.Track
}

var rateUnits = map[string]packet.Time{"second": second, "minute": 60 * second, "hour": 3600 * second, "day": 86400 * second}

// rateKeywords are the options of this program alone: Suricata has no token buckets.
var rateKeywords = []keyword{
	{"rate", func(c *compiler, o *lang.Option) error {
		b := c.s.limits().rate()
		if b.every != 0 {
			return errors.New("a second rate")
		}
		rate, track, _ := strings.Cut(o.Value, ",")
		n, unit, ok := strings.Cut(rate, "/")
		count, err := strconv.ParseUint(strings.TrimSpace(n), 10, 32)
		span := rateUnits[strings.TrimSpace(unit)]
		if !ok || err != nil || count == 0 || span == 0 {
			return fmt.Errorf("%q is no rate: NUMBER/second, minute, hour or day", rate)
		}
		b.every = span / packet.Time(count)
		if b.burst == 0 {
			b.burst = count
		}
		switch strings.TrimSpace(track) {
		case "", "by_rule":
			b.track = lang.ByRule
		case "by_src":
			b.track = lang.BySrc
		case "by_dst":
			b.track = lang.ByDst
		case "by_both":
			b.track = lang.ByBoth
		case "by_flow":
			b.track = lang.ByFlow
		default:
			return fmt.Errorf("%q is none of by_rule, by_src, by_dst, by_both, by_flow", track)
		}
		return nil
	}},
	{"burst", func(c *compiler, o *lang.Option) error {
		n, err := strconv.ParseUint(strings.TrimSpace(o.Value), 10, 32)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is no number of alerts", o.Value)
		}
		c.s.limits().rate().burst = n
		return nil
	}},
}

// rate is the bucket of the rule, a new one if need be.
func (l *limits) rate() *bucket {
	if l.bucket == nil {
		l.bucket = &bucket{}
	}
	return l.bucket
}

// check refuses a burst without a rate.
func (l *limits) check() error {
	if l != nil && l.bucket != nil && l.bucket.every == 0 {
		return errors.New("burst needs a rate")
	}
	return nil
}

// take takes a token from the bucket that c is; n counts the tokens gone, from is when the last one came back.
func (b *bucket) take(c *count, now packet.Time) bool {
	if back := uint64(max(now-c.from, 0)) / uint64(max(b.every, 1)); c.n > 0 {
		if back >= c.n {
			c.n = 0
		} else {
			c.n -= back
			c.from += packet.Time(back) * b.every
		}
	}
	if c.n == 0 {
		c.from = now
	}
	c.until = c.from + packet.Time(min(c.n+1, 1<<20))*b.every
	if c.n >= b.burst {
		return false
	}
	c.n++
	return true
}

// rateOf applies the lines of rate_filter about a rule: once a rate is passed, the new action holds for a while. Nothing is
// dropped here: it is told as blocked where the settings ask to act so. False: the new action is to pass.
func (l *Limiter) rateOf(m *limits, a *event.Alert, src, dst packet.Addr) bool {
	for i, t := range m.rates {
		c := l.count(t.line, countKey{rule: t.info, kind: countRate + uint8(i)}, src, dst, a.Head().FlowID)
		if c == nil {
			continue
		}
		switch {
		case c.acts != 0 && l.now <= c.acts: // what comes meanwhile is not counted
			c.n--
		case c.acts != 0:
			*c = count{from: l.now, n: 1, until: c.until}
		}
		if c.acts == 0 && c.n > uint64(t.line.Count) {
			c.acts = l.now + packet.Time(t.line.Timeout)*second
		}
		if c.acts == 0 {
			continue
		}
		c.until = max(c.until, c.acts)
		switch {
		case t.line.NewAction == lang.Pass:
			return false
		case t.blocked != nil:
			a.Rule = t.blocked
		}
	}
	return true
}

// rateFilter is a line of rate_filter for one rule.
type rateFilter struct {
	line    *lang.Threshold
	info    *event.RuleInfo
	blocked *event.RuleInfo // what alerts say then; nil: the same
}

// mostRates bounds the lines of rate_filter about one rule.
const mostRates = 16
