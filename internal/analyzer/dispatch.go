package analyzer

import (
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
	"firestorm/internal/stream"
)

// ProbeLimit is how many first bytes of a direction the probes get to see.
const ProbeLimit = 1024

// AheadSteps is how many steps Dispatcher.Ahead has.
const AheadSteps = 3

// probeDatagrams is how many datagrams of a flow are probed before it counts as unknown.
const probeDatagrams = 4

// DispatchOptions bound a Dispatcher.
type DispatchOptions struct {
	// Head returns the head of an event about the flow of h: flow.Table's method of that name.
	Head            func(h flow.Handle, k event.Kind, p *packet.Packet) event.Head
	Stream          stream.Options
	MaxHeld         int  // bytes of all readers and of what they keep, and of flows not yet told apart; default 4 MiB
	MaxExpectations int  // default 4096
	Anomalies       bool // somebody wants anomalies as events
	// Begun, when not nil, says whether the begin of a flow was seen: TCP connections without are left alone.
	Begun func(index uint32) bool
	// Raw, when not nil, gets the streams of TCP connections beside the analyzers.
	Raw RawStreams
	// Inspector, when not nil, is shown the parts of transactions.
	Inspector Inspector
	// Frames, when not nil, looks at the frames that readers mark; FrameRecords: all of them become events.
	Frames       FrameSink
	FrameRecords bool
	// Files, when not nil, takes the files that transactions carry.
	Files FileSink
	// Quarantined is told of each panic; nil ignores them.
	Quarantined func(Quarantine)
}

// RawStreams takes the bytes of TCP connections in order, whatever protocol they speak. The bytes are lent.
type RawStreams interface {
	// WantsStream is asked once for each direction, with the server's port.
	WantsStream(d packet.Dir, port uint16) bool
	// Clean is asked of a packet before its bytes go to the stream; they carry the answer.
	Clean(p *packet.Packet, h flow.Handle) bool
	// Stream reports whether it wants more of that direction. clean is what Clean said of the packet that brought b.
	Stream(index uint32, d packet.Dir, port uint16, b []byte, clean bool) (more bool)
	Gap(index uint32, d packet.Dir)
	// End says that no more bytes come.
	End(index uint32, d packet.Dir)
	// Sealed says that what follows of both directions is encrypted: no more of it comes here.
	Sealed(index uint32)
}

// Inspector looks at parts of transactions as soon as they are there: the rules.
type Inspector interface {
	// Asks reports whether anybody asks for parts of that kind.
	Asks(kind string) bool
	// Inspect looks at parts of the flow of h. head says what completed them; p is the packet at hand, nil if there is none.
	// Both are lent.
	Inspect(kind string, h flow.Handle, head *event.Head, p *packet.Packet, in event.Inspection)
}

// Quarantine is a flow on which an analyzer failed.
type Quarantine struct {
	Analyzer string
	Value    any // what it panicked with
	FlowID   uint64
	Seen     packet.Ref // the packet whose bytes it was given
	Ordinal  uint64     // of the packet that released them
}

// Stats counts what a Dispatcher did.
type Stats struct {
	Messages  uint64 // given to message analyzers
	Bound     uint64 // flows whose analyzer was found
	Unknown   uint64 // flows whose bytes no analyzer claims
	ProbeFull uint64 // of them: given up because Options.MaxHeld was reached
	GivenUp   uint64 // flows that were being read and were given up for that reason
	// GivenFrom is when the first of both was given up, GivenTo when the last of them ended.
	GivenFrom, GivenTo packet.Time
	Panics             uint64
	Expected           uint64 // expectations announced
	ExpectEvicted      uint64 // thrown out for lack of room
	ExpectMatched      uint64
	FramesFull         uint64 // frames beyond what one direction of a flow may have at once: nobody looked at them
	// Passed are TCP packets with data that went by unread, PassedBytes their data as on the wire: nobody reads on, since the
	// flow is encrypted, of no known protocol, past stream.Options.Depth or its end. Their headers were followed.
	Passed, PassedBytes uint64
	Held                int // bytes now, as counted against Options.MaxHeld
	Sessions            int // open now
}

// gaveUp notes that at t a flow that was given up began to be missed, or ended.
func (s *Stats) gaveUp(from, to packet.Time) {
	if s.GivenFrom == 0 || from < s.GivenFrom {
		s.GivenFrom = from
	}
	s.GivenTo = max(s.GivenTo, to)
}

