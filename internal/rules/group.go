package rules

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"sync"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
	"firestorm/internal/rules/mpm"
)

// table are the rules for packets of one protocol that travel one way.
type table struct {
	base   group // what serves half of the ports or more: one search for all of them
	of     [1 << 16]uint16
	groups []*group // the others, by the server's port; most ports share one
}

// at returns the group of a server's port.
func (t *table) at(p uint16) *group { return t.groups[t.of[p]] }

// group are rules that may fit a packet, by what brings them up: a packet pays for what it has.
type group struct {
	first []*sig   // addresses and ports alone: the first packet of each way of a connection
	bare  []*sig   // no payload: each packet
	pure  []*sig   // a payload without a content: each packet with one
	start openings // a content that a packet begins with, or the stream
	head  search   // a content in the first bytes of them
	free  byApp    // a content anywhere in a packet, or in the stream
	sized search   // the same, of packets of few sizes
	sizes sizeSet

	reach   int    // of those of free that look at streams, the longest content: so much may lie where two packets meet
	flowing []*sig // a stream's payload without a content
	beside  bool   // a rule about parts of a protocol asks for the stream's payload as well

	sweeps sweeps // of start, head and free with those of the rules for all ports
}

// streams reports whether some rule looks at streams.
func (g *group) streams() bool {
	return g.reach > 0 || len(g.flowing) > 0 || g.beside || slices.ContainsFunc(g.head.how, looked.stream) || g.start.streams
}

const (
	// mostHead is how many first bytes are searched for contents that must lie there.
	mostHead = 64
	// mostAlike is how many rules may be found by the same first bytes before their longest contents are better.
	mostAlike = 8
	// mostSearched is how much of a content is searched for: where two packets meet, a stream is searched over one byte less
	// of each.
	mostSearched = 32
)

// search finds rules by a content of each. The set is made when a packet first needs it: most are never needed.
type search struct {
	sigs     []*sig   // in order
	how      []looked // the same: where they are to look
	patterns []mpm.Pattern
	once     sync.Once
	set      *mpm.Set // nil: all rules are gone through
}

// add adds a rule that is found by c, which ends before to; 0: anywhere.
func (l *search) add(s *sig, c *check, to int, how looked) {
	b := c.pattern[:min(len(c.pattern), mostSearched)]
	l.patterns = append(l.patterns, mpm.Pattern{ID: uint32(len(l.sigs)), Bytes: b, NoCase: c.nocase, To: to})
	l.sigs, l.how = append(l.sigs, s), append(l.how, how)
}

// scan appends the rules to be gone through for b to dst, in order.
func (l *search) scan(dst []candidate, rare *mpm.Rarity, scratch *mpm.Scratch, b []byte) []candidate {
	if len(l.sigs) == 0 || len(b) == 0 {
		return dst
	}
	l.build(rare)
	if l.set == nil {
		for i, s := range l.sigs {
			dst = append(dst, candidate{s: s, how: l.how[i]})
		}
		return dst
	}
	for _, h := range l.set.Scan(scratch, b) { // in order of the numbers
		dst = append(dst, candidate{s: l.sigs[h.ID], how: l.how[h.ID]})
	}
	return dst
}

// byApp are searches for the rules of each application protocol, those of none first: a connection pays for its own.
type byApp struct {
	all []*appSearch
}

type appSearch struct {
	app string
	search
}

func (l *byApp) add(s *sig, c *check, how looked) {
	i := slices.IndexFunc(l.all, func(a *appSearch) bool { return a.app == s.app })
	if i < 0 {
		if i = len(l.all); s.app == "" {
			i = 0
		}
		l.all = slices.Insert(l.all, i, &appSearch{app: s.app})
	}
	l.all[i].add(s, c, 0, how)
}

// scan appends the rules to be gone through for b to dst: those of no protocol, and those of app; while app is not settled,
// of all.
func (l *byApp) scan(dst []candidate, rare *mpm.Rarity, scratch *mpm.Scratch, b []byte, app string, settled bool) []candidate {
	for _, a := range l.all {
		if a.serves(app, settled) {
			dst = a.scan(dst, rare, scratch, b)
		}
	}
	return dst
}

func appendAll(dst []candidate, sigs []*sig, how looked) []candidate {
	for _, s := range sigs {
		dst = append(dst, candidate{s: s, how: how})
	}
	return dst
}

// mostSized is below how many bytes payloads of few sizes are searched for themselves.
const mostSized = 1024

// small reports that the rule asks for payloads of less than mostSized bytes.
func (s *sig) small() bool {
	return slices.ContainsFunc(s.sizes, func(r sizeRange) bool { return !r.not && r.hi < mostSized })
}

// sizeSet is a set of sizes below mostSized.
type sizeSet [mostSized / 64]uint64

func (s *sizeSet) add(r sizeRange) {
	for n := range uint64(mostSized) {
		if r.has(n) {
			s[n>>6] |= 1 << (n & 63)
		}
	}
}

