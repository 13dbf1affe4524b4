package ruletraffic

import (
	"errors"
	"slices"
	"strings"
)

// Twin makes traffic that differs in one option from what the rule asks, and that the rule must not match.
func (g *Generator) Twin(r *Rule) (*Traffic, error) {
	var last error = impossible("no option of it can be turned over")
	for _, i := range g.rng.Perm(len(r.Options) + 4) {
		t, err := g.twin(r, i)
		if err == nil {
			return t, nil
		}
		if err != errNoTwin {
			last = err
		}
	}
	return nil, last
}

// Twins are those of all options that have one.
func (g *Generator) Twins(r *Rule) []*Traffic {
	var out []*Traffic
	for i := range len(r.Options) + 4 {
		if t, err := g.twin(r, i); err == nil {
			out = append(out, t)
		}
	}
	return out
}

var errNoTwin = errors.New("the option cannot be turned over")

// twin turns option i over; those behind the last are the header's addresses and ports.
func (g *Generator) twin(r *Rule, i int) (*Traffic, error) {
	original, err := understand(r)
	if err != nil {
		return nil, err
	}
	m, err := understand(r)
	if err != nil {
		return nil, err
	}
	name := "header"
	if i < len(r.Options) {
		name = r.Options[i].Name
	}
	if !m.turn(i, g) {
		return nil, errNoTwin
	}
	for range 3 {
		t, err := g.make(m)
		if err != nil {
			return nil, err
		}
		if m.noSetter && original.matches(g.before) {
			continue // it would match before the bit is set
		}
		if m.elsewhere() || !original.matches(g.last) {
			t.Changed = name
			return t, nil
		}
	}
	return nil, impossible("the twin would match as well")
}

// elsewhere reports that the twin differs in something else than in bytes.
func (m *meaning) elsewhere() bool {
	return m.wrongSrc || m.wrongDst || m.wrongSrcPort || m.wrongDstPort || m.wrongDir || m.wrongFlags || m.closed || m.noSetter || m.otherApp ||
		m.wrongFragBits || m.wrongOption || m.wrongProto || m.fewer || m.turnedField
}

// matches reports whether what the rule asks of bytes is in a conversation.
func (m *meaning) matches(t *talk) bool {
	payload, parts := m.split()
	if t.missing(parts) != "" {
		return false
	}
	sizes := m.payloadSizes()
	if payload == nil && len(sizes) == 0 {
		return true
	}
	var checks []check
	if payload != nil {
		checks = payload.checks
	}
	var stream [2][]byte
	directed := m.flow["to_server"] || m.flow["to_client"] || m.flow["from_server"] || m.flow["from_client"]
	for _, x := range t.messages {
		if directed && x.dir != m.dir {
			continue
		}
		stream[x.dir] = append(stream[x.dir], x.data...)
		if holds(sizes, x.data) && holds(checks, x.data) || len(sizes) == 0 && holds(checks, stream[x.dir]) {
			return true
		}
	}
	return false
}

// turn changes the meaning in option i, so that what fits it does not fit the rule. False: the option cannot be turned.
func (m *meaning) turn(i int, g *Generator) bool {
	if i >= len(m.rule.Options) {
		return m.turnHeader(i - len(m.rule.Options))
	}
	o := &m.rule.Options[i]
	for k := range m.fields {
		if m.fields[k].option == i {
			m.fields[k].span.not = !m.fields[k].span.not
			m.turnedField = o.Name != "dsize"
			return true
		}
	}
	for _, p := range m.parts {
		for k := range p.checks {
			if c := &p.checks[k]; c.option == i {
				return p.turnCheck(k, g)
			}
		}
	}
	switch o.Name {
	case "nocase", "offset", "depth", "distance", "within", "startswith", "endswith":
		return m.turnModifier(i, o.Name)
	case "flow":
		return m.turnFlow(g)
	case "flags", "tcp.flags", "stream-event":
		m.wrongFlags = true
	case "fragbits":
		m.wrongFragBits = true
	case "ipopts":
		m.wrongOption = true
	case "ip_proto", "sameip":
		m.wrongProto = true
	case "flowbits", "xbits":
		return m.turnBits(o)
	case "threshold", "detection_filter":
		if m.repeat < 2 {
			return false
		}
		m.repeat--
		m.fewer = true
	case "app-layer-protocol":
		m.otherApp = true
	default:
		if _, ok := places[o.Name]; ok {
			return m.turnPlace(i)
		}
		if olderPlaces[o.Name] != "" {
			return m.turnPlace(i)
		}
		return transforms[o.Name] && m.turnTransform(o.Name)
	}
	return true
}

func (m *meaning) turnBits(o *Option) bool {
	f := strings.Split(o.Value, ",")
	switch strings.TrimSpace(f[0]) {
	case "isset":
		m.noSetter = true
		return true
	case "isnotset":
		for _, b := range m.bits {
			if b.do == "isset" {
				return false
			}
		}
		m.noSetter = true
		return true
	}
	return false
}

func (m *meaning) turnFlow(g *Generator) bool {
	var ways []*bool
	if (m.flow["to_server"] || m.flow["from_client"] || m.flow["to_client"] || m.flow["from_server"]) && m.proto == "tcp" && m.app == "" && !m.rule.Both {
		ways = append(ways, &m.wrongDir)
	}
	if m.flow["established"] && (m.proto == "tcp" || m.dir == ToServer) && m.app == "" {
		ways = append(ways, &m.closed)
	}
	if len(ways) == 0 {
		return false
	}
	*ways[g.rng.IntN(len(ways))] = true
	return true
}

