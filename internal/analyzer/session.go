package analyzer

import (
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// maxUpgrades bounds how often a flow changes its protocol: two analyzers must not hand it to each other for ever.
const maxUpgrades = 8

// session is what is kept for one flow: who may read it, then who does. It is the stream's sink.
type session struct {
	x          *Dispatcher
	index      uint32
	tcp        bool
	gone       bool // nobody reads on; settled after the current packet
	over       Transport
	stream     stream.ID
	head       event.Head
	p          *packet.Packet // at hand
	last       packet.Ref
	def        int // registry index; -1 while probing
	sa         StreamAnalyzer
	message    MessageAnalyzer
	candidates []candidate // in the order in which they are asked
	scratch    []int
	held       []chunk // what came while probing, in order
	buf        []byte
	prefix     *[2][ProbeLimit]byte // only while probing a stream
	upgrades   int
	series     *follower // nil: no protocol follows the flow
	have       [2]int
	dead       [2]bool // a gap or the end: the prefix grows no more
	datagrams  int
}

type candidate struct {
	def int
	yes bool
}

// chunk is a call that waits for the end of probing.
type chunk struct {
	d      packet.Dir
	off, n int
	gap    uint64
	end    stream.End
	seen   packet.Ref
}

// order fills the candidates: who names a port of the flow is asked first.
func (x *Dispatcher) order(s *session) {
	s.scratch = x.reg.over(s.scratch[:0], s.over, s.head.Server.Port, s.head.Client.Port)
	for _, d := range s.scratch {
		s.candidates = append(s.candidates, candidate{def: d})
	}
	if !s.tcp {
		x.series(s)
	}
}

// segment feeds a TCP packet. The stream is opened by the first payload: idle connections cost nothing.
func (x *Dispatcher) segment(p *packet.Packet, h flow.Handle) {
	if int(h.Index) >= len(x.flows) || x.flows[h.Index] == nil {
		if p.PayloadWire == 0 || p.TCPFlags&packet.RST != 0 {
			return
		}
	}
	s := x.session(p, h, TCP)
	if s == nil {
		return
	}
	if s.stream == 0 {
		s.stream = x.streams.Open(&stream.Start{Client: s.head.Client.Addr, Server: s.head.Server.Addr}, s)
	}
	s.p, s.last = p, p.Ref()
	x.streams.Segment(s.stream, h.Dir, p)
	s.p = nil
	if s.gone {
		x.settle(s)
	}
}

// datagram feeds a UDP packet.
func (x *Dispatcher) datagram(p *packet.Packet, h flow.Handle) {
	s := x.session(p, h, UDP)
	if s == nil {
		return
	}
	s.p, s.last = p, p.Ref()
	b := p.Payload()
	if s.def < 0 {
		def, more := s.ask(h.Dir, b)
		s.datagrams++
		if def < 0 {
			next, going := s.follow(p, h.Dir, b)
			if !more || s.datagrams >= probeDatagrams {
				s.candidates = s.candidates[:0]
				def, more = next, going
			}
		}
		if def < 0 && !more {
			x.stats.Unknown++
			x.settle(s)
			return
		}
		if def < 0 || !s.bind(def) {
			if s.gone {
				x.settle(s)
			}
			return
		}
	}
	x.stats.Messages++
	c := x.context(s, p, p.Ref(), packet.Ref{})
	if !s.earlier(c) || x.guard(s.def, h.Dir, func() { s.message.Message(c, h.Dir, b) }) {
		s.message = nil // its state cannot be trusted: it does not go back to the pool
		x.settle(s)
		return
	}
	s.p = nil
	if c.done {
		x.settle(s)
	}
}

// ask probes b. It returns the protocol that reads the flow, or -1 and whether more bytes may tell. A later candidate
// waits until all before it have said No: so the cut of the bytes cannot change the choice.
func (s *session) ask(d packet.Dir, b []byte) (def int, more bool) {
	kept := s.candidates[:0]
	for _, c := range s.candidates {
		if !c.yes {
			answer := No
			if s.x.guardProbe(s, c.def, func(p func(packet.Dir, []byte) Answer) { answer = p(d, b) }) {
				answer = No
			}
			switch {
			case answer == No, answer == More && s.tcp && (s.have[d] >= ProbeLimit || s.dead[d]):
				continue
			case answer == Yes:
				c.yes = true
			}
		}
		kept = append(kept, c)
	}
	s.candidates = kept
	if len(kept) > 0 && kept[0].yes {
		return kept[0].def, false
	}
	return -1, len(kept) > 0
}

func (x *Dispatcher) guardProbe(s *session, def int, f func(func(packet.Dir, []byte) Answer)) bool {
	x.context(s, s.p, s.last, packet.Ref{})
	return x.guard(def, packet.ToServer, func() { f(x.reg.defs[def].Probe) })
}

// bind gives the flow to a protocol; false when its analyzer cannot be made.
func (s *session) bind(def int) bool {
	x := s.x
	pool := &x.pools[def]
	var err error
	if s.tcp {
		if n := len(pool.streams); n > 0 {
			s.sa, pool.streams = pool.streams[n-1], pool.streams[:n-1]
		} else {
			s.sa, err = x.reg.defs[def].Stream(x.reg.options)
		}
	} else {
		if n := len(pool.messages); n > 0 {
			s.message, pool.messages = pool.messages[n-1], pool.messages[:n-1]
		} else {
			s.message, err = x.reg.defs[def].Message(x.reg.options)
		}
	}
	if err != nil { // it could be made at start-up
		x.stats.Unknown++
		s.gone, s.sa, s.message = true, nil, nil
		return false
	}
	s.def = def
	x.apps[s.index] = uint8(def + 1)
	x.stats.Bound++
	return true
}

// rest puts the analyzer of s back into its pool.
func (x *Dispatcher) rest(s *session) {
	if s.sa != nil {
		s.sa.Reset()
		x.pools[s.def].streams = append(x.pools[s.def].streams, s.sa)
	}
	if s.message != nil {
		s.message.Reset()
		x.pools[s.def].messages = append(x.pools[s.def].messages, s.message)
	}
	s.sa, s.message = nil, nil
}

// Data takes bytes of the stream (stream.Sink).
func (s *session) Data(d packet.Dir, b []byte, seen, released packet.Ref) {
	switch {
	case s.gone:
	case s.def >= 0:
		s.run(chunk{d: d, seen: seen}, b, released)
	default:
		if s.prefix == nil {
			s.x.lendPrefix(s)
		}
		if !s.dead[d] {
			s.have[d] += copy(s.prefix[d][s.have[d]:], b)
		}
		s.hold(chunk{d: d, off: len(s.buf), n: len(b), seen: seen}, b)
		s.probe(d, released)
	}
}

// Gap takes missing bytes of the stream (stream.Sink).
func (s *session) Gap(d packet.Dir, n uint64) {
	switch {
	case s.gone:
	case s.def >= 0:
		s.run(chunk{d: d, gap: n, seen: s.last}, nil, s.last)
	default:
		s.dead[d] = true
		s.hold(chunk{d: d, gap: n, seen: s.last}, nil)
		s.probe(d, s.last)
	}
}

// Close takes the end of a direction (stream.Sink).
func (s *session) Close(d packet.Dir, why stream.End) {
	switch {
	case s.gone:
	case s.def >= 0:
		s.run(chunk{d: d, end: why, seen: s.last}, nil, s.last)
	default:
		s.dead[d] = true
		s.hold(chunk{d: d, end: why, seen: s.last}, nil)
		s.probe(d, s.last)
	}
}

// hold keeps a call until the protocol is known.
func (s *session) hold(c chunk, b []byte) {
	s.held = append(s.held, c)
	s.buf = append(s.buf, b...)
	s.x.stats.ProbeBytes += len(b)
}

func (s *session) unhold() {
	s.x.stats.ProbeBytes -= len(s.buf)
	s.held, s.buf = s.held[:0], s.buf[:0]
	s.unfollow()
	if s.prefix != nil {
		s.x.stats.ProbeBytes -= len(s.prefix) * ProbeLimit
		s.x.prefixes = append(s.x.prefixes, s.prefix)
		s.prefix = nil
	}
	if cap(s.buf) > 64<<10 {
		s.buf = nil
	}
}

// probe asks again after direction d grew or ended, and replays what was held once the answer is there.
func (s *session) probe(d packet.Dir, released packet.Ref) {
	if s.prefix == nil {
		s.x.lendPrefix(s)
	}
	def, more := s.ask(d, s.prefix[d][:s.have[d]])
	full := s.x.stats.ProbeBytes > s.x.o.MaxProbeBytes
	if def < 0 && (full || s.dead[0] && s.dead[1] || len(s.buf) > 4*ProbeLimit && (s.dead[0] || s.dead[1])) {
		for _, c := range s.candidates { // no more to come: the first Yes, whoever still doubts
			if c.yes {
				def = c.def
				break
			}
		}
		more = false
	}
	if def < 0 {
		if !more {
			s.x.stats.Unknown++
			if full {
				s.x.stats.ProbeFull++
			}
			s.leave()
		}
		return
	}
	if !s.bind(def) {
		s.leave()
		return
	}
	for _, c := range s.held {
		if s.gone {
			break
		}
		s.run(c, s.buf[c.off:c.off+c.n], released)
	}
	s.unhold()
}

// lendPrefix gives s room for the first bytes of both directions.
func (x *Dispatcher) lendPrefix(s *session) {
	if n := len(x.prefixes); n > 0 {
		s.prefix, x.prefixes = x.prefixes[n-1], x.prefixes[:n-1]
	} else {
		s.prefix = new([2][ProbeLimit]byte)
	}
	x.stats.ProbeBytes += len(s.prefix) * ProbeLimit
}

// leave ends the interest in the flow; the dispatcher settles it when the stream's call is over.
func (s *session) leave() {
	s.gone = true
	s.x.streams.Stop(s.stream, packet.ToServer)
	s.x.streams.Stop(s.stream, packet.ToClient)
}

// run calls the stream analyzer, contains its panic and follows its upgrades.
func (s *session) run(k chunk, b []byte, released packet.Ref) {
	x := s.x
	c := x.context(s, s.p, k.seen, released)
	if x.guard(s.def, k.d, func() {
		switch {
		case k.end != stream.EndNone:
			s.sa.Close(c, k.d, k.end)
		case k.gap > 0:
			s.sa.Gap(c, k.d, k.gap)
		default:
			s.sa.Data(c, k.d, b)
		}
	}) {
		s.sa = nil // its state cannot be trusted: it does not go back to the pool
		s.leave()
		return
	}
	if c.done {
		s.leave()
		return
	}
	if c.upgrade == 0 {
		return
	}
	next, rest, d := c.upgrade-1, c.rest, c.restDir
	old, oldDef := s.sa, s.def
	if s.upgrades++; s.upgrades > maxUpgrades || !s.bind(next) {
		s.leave()
		return
	}
	if len(rest) > 0 {
		s.run(chunk{d: d, seen: k.seen}, rest, released)
	}
	old.Reset() // only now: rest may lie in its buffer
	x.pools[oldDef].streams = append(x.pools[oldDef].streams, old)
}
