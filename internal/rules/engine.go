package rules

import (
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
	"firestorm/internal/rules/mpm"
)

const (
	// tail is how much of a stream that was looked at is kept, so that contents may lie across two looks.
	tail = 4 << 10
	// mostWindow bounds what waits of a stream for the next packet of its direction.
	mostWindow = 256 << 10
	// mostAlerts bounds the alerts of one packet where packet-alert-max says nothing else.
	mostAlerts = 15
)

// Stats counts what an Engine did.
type Stats struct {
	Packets   uint64 // looked at
	Alerts    uint64
	Passed    uint64 // packets that a pass rule took from the rules behind it
	TooMany   uint64 // alerts beyond mostAlerts of a packet
	GivenUp   uint64 // rules that took too many steps on a buffer
	Forgotten uint64 // bytes of streams that were not looked at, for lack of room
	Bytes     int    // of streams held now
}

// Add adds the counters of o to s.
func (s *Stats) Add(o Stats) {
	s.Packets += o.Packets
	s.Alerts += o.Alerts
	s.Passed += o.Passed
	s.TooMany += o.TooMany
	s.GivenUp += o.GivenUp
	s.Forgotten += o.Forgotten
	s.Bytes += o.Bytes
}

// flowState is what rules remember of a connection.
type flowState struct {
	bits    []uint64
	window  [2][]byte // of the stream, by direction: what was looked at lately, then what is new
	old     [2]int    // how much of it was looked at
	hole    [2]int    // in it: bytes are missing before this place; 0: nowhere
	early   [2][]*sig // rules that matched in packets whose bytes the stream has yet to bring
	fired   []fired
	alerted bool
}

// fired is a rule that matched in a transaction that is not over.
type fired struct {
	s   *sig
	dir packet.Dir
	tx  uint64
}

// mostFired bounds what a flow remembers of its open transactions; beyond, the oldest is forgotten.
const mostFired = 64

// hit is a rule that matched.
type hit struct {
	s   *sig
	h   flow.Handle
	tx  int64  // number of the transaction, -1: none
	app []byte // what to say of it
}

func (f *flowState) bit(n int) bool { return n>>6 < len(f.bits) && f.bits[n>>6]>>(n&63)&1 != 0 }

func (f *flowState) setBit(n int, on bool) {
	for n>>6 >= len(f.bits) {
		f.bits = append(f.bits, 0)
	}
	if on {
		f.bits[n>>6] |= 1 << (n & 63)
	} else {
		f.bits[n>>6] &^= 1 << (n & 63)
	}
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
}

// Engine inspects the packets of one shard. It is used by one goroutine.
type Engine struct {
	set    *Set
	flows  Flows
	app    func(index uint32) string // the flow's protocol, in EVE's word; empty: not known
	most   int                       // bytes of streams
	state  []*flowState              // by flow index
	spare  []*flowState
	x      inspection
	hits   []hit // of the packet at hand
	parts  []seenPart
	dotted []byte
	may    []*sig // rules to be gone through
	found  mpm.Scratch
	stats  Stats
}

// NewEngine returns an engine for one shard that holds at most so many bytes of streams.
func NewEngine(set *Set, flows Flows, app func(index uint32) string, most int) *Engine {
	return &Engine{set: set, flows: flows, app: app, most: most}
}

// Stats returns the counters so far.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.GivenUp = e.x.m.givenUp
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

// own returns the state of a flow, a new one if need be.
func (e *Engine) own(index uint32) *flowState {
	if n := int(index) + 1 - len(e.state); n > 0 {
		e.state = append(e.state, make([]*flowState, max(n, len(e.state)))...)
	}
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
		return false
	}
	for d := range f.window {
		if len(f.window[d]) > f.old[d] {
			e.last(index, packet.Dir(d), out)
		}
	}
	alerted = f.alerted
	for d := range f.window {
		e.stats.Bytes -= len(f.window[d])
	}
	*f = flowState{bits: f.bits[:0], fired: f.fired[:0], window: [2][]byte{f.window[0][:0], f.window[1][:0]}, early: [2][]*sig{f.early[0][:0], f.early[1][:0]}}
	e.state[index] = nil
	e.spare = append(e.spare, f)
	return alerted
}

// WantsStream reports whether a rule may ask for the stream of a connection with that server's port.
func (e *Engine) WantsStream(d packet.Dir, port uint16) bool {
	g := e.set.groups[0][d].at(port)
	return len(g.stream.sigs) > 0 || g.beside
}

// Stream takes the next bytes of a connection's stream; they are copied. They are looked at with the next packet of their
// direction.
func (e *Engine) Stream(index uint32, d packet.Dir, b []byte) {
	f := e.own(index)
	w := &f.window[d]
	if len(*w)+len(b) > mostWindow || e.stats.Bytes+len(b) > e.most {
		e.stats.Forgotten += uint64(len(*w) - f.old[d])
		e.drop(f, d)
	}
	if len(b) > mostWindow || e.stats.Bytes+len(b) > e.most {
		e.stats.Forgotten += uint64(len(b))
		return
	}
	*w = append(*w, b...)
	e.stats.Bytes += len(b)
}

