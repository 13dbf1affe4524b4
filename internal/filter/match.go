package filter

import "encoding/binary"

// step is one instruction of the matcher: a statement, a test, or a load and
// an equality test in one. t and f are step numbers, accept or reject.
type step struct {
	op   opcode
	off  uint32 // operand of a statement; offset of a fused load
	k    uint32 // what a test compares with
	t, f int32
}

// Tests follow the statements in the opcode space.
const (
	stepTest  opcode = opRshX + 1 + iota // + test
	_                                    // jgt
	_                                    // jge
	_                                    // jset
	stepTestX                            // + test
	_
	_
	_
	stepEqB // + size: load and compare for equality
	stepEqH
	stepEqW
	stepEqHX // load behind the IPv4 header length in X
)

// steps turns the placed blocks into matcher steps.
func steps(blocks []placed, index []int) []step {
	start := make([]int32, len(blocks))
	var out []step
	for i := range blocks {
		p := &blocks[i]
		start[i] = int32(len(out))
		last := step{op: stepTest + opcode(p.test), k: p.k, t: int32(p.t), f: int32(p.f)}
		if p.useX {
			last.op = stepTestX + opcode(p.test)
		}
		st := p.stmts[p.skip:]
		if n := len(st); n > 0 && !p.useX && p.test == jeq {
			switch op := st[n-1].op; op {
			case opLdB, opLdH, opLdW:
				last.op, last.off = stepEqB+op-opLdB, st[n-1].k
				st = st[:n-1]
			case opLdHX:
				last.op, last.off = stepEqHX, st[n-1].k
				st = st[:n-1]
			}
		}
		for _, s := range st {
			out = append(out, step{op: s.op, off: s.k})
		}
		out = append(out, last)
	}
	for i := range out {
		s := &out[i]
		if s.op < stepTest {
			continue
		}
		if s.t >= 0 {
			s.t = start[index[s.t]]
		}
		if s.f >= 0 {
			s.f = start[index[s.f]]
		}
	}
	return out
}

// Match reports whether the filter accepts a packet. data is what was
// captured of it, from the link-layer header on; wireLen is its length on the
// wire, which "len", "less" and "greater" test. Match does not keep or change
// data, does not allocate, and may be called from several goroutines.
func (p *Program) Match(data []byte, wireLen int) bool {
	var a, x uint32
	var mem [scratch]uint32
	pc := p.first
	for pc >= 0 {
		s := &p.steps[pc]
		pc++
		switch s.op {
		case stepEqB:
			if uint64(s.off) >= uint64(len(data)) {
				return false
			}
			a = uint32(data[s.off])
			if pc = s.f; a == s.k {
				pc = s.t
			}
		case stepEqH:
			if uint64(s.off)+2 > uint64(len(data)) {
				return false
			}
			a = uint32(binary.BigEndian.Uint16(data[s.off:]))
			if pc = s.f; a == s.k {
				pc = s.t
			}
		case stepEqW:
			if uint64(s.off)+4 > uint64(len(data)) {
				return false
			}
			a = binary.BigEndian.Uint32(data[s.off:])
			if pc = s.f; a == s.k {
				pc = s.t
			}
		case stepEqHX:
			o := uint64(x) + uint64(s.off)
			if o+2 > uint64(len(data)) {
				return false
			}
			a = uint32(binary.BigEndian.Uint16(data[o:]))
			if pc = s.f; a == s.k {
				pc = s.t
			}
		case stepTest + opcode(jeq), stepTest + opcode(jgt), stepTest + opcode(jge), stepTest + opcode(jset):
			if pc = s.f; test(s.op-stepTest).holds(a, s.k) {
				pc = s.t
			}
		case stepTestX + opcode(jeq), stepTestX + opcode(jgt), stepTestX + opcode(jge), stepTestX + opcode(jset):
			if pc = s.f; test(s.op-stepTestX).holds(a, x) {
				pc = s.t
			}
		case opLdB, opLdH, opLdW, opLdBX, opLdHX, opLdWX:
			o, size := uint64(s.off), s.op-opLdB
			if size > opLdW-opLdB {
				o, size = o+uint64(x), s.op-opLdBX
			}
			if o+1<<size > uint64(len(data)) {
				return false
			}
			switch size {
			case 0:
				a = uint32(data[o])
			case 1:
				a = uint32(binary.BigEndian.Uint16(data[o:]))
			default:
				a = binary.BigEndian.Uint32(data[o:])
			}
		case opLdxMsh:
			if uint64(s.off) >= uint64(len(data)) {
				return false
			}
			x = uint32(data[s.off]&0xf) * 4
		case opLdLen:
			a = uint32(wireLen)
		case opLdImm:
			a = s.off
		case opLdMem:
			a = mem[s.off%scratch]
		case opSt:
			mem[s.off%scratch] = a
		case opTAX:
			x = a
		default:
			v, op := s.off, s.op
			if op >= opAddX {
				v, op = x, op-(opAddX-opAdd)
			}
			if v == 0 && (op == opDiv || op == opMod) {
				return false // as the kernel does
			}
			a = compute(op, a, v)
		}
	}
	return pc == accept
}
