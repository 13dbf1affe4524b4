// Package ike reads the key exchange of IPsec, version 1 (RFC 2408, RFC 2409) and version 2 (RFC 7296), on UDP ports 500
// and 4500, and counts the ESP that shares port 4500 with it (RFC 3948).
package ike

import (
	"encoding/binary"
	"sync"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/esp"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the event kind for messages.
const Kind = "ike"

// Ports of IKE: without and with the non-ESP marker.
const (
	Port     = 500
	PortNATT = 4500
)

// maxAssociations is how many associations of ESP one flow may have at a time; a rekey adds two.
const maxAssociations = 64

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "ike",
	Over:  []analyzer.Transport{analyzer.UDP},
	Ports: []uint16{Port, PortNATT},
	Probe: Probe,
	// ESP has no mark of its own: a capture that begins in its middle shows it by its numbers.
	Series: &analyzer.Series{Ports: []uint16{PortNATT}, Follows: follows},
	Kinds:  []string{Kind, esp.Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &reader{kind: o.Kind(Kind), espKind: o.Kind(esp.Kind)}, nil
	},
}

// Probe reports whether a datagram is an IKE message, with or without the non-ESP marker.
func Probe(_ packet.Dir, b []byte) analyzer.Answer {
	if len(b) == 1 && b[0] == keepalive {
		return analyzer.More
	}
	if _, ok := ParseHeader(b); ok {
		return analyzer.Yes
	}
	if body, marked := unmark(b); marked {
		if _, ok := ParseHeader(body); ok {
			return analyzer.Yes
		}
	}
	return analyzer.No
}

const (
	// leastSPI is the first number of an association: those below are reserved (RFC 4303 2.1).
	leastSPI = 256
	// leastESP is the shortest datagram: SPI, number, two bytes of trailer, padding to four bytes, a check value of eight.
	leastESP = 20
	// mostAhead is how far the number may go ahead from one packet to the next: some may be lost.
	mostAhead = 64
)

// follows reports whether b may be ESP behind before: the same association, the number a little further, a length that
// padding makes (RFC 4303 2.4).
func follows(before, b []byte, wire uint32) analyzer.Answer {
	if len(b) == 1 && b[0] == keepalive {
		return analyzer.More
	}
	m, ok := esp.Parse(false, b)
	if !ok || m.SPI < leastSPI || m.Seq == 0 || wire < leastESP || wire%4 != 0 {
		return analyzer.No
	}
	if before == nil {
		return analyzer.Yes
	}
	if x, _ := esp.Parse(false, before); x.SPI != m.SPI || m.Seq-x.Seq-1 >= mostAhead {
		return analyzer.No
	}
	return analyzer.Yes
}

// keepalive is the one byte of a NAT keepalive (RFC 3948 2.3).
const keepalive = 0xff

// unmark takes off the non-ESP marker (RFC 3948 2.2): four zero bytes, where ESP has its SPI.
func unmark(b []byte) (rest []byte, marked bool) {
	if len(b) < 4 || b[0]|b[1]|b[2]|b[3] != 0 {
		return b, false
	}
	return b[4:], true
}

// scratch holds Messages whose buffers are used again, for all flows: a flow at rest is small.
var scratch = sync.Pool{New: func() any { return new(Message) }}

// reader reads one UDP flow.
type reader struct {
	kind, espKind event.Kind
	esp           *esp.Tracker // nil until the first packet of ESP
	seen          [2]recent
	keepalives    [2]uint32
	txs           uint64
}

// recent remembers the last messages of a direction, so that one sent again is known: IKE repeats the same bytes
// (RFC 7296 2.1).
type recent struct {
	at  [6]sent
	pos int
}

type sent struct {
	hash  uint64
	n     uint32
	first packet.Ref
}

// hash is of a whole message: FNV-1a over words of eight bytes, each spread downwards, since bytes one by one cost more
// than all else that is done for a message (2026-11-29).
func hash(b []byte) uint64 {
	const prime = 1099511628211
	h := 14695981039346656037 ^ uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * prime
		h ^= h >> 32
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * prime
	}
	return h
}

// again counts the message and returns how often it came before and when first.
func (r *recent) again(b []byte, ref packet.Ref) (before uint32, first packet.Ref) {
	h := hash(b)
	for i := range r.at {
		if s := &r.at[i]; s.n > 0 && s.hash == h {
			s.n++
			return s.n - 1, s.first
		}
	}
	r.at[r.pos] = sent{h, 1, ref}
	r.pos = (r.pos + 1) % len(r.at)
	return 0, ref
}

// Message reads one datagram: IKE, ESP in UDP, or a keepalive.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if len(b) == 1 && b[0] == keepalive {
		r.keepalives[d]++
		return
	}
	p := c.Packet()
	body, marked := unmark(b)
	if !marked && (p.SrcPort == PortNATT || p.DstPort == PortNATT) {
		if _, ok := ParseHeader(b); !ok || p.SrcPort != Port && p.DstPort != Port {
			if r.esp == nil {
				r.esp = esp.NewTracker(r.espKind, maxAssociations)
			}
			r.esp.Datagram(c, d, b)
			return
		}
	}
	if !c.Wanted(r.kind) && !c.Inspected(r.kind) {
		if !c.Wanted(r.espKind) {
			c.Done()
		}
		return
	}
	m := scratch.Get().(*Message)
	defer scratch.Put(m)
	if !m.Parse(body) {
		return
	}
	m.evaluate(p)
	e := &Event{head: c.Head(r.kind), Dir: d, Marked: marked, Keepalives: r.keepalives}
	e.Before, e.First = r.seen[d].again(body, p.Ref())
	e.Fragmented = p.IPFlags&packet.Reassembled != 0
	e.IPLen = p.IPLen
	e.Message = *m
	e.found = nil
	e.Transforms = append([]Transform(nil), m.Transforms...)
	e.Text = append([]byte(nil), m.Text...)
	odd := e.oddities()
	for _, name := range odd {
		c.AppLayer(d, r.txs, name)
	}
	if c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: d, Tx: r.txs, Done: true, Parts: e, Events: odd})
	}
	r.txs++
	c.Emit(e)
}

// Earlier reads a datagram of ESP that came before the flow was recognised (analyzer.Earlier).
func (r *reader) Earlier(c *analyzer.Context, d packet.Dir, p *packet.Packet, b []byte) {
	if len(b) < analyzer.SeriesHead {
		return
	}
	if r.esp == nil {
		r.esp = esp.NewTracker(r.espKind, maxAssociations)
	}
	r.esp.Before(c, d, p, b)
}

// Close ends the flow.
func (r *reader) Close(c *analyzer.Context, _ event.EndReason) {
	if r.esp != nil {
		r.esp.Close(c)
	}
}

// Reset forgets the flow.
func (r *reader) Reset() {
	if r.esp != nil {
		r.esp.Reset()
	}
	r.seen, r.keepalives, r.txs = [2]recent{}, [2]uint32{}, 0
}
