package rules

import (
	"bytes"
	"errors"
	"fmt"
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
	t := tagging{count: plainTag}
	switch f[0] {
	case "", "session":
	case "host":
		return errors.New("host: the packets of a host are of many connections, which are read apart; tag:session is run")
	default:
		return fmt.Errorf("%q is none of session, host", f[0])
	}
	if len(f) > 3 {
		return errors.New("too many words: session,COUNT,packets")
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
	if c.s.tag == nil || c.s.tag.less(t) {
		c.s.tag = &t
	}
	return nil
}}}

// less reports that t keeps more, as far as that can be compared.
func (a *tagging) less(t tagging) bool { return a.unit != t.unit || a.count < t.count }

// tagged is what is left to keep of a connection.
type tagged struct {
	tagging
	from    packet.Time
	packets uint64
	bytes   uint64
	ordinal uint64 // of the packet that alerted: its alert has it
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

// keepTagged tells p if its flow is tagged.
func (e *Engine) keepTagged(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	f := e.of(h.Index)
	if f == nil || f.tag == nil {
		return
	}
	t := f.tag
	if p.Ordinal == t.ordinal {
		return
	}
	t.packets++
	t.bytes += uint64(p.WireLen)
	over := t.packets > longestTag
	switch t.unit {
	case tagPackets:
		over = over || t.packets > t.count
	case tagBytes:
		over = over || t.bytes > t.count
	case tagSeconds:
		over = over || p.Time.Sub(t.from).Seconds() > float64(t.count)
	}
	if over {
		f.tag = nil
		e.todo[h.Index] &^= tagsFlow
		return
	}
	ev := event.NewTagged(e.flows.Head(h, event.KindTagged, p))
	ev.Dir, ev.Frame, ev.Link = h.Dir, bytes.Clone(p.Data), p.DataLink()
	*out = append(*out, ev)
}
