package lang

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Prefixes are the networks that together make up the set, in order, IPv4 first.
func (s *AddrSet) Prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, r := range s.four {
		for at := uint64(r.lo); at <= uint64(r.hi); {
			n := min(bits.TrailingZeros64(at|1<<32), bits.Len64(uint64(r.hi)-at+1)-1)
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], uint32(at))
			out = append(out, netip.PrefixFrom(netip.AddrFrom4(b), 32-n))
			at += 1 << n
		}
	}
	for _, r := range s.six {
		for at := r.lo; ; {
			n := 0
			for n < 128 && at.aligned(n+1) && at.plus(n+1).compare(r.hi) <= 0 {
				n++
			}
			var b [16]byte
			binary.BigEndian.PutUint64(b[:8], at.hi)
			binary.BigEndian.PutUint64(b[8:], at.lo)
			out = append(out, netip.PrefixFrom(netip.AddrFrom16(b), 128-n))
			end := at.plus(n)
			if end.compare(r.hi) >= 0 {
				break
			}
			at = end.next()
		}
	}
	return out
}

// aligned reports that the last n bits are zero.
func (a six) aligned(n int) bool {
	if n <= 64 {
		return a.lo&(1<<n-1) == 0
	}
	return a.lo == 0 && a.hi&(1<<(n-64)-1) == 0
}

// plus is the last address of the network of n bits that begins with a.
func (a six) plus(n int) six {
	if n <= 64 {
		return six{a.hi, a.lo | (1<<n - 1)}
	}
	return six{a.hi | (1<<(n-64) - 1), ^uint64(0)}
}
