package capture

import (
	"golang.org/x/net/bpf"

	"firestorm/internal/packet"
)

// pairProgram is a program for the kernel that says to which shard a frame belongs: packet.ShardOfPair of the outermost IP
// addresses; of frames without any, packet.ShardOfNone. The kernel takes what it says modulo the number of rings. So both
// directions of a pair, and fragments without ports, meet in the ring of the worker that has their shard; what a tunnel
// holds, and an ICMP error, which belongs to the pair it quotes, may not: ingest counts those as handed over.
//
// It is classic BPF, which who may capture may give: eBPF wants rights that the parent does not keep. Such a machine has 32
// bits; the hash multiplies 64 by 64 bits to 128, so it is done in limbs of 16 bits as on paper: 16 steps a product, half
// of them known beforehand for IPv4.
func pairProgram(vantage uint16) []bpf.Instruction {
	g := &pairGen{}
	g.none = bpf.RetConstant{Val: uint32(packet.ShardOfNone(vantage))}
	g.add(bpf.LoadConstant{}, bpf.StoreScratch{Src: bpf.RegA, N: slotBase}, bpf.LoadExtension{Num: bpf.ExtProto})
	// The kernel took the first VLAN tag off; more, and PPPoE, stand where the network header would.
	for range 2 {
		tag := &pairGen{}
		tag.load(2, 2)
		tag.add(bpf.StoreScratch{Src: bpf.RegA, N: slotTemp})
		tag.move(4)
		tag.add(bpf.LoadScratch{Dst: bpf.RegA, N: slotTemp})
		n := uint8(len(tag.out))
		g.add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(packet.EtherVLAN), SkipTrue: 1},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(packet.EtherQinQ), SkipTrue: n})
		g.add(tag.out...)
	}
	ppp := &pairGen{}
	ppp.load(6, 2)
	ppp.add(bpf.StoreScratch{Src: bpf.RegA, N: slotTemp})
	ppp.move(8)
	ppp.add(bpf.LoadScratch{Dst: bpf.RegA, N: slotTemp},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: pppIPv4, SkipTrue: 1}, bpf.LoadConstant{Val: uint32(packet.EtherIPv4)},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: pppIPv6, SkipTrue: 1}, bpf.LoadConstant{Val: uint32(packet.EtherIPv6)})
	g.add(bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(packet.EtherPPPoE), SkipTrue: uint8(len(ppp.out))})
	g.add(ppp.out...)

	v4, v6, end := &pairGen{}, &pairGen{}, &pairGen{}
	v4.fold4(12, slotFirst)
	v4.fold4(16, slotX)
	v6.fold6(8, slotFirst)
	v6.fold6(24, slotX)
	end.shard(vantage)
	v4.add(bpf.Jump{Skip: uint32(len(v6.out))})
	g.add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(packet.EtherIPv4), SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(packet.EtherIPv6), SkipTrue: 1},
		g.none, bpf.Jump{Skip: uint32(len(v4.out))})
	g.add(v4.out...)
	g.add(v6.out...)
	g.add(end.out...)
	return g.out
}

// Protocols of PPP (RFC 1332, RFC 5072).
const pppIPv4, pppIPv6 = 0x0021, 0x0057

// netOffset in a load means: from the network header on, wherever the frame begins (SKF_NET_OFF of linux/filter.h). What the
// machine sends begins with its link header, what it gets does not.
const netOffset = 0xfff00000

// The 16 words of scratch memory.
const (
	slotProduct = 0 // 8 limbs
	slotCarry   = 8
	slotTemp    = 8 // never at the same time
	slotX       = 9 // two words of the first factor, and of what the second fold is
	slotY       = 11
	slotFirst   = 13 // two words: what the first fold is
	slotBase    = 15 // bytes of tags before the IP header
)

// pairGen writes the program.
type pairGen struct {
	out  []bpf.Instruction
	none bpf.Instruction
	// of the product under way
	known [8]bool
	value [8]uint32
}

func (g *pairGen) add(ins ...bpf.Instruction) { g.out = append(g.out, ins...) }

// load loads size bytes from off behind the tags.
func (g *pairGen) load(off uint32, size int) {
	g.add(bpf.LoadScratch{Dst: bpf.RegX, N: slotBase}, bpf.LoadIndirect{Off: netOffset + off, Size: size})
}