// Gap says that bytes of a stream are missing: nothing lies across the hole. Of two holes before the next look, what lies
// between them is not looked at, and counted.
func (e *Engine) Gap(index uint32, d packet.Dir) {
	f := e.of(index)
	switch {
	case f == nil:
	case len(f.window[d]) == f.old[d]:
		e.drop(f, d)
	case f.hole[d] == 0:
		f.hole[d] = len(f.window[d])
	default:
		n := len(f.window[d]) - f.hole[d]
		e.stats.Forgotten += uint64(n)
		e.stats.Bytes -= n
		f.window[d] = f.window[d][:f.hole[d]]
	}
}

// stream looks at what is new of a stream: before a hole, then behind it.
func (e *Engine) stream(l *list, h flow.Handle, f *flowState) {
	w, old := f.window[h.Dir], f.old[h.Dir]
	if at := f.hole[h.Dir]; at > 0 {
		e.look(l, h, w[:at], old, true)
		w, old = w[at:], 0
	}
	if len(w) > old {
		e.look(l, h, w, old, true)
	}
}

func (e *Engine) drop(f *flowState, d packet.Dir) {
	e.stats.Bytes -= len(f.window[d])
	f.window[d], f.old[d], f.hole[d] = f.window[d][:0], 0, 0
}

// Packet inspects a packet of the flow of h, after its bytes went to the stream and to who reads its protocol. Alerts are appended to *out.
func (e *Engine) Packet(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	if p.IPVersion == 0 {
		e.hits = e.hits[:0]
		return
	}
	e.stats.Packets++
	g := &e.set.other
	port := p.DstPort
	if h.Dir == packet.ToClient {
		port = p.SrcPort
	}
	if i := protoIndex(p.Proto); i >= 0 {
		g = e.set.groups[i][h.Dir].at(port)
	}
	x := &e.x
	x.p, x.dir, x.est, x.flow, x.app = p, h.Dir, false, nil, ""
	if h.Index != 0 {
		x.flow, x.app = e.of(h.Index), e.app(h.Index)
		x.est = e.flows.Established(h.Index)
	}
	if len(g.first.sigs) > 0 && (h.Index == 0 || e.flows.First(h)) {
		e.look(&g.first, h, nil, 0, false)
	}
	if len(g.packet.sigs) > 0 {
		e.look(&g.packet, h, p.Payload(), 0, false)
	}
	if x.alone = p.Proto == packet.ProtoTCP && h.Index != 0 && !e.flows.Followed(h.Index); x.alone && len(g.stream.sigs) > 0 {
		x.flow = e.own(h.Index)
		x.flow.early[h.Dir] = x.flow.early[h.Dir][:0]
		e.look(&g.stream, h, p.Payload(), 0, true)
	}
	if f := x.flow; f != nil && len(f.window[h.Dir]) > f.old[h.Dir] {
		e.stream(&g.stream, h, f)
		w := f.window[h.Dir]
		if n := max(len(w)-tail, f.hole[h.Dir]); n > 0 {
			e.stats.Bytes -= n
			w = w[:copy(w, w[n:])]
		}
		f.window[h.Dir], f.old[h.Dir], f.hole[h.Dir] = w, len(w), 0
		f.early[h.Dir] = f.early[h.Dir][:0]
	}
	if len(e.hits) > 0 {
		e.report(p, out)
	}
}

// Asks reports whether a rule asks for parts of that kind (analyzer.Inspector).
func (e *Engine) Asks(kind string) bool { return e.set.kinds[kind] }

// Inspect looks at what there is of one side of a transaction (analyzer.Inspector). Its alerts come with the packet at hand,
// or with Flush.
func (e *Engine) Inspect(kind string, h flow.Handle, head *event.Head, p *packet.Packet, in event.Inspection) {
	e.parts, e.may = e.parts[:0], e.may[:0]
	in.Parts.EachBuffer(func(name string, b []byte) {
		e.parts = append(e.parts, seenPart{name, b})
		if l := e.set.parts[name]; l != nil {
			e.may = l.candidates(e.may, e.set.rare, &e.found, b)
		}
	})
	// Who sets a flowbit comes before who asks for it, whatever parts they are about.
	slices.SortFunc(e.may, func(a, b *sig) int { return a.number - b.number })
	e.may = slices.Compact(e.may)
	if p == nil || p.SrcPort != head.Client.Port && h.Dir == packet.ToServer || p.SrcPort != head.Server.Port && h.Dir == packet.ToClient {
		p = madeUp(head, h.Dir)
	}
	x := &e.x
	x.p, x.dir, x.est, x.flow, x.app = p, h.Dir, e.flows.Established(h.Index), e.of(h.Index), e.app(h.Index)
	var app []byte
	for _, s := range e.may {
		if s.app != "" && s.app != x.app || !s.fits(x, h) || !s.conditions(x) || !s.asks(x.flow) || !s.header(x) || !e.partsMatch(s) ||
			len(s.payload) > 0 && !e.beside(s, h.Dir) {
			continue
		}
		this := fired{s, h.Dir, in.Tx}
		if x.flow != nil && slices.Contains(x.flow.fired, this) {
			continue
		}
		x.flow = e.own(h.Index)
		if len(s.bits) > 0 {
			s.change(x.flow)
		}
		if len(x.flow.fired) == mostFired {
			x.flow.fired = slices.Delete(x.flow.fired, 0, 1)
		}
		x.flow.fired = append(x.flow.fired, this)
		if o, ok := in.Parts.(event.AppObject); ok && app == nil {
			app = o.AppendAppObject(nil)
		}
		e.hits = append(e.hits, hit{s, h, int64(in.Tx), app})
	}
	if in.Done && x.flow != nil {
		x.flow.fired = slices.DeleteFunc(x.flow.fired, func(f fired) bool { return f.dir == h.Dir && f.tx == in.Tx })
	}
}

