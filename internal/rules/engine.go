package rules

import (
	"math/bits"
	"slices"
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
	"firestorm/internal/rules/mpm"
)

// mostAlerts bounds the alerts of one packet where packet-alert-max says nothing else.
const mostAlerts = 15

// Stats counts what an Engine did.
type Stats struct {
	Packets   uint64 // looked at
	Alerts    uint64
	Passed    uint64 // packets that a pass rule took from the rules behind it
	TooMany   uint64 // alerts beyond mostAlerts of a packet
	GivenUp   uint64 // rules that took too many steps on a buffer
	Forgotten uint64 // bytes of streams that were not looked at, for lack of room
	Apart     uint64 // bytes of streams that were looked at without what follows, for lack of room
	// BeyondDepth are bytes of streams that lie further from the begin than rules look.
	BeyondDepth uint64
	Unkept      uint64 // bits and values that a rule set and nobody kept, for lack of room
	Bytes       int    // for streams, now
}

// Add adds the counters of o to s.
func (s *Stats) Add(o Stats) {
	s.Packets += o.Packets
	s.Alerts += o.Alerts
	s.Passed += o.Passed
	s.TooMany += o.TooMany
	s.GivenUp += o.GivenUp
	s.Forgotten += o.Forgotten
	s.Apart += o.Apart
	s.BeyondDepth += o.BeyondDepth
	s.Unkept += o.Unkept
	s.Bytes += o.Bytes
}

// Flows is what an Engine asks of the flow table.
type Flows interface {
	// Head is the head of an event about the flow of h.
	Head(h flow.Handle, k event.Kind, p *packet.Packet) event.Head
	// Last is the head of an event about a live flow that its last packet completes.
	Last(index uint32, k event.Kind) event.Head
	// First reports that the packet of h is the first of its flow that travels its way.
	First(h flow.Handle) bool
	// Established reports that both sides of a live flow were heard, for TCP that its handshake is complete.
	Established(index uint32) bool
	// Followed reports that the bytes of a live flow of TCP come as a stream; else each packet stands alone.
	Followed(index uint32) bool
	// Counts are the packets and bytes of a live flow by direction, and when it began.
	Counts(index uint32) event.AlertFlow
	// Streamed is how far the sequence numbers of a live flow of TCP went since its begin, by direction.
	Streamed(index uint32) [2]uint32
}

// Engine inspects the packets of one shard. It is used by one goroutine.
type Engine struct {
	set     *Set
	flows   Flows
	app     AppOf
	before  func(index uint32) string // nil: no flow went on to another protocol
	most    int                       // bytes of streams
	state   []*flowState              // by flow index
	todo    []uint8                   // the same: a bit for each direction of which something waits for the next packet, wholePass
	now     current
	states  int // of them, not nil
	spare   []*flowState
	x       inspection
	hits    []hit // of the packet at hand
	parts   []seenPart
	done    bool        // no more comes of the transaction at hand
	seen    []candidate // rules found by the payload of the packet at hand
	may     []candidate // rules to be gone through
	wait    []candidate // the same, before a hole in the stream
	open    []candidate // of them: what may match with what is to come
	lin     []byte      // of a stream, in one piece
	blocks  [2][][]byte // spare memory for the last bytes of streams: few, tail
	found   mpm.Scratch
	stats   Stats
	trace   *Trace   // nil: none is kept
	profile *Profile // nil: none is kept
	payload int      // bytes of what it was found in that go with an alert
	pairs   bitTable // bits of pairs of hosts
}

// AppOf tells a flow's protocol in EVE's word; settled: it is known, or will never be.
type AppOf func(index uint32) (app string, settled bool)

// NewEngine returns an engine for one shard that holds at most so many bytes of streams.
func NewEngine(set *Set, flows Flows, app AppOf, most int) *Engine {
	e := &Engine{set: set, flows: flows, app: app, most: most}
	e.x.e = e
	return e
}

// Keep sets how many bytes of what it was found in go with an alert.
func (e *Engine) Keep(most int) { e.payload = most }

// Stats returns the counters so far.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Unkept = e.pairs.full
	s.GivenUp += e.x.m.givenUp
	if re := e.x.m.re; re != nil {
		s.GivenUp += re.Stats().Exceeded
	}
	return s
}

// of returns the state of a flow, nil when nothing is remembered of it.
func (e *Engine) of(index uint32) *flowState {
	if int(index) >= len(e.state) {
		return nil
	}
	return e.state[index]
}

