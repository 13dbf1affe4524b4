package tls

import (
	"testing"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

const (
	up, down = packet.ToServer, packet.ToClient
	t0       = packet.Time(1_700_000_000_000_000_000)
)

// rig is a shard's flow table and dispatcher with one connection.
type rig struct {
	flows *flow.Table
	d     *analyzer.Dispatcher
	out   []event.Event
	frame uint64
	seq   [2]uint32
}

func newRig(t testing.TB, defs ...analyzer.Def) *rig {
	t.Helper()
	reg, err := analyzer.NewRegistry(append([]analyzer.Def{Def}, defs...), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{}
	r.flows = flow.New(flow.Options{Want: flow.Wants(event.Ended), Released: func(i uint32, why event.EndReason) string {
		return r.d.Released(i, why, r.frame, &r.out)
	}})
	r.d, err = analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Head: r.flows.Head, Anomalies: true,
		Quarantined: func(q analyzer.Quarantine) { t.Errorf("panic: %v", q.Value) }})
	if err != nil {
		t.Fatal(err)
	}
	r.seq = [2]uint32{100, 900}
	r.send(up, packet.SYN, "")
	r.seq[0]++
	r.send(down, packet.SYN|packet.ACK, "")
	r.seq[1]++
	r.send(up, packet.ACK, "")
	return r
}

func (r *rig) send(d packet.Dir, flags uint16, data string) {
	r.frame++
	s := packettest.TCP{Src: "10.0.0.1:5000", Dst: "10.0.0.2:443", Seq: r.seq[d], Ack: r.seq[d.Other()], Flags: flags, Payload: data}
	if d == packet.ToClient {
		s.Src, s.Dst = s.Dst, s.Src
	}
	frame := s.Frame()
	p := packettest.At(frame, r.frame, t0.Add(time.Duration(r.frame)*time.Millisecond))
	h := r.flows.Packet(p, &r.out)
	r.d.Packet(p, h, &r.out)
	for i := range frame { // the bytes are lent
		frame[i] = 0xdb
	}
	r.seq[d] += uint32(len(data))
	if flags&packet.FIN != 0 {
		r.seq[d]++
	}
}

// say sends data cut into pieces, each acknowledged.
func (r *rig) say(d packet.Dir, data string, cut int) {
	for len(data) > 0 {
		n := min(cut, len(data))
		r.send(d, packet.ACK, data[:n])
		r.send(d.Other(), packet.ACK, "")
		data = data[n:]
	}
}

// miss makes n bytes of d vanish: acknowledged, and never seen.
func (r *rig) miss(d packet.Dir, n int) {
	r.seq[d] += uint32(n)
	r.send(d.Other(), packet.ACK, "")
}

func (r *rig) end() []*Handshake {
	r.flows.End(t0, r.frame, &r.out)
	return r.handshakes()
}

func (r *rig) handshakes() []*Handshake {
	var all []*Handshake
	for _, e := range r.out {
		if h, ok := e.(*Handshake); ok {
			all = append(all, h)
		}
	}
	return all
}

// datagram sends one over UDP.
func (r *rig) datagram() {
	r.frame++
	p := packettest.At(packettest.UDP{Src: "10.0.0.1:5", Dst: "10.0.0.2:7", Payload: "x"}.Frame(), r.frame, t0)
	h := r.flows.Packet(p, &r.out)
	r.d.Packet(p, h, &r.out)
}