// seenPart is a part of the transaction at hand.
type seenPart struct {
	name string
	b    []byte
}

// partsMatch reports whether the parts at hand are all that a rule asks for.
func (e *Engine) partsMatch(s *sig) bool {
	for i := range s.parts {
		p := &s.parts[i]
		found := false
		for k := range e.parts {
			v := &e.parts[k]
			if v.name != p.name {
				continue
			}
			b := v.b
			if p.dotted {
				e.dotted = append(append(e.dotted[:0], '.'), b...)
				b = e.dotted
			}
			if found = e.x.m.match(p.checks, b, 0); found {
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// beside reports whether the payload beside the parts is as a rule wants it: of TCP what is held of the stream.
func (e *Engine) beside(s *sig, d packet.Dir) bool {
	x := &e.x
	if x.p.Proto != packet.ProtoTCP {
		return x.m.match(s.payload, x.p.Payload(), 0)
	}
	return x.flow != nil && x.m.match(s.payload, x.flow.window[d][x.flow.hole[d]:], 0)
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
	h := e.flows.Last(index, event.KindAlert)
	p := madeUp(&h, d)
	f := e.of(index)
	x := &e.x
	x.p, x.dir, x.est, x.flow, x.app = p, d, e.flows.Established(index), f, e.app(index)
	e.stream(&e.set.groups[0][d].at(h.Server.Port).stream, flow.Handle{Index: index, Dir: d}, f)
	if len(e.hits) > 0 {
		e.report(p, out)
	}
}

// look tries rules on a buffer of which the bytes from fresh on are new.
func (e *Engine) look(l *list, h flow.Handle, b []byte, fresh int, stream bool) {
	x := &e.x
	e.may = l.candidates(e.may[:0], e.set.rare, &e.found, b)
	for _, s := range e.may {
		// What is cheap comes first: addresses cost a search each.
		if s.app != "" && s.app != x.app || !s.fits(x, h) || !s.conditions(x) || !s.asks(x.flow) || !s.header(x) {
			continue
		}
		if len(s.payload) > 0 && (len(b) == 0 || !x.m.match(s.payload, b, fresh)) {
			continue
		}
		if stream && (e.hit(s) || slices.Contains(x.flow.early[h.Dir], s)) {
			continue // a packet's own bytes had it
		}
		if (len(s.bits) > 0 || s.stream) && h.Index != 0 {
			x.flow = e.own(h.Index)
			s.change(x.flow)
			if early := &x.flow.early[h.Dir]; !stream && s.stream && len(*early) < mostAlerts {
				*early = append(*early, s)
			}
		}
		e.hits = append(e.hits, hit{s: s, h: h, tx: -1})
	}
}

// hit reports whether a rule matched in the packet at hand, outside of any transaction.
func (e *Engine) hit(s *sig) bool {
	return slices.ContainsFunc(e.hits, func(x hit) bool { return x.s == s && x.tx < 0 })
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
	n := 0
	for i := range e.hits {
		x := &e.hits[i]
		if x.s.action == lang.Pass {
			e.stats.Passed++
			break
		}
		if x.s.noalert {
			continue
		}
		if n++; n > e.set.most {
			e.stats.TooMany++
			continue
		}
		e.stats.Alerts++
		a := e.alert(x.s, p, x.h)
		a.Tx, a.InTx, a.App = uint64(max(x.tx, 0)), x.tx >= 0, x.app
		*out = append(*out, a)
	}
	e.hits = e.hits[:0]
}

func (e *Engine) alert(s *sig, p *packet.Packet, h flow.Handle) *event.Alert {
	head := event.Head{Ordinal: p.Ordinal, Seen: p.Ref(), Proto: p.Proto, Vantage: p.Vantage, Tunnel: p.Tunnel,
		Client: event.End{Addr: p.Src, Port: p.SrcPort}, Server: event.End{Addr: p.Dst, Port: p.DstPort},
		NVLAN: p.NVLAN, VLANs: p.VLANs, SrcMAC: p.SrcMAC, DstMAC: p.DstMAC}
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
		e.own(h.Index).alerted = true
	}
	return a
}
