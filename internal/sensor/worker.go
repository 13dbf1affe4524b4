package sensor

import (
	"bytes"
	"sync/atomic"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/file"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules"
	"firestorm/internal/stream"
)

// worker owns the shards whose number leaves its own when divided by the number of workers. Nothing it holds is shared.
type worker struct {
	shards  []*shard // by shard number; nil: another worker's
	anoms   bool     // somebody wants decoder anomalies as events
	inFlows uint64   // packets that belong to a flow
	run     [runLen]ahead
	evs     []event.Event
	spare   event.Spare // for its shards to fill
	part    []byte      // of keep, used again
	// passed are packets whose data nobody read, and their bytes, for who asks while it runs; kept only then.
	watched             bool
	passed, passedBytes atomic.Uint64
}

// runLen is how many packets are looked up together: enough for their waits for memory to overlap, few enough for the
// nearest cache to keep what was fetched (2026-11-23).
const runLen = 16

// ahead is a packet whose turn is near.
type ahead struct {
	p *packet.Packet
	s *shard
	a flow.Ahead
}

// shard is one sixty-fourth of the state of the sensor.
type shard struct {
	flows   *flow.Table
	spare   *event.Spare // its worker's
	apps    *analyzer.Dispatcher
	rules   *rules.Engine    // nil: no rules are loaded
	parts   event.AlertParts // what alerts carry
	watched watched
	files   *file.Room
	macs    *macs // nil: nobody asks
	headers bool  // go with what is odd in packets
	left    left  // of the flow that ends now
	// out and ordinal are where events go now, for a flow that ends inside a call of flows.
	out     *[]event.Event
	ordinal uint64
	// failed are flows on which a reader of a protocol failed, the first few.
	failed []analyzer.Quarantine
}

// keptFailures bounds shard.failed; the rest are counted in analyzer.Stats.
const keptFailures = 4

func newShard(o *Options, lim limits, reg *analyzer.Registry) (*shard, error) {
	s := &shard{headers: o.AnomalyHeaders}
	s.flows = flow.New(flow.Options{MaxFlows: lim.flows, MaxTombstones: lim.tombs, MaxBytes: lim.bytes, Seed: o.Seed, Want: wanted, Unchecked: o.Checksums == packet.ChecksumsNone,
		Timeouts: o.Timeouts, Released: s.released, Closed: func(i uint32) bool { return s.apps.Closed(i) },
		Alerted: s.alerted, Dress: s.dress})
	if o.MACs {
		s.macs = &macs{}
	}
	var raw analyzer.RawStreams
	var inspector analyzer.Inspector
	var frames analyzer.FrameSink
	if o.Rules != nil {
		var flows rules.Flows = s.flows
		if o.NoMidstream {
			flows = begunOnly{s.flows}
		}
		s.rules = rules.NewEngine(o.Rules, flows, s.app, lim.streams)
		s.rules.Began(func(i uint32) string { return s.apps.Before(i) })
		s.rules.Keep(o.Alerts.Most())
		s.parts = o.Alerts
		s.watch(o)
		raw, inspector, frames = s.rules, s.rules, s.rules
	}
	var begun func(index uint32) bool
	if o.NoMidstream {
		begun = s.flows.Begun
	}
	s.files = file.NewRoom(filesWanted(o, o.Rules, reg), o.FileStore, lim.held/4)
	var err error
	s.apps, err = analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Head: s.flows.Head, Anomalies: wantsAnomalies(o),
		Stream: stream.Options{MemCap: lim.streams, Depth: o.StreamDepth, Inline: o.StreamInline, Policy: o.Overlap}, Begun: begun, Raw: raw, Inspector: inspector, Frames: frames, FrameRecords: o.FrameRecords, Files: s.files, MaxHeld: lim.held,
		Quarantined: func(q analyzer.Quarantine) {
			if len(s.failed) < keptFailures {
				s.failed = append(s.failed, q)
			}
		}})
	return s, err
}

// begunOnly are the flows as rules see them where connections without a begin are left alone.
type begunOnly struct{ *flow.Table }

// Established implements rules.Flows.
func (f begunOnly) Established(index uint32) bool {
	return f.Begun(index) && f.Table.Established(index)
}

