// Package dns reads the Domain Name System (RFC 1035) over UDP and TCP, and what borrows its messages: multicast DNS
// (RFC 6762) and LLMNR (RFC 4795).
package dns

import (
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Ports on which the three are at home.
const (
	Port      = 53
	PortMDNS  = 5353
	PortLLMNR = 5355
)

// Kind is the name of its events.
const Kind = "dns"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "dns",
	Over:  []analyzer.Transport{analyzer.UDP, analyzer.TCP},
	Ports: []uint16{Port, PortMDNS, PortLLMNR},
	Probe: probe,
	Kinds: []string{Kind},
	Names: []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		return &streamReader{kind: o.Kind(Kind)}, nil
	},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe takes b for a datagram, or for the begin of a stream in which two bytes of length go before each message
// (RFC 1035 4.2.2). A stream is settled by its first header and question.
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if plausible(b) {
		return analyzer.Yes
	}
	if len(b) < 2 {
		return analyzer.More
	}
	n := int(binary.BigEndian.Uint16(b))
	if n < headerLen+5 {
		return analyzer.No
	}
	b = b[2:]
	if len(b) >= n {
		if plausible(b[:n]) {
			return analyzer.Yes
		}
		return analyzer.No
	}
	h, ok := ParseHeader(b)
	if ok && (h.QD != 1 || !h.possible()) || len(b) >= headerLen+maxName+5 && !sane(b) {
		return analyzer.No
	}
	return analyzer.More
}

// reader turns each datagram into an event. It keeps nothing from one to the next: a resolver asks again from another
// port, so that questions and answers are for detectors to match.
type reader struct {
	kind event.Kind
	seq  uint32
}

// Message reads one datagram.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	r.seq++
	if c.Framed() {
		c.FrameTx(d, c.Frame(d, "pdu", len(b), int64(len(b))), uint64(r.seq-1))
	}
	emit(c, r.kind, d, b, r.seq-1)
}

// Close has nothing to end.
func (*reader) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (r *reader) Reset() { r.seq = 0 }

// emit reports the message of b if it is one; what is wrong in it is an anomaly.
func emit(c *analyzer.Context, kind event.Kind, d packet.Dir, b []byte, seq uint32) {
	if !c.Wanted(kind) {
		return
	}
	e, odd := read(c, kind, d, b, seq)
	if e == nil {
		return
	}
	if len(odd) > 0 {
		for _, name := range odd {
			c.AppLayer(d, uint64(seq), name)
		}
		c.Inspect(kind, event.Inspection{Dir: d, Tx: uint64(seq), Done: true, Parts: e, Events: odd})
	} else if c.Inspected(kind) {
		c.Inspect(kind, event.Inspection{Dir: d, Tx: uint64(seq), Done: true, Parts: e})
	}
	c.Emit(e)
}

// Read returns the event of a message that travels in another protocol (RFC 8484), whose bytes are copied; nil: it is none. The
// caller emits it and shows it to rules.
func Read(c *analyzer.Context, kind event.Kind, d packet.Dir, b []byte, seq uint32) *Message {
	e, _ := read(c, kind, d, b, seq)
	if e != nil {
		e.Inner = true
	}
	return e
}

// read returns the message of b, and what is wrong in it; nil: it is none.
func read(c *analyzer.Context, kind event.Kind, d packet.Dir, b []byte, seq uint32) (e *Message, odd []string) {
	h, ok := ParseHeader(b)
	if !ok {
		return nil, nil
	}
	e = &Message{head: c.Head(kind), Header: h, Dir: d, Index: seq, Size: len(b)}
	e.raw = append(e.raw, b...)
	var buf [maxName + 1]byte
	if h.QD > 0 {
		q, _, ok := AppendQuestion(buf[:0], e.raw)
		e.Malformed = !ok
		e.Name, e.Type, e.Class = string(q.Name), q.Type, q.Class
	}
	var seen [3]uint16 // records of each section
	ok = Records(e.raw, func(_ int, r Record) bool {
		seen[r.Section-1]++
		if r.Type == TypeOPT && r.Section == 3 {
			e.EDNS, e.UDPSize, e.DO = true, r.Class, r.TTL&(1<<15) != 0
			e.Extended = uint8(r.TTL >> 24)
			e.EDE, e.HasEDE = extendedError(e.raw[r.Data : r.Data+r.Len])
		}
		return true
	})
	e.Malformed = e.Malformed || !ok && h.Flags&FlagTruncated == 0
	var name []string
	if e.Malformed && h.QD > 0 {
		name = nameOddity(e.raw)
	}
	return e, append(name, oddities(&h, d, e.Malformed && name == nil, seen)...)
}

