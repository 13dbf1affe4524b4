package rules

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
	"firestorm/internal/rules/mpm"
)

// group are the rules that may fit a packet of one protocol, direction and port.
type group struct {
	first  list // rules about addresses and ports alone
	packet list
	stream list
	beside bool // a rule about parts of a protocol asks for the stream's payload as well
}

// list are rules that look at one kind of buffer, in order. All their most telling contents are searched for at once; a
// rule is only gone through when its own was found.
type list struct {
	sigs   []*sig
	once   sync.Once // the search is made when a packet first needs it: most groups never see one
	search *mpm.Set
	always []*sig          // rules without a content to search for
	byID   map[uint32]*sig // by number
}

// prepare makes the search.
func (l *list) prepare(rare *mpm.Rarity) {
	var patterns []mpm.Pattern
	l.byID = map[uint32]*sig{}
	for _, s := range l.sigs {
		c := s.telling()
		if c == nil {
			l.always = append(l.always, s)
			continue
		}
		l.byID[uint32(s.number)] = s
		patterns = append(patterns, mpm.Pattern{ID: uint32(s.number), Bytes: c.pattern, NoCase: c.nocase})
	}
	if len(patterns) == 0 {
		return
	}
	set, err := mpm.Build(patterns, mpm.Options{Rarity: rare})
	if err != nil { // a pattern that cannot be searched for: gone through one by one
		l.always = l.sigs
		return
	}
	l.search = set
}

// candidates appends the rules to be gone through for b to dst, in order.
func (l *list) candidates(dst []*sig, rare *mpm.Rarity, scratch *mpm.Scratch, b []byte) []*sig {
	l.once.Do(func() { l.prepare(rare) })
	if l.search == nil || len(b) == 0 {
		return append(dst, l.always...)
	}
	rest := l.always
	for _, h := range l.search.Scan(scratch, b) { // in order of the numbers
		s := l.byID[h.ID]
		for len(rest) > 0 && rest[0].number < s.number {
			dst = append(dst, rest[0])
			rest = rest[1:]
		}
		dst = append(dst, s)
	}
	return append(dst, rest...)
}

// Kinds are the events of analyzers whose parts the rules ask for.
func (s *Set) Kinds() []string { return slices.Sorted(maps.Keys(s.kinds)) }

// telling is the content of the rule that is searched for; nil: there is none.
func (s *sig) telling() *check {
	if len(s.parts) > 0 {
		return telling(s.main().checks)
	}
	return telling(s.payload)
}

// telling is the one that says fast_pattern, else the longest.
func telling(cs []check) *check {
	var best *check
	for i := range cs {
		c := &cs[i]
		if c.kind != isContent || c.neg {
			continue
		}
		if c.fast {
			return c
		}
		if best == nil || len(c.pattern) > len(best.pattern) {
			best = c
		}
	}
	return best
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
	s.parts, s.kinds = map[string]*list{}, map[string]bool{}
	for _, g := range s.sigs {
		if len(g.parts) > 0 {
			name := g.main().name
			if s.parts[name] == nil {
				s.parts[name] = &list{}
			}
			s.parts[name].sigs = append(s.parts[name].sigs, g)
			for _, k := range g.kinds() {
				s.kinds[k] = true
			}
			continue
		}
		for n := range 256 {
			if protoIndex(uint8(n)) < 0 && g.proto.has(uint8(n)) {
				s.other.add(g)
				break
			}
		}
	}
}

func (g *group) add(s *sig) {
	if len(s.parts) > 0 {
		g.beside = g.beside || len(s.payload) > 0
		return
	}
	if s.endsOnly() {
		g.first.sigs = append(g.first.sigs, s)
		return
	}
	if s.packet {
		g.packet.sigs = append(g.packet.sigs, s)
	}
	if s.stream {
		g.stream.sigs = append(g.stream.sigs, s)
	}
}

// endsOnly reports that the rule asks for nothing but addresses, ports and a direction: it holds for all packets of a
// connection that travel one way, and is tried on the first of them, as Suricata does.
func (s *sig) endsOnly() bool {
	f := s.flow
	f.given, f.toServer, f.toClient, f.stateless = false, false, false, false
	return len(s.conds) == 0 && len(s.payload) == 0 && len(s.parts) == 0 && len(s.bits) == 0 && s.app == "" && f == flowReq{}
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