// Add adds the counters of o to s: a sensor sums its shards.
func (s *Stats) Add(o Stats) {
	s.Messages += o.Messages
	s.Bound += o.Bound
	s.Unknown += o.Unknown
	s.ProbeFull += o.ProbeFull
	s.GivenUp += o.GivenUp
	if o.ProbeFull+o.GivenUp > 0 {
		s.gaveUp(o.GivenFrom, o.GivenTo)
	}
	s.Panics += o.Panics
	s.Expected += o.Expected
	s.ExpectEvicted += o.ExpectEvicted
	s.ExpectMatched += o.ExpectMatched
	s.FramesFull += o.FramesFull
	s.Passed += o.Passed
	s.PassedBytes += o.PassedBytes
	s.Held += o.Held
	s.Sessions += o.Sessions
}

// Dispatcher brings the packets of one shard to analyzers. What each packet needs of it stands first.
type Dispatcher struct {
	flows    []place // by flow index
	now      packet.Time
	begun    func(index uint32) bool // DispatchOptions.Begun
	streamed bool                    // somebody reads TCP
	passed   uint64                  // Stats.Passed and PassedBytes, without those of streams
	passedBy uint64
	out      *[]event.Event
	ordinal  uint64
	streams  *stream.Shard
	stats    Stats
	reg      *Registry
	o        DispatchOptions
	ether    map[uint16][]*perShard
	ip       [256][]*perShard
	tcp, udp *serving // their protocols
	spare    []*session
	prefixes []*[2][ProbeLimit]byte
	pools    []pools // by def: analyzers at rest
	resting  int     // bytes of all that is at rest: spare, prefixes, pools
	expected expectations
	ctx      Context
	head     event.Head // of what is inspected
	asked    kindNames  // names of the kinds that the Inspector asks for
	// framed are by def the frames that somebody asks for; nil: none at all. framePieces is spare.
	framed      []*frameWants
	framePieces []event.FramePiece
	files       kindNames // names of the kinds of whose transactions the files are wanted
}

// kindNames are names of event kinds by number; nil: none. A shard without rules pays nothing for them.
type kindNames []string

func (n *kindNames) set(k event.Kind, name string) {
	if *n == nil {
		*n = make(kindNames, 256)
	}
	(*n)[k] = name
}

func (n kindNames) of(k event.Kind) string {
	if n == nil {
		return ""
	}
	return n[k]
}

// place is what is known of a flow: one look at memory for each packet.
type place struct {
	s        *session // nil: nothing to do for it, or nothing yet
	interest interest
	app      uint8    // registry index + 1 of the protocol that read it last; 0 = none
	before   uint8    // the same of the one that it began with, where another followed
	sides    [2]uint8 // the same of the one that a direction's first bytes speak, where that is another
}

type pools struct {
	streams  []StreamAnalyzer
	messages []MessageAnalyzer
}

// perShard is an analyzer that needs no flow.
type perShard struct {
	def int
	a   MessageAnalyzer
}

// NewDispatcher returns a dispatcher for one shard.
func NewDispatcher(r *Registry, o DispatchOptions) (*Dispatcher, error) {
	if o.MaxHeld <= 0 {
		o.MaxHeld = 4 << 20
	}
	if o.MaxExpectations <= 0 {
		o.MaxExpectations = 4096
	}
	x := &Dispatcher{reg: r, o: o, begun: o.Begun, streams: stream.New(o.Stream), pools: make([]pools, len(r.defs))}
	x.expected = expectations{byKey: map[expectKey]expectation{}, stats: &x.stats, max: o.MaxExpectations}
	x.ctx.d = x
	if err := x.Renew(r); err != nil {
		return nil, err
	}
	return x, nil
}