// reach makes room for what is remembered of a flow.
func (e *Engine) reach(index uint32) {
	if n := int(index) + 1 - len(e.state); n > 0 {
		e.state = append(e.state, make([]*flowState, max(n, len(e.state)))...)
		e.todo = append(e.todo, make([]uint8, len(e.state)-len(e.todo))...)
	}
}

// Ahead asks for what is remembered of a flow, whose packet's turn is near: first for its place, then for itself, then for the last
// bytes of its streams. Without rules, e is nil. Reading them waited for memory three times for each packet (2026-11-30).
func (e *Engine) Ahead(index uint32, step int) {
	if e == nil || index == 0 || int(index) >= len(e.state) {
		return
	}
	at := &e.state[index]
	switch step {
	case 0:
		prefetch.Line(unsafe.Pointer(at))
	case 1:
		if *at != nil {
			prefetch.Lines3(unsafe.Pointer(&(*at).half[0]))
			prefetch.Lines3(unsafe.Pointer(&(*at).half[1]))
		}
	default:
		if *at != nil {
			for d := range (*at).half {
				(*at).half[d].ring.ahead()
			}
		}
	}
}

// own returns the state of a flow, a new one if need be.
func (e *Engine) own(index uint32) *flowState {
	e.reach(index)
	f := e.state[index]
	if f == nil {
		if n := len(e.spare); n > 0 {
			f, e.spare = e.spare[n-1], e.spare[:n-1]
		} else {
			f = &flowState{}
		}
		e.state[index] = f
		e.states++
	}
	return f
}

// stateSize is what is remembered of a connection without the bytes of its streams.
const stateSize = int(unsafe.Sizeof(flowState{})) + 8

// Released forgets a flow whose record ends, and reports whether a rule had alerted on it. What came of its streams with
// its end is looked at first.
func (e *Engine) Released(index uint32, out *[]event.Event) (alerted bool) {
	f := e.of(index)
	if f == nil {
		if int(index) < len(e.todo) {
			e.todo[index] = 0
		}
		return false
	}
	for d := range f.half {
		if len(f.half[d].fresh) > 0 {
			e.last(index, packet.Dir(d), out)
		}
	}
	alerted = f.alerted
	for d := range f.half {
		e.giveBack(&f.half[d].ring)
		e.stats.Bytes -= len(f.half[d].fresh)
		f.half[d].reset()
	}
	f.files, f.muted = f.files[:0], nil
	f.bits, f.fired, f.asked, f.ints, f.texts, f.alerted, f.tag = f.bits[:0], f.fired[:0], 0, f.ints[:0], nil, false, nil
	e.state[index], e.todo[index] = nil, 0
	e.states--
	if len(e.spare) < mostSpare {
		e.spare = append(e.spare, f)
	}
	return alerted
}

// Left is what rules leave behind on a flow whose record ends, nil where that is nothing, and whether a pass rule took the flow. It
// is asked before Released.
func (e *Engine) Left(index uint32) (v *event.FlowVars, passed bool) {
	if f := e.of(index); f != nil {
		bits, texts := e.bits(f), f.named()
		if len(bits)+len(texts) > 0 {
			v = &event.FlowVars{Bits: bits, Texts: texts}
		}
	}
	return v, e.passed(index)
}

// bits are the names of the flowbits that are set, sorted.
func (e *Engine) bits(f *flowState) (names []string) {
	for i, w := range f.bits {
		for ; w != 0; w &= w - 1 {
			names = append(names, e.set.bits[i<<6+bits.TrailingZeros64(w)])
		}
	}
	slices.Sort(names)
	return names
}

// odd are the last of the events so far, as far as they belong to p: what the flow table and reassembly found odd about its
// connection is among them.
func odd(p *packet.Packet, out []event.Event) []event.Event {
	n := len(out)
	for n > 0 && out[n-1].Head().Ordinal == p.Ordinal {
		n--
	}
	return out[n:]
}

// Packet inspects a packet of the flow of h, after its bytes went to the stream and to who reads its protocol. Alerts are
// appended to *out.
func (e *Engine) Packet(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	if p.IPVersion == 0 {
		e.hits, e.now = e.hits[:0], current{}
		return
	}
	if e.now.p != p {
		e.Begin(p, h, out)
	}
	if !e.now.done {
		e.look()
	} else {
		e.late()
	}
	e.now = current{}
	if len(e.hits) > 0 {
		e.report(p, out)
	}
	if e.set.tagsHosts || h.Index != 0 && int(h.Index) < len(e.todo) && e.todo[h.Index]&tagsFlow != 0 {
		e.keepTagged(p, h, out)
	}
}