func (m *meaning) turnHeader(i int) bool {
	if m.rule.Both {
		return false
	}
	texts := []string{m.rule.Src, m.rule.Dst, m.rule.SrcPort, m.rule.DstPort}
	flags := []*bool{&m.wrongSrc, &m.wrongDst, &m.wrongSrcPort, &m.wrongDstPort}
	if texts[i] == "any" || strings.HasSuffix(texts[i], ":") && texts[i] == "0:" || i > 1 && m.proto != "tcp" && m.proto != "udp" || m.app == "dns" && i > 1 {
		return false
	}
	*flags[i] = true
	return true
}

// turnCheck turns a check over.
func (p *part) turnCheck(k int, g *Generator) bool {
	c := &p.checks[k]
	switch c.kind {
	case aContent:
		if c.neg || p.name == "tls.cert_fingerprint" {
			c.neg = !c.neg
			return true
		}
		return c.spoil(g)
	case anExpression, isDataAt, byteTest, anEntropy, isAbsent, aBER:
		c.neg = !c.neg
	case aSize:
		c.size.not = !c.size.not
	case byteJump:
		c.post++
	case aBase64:
		return false
	default:
		c.plus = 1
	}
	return true
}

// spoil changes one byte of a content into another of its kind.
func (c *check) spoil(g *Generator) bool {
	c.pattern = slices.Clone(c.pattern)
	for _, i := range g.rng.Perm(len(c.pattern)) {
		b := &c.pattern[i]
		switch {
		case *b >= 'a' && *b <= 'z':
			*b = 'a' + (*b-'a'+1+byte(g.rng.IntN(24)))%26
		case *b >= 'A' && *b <= 'Z':
			*b = 'A' + (*b-'A'+1+byte(g.rng.IntN(24)))%26
		case *b >= '0' && *b <= '9':
			*b = '0' + (*b-'0'+1+byte(g.rng.IntN(8)))%10
		case *b < ' ' && *b != '\r' && *b != '\n' || *b > 126:
			*b ^= 1 << g.rng.IntN(3)
		default:
			continue
		}
		return true
	}
	return false
}

// turnModifier turns a modifier of the content before option i.
func (m *meaning) turnModifier(i int, name string) bool {
	var p *part
	k := -1
	for _, q := range m.parts {
		for j := range q.checks {
			if c := &q.checks[j]; c.kind == aContent && c.option < i && (k < 0 || c.option > p.checks[k].option) {
				p, k = q, j
			}
		}
	}
	if k < 0 || p.checks[k].neg {
		return false
	}
	c := &p.checks[k]
	n := len(c.pattern)
	switch name {
	case "offset":
		if c.offset.n < 1 || c.offset.name != "" || c.relative {
			return false
		}
		c.depth = num{n: c.offset.n - 1 + n, set: true}
		c.offset = num{}
	case "depth":
		if c.depth.name != "" || c.relative {
			return false
		}
		c.offset = num{n: c.offset.n + c.depth.n - n + 1, set: true}
		c.depth = num{}
	case "distance":
		return p.turnDistance(k)
	case "within":
		if c.within.name != "" || c.distance.name != "" {
			return false
		}
		c.distance = num{n: c.distance.n + c.within.n - n + 1, set: true}
		c.within = num{n: n, set: true}
	case "startswith":
		c.starts, c.offset = false, num{n: 1, set: true}
	case "endswith":
		c.ends = false
		p.checks = slices.Insert(p.checks, k+1, check{kind: isDataAt, relative: true, at: num{n: 1, set: true}, option: -1})
	default:
		return false
	}
	return true
}

func (p *part) turnDistance(k int) bool {
	c := &p.checks[k]
	n := len(c.pattern)
	if c.distance.name != "" {
		return false
	}
	if c.distance.n > 0 {
		c.distance.n--
		c.within = num{n: n, set: true}
		return true
	}
	if k == 0 || c.distance.n < 0 || p.checks[k-1].kind != aContent || p.checks[k-1].relative || p.checks[k-1].neg {
		return false
	}
	c.relative, c.distance, c.within = false, num{}, num{}
	p.checks[k-1], p.checks[k] = p.checks[k], p.checks[k-1]
	p.checks[k].relative, p.checks[k].distance = true, num{set: true}
	return true
}

// alternatives are buffers in which a text may lie as well as in another.
var alternatives = map[string][]string{
	"http c": {"http.user_agent", "http.referer", "http.request_body", "http.accept", "http.cookie"},
	"http s": {"http.server", "http.location", "http.response_body", "http.cookie"},
	"tls s":  {"tls.cert_subject", "tls.cert_issuer"},
}

// turnPlace lets what lies in a buffer lie in another.
func (m *meaning) turnPlace(i int) bool {
	var p *part
	for _, q := range m.parts {
		for k := range q.checks {
			if c := &q.checks[k]; q.name != "" && !c.neg && c.kind == aContent && (c.option > i || olderPlaces[m.rule.Options[i].Name] == q.name) &&
				(p == nil || olderPlaces[m.rule.Options[i].Name] == q.name) {
				p = q
			}
		}
	}
	if p == nil || len(p.change) > 0 {
		return false
	}
	if own, ok := places[m.rule.Options[i].Name]; ok && own.name != p.name {
		return false
	}
	way := map[Dir]string{ToServer: " c", ToClient: " s"}[m.dir]
	for _, name := range alternatives[m.app+way] {
		taken := name == p.name
		for _, q := range m.parts {
			taken = taken || q.name == name
		}
		if !taken {
			p.place = places[name]
			return true
		}
	}
	return false
}

func (m *meaning) turnTransform(name string) bool {
	for _, p := range m.parts {
		for k, c := range p.change {
			if word, _, _ := strings.Cut(c, " "); word == name {
				p.change = slices.Delete(slices.Clone(p.change), k, k+1)
				return true
			}
		}
	}
	return false
}
