package dhcpv6

import (
	"encoding/binary"

	"firestorm/internal/packet"
)

// Message is a DHCPv6 message (RFC 8415 8, 9) with the options that matter here. Texts and identifiers are copies.
type Message struct {
	Type       Type
	Relay      Type        // RelayForward or RelayReply that the message came in; 0: none
	Link, Peer packet.Addr // of the relay: the client's link, and the client or the relay before (RFC 8415 9)
	Hops       uint8
	XID        uint32 // 24 bits; 0 where the message inside a relay is missing
	ClientID   []byte // DUID (option 1)
	ServerID   []byte // DUID (option 2)
	Addrs      []Lease
	Prefixes   []Lease
	Status     Status // the first that is no success, of the message or of what it gives
	HasStatus  bool
	Text       string // what the status says
	FQDN       string // option 39 (RFC 4704), with dots, without the last one
	DNS        []packet.Addr
}

// Lease is an address or prefix in an IA_NA or IA_PD (RFC 8415 21.4, 21.6, 21.21, 21.22).
type Lease struct {
	IAID             uint32
	Preferred, Valid uint32 // seconds; 0xffffffff: for ever
	Addr             packet.Addr
	Bits             uint8 // length of the prefix; 128 for an address
}

// Type is the message type (RFC 8415 7.3).
type Type uint8

// Message types.
const (
	Solicit Type = iota + 1
	Advertise
	Request
	Confirm
	Renew
	Rebind
	Reply
	Release
	Decline
	Reconfigure
	InformationRequest
	RelayForward
	RelayReply
)

var typeNames = [...]string{"", "solicit", "advertise", "request", "confirm", "renew", "rebind", "reply", "release", "decline", "reconfigure",
	"information-request", "relay-forward", "relay-reply"}

// String returns the name in lower case.
func (t Type) String() string {
	if int(t) < len(typeNames) && t != 0 {
		return typeNames[t]
	}
	return "unknown"
}

// Status is a status code (RFC 8415 21.13).
type Status uint16

// Status codes.
const (
	Success Status = iota
	UnspecFail
	NoAddrsAvail
	NoBinding
	NotOnLink
	UseMulticast
	NoPrefixAvail
)

const (
	headLen  = 4  // type, transaction id
	relayLen = 34 // type, hop count, two addresses
	maxHops  = 32 // HOP_COUNT_LIMIT of RFC 3315, the greatest there was
	maxKept  = 8  // of each list
	maxID    = 130
	maxText  = 255
	maxName  = 255
)

// Parse reads b. ok is false when it is no whole DHCPv6 message. Of a relayed message one level is
// opened; a relay inside a relay keeps its type as the message's.
func Parse(b []byte) (m Message, ok bool) {
	if !plausible(b) {
		return m, false
	}
	if t := Type(b[0]); t == RelayForward || t == RelayReply {
		m.Relay, m.Hops, m.Link, m.Peer = t, b[1], packet.Addr(b[2:18]), packet.Addr(b[18:34])
		inner := find(b[relayLen:], 9)
		if len(inner) < headLen {
			return m, true
		}
		b = inner
	}
	m.Type = Type(b[0])
	if m.Type == RelayForward || m.Type == RelayReply {
		return m, true
	}
	m.XID = binary.BigEndian.Uint32(b) & 0xffffff
	m.options(b[headLen:])
	return m, true
}

// plausible reports whether b can be a message: a known type, options that fill it to the end, and among them what such a
// message must have: an identifier (RFC 8415 16), or what a relay carries. DNS and others begin alike: the whole is looked
// at.
func plausible(b []byte) bool {
	if len(b) < headLen || b[0] == 0 || b[0] > byte(RelayReply) {
		return false
	}
	at, relay := headLen, Type(b[0]) >= RelayForward
	if relay {
		if at = relayLen; len(b) < at || b[1] > maxHops {
			return false
		}
	}
	known := Type(b[0]) == InformationRequest // may be anonymous
	for b = b[at:]; len(b) > 0; {
		code, v, rest, ok := option(b)
		if !ok || code == 0 || code > maxOption {
			return false
		}
		known = known || relay && code == 9 || !relay && (code == 1 || code == 2) && len(v) > 2 && len(v) <= maxID
		b = rest
	}
	return known
}

// maxOption is the highest option number that is assigned, with room for some to come.
const maxOption = 255

// option splits the first option off.
func option(b []byte) (code uint16, v, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if len(b) < 4+n {
		return 0, nil, nil, false
	}
	return binary.BigEndian.Uint16(b), b[4 : 4+n], b[4+n:], true
}

// find returns the value of the first option of a number.
func find(b []byte, want uint16) []byte {
	for {
		code, v, rest, ok := option(b)
		if !ok {
			return nil
		}
		if code == want {
			return v
		}
		b = rest
	}
}

func (m *Message) options(b []byte) {
	for {
		code, v, rest, ok := option(b)
		if !ok {
			return
		}
		b = rest
		switch code {
		case 1:
			m.ClientID = id(v)
		case 2:
			m.ServerID = id(v)
		case 3, 25: // IA_NA, IA_PD: IAID, T1, T2, options
			if len(v) >= 12 {
				m.association(binary.BigEndian.Uint32(v), v[12:])
			}
		case 4: // IA_TA: IAID, options
			if len(v) >= 4 {
				m.association(binary.BigEndian.Uint32(v), v[4:])
			}
		case 13:
			m.status(v)
		case 23:
			for ; len(v) >= 16 && len(m.DNS) < maxKept; v = v[16:] {
				m.DNS = append(m.DNS, packet.Addr(v[:16]))
			}
		case 39:
			if len(v) > 1 {
				m.FQDN = name(v[1:])
			}
		}
	}
}

// association reads what one association gives.
func (m *Message) association(iaid uint32, b []byte) {
	for {
		code, v, rest, ok := option(b)
		if !ok {
			return
		}
		b = rest
		switch {
		case code == 5 && len(v) >= 24 && len(m.Addrs) < maxKept:
			m.Addrs = append(m.Addrs, Lease{IAID: iaid, Addr: packet.Addr(v[:16]), Bits: 128, Preferred: binary.BigEndian.Uint32(v[16:]), Valid: binary.BigEndian.Uint32(v[20:])})
			m.status(find(v[24:], 13))
		case code == 26 && len(v) >= 25 && v[8] <= 128 && len(m.Prefixes) < maxKept:
			m.Prefixes = append(m.Prefixes, Lease{IAID: iaid, Preferred: binary.BigEndian.Uint32(v), Valid: binary.BigEndian.Uint32(v[4:]), Bits: v[8], Addr: packet.Addr(v[9:25])})
			m.status(find(v[25:], 13))
		case code == 13:
			m.status(v)
		}
	}
}

func (m *Message) status(v []byte) {
	if len(v) < 2 || m.Status != Success {
		return
	}
	m.Status, m.HasStatus = Status(binary.BigEndian.Uint16(v)), true
	m.Text = string(v[2:min(len(v), 2+maxText)])
}

func id(v []byte) []byte { return append([]byte(nil), v[:min(len(v), maxID)]...) }

// name reads a name in DNS encoding without compression (RFC 8415 10); part of one has no final zero (RFC 4704 4.2).
func name(v []byte) string {
	var out []byte
	for len(v) > 0 && v[0] != 0 {
		n := int(v[0])
		if n > 63 || len(v) < 1+n || len(out)+1+n > maxName {
			return ""
		}
		if len(out) > 0 {
			out = append(out, '.')
		}
		out = append(out, v[1:1+n]...)
		v = v[1+n:]
	}
	return string(out)
}
