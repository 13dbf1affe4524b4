package header

import "encoding/binary"

// PFLOG is the header that OpenBSD's pf writes before a logged packet (LINKTYPE_PFLOG).
type PFLOG []byte

// ParsePFLOG returns the header at the start of b, with its padding; false when b does not hold it whole.
func ParsePFLOG(b []byte) (PFLOG, bool) {
	if len(b) < 4 || b[0] < 45 {
		return nil, false
	}
	n := (int(b[0]) + 3) &^ 3
	if n > len(b) {
		return nil, false
	}
	return PFLOG(b[:n]), true
}

// Family returns the address family: 2 is IPv4; IPv6 is 24 on OpenBSD and NetBSD, 28 on FreeBSD, 30 on macOS.
func (h PFLOG) Family() uint8 { return h[1] }

// Action returns pf's verdict: 0 pass, 1 block.
func (h PFLOG) Action() uint8 { return h[2] }

// Reason returns why: 0 a rule matched.
func (h PFLOG) Reason() uint8 { return h[3] }

// Interface returns the interface name.
func (h PFLOG) Interface() string {
	for i, c := range h[4:20] {
		if c == 0 {
			return string(h[4 : 4+i])
		}
	}
	return string(h[4:20])
}

// Rule returns the number of the rule.
func (h PFLOG) Rule() uint32 { return be32(h[36:]) }

// NFLOG is a packet of LINKTYPE_NFLOG: a header of four bytes and attributes (linux nfnetlink_log.h).
type NFLOG []byte

// ParseNFLOG returns b as a whole; false when b is too short or of another version.
func ParseNFLOG(b []byte) (NFLOG, bool) {
	if len(b) < 4 || b[1] != 0 {
		return nil, false
	}
	return NFLOG(b), true
}

// NFLOG attribute types.
const (
	NFLOGPacketHeader = 1 // EtherType, hook
	NFLOGMark         = 2
	NFLOGTimestamp    = 3 // seconds and microseconds, 64 bits each
	NFLOGInDevice     = 4 // number of an interface, as of the two that follow
	NFLOGOutDevice    = 5
	NFLOGHardwareAddr = 8
	NFLOGPayload      = 9
	NFLOGPrefix       = 10
	NFLOGSequence     = 12
)

// NFLOGHook names the hook of netfilter that logged a packet: its number in the NFLOGPacketHeader of IP packets. Empty for a
// number that netfilter does not use.
func NFLOGHook(n uint8) string {
	if names := [...]string{"prerouting", "input", "forward", "output", "postrouting"}; int(n) < len(names) {
		return names[n]
	}
	return ""
}

// Family returns the address family: 2 is IPv4, 10 IPv6, 7 a bridge.
func (h NFLOG) Family() uint8 { return h[0] }

// Next returns the attribute at off and where the next one starts; ok is false at the end, and with bad true where
// the list is damaged. Start with off 4. Lengths are in the byte order of the capturing host, little-endian
// unless that makes no sense.
func (h NFLOG) Next(off int) (typ uint16, value []byte, next int, ok, bad bool) {
	b := []byte(h)
	if off >= len(b) {
		return 0, nil, 0, false, false
	}
	if off+4 > len(b) {
		return 0, nil, 0, false, true
	}
	n, t := int(binary.LittleEndian.Uint16(b[off:])), binary.LittleEndian.Uint16(b[off+2:])
	if t&0x7fff > 0xff || n < 4 || n > len(b)-off {
		if m, u := int(be16(b[off:])), be16(b[off+2:]); u&0x7fff <= 0xff && m >= 4 && m <= len(b)-off {
			n, t = m, u
		}
	}
	if n < 4 || n > len(b)-off {
		return t, nil, 0, false, true
	}
	return t & 0x7fff, b[off+4 : off+n], off + (n+3)&^3, true, false
}
