package sensor

import (
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// left is what others than its table know of a flow that ends.
type left struct {
	index  uint32 // until the rules were told; else 0
	app    string
	sides  [2]string
	vars   *event.FlowVars
	passed bool
}

// app is rules.AppOf. What is left of the streams of a flow that ends is looked at once the readers of protocols let it go.
func (s *shard) app(index uint32) (app string, settled bool) {
	if index != 0 && index == s.left.index {
		return s.left.app, true
	}
	return s.apps.App(index)
}

// dress adds it to the event of the end.
func (s *shard) dress(index uint32, f *event.Flow) {
	l := &s.left
	if l.sides != [2]string{} || l.vars != nil || l.passed {
		f.OwnRare()
		f.AppSides, f.Vars, f.Passed = l.sides, l.vars, l.passed
	}
	if s.macs != nil {
		if m := s.macs.take(index); len(m[0])+len(m[1]) > 0 {
			f.OwnRare()
			f.MACs = m
		}
	}
}

// mostMACs bounds the cards that are kept of a side of a flow, as many as Suricata keeps.
const mostMACs = 10

// macs are the cards of live flows, by the flow's index: those of the client's packets, and those that they went to.
type macs struct{ of [][2][]packet.MAC }

func (m *macs) add(h flow.Handle, p *packet.Packet) {
	if p.SrcMAC == (packet.MAC{}) && p.DstMAC == (packet.MAC{}) {
		return
	}
	if n := int(h.Index) + 1 - len(m.of); n > 0 {
		m.of = append(m.of, make([][2][]packet.MAC, max(n, len(m.of)))...)
	}
	f := &m.of[h.Index]
	if h.New {
		*f = [2][]packet.MAC{}
	}
	from, to := &f[h.Dir], &f[h.Dir.Other()]
	for _, x := range []struct {
		list *[]packet.MAC
		mac  packet.MAC
	}{{from, p.SrcMAC}, {to, p.DstMAC}} {
		if len(*x.list) < mostMACs && !slices.Contains(*x.list, x.mac) {
			*x.list = append(*x.list, x.mac)
		}
	}
}

// take returns those of a flow that ends, and forgets them.
func (m *macs) take(index uint32) (f [2][]packet.MAC) {
	if int(index) < len(m.of) {
		f, m.of[index] = m.of[index], f
	}
	return f
}
