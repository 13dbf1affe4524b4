package sensor

import (
	"firestorm/internal/defrag"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// whole says that a datagram was put together of which p is the whole.
func (in *ingest) whole(p *packet.Packet) *event.Datagram {
	x := event.NewDatagram(event.Head{Ordinal: p.Ordinal, Seen: p.Ref(), Client: event.End{Addr: p.Src, Port: p.SrcPort}, Server: event.End{Addr: p.Dst, Port: p.DstPort},
		Tunnel: p.Tunnel, Vantage: p.Vantage, Proto: p.Proto})
	x.Whole, x.HasFirst, x.First, x.Bytes = true, true, in.frags.Refs()[0], uint32(len(p.Data))
	return x
}

// incomplete takes a datagram that was given up because its time was over, or the input. That there was no room for it says
// nothing of the network.
func (in *ingest) incomplete(d defrag.Incomplete) {
	if d.Why != defrag.ReasonTimeout && d.Why != defrag.ReasonInputEnd {
		return
	}
	x := event.NewDatagram(event.Head{Seen: d.Last, Client: event.End{Addr: d.Src, Port: d.SrcPort}, Server: event.End{Addr: d.Dst, Port: d.DstPort},
		Tunnel: d.Tunnel, Vantage: d.Vantage, Proto: d.Proto})
	x.First, x.Fragments, x.Bytes, x.HasFirst, x.Truncated = d.First, d.Fragments, d.Bytes, d.HasFirst, d.Truncated
	x.Waited = in.clock.now.Sub(d.Last.Time)
	in.gone = append(in.gone, x)
}

// givenUp hands out what frags gave up.
func (in *ingest) givenUp(r *round) {
	for i, x := range in.gone {
		x.Head().Ordinal = in.ordinal
		r.events = append(r.events, x)
		in.gone[i] = nil
	}
	in.gone = in.gone[:0]
}
