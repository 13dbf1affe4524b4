package filter

import "golang.org/x/net/bpf"

// placed is a block with its place in the program.
type placed struct {
	*block
	id           int
	skip         int // statements whose effect is already there
	at           int // index of its first instruction
	longT, longF bool
}

func (p *placed) size() int {
	n := len(p.stmts) - p.skip + 1
	if p.longT {
		n++
	}
	if p.longF {
		n++
	}
	return n
}

// registers is what A and X hold at one point, as far as later blocks can use.
type registers struct {
	a    field
	hasA bool
	x    uint32 // operand of the header-length load in X
	hasX bool
}

func (r registers) after(stmts []stmt) registers {
	for _, s := range stmts {
		switch {
		case s.op <= opLdW || s.op == opLdLen:
			r.a, r.hasA = field{s.op, s.k, ^uint32(0)}, true
		case s.op == opAnd && r.hasA && r.a.mask == ^uint32(0):
			r.a.mask = s.k
		case s.op == opLdxMsh:
			r.x, r.hasX = s.k, true
		case s.op == opTAX:
			r.hasX = false
		case s.op == opSt:
		default:
			r.hasA = false
		}
	}
	return r
}

// layout puts the reachable blocks in order and finds loads that repeat what
// a register already holds on every path.
func (g *graph) layout() []placed {
	if g.entry < 0 {
		return nil
	}
	in := make([]registers, len(g.blocks))
	seen := make([]bool, len(g.blocks))
	meet := func(to int, r registers) {
		if to < 0 {
			return
		}
		if !seen[to] {
			seen[to], in[to] = true, r
			return
		}
		m := &in[to]
		m.hasA = m.hasA && r.hasA && m.a == r.a
		m.hasX = m.hasX && r.hasX && m.x == r.x
	}
	meet(g.entry, registers{})
	var out []placed
	for i := g.entry; i >= 0; i-- {
		if !seen[i] {
			continue
		}
		b := &g.blocks[i]
		p := placed{block: b, id: i}
		if f, ok := b.plain(); ok && in[i].hasA && in[i].a == f {
			p.skip = len(b.stmts)
		} else if in[i].hasX && len(b.stmts) > 0 && b.stmts[0] == (stmt{opLdxMsh, in[i].x}) {
			p.skip = 1
		}
		r := in[i].after(b.stmts[p.skip:])
		meet(b.t, r)
		meet(b.f, r)
		out = append(out, p)
	}
	return out
}

// emit writes the program. Conditional jumps reach 255 instructions; farther
// exits go through an unconditional jump placed right behind.
func (g *graph) emit(snap uint32) ([]bpf.Instruction, []step) {
	blocks := g.layout()
	index := make([]int, len(g.blocks))
	for i := range blocks {
		index[blocks[i].id] = i
	}
	n := 0
	target := func(to int) int {
		switch to {
		case accept:
			return n
		case reject:
			return n + 1
		}
		return blocks[index[to]].at
	}
	for grown := true; grown; {
		grown = false
		n = 0
		for i := range blocks {
			blocks[i].at = n
			n += blocks[i].size()
		}
		for i := range blocks {
			p := &blocks[i]
			jump := p.at + len(p.stmts) - p.skip
			if !p.longT && target(p.t)-jump-1 > 255 {
				p.longT, grown = true, true
			}
			if !p.longF && target(p.f)-jump-1 > 255 {
				p.longF, grown = true, true
			}
		}
	}
	ins := make([]bpf.Instruction, 0, n+2)
	for i := range blocks {
		p := &blocks[i]
		for _, s := range p.stmts[p.skip:] {
			ins = append(ins, s.instruction())
		}
		jump := len(ins)
		t, f := target(p.t)-jump-1, target(p.f)-jump-1
		var far []int
		if p.longT {
			far = append(far, target(p.t))
			t = 0
		}
		if p.longF {
			f = len(far)
			far = append(far, target(p.f))
		}
		ins = append(ins, p.instruction(uint8(t), uint8(f)))
		for _, to := range far {
			ins = append(ins, bpf.Jump{Skip: uint32(to - len(ins) - 1)})
		}
	}
	if g.entry == reject {
		return []bpf.Instruction{bpf.RetConstant{Val: 0}}, nil
	}
	ins = append(ins, bpf.RetConstant{Val: snap})
	if g.entry >= 0 {
		ins = append(ins, bpf.RetConstant{Val: 0})
	}
	return ins, steps(blocks, index)
}

func (p *placed) instruction(t, f uint8) bpf.Instruction {
	cond := [...]bpf.JumpTest{jeq: bpf.JumpEqual, jgt: bpf.JumpGreaterThan, jge: bpf.JumpGreaterOrEqual, jset: bpf.JumpBitsSet}[p.test]
	if p.useX {
		return bpf.JumpIfX{Cond: cond, SkipTrue: t, SkipFalse: f}
	}
	return bpf.JumpIf{Cond: cond, Val: p.k, SkipTrue: t, SkipFalse: f}
}

var aluOps = [...]bpf.ALUOp{bpf.ALUOpAdd, bpf.ALUOpSub, bpf.ALUOpMul, bpf.ALUOpDiv, bpf.ALUOpMod,
	bpf.ALUOpAnd, bpf.ALUOpOr, bpf.ALUOpXor, bpf.ALUOpShiftLeft, bpf.ALUOpShiftRight}

func (s stmt) instruction() bpf.Instruction {
	switch s.op {
	case opLdB, opLdH, opLdW:
		return bpf.LoadAbsolute{Off: s.k, Size: 1 << (s.op - opLdB)}
	case opLdBX, opLdHX, opLdWX:
		return bpf.LoadIndirect{Off: s.k, Size: 1 << (s.op - opLdBX)}
	case opLdLen:
		return bpf.LoadExtension{Num: bpf.ExtLen}
	case opLdImm:
		return bpf.LoadConstant{Dst: bpf.RegA, Val: s.k}
	case opLdMem:
		return bpf.LoadScratch{Dst: bpf.RegA, N: int(s.k)}
	case opLdxMsh:
		return bpf.LoadMemShift{Off: s.k}
	case opSt:
		return bpf.StoreScratch{Src: bpf.RegA, N: int(s.k)}
	case opTAX:
		return bpf.TAX{}
	}
	if s.op >= opAddX {
		return bpf.ALUOpX{Op: aluOps[s.op-opAddX]}
	}
	return bpf.ALUOpConstant{Op: aluOps[s.op-opAdd], Val: s.k}
}
