package rules

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// Trace is how far each rule of a set came. It goes through all rules for every packet and transaction, beside the engine's
// own way: slow, and for few rules at a time. One belongs to one Engine; Merge puts those of all shards together.
type Trace struct {
	set  *Set
	rows []Reached // by number of the rule
	m    matcher
	buf  []byte
}

// Reached is how far a rule came.
type Reached struct {
	GID, SID, Rev uint32
	Msg           string
	File          string
	Line          int
	Alerts        uint64
	Quiet         uint64     // matches that are no alerts: noalert, or one beyond the most of a packet
	Passed        uint64     // matches that a pass rule took
	Why           string     // the first check that did not hold where it came furthest
	Held          string     // the last that did, empty: none
	At            packet.Ref // where; zero: nowhere
	Times         uint64     // packets or transactions in which it came as far
	level         int
	ordinal       uint64
}

// NewTrace returns an empty trace of s, which was compiled with Options.Keep.
func NewTrace(s *Set) *Trace {
	t := &Trace{set: s, rows: make([]Reached, len(s.sigs))}
	for i, g := range s.sigs {
		t.rows[i] = Reached{GID: g.info.GID, SID: g.info.SID, Rev: g.info.Rev, Msg: g.info.Msg, File: g.rule.File, Line: g.rule.Line,
			Why: "no packet of its protocol (" + g.rule.Protocol + ") is there"}
	}
	return t
}

// Trace makes e report to t.
func (e *Engine) Trace(t *Trace) { e.trace = t }

// Merge puts traces of one set together, the rules in the order of their files. The result does not depend on the order of
// list.
func Merge(list []*Trace) []Reached {
	if len(list) == 0 {
		return nil
	}
	out := slices.Clone(list[0].rows)
	for _, t := range list[1:] {
		for i := range t.rows {
			a, b := &out[i], &t.rows[i]
			alerts, quiet, passed := a.Alerts+b.Alerts, a.Quiet+b.Quiet, a.Passed+b.Passed
			times := a.Times
			switch {
			case b.level > a.level:
				times = b.Times
			case b.level == a.level:
				times += b.Times
			}
			if b.level > a.level || b.level == a.level && b.ordinal != 0 && (a.ordinal == 0 || b.ordinal < a.ordinal) {
				*a = *b
			}
			a.Alerts, a.Quiet, a.Passed, a.Times = alerts, quiet, passed, times
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line) < 0
	})
	return out
}

// Steps of a trace, in the order in which a person looks for the fault.
const (
	levelNone = iota * 1000
	levelEnds
	levelFlow
	levelConds
	levelBits
	levelApp
	levelBuffer
	levelChecks
	levelAll
)

// note takes down that a rule came to a level.
func (t *Trace) note(s *sig, p *packet.Packet, level int, held, why string) {
	r := &t.rows[s.number]
	switch {
	case level > r.level || r.ordinal == 0:
		r.level, r.ordinal, r.At, r.Held, r.Why, r.Times = level, p.Ordinal, p.Ref(), held, why, 1
	case level == r.level:
		r.Times++
	}
}

// packet goes through all rules for a packet; e.x is that of the packet.
func (t *Trace) packet(e *Engine, p *packet.Packet, h flow.Handle, payload []byte, k *half) {
	e.know(h)
	t.buf = t.buf[:0]
	if k != nil {
		t.buf = k.last(t.buf, tail+mostWaiting)
	}
	for _, s := range t.set.sigs {
		level, why := s.before(&e.x, h, t.set.bits)
		held := ""
		if level > levelEnds {
			held = "addresses and ports"
		}
		switch {
		case level < levelBuffer:
		case len(s.parts) > 0:
			why = "no transaction with " + s.parts[0].name + " came with its connections so far"
		case len(s.payload) == 0:
			level, why = levelAll, ""
		default:
			level, held, why = t.payload(s, payload, held)
		}
		if level > levelNone {
			t.note(s, p, level, held, why)
		}
	}
}

// payload finds out how many of the checks of a payload hold together.
func (t *Trace) payload(s *sig, payload []byte, held string) (level int, last, why string) {
	best, name := -1, "the payload"
	if (s.packet || !s.stream) && len(payload) > 0 {
		best = t.prefix(s.payload, payload)
	}
	if s.stream && len(t.buf) > 0 {
		if n := t.prefix(s.payload, t.buf); n > best {
			best, name = n, "the stream"
		}
	}
	switch {
	case best < 0:
		return levelBuffer, held, "the packet has no payload"
	case best == len(s.payload):
		return levelAll, "", ""
	case best > 0:
		held = name + " has " + s.payload[best-1].words()
	}
	return levelChecks + best, held, name + " lacks " + s.payload[best].words()
}

// prefix is how many of the checks hold together, from the first on.
func (t *Trace) prefix(cs []check, b []byte) int {
	for n := len(cs); n > 0; n-- {
		if t.m.match(cs[:n], b, 0) {
			return n
		}
	}
	return 0
}

