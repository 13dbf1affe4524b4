package filter

import "strings"

// portID tests "port" and "portrange".
func (g *gen) portID(e *expr) *node {
	q, v := e.q, e.val
	want := uint8(0)
	switch q.proto {
	case pNone, pSCTP:
	case pTCP:
		want = onTCP
	case pUDP:
		want = onUDP
	default:
		fail(q.pos, `use "tcp", "udp" or "sctp" before it`, "%q does not go with %s", q.word, q.typ)
	}
	lo, hi, on := v.num, v.num, uint8(onBoth)
	switch v.tok.kind {
	case tNum:
		if lo > 65535 {
			fail(e.pos, "write 0 to 65535", "the port %s is greater than 65535", v.tok.text)
		}
	case tName:
		s, ok := portOf(v.tok.text)
		if q.typ == aPortRange {
			var t service
			a, b, dash := strings.Cut(v.tok.text, "-")
			if dash {
				s, ok = portOf(a)
				var ok2 bool
				t, ok2 = portOf(b)
				ok = ok && ok2
			} else {
				t = s
			}
			hi = t.port
			if on = s.on; s.on != t.on {
				on = onBoth
			}
		} else {
			hi, on = s.port, s.on
		}
		if !ok {
			try := "write its number"
			if q.typ == aPort && strings.Contains(v.tok.text, "-") {
				try = `write its number, or "portrange" for a range`
			}
			fail(e.pos, try, "%q is not a port name this package knows", v.tok.text)
		}
		lo = s.port
	default:
		fail(e.pos, `write "host" before an address`, "an address cannot follow %s", q.typ)
	}
	if q.proto == pSCTP && on != onBoth || want != 0 && on&want == 0 {
		fail(e.pos, "write the number, or the other transport", "%s is not a %s port", v.tok.text, q.word)
	}
	if lo > hi {
		lo, hi = hi, lo
	}
	protos := []uint32{132, 6, 17}
	switch {
	case q.proto == pTCP || q.proto == pNone && on == onTCP:
		protos = protos[1:2]
	case q.proto == pUDP || q.proto == pNone && on == onUDP:
		protos = protos[2:]
	case q.proto == pSCTP:
		protos = protos[:1]
	}
	return or(g.ports6(e, protos, lo, hi), g.ports4(e, protos, lo, hi))
}

// ports4 looks at first fragments of IPv4 only: later ones carry no ports.
func (g *gen) ports4(e *expr, protos []uint32, lo, hi uint32) *node {
	field := func(off uint32) *node {
		return inRange([]stmt{{opLdxMsh, g.payload()}, loadX(2, g.payload()+off)}, lo, hi)
	}
	n := alwaysFalse
	for _, v := range protos {
		n = or(n, and(and(cmp(jeq, 1, g.payload()+9, v), g.firstFragment()), direct(e.q.dir, field(0), field(2))))
	}
	return and(g.linkType(e.pos, etherIP), n)
}

// ports6 wants the transport right behind the fixed IPv6 header.
func (g *gen) ports6(e *expr, protos []uint32, lo, hi uint32) *node {
	field := func(off uint32) *node {
		return inRange([]stmt{load(2, g.payload()+40+off)}, lo, hi)
	}
	n := alwaysFalse
	for _, v := range protos {
		n = or(n, and(cmp(jeq, 1, g.payload()+6, v), direct(e.q.dir, field(0), field(2))))
	}
	return and(g.linkType(e.pos, etherIP6), n)
}

func (g *gen) firstFragment() *node {
	return not(cmp(jset, 2, g.payload()+6, 0x1fff))
}

func inRange(read []stmt, lo, hi uint32) *node {
	if lo == hi {
		return &node{kind: nTest, stmts: read, test: jeq, k: lo}
	}
	return and(&node{kind: nTest, stmts: read, test: jge, k: lo},
		not(&node{kind: nTest, stmts: read, test: jgt, k: hi}))
}