// Renew has the dispatcher go on with another registry of the same protocols, for what is wanted of them has changed; who
// inspects and who takes files is asked again. Connections that nobody reads any more are not read anew. It is called
// between two packets. After an error the dispatcher is of no use.
func (x *Dispatcher) Renew(r *Registry) error {
	x.reg, x.asked, x.files = r, nil, nil
	x.tcp, x.udp = r.serving[TCP], r.serving[UDP]
	x.streamed = x.o.Raw != nil || x.tcp.all != 0
	if x.o.Inspector != nil {
		for name, k := range r.options.kinds {
			if x.o.Inspector.Asks(name) {
				x.asked.set(k, name)
			}
		}
	}
	if x.o.Files != nil {
		for name, k := range r.options.kinds {
			if x.o.Files.Takes(name) {
				x.files.set(k, name)
			}
		}
	}
	x.wantFrames()
	ether, ip := x.ether, x.ip
	x.ether = map[uint16][]*perShard{}
	clear(x.ip[:])
	for i := range r.defs {
		if !r.on[i] {
			continue
		}
		for _, t := range r.defs[i].Over {
			var was []*perShard
			switch {
			case t == TCP || t == UDP:
				continue // their flows find them
			case t.layer == layerEther:
				was = ether[t.number]
			default:
				was = ip[t.number]
			}
			ps := find(was, i)
			if ps == nil {
				a, err := r.defs[i].Message(r.options)
				if err != nil {
					return err
				}
				ps = &perShard{i, a}
			}
			if t.layer == layerEther {
				x.ether[t.number] = append(x.ether[t.number], ps)
			} else {
				x.ip[t.number] = append(x.ip[t.number], ps)
			}
		}
	}
	return nil
}

// find is the reader of a protocol among those of a transport; nil: there was none.
func find(list []*perShard, def int) *perShard {
	for _, ps := range list {
		if ps.def == def {
			return ps
		}
	}
	return nil
}

// Stats returns the counters so far.
func (x *Dispatcher) Stats() Stats {
	s := x.stats
	s.Passed, s.PassedBytes = x.Passed()
	return s
}

// StreamStats returns the counters of the reassembly beneath.
func (x *Dispatcher) StreamStats() stream.Stats { return x.streams.Stats() }

// Packet brings p, of the flow h, to its analyzers. Their events are appended to *out. It may add stream anomalies to
// p. p is not kept.
func (x *Dispatcher) Packet(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	if p.Time > x.now {
		x.now = p.Time
	}
	// Most packets are of connections that nobody reads, any more or yet: a look at their place is all (2026-11-30).
	if p.Proto == packet.ProtoTCP && bare(p) && int(h.Index) < len(x.flows) && p.IPFlags&packet.Fragment == 0 && x.streamed {
		f := &x.flows[h.Index]
		if f.s != nil {
			x.out, x.ordinal = out, p.Ordinal
			x.segment(p, h)
			return
		}
		if f.interest != interested || p.PayloadWire == 0 {
			if p.PayloadWire != 0 && p.TCPFlags&packet.RST == 0 && (x.begun == nil || x.begun(h.Index)) {
				x.passed++
				x.passedBy += uint64(p.PayloadWire)
			}
			return
		}
	}
	x.packet(p, h, out)
}

// packet does what Packet says.
func (x *Dispatcher) packet(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	x.out, x.ordinal = out, p.Ordinal
	if list := x.ip[packet.ProtoAH]; list != nil && !bare(p) {
		if b := behindAH(p); b != nil {
			x.messages(list, p, b)
		}
	}
	switch {
	case p.IPVersion == 0:
		if list := x.ether[p.EtherType]; list != nil {
			x.messages(list, p, linkPayload(p))
		}
	case p.IPFlags&packet.Fragment != 0:
	case p.Proto == packet.ProtoTCP:
		if x.streamed && h.Index != 0 {
			x.segment(p, h)
		}
	case p.Proto == packet.ProtoUDP:
		if x.udp.all != 0 && h.Index != 0 && p.PayloadLen > 0 {
			x.datagram(p, h)
		}
	default:
		if list := x.ip[p.Proto]; list != nil {
			x.messages(list, p, p.IPPayload())
		}
	}
}

// bare reports that nothing stands between the innermost IP header and what it carries, so that no AH does either.
func bare(p *packet.Packet) bool {
	return p.IPVersion == 4 && p.L4-p.L3 == 20 || p.IPVersion == 6 && p.IPFlags&packet.HasOptions == 0
}

// Passed returns Stats.Passed and PassedBytes so far.
func (x *Dispatcher) Passed() (packets, bytes uint64) {
	packets, bytes = x.streams.AfterEnd()
	return packets + x.passed, bytes + x.passedBy
}