// current is the packet at hand.
type current struct {
	p    *packet.Packet
	h    flow.Handle
	out  *[]event.Event
	done bool // its own rules have been gone through
	odd  int  // what was odd about it by then
	// searched: Engine.seen holds what its payload brings up; clean: nothing in it brings up a rule about streams.
	searched, clean bool
}

// late goes through what came after the packet's own turn: bytes of its stream, and what was odd.
func (e *Engine) late() {
	p, h := e.now.p, e.now.h
	events := odd(p, *e.now.out)
	k, more := e.fresh(h), len(events)+int(p.NAnomaly) > e.now.odd
	if k == nil && !more || e.passed(h.Index) {
		return
	}
	e.begin(p, h)
	e.x.odd = events
	if more {
		for _, g := range e.groups(p, h) {
			for _, s := range g.bare {
				if s.odd && s.quick(p) && !slices.ContainsFunc(e.hits, func(x hit) bool { return x.s == s }) {
					e.may = append(e.may, candidate{s: s, how: inPacket})
				}
			}
		}
	}
	e.try(h, nil, k)
}

// groups are those of the rules about a packet.
func (e *Engine) groups(p *packet.Packet, h flow.Handle) [2]*group {
	i := protoIndex(p.Proto)
	if i < 0 {
		return [2]*group{&e.set.other, &e.set.none}
	}
	port := p.DstPort
	if h.Dir == packet.ToClient {
		port = p.SrcPort
	}
	t := &e.set.tables[i][h.Dir]
	return [2]*group{&t.base, t.at(port)}
}

// Begin says which packet is at hand, before its bytes go to the stream and to who reads its protocol. Rules about packets and
// streams come before those about parts of protocols, as Suricata has it: a bit that the one sets, the other sees.
// Events about it are in *out.
func (e *Engine) Begin(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	e.now = current{p: p, h: h, out: out}
}

// fresh is what is fresh of the stream of h; nil: nothing.
func (e *Engine) fresh(h flow.Handle) *half {
	if h.Index == 0 || int(h.Index) >= len(e.todo) || e.todo[h.Index]>>h.Dir&1 == 0 {
		return nil
	}
	e.todo[h.Index] &^= 1 << h.Dir
	if k := &e.state[h.Index].half[h.Dir]; len(k.fresh) > 0 {
		return k
	}
	return nil
}

// passed reports that a pass rule took the whole flow.
func (e *Engine) passed(index uint32) bool {
	return index != 0 && int(index) < len(e.todo) && e.todo[index]&wholePass != 0
}

// What Engine.todo says of a flow beside its directions.
const (
	wholePass = 1 << 2 // a pass rule took it
	sealed    = 1 << 3 // its payload is encrypted
)

// look goes through the rules about the packet at hand, and about what is fresh of its stream.
func (e *Engine) look() {
	p, h := e.now.p, e.now.h
	e.now.done = true
	e.stats.Packets++
	if e.passed(h.Index) {
		e.stats.Passed++
		return
	}
	e.begin(p, h)
	e.x.odd = odd(p, *e.now.out)
	e.now.odd = len(e.x.odd) + int(p.NAnomaly)
	payload := p.Payload()
	if h.Index != 0 && int(h.Index) < len(e.todo) && e.todo[h.Index]&sealed != 0 {
		payload = nil
	}
	once := h.Index == 0 || e.flows.First(h)
	if once {
		e.may = e.set.ends.find(e.may, p)
	}
	for _, g := range e.groups(p, h) {
		e.packet(g, p, len(payload) > 0, once)
	}
	if len(payload) > 0 {
		e.search(p, h)
		e.may = append(e.may, e.seen...)
	}
	k := e.fresh(h)
	if e.trace != nil {
		e.trace.packet(e, p, h, payload, e.half(h))
	}
	if k != nil || len(e.may) > 0 {
		e.try(h, payload, k)
	}
}

// half is what is remembered of the stream of h; nil: nothing.
func (e *Engine) half(h flow.Handle) *half {
	if f := e.x.flow; f != nil {
		return &f.half[h.Dir]
	}
	return nil
}

// begin prepares for a packet.
func (e *Engine) begin(p *packet.Packet, h flow.Handle) {
	x := &e.x
	x.index, x.tx, x.parts = h.Index, -1, nil
	x.p, x.dir, x.flow, x.app, x.settled, x.est, x.known, x.alone, x.odd = p, h.Dir, nil, "", false, false, false, false, nil
	if h.Index != 0 {
		x.flow = e.of(h.Index)
		x.alone = p.Proto == packet.ProtoTCP && !e.flows.Followed(h.Index)
	}
	e.may = e.may[:0]
}

