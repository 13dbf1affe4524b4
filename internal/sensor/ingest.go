package sensor

import (
	"errors"
	"io"
	"slices"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/count"
	"firestorm/internal/defrag"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// ingest turns batches of a source into rounds: it numbers packets, decodes them, keeps the clock, takes out copies,
// puts fragments together and says which shard each packet belongs to. It runs in one goroutine.
type ingest struct {
	src      capture.Source
	ringed   capture.Ringed // nil: its interfaces have no rings
	decode   packet.Options
	strict   bool // -k all: wrong checksums are dropped whoever sent them
	vantage  []uint16
	wires    []wire
	active   []uint16 // wires with packets since the last edge
	own      int      // wires that have a table of copies of their own; the others share one
	shared   *dedup
	senders  senders
	frags    *defrag.Table
	gone     []*event.Datagram // given up by frags, not yet handed out
	pieces   bool              // rules ask of fragments: they go on, for the rules alone
	sums     bool              // rules ask of checksums: damaged packets go on, for the rules alone
	clock    clock
	ordinal  uint64
	begin    packet.Time
	lastEdge packet.Time
	newest   packet.Time // of the last packet
	jumped   packet.Time // when the clock was set last; 0: never
	jumpedBy time.Duration
	counts   *count.Ingest
	layers   *[256]uint64 // headers by packet.LayerKind; nil: nobody asks
	damaged  error
	lostSeen uint64
	span     span
	busy     *busy            // nil: nobody asks
	coming   [aheadLen]coming // of the packets whose turn is near
	touched  uint64           // keeps what touch returns; nobody reads it
	witness  Witness          // nil: none
	told     *event.Tracked   // its next event, for which it is not time yet
	long     bool             // no packet is usual: tests compare
}

// coming is what ahead finds out of a packet.
type coming struct {
	key   uint64 // the same for packets that are the same, see of
	shard uint8  // shardOf, where it is whole
	kind  kind
}

// aheadLen is how many packets are decoded before the first of them is looked up among earlier ones.
const aheadLen = 16

// wire is what ingest keeps per vantage.
type wire struct {
	dedup *dedup
	acc   event.Capture // of the current round
	// lastARP tells mirrored copies of ARP packets, which the dedup table does not hold, from new ones.
	lastARP arpSeen
	any     bool
}

const (
	edgePackets = 1024
	edgeEvery   = time.Second
)

// maxVantages bounds the places of capture that are told apart: an input may declare 65 535 interfaces in a few bytes
// each. Those beyond count as one.
const maxVantages = 256

func (in *ingest) wire(v uint16) *wire {
	if int(v) < len(in.wires) {
		return &in.wires[v]
	}
	return in.more(v)
}

// more makes room for the wires up to v.
func (in *ingest) more(v uint16) *wire {
	for len(in.wires) <= int(v) {
		w := wire{}
		if len(in.wires) < in.own {
			w.dedup = newDedup()
		} else {
			if in.shared == nil {
				in.shared = newDedup()
			}
			w.dedup = in.shared
		}
		in.wires = append(in.wires, w)
	}
	return &in.wires[v]
}

// next fills r with the next round. It returns io.EOF after the last one, which is marked final.
func (in *ingest) next(r *round) error {
	r.shard, r.edges, r.events = r.shard[:0], r.edges[:0], r.events[:0]
	r.final = false
	err := in.src.Next(&r.batch)
	var dmg *capture.Damaged
	switch {
	case err == nil, errors.Is(err, capture.ErrIdle):
	case errors.As(err, &dmg):
		in.damaged = err
	case errors.Is(err, io.EOF):
	default:
		return err
	}
	if in.witness != nil && in.told == nil {
		in.told = in.witness.Next()
	}
	r.shard = slices.Grow(r.shard, len(r.batch.Packets))[:len(r.batch.Packets)]
	for i := 0; i < len(r.batch.Packets); i += aheadLen {
		to := min(i+aheadLen, len(r.batch.Packets))
		in.ahead(r.batch.Packets[i:to])
		for k := i; k < to; k++ {
			if k = in.usual(r, k, to, in.coming[k-i:to-i]); k < to {
				in.packet(r, k, in.coming[k-i].key)
			}
		}
	}
	if in.busy != nil {
		in.busy.batch(r.batch.Packets)
	}
	if errors.Is(err, capture.ErrIdle) {
		in.idle(r)
	}
	r.begin, r.now, r.last = in.begin, in.clock.now, in.ordinal
	if err != nil && !errors.Is(err, capture.ErrIdle) {
		in.hear(r, in.clock.now)
		in.flush(r, true)
		in.frags.End()
		in.givenUp(r)
		r.final = true
		return io.EOF
	}
	return nil
}

// idle lets time pass on a live source though no packet comes. It does not leap: what a clock that was set says, packets
// must confirm.
func (in *ingest) idle(r *round) {
	now := capture.Now(in.src)
	if in.witness != nil && !in.clock.begun { // what was before the first packet explains none
		for in.told != nil {
			in.told = in.witness.Next()
		}
		return
	}
	passed := in.clock.pass(now)
	in.hear(r, in.clock.now)
	if !passed || now.Sub(in.lastEdge) < edgeEvery {
		return
	}
	in.lastEdge = now
	in.flush(r, true)
	in.frags.Age(now)
	in.givenUp(r)
	r.edges = append(r.edges, edge{len(r.batch.Packets) - 1, in.ordinal, now})
}

// stop makes r the final round without reading on: the user interrupted.
func (in *ingest) stop(r *round) {
	r.shard, r.edges, r.events = r.shard[:0], r.edges[:0], r.events[:0]
	in.hear(r, in.clock.now)
	in.flush(r, true)
	in.frags.End()
	in.givenUp(r)
	r.begin, r.now, r.last, r.final = in.begin, in.clock.now, in.ordinal, true
}

// hear hands out what the witness says of the time up to now.
func (in *ingest) hear(r *round, now packet.Time) {
	for in.told != nil && due(in.told, now) {
		in.told.Head().Ordinal = in.ordinal
		r.events = append(r.events, in.told)
		in.told = in.witness.Next()
	}
}

// due reports that it is time for what the witness said. What is far ahead is so because a clock was set: it must not keep
// back what comes after it.
func due(x *event.Tracked, now packet.Time) bool {
	at := x.Head().Seen.Time
	return at <= now || at.Sub(now) > leapOver
}

// ahead does what needs no earlier packet: it decodes, and fetches what the search for copies will read.
func (in *ingest) ahead(ps []packet.Packet) {
	for k := range ps {
		p := &ps[k]
		if int(p.Source) < len(in.vantage) {
			p.Vantage = in.vantage[p.Source]
		}
		if p.Vantage >= maxVantages {
			p.Vantage = maxVantages - 1
			in.counts.Crowded++
		}
		if p.Missing == 0 { // a row of a listing has no bytes: it comes as far decoded as it can be
			packet.Decode(p, &in.decode)
			if in.layers != nil {
				for _, l := range p.Layers[:p.NLayer] {
					in.layers[l.Kind]++
				}
			}
		}
		in.coming[k].of(p)
	}
	vantage := ps[0].Vantage
	d := in.wire(vantage).dedup
	for k := range ps {
		if v := ps[k].Vantage; v != vantage {
			vantage, d = v, in.wire(v).dedup
		}
		in.touched += d.touch(in.coming[k].key)
	}
}

// packet takes the next packet, which ahead has decoded.
func (in *ingest) packet(r *round, i int, key uint64) {
	p := &r.batch.Packets[i]
	if in.told != nil && due(in.told, p.Time) {
		in.hear(r, p.Time)
	}
	in.ordinal++
	p.Ordinal = in.ordinal
	if in.ordinal == 1 {
		in.begin = p.Time
	}
	in.newest = p.Time
	w := in.wire(p.Vantage)
	var j jump
	jumped := false
	if !in.clock.steady(p.Ref()) {
		j, jumped = in.clock.see(p.Ref())
	}
	in.account(w, p)
	if jumped {
		w.acc.JumpFrom, w.acc.JumpTo = j.from, j.to
		in.counts.ClockJumps++
		in.jumped, in.jumpedBy = in.clock.now, j.to.Time.Sub(j.from.Time)
	}

	shard := in.admit(r, w, p, key)
	if in.ringed != nil && shard != shardDrop {
		if n := in.ringed.Rings(p.Source); n > 1 && int(shard)%n != int(p.Ring) {
			w.acc.HandedOver++
			in.counts.HandedOver++
		}
	}
	r.shard[i] = shard
	if in.ordinal%edgePackets == 0 || uint64(in.clock.now)-uint64(in.lastEdge) >= uint64(edgeEvery) { // back in time is a large number
		in.lastEdge = in.clock.now
		in.flush(r, in.ordinal%edgePackets == 0)
		in.frags.Age(in.clock.now)
		in.givenUp(r)
		r.edges = append(r.edges, edge{i, in.ordinal, in.clock.now})
	}
}

// admit decides whether a packet goes on, and to which shard.
func (in *ingest) admit(r *round, w *wire, p *packet.Packet, key uint64) uint8 {
	if w.copiedARP(p) {
		w.acc.Duplicates++
		in.counts.Copies++
		return shardDrop
	}
	what, ev := w.dedup.see(p, key)
	if ev != nil {
		r.events = append(r.events, ev)
	}
	switch what {
	case isCopy:
		w.acc.Duplicates++
		in.counts.Copies++
		return shardDrop
	case isRouted:
		w.acc.Routed++
		in.counts.Routed++
		return shardDrop
	case isLoop:
		in.counts.Looped++
		return shardDrop
	}
	if p.L4Sum == packet.SumBad && (in.strict || in.senders.damaged(p)) {
		in.counts.BadSums++
		if in.sums {
			p.L4Sum = packet.SumDamaged
			return shardOf(p)
		}
		return shardDrop
	} else if !in.strict && p.L4Sum == packet.SumGood {
		in.senders.damaged(p)
	}
	for p.IPFlags&packet.Fragment != 0 { // again, where a datagram holds a fragment of a tunnelled one
		if !in.frags.Packet(p) {
			in.counts.Fragments++
			if in.pieces || p.NAnomaly > 0 {
				return shardOf(p)
			}
			return shardDrop
		}
		in.counts.Reassembled++
		odd := p.Anomalies
		n := p.NAnomaly
		packet.DecodeDatagram(p, &in.decode)
		for _, a := range odd[:n] { // of the piece that completed it
			p.AddAnomaly(a)
		}
		r.events = append(r.events, in.whole(p))
	}
	return shardOf(p)
}

// account adds a packet to the state of its vantage.
func (in *ingest) account(w *wire, p *packet.Packet) {
	a := &w.acc
	if !w.any {
		w.any = true
		in.active = append(in.active, p.Vantage)
		*a = *event.NewCapture(event.Head{Vantage: p.Vantage})
		a.From, a.To = p.Time, p.Time
	}
	a.Head().Ordinal, a.Head().Seen = p.Ordinal, p.Ref()
	a.From, a.To = min(a.From, p.Time), max(a.To, p.Time)
	a.Packets++
	a.Bytes += uint64(p.WireLen)
	in.counts.Packets++
	in.counts.Bytes += uint64(p.WireLen)
	if p.Truncated() {
		a.Truncated++
		in.counts.Truncated++
	}
	switch p.L4Sum {
	case packet.SumBad:
		a.BadSums++
	case packet.SumOffload:
		a.Offload++
	}
	if p.Missing&packet.NoPayload != 0 {
		a.Listed++
	}
	if p.IPVersion == 0 && p.Missing == 0 {
		if why := notUnderstood(p); why != "" {
			a.Undecoded++
			in.counts.NotUnderstood(why)
		}
	}
}

// flush hands out the state of each vantage since the last edge. With ask it learns what the capture lost meanwhile:
// a source adds that up over its interfaces, which may be many.
func (in *ingest) flush(r *round, ask bool) {
	if l, ok := in.src.(capture.Loser); ok {
		in.losses(l)
	} else if lost := in.lost(ask); lost > 0 {
		if len(in.active) == 0 && len(in.wires) > 0 { // counters that stand behind the last packet
			in.active = append(in.active, 0)
			a := &in.wires[0].acc
			*a = *event.NewCapture(event.Head{Ordinal: in.ordinal, Seen: a.Head().Seen})
			a.From, a.To = in.clock.now, in.clock.now
		}
		if len(in.active) > 0 {
			in.wires[slices.Min(in.active)].acc.KernelLost = lost
		}
	}
	slices.Sort(in.active)
	for _, v := range in.active {
		w := &in.wires[v]
		if w.any {
			in.span.add(&w.acc)
		}
		w.any = false
		if w.dedup != in.shared {
			w.acc.CopyPairs, w.acc.CopyFrames = w.dedup.pairs, w.dedup.paired
			w.dedup.paired = 0
		}
		e := w.acc
		r.events = append(r.events, &e)
	}
	in.active = in.active[:0]
}

// losses adds what a live source lost on each interface up to now.
func (in *ingest) losses(l capture.Loser) {
	for i, itf := range capture.Interfaces(in.src) {
		n := l.Lost(uint16(i), in.clock.now)
		if n == 0 {
			continue
		}
		v := itf.Vantage
		if i < len(in.vantage) {
			v = in.vantage[i]
		}
		w := in.wire(min(v, maxVantages-1))
		if !slices.Contains(in.active, v) {
			in.active = append(in.active, v)
			seen := w.acc.Head()
			w.acc = *event.NewCapture(event.Head{Vantage: v, Ordinal: in.ordinal, Seen: seen.Seen})
			w.acc.From, w.acc.To = in.clock.now, in.clock.now
		}
		w.acc.KernelLost += n
	}
}

// lost is what the capture lost since it was asked last.
func (in *ingest) lost(ask bool) uint64 {
	if !ask {
		return 0
	}
	all := in.src.Stats().KernelLost
	n := all - min(in.lostSeen, all)
	in.lostSeen = all
	return n
}
