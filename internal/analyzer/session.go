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
	heard      uint64 // ordinal of its last packet
	owned      int    // bytes counted for it
	kept       int    // of them: what its reader keeps
	tcp        bool
	gone       bool // no analyzer reads on; settled after the current packet unless the raw stream is wanted
	raw        [2]bool
	over       Transport
	stream     *stream.Conn
	head       event.Head
	p          *packet.Packet // at hand
	last       packet.Ref
	def        int // registry index; -1 while probing
	sa         StreamAnalyzer
	message    MessageAnalyzer
	holder     Holder      // the one of both that reads, if it keeps bytes
	candidates []candidate // in the order in which they are asked
	held       []chunk     // what came while probing, in order
	buf        []byte
	prefix     *[2][ProbeLimit]byte // only while probing a stream
	upgrades   int
	about      any         // what was announced of the flow
	series     *follower   // nil: no protocol follows the flow
	framed     *frameWants // of the protocol that reads now; nil: nobody wants its frames
	frames     *frames     // nil: nobody wants frames at all
	have       [2]int
	dead       [2]bool // a gap or the end: the prefix grows no more
	datagrams  int
	unheard    [2]bool // the first bytes of that direction are still to be held against the protocol
}

type candidate struct {
	def    int
	answer Answer // its last one; a Yes stands
}

// chunk is a call that waits for the end of probing.
type chunk struct {
	d      packet.Dir
	off, n int
	gap    uint64
	end    stream.End
	seen   packet.Ref
}

// segment feeds a TCP packet. The stream is opened by the first payload: idle connections cost nothing.
func (x *Dispatcher) segment(p *packet.Packet, h flow.Handle) {
	if int(h.Index) >= len(x.flows) || x.flows[h.Index].s == nil {
		if p.PayloadWire == 0 || p.TCPFlags&packet.RST != 0 || x.o.Begun != nil && !x.o.Begun(h.Index) {
			return
		}
	}
	s := x.session(p, h, TCP)
	if s == nil {
		x.stats.Passed++
		x.stats.PassedBytes += uint64(p.PayloadWire)
		return
	}
	if s.stream == nil {
		s.stream = x.streams.Open(&stream.Start{Client: s.head.Client.Addr, Server: s.head.Server.Addr}, s)
	}
	s.p, s.last, s.heard = p, p.Ref(), p.Ordinal
	x.streams.Segment(s.stream, h.Dir, p, s.raw[h.Dir] && x.o.Raw.Clean(p, h))
	if s.frames != nil {
		s.tellFrames(h.Dir)
	}
	s.p = nil
	if s.gone && s.raw == [2]bool{} {
		x.settle(s)
	}
	x.fit()
}

// datagram feeds a UDP packet.
func (x *Dispatcher) datagram(p *packet.Packet, h flow.Handle) {
	s := x.session(p, h, UDP)
	if s == nil {
		return
	}
	s.p, s.last, s.heard = p, p.Ref(), p.Ordinal
	x.tell(s, p, h)
	x.fit()
}

// tell gives a datagram to who reads the flow.
func (x *Dispatcher) tell(s *session, p *packet.Packet, h flow.Handle) {
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
	ok := s.earlier(c)
	if s.frames != nil {
		s.takeFrames(h.Dir, b)
	}
	if !ok || x.guard(s.def, h.Dir, func() { s.message.Message(c, h.Dir, b) }) {
		s.message = nil // its state cannot be trusted: it does not go back to the pool
		x.settle(s)
		return
	}
	done := c.done
	if s.frames != nil {
		s.tellFrames(h.Dir)
	}
	s.p = nil
	if done {
		x.settle(s)
		return
	}
	s.keeps()
}

// ask probes b. It returns the protocol that reads the flow, or -1 and whether more bytes may tell. A later candidate
// waits until all before it have said No: so the cut of the bytes cannot change the choice.
func (s *session) ask(d packet.Dir, b []byte) (def int, more bool) {
	s.x.context(s, s.p, s.last, packet.Ref{})
	for at := 0; at < len(s.candidates); {
		at = s.askFrom(at, d, b)
	}
	kept := s.candidates[:0]
	for _, c := range s.candidates {
		if c.answer == No || c.answer == More && s.tcp && (s.have[d] >= ProbeLimit || s.dead[d]) {
			continue
		}
		kept = append(kept, c)
	}
	s.candidates = kept
	if len(kept) > 0 && kept[0].answer == Yes {
		return kept[0].def, false
	}
	return -1, len(kept) > 0
}

