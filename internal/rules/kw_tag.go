package rules

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// tagging says how much of a connection is kept after an alert: tag:session,COUNT,UNIT.
type tagging struct {
	count uint64
	unit  tagUnit
}

type tagUnit uint8

const (
	tagPackets tagUnit = iota
	tagBytes           // of whole packets
	tagSeconds
)

// plainTag is how many packets are kept where nothing is said, and longestTag bounds what is kept of one connection: a rule
// must not make of the log of alerts a recording.
const (
	plainTag   = 256
	longestTag = 1 << 16 // packets
)

var tagUnits = map[string]tagUnit{"packets": tagPackets, "bytes": tagBytes, "seconds": tagSeconds}

var tagKeywords = []keyword{{"tag", func(c *compiler, o *lang.Option) error {
	f := strings.Split(o.Value, ",")
	for i := range f {
		f[i] = strings.ToLower(strings.TrimSpace(f[i]))
	}
	t := hostTag{tagging: tagging{count: plainTag}, dst: true}
	if n := len(f) - 1; n > 0 && (f[n] == "src" || f[n] == "dst") {
		t.dst, f = f[n] == "dst", f[:n]
	}
	if f[0] != "" && f[0] != "session" && f[0] != "host" {
		return fmt.Errorf("%q is none of session, host", f[0])
	}
	if len(f) > 3 {
		return errors.New("too many words: session,COUNT,packets or host,COUNT,packets,src")
	}
	if len(f) > 1 {
		n, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is no count", f[1])
		}
		t.count = n
	}
	if len(f) > 2 {
		unit, ok := tagUnits[f[2]]
		if !ok {
			return fmt.Errorf("%q is none of packets, bytes, seconds", f[2])
		}
		t.unit = unit
	}
	if f[0] == "host" {
		if len(c.s.hosts) == mostHostTags {
			return fmt.Errorf("more than %d hosts", mostHostTags)
		}
		c.s.hosts = append(c.s.hosts, t)
		return nil
	}
	if c.s.tag == nil || c.s.tag.less(t.tagging) {
		c.s.tag = &t.tagging
	}
	return nil
}}}

// less reports that t keeps more, as far as that can be compared.
func (a *tagging) less(t tagging) bool { return a.unit != t.unit || a.count < t.count }

// tagged is what was kept so far of a connection, or of a host.
type tagged struct {
	tagging
	from    packet.Time
	packets uint64
	bytes   uint64
	ordinal uint64 // of the packet that alerted: its alert has it
}

// take counts a packet and reports whether it is kept, and whether nothing more is. The packet that alerted counts, as Suricata
// has it, and is told by its alert.
func (t *tagged) take(ordinal uint64, wire uint32, at packet.Time) (kept, over bool) {
	t.packets++
	t.bytes += uint64(wire)
	if ordinal == t.ordinal {
		return false, false
	}
	over = t.packets > longestTag
	switch t.unit {
	case tagPackets:
		over = over || t.packets > t.count
	case tagBytes:
		over = over || t.bytes > t.count
	case tagSeconds:
		over = over || at.Sub(t.from).Seconds() > float64(t.count)
	}
	return !over, over
}

// tag begins to keep the packets of the flow of h. A longer tag takes the place of a shorter one.
func (e *Engine) tag(s *sig, p *packet.Packet, h flow.Handle) {
	if s.tag == nil || h.Index == 0 {
		return
	}
	f := e.own(h.Index)
	f.tag = &tagged{tagging: *s.tag, from: p.Time, ordinal: p.Ordinal}
	e.todo[h.Index] |= tagsFlow
}

// tagsFlow in Engine.todo: the packets of the flow are kept.
const tagsFlow = 1 << 4

// keepTagged tells p if its flow is tagged. Where some rule tags hosts it tells all packets: which hosts are tagged is known
// behind the border, where everything comes in one order.
func (e *Engine) keepTagged(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	kept := false
	if f := e.of(h.Index); f != nil && f.tag != nil {
		over := false
		if kept, over = f.tag.take(p.Ordinal, p.WireLen, p.Time); over {
			f.tag = nil
			e.todo[h.Index] &^= tagsFlow
		}
	}
	if !kept && !e.set.tagsHosts {
		return
	}
	ev := event.NewTagged(e.headOf(p, h, event.KindTagged))
	ev.Dir, ev.Frame, ev.Link, ev.Wire, ev.Maybe = h.Dir, bytes.Clone(p.Data), p.DataLink(), p.WireLen, !kept
	*out = append(*out, ev)
}

// hostTag says how much is kept of a host after an alert: tag:host,COUNT,UNIT,src.
type hostTag struct {
	tagging
	dst bool
}

const (
	// mostHostTags bounds the tags of hosts in one rule.
	mostHostTags = 8
	// mostTaggedHosts bounds the tags of all hosts that are kept at a time.
	mostTaggedHosts = 1 << 12
)

// hostsTagged are the hosts of which packets are kept.
type hostsTagged struct {
	of   map[packet.Addr][]*tagged
	n    int
	full uint64 // tags for which there was no room
}

// tag begins to keep the packets of the hosts that the rule of an alert tags.
func (t *hostsTagged) tag(s *sig, a *event.Alert, src, dst packet.Addr) {
	h := a.Head()
	for i := range s.hosts {
		k := src
		if s.hosts[i].dst {
			k = dst
		}
		if t.n == mostTaggedHosts {
			t.sweep(h.Seen.Time)
		}
		if t.n == mostTaggedHosts {
			t.full++
			continue
		}
		if t.of == nil {
			t.of = map[packet.Addr][]*tagged{}
		}
		t.n++
		t.of[k] = append(t.of[k], &tagged{tagging: s.hosts[i].tagging, from: h.Seen.Time, ordinal: h.Ordinal})
	}
}

// sweep forgets tags whose seconds are over.
func (t *hostsTagged) sweep(now packet.Time) {
	for k, list := range t.of {
		list = slices.DeleteFunc(list, func(x *tagged) bool {
			over := x.unit == tagSeconds && now.Sub(x.from).Seconds() > float64(x.count)
			if over {
				t.n--
			}
			return over
		})
		if t.of[k] = list; len(list) == 0 {
			delete(t.of, k)
		}
	}
}

// take counts a packet for a host and reports whether a tag keeps it.
func (t *hostsTagged) take(host packet.Addr, e *event.Tagged) (kept bool) {
	list := t.of[host]
	if list == nil {
		return false
	}
	h := e.Head()
	list = slices.DeleteFunc(list, func(x *tagged) bool {
		k, over := x.take(h.Ordinal, e.Wire, h.Seen.Time)
		kept = kept || k
		if over {
			t.n--
		}
		return over
	})
	if t.of[host] = list; len(list) == 0 {
		delete(t.of, host)
	}
	return kept
}

// Tagged reports whether a packet is told: its connection is tagged, or one of its hosts.
func (l *Limiter) Tagged(e *event.Tagged) bool {
	h := e.Head()
	a := l.hosts.take(h.Client.Addr, e)
	b := h.Client.Addr != h.Server.Addr && l.hosts.take(h.Server.Addr, e)
	return a || b || !e.Maybe
}
