package sensor

import (
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// worker owns the shards whose number leaves its own when divided by the number of workers. Nothing it holds is shared.
type worker struct {
	shards  []*shard // by shard number; nil: another worker's
	anoms   bool     // somebody wants decoder anomalies as events
	inFlows uint64   // packets that belong to a flow
}

// shard is one sixty-fourth of the state of the sensor.
type shard struct {
	flows *flow.Table
}

// round runs the packets of r that belong to this worker, in order, and ages its shards at each edge.
func (w *worker) round(r *round, out *output) {
	out.events, out.aged = out.events[:0], out.aged[:0]
	from := 0
	for e := range r.edges {
		w.packets(r, from, r.edges[e].after+1, out)
		from = r.edges[e].after + 1
		w.age(e, &r.edges[e], out)
	}
	w.packets(r, from, len(r.batch.Packets), out)
	if r.final {
		w.end(r, out)
	}
}

// packets is the path of a packet through a shard: connection, then what was odd in it.
func (w *worker) packets(r *round, from, to int, out *output) {
	for i := from; i < to; i++ {
		n := r.shard[i]
		if n == shardDrop {
			continue
		}
		s := w.shards[n]
		if s == nil {
			continue
		}
		p := &r.batch.Packets[i]
		h := s.flows.Packet(p, &out.events)
		if h.Index != 0 {
			w.inFlows++
		}
		if p.NAnomaly > 0 && w.anoms {
			anomalies(p, h, &out.events)
		}
	}
}

func (w *worker) age(n int, e *edge, out *output) {
	for k, s := range w.shards {
		if s == nil {
			continue
		}
		var evs []event.Event
		s.flows.Age(e.now, e.ordinal, &evs)
		if len(evs) > 0 {
			out.aged = append(out.aged, aged{n, uint8(k), evs})
		}
	}
}

func (w *worker) end(r *round, out *output) {
	for k, s := range w.shards {
		if s == nil {
			continue
		}
		var evs []event.Event
		s.flows.End(r.now, r.last, &evs)
		if len(evs) > 0 {
			out.aged = append(out.aged, aged{len(r.edges), uint8(k), evs})
		}
	}
}

// anomalies reports what decoding found odd in a packet.
func anomalies(p *packet.Packet, h flow.Handle, out *[]event.Event) {
	for _, a := range p.Anomalies[:p.NAnomaly] {
		ev := event.NewAnomaly(headOf(p))
		ev.Code, ev.Dir = a, h.Dir
		*out = append(*out, ev)
	}
}
