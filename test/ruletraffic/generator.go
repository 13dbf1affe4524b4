package ruletraffic

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
)

// Traffic is what was made for one rule.
type Traffic struct {
	Rule   *Rule
	Frames [][]byte
	// Ends are the conversations that the rule was made for: an alert on one of them counts.
	Ends []Ends
	// Changed is, of a twin, the option in which it differs from what the rule asks.
	Changed string
	// Setters are rules that are needed beside this one, since they set bits that it asks for.
	Setters []*Rule
	// Probe is a bit that the rule sets and that shows that it matched, when it never alerts itself; empty: it alerts.
	Probe string
}

// Ends are the two sides of a conversation, in any order.
type Ends struct{ A, B netip.AddrPort }

// Same reports whether both are between the same sides.
func (e Ends) Same(o Ends) bool { return e == o || e.A == o.B && e.B == o.A }

// Generator makes traffic. The same seed and the same calls give the same traffic.
type Generator struct {
	// Whole keeps what one side says in one segment where it fits; else it is cut now and then.
	Whole bool

	vars    Vars
	rng     *rand.Rand
	used    map[Ends]bool
	pairs   map[[2]netip.Addr]bool
	setters map[string][]*Rule // by "flowbits name"
	before  *talk              // what is said in it before the rule's own part
	last    *talk              // the conversation made last
}

// NewGenerator returns a generator. all are rules among which it looks for those that set the bits that others ask for.
func NewGenerator(vars Vars, seed uint64, all []*Rule) *Generator {
	g := &Generator{vars: vars, rng: rand.New(rand.NewPCG(seed, 0x7261)), used: map[Ends]bool{}, pairs: map[[2]netip.Addr]bool{}, setters: map[string][]*Rule{}}
	for _, r := range all {
		for _, o := range r.Options {
			if o.Name != "flowbits" && o.Name != "xbits" && o.Name != "hostbits" {
				continue
			}
			f := strings.Split(o.Value, ",")
			if len(f) > 1 && strings.TrimSpace(f[0]) == "set" {
				name := o.Name + " " + strings.TrimSpace(f[1])
				g.setters[name] = append(g.setters[name], r)
			}
		}
	}
	return g
}

// Make makes traffic that the rule must match.
func (g *Generator) Make(r *Rule) (*Traffic, error) {
	m, err := understand(r)
	if err != nil {
		return nil, err
	}
	return g.make(m)
}

// scene is one rule's part of a conversation.
type scene struct {
	m *meaning
	t *talk
}

func (g *Generator) make(m *meaning) (*Traffic, error) {
	out := &Traffic{Rule: m.rule}
	scenes, err := g.scenes(m, 0)
	if err != nil {
		return nil, err
	}
	g.last, g.before = together(scenes), together(scenes[:len(scenes)-1])
	for _, s := range scenes[:len(scenes)-1] {
		out.Setters = append(out.Setters, s.m.rule)
	}
	l, err := m.look(g.rng)
	if err != nil {
		return nil, err
	}
	if m.repeat > 70 {
		return nil, impossible("it alerts after %d matches", m.repeat)
	}
	e, err := g.place(scenes)
	if err != nil {
		return nil, err
	}
	sameFlow := strings.Contains(m.rule.Text, "by_flow")
	times := max(m.repeat, 0)
	if sameFlow {
		for range m.repeat - 1 {
			scenes = append(scenes, scenes[len(scenes)-1])
		}
		times = min(times, 1)
	}
	for range times {
		w := &wire{ends: e, look: l, dir: m.dir, id: uint16(len(out.Frames) * 7)}
		if err := g.send(w, scenes); err != nil {
			return nil, err
		}
		out.Frames = append(out.Frames, w.frames...)
		out.Ends = append(out.Ends, Ends{e.client, e.server})
		g.used[Ends{e.client, e.server}] = true
		if e, err = g.again(m, e); err != nil {
			return nil, err
		}
	}
	out.Probe = m.probe()
	return out, nil
}