// askFrom asks the candidates from at on, up to one that panics: that one says No. It returns whose turn is next. One
// guard is for all of them: twenty cost as much as the probes themselves (2026-11-28).
func (s *session) askFrom(at int, d packet.Dir, b []byte) (next int) {
	next = at
	defer func() {
		if v := recover(); v != nil {
			s.candidates[next].answer = No
			s.x.failed(s.candidates[next].def, packet.ToServer, v)
			next++
		}
	}()
	for ; next < len(s.candidates); next++ {
		if c := &s.candidates[next]; c.answer != Yes {
			c.answer = s.x.reg.defs[c.def].Probe(d, b)
		}
	}
	return next
}

// bind gives the flow to a protocol; false when its analyzer cannot be made.
func (s *session) bind(def int) bool {
	x := s.x
	pool := &x.pools[def]
	var err error
	if s.tcp {
		if n := len(pool.streams); n > 0 {
			s.sa, pool.streams = pool.streams[n-1], pool.streams[:n-1]
			x.resting -= x.reg.weight(def, s.sa)
		} else {
			s.sa, err = x.reg.defs[def].Stream(x.reg.options)
		}
		s.holder, _ = s.sa.(Holder)
	} else {
		if n := len(pool.messages); n > 0 {
			s.message, pool.messages = pool.messages[n-1], pool.messages[:n-1]
			x.resting -= x.reg.weight(def, s.message)
		} else {
			s.message, err = x.reg.defs[def].Message(x.reg.options)
		}
		s.holder, _ = s.message.(Holder)
	}
	if err != nil { // it could be made at start-up
		x.stats.Unknown++
		s.gone, s.sa, s.message, s.holder = true, nil, nil, nil
		return false
	}
	s.own(x.reg.sizes[def])
	s.keeps()
	s.def = def
	f := &x.flows[s.index]
	if s.upgrades > 0 && f.before == 0 {
		f.before = f.app
	}
	f.app = uint8(def + 1)
	x.stats.Bound++
	s.framing(def)
	return true
}

// rest puts the analyzer of s back into its pool.
func (x *Dispatcher) rest(s *session) {
	if s.sa != nil {
		x.restStream(s.def, s.sa)
	}
	if s.message != nil {
		s.message.Reset()
		if x.mayRest(x.reg.weight(s.def, s.message)) {
			x.pools[s.def].messages = append(x.pools[s.def].messages, s.message)
		}
	}
	s.sa, s.message, s.holder = nil, nil, nil
}

func (x *Dispatcher) restStream(def int, a StreamAnalyzer) {
	a.Reset()
	if x.mayRest(x.reg.weight(def, a)) {
		x.pools[def].streams = append(x.pools[def].streams, a)
	}
}