// transaction goes through the rules about parts for what there is of one side of a transaction; e.x and e.parts are its.
func (t *Trace) transaction(e *Engine, p *packet.Packet, h flow.Handle, tx uint64) {
	t.m.little = e.x.m.little
	for _, s := range t.set.sigs {
		if len(s.parts) == 0 {
			continue
		}
		level, why := s.before(&e.x, h, t.set.bits)
		held := ""
		if level >= levelBuffer {
			level, held, why = t.parts(e, s, tx)
			if level == levelAll && len(s.payload) > 0 && !e.beside(s, h.Dir) {
				level, held, why = levelChecks+999, "what it asks of "+s.parts[0].name, "the payload is not as it wants"
			}
		}
		if level > levelNone {
			t.note(s, p, level, held, why)
		}
	}
}

// parts finds out how many checks of a rule's parts hold.
func (t *Trace) parts(e *Engine, s *sig, tx uint64) (level int, held, why string) {
	done := 0
	for i := range s.parts {
		p := &s.parts[i]
		if s.twoWay && !p.travels(e.x.dir) {
			continue
		}
		best := -1
		for k := range e.parts {
			v := &e.parts[k]
			if v.name != p.name {
				continue
			}
			b := v.b
			if p.dotted {
				b = append([]byte{'.'}, b...)
			}
			best = max(best, t.prefix(p.checks, b))
		}
		switch {
		case best < 0:
			return levelBuffer + done, held, "the transaction has no " + p.name
		case best < len(p.checks):
			if best > 0 {
				held = p.name + " has " + p.checks[best-1].words()
			}
			return levelChecks + done + best, held, p.name + " lacks " + p.checks[best].words()
		}
		done += len(p.checks)
		held = "all that it asks of " + p.name
	}
	if f := e.x.flow; s.twoWay && !(f != nil && slices.ContainsFunc(f.fired, func(x fired) bool { return x.s.info == s.info && x.dir == e.x.dir.Other() && x.tx == tx })) {
		return levelChecks + done, held, "the other side of the transaction has not come so far, or is not as it wants"
	}
	return levelAll, "", ""
}

// before is how far a rule comes before its contents are looked at, and why not further.
func (s *sig) before(x *inspection, h flow.Handle, bits []string) (level int, why string) {
	p := x.p
	if !s.proto.has(p.Proto) {
		return levelNone, ""
	}
	if !s.endsFit(x) {
		return levelEnds, s.unlike(p)
	}
	if !s.fits(x, h) {
		return levelFlow, "the packet is not as flow wants it: one that " + s.flow.words()
	}
	for i := range s.sizes {
		if !s.sizes[i].has(uint64(p.PayloadWire)) {
			return levelConds, fmt.Sprintf("the payload of %d bytes is not %s bytes long", p.PayloadWire, s.sizes[i].words())
		}
	}
	if len(s.flags) > 0 && !s.quick(p) {
		return levelConds, "the TCP flags are others"
	}
	for i, c := range s.conds {
		if !c(x) {
			what := "a condition"
			if i < len(s.asked) {
				what = s.asked[i].String()
			}
			return levelConds + i, what + " does not hold"
		}
	}
	for i := range s.bits {
		one := sig{bits: s.bits[i : i+1]}
		if !one.asks(x.flow) {
			return levelBits + i, "it " + s.bits[i].words(bits) + ", which it is not"
		}
	}
	if s.app != "" && !speaks(s.app, x.app) {
		if x.app == "" {
			return levelApp, "the connection is not known to speak " + s.app
		}
		return levelApp, "the connection speaks " + x.app + ", not " + s.app
	}
	return levelBuffer, ""
}

// unlike says which end of a packet is not the rule's.
func (s *sig) unlike(p *packet.Packet) string {
	r := s.rule
	switch {
	case !s.dport.Has(p.DstPort):
		return fmt.Sprintf("destination port %d is not %s", p.DstPort, r.DstPort)
	case !s.sport.Has(p.SrcPort):
		return fmt.Sprintf("source port %d is not %s", p.SrcPort, r.SrcPort)
	case !s.src.Has(&p.Src):
		return fmt.Sprintf("source %s is not in %s", p.Src, r.Src)
	}
	return fmt.Sprintf("destination %s is not in %s", p.Dst, r.Dst)
}

// reported takes down what became of the matches of a packet.
func (t *Trace) reported(hits []hit, most int) {
	n, passed := 0, false
	for i := range hits {
		s := hits[i].s
		r := &t.rows[s.number]
		switch {
		case passed:
			r.Passed++
		case s.action == lang.Pass:
			passed = true
			r.Quiet++
		case s.noalert:
			r.Quiet++
		default:
			if n++; n > most {
				r.Quiet++
			} else {
				r.Alerts++
			}
		}
	}
}
