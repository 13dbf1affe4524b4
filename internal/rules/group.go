package rules

import (
	"encoding/binary"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// group are the rules that may fit a packet of one protocol, direction and port, in order.
type group struct {
	packet []*sig
	stream []*sig
}

// portGroups are the groups of all ports: most ports share one.
type portGroups struct {
	of     [1 << 16]uint16 // by port
	groups []*group
}

// protoIndex is the first index of Set.groups.
func protoIndex(proto uint8) int {
	switch proto {
	case packet.ProtoTCP:
		return 0
	case packet.ProtoUDP:
		return 1
	}
	return -1
}

// group sorts the rules by protocol, direction and port: of requests by where they go, of answers by where they come from.
func (s *Set) group() {
	for i, proto := range []uint8{packet.ProtoTCP, packet.ProtoUDP} {
		for d := range 2 {
			s.groups[i][d].fill(s.sigs, proto, packet.Dir(d))
		}
	}
	for _, g := range s.sigs {
		for n := range 256 {
			if protoIndex(uint8(n)) < 0 && g.proto.has(uint8(n)) {
				s.other.add(g)
				break
			}
		}
	}
}

func (g *group) add(s *sig) {
	if s.packet {
		g.packet = append(g.packet, s)
	}
	if s.stream {
		g.stream = append(g.stream, s)
	}
}

// serves reports whether a rule may fit packets that travel d with the server's port p.
func (s *sig) serves(d packet.Dir, p uint16) bool {
	if d == packet.ToServer && s.flow.toClient || d == packet.ToClient && s.flow.toServer {
		return false
	}
	here, there := s.dport, s.sport
	if d == packet.ToClient {
		here, there = there, here
	}
	return here.Has(p) || s.both && there.Has(p)
}

func (t *portGroups) fill(sigs []*sig, proto uint8, d packet.Dir) {
	var mine []*sig
	border := make([]bool, 1<<16) // a port from which on other rules may fit than before
	border[0] = true
	seen := map[*lang.PortSet]bool{}
	for _, s := range sigs {
		if !s.proto.has(proto) {
			continue
		}
		mine = append(mine, s)
		for _, ports := range []*lang.PortSet{s.sport, s.dport} {
			if !seen[ports] {
				seen[ports] = true
				borders(ports, border)
			}
		}
	}
	known := map[string]uint16{}
	var name []byte
	now := uint16(0)
	for p := range 1 << 16 {
		if border[p] {
			g := &group{}
			name = name[:0]
			for _, s := range mine {
				if s.serves(d, uint16(p)) {
					g.add(s)
					name = binary.LittleEndian.AppendUint32(name, uint32(s.number))
				}
			}
			n, ok := known[string(name)]
			if !ok {
				n = uint16(len(t.groups))
				t.groups = append(t.groups, g)
				known[string(name)] = n
			}
			now = n
		}
		t.of[p] = now
	}
}

// at returns the group of a server's port.
func (t *portGroups) at(p uint16) *group { return t.groups[t.of[p]] }

// borders marks the ports at which a set begins or ends.
func borders(s *lang.PortSet, at []bool) {
	for first, last := range s.All {
		at[first] = true
		if last < 1<<16-1 {
			at[last+1] = true
		}
	}
}