// move goes n bytes on.
func (g *pairGen) move(n uint32) {
	g.add(bpf.LoadScratch{Dst: bpf.RegA, N: slotBase}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: n}, bpf.StoreScratch{Src: bpf.RegA, N: slotBase})
}

// limb is 16 bits of a factor: known, or a half of a word in scratch memory.
type limb struct {
	known bool
	value uint32
	slot  int
	high  bool
}

// limbsOf are those of a number that is known, the lowest first.
func limbsOf(n uint64) (l [4]limb) {
	for i := range l {
		l[i] = limb{known: true, value: uint32(n >> (16 * i) & 0xffff)}
	}
	return l
}

// word loads four bytes of an address, as a little-endian machine would, turns the bits of mask (limbs from and from+1 of
// the number) and stores it. Its lower limb stands in the upper half: that is one step less of turning bytes round.
func (g *pairGen) word(off uint32, mask uint64, from int, slot int) {
	m := limbsOf(mask)
	const odd = 0x00ff00ff
	g.load(off, 4)
	g.add(bpf.TAX{}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: odd}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 8}, bpf.StoreScratch{Src: bpf.RegA, N: slotTemp},
		bpf.TXA{}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 8}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: odd},
		bpf.LoadScratch{Dst: bpf.RegX, N: slotTemp}, bpf.ALUOpX{Op: bpf.ALUOpOr},
		bpf.ALUOpConstant{Op: bpf.ALUOpXor, Val: m[from].value<<16 | m[from+1].value}, bpf.StoreScratch{Src: bpf.RegA, N: slot})
}

// fold4 puts packet.Addr.Fold of the IPv4 address at off into two words.
func (g *pairGen) fold4(off uint32, to int) {
	y := limbsOf(0xffff0000 ^ packet.FoldLow) // ::ffff: before the address
	g.word(off, packet.FoldLow, 2, slotY)
	y[2], y[3] = limb{slot: slotY, high: true}, limb{slot: slotY}
	g.multiply(limbsOf(packet.FoldHigh), y)
	g.folded(to)
}

// fold6 is fold4 of an IPv6 address.
func (g *pairGen) fold6(off uint32, to int) {
	var x, y [4]limb
	for i := range 2 {
		g.word(off+uint32(4*i), packet.FoldHigh, 2*i, slotX+i)
		g.word(off+8+uint32(4*i), packet.FoldLow, 2*i, slotY+i)
		x[2*i], x[2*i+1] = limb{slot: slotX + i, high: true}, limb{slot: slotX + i}
		y[2*i], y[2*i+1] = limb{slot: slotY + i, high: true}, limb{slot: slotY + i}
	}
	g.multiply(x, y)
	g.folded(to)
}

// get loads a limb.
func (g *pairGen) get(l limb) {
	if l.known {
		g.add(bpf.LoadConstant{Dst: bpf.RegA, Val: l.value})
		return
	}
	g.add(bpf.LoadScratch{Dst: bpf.RegA, N: l.slot})
	if l.high {
		g.add(bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 16})
	} else {
		g.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xffff})
	}
}