// behindAH returns the packet from its authentication header on where decoding went through that header to something
// that is no ESP: AH hides nothing, so that Proto says what is behind it (RFC 4302 3.1).
func behindAH(p *packet.Packet) []byte {
	switch {
	case p.IPVersion == 4 && int(p.L3)+9 < len(p.Data) && p.Data[p.L3+9] == packet.ProtoAH:
	case p.IPVersion == 6 && p.IPFlags&packet.HasOptions != 0:
	default:
		return nil
	}
	if p.Proto == packet.ProtoAH || p.Proto == packet.ProtoESP || p.IPFlags&packet.Fragment != 0 {
		return nil
	}
	for _, l := range p.Layers[:p.NLayer] {
		if l.Kind == packet.LayerAH {
			return p.Data[l.Off:]
		}
	}
	return nil
}

// linkPayload is what follows the link headers: from the last header on that decoding knew, such as ARP's.
func linkPayload(p *packet.Packet) []byte {
	if p.PayloadOff == 0 && p.NLayer > 0 {
		if off := int(p.Layers[p.NLayer-1].Off); off <= len(p.Data) {
			return p.Data[off:]
		}
	}
	return p.Payload()
}

// Ahead asks for what is kept for the flow record index, whose packet's turn is near: first for its place, then, with
// steps of other packets between, for its session and for its stream. What it asks for may belong to another flow.
func (x *Dispatcher) Ahead(index uint32, step int) {
	if int(index) < len(x.flows) && (step == 0 || x.stats.Sessions > 0) {
		x.flows[index].ahead(step)
	}
}

func (f *place) ahead(step int) {
	switch s := f.s; {
	case step == 0:
		prefetch.Line(unsafe.Pointer(f))
	case s == nil:
	case step == 1:
		prefetch.Lines3(unsafe.Pointer(s))
	case s.stream != nil:
		s.stream.Ahead()
	}
}

func (x *Dispatcher) messages(list []*perShard, p *packet.Packet, b []byte) {
	for _, a := range list {
		x.stats.Messages++
		c := x.context(nil, p, p.Ref(), packet.Ref{})
		x.guard(a.def, packet.ToServer, func() { a.a.Message(c, packet.ToServer, b) })
	}
}

// context sets up the one Context of the dispatcher: calls never nest.
func (x *Dispatcher) context(s *session, p *packet.Packet, seen, released packet.Ref) *Context {
	x.ctx = Context{d: x, s: s, p: p, seen: seen, released: released}
	return &x.ctx
}

// guard runs one call into an analyzer. A panic stays here: it is counted, reported as an anomaly, and true is
// returned.
func (x *Dispatcher) guard(def int, d packet.Dir, call func()) (failed bool) {
	defer func() {
		if v := recover(); v != nil {
			failed = true
			x.failed(def, d, v)
		}
	}()
	call()
	return false
}

// failed books that an analyzer panicked with v.
func (x *Dispatcher) failed(def int, d packet.Dir, v any) {
	x.stats.Panics++
	x.ctx.Anomaly(d, packet.AppAnalyzerPanic)
	if x.o.Quarantined != nil {
		q := Quarantine{Analyzer: x.reg.defs[def].Name, Value: v, Seen: x.ctx.seen, Ordinal: x.ordinal}
		if x.ctx.s != nil {
			q.FlowID = x.ctx.s.head.FlowID
		}
		x.o.Quarantined(q)
	}
}

// Age lets time pass to now, the highest packet time so far.
func (x *Dispatcher) Age(now packet.Time, ordinal uint64, out *[]event.Event) {
	x.out, x.ordinal = out, ordinal
	x.now = max(x.now, now)
	x.streams.Age(x.now)
	x.expected.age(x.now)
	x.fit()
}

// Released ends what is kept for the flow record index and returns EVE's word for the protocol it spoke, empty if that
// is not known. Give it to flow.Options.Released.
func (x *Dispatcher) Released(index uint32, why event.EndReason, ordinal uint64, out *[]event.Event) (app, before string) {
	if int(index) >= len(x.flows) {
		return "", ""
	}
	if x.flows[index].interest == givenUp {
		x.stats.gaveUp(x.now, x.now)
	}
	if s := x.flows[index].s; s != nil {
		x.out, x.ordinal = out, ordinal
		x.end(s, why)
		x.retire(index)
	}
	f := &x.flows[index] // by its end the protocol may show
	if f.app > 0 {
		app = x.reg.app(int(f.app) - 1)
	}
	if f.before > 0 {
		before = x.reg.app(int(f.before) - 1)
	}
	*f = place{}
	return app, before
}

// Sides returns EVE's words for the protocol that the first bytes of either direction speak, where that is not the one that is
// read. It is asked before Released.
func (x *Dispatcher) Sides(index uint32) (apps [2]string) {
	if int(index) < len(x.flows) {
		for d, n := range x.flows[index].sides {
			if n > 0 {
				apps[d] = x.reg.app(int(n) - 1)
			}
		}
	}
	return apps
}

