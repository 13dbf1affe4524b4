package detect

import (
	"encoding/binary"
	"net/netip"

	"firestorm/internal/packet"
)

// DefaultHomeNet is what counts as inside when nobody said it: private and link-local space (RFC 1918, RFC 3927,
// RFC 4193, RFC 4291 2.5.6). The machine's own prefixes are not in it: a capture says the same wherever it is read.
var DefaultHomeNet = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
}

// Home is the networks that are inside. The zero value is DefaultHomeNet.
type Home struct{ nets []homeNet }

// homeNet is a network in the form of packet.Addr: two words, and which bits of them count.
type homeNet struct{ hi, lo, hiMask, loMask uint64 }

var defaultHome = compileHome(DefaultHomeNet)

// NewHome returns the home of these networks; without any, the default.
func NewHome(nets []netip.Prefix) Home {
	if len(nets) == 0 {
		return Home{}
	}
	return Home{compileHome(nets)}
}

func compileHome(nets []netip.Prefix) []homeNet {
	out := make([]homeNet, 0, len(nets))
	for _, p := range nets {
		b := p.Addr().As16()
		bits := p.Bits()
		if p.Addr().Is4() {
			bits += 96
		}
		n := homeNet{hi: binary.BigEndian.Uint64(b[:8]), lo: binary.BigEndian.Uint64(b[8:])}
		n.hiMask = ^uint64(0) << (64 - min(bits, 64)) // a shift by 64 leaves none
		n.loMask = ^uint64(0) << (64 - max(bits-64, 0))
		n.hi, n.lo = n.hi&n.hiMask, n.lo&n.loMask
		out = append(out, n)
	}
	return out
}

// Has reports whether an address is inside.
func (h *Home) Has(a packet.Addr) bool {
	nets := h.nets
	if nets == nil {
		nets = defaultHome
	}
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	for i := range nets {
		if n := &nets[i]; hi&n.hiMask == n.hi && lo&n.loMask == n.lo {
			return true
		}
	}
	return false
}