// oddities are what is wrong in a message, by Suricata's names: where it breaks off, bits that must be zero, opcodes that do not
// exist, and a direction that does not fit.
func oddities(h *Header, d packet.Dir, malformed bool, seen [3]uint16) (odd []string) {
	if malformed {
		switch {
		case seen[0] < h.AN || seen[1] == h.NS && seen[2] == h.AR: // in an answer, or before all of them
			odd = append(odd, "malformed_data")
		case seen[1] < h.NS:
			odd = append(odd, "invalid_authorities")
		default:
			odd = append(odd, "invalid_additionals")
		}
	}
	if h.Flags&FlagZ != 0 {
		odd = append(odd, "z_flag_set")
	}
	if h.Opcode() > 6 {
		odd = append(odd, "invalid_opcode")
	}
	switch {
	case d == packet.ToServer && h.Response():
		odd = append(odd, "not_a_request")
	case d == packet.ToClient && !h.Response():
		odd = append(odd, "not_a_response")
	}
	return odd
}

// Suricata cuts names at so many bytes, and gives pointers up after so many.
const (
	mostName  = 1025
	mostJumps = 255
)

// nameOddity says what is wrong with the name that is asked for: it is longer than any may be, or its pointers run in a circle.
func nameOddity(msg []byte) []string {
	for off, size, jumps := headerLen, 0, 0; off < len(msg); {
		n := int(msg[off])
		switch {
		case n == 0:
			return nil
		case n < 64:
			off += 1 + n
			if size += 1 + n; size > mostName {
				return []string{"name_too_long"}
			}
		case n >= 0xc0 && off+1 < len(msg):
			if jumps++; jumps > mostJumps {
				return []string{"infinite_loop"}
			}
			off = (n&0x3f)<<8 | int(msg[off+1])
		default:
			return nil
		}
	}
	return nil
}

// streamReader cuts each direction into messages.
type streamReader struct {
	kind event.Kind
	half [2]half
	seq  uint32
}

type half struct {
	buf  []byte
	lost bool // after a gap the length fields cannot be found again
}

// Data takes bytes of one direction.
func (s *streamReader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	h := &s.half[d]
	if h.lost {
		return
	}
	h.buf = append(h.buf, b...)
	off := 0
	for len(h.buf)-off >= 2 {
		n := int(binary.BigEndian.Uint16(h.buf[off:]))
		if len(h.buf)-off-2 < n {
			break
		}
		if c.Framed() {
			c.FrameTx(d, c.WholeFrame(d, "pdu", len(h.buf)-off-2, int64(n)), uint64(s.seq))
		}
		emit(c, s.kind, d, h.buf[off+2:off+2+n], s.seq)
		s.seq++
		off += 2 + n
	}
	h.buf = h.buf[:copy(h.buf, h.buf[off:])] // at most one message: 64 KiB
}

// Gap ends the reading of a direction.
func (s *streamReader) Gap(_ *analyzer.Context, d packet.Dir, _ uint64) {
	s.half[d].lost, s.half[d].buf = true, s.half[d].buf[:0]
}

// Close drops what is not a whole message.
func (s *streamReader) Close(_ *analyzer.Context, d packet.Dir, _ stream.End) {
	s.half[d].buf = s.half[d].buf[:0]
}

// Reset forgets the connection.
func (s *streamReader) Reset() {
	for d := range s.half {
		b := s.half[d].buf[:0]
		if cap(b) > 4096 {
			b = nil
		}
		s.half[d] = half{buf: b}
	}
	s.seq = 0
}

// Held is what the connection keeps (analyzer.Holder).
func (s *streamReader) Held() int { return cap(s.half[0].buf) + cap(s.half[1].buf) }
