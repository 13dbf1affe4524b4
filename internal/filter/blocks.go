package filter

// A graph holds the tests as blocks with two exits. Every exit leads to a
// block of a smaller number, so following exits always ends.
const (
	accept = -1
	reject = -2
)

type block struct {
	stmts []stmt
	test  test
	useX  bool
	k     uint32
	t, f  int
}

type graph struct {
	blocks []block
	entry  int
}

const maxBlocks = 1 << 16

func flatten(n *node) *graph {
	g := &graph{}
	g.entry = g.add(n, accept, reject)
	return g
}

// add places n so that it leaves to t or f, and returns where it begins.
func (g *graph) add(n *node, t, f int) int {
	for {
		switch n.kind {
		case nTrue:
			return t
		case nFalse:
			return f
		case nNot:
			n, t, f = n.l, f, t
			continue
		case nAnd:
			t = g.add(n.r, t, f)
			n = n.l
			continue
		case nOr:
			f = g.add(n.r, t, f)
			n = n.l
			continue
		}
		if len(g.blocks) >= maxBlocks {
			fail(0, "split it into several captures", "the filter needs more than %d tests", maxBlocks)
		}
		g.blocks = append(g.blocks, block{n.stmts, n.test, n.useX, n.k, t, f})
		return len(g.blocks) - 1
	}
}

// field is a plain load, possibly masked; its value is the same wherever it
// is read in one packet.
type field struct {
	op      opcode
	k, mask uint32
}

// fact is the known outcome of a test of a field.
type fact struct {
	field
	test test
	val  uint32
	out  bool
}

// plain gives the field a block tests, if it tests nothing else.
func (b *block) plain() (field, bool) {
	if b.useX || len(b.stmts) == 0 || len(b.stmts) > 2 {
		return field{}, false
	}
	s := b.stmts[0]
	if s.op > opLdW && s.op != opLdLen {
		return field{}, false
	}
	f := field{s.op, s.k, ^uint32(0)}
	if len(b.stmts) == 2 {
		if b.stmts[1].op != opAnd {
			return field{}, false
		}
		f.mask = b.stmts[1].k
	}
	return f, true
}

// decide answers a block's test from what is known; ok is false if it cannot.
func (b *block) decide(known []fact) (out, ok bool) {
	f, plain := b.plain()
	if !plain {
		return false, false
	}
	for _, k := range known {
		if k.field != f {
			continue
		}
		if k.test == b.test && k.val == b.k {
			return k.out, true
		}
		if k.test == jeq && k.out {
			return b.test.holds(k.val, b.k), true
		}
	}
	return false, false
}

const (
	maxFacts  = 48   // kept per block; enough for real filters
	maxThread = 4096 // blocks; larger graphs are left as they are
)

// thread sends each exit past the tests whose outcome is already known on
// that path. Only tests of fields that were loaded on the path are skipped,
// so no check for the end of the packet is lost.
func (g *graph) thread() {
	if len(g.blocks) > maxThread || g.entry < 0 {
		return
	}
	in := make([][]fact, len(g.blocks))
	seen := make([]bool, len(g.blocks))
	meet := func(to int, facts []fact) {
		if !seen[to] {
			seen[to], in[to] = true, facts
			return
		}
		var both []fact
		for _, a := range in[to] {
			for _, b := range facts {
				if a == b {
					both = append(both, a)
					break
				}
			}
		}
		in[to] = both
	}
	meet(g.entry, nil)
	// Exits lead downwards, so every predecessor is settled before its heirs.
	for i := len(g.blocks) - 1; i >= 0; i-- {
		if !seen[i] {
			continue
		}
		b := &g.blocks[i]
		exit := func(to int, out bool) int {
			facts := in[i]
			if f, ok := b.plain(); ok {
				facts = append([]fact{{f, b.test, b.k, out}}, facts[:min(len(facts), maxFacts-1)]...)
			}
			for to >= 0 {
				known, ok := g.blocks[to].decide(facts)
				if !ok {
					break
				}
				if known {
					to = g.blocks[to].t
				} else {
					to = g.blocks[to].f
				}
			}
			if to >= 0 {
				meet(to, facts)
			}
			return to
		}
		b.t, b.f = exit(b.t, true), exit(b.f, false)
	}
}