// Data takes bytes of the stream (stream.Sink).
func (s *session) Data(d packet.Dir, b []byte, mark bool, seen, released packet.Ref) {
	if s.raw[d] && !s.x.o.Raw.Stream(s.index, d, s.head.Server.Port, b, mark) {
		s.raw[d] = false
		if s.gone {
			s.x.streams.Stop(s.stream, d)
		}
	}
	switch {
	case s.gone:
	case s.def >= 0:
		if s.unheard[d] {
			s.cross(d, b, seen, released)
		}
		s.bring(chunk{d: d, seen: seen}, b, released)
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
	if s.raw[d] {
		s.x.o.Raw.Gap(s.index, d)
	}
	switch {
	case s.gone:
	case s.def >= 0:
		s.bring(chunk{d: d, gap: n, seen: s.last}, nil, s.last)
	default:
		s.dead[d] = true
		s.hold(chunk{d: d, gap: n, seen: s.last}, nil)
		s.probe(d, s.last)
	}
}

// Close takes the end of a direction (stream.Sink).
func (s *session) Close(d packet.Dir, why stream.End) {
	if s.raw[d] {
		s.raw[d] = false
		s.x.o.Raw.End(s.index, d)
	}
	switch {
	case s.gone:
	case s.def >= 0:
		s.bring(chunk{d: d, end: why, seen: s.last}, nil, s.last)
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
	s.own(len(b) + chunkSize)
}

func (s *session) unhold() {
	s.own(-len(s.buf) - chunkSize*len(s.held))
	s.held, s.buf = s.held[:0], s.buf[:0]
	s.unfollow()
	if s.prefix != nil {
		s.own(-prefixSize)
		if s.x.mayRest(prefixSize) {
			s.x.prefixes = append(s.x.prefixes, s.prefix)
		}
		s.prefix = nil
	}
}

// probe asks again after direction d grew or ended, and replays what was held once the answer is there.
func (s *session) probe(d packet.Dir, released packet.Ref) {
	if s.prefix == nil {
		s.x.lendPrefix(s)
	}
	def, more := s.ask(d, s.prefix[d][:s.have[d]])
	if def < 0 && (s.dead[0] && s.dead[1] || len(s.buf) > 4*ProbeLimit && (s.dead[0] || s.dead[1])) {
		for _, c := range s.candidates { // no more to come: the first Yes, whoever still doubts
			if c.answer == Yes {
				def = c.def
				break
			}
		}
		more = false
	}
	if def < 0 {
		if !more {
			s.x.stats.Unknown++
			s.leave()
		}
		return
	}
	if !s.bind(def) {
		s.leave()
		return
	}
	for d := range s.have {
		if s.unheard[d] = s.have[d] == 0 && !s.dead[d]; s.have[d] > 0 {
			s.cross(packet.Dir(d), s.prefix[d][:s.have[d]], s.last, released)
		}
	}
	for _, c := range s.held {
		if s.gone {
			break
		}
		s.bring(c, s.buf[c.off:c.off+c.n], released)
	}
	s.unhold()
}

// lendPrefix gives s room for the first bytes of both directions.
func (x *Dispatcher) lendPrefix(s *session) {
	if n := len(x.prefixes); n > 0 {
		s.prefix, x.prefixes = x.prefixes[n-1], x.prefixes[:n-1]
		x.resting -= prefixSize
	} else {
		s.prefix = new([2][ProbeLimit]byte)
	}
	s.own(prefixSize)
}

// leave ends the interest in the flow; the dispatcher settles it when the stream's call is over, unless the raw stream
// goes on.
func (s *session) leave() {
	s.gone, s.framed = true, nil
	s.endFrames(packet.ToServer)
	s.endFrames(packet.ToClient)
	s.unhold()
	if s.raw != [2]bool{} {
		s.held, s.buf = nil, nil // the session stays for the raw stream alone
	}
	for d := range s.raw {
		if !s.raw[d] {
			s.x.streams.Stop(s.stream, packet.Dir(d))
		}
	}
}

// bring is run for what comes of the stream, with what frames need of it.
func (s *session) bring(k chunk, b []byte, released packet.Ref) {
	if s.frames != nil {
		switch {
		case k.end != stream.EndNone:
		case k.gap > 0:
			s.gapFrames(k.d, k.gap)
		default:
			s.takeFrames(k.d, b)
		}
	}
	s.run(k, b, released)
	if s.frames != nil && k.end != stream.EndNone {
		s.endFrames(k.d)
	}
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
		s.sa, s.holder = nil, nil // its state cannot be trusted: it does not go back to the pool
		s.leave()
		return
	}
	if c.sealed && x.o.Raw != nil {
		s.raw = [2]bool{}
		x.o.Raw.Sealed(s.index)
	}
	if c.done {
		s.leave()
		return
	}
	if c.upgrade == 0 {
		s.keeps()
		return
	}
	next, rest, d := c.upgrade-1, c.rest, c.restDir
	old, oldDef := s.sa, s.def
	s.own(-x.reg.sizes[oldDef])
	if s.upgrades++; s.upgrades > maxUpgrades || !s.bind(next) {
		s.leave()
		return
	}
	if len(rest) > 0 {
		s.run(chunk{d: d, seen: k.seen}, rest, released)
	}
	x.restStream(oldDef, old) // only now: rest may lie in its buffer
}