// end tells the reader of s that its flow is over.
func (x *Dispatcher) end(s *session, why event.EndReason) {
	s.p = nil
	if s.tcp {
		x.streams.Close(s.stream, why)
		if s.frames != nil {
			s.endFrames(packet.ToServer)
			s.endFrames(packet.ToClient)
			s.tellFrames(packet.ToServer)
		}
	} else if s.message != nil {
		c := x.context(s, nil, s.last, packet.Ref{})
		x.guard(s.def, packet.ToServer, func() { s.message.Close(c, why) })
	}
}

// place returns what is known of the flow record index.
func (x *Dispatcher) place(index uint32) *place {
	if i := int(index); i >= len(x.flows) {
		n := max(i+1, 2*len(x.flows), 64)
		x.flows = append(x.flows, make([]place, n-len(x.flows))...)
	}
	return &x.flows[index]
}

// session makes the state of the flow of h, for its first bytes.
func (x *Dispatcher) session(p *packet.Packet, h flow.Handle, over Transport) *session {
	var s *session
	if n := len(x.spare); n > 0 {
		s, x.spare = x.spare[n-1], x.spare[:n-1]
		x.resting -= s.weight()
	} else {
		s = new(session)
	}
	x.flows[h.Index].s = s
	x.stats.Sessions++
	s.x, s.index, s.tcp, s.def, s.over = x, h.Index, over == TCP, -1, over
	s.raw = [2]bool{}
	s.head = x.o.Head(h, event.KindNone, p)
	s.serverPort = s.head.Server.Port
	if x.o.Raw != nil && s.tcp {
		for d := range s.raw {
			s.raw[d] = x.o.Raw.WantsStream(packet.Dir(d), s.head.Server.Port)
		}
	}
	s.own(sessionSize)
	s.sole = -1
	if len(x.expected.byKey) > 0 {
		if d, about := x.expected.match(over, s.head.Client.Addr, s.head.Server, x.now); d >= 0 {
			x.stats.ExpectMatched++
			s.about, s.sole = about, d
			return s
		}
	}
	// Who names a port of the flow is asked first.
	s.serving = x.tcp
	if !s.tcp {
		s.serving = x.udp
	}
	s.left, s.named = s.serving.all, s.serving.named(s.head.Server.Port, s.head.Client.Port)
	if !s.tcp {
		x.series(s)
	}
	return s
}

// App returns EVE's word for the protocol of a flow, empty while it is not known; settled: or if it never will be.
func (x *Dispatcher) App(index uint32) (app string, settled bool) {
	if int(index) >= len(x.flows) {
		return "", false
	}
	f := &x.flows[index]
	if f.app == 0 {
		return "", f.interest != interested || f.s != nil && f.s.gone
	}
	return x.reg.app(int(f.app) - 1), true
}

// Before returns EVE's word for the protocol that a flow began with, where it went on to another; else empty.
func (x *Dispatcher) Before(index uint32) string {
	if int(index) >= len(x.flows) || x.flows[index].before == 0 {
		return ""
	}
	return x.reg.app(int(x.flows[index].before) - 1)
}

// Closed says whether event.Closed is wanted of a flow: flow.Options.Closed.
func (x *Dispatcher) Closed(index uint32) bool {
	if int(index) >= len(x.flows) {
		return false
	}
	f := &x.flows[index]
	return f.app > 0 && x.reg.defs[f.app-1].Closed || f.before > 0 && x.reg.defs[f.before-1].Closed
}

// retire forgets the session of a flow and pools what it used.
func (x *Dispatcher) retire(index uint32) {
	s := x.flows[index].s
	x.flows[index].s = nil
	x.stats.Sessions--
	s.unhold()
	x.rest(s)
	x.stats.Held -= s.owned
	if cap(s.buf) > 8<<10 {
		s.buf = nil
	}
	*s = session{held: s.held[:0], buf: s.buf[:0]}
	if x.mayRest(s.weight()) {
		x.spare = append(x.spare, s)
	}
}

// settle ends the interest in a flow for as long as its record lives.
func (x *Dispatcher) settle(s *session) {
	index := s.index
	x.flows[index].interest = settled
	if s.tcp {
		x.streams.Drop(s.stream)
	}
	x.retire(index)
}
