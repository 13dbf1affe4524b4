package packet

import (
	"cmp"
	"encoding/binary"
	"net/netip"
)

// Addr4 returns the IPv4-mapped form of four bytes; b must hold at least 4.
func Addr4(b []byte) (a Addr) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], b[:4])
	return a
}

// Addr6 returns 16 bytes as an Addr; b must hold at least 16.
func Addr6(b []byte) (a Addr) {
	copy(a[:], b[:16])
	return a
}

// MustAddr parses s; it panics on bad input and is meant for tests and tables.
func MustAddr(s string) Addr { return FromNetip(netip.MustParseAddr(s)) }

// FromNetip converts from the standard library's form.
func FromNetip(n netip.Addr) Addr { return Addr(n.As16()) }

// Is4 reports an IPv4-mapped address.
func (a Addr) Is4() bool {
	return binary.BigEndian.Uint64(a[:8]) == 0 && a[8] == 0 && a[9] == 0 && a[10] == 0xff && a[11] == 0xff
}

// IsZero reports that no address is known.
func (a Addr) IsZero() bool { return a == Addr{} }

// Netip returns the standard library's form, unmapped.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// String writes IPv4 dotted and IPv6 as RFC 5952 says.
func (a Addr) String() string { return a.Netip().String() }

// Compare orders addresses by their bytes.
func (a Addr) Compare(b Addr) int {
	if c := cmp.Compare(binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])); c != 0 {
		return c
	}
	return cmp.Compare(binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:]))
}

// Prefix returns a cut to /24 for IPv4 and /64 for IPv6: the grain at which paths are judged.
func (a Addr) Prefix() Addr {
	if a.Is4() {
		a[15] = 0
		return a
	}
	clear(a[8:])
	return a
}

const hexDigits = "0123456789abcdef"

// String writes the MAC colon-separated in lower case.
func (m MAC) String() string {
	b := make([]byte, 0, 17)
	for i, c := range m {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(b)
}

// IsZero reports that no MAC is known.
func (m MAC) IsZero() bool { return m == MAC{} }