// together is all that is said in the scenes of one conversation.
func together(scenes []scene) *talk {
	t := &talk{}
	for _, s := range scenes {
		t.messages = append(t.messages, s.t.messages...)
		t.buffers = append(t.buffers, s.t.buffers...)
	}
	return t
}

// probe is a bit that shows a match of a rule that never alerts.
func (m *meaning) probe() string {
	quiet := m.rule.Has("noalert")
	bit := ""
	for _, b := range m.bits {
		quiet = quiet || b.do == "noalert"
		if b.do == "set" && strings.HasPrefix(b.names[0], "flowbits ") {
			bit = strings.TrimPrefix(b.names[0], "flowbits ")
		}
	}
	if !quiet {
		return ""
	}
	return bit
}

// scenes are the parts of the conversation: what sets the bits that the rule asks for comes first.
func (g *Generator) scenes(m *meaning, depth int) ([]scene, error) {
	var out []scene
	if depth > 4 {
		return nil, impossible("bits that ask for bits, five deep")
	}
	quiet := depth == 0 && m.probe() == "" && (m.rule.Has("noalert") || slices.ContainsFunc(m.bits, func(b bitOp) bool { return b.do == "noalert" }))
	if quiet {
		return nil, impossible("it never alerts, and sets no bit by which one could see it match")
	}
	for _, b := range m.bits {
		if b.do == "isset" && !m.noSetter || b.do == "isnotset" && m.noSetter {
			before, err := g.setter(b.names, m, depth)
			if err != nil {
				return nil, err
			}
			out = append(out, before...)
		}
	}
	t, err := m.protocolTalk(g.rng)
	if err != nil {
		return nil, err
	}
	return append(out, scene{m, t}), nil
}

// setter is a conversation that makes a rule set one of the bits.
func (g *Generator) setter(names []string, m *meaning, depth int) ([]scene, error) {
	var last error
	for _, n := range names {
		for k, r := range g.setters[n] {
			if k > 12 || r == m.rule {
				break
			}
			s, err := understand(r)
			switch {
			case err != nil:
			case s.proto != m.proto && !(s.proto == "ip" || m.proto == "ip"):
				err = impossible("%s is set by rules of another protocol", n)
			case s.app != "" && m.app != "" && s.app != m.app:
				err = impossible("%s is set by rules of another protocol", n)
			case s.repeat > 1:
				err = impossible("%s is set by a rule with a threshold", n)
			default:
				if s.app == "" { // its bytes come in a conversation that the other rule knows
					s.app = m.app
				}
				if p, _ := s.split(); p != nil && s.app == "http" && placed(p.checks) {
					last = impossible("%s is set by bytes at a place that HTTP has for others", n)
					continue
				}
				var list []scene
				if list, err = g.scenesOfSetter(s, depth+1); err == nil {
					if _, err = g.place(append(slices.Clone(list), scene{m: m})); err == nil {
						return list, nil
					}
				}
			}
			last = err
		}
	}
	if last == nil {
		last = impossible("no rule at hand sets %s", strings.Join(names, " or "))
	}
	return nil, last
}

func (g *Generator) scenesOfSetter(s *meaning, depth int) ([]scene, error) {
	return g.scenes(s, depth)
}

// wellKnown are the ports at which servers listen.
var wellKnown = map[string]uint32{"http": 80, "dns": 53, "tls": 443, "smtp": 25, "ftp": 21, "ssh": 22, "mqtt": 1883}