// Followed implements rules.Flows.
func (f begunOnly) Followed(index uint32) bool { return f.Begun(index) }

// filesWanted says what is asked of files.
func filesWanted(o *Options, r *rules.Set, reg *analyzer.Registry) file.Wants {
	w := file.Wants{Info: reg.Wanted(event.KindFile), MD5: o.FileHashes.MD5, SHA1: o.FileHashes.SHA1, SHA256: o.FileHashes.SHA256, KeepAll: o.KeepFiles, Magic: o.FileHashes.Magic}
	if r != nil {
		w.Info = w.Info || r.AsksFiles()
		w.MD5, w.SHA1, w.SHA256 = w.MD5 || r.Asks("file.md5"), w.SHA1 || r.Asks("file.sha1"), w.SHA256 || r.Asks("file.sha256")
		w.Magic = w.Magic || r.Asks("file.magic")
		w.Keep = r.Keeps()
	}
	if !w.Info { // checksums of files that nobody hears of
		w.MD5, w.SHA1, w.SHA256, w.Magic = false, false, false, false
	}
	return w
}

// alerted is told that rules are to forget a flow, and reports whether one had alerted on it. What was left of its streams may
// bring alerts without a packet.
func (s *shard) alerted(index uint32) bool {
	if s.rules == nil {
		return false
	}
	from := len(*s.out)
	s.left.vars, s.left.passed = s.rules.Left(index)
	any := s.rules.Released(index, s.out)
	s.alerts(nil, flow.Handle{Index: index}, *s.out, from)
	s.left.index = 0
	return any
}

// released is told that a flow's record ends: what its protocol still has to say, rules see as well.
func (s *shard) released(index uint32, why event.EndReason) (app, before string) {
	from := len(*s.out)
	s.left = left{sides: s.apps.Sides(index)}
	app, before = s.apps.Released(index, why, s.ordinal, s.out)
	s.left.index, s.left.app = index, app
	s.files.Released(index)
	if s.rules != nil {
		s.rules.Flush(s.out)
		s.alerts(nil, flow.Handle{Index: index}, *s.out, from)
	}
	return app, before
}

// packet is the path of one packet: its connection, the protocol it carries, then what was odd in it.
func (s *shard) packet(p *packet.Packet, a *flow.Ahead, anoms bool, out *[]event.Event) (inFlow bool) {
	s.out, s.ordinal = out, p.Ordinal
	if p.IPFlags&packet.Fragment != 0 { // what it is a part of comes when it is whole
		if s.rules != nil {
			s.rules.Fragment(p, out)
		}
		if p.NAnomaly > 0 && anoms {
			s.anomalies(p, flow.Handle{}, out)
		}
		return false
	}
	if p.L4Sum == packet.SumDamaged { // rules asked to see it
		s.rules.Damaged(p, out)
		return false
	}
	h := s.flows.PacketAhead(p, a, out)
	if s.macs != nil && h.Index != 0 {
		s.macs.add(h, p)
	}
	if p.Firewall != packet.FirewallNone {
		s.flows.Verdict(p, h, out)
	}
	if s.rules != nil {
		s.rules.Begin(p, h, out)
	}
	from := len(*out)
	s.apps.Packet(p, h, out)
	if s.rules != nil {
		s.rules.Packet(p, h, out)
		s.alerts(p, h, *out, from)
	}
	if p.NAnomaly > 0 && anoms {
		s.anomalies(p, h, out)
	}
	return h.Index != 0
}

// age lets time pass.
func (s *shard) age(now packet.Time, ordinal uint64, out *[]event.Event) {
	s.out, s.ordinal = out, ordinal
	s.flows.Age(now, ordinal, out)
	s.apps.Age(now, ordinal, out)
	if s.rules != nil {
		s.rules.Flush(out)
	}
}

// end says that the input is over.
func (s *shard) end(now packet.Time, ordinal uint64, out *[]event.Event) {
	s.out, s.ordinal = out, ordinal
	s.flows.End(now, ordinal, out)
}

