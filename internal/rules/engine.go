package rules

import (
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
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
	Bytes       int // for streams, now
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
	s.Bytes += o.Bytes
}

// hit is a rule that matched.
type hit struct {
	s   *sig
	h   flow.Handle
	tx  int64  // number of the transaction, -1: none
	app []byte // what to say of it
	// whole says that a pass rule takes the whole flow: it is about addresses alone, the stream, or a protocol.
	whole bool
	// values are for the border, context is what lists say: names and JSON in turn.
	values, context []string
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
	app     func(index uint32) string // the flow's protocol, in EVE's word; empty: not known
	most    int                       // bytes of streams
	state   []*flowState              // by flow index
	todo    []uint8                   // the same: a bit for each direction of which something waits for the next packet, wholePass
	now     current
	spare   []*flowState
	x       inspection
	hits    []hit // of the packet at hand
	parts   []seenPart
	done    bool        // no more comes of the transaction at hand
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

// NewEngine returns an engine for one shard that holds at most so many bytes of streams.
func NewEngine(set *Set, flows Flows, app func(index uint32) string, most int) *Engine {
	e := &Engine{set: set, flows: flows, app: app, most: most}
	e.x.e = e
	return e
}

// Keep sets how many bytes of what it was found in go with an alert.
func (e *Engine) Keep(most int) { e.payload = most }

// Stats returns the counters so far.
func (e *Engine) Stats() Stats {
	s := e.stats
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
	}
	return f
}

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
	f.bits, f.fired, f.ints, f.texts, f.alerted = f.bits[:0], f.fired[:0], f.ints[:0], nil, false
	e.state[index], e.todo[index] = nil, 0
	e.spare = append(e.spare, f)
	return alerted
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
}

// current is the packet at hand.
type current struct {
	p    *packet.Packet
	h    flow.Handle
	out  *[]event.Event
	done bool // its own rules have been gone through
	odd  int  // what was odd about it by then
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
		e.packet(g, p, payload, once)
		if e.x.alone && len(payload) > 0 {
			e.may = appendAll(g.stream.scan(e.may, e.set.rare, &e.found, payload, inPacket), g.flowing, inPacket)
		}
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
	x.index = h.Index
	x.p, x.dir, x.flow, x.app, x.est, x.known, x.alone, x.odd = p, h.Dir, nil, "", false, false, false, nil
	if h.Index != 0 {
		x.flow = e.of(h.Index)
		x.alone = p.Proto == packet.ProtoTCP && !e.flows.Followed(h.Index)
	}
	e.may = e.may[:0]
}

// know asks what only rules that are gone through need of the flow.
func (e *Engine) know(h flow.Handle) {
	if x := &e.x; !x.known && h.Index != 0 {
		x.known, x.app, x.est = true, e.app(h.Index), e.flows.Established(h.Index)
	}
}

// packet appends the rules of g that may fit a packet to those to be gone through.
func (e *Engine) packet(g *group, p *packet.Packet, payload []byte, once bool) {
	if once {
		e.may = appendAll(e.may, g.first, inPacket)
	}
	for _, s := range g.bare {
		if (!s.odd || e.now.odd > 0) && s.quick(p) && s.asks(e.x.flow) {
			e.may = append(e.may, candidate{s: s, how: inPacket})
		}
	}
	if len(payload) == 0 {
		return
	}
	e.may = appendAll(e.may, g.pure, inPacket)
	n := len(e.may)
	e.may = g.head.scan(e.may, e.set.rare, &e.found, payload, inPacket)
	if p.Proto == packet.ProtoTCP && !e.x.alone {
		e.may = e.may[:n+len(slices.DeleteFunc(e.may[n:], func(c candidate) bool { return !c.s.packet }))]
	}
	e.may = g.free.scan(e.may, e.set.rare, &e.found, payload, inPacket)
	if g.sizes.has(len(payload)) {
		e.may = g.sized.scan(e.may, e.set.rare, &e.found, payload, inPacket)
	}
}