func (s *sizeSet) has(n int) bool { return n < mostSized && s[n>>6]>>(n&63)&1 != 0 }

// Kinds are the events of analyzers whose parts the rules ask for.
func (s *Set) Kinds() []string { return slices.Sorted(maps.Keys(s.kinds)) }

// Asks reports whether a rule asks for a part of that name.
func (s *Set) Asks(name string) bool { return s.asked[name] }

// AsksFiles reports whether a rule asks for anything of files.
func (s *Set) AsksFiles() bool {
	return slices.ContainsFunc(s.sigs, func(g *sig) bool {
		return g.keeps || slices.ContainsFunc(g.parts, func(p part) bool { return p.name == "file" || strings.HasPrefix(p.name, "file.") })
	})
}

// Keeps reports whether a rule asks to keep files (filestore).
func (s *Set) Keeps() bool { return slices.ContainsFunc(s.sigs, func(g *sig) bool { return g.keeps }) }

// Apps are the application protocols that rules name, in EVE's words, in no order: who reads them has to be awake.
func (s *Set) Apps() map[string]bool {
	apps := map[string]bool{}
	for _, g := range s.sigs {
		for _, a := range append(g.apps, g.app) {
			for _, r := range readers(a) {
				apps[r] = true
			}
		}
	}
	return apps
}

// telling is the content of the rule that is searched for; nil: there is none.
func (s *sig) telling() *check {
	if len(s.parts) == 0 {
		return telling(s.payload)
	}
	if p := s.main(); p != nil && p.searchable() {
		return telling(p.checks)
	}
	return nil
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

// end is before which byte a content must end that counts from the begin of the buffer; 0: it may lie anywhere.
func (c *check) end() int {
	switch {
	case c.kind != isContent || c.neg || c.relative || c.offset.v > 0 || c.offset.n < 0:
	case c.starts:
		return len(c.pattern)
	case c.hasDepth && c.depth.v == 0 && c.offset.n+c.depth.n <= mostHead:
		return int(c.offset.n + c.depth.n)
	}
	return 0
}

// fixed is the longest content of a rule that must lie in the first bytes; nil: there is none.
func (s *sig) fixed() *check {
	var best *check
	for i := range s.payload {
		if c := &s.payload[i]; c.end() > 0 && (best == nil || len(c.pattern) > len(best.pattern)) {
			best = c
		}
	}
	return best
}

// choose decides by which content each rule about payloads is found.
func choose(sigs []*sig) {
	alike := map[string]int{}
	for _, s := range sigs {
		if c := s.fixed(); c != nil {
			alike[string(c.pattern)]++
		}
	}
	for _, s := range sigs {
		s.by = s.telling()
		if c := s.fixed(); c != nil && len(s.parts) == 0 && s.by.end() == 0 && len(c.pattern) > 1 && alike[string(c.pattern)] <= mostAlike {
			s.by = c
		}
	}
}

// protoIndex is the first index of Set.tables.
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
	choose(s.sigs)
	s.ends.build(s.sigs)
	for i, proto := range []uint8{packet.ProtoTCP, packet.ProtoUDP} {
		for d := range 2 {
			s.tables[i][d].fill(s.sigs, proto, packet.Dir(d))
		}
	}
	s.parts, s.kinds, s.asked, s.lacking, s.twoWay = map[string]*partRules{}, map[string]bool{}, map[string]bool{}, map[string][]*sig{}, map[string]bool{}
	s.frames = framesOf(s.sigs)
	for _, g := range s.sigs {
		if g.scoped { // what it keeps comes later, and is to be shown
			for _, k := range ofFiles {
				s.kinds[k] = true
			}
			s.asked["file"] = true
		}
		if len(g.parts) > 0 {
			s.part(g)
			continue
		}
		for n := range 256 {
			if protoIndex(uint8(n)) < 0 && g.proto.has(uint8(n)) {
				s.other.add(g, false)
				break
			}
		}
	}
}

// part adds a rule about parts of events.
func (s *Set) part(g *sig) {
	for _, k := range g.kinds() {
		s.kinds[k] = true
		s.twoWay[k] = s.twoWay[k] || g.twoWay
	}
	for i := range g.parts {
		s.asked[g.parts[i].name] = true
	}
	if g.twoWay { // each side is found by what it has
		s.found(g, g.mainOf(toServer))
		s.found(g, g.mainOf(toClient))
		return
	}
	s.found(g, g.main())
}

// found adds a rule to those that are found by a part; nil: it is looked at when a side is over, for something is lacking.
func (s *Set) found(g *sig, main *part) {
	if main == nil {
		for _, k := range g.kinds() {
			s.lacking[k] = append(s.lacking[k], g)
		}
		return
	}
	l := s.parts[main.name]
	if l == nil {
		l = &partRules{}
		s.parts[main.name] = l
	}
	var by *check
	if main.searchable() {
		by = telling(main.checks)
	}
	switch {
	case by == nil:
		l.always = append(l.always, g)
	case main.dotted && by.pattern[0] == '.': // the dot before the part is not there to be found
		if len(by.pattern) == 1 {
			l.always = append(l.always, g)
			break
		}
		rest := *by
		rest.pattern = by.pattern[1:]
		l.found.add(g, &rest, 0, 0)
	default:
		l.found.add(g, by, 0, 0)
	}
}

