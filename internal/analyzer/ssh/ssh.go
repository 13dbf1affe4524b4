// Package ssh reads the clear part of SSH connections (RFC 4253): versions and key exchange. From the sizes of what
// follows it infers whether somebody was let in.
package ssh

import (
	"bytes"
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "ssh",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{22},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

func probe(_ packet.Dir, b []byte) analyzer.Answer {
	const word = "SSH-"
	n := min(len(b), len(word))
	switch {
	case string(b[:n]) != word[:n]:
		return analyzer.No
	case n < len(word):
		return analyzer.More
	}
	return analyzer.Yes
}

// phase is where one direction stands.
type phase uint8

const (
	version   phase = iota
	packets         // unencrypted
	encrypted       // after NEWKEYS
	lost            // a gap before that
)

// reader follows one connection.
type reader struct {
	kind  event.Kind
	phase [2]phase
	lines [2]analyzer.Lines
	buf   [2][]byte // of an unencrypted packet
	skip  [2]int    // bytes of a packet that is not read
	sides [2]Side
	hello bool
	keys  packet.Ref
	turns turns
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 {
		switch r.phase[d] {
		case lost:
			return
		case version:
			line, rest, cut, ok := r.lines[d].Next(b, maxVersion)
			if !ok {
				return
			}
			b = rest
			v, ok := ParseVersion(line)
			switch begins := bytes.HasPrefix(line, []byte("SSH-")); {
			case begins && cut:
				r.odd(c, d, oddLongBanner)
			case begins && !ok:
				r.odd(c, d, oddBanner)
			}
			if ok { // a server may say other lines before
				r.sides[d].Version = v
				r.phase[d] = packets
				r.show(c, d)
				if !bytes.HasPrefix([]byte(v.Proto), []byte("2")) && v.Proto != "1.99" {
					r.finish(c)
					return
				}
			}
		case packets:
			b = r.packet(c, d, b)
		case encrypted:
			if r.phase[d.Other()] == encrypted && r.turns.add(d, len(b)) {
				r.finish(c)
				return
			}
			return
		}
	}
}

// recordHead is how many bytes of an unencrypted packet come before its content: length, padding, number.
const recordHead = 6

// packet takes bytes of one unencrypted packet (RFC 4253 6) and returns the rest.
func (r *reader) packet(c *analyzer.Context, d packet.Dir, b []byte) []byte {
	if r.skip[d] > 0 {
		n := min(r.skip[d], len(b))
		r.skip[d] -= n
		return b[n:]
	}
	p := &r.buf[d]
	need := recordHead
	if len(*p) >= need {
		need = int(binary.BigEndian.Uint32(*p)) + 4
	}
	n := min(need-len(*p), len(b))
	*p = append(*p, b[:n]...)
	b = b[n:]
	if len(*p) < need {
		return b
	}
	length := int(binary.BigEndian.Uint32(*p))
	if length < 5 || length > maxPacket {
		r.odd(c, d, oddRecord)
		r.phase[d] = lost
		return nil
	}
	if need == recordHead && c.Framed() {
		back := recordHead + len(b)
		c.FrameTx(d, c.Frame(d, "record.hdr", back, recordHead), 0)
		c.FrameTx(d, c.Frame(d, "record.data", len(b), int64(length+4-recordHead)), 0)
		c.FrameTx(d, c.Frame(d, "record.pdu", back, int64(length+4)), 0)
	}
	number := (*p)[5]
	switch {
	case number != msgKexInit && len(*p) < length+4: // only its number matters
		r.skip[d] = length + 4 - len(*p)
	case len(*p) < length+4:
		return b
	case number == msgKexInit:
		if pad := int((*p)[4]); pad < length-1 {
			if k, ok := ParseKexInit((*p)[5 : length+4-pad]); ok && r.sides[d].HASSH == "" && c.Wanted(r.kind) {
				r.sides[d].HASSH, r.sides[d].HASSHText = k.HASSH(int(d))
				r.show(c, d)
			}
		}
	}
	*p = (*p)[:0]
	if number == msgNewKeys {
		r.phase[d] = encrypted
		if r.keys.IsZero() {
			r.keys = c.Head(r.kind).Seen
		}
		if r.phase[d.Other()] == encrypted {
			r.emitHello(c)
		}
	}
	return b
}

func (r *reader) emitHello(c *analyzer.Context) {
	if r.hello || r.sides[0].Proto == "" && r.sides[1].Proto == "" {
		return
	}
	r.hello = true
	if c.Wanted(r.kind) {
		c.Emit(&Session{head: c.Head(r.kind), Stage: Hello, Sides: r.sides, Keys: r.keys})
	}
}

// finish tells how the session's login went, and reads no further.
func (r *reader) finish(c *analyzer.Context) {
	r.emitHello(c)
	if c.Wanted(r.kind) {
		x := &Session{head: c.Head(r.kind), Stage: Auth, Sides: r.sides, Keys: r.keys}
		x.Refused, x.Outcome = r.turns.judge()
		c.Emit(x)
	}
	c.Done()
}

// Gap loses bytes: sizes and turns are no longer known.
func (r *reader) Gap(_ *analyzer.Context, d packet.Dir, _ uint64) {
	r.turns.broken = true
	if r.phase[d] != encrypted {
		r.phase[d] = lost
	}
}

// Close ends a direction; the first end decides the login, and nothing is read after it.
func (r *reader) Close(c *analyzer.Context, _ packet.Dir, _ stream.End) {
	r.turns.end()
	r.finish(c)
}

// Reset forgets the connection.
func (r *reader) Reset() {
	lines, buf := r.lines, r.buf
	for d := range buf {
		lines[d].Reset()
		buf[d] = buf[d][:0]
	}
	*r = reader{kind: r.kind, lines: lines, buf: buf}
}

// Held is what the connection keeps (analyzer.Holder).
func (r *reader) Held() int {
	return r.lines[0].Held() + r.lines[1].Held() + cap(r.buf[0]) + cap(r.buf[1])
}