// try goes through the rules that may match, in order: those of the packet and, with k, those of what is fresh of its
// stream.
func (e *Engine) try(h flow.Handle, payload []byte, k *half) {
	if k == nil {
		e.all(h, inOrder(e.may), payload, nil, nil)
		return
	}
	if k.hole > 0 { // before the hole; what is behind it comes with the packet's own
		e.lin = append(k.ring.last(e.lin[:0], tail), k.fresh[:k.hole]...)
		b := lookedAt{b: e.lin, end: k.total - uint64(len(k.fresh)-k.hole), fresh: k.hole}
		e.wait = inOrder(append(append(e.wait[:0], k.wait...), k.open...))
		e.all(h, e.wait, nil, &b, k)
		k.open, e.open = k.open[:0], e.open[:0]
		e.lin = append(e.lin[:0], k.fresh[k.hole:]...)
		k.holed = true
	} else {
		e.lin = append(k.ring.last(e.lin[:0], tail), k.fresh...)
	}
	b := lookedAt{b: e.lin, end: k.total, fresh: len(k.fresh) - k.hole}
	e.may = inOrder(append(append(e.may, k.wait...), k.open...))
	e.all(h, e.may, payload, &b, k)
	k.open, e.open = append(k.open[:0], e.open...), e.open[:0]
	k.wait = k.wait[:0]
	e.stats.Bytes -= len(k.fresh)
	b.b = k.fresh[k.hole:]
	if k.hole > 0 || k.over {
		e.giveBack(&k.ring)
	}
	k.fresh, k.hole = nil, 0
	if !k.over {
		e.remember(k, b.b)
	}
}

// lookedAt is what there is of a stream.
type lookedAt struct {
	b     []byte
	end   uint64 // where in the stream it ends
	fresh int    // bytes of it that are new
}

// all goes through rules; each matches once.
func (e *Engine) all(h flow.Handle, cs []candidate, payload []byte, b *lookedAt, k *half) {
	var last *sig
	for _, c := range cs {
		if e.profile != nil {
			e.profile.begin(e, c.s)
		}
		if c.s != last && e.one(h, c, payload, b, k) {
			last = c.s
		}
	}
	if e.profile != nil {
		e.profile.end(e)
	}
}

// one goes through a rule and reports whether it matched.
func (e *Engine) one(h flow.Handle, c candidate, payload []byte, b *lookedAt, k *half) bool {
	s, x := c.s, &e.x
	e.know(h)
	x.m.values, x.m.caught = x.m.values[:0], x.m.caught[:0]
	if s.app != "" && s.app != x.app {
		if x.app == "" && b != nil && c.how&inStream != 0 && b.end-c.at < tail {
			c.from = min(c.from, b.end-uint64(b.fresh))
			e.keep(c)
		}
		return false
	}
	// What is cheap comes first: addresses cost a search each.
	if !s.fits(x, h) || !s.conditions(x) || !s.asks(x.flow) || !s.header(x) {
		return false
	}
	fromStream := false
	switch {
	case len(s.payload) == 0:
	case c.how&inPacket != 0 && len(payload) > 0 && x.m.match(s.payload, payload, 0):
	case c.how&inStream != 0 && b != nil:
		if !e.inStream(c, b) {
			return false
		}
		if i := slices.Index(k.early, s); i >= 0 {
			k.early = slices.Delete(k.early, i, i+1)
			return false // a packet's own bytes had it
		}
		fromStream = true
	default:
		return false
	}
	if (len(s.bits)+len(s.effects) > 0 || s.stream) && h.Index != 0 {
		x.flow = e.own(h.Index)
		s.change(x.flow)
		if early := &x.flow.half[h.Dir].early; !fromStream && s.stream && !x.alone && len(*early) < mostAlerts {
			*early = append(*early, s)
		}
	}
	for _, do := range s.effects {
		do(x)
	}
	v := hit{s: s, h: h, tx: -1, whole: h.Index != 0 && (fromStream || s.app != "" || s.named || s.endsOnly())}
	v.values, v.context = x.m.told(s)
	e.hits = append(e.hits, v)
	return true
}

// inStream reports whether the payload of a rule lies in a stream, and remembers the rule if it may yet come to.
func (e *Engine) inStream(c candidate, b *lookedAt) bool {
	buf, fresh := b.b, len(b.b)-b.fresh
	start := b.end - uint64(len(buf))
	if c.from != never {
		fresh = min(fresh, int(max(c.from, start)-start))
	}
	if c.s.placed {
		if c.begin < start || c.begin > b.end {
			return false
		}
		n := int(c.begin - start)
		buf, fresh = buf[n:], max(fresh-n, 0)
	}
	if e.x.m.match(c.s.payload, buf, fresh) {
		return true
	}
	if e.x.m.short && b.end-c.at < tail {
		c.from = never
		e.keep(c)
	}
	return false
}

