package detect_test

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const origin = packet.Time(1_700_000_000_000_000_000)

func at(seconds float64) packet.Time {
	return origin.Add(time.Duration(seconds * float64(time.Second)))
}

func ref(frame uint64, seconds float64) packet.Ref {
	return packet.Ref{Frame: frame, Time: at(seconds)}
}

func end(addr string, port uint16) event.End {
	return event.End{Addr: packet.MustAddr(addr), Port: port}
}

// tcp is a flow event: client to server, first packet at start.
func tcp(id uint64, client, server string, port uint16, what event.What, start, now float64) *event.Flow {
	f := event.NewFlow(event.Head{FlowID: id, Proto: packet.ProtoTCP, Client: end(client, uint16(1000+id)), Server: end(server, port), Seen: ref(id*100, now)})
	f.What, f.Start, f.Last, f.SYNTries = what, ref(id*100-50, start), ref(id*100, now), 1
	f.Marks[event.MarkSYN], f.Marks[event.MarkSYNLast] = f.Start, f.Start
	f.Sides[packet.ToServer] = event.NewSide(event.Side{Packets: 1, Bytes: 60, TTLFirst: 64, TTLMin: 64, TTLMax: 64, SYNSeen: true, SYNPrint: 7})
	return f
}

// answered adds the server's answer.
func answered(f *event.Flow, ttl uint8) *event.Flow {
	f.Marks[event.MarkSYNACK] = f.Head().Seen
	f.RTTServer = f.Head().Seen.Time.Sub(f.Start.Time)
	f.Sides[packet.ToClient] = event.NewSide(event.Side{Packets: 1, Bytes: 60, TTLFirst: ttl, TTLMin: ttl, TTLMax: ttl})
	return f
}
