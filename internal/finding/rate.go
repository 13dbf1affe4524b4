package finding

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"firestorm/internal/packet"
)

// Rate is a token bucket for findings: each that is told takes a token, and tokens come back one after each interval. A
// finding for which there is none is held back: it is released like a muted one, with its reason, and counted. Later
// revisions of a finding that was told take nothing.
type Rate struct {
	Code  string // "*": a bucket for each code
	Every packet.Time
	Burst uint64 // tokens of a full bucket, at least 1
	Track Track
	text  string // as written: "2/hour"
}

// Track says what a bucket is kept for, beside the code.
type Track uint8

// What buckets are kept for: the first subject of a finding (who it happened to, or who attacks), the second, both, or
// the code alone.
const (
	BySource Track = iota
	ByDestination
	ByBoth
	ByCode
)

var trackNames = [...]string{"by_src", "by_dst", "by_both", "by_code"}

// String returns the word of the mutes file.
func (t Track) String() string { return trackNames[t] }

// mostRate is the greatest number of findings a unit of time may be given.
const mostRate = 1_000_000

var rateUnits = map[string]packet.Time{"second": 1e9, "minute": 60e9, "hour": 3600e9, "day": 86400e9}

// parseRate reads what follows the word "rate" in a line of a mutes file:
//
//	CODE|*  NUMBER/second|minute|hour|day  [burst NUMBER]  [by_src|by_dst|by_both|by_code]
func parseRate(f []string) (Rate, error) {
	if len(f) < 2 {
		return Rate{}, errors.New("a rate has a code (or *) and a number of findings, as in: rate tcp-closed-port 10/hour burst 20 by_src")
	}
	r := Rate{Code: f[0], text: f[1]}
	n, unit, ok := strings.Cut(f[1], "/")
	count, err := strconv.ParseUint(n, 10, 32)
	if !ok || err != nil || count == 0 || count > mostRate || rateUnits[unit] == 0 {
		return Rate{}, fmt.Errorf("%q is no rate: NUMBER/second, minute, hour or day, with a number from 1 to %d", f[1], mostRate)
	}
	r.Every, r.Burst = rateUnits[unit]/packet.Time(count), count
	for f = f[2:]; len(f) > 0; f = f[1:] {
		switch f[0] {
		case "burst":
			if len(f) < 2 {
				return Rate{}, errors.New("burst needs a number of findings")
			}
			if r.Burst, err = strconv.ParseUint(f[1], 10, 32); err != nil || r.Burst == 0 || r.Burst > mostRate {
				return Rate{}, fmt.Errorf("%q is no number of findings from 1 to %d", f[1], mostRate)
			}
			f = f[1:]
		case "by_src":
			r.Track = BySource
		case "by_dst":
			r.Track = ByDestination
		case "by_both":
			r.Track = ByBoth
		case "by_code":
			r.Track = ByCode
		default:
			return Rate{}, fmt.Errorf("%q is none of burst, by_src, by_dst, by_both, by_code", f[0])
		}
	}
	return r, nil
}

// MaxBuckets bounds the buckets that are not full at a time; beyond, findings are told without a limit and counted.
const MaxBuckets = 1 << 16

// Buckets hold the tokens of the rates of a mutes file. They belong to one goroutine.
type Buckets struct {
	rates []Rate
	of    map[bucketKey]*bucket
	most  int
	// Full counts findings that were told because no room was left for their bucket.
	Full int
}

type bucketKey struct {
	code string
	a, b packet.Addr
}

// bucket is what is missing from a full one.
type bucket struct {
	gone uint64      // tokens taken that have not come back
	from packet.Time // when the last one came back
	held int         // findings held back since one was told
	full packet.Time // when all will have come back
}

// Buckets returns full buckets for the rates of m; nil when m has none.
func (m *Mutes) Buckets() *Buckets {
	if m == nil || len(m.rates) == 0 {
		return nil
	}
	return &Buckets{rates: m.rates, of: map[bucketKey]*bucket{}, most: MaxBuckets}
}

// Take asks for a token for f at now, packet time, and writes down in f what came of it: held back (MutedBy names the
// rate, Limited is set), or told, with how many the bucket held back since it last told one (Suppressed). The first rate
// of the file for f's code decides.
func (b *Buckets) Take(f *Finding, now packet.Time) bool {
	r := b.rate(f.Code.ID)
	if r == nil {
		return true
	}
	k := r.key(f)
	c := b.of[k]
	if c == nil {
		if len(b.of) >= b.most {
			b.sweep(now)
		}
		if len(b.of) >= b.most {
			b.Full++
			return true
		}
		c = &bucket{from: now}
		b.of[k] = c
	}
	if !c.take(r, now) {
		c.held++
		f.Limited, f.MutedBy = true, r.reason(&k)
		return false
	}
	f.Suppressed, c.held = c.held, 0
	return true
}

