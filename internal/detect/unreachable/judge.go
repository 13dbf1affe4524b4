package unreachable

import (
	"sort"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// target is who the refused packets were meant for.
func (t *trouble) target() event.End {
	h := t.err.Head()
	if t.err.QuotedDir == packet.ToClient {
		return h.Client
	}
	return h.Server
}

// asked is the packet that began the attempt, as far as it was seen.
func (t *trouble) asked() packet.Ref {
	switch {
	case t.attempt != nil:
		return t.attempt.Start
	case t.end != nil:
		return t.end.Start
	}
	return packet.Ref{}
}

// wentOn reports that the conversation got through in spite of the error.
func (t *trouble) wentOn() bool {
	at := t.err.Head().Seen.Time
	if a := t.attempt; a != nil && a.Outcome == detect.OutAnswered && a.Answer.Time > at {
		return true
	}
	f := t.end
	if f == nil {
		return false
	}
	if f.Head().Proto == packet.ProtoTCP {
		fin := f.Marks[event.MarkServerFINACK]
		return f.Marks[event.MarkSYNACK].Time > at || fin.Time > at
	}
	return t.attempt == nil && f.Sides[packet.ToClient].Packets > 0 && f.Last.Time > at
}

// traceroute reports that the error ended a traceroute: somebody sent packets of the same pair with too small a TTL at
// about that time, or the port is one of traceroute's and its neighbours were refused as well.
func (d *detector) traceroute(t *trouble, ports map[event.End]bool) bool {
	h := t.err.Head()
	if h.Proto != packet.ProtoUDP && t.kind == port {
		return false
	}
	if r, ok := d.traced[pair{h.Vantage, t.err.Quoted.Src, t.err.Quoted.Dst}]; ok {
		if x := h.Seen.Time.Sub(r.Time); x < traceWindow && x > -traceWindow {
			return true
		}
	}
	p := h.Server.Port
	if t.kind != port || p < tracePort || p >= tracePort+tracePorts {
		return false
	}
	return ports[event.End{Addr: h.Server.Addr, Port: p + 1}] || ports[event.End{Addr: h.Server.Addr, Port: p - 1}]
}

// worth picks the troubles that make a finding.
func (d *detector) worth(g *finding.Group) []*trouble {
	ports := map[event.End]bool{}
	for i := range g.Kept {
		t := g.Kept[i].Data.(*trouble)
		if t.kind == port {
			ports[t.err.Head().Server] = true
		}
	}
	var out []*trouble
	for i := range g.Kept {
		if t := g.Kept[i].Data.(*trouble); !t.wentOn() && !d.traceroute(t, ports) {
			out = append(out, t)
		}
	}
	return out
}

// later finds an answer that one of the same clients got from the same service after the last error.
func (d *detector) later(ts []*trouble) (before, after packet.Ref) {
	for _, t := range ts {
		h := t.err.Head()
		if h.Proto != packet.ProtoTCP && h.Proto != packet.ProtoUDP {
			continue
		}
		d.scope.Ledger.Attempts(detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: h.Proto}, func(a *detect.Attempt) bool {
			if a.Vantage != h.Vantage || a.Outcome != detect.OutAnswered || a.Answer.IsZero() {
				return true
			}
			if a.Answer.Time > t.last.Time && a.Client.Addr == h.Client.Addr && (after.IsZero() || a.Answer.Time < after.Time) {
				after = a.Answer
			}
			if a.Answer.Time < t.err.Head().Seen.Time && (before.IsZero() || a.Answer.Time > before.Time) {
				before = a.Answer
			}
			return true
		})
	}
	return before, after
}

// places are the targets of troubles by address, in order of sight.
type places struct {
	addrs []packet.Addr
	ports map[packet.Addr][]uint16
	proto uint8 // zero: several
}

func placesOf(ts []*trouble) places {
	p := places{ports: map[packet.Addr][]uint16{}, proto: ts[0].err.Head().Proto}
	for _, t := range ts {
		e := t.target()
		if _, known := p.ports[e.Addr]; !known {
			p.addrs = append(p.addrs, e.Addr)
			p.ports[e.Addr] = nil
		}
		if e.Port != 0 {
			p.ports[e.Addr] = append(p.ports[e.Addr], e.Port)
		}
		if t.err.Head().Proto != p.proto {
			p.proto = 0
		}
	}
	return p
}

// hosts writes the addresses.
func (p *places) hosts() string {
	var names []string
	for _, a := range p.addrs {
		names = append(names, a.String())
	}
	return detect.List(names, 4)
}

// services writes addresses with their ports: "port 8443 of 10.2.0.2".
func (p *places) services() string {
	var items []string
	for _, a := range p.addrs {
		if ports := distinct(p.ports[a]); len(ports) > 0 {
			items = append(items, p.kind()+detect.PortsText(ports)+" of "+a.String())
		} else {
			items = append(items, a.String())
		}
	}
	return detect.List(items, 3)
}

// kind is what goes before "port": UDP must be said, TCP is what a reader expects.
func (p *places) kind() string {
	switch p.proto {
	case packet.ProtoTCP, 0:
		return ""
	}
	return packet.ProtoName(p.proto) + " "
}

func distinct(ps []uint16) []uint16 {
	out := append([]uint16(nil), ps...)
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	n := 0
	for i, p := range out {
		if i == 0 || p != out[n-1] {
			out[n] = p
			n++
		}
	}
	return out[:n]
}