// know asks what only rules that are gone through need of the flow.
func (e *Engine) know(h flow.Handle) {
	if x := &e.x; !x.known && h.Index != 0 {
		x.known, x.est = true, e.flows.Established(h.Index)
		x.app, x.settled = e.app(h.Index)
	}
}

// mayBe reports whether the connection may speak what a rule without a payload asks for: going through one such rule for each
// packet of all other connections took as long as the flow table (2026-11-30). A profile counts how often that happens.
func (e *Engine) mayBe(s *sig) bool {
	if s.app == "" || e.profile != nil {
		return true
	}
	e.know(e.now.h)
	return speaks(s.app, e.x.app)
}

// packet appends the rules of g that may fit a packet to those to be gone through, without those that its payload brings up.
func (e *Engine) packet(g *group, p *packet.Packet, payload, once bool) {
	if once {
		e.may = appendAll(e.may, g.first, inPacket)
	}
	for _, s := range g.bare {
		if (!s.odd || e.now.odd > 0) && s.quick(p) && s.asks(e.x.flow) && e.mayBe(s) {
			e.may = append(e.may, candidate{s: s, how: inPacket})
		}
	}
	if !payload {
		return
	}
	e.may = appendAll(e.may, g.pure, inPacket)
	if e.x.alone {
		e.may = appendAll(e.may, g.flowing, inPacket)
	}
}

// search looks for contents in the payload of a packet, once: those of rules about packets, and of rules about streams,
// while it is in the cache. Where none of the latter is found, its bytes need no search of their own when they come as a
// stream.
func (e *Engine) search(p *packet.Packet, h flow.Handle) {
	if e.now.searched {
		return
	}
	e.now.searched, e.now.clean = true, true
	b, cs := p.Payload(), e.seen[:0]
	app, settled := "", h.Index == 0
	if !settled {
		app, settled = e.app(h.Index)
	}
	groups := e.groups(p, h)
	if w := e.set.sweep(&groups, app, settled); w != nil {
		cs = w.start.find(cs, b)
		cs = w.head.scan(cs, e.set.rare, &e.found, b)
		cs = w.free.scan(cs, e.set.rare, &e.found, b)
	} else {
		for _, g := range groups {
			cs = g.start.find(cs, b)
			cs = g.head.scan(cs, e.set.rare, &e.found, b)
			cs = g.free.scan(cs, e.set.rare, &e.found, b, app, settled)
		}
	}
	for _, g := range groups {
		if g.sizes.has(len(b)) {
			cs = g.sized.scan(cs, e.set.rare, &e.found, b)
		}
	}
	inFlow := p.Proto == packet.ProtoTCP && !(h.Index != 0 && !e.flows.Followed(h.Index))
	e.seen = cs[:0]
	for _, c := range cs {
		if inFlow {
			e.now.clean = e.now.clean && !c.how.stream()
			if c.how&inPacket == 0 {
				continue
			}
		}
		c.how = inPacket
		e.seen = append(e.seen, c)
	}
}

// Clean reports that nothing in the payload of p brings up a rule about streams (analyzer.RawStreams). p is the packet at
// hand.
func (e *Engine) Clean(p *packet.Packet, h flow.Handle) bool {
	if p != e.now.p || p.PayloadLen == 0 || e.passed(h.Index) || int(h.Index) < len(e.todo) && e.todo[h.Index]&sealed != 0 {
		return false
	}
	e.search(p, h)
	return e.now.clean
}

// madeUp is a packet for what is looked at without one: what is known of it from an event.
func madeUp(h *event.Head, d packet.Dir) *packet.Packet {
	p := &packet.Packet{Time: h.Seen.Time, Frame: h.Seen.Frame, Source: h.Seen.Source, Ordinal: h.Ordinal, Src: h.Client.Addr, Dst: h.Server.Addr,
		SrcPort: h.Client.Port, DstPort: h.Server.Port, Proto: h.Proto, IPVersion: 6, Vantage: h.Vantage, Tunnel: h.Tunnel, NVLAN: h.NVLAN, VLANs: h.VLANs}
	if p.Src.Is4() {
		p.IPVersion = 4
	}
	if d == packet.ToClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	return p
}

// last inspects what is left of a stream without a packet to go with: one is made up from what is known of the flow.
func (e *Engine) last(index uint32, d packet.Dir, out *[]event.Event) {
	head := e.flows.Last(index, event.KindAlert)
	p, h := madeUp(&head, d), flow.Handle{Index: index, Dir: d}
	e.begin(p, h)
	e.try(h, nil, &e.x.flow.half[d])
	if len(e.hits) > 0 {
		e.report(p, out)
	}
}