// multiply multiplies as on paper, a row for each limb of y: the product is in slotProduct, or known. In a row, limb times
// limb and what is there and the carry just fit 32 bits: (2^16-1)^2 + 2(2^16-1) = 2^32-1. Where one factor is known the
// register X is free for the carry.
func (g *pairGen) multiply(x, y [4]limb) {
	for k := range g.known {
		g.known[k], g.value[k] = true, 0
	}
	for j := range y {
		carryKnown, carry, carryInX := true, uint32(0), false
		for i := range x {
			k := i + j
			a, b := x[i], y[j]
			if a.known && b.known && g.known[k] && carryKnown {
				t := a.value*b.value + g.value[k] + carry
				g.value[k], carry = t&0xffff, t>>16
				continue
			}
			one := a.known || b.known
			if !carryKnown && carryInX && !one {
				g.add(bpf.StoreScratch{Src: bpf.RegX, N: slotCarry})
				carryInX = false
			}
			switch {
			case a.known && b.known:
				g.add(bpf.LoadConstant{Dst: bpf.RegA, Val: a.value * b.value})
			case a.known:
				g.get(b)
				g.add(bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: a.value})
			case b.known:
				g.get(a)
				g.add(bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: b.value})
			default:
				g.get(a)
				g.add(bpf.TAX{})
				g.get(b)
				g.add(bpf.ALUOpX{Op: bpf.ALUOpMul})
			}
			switch {
			case carryKnown && carry != 0:
				g.add(bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: carry})
			case !carryKnown && !carryInX:
				g.add(bpf.LoadScratch{Dst: bpf.RegX, N: slotCarry}, bpf.ALUOpX{Op: bpf.ALUOpAdd})
			case !carryKnown:
				g.add(bpf.ALUOpX{Op: bpf.ALUOpAdd})
			}
			switch {
			case !g.known[k]:
				g.add(bpf.LoadScratch{Dst: bpf.RegX, N: slotProduct + k}, bpf.ALUOpX{Op: bpf.ALUOpAdd})
			case g.value[k] != 0:
				g.add(bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: g.value[k]})
			}
			g.add(bpf.TAX{}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xffff}, bpf.StoreScratch{Src: bpf.RegA, N: slotProduct + k},
				bpf.TXA{}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 16})
			g.known[k], carryKnown, carryInX = false, false, one
			if one {
				g.add(bpf.TAX{})
			} else {
				g.add(bpf.StoreScratch{Src: bpf.RegA, N: slotCarry})
			}
		}
		k := j + 4
		g.known[k], g.value[k] = carryKnown, carry
		switch {
		case carryKnown:
		case carryInX:
			g.add(bpf.StoreScratch{Src: bpf.RegX, N: slotProduct + k})
		default:
			g.add(bpf.LoadScratch{Dst: bpf.RegA, N: slotCarry}, bpf.StoreScratch{Src: bpf.RegA, N: slotProduct + k})
		}
	}
}

// both loads limb k of the product, and turns the bits of the limb four on: high word and low word together.
func (g *pairGen) both(k int) {
	for i, n := range [2]int{k, k + 4} {
		switch {
		case i == 0 && g.known[n]:
			g.add(bpf.LoadConstant{Dst: bpf.RegA, Val: g.value[n]})
		case i == 0:
			g.add(bpf.LoadScratch{Dst: bpf.RegA, N: slotProduct + n})
		case g.known[n]:
			g.add(bpf.ALUOpConstant{Op: bpf.ALUOpXor, Val: g.value[n]})
		default:
			g.add(bpf.LoadScratch{Dst: bpf.RegX, N: slotProduct + n}, bpf.ALUOpX{Op: bpf.ALUOpXor})
		}
	}
}

// folded puts the high and the low word of the product, one turned by the other, into two words.
func (g *pairGen) folded(to int) {
	for i := range 2 {
		g.both(2*i + 1)
		g.add(bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 16}, bpf.StoreScratch{Src: bpf.RegA, N: slotTemp})
		g.both(2 * i)
		g.add(bpf.LoadScratch{Dst: bpf.RegX, N: slotTemp}, bpf.ALUOpX{Op: bpf.ALUOpOr}, bpf.StoreScratch{Src: bpf.RegA, N: to + i})
	}
}

// shard makes the shard of the two folds and returns it.
func (g *pairGen) shard(vantage uint16) {
	place := uint64(vantage) * packet.PairPlace
	g.add(bpf.LoadScratch{Dst: bpf.RegA, N: slotFirst}, bpf.LoadScratch{Dst: bpf.RegX, N: slotX}, bpf.ALUOpX{Op: bpf.ALUOpAdd},
		bpf.JumpIfX{Cond: bpf.JumpGreaterOrEqual, SkipTrue: 5}, // no carry
		bpf.TAX{}, bpf.LoadScratch{Dst: bpf.RegA, N: slotFirst + 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 1}, bpf.StoreScratch{Src: bpf.RegA, N: slotFirst + 1}, bpf.TXA{},
		bpf.ALUOpConstant{Op: bpf.ALUOpXor, Val: uint32(place)}, bpf.StoreScratch{Src: bpf.RegA, N: slotX},
		bpf.LoadScratch{Dst: bpf.RegA, N: slotFirst + 1}, bpf.LoadScratch{Dst: bpf.RegX, N: slotX + 1}, bpf.ALUOpX{Op: bpf.ALUOpAdd},
		bpf.ALUOpConstant{Op: bpf.ALUOpXor, Val: uint32(place >> 32)}, bpf.StoreScratch{Src: bpf.RegA, N: slotX + 1})
	g.multiply([4]limb{{slot: slotX}, {slot: slotX, high: true}, {slot: slotX + 1}, {slot: slotX + 1, high: true}}, limbsOf(packet.PairLast))
	g.both(3)
	g.add(bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 10}, bpf.RetA{})
}
