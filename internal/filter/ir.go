package filter

// Opcodes of the intermediate form. It is classic BPF without jump offsets.
type opcode uint8

const (
	opLdB    opcode = iota // A = byte at k
	opLdH                  // A = 16 bits at k
	opLdW                  // A = 32 bits at k
	opLdBX                 // A = byte at X+k
	opLdHX                 // A = 16 bits at X+k
	opLdWX                 // A = 32 bits at X+k
	opLdLen                // A = length on the wire
	opLdImm                // A = k
	opLdMem                // A = M[k]
	opLdxMsh               // X = 4 * (byte at k & 15), the IPv4 header length
	opSt                   // M[k] = A
	opTAX                  // X = A
	opAdd                  // A = A op k, in the order of the opX... below
	opSub
	opMul
	opDiv
	opMod
	opAnd
	opOr
	opXor
	opLsh
	opRsh
	opAddX // A = A op X
	opSubX
	opMulX
	opDivX
	opModX
	opAndX
	opOrX
	opXorX
	opLshX
	opRshX
)

// binaryOps gives the constant form; opAddX-opAdd more is the X form.
var binaryOps = map[string]opcode{
	"+": opAdd, "-": opSub, "*": opMul, "/": opDiv, "%": opMod,
	"&": opAnd, "|": opOr, "^": opXor, "<<": opLsh, ">>": opRsh,
}

type stmt struct {
	op opcode
	k  uint32
}

type test uint8

const (
	jeq test = iota
	jgt
	jge
	jset
)

func (t test) holds(a, b uint32) bool {
	switch t {
	case jeq:
		return a == b
	case jgt:
		return a > b
	case jge:
		return a >= b
	}
	return a&b != 0
}

// node is a boolean tree; its leaves are statements and one test of A.
// A nil node pointer in protocol checks means "no check".
type node struct {
	kind  nodeKind
	l, r  *node
	stmts []stmt
	test  test
	useX  bool // compare with X, not k
	k     uint32
}

type nodeKind uint8

const (
	nTest nodeKind = iota
	nTrue
	nFalse
	nAnd
	nOr
	nNot
)

var (
	alwaysTrue  = &node{kind: nTrue}
	alwaysFalse = &node{kind: nFalse}
)

func constant(v bool) *node {
	if v {
		return alwaysTrue
	}
	return alwaysFalse
}

// and runs a, then b if a holds. No load that would run is ever dropped, even
// if its outcome cannot matter: it may still end the program on a packet too
// short for it.
func and(a, b *node) *node {
	switch {
	case a == nil || a.kind == nTrue:
		return b
	case b == nil || b.kind == nTrue || a.kind == nFalse:
		return a
	}
	return &node{kind: nAnd, l: a, r: b}
}

func or(a, b *node) *node {
	switch {
	case a.kind == nFalse:
		return b
	case b.kind == nFalse || a.kind == nTrue:
		return a
	}
	return &node{kind: nOr, l: a, r: b}
}

func not(a *node) *node {
	switch a.kind {
	case nTrue:
		return alwaysFalse
	case nFalse:
		return alwaysTrue
	case nNot:
		return a.l
	}
	return &node{kind: nNot, l: a}
}

// load gives the absolute load of size bytes.
func load(size, off uint32) stmt {
	switch size {
	case 1:
		return stmt{opLdB, off}
	case 2:
		return stmt{opLdH, off}
	}
	return stmt{opLdW, off}
}

func loadX(size, off uint32) stmt {
	s := load(size, off)
	s.op += opLdBX - opLdB
	return s
}

func cmp(t test, size, off, k uint32) *node {
	return &node{kind: nTest, stmts: []stmt{load(size, off)}, test: t, k: k}
}

// masked compares under a mask.
func masked(size, off, k, mask uint32) *node {
	full := ^uint32(0) >> (32 - 8*size)
	if mask&full == full {
		return cmp(jeq, size, off, k)
	}
	return &node{kind: nTest, stmts: []stmt{load(size, off), {opAnd, mask}}, test: jeq, k: k}
}

// bytes6 compares a MAC address, the last four bytes first.
func bytes6(off uint32, m [6]byte) *node {
	lo := uint32(m[2])<<24 | uint32(m[3])<<16 | uint32(m[4])<<8 | uint32(m[5])
	return and(cmp(jeq, 4, off+2, lo), cmp(jeq, 2, off, uint32(m[0])<<8|uint32(m[1])))
}
