package filter

// number is a computed value: either a known constant or statements that
// leave it in A. check guards the loads; it runs before them.
type number struct {
	known bool
	k     uint32
	stmts []stmt
	check *node
}

const scratch = 16 // words of scratch memory in classic BPF

// number generates a; slot is the first free scratch word.
func (g *gen) number(a *arith, slot uint32) number {
	switch a.op {
	case "num":
		return number{known: true, k: a.num}
	case "len":
		return number{stmts: []stmt{{op: opLdLen}}}
	case "neg":
		n := g.number(a.l, slot)
		if n.known {
			n.k = -n.k
			return n
		}
		n.stmts = append(n.stmts[:len(n.stmts):len(n.stmts)], stmt{opMul, ^uint32(0)})
		return n
	case "load":
		return g.accessor(a, slot)
	}
	l := g.number(a.l, slot)
	r := g.number(a.r, slot+1)
	op := binaryOps[a.op]
	if r.known {
		switch {
		case r.k == 0 && (op == opDiv || op == opMod):
			fail(a.pos, "divide by something else", "division by zero")
		case r.k > 31 && (op == opLsh || op == opRsh):
			fail(a.pos, "shift by 0 to 31", "a shift by %d bits leaves nothing", r.k)
		}
	}
	// As in libpcap, the left operand's check guards the whole.
	out := number{check: l.check}
	if l.known && r.known {
		out.known, out.k = true, compute(op, l.k, r.k)
		return out
	}
	if r.known {
		out.stmts = join(l.stmts, stmt{op, r.k})
		return out
	}
	if l.known {
		out.stmts = join(r.stmts, stmt{op: opTAX}, stmt{opLdImm, l.k}, stmt{op: op + opAddX - opAdd})
		return out
	}
	if slot >= scratch {
		fail(a.pos, "write it with fewer parentheses", "the computation needs more than %d intermediate values", scratch)
	}
	out.stmts = append(both(l, r, slot), stmt{op: op + opAddX - opAdd})
	return out
}

// both leaves l in A and r in X; slot is free before and after.
func both(l, r number, slot uint32) []stmt {
	s := append(join(l.stmts, stmt{opSt, slot}), r.stmts...)
	return append(s, stmt{op: opTAX}, stmt{opLdMem, slot})
}

// join copies, since operands may share their backing arrays.
func join(s []stmt, more ...stmt) []stmt {
	return append(s[:len(s):len(s)], more...)
}

func compute(op opcode, a, b uint32) uint32 {
	switch op {
	case opAdd:
		return a + b
	case opSub:
		return a - b
	case opMul:
		return a * b
	case opDiv:
		return a / b
	case opMod:
		return a % b
	case opAnd:
		return a & b
	case opOr:
		return a | b
	case opXor:
		return a ^ b
	case opLsh:
		return a << b
	}
	return a >> b
}

// offset adds a constant index to a base. Offsets from 2^31 on are either
// negative or mean kernel metadata; neither is in the packet.
func (g *gen) offset(pos int, base, index uint32) uint32 {
	off := base + index
	if off >= 1<<31 {
		fail(pos, "count from the start of the header", "the offset %d lies before the packet", int32(off))
	}
	return off
}

// accessor reads proto[index:size].
func (g *gen) accessor(a *arith, slot uint32) number {
	i := g.number(a.l, slot)
	g.need(a.pos, `"`+a.word+`[...]"`)
	var base uint32
	check := i.check
	viaIP := false
	switch p := a.proto; p {
	case pLink:
		base = g.hdr
	case pIP, pIP6, pARP, pRARP, pATalk, pDECnet, pLAT, pSCA, pMOPRC, pMOPDL:
		base = g.payload()
		check = and(check, g.linkType(a.pos, etherTypes[p]))
	case pTCP, pUDP, pSCTP, pICMP, pIGMP, pIGRP, pPIM, pVRRP, pCARP:
		base, viaIP = g.payload(), true
		own := g.abbrev(a.pos, p, a.word)
		check = and(and(g.linkType(a.pos, etherIP), check), and(own, g.firstFragment()))
	case pICMP6:
		base = g.payload() + 40
		check = and(and(check, g.linkType(a.pos, etherIP6)), cmp(jeq, 1, g.payload()+6, 58))
	default:
		fail(a.pos, `use "ip[...]", "ip6[...]" or "ether[...]"`, `"%s[...]" cannot be read`, a.word)
	}
	n := number{check: check}
	switch {
	case i.known && viaIP:
		n.stmts = []stmt{{opLdxMsh, base}, loadX(a.num, g.offset(a.pos, base, i.k))}
	case i.known:
		n.stmts = []stmt{load(a.num, g.offset(a.pos, base, i.k))}
	case viaIP:
		n.stmts = join(i.stmts, stmt{opLdxMsh, base}, stmt{op: opAddX}, stmt{op: opTAX}, loadX(a.num, base))
	default:
		n.stmts = join(i.stmts, stmt{op: opTAX}, loadX(a.num, base))
	}
	return n
}

// compare generates one relation.
func (g *gen) compare(e *expr) *node {
	l := g.number(e.a0, 0)
	r := g.number(e.a1, 1)
	t := &node{kind: nTest}
	negate := false
	switch e.word {
	case "=":
		t.test = jeq
	case "!=":
		t.test, negate = jeq, true
	case ">":
		t.test = jgt
	case "<=":
		t.test, negate = jgt, true
	case ">=":
		t.test = jge
	default: // "<"
		t.test, negate = jge, true
	}
	switch {
	case l.known && r.known:
		t = constant(t.test.holds(l.k, r.k))
	case r.known:
		t.stmts, t.k = l.stmts, r.k
	case l.known && t.test == jeq:
		t.stmts, t.k = r.stmts, l.k
	case l.known:
		t.stmts, t.useX = join(r.stmts, stmt{op: opTAX}, stmt{opLdImm, l.k}), true
	default:
		t.stmts, t.useX = both(l, r, 0), true
	}
	if negate {
		t = not(t)
	}
	return and(and(l.check, r.check), t)
}