// place chooses addresses and ports that all scenes like.
func (g *Generator) place(scenes []scene) (ends, error) {
	var clients, servers, cports, sports []*numbers
	var wrong [4]bool
	liked := []uint32{}
	for i, s := range scenes {
		var all [4]*numbers
		r := s.m.rule
		for k, text := range []string{r.Src, r.SrcPort, r.Dst, r.DstPort} {
			n, err := g.vars.read(text, k%2 == 1)
			if err != nil {
				return ends{}, impossible("%v", err)
			}
			all[k] = n
		}
		bad := [4]bool{s.m.wrongSrc, s.m.wrongSrcPort, s.m.wrongDst, s.m.wrongDstPort}
		if s.m.dir == ToClient != s.m.wrongDir {
			all = [4]*numbers{all[2], all[3], all[0], all[1]}
			bad = [4]bool{bad[2], bad[3], bad[0], bad[1]}
		}
		clients, cports, servers, sports = append(clients, all[0]), append(cports, all[1]), append(servers, all[2]), append(sports, all[3])
		if i == len(scenes)-1 {
			wrong = bad
		}
		if p := wellKnown[s.m.app]; p != 0 {
			liked = append(liked, p)
		}
	}
	last := scenes[len(scenes)-1].m
	var e ends
	for try := range 30 {
		c, ok1 := g.choose(clients, wrong[0], nil)
		s, ok2 := g.choose(servers, wrong[2], nil)
		cp, ok3 := g.choose(cports, wrong[1], nil)
		sp, ok4 := g.choose(sports, wrong[3], liked)
		if !ok1 || !ok2 || !ok3 || !ok4 {
			return ends{}, impossible("no addresses and ports fit")
		}
		if last.rule.Has("sameip") {
			if s = c; last.wrongProto {
				s++
			}
		}
		e = ends{netip.AddrPortFrom(address(c), uint16(cp)), netip.AddrPortFrom(address(s), uint16(sp))}
		if last.proto == "icmpv6" {
			e = ends{six(c), six(s)}
			if last.rule.Src != "any" || last.rule.Dst != "any" {
				return ends{}, impossible("addresses of IPv6")
			}
		} else if last.proto != "tcp" && last.proto != "udp" {
			e.client, e.server = netip.AddrPortFrom(address(c), 0), netip.AddrPortFrom(address(s), 0)
		}
		pair := [2]netip.Addr{e.client.Addr(), e.server.Addr()}
		if g.used[Ends{e.client, e.server}] || g.used[Ends{e.server, e.client}] || c == s && !last.rule.Has("sameip") ||
			try < 20 && (g.pairs[pair] || g.pairs[[2]netip.Addr{pair[1], pair[0]}]) {
			continue
		}
		g.pairs[pair] = true
		return e, nil
	}
	return ends{}, impossible("all addresses and ports that fit are taken")
}

// six is an address of IPv6 for documents.
func six(n uint32) netip.AddrPort {
	b := [16]byte{0x20, 1, 0x0d, 0xb8, 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
	return netip.AddrPortFrom(netip.AddrFrom16(b), 0)
}

// choose takes a number that all of the lists like; the last of them, when wrong, does not.
func (g *Generator) choose(lists []*numbers, wrong bool, liked []uint32) (uint32, bool) {
	last := lists[len(lists)-1]
	for k := range lists { // any of them may be the narrow one
		n := lists[(len(lists)-1+k)%len(lists)]
		want := !(n == last && wrong)
		v, ok := n.pick(g.rng, want, liked, func(v uint32) bool {
			for i, o := range lists {
				if o.has(v) == (i == len(lists)-1 && wrong) {
					return false
				}
			}
			return true
		})
		if ok {
			return v, true
		}
	}
	return 0, false
}

// again are the same sides with another port of the client, for one more match.
func (g *Generator) again(m *meaning, e ends) (ends, error) {
	if m.proto != "tcp" && m.proto != "udp" {
		return e, nil
	}
	text := m.rule.SrcPort
	if m.dir == ToClient != m.wrongDir {
		text = m.rule.DstPort
	}
	n, err := g.vars.read(text, true)
	if err != nil {
		return e, err
	}
	next := e
	for range 50 {
		p, ok := g.choose([]*numbers{n}, m.wrongSrcPort && m.dir == ToServer || m.wrongDstPort && m.dir == ToClient, nil)
		if !ok {
			break
		}
		next.client = netip.AddrPortFrom(e.client.Addr(), uint16(p))
		if !g.used[Ends{next.client, next.server}] {
			return next, nil
		}
	}
	return e, nil
}
