package analyzer

import (
	"slices"
	"unsafe"

	"firestorm/internal/packet"
)

// Series recognises a flow of UDP by how its datagrams follow each other, where no single one tells what it is.
type Series struct {
	Ports []uint16 // a flow without one of them is not asked about
	// Follows judges a datagram by the one before it in the same direction: the first SeriesHead bytes of each, before nil
	// for the first; wire is the length of b on the wire. Yes: it fits. No: the flow is another's. More: it says nothing.
	Follows func(before, b []byte, wire uint32) Answer
}

// SeriesHead is how many first bytes of a datagram a Series gets to see.
const SeriesHead = 8

const (
	// seriesFits is how many datagrams of one direction have to follow each other.
	seriesFits = 4
	// seriesMost is after how many datagrams of a flow it counts as unknown.
	seriesMost = 16
)

// Earlier is what a MessageAnalyzer may serve whose Def has a Series: what came before its flow was recognised. p has no
// Data; b is its first SeriesHead bytes. The Context is that of the packet which decided.
type Earlier interface {
	Earlier(c *Context, d packet.Dir, p *packet.Packet, b []byte)
}

// follower is what is known of a flow that may be recognised by its Series.
type follower struct {
	def  int
	held []heldDatagram // all that came, in order
	last [2]int         // in held, plus one
	fits [2]uint8       // in a row
}

type heldDatagram struct {
	p    packet.Packet // without Data
	head [SeriesHead]byte
	n    uint8
	d    packet.Dir
}

func (h *heldDatagram) bytes() []byte { return h.head[:h.n] }

// series finds the one protocol that may follow the flow.
func (x *Dispatcher) series(s *session) {
	if !s.serving.followed(s.head.Server.Port, s.head.Client.Port) {
		return
	}
	for set := s.left; set != 0; {
		at := first(set, s.named)
		set &^= 1 << at
		def := s.serving.defs[at]
		if y := x.reg.defs[def].Series; y != nil && (slices.Contains(y.Ports, s.head.Server.Port) || slices.Contains(y.Ports, s.head.Client.Port)) {
			s.series = &follower{def: def}
			return
		}
	}
}

// follow takes the next datagram of a flow that no protocol claims yet. It returns the protocol, or -1 and whether more
// datagrams may tell.
func (s *session) follow(p *packet.Packet, d packet.Dir, b []byte) (def int, more bool) {
	f := s.series
	if f == nil {
		return -1, false
	}
	y := s.x.reg.defs[f.def].Series
	h := heldDatagram{p: *p, d: d}
	h.p.Data = nil
	h.n = uint8(copy(h.head[:], b))
	var before []byte
	if n := f.last[d]; n > 0 {
		before = f.held[n-1].bytes()
	}
	answer, sure := No, No
	s.x.context(s, s.p, s.last, packet.Ref{})
	if s.x.guard(f.def, d, func() {
		if sure = s.x.reg.defs[f.def].Probe(d, b); sure != Yes {
			answer = y.Follows(before, h.bytes(), p.PayloadWire)
		}
	}) {
		answer, sure = No, No
	}
	if sure == Yes { // what tells the protocol by itself came late
		return f.def, false
	}
	switch {
	case answer == No, len(f.held) == seriesMost:
		s.unfollow()
		return -1, false
	case answer == More:
		return -1, true
	}
	f.held = append(f.held, h)
	s.own(int(unsafe.Sizeof(h)))
	f.last[d] = len(f.held)
	if f.fits[d]++; f.fits[d] >= seriesFits {
		return f.def, false
	}
	return -1, true
}

// unfollow lets go of what was held.
func (s *session) unfollow() {
	if s.series != nil {
		s.own(-len(s.series.held) * int(unsafe.Sizeof(heldDatagram{})))
		s.series = nil
	}
}

// earlier hands what was held, but for the datagram at hand, to the analyzer that the flow has got. It is false when that
// failed.
func (s *session) earlier(c *Context) bool {
	f := s.series
	if f == nil {
		return true
	}
	defer s.unfollow()
	e, ok := s.message.(Earlier)
	if !ok {
		return true
	}
	framed := s.framed
	s.framed = nil // their bytes are not shown
	defer func() { s.framed = framed }()
	for i := range f.held {
		h := &f.held[i]
		if h.p.Ordinal == s.p.Ordinal {
			break
		}
		if s.x.guard(s.def, h.d, func() { e.Earlier(c, h.d, &h.p, h.bytes()) }) {
			return false
		}
	}
	return true
}
