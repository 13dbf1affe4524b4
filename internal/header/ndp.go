package header

// NDP is a neighbour discovery message (RFC 4861 4), from its ICMPv6 type on.
type NDP []byte

// ParseNDP returns the message in b, whole; false when it is none of types 133 to 137 or shorter than its fixed
// part.
func ParseNDP(b []byte) (NDP, bool) {
	if len(b) < ICMPLen || b[0] < ICMPv6RouterSolicit || b[0] > ICMPv6Redirect || len(b) < NDP(b).fixed() {
		return nil, false
	}
	return NDP(b), true
}

func (h NDP) fixed() int {
	switch h[0] {
	case ICMPv6RouterSolicit:
		return 8
	case ICMPv6RouterAdvert:
		return 16
	case ICMPv6Redirect:
		return 40
	}
	return 24
}

// Type returns the ICMPv6 type.
func (h NDP) Type() uint8 { return h[0] }

// Target returns the target of a solicitation, advertisement or redirect; false in the router messages.
func (h NDP) Target() ([16]byte, bool) {
	if h.fixed() < 24 {
		return [16]byte{}, false
	}
	return [16]byte(h[8:24]), true
}

// Solicited returns the S flag of a neighbour advertisement.
func (h NDP) Solicited() bool { return h[0] == ICMPv6NeighborAdvert && h[4]&0x40 != 0 }

// Override returns the O flag of a neighbour advertisement.
func (h NDP) Override() bool { return h[0] == ICMPv6NeighborAdvert && h[4]&0x20 != 0 }

// RouterLifetime returns how long a router advertisement names a default router, seconds; 0 in other messages.
func (h NDP) RouterLifetime() uint16 {
	if h[0] != ICMPv6RouterAdvert {
		return 0
	}
	return be16(h[6:])
}

// RAFlags returns the flags of a router advertisement: 0x80 managed, 0x40 other configuration.
func (h NDP) RAFlags() uint8 {
	if h[0] != ICMPv6RouterAdvert {
		return 0
	}
	return h[5]
}

// Options returns the option bytes; NextNDPOption walks them.
func (h NDP) Options() []byte { return h[h.fixed():] }

// NDP option types (IANA).
const (
	NDPOptSourceLinkAddr = 1
	NDPOptTargetLinkAddr = 2
	NDPOptPrefix         = 3
	NDPOptRedirected     = 4
	NDPOptMTU            = 5
	NDPOptRDNSS          = 25
)

// NextNDPOption splits the first option off; its length counts eight bytes each. ok is false at the end, and with
// bad true where the list is damaged.
func NextNDPOption(opts []byte) (kind uint8, value, rest []byte, ok, bad bool) {
	if len(opts) == 0 {
		return 0, nil, nil, false, false
	}
	if len(opts) < 2 || opts[1] == 0 || int(opts[1])*8 > len(opts) {
		return opts[0], nil, nil, false, true
	}
	n := int(opts[1]) * 8
	return opts[0], opts[2:n], opts[n:], true, false
}

// LinkAddr returns the 48-bit address in an option of type kind; false when there is none.
func (h NDP) LinkAddr(kind uint8) (m [6]byte, ok bool) {
	for o := h.Options(); ; {
		k, v, rest, more, _ := NextNDPOption(o)
		if !more {
			return m, false
		}
		if k == kind && len(v) >= 6 {
			return [6]byte(v), true
		}
		o = rest
	}
}