// round does its part of r's order, runs the packets of r that belong to this worker, number i, in order, and ages its shards at each edge.
func (w *worker) round(r *round, i int, o *Options) {
	out := &r.out[i]
	out.events, out.aged = out.events[:0], out.aged[:0]
	w.spare.Move(&out.spare)
	if r.order != nil {
		w.obey(r.order, i, o, &out.events)
	}
	from := 0
	for e := range r.edges {
		w.packets(r, from, r.edges[e].after+1, out)
		from = r.edges[e].after + 1
		w.age(e, &r.edges[e], out)
	}
	w.packets(r, from, len(r.batch.Packets), out)
	if r.keep {
		out.kept = w.keep(out.kept[:0])
	}
	if w.watched {
		w.sumPassed()
	}
}

// sumPassed brings the counters of what went by unread up to date.
func (w *worker) sumPassed() {
	var packets, bytes uint64
	for _, s := range w.shards {
		if s != nil {
			p, b := s.apps.Passed()
			packets, bytes = packets+p, bytes+b
		}
	}
	w.passed.Store(packets)
	w.passedBytes.Store(bytes)
}

// packets brings the packets of this worker's shards to them, in order. Each pass over a run is a function of its own, and
// stays one: in one body, all that any of them needs is read back from the stack after every call (2026-11-30: a packet
// costs half).
func (w *worker) packets(r *round, from, to int, out *output) {
	for from < to {
		var run []ahead
		run, from = w.look(r, from, to)
		find(run)
		touch(run)
		for step := 1; step < analyzer.AheadSteps; step++ {
			fetch(run, step)
		}
		w.inFlows += w.handle(run, &out.events)
	}
}

// look takes the next packets of this worker's shards, as many as a run has, and returns where it stopped.
//
//go:noinline
func (w *worker) look(r *round, from, to int) (run []ahead, next int) {
	n := 0
	ps, shards := r.batch.Packets[from:to], r.shard[from:to]
	for i := range ps {
		k := shards[i]
		if k == shardDrop {
			continue
		}
		if s := w.shards[k]; s != nil {
			if n == len(w.run) {
				return w.run[:], from + i
			}
			x := &w.run[n]
			n++
			x.p, x.s = &ps[i], s
			s.flows.Look(x.p, &x.a)
		}
	}
	return w.run[:n], to
}

// find asks for the connections of a run.
//
//go:noinline
func find(run []ahead) {
	for k := range run {
		run[k].s.flows.Find(&run[k].a)
	}
}

// touch asks for what belongs to the connections of a run.
//
//go:noinline
func touch(run []ahead) {
	for k := range run {
		x := &run[k]
		x.s.flows.Touch(&x.a)
		x.s.apps.Ahead(x.a.Index(), 0)
		x.s.rules.Ahead(x.a.Index(), 0)
	}
}

// fetch asks for what the readers of protocols and the rules will need, one step after the other.
//
//go:noinline
func fetch(run []ahead, step int) {
	for k := range run {
		run[k].s.apps.Ahead(run[k].a.Index(), step)
		run[k].s.rules.Ahead(run[k].a.Index(), step)
	}
}

// handle brings the packets of a run to their shards and returns how many belong to a flow.
//
//go:noinline
func (w *worker) handle(run []ahead, out *[]event.Event) (inFlows uint64) {
	anoms := w.anoms
	for k := range run {
		if x := &run[k]; x.s.packet(x.p, &x.a, anoms, out) {
			inFlows++
		}
	}
	return inFlows
}

func (w *worker) age(n int, e *edge, out *output) {
	for k, s := range w.shards {
		if s == nil {
			continue
		}
		w.evs = nil // one variable of the worker: a local one would be allocated for each shard (2026-11-23)
		s.age(e.now, e.ordinal, &w.evs)
		if len(w.evs) > 0 {
			out.aged = append(out.aged, aged{n, uint8(k), w.evs})
		}
	}
}

// anomalies reports what decoding and reassembly found odd in a packet, as part of its connection where it has one.
func (s *shard) anomalies(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	head := headOf(p)
	if h.Index != 0 {
		head = s.flows.Head(h, event.KindAnomaly, p)
	}
	for _, a := range p.Anomalies[:p.NAnomaly] {
		ev := event.NewAnomaly(head)
		ev.Code, ev.Dir = a, h.Dir
		if n := len(p.Data) - int(p.PayloadLen); s.headers && n > 0 {
			ev.Frame, ev.Link = bytes.Clone(p.Data[:n]), p.DataLink()
		}
		*out = append(*out, ev)
	}
}