// keep remembers a rule that may match with what is to come of its stream.
func (e *Engine) keep(c candidate) {
	if len(e.open) == mostOpen {
		e.stats.GivenUp++
		return
	}
	c.how = inStream
	e.open = append(e.open, c)
}

// Flush reports what was found without a packet to go with it: a flow ended, or its reader was given up.
func (e *Engine) Flush(out *[]event.Event) {
	if len(e.hits) == 0 {
		return
	}
	h := e.hits[0].h
	head := e.flows.Last(h.Index, event.KindAlert)
	e.report(madeUp(&head, h.Dir), out)
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

// fits reports whether the connection is as flow:… wants it.
func (s *sig) fits(x *inspection, h flow.Handle) bool {
	f := &s.flow
	if !f.given {
		return true
	}
	switch {
	case f.toServer && x.dir != packet.ToServer, f.toClient && x.dir != packet.ToClient:
		return false
	case (f.toServer || f.toClient || f.established || f.notEstablished) && h.Index == 0:
		return false
	case f.established && !x.est, f.notEstablished && x.est:
		return false
	case f.onlyStream && x.alone:
		return false
	case f.onlyFrag && x.p.IPFlags&packet.Reassembled == 0, f.noFrag && x.p.IPFlags&packet.Reassembled != 0:
		return false
	}
	return true
}

func (s *sig) conditions(x *inspection) bool {
	for i := range s.sizes {
		if !s.sizes[i].has(uint64(x.p.PayloadWire)) {
			return false
		}
	}
	if len(s.flags) > 0 && !s.quick(x.p) {
		return false
	}
	for _, c := range s.conds {
		if !c(x) {
			return false
		}
	}
	return true
}

// report makes alerts of the hits, in the order in which rules are applied.
func (e *Engine) report(p *packet.Packet, out *[]event.Event) {
	slices.SortStableFunc(e.hits, func(a, b hit) int { return a.s.number - b.s.number })
	if e.trace != nil {
		e.trace.reported(e.hits, e.set.most)
	}
	n := 0
	for i := range e.hits {
		x := &e.hits[i]
		if x.s.action == lang.Pass {
			e.stats.Passed++
			if x.whole {
				e.own(x.h.Index)
				e.todo[x.h.Index] |= wholePass
			}
			break
		}
		if x.s.noalert && len(x.s.late) == 0 {
			continue
		}
		if n++; n > e.set.most {
			e.stats.TooMany++
			continue
		}
		e.stats.Alerts++
		a := e.alert(x.s, p, x.h)
		a.Values, a.Context = x.values, x.context
		e.complete(a, x, p)
		*out = append(*out, a)
	}
	e.hits, e.x.texts = e.hits[:0], e.x.texts[:0]
}

func (e *Engine) alert(s *sig, p *packet.Packet, h flow.Handle) *event.Alert {
	head := event.Head{Ordinal: p.Ordinal, Seen: p.Ref(), Proto: p.Proto, Vantage: p.Vantage, Tunnel: p.Tunnel,
		Client: event.End{Addr: p.Src, Port: p.SrcPort}, Server: event.End{Addr: p.Dst, Port: p.DstPort},
		NVLAN: p.NVLAN, VLANs: p.VLANs, SrcMAC: p.SrcMAC, DstMAC: p.DstMAC, Via: p.Via()}
	if h.Index != 0 {
		head = e.flows.Head(h, event.KindAlert, p)
	}
	if p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6 {
		head.ICMPType, head.ICMPCode, head.ICMPKnown = p.ICMPType, p.ICMPCode, p.L4 != 0
	}
	a := event.NewAlert(head, s.info)
	a.Dir = h.Dir
	if h.Index != 0 {
		f := e.flows.Counts(h.Index)
		a.Flow = &f
		a.AppProto = e.app(h.Index)
		own := e.own(h.Index)
		own.alerted = own.alerted || len(s.late) == 0
	}
	return a
}
