package filter

import (
	"fmt"
	"strings"

	"golang.org/x/net/bpf"
)

// Options change what a program means or returns. The zero value is what
// suits a capture file.
type Options struct {
	// SnapLen is how many bytes the kernel keeps of an accepted packet;
	// 0 means 262144.
	SnapLen uint32
	// Netmask of the captured network, for "ip broadcast": 0xffffff00 for a
	// /24. Zero knows only 0.0.0.0 and 255.255.255.255.
	Netmask uint32
	// BigEndianNull says that a LINKTYPE_NULL capture was written by a
	// big-endian machine, whose address families are in that order.
	BigEndianNull bool
}

// defaultSnap is libpcap's own, large enough for any packet.
const defaultSnap = 262144

// Program is a compiled filter. It is not changed after Compile and may be
// shared.
type Program struct {
	expr  string
	ins   []bpf.Instruction
	raw   []bpf.RawInstruction
	steps []step
	first int32
	vlan  bool
}

// Compile translates expr for packets of the given LINKTYPE (the registry at
// tcpdump.org/linktypes). An empty expression accepts every packet. The error
// is always an *Error, with the place in expr.
func Compile(expr string, linkType uint16, o Options) (p *Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, ok := r.(bail)
			if !ok {
				panic(r)
			}
			b.err.Expr = expr
			p, err = nil, b.err
		}
	}()
	if o.SnapLen == 0 {
		o.SnapLen = defaultSnap
	}
	tree := parse(expr)
	n := alwaysTrue
	g := &gen{link: linkOf(linkType, o), o: o}
	if tree != nil {
		n = g.expr(tree)
	}
	flow := flatten(n)
	flow.thread()
	p = &Program{expr: expr, vlan: g.tagged}
	p.ins, p.steps = flow.emit(o.SnapLen)
	if flow.entry < 0 {
		p.first = int32(flow.entry)
	}
	if p.raw, err = bpf.Assemble(p.ins); err != nil {
		fail(0, "report this expression", "the program does not assemble: %v", err)
	}
	return p, nil
}

// Raw gives the program for the kernel (SO_ATTACH_FILTER). The slice is the
// Program's own: do not change it. Linux takes 4096 instructions at most; see
// FitsKernel. Linux also takes the outer VLAN tag off before a socket filter
// runs, so a program for which UsesVLAN holds must run by Match instead, on
// the packet with its tag put back.
func (p *Program) Raw() []bpf.RawInstruction { return p.raw }

// Instructions gives the program in readable form. The slice is the Program's
// own: do not change it.
func (p *Program) Instructions() []bpf.Instruction { return p.ins }

// FitsKernel reports whether the program is short enough for Linux and the
// BSDs (BPF_MAXINSNS, 4096).
func (p *Program) FitsKernel() bool { return len(p.raw) <= 4096 }

// UsesVLAN reports whether the expression contains "vlan".
func (p *Program) UsesVLAN() bool { return p.vlan }

// Expr gives the expression as it was passed to Compile.
func (p *Program) Expr() string { return p.expr }

// String lists the program, one instruction a line.
func (p *Program) String() string {
	var b strings.Builder
	for i, in := range p.ins {
		fmt.Fprintf(&b, "(%03d) %v\n", i, in)
	}
	return b.String()
}