// partRules are the rules that are found by one part of events.
type partRules struct {
	found  search
	always []*sig // without a content: whenever the part is there
}

func (g *group) add(s *sig, tcp bool) {
	if len(s.parts) > 0 {
		g.beside = g.beside || len(s.payload) > 0
		return
	}
	switch {
	case s.endsOnly():
		if !s.narrow {
			g.first = append(g.first, s)
		}
		return
	case len(s.payload) == 0:
		g.bare = append(g.bare, s)
		return
	case s.by == nil:
		if s.inPackets(tcp) {
			g.pure = append(g.pure, s)
		}
		if s.stream && tcp {
			g.flowing = append(g.flowing, s)
		}
		return
	}
	var how looked
	if to := s.by.end(); to > 0 {
		if s.packet {
			how = inPacket
		}
		if s.stream && tcp {
			how |= inStream
		}
		if to == len(s.by.pattern) {
			g.start.add(s, s.by, how)
		} else {
			g.head.add(s, s.by, to, how)
		}
		return
	}
	switch {
	case !s.inPackets(tcp):
	case s.small():
		for _, r := range s.sizes {
			g.sizes.add(r)
		}
		g.sized.add(s, s.by, 0, inPacket)
	default:
		how = inPacket
	}
	if s.stream && tcp {
		how |= inStream
		g.reach = max(g.reach, min(len(s.by.pattern), mostSearched))
	}
	if how != 0 {
		g.free.add(s, s.by, how)
	}
}

// inPackets reports whether the rule looks at the payload of packets. Where there is a stream, what has no place in
// packets is looked for there alone.
func (s *sig) inPackets(tcp bool) bool { return s.packet && !(tcp && s.stream && !s.placed) }

// endsOnly reports that the rule asks for nothing but addresses and ports: it holds for all packets of a connection that travel
// one way, and is tried on the first of them. It may set bits. One that asks for a direction (flow:to_server) is tried on each
// packet, as Suricata does.
func (s *sig) endsOnly() bool {
	f := s.flow
	f.given, f.stateless = false, false
	for i := range s.bits {
		if s.bits[i].do != bitSet {
			return false
		}
	}
	return len(s.conds)+len(s.flags)+len(s.sizes)+len(s.effects)+len(s.late) == 0 && len(s.payload) == 0 && len(s.parts) == 0 && s.app == "" && f == flowReq{}
}

// ports are those of the server by which a rule is grouped for packets that travel d.
func (s *sig) ports(d packet.Dir) []*lang.PortSet {
	here, there := s.dport, s.sport
	if d == packet.ToClient {
		here, there = there, here
	}
	if s.both {
		return []*lang.PortSet{here, there}
	}
	return []*lang.PortSet{here}
}

// travels reports whether a rule may fit packets that travel d.
func (s *sig) travels(d packet.Dir) bool {
	return !(d == packet.ToServer && s.flow.toClient || d == packet.ToClient && s.flow.toServer)
}

func (t *table) fill(sigs []*sig, proto uint8, d packet.Dir) {
	type few struct {
		s     *sig
		ports []*lang.PortSet
	}
	var others []few
	border := make([]bool, 1<<16) // a port from which on other rules may fit than before
	border[0] = true
	tcp := proto == packet.ProtoTCP
	for _, s := range sigs {
		if !s.proto.has(proto) || !s.travels(d) {
			continue
		}
		ports, n := s.ports(d), 0
		for _, p := range ports {
			for first, last := range p.All {
				n += int(last) - int(first) + 1
			}
		}
		if n >= 1<<15 {
			t.base.add(s, tcp)
			continue
		}
		others = append(others, few{s, ports})
		for _, p := range ports {
			borders(p, border)
		}
	}
	known := map[string]uint16{}
	var name []byte
	now := uint16(0)
	for p := range 1 << 16 {
		if border[p] {
			var here []*sig
			name = name[:0]
			for _, o := range others {
				if slices.ContainsFunc(o.ports, func(s *lang.PortSet) bool { return s.Has(uint16(p)) }) {
					here = append(here, o.s)
					name = binary.LittleEndian.AppendUint32(name, uint32(o.s.number))
				}
			}
			n, ok := known[string(name)]
			if !ok {
				g := &group{}
				for _, s := range here {
					g.add(s, tcp)
				}
				n = uint16(len(t.groups))
				t.groups = append(t.groups, g)
				known[string(name)] = n
			}
			now = n
		}
		t.of[p] = now
	}
}

// borders marks the ports at which a set begins or ends.
func borders(s *lang.PortSet, at []bool) {
	for first, last := range s.All {
		at[first] = true
		if last < 1<<16-1 {
			at[last+1] = true
		}
	}
}
