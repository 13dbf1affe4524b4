package analyzer

import (
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// maxUpgrades bounds how often a flow changes its protocol: two analyzers must not hand it to each other for ever.
const maxUpgrades = 8

// session is what is kept for one flow: who may read it, then who does. It is the stream's sink. What each packet needs of it
// stands first.
type session struct {
	x          *Dispatcher
	stream     *stream.Conn
	p          *packet.Packet // at hand
	heard      uint64         // ordinal of its last packet
	last       packet.Ref
	frames     *frames // nil: nobody wants frames at all
	index      uint32
	serverPort uint16 // of head
	raw        [2]bool
	tcp        bool
	gone       bool    // no analyzer reads on; settled after the current packet unless the raw stream is wanted
	unheard    [2]bool // the first bytes of that direction are still to be held against the protocol
	dead       [2]bool // a gap or the end: the prefix grows no more
	def        int     // registry index; -1 while probing
	sa         StreamAnalyzer
	message    MessageAnalyzer
	holder     Holder // the one of both that reads, if it keeps bytes
	owned      int    // bytes counted for it
	kept       int    // of them: what its reader keeps
	over       Transport
	head       event.Head

	// Who may read it, as sets of serving. A protocol that said Yes stands in yes too, one that said No in none.
	serving   *serving
	left, yes uint64
	named     uint64  // they are asked first
	sole      int     // who was announced for the flow: nobody is asked; -1: nobody was
	held      []chunk // what came while probing, in order
	buf       []byte
	prefix    *[2][ProbeLimit]byte // only while probing a stream that its first bytes do not tell
	have      [2]int
	datagrams int
	upgrades  int
	about     any         // what was announced of the flow
	series    *follower   // nil: no protocol follows the flow
	framed    *frameWants // of the protocol that reads now; nil: nobody wants its frames
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
	f := x.place(h.Index)
	s := f.s
	if s == nil {
		if p.PayloadWire == 0 || p.TCPFlags&packet.RST != 0 || x.begun != nil && !x.begun(h.Index) {
			return
		}
		if f.interest != interested {
			x.passed++
			x.passedBy += uint64(p.PayloadWire)
			return
		}
		s = x.session(p, h, TCP)
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
	f := x.place(h.Index)
	s := f.s
	if s == nil {
		if f.interest != interested {
			return
		}
		if x.strange(p, h.Dir) {
			x.stats.Unknown++
			f.interest = settled
			return
		}
		s = x.session(p, h, UDP)
	}
	s.p, s.last, s.heard = p, p.Ref(), p.Ordinal
	x.tell(s, p, h)
	x.fit()
}

// strange reports that the first datagram of a flow is of no protocol, and that no more of them could tell: there is no need
// for a session then, which costs more than the questions (2026-11-30). False: it may be of one, and is asked about as usual.
func (x *Dispatcher) strange(p *packet.Packet, d packet.Dir) (strange bool) {
	if len(x.expected.byKey) > 0 || x.udp.followed(p.SrcPort, p.DstPort) {
		return false
	}
	defer func() {
		if recover() != nil { // it will again, and is told then
			strange = false
		}
	}()
	b := p.Payload()
	named := x.udp.named(p.SrcPort, p.DstPort)
	for set := x.udp.all; set != 0; { // those first that mostly know it
		at := first(set, named)
		set &^= 1 << at
		if x.udp.probes[at](d, b) != No {
			return false
		}
	}
	return true
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
				s.left = 0
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
	if s.sole >= 0 {
		return s.sole, false
	}
	if len(b) > 0 {
		s.left &= s.serving.may[d][b[0]] | s.yes // most are ruled out (2026-11-30)
	}
	last := s.tcp && (s.have[d] >= ProbeLimit || s.dead[d]) // of this direction no more bytes come
	for {
		at, again := s.askAll(d, b, last)
		if again {
			continue
		}
		if at >= 0 {
			return s.serving.defs[at], false
		}
		return -1, s.left != 0
	}
}

// askAll asks those that are left, in order, up to the first that is known to be the one; at is its place, or -1. One that
// panics says No, and the others are asked again. One guard is for all of them: twenty cost as much as the probes themselves
// (2026-11-28).
func (s *session) askAll(d packet.Dir, b []byte, last bool) (at int, again bool) {
	asked := -1
	defer func() {
		if v := recover(); v != nil {
			s.left &^= 1 << asked
			s.x.context(s, s.p, s.last, packet.Ref{})
			s.x.failed(s.serving.defs[asked], packet.ToServer, v)
			at, again = -1, true
		}
	}()
	doubt := false // one before may still say Yes
	for set := s.left; set != 0; {
		asked = first(set, s.named)
		bit := uint64(1) << asked
		set &^= bit
		if s.yes&bit == 0 {
			switch s.serving.probes[asked](d, b) {
			case Yes:
				s.yes |= bit
			case More:
				if !last {
					doubt = true
					continue
				}
				s.left &^= bit
				continue
			default:
				s.left &^= bit
				continue
			}
		}
		if !doubt {
			return asked, false
		}
	}
	return -1, false
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
	if s.raw[d] && !s.x.o.Raw.Stream(s.index, d, s.serverPort, b, mark) {
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
	case len(s.held) == 0:
		s.open(d, b, seen, released)
	default:
		s.keep(d, b, seen)
		s.probe(d, released)
	}
}

// open probes the first bytes of the stream where they lie. Most streams are told by them, and nothing is kept (2026-11-30).
func (s *session) open(d packet.Dir, b []byte, seen, released packet.Ref) {
	begin := b[:min(len(b), ProbeLimit)]
	s.have[d] = len(begin)
	def, more := s.ask(d, begin)
	switch {
	case def < 0 && more:
		s.have[d] = 0
		s.keep(d, b, seen)
	case def < 0:
		s.x.stats.Unknown++
		s.leave()
	case !s.bind(def):
		s.leave()
	default:
		s.unheard[d.Other()] = true
		s.cross(d, begin, s.last, released)
		if !s.gone {
			s.bring(chunk{d: d, seen: seen}, b, released)
		}
	}
}

// keep holds bytes until the protocol is known.
func (s *session) keep(d packet.Dir, b []byte, seen packet.Ref) {
	if s.prefix == nil {
		s.x.lendPrefix(s)
	}
	if !s.dead[d] {
		s.have[d] += copy(s.prefix[d][s.have[d]:], b)
	}
	s.hold(chunk{d: d, off: len(s.buf), n: len(b), seen: seen}, b)
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
		if at := first(s.left&s.yes, s.named); at >= 0 { // no more to come: the first Yes, whoever still doubts
			def = s.serving.defs[at]
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