// again asks once more for a finding that was held back: it is counted no second time.
func (b *Buckets) again(f *Finding, now packet.Time) bool {
	if r := b.rate(f.Code.ID); r != nil {
		if c := b.of[r.key(f)]; c != nil && c.held > 0 {
			c.held--
		}
	}
	f.Limited, f.MutedBy = false, ""
	return b.Take(f, now)
}

func (b *Buckets) rate(code string) *Rate {
	for i := range b.rates {
		if r := &b.rates[i]; r.Code == "*" || r.Code == code {
			return r
		}
	}
	return nil
}

func (r *Rate) key(f *Finding) bucketKey {
	k := bucketKey{code: f.Code.ID}
	at := func(i int) packet.Addr {
		if len(f.Subjects) == 0 {
			return packet.Addr{}
		}
		return f.Subjects[min(i, len(f.Subjects)-1)].Addr
	}
	switch r.Track {
	case BySource:
		k.a = at(0)
	case ByDestination:
		k.a = at(1)
	case ByBoth:
		k.a, k.b = at(0), at(1)
	}
	return k
}

// reason says why a finding was held back.
func (r *Rate) reason(k *bucketKey) string {
	s := fmt.Sprintf("more than %s of %s", r.text, k.code)
	switch r.Track {
	case BySource:
		s += " from " + k.a.String()
	case ByDestination:
		s += " to " + k.a.String()
	case ByBoth:
		s += " between " + k.a.String() + " and " + k.b.String()
	}
	return s + fmt.Sprintf(" (burst %d)", r.Burst)
}

func (c *bucket) take(r *Rate, now packet.Time) bool {
	if back := uint64(max(now-c.from, 0)) / uint64(r.Every); back >= c.gone {
		c.gone, c.from = 0, max(now, c.from)
	} else {
		c.gone -= back
		c.from += packet.Time(back) * r.Every
	}
	if c.gone >= r.Burst {
		return false
	}
	c.gone++
	c.full = c.from + packet.Time(c.gone)*r.Every
	return true
}

// sweep forgets the buckets that are full again and owe no count.
func (b *Buckets) sweep(now packet.Time) {
	for k, c := range b.of {
		if c.full <= now && c.held == 0 {
			delete(b.of, k)
		}
	}
}

// try is one question for a token.
type try struct {
	g     *group
	at    packet.Ref
	again bool // it was held back before
}

// limit asks the buckets for the groups that were just decided, in order of time: at the first frame of each, and where
// there is no token, once more at its last. Until the end a finding that was told stays told, and one that was held back
// is asked for again each time it grew. At the end all is asked anew from full buckets, so that it says the same as if
// nothing had been said before.
func (e *Engine) limit(due []*group, atEnd bool) {
	if atEnd {
		e.bucket, due = e.o.Mutes.Buckets(), e.list
	}
	var tries []try
	for _, g := range due {
		if atEnd {
			g.told, g.limited = false, false
		}
		f := g.finding
		switch {
		case f == nil || f.MutedBy != "" && !f.Limited:
			continue
		case g.told:
			continue
		}
		if f.Limited, f.MutedBy, f.Suppressed = false, "", 0; !g.limited {
			tries = append(tries, try{g, f.First, false})
		}
		if g.limited || f.Last.Time > f.First.Time {
			tries = append(tries, try{g, f.Last, true})
		}
	}
	sort.SliceStable(tries, func(i, j int) bool {
		x, y := &tries[i], &tries[j]
		a, b := x.g.finding, y.g.finding
		switch {
		case x.at.Time != y.at.Time:
			return x.at.Time < y.at.Time
		case x.at.Source != y.at.Source:
			return x.at.Source < y.at.Source
		case x.at.Frame != y.at.Frame:
			return x.at.Frame < y.at.Frame
		case a.Code.ID != b.Code.ID:
			return a.Code.ID < b.Code.ID
		case a.ID != b.ID:
			return a.ID < b.ID
		}
		return !x.again && y.again
	})
	for _, t := range tries {
		f := t.g.finding
		switch {
		case !t.again:
			t.g.told = e.bucket.Take(f, t.at.Time)
		case !t.g.told:
			t.g.told = e.bucket.again(f, t.at.Time)
		}
	}
	e.Counts.Limited = 0
	for _, g := range e.list {
		if f := g.finding; f != nil {
			if g.limited = f.Limited; f.Limited {
				e.Counts.Limited++
			}
		}
	}
}
