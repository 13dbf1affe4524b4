package ndp

import (
	"encoding/binary"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// Message is a neighbour discovery message as far as its bytes tell it.
type Message struct {
	Type                        uint8
	Code                        uint8
	Target, Dest                packet.Addr // zero where the type has none
	LinkAddr                    packet.MAC  // source link-layer address of 133 to 135, target's of 136 and 137; zero: none
	Router, Solicited, Override bool        // flags of 136
	Damaged                     bool        // an option has length zero or runs over the end: hosts discard the whole message
}

// Parse reads b, which begins with the ICMPv6 type (RFC 4861 4). False: it is none of the types 133 to 137, or shorter
// than the fixed part of its type.
func Parse(b []byte) (m Message, ok bool) {
	h, ok := header.ParseNDP(b)
	if !ok {
		return m, false
	}
	m.Type, m.Code = h.Type(), h[1]
	if t, ok := h.Target(); ok {
		m.Target = t
	}
	kind := uint8(header.NDPOptSourceLinkAddr)
	switch m.Type {
	case header.ICMPv6NeighborAdvert:
		m.Router, m.Solicited, m.Override = b[4]&0x80 != 0, h.Solicited(), h.Override()
		kind = header.NDPOptTargetLinkAddr
	case header.ICMPv6Redirect:
		m.Dest = packet.Addr6(b[24:])
		kind = header.NDPOptTargetLinkAddr
	}
	m.LinkAddr, _ = h.LinkAddr(kind)
	for o := h.Options(); ; {
		_, _, rest, more, bad := header.NextNDPOption(o)
		if !more {
			m.Damaged = bad
			return m, true
		}
		o = rest
	}
}

// ParseRouter reads what a router advertisement says into ra (RFC 4861 4.2); b must be one that Parse accepted.
func ParseRouter(b []byte, ra *event.RouterAdvert) {
	h, ok := header.ParseNDP(b)
	if !ok || h.Type() != header.ICMPv6RouterAdvert {
		return
	}
	flags := h.RAFlags()
	ra.CurHopLimit, ra.Managed, ra.OtherManaged = b[4], flags&0x80 != 0, flags&0x40 != 0
	switch flags >> 3 & 3 { // RFC 4191 2.2; the fourth value is reserved and means medium
	case 1:
		ra.Preference = 1
	case 3:
		ra.Preference = -1
	}
	ra.Lifetime = time.Duration(h.RouterLifetime()) * time.Second
	ra.Reachable = time.Duration(binary.BigEndian.Uint32(b[8:])) * time.Millisecond
	ra.Retrans = time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Millisecond
	for o := h.Options(); ; {
		kind, v, rest, more, _ := header.NextNDPOption(o)
		if !more {
			return
		}
		routerOption(kind, v, ra)
		o = rest
	}
}

// routerOption reads one option; v is what follows its type and length.
func routerOption(kind uint8, v []byte, ra *event.RouterAdvert) {
	seconds := func(at int) time.Duration { return time.Duration(binary.BigEndian.Uint32(v[at:])) * time.Second }
	switch {
	case kind == header.NDPOptPrefix && len(v) >= 30 && v[0] <= 128:
		if int(ra.NPrefix) < len(ra.Prefixes) {
			ra.Prefixes[ra.NPrefix] = event.NDPPrefix{Bits: v[0], OnLink: v[1]&0x80 != 0, Autonomous: v[1]&0x40 != 0,
				Valid: seconds(2), Preferred: seconds(6), Prefix: masked(packet.Addr6(v[14:]), v[0])}
		}
		ra.NPrefix = min(ra.NPrefix, 254) + 1
	case kind == header.NDPOptMTU && len(v) >= 6:
		ra.MTU = binary.BigEndian.Uint32(v[2:])
	case kind == header.NDPOptRDNSS && len(v) >= 22:
		if ra.NServer == 0 {
			ra.ServerLife = seconds(2)
		}
		for a := v[6:]; len(a) >= 16; a = a[16:] {
			if int(ra.NServer) < len(ra.Servers) {
				ra.Servers[ra.NServer] = packet.Addr6(a)
			}
			ra.NServer = min(ra.NServer, 254) + 1
		}
	}
}

// masked clears what is behind the first bits of a: senders may leave anything there (RFC 4861 4.6.2).
func masked(a packet.Addr, bits uint8) packet.Addr {
	for i := range a {
		switch n := int(bits) - 8*i; {
		case n <= 0:
			a[i] = 0
		case n < 8:
			a[i] &= 0xff << (8 - n)
		}
	}
	return a
}
