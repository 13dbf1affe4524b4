package rules

import (
	"encoding/binary"
	"net/netip"

	"firestorm/internal/packet"
)

// ends finds rules about addresses alone by one address of a packet: lists of thousands of hosts cost some twenty look-ups
// for each way of a connection, however many rules there are.
type ends struct {
	src, dst prefixes
}

// mostNarrow is how many addresses a side may have by which a rule is found here.
const mostNarrow = 1 << 24

// build takes the rules that have a narrow side.
func (e *ends) build(sigs []*sig) {
	for _, s := range sigs {
		if !s.endsOnly() || s.src.Any() && s.dst.Any() {
			continue
		}
		src, dst := s.src.Prefixes(), s.dst.Prefixes()
		n, m := size(src), size(dst)
		if s.narrow = min(n, m) <= mostNarrow; !s.narrow {
			continue
		}
		by := src
		if m < n {
			by = dst
		}
		if n <= m || s.both {
			e.src.add(by, s)
		}
		if m < n || s.both {
			e.dst.add(by, s)
		}
	}
}

// find appends the rules that the addresses of p may fit.
func (e *ends) find(dst []candidate, p *packet.Packet) []candidate {
	dst = e.src.find(dst, &p.Src)
	return e.dst.find(dst, &p.Dst)
}

// size is how many addresses there are, as far as anybody cares.
func size(nets []netip.Prefix) int {
	n := 0
	for _, p := range nets {
		if n += 1 << min(p.Addr().BitLen()-p.Bits(), 32); n > mostNarrow {
			break
		}
	}
	return n
}

// prefixes finds rules by the networks that an address lies in.
type prefixes struct {
	some    [2][1 << 10]uint64 // of IPv4 and IPv6, the first 16 bits of addresses with a network: most have none
	lengths []int              // in use, of 128 bits
	of      [129]map[wide][]*sig
}

func (t *prefixes) add(nets []netip.Prefix, s *sig) {
	for _, p := range nets {
		n := p.Bits() + 128 - p.Addr().BitLen()
		if t.of[n] == nil {
			t.of[n] = map[wide][]*sig{}
			t.lengths = append(t.lengths, n)
		}
		a := packet.Addr(p.Addr().As16())
		for i, last := first16(&a), first16(&a)+1<<max(16-p.Bits(), 0)-1; i <= last; i++ {
			t.some[family(&a)][i>>6] |= 1 << (i & 63)
		}
		w := wideOf(a)
		t.of[n][w] = append(t.of[n][w], s)
	}
}

func (t *prefixes) find(dst []candidate, a *packet.Addr) []candidate {
	if i := first16(a); t.some[family(a)][i>>6]>>(i&63)&1 == 0 {
		return dst
	}
	w := wideOf(*a)
	for _, n := range t.lengths {
		dst = appendAll(dst, t.of[n][w.mask(n)], 0)
	}
	return dst
}

func family(a *packet.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// first16 are the first 16 bits of an address as a host has it.
func first16(a *packet.Addr) int {
	if a.Is4() {
		return int(binary.BigEndian.Uint16(a[12:]))
	}
	return int(binary.BigEndian.Uint16(a[:]))
}

// wide is an address as a number.
type wide struct{ hi, lo uint64 }

func wideOf(a packet.Addr) wide {
	return wide{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])}
}

// mask clears all but the first n bits.
func (w wide) mask(n int) wide {
	if n <= 64 {
		return wide{w.hi &^ (^uint64(0) >> n), 0}
	}
	return wide{w.hi, w.lo &^ (^uint64(0) >> (n - 64))}
}
