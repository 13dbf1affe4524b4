package dns

import (
	"encoding/binary"

	"firestorm/internal/packet"
)

// Header is the fixed part of a message (RFC 1035 4.1.1, RFC 6895 2).
type Header struct {
	ID    uint16
	Flags uint16
	// Counts of the sections as the header announces them: questions, answers, authority, additional.
	QD, AN, NS, AR uint16
}

// Bits of Header.Flags.
const (
	FlagResponse      = 1 << 15
	FlagAuthoritative = 1 << 10
	FlagTruncated     = 1 << 9
	FlagRecursion     = 1 << 8 // desired
	FlagAvailable     = 1 << 7 // recursion is
	FlagZ             = 1 << 6
	FlagAuthentic     = 1 << 5 // RFC 4035 3.2.3
	FlagNoCheck       = 1 << 4 // RFC 4035 3.2.2
)

// Response reports that the message is an answer.
func (h *Header) Response() bool { return h.Flags&FlagResponse != 0 }

// Opcode is the kind of query.
func (h *Header) Opcode() uint8 { return uint8(h.Flags>>11) & 15 }

// RCode is the low four bits of the response code.
func (h *Header) RCode() uint8 { return uint8(h.Flags) & 15 }

const headerLen = 12

// Question is what is asked (RFC 1035 4.1.2). Name is lent from the buffer that the caller gave.
type Question struct {
	Name  []byte // labels joined by dots, without the last one; raw bytes
	Type  uint16
	Class uint16
}

// Record is one resource record (RFC 1035 4.1.3).
type Record struct {
	Section uint8 // 1 answers, 2 authority, 3 additional
	Type    uint16
	Class   uint16 // of OPT (RFC 6891 6.1.2): the sender's UDP payload size
	TTL     uint32 // seconds; of OPT: extended RCODE, version and flags
	Data    int    // offset of the data in the message
	Len     int
}

// Types that have a meaning here (RFC 1035 3.2.2 and later ones).
const (
	TypeA     = 1
	TypeNS    = 2
	TypeCNAME = 5
	TypeSOA   = 6
	TypeNULL  = 10
	TypePTR   = 12
	TypeMX    = 15
	TypeTXT   = 16
	TypeAAAA  = 28
	TypeSRV   = 33
	TypeOPT   = 41
	TypeSSHFP = 44
)

// Response codes with a meaning here (RFC 6895 2.3).
const (
	NoError  = 0
	FormErr  = 1
	ServFail = 2
	NXDomain = 3
	NotImp   = 4
	Refused  = 5
)

// Limits of what one message may cost.
const (
	maxName    = 255 // RFC 1035 2.3.4
	maxRecords = 256 // read of one message; a message of 64 KiB could hold thousands
	maxJumps   = 32  // compression pointers in one name
)

// ParseHeader reads the header of b; false: b is shorter.
func ParseHeader(b []byte) (h Header, ok bool) {
	if len(b) < headerLen {
		return h, false
	}
	return Header{ID: binary.BigEndian.Uint16(b), Flags: binary.BigEndian.Uint16(b[2:]), QD: binary.BigEndian.Uint16(b[4:]),
		AN: binary.BigEndian.Uint16(b[6:]), NS: binary.BigEndian.Uint16(b[8:]), AR: binary.BigEndian.Uint16(b[10:])}, true
}

// appendName appends the name at off to dst and returns the offset behind it in the message. Pointers (RFC 1035 4.1.4)
// ought to point back, but some point ahead, and resolvers follow; their number is bounded, so that every name ends. ok is
// false for a name that is cut, too long, or circular.
func appendName(dst, msg []byte, off int) (name []byte, next int, ok bool) {
	start, jumps := len(dst), 0
	next = -1
	for {
		if off >= len(msg) {
			return dst, 0, false
		}
		n := int(msg[off])
		switch {
		case n == 0:
			if next < 0 {
				next = off + 1
			}
			return dst, next, true
		case n < 64:
			if off+1+n > len(msg) || len(dst)-start+n+1 > maxName {
				return dst, 0, false
			}
			if len(dst) > start {
				dst = append(dst, '.')
			}
			dst = append(dst, msg[off+1:off+1+n]...)
			off += 1 + n
		case n >= 0xc0:
			if off+2 > len(msg) {
				return dst, 0, false
			}
			to := int(binary.BigEndian.Uint16(msg[off:]) & 0x3fff)
			if next < 0 {
				next = off + 2
			}
			if jumps++; jumps > maxJumps {
				return dst, 0, false
			}
			off = to
		default: // RFC 6891 5: the other label types are obsolete
			return dst, 0, false
		}
	}
}

// AppendQuestion reads the first question of msg, its name appended to buf. ok is false if there is none or it is cut.
func AppendQuestion(buf, msg []byte) (q Question, next int, ok bool) {
	name, off, ok := appendName(buf, msg, headerLen)
	if !ok || off+4 > len(msg) {
		return q, 0, false
	}
	return Question{Name: name[len(buf):], Type: binary.BigEndian.Uint16(msg[off:]), Class: binary.BigEndian.Uint16(msg[off+2:])}, off + 4, true
}

// skipName returns the offset behind the name at off.
func skipName(msg []byte, off int) (int, bool) {
	for length := 0; off < len(msg); {
		n := int(msg[off])
		switch {
		case n == 0:
			return off + 1, true
		case n < 64:
			off += 1 + n
			if length += 1 + n; length > maxName {
				return 0, false
			}
		case n >= 0xc0:
			return off + 2, off+2 <= len(msg)
		default:
			return 0, false
		}
	}
	return 0, false
}

// Records calls f for each record, in order, with the offset of its name, until f returns false. ok is false when the
// message ends before its counts do, or is malformed there; records before that were given.
func Records(msg []byte, f func(name int, r Record) bool) (ok bool) {
	h, ok := ParseHeader(msg)
	if !ok {
		return false
	}
	off := headerLen
	for range h.QD {
		if off, ok = skipName(msg, off); !ok || off+4 > len(msg) {
			return false
		}
		off += 4
	}
	n := 0
	for s, count := range [3]uint16{h.AN, h.NS, h.AR} {
		for range count {
			if n++; n > maxRecords {
				return true
			}
			name := off
			if off, ok = skipName(msg, off); !ok || off+10 > len(msg) {
				return false
			}
			r := Record{Section: uint8(s + 1), Type: binary.BigEndian.Uint16(msg[off:]), Class: binary.BigEndian.Uint16(msg[off+2:]),
				TTL: binary.BigEndian.Uint32(msg[off+4:]), Data: off + 10, Len: int(binary.BigEndian.Uint16(msg[off+8:]))}
			if off += 10 + r.Len; off > len(msg) {
				return false
			}
			if !f(name, r) {
				return true
			}
		}
	}
	return true
}

// Addr returns the address of an A or AAAA record (RFC 1035 3.4.1, RFC 3596 2.2); zero for others.
func (r *Record) Addr(msg []byte) packet.Addr {
	d := msg[r.Data : r.Data+r.Len]
	switch {
	case r.Type == TypeA && r.Len == 4:
		return packet.Addr4(d)
	case r.Type == TypeAAAA && r.Len == 16:
		return packet.Addr6(d)
	}
	return packet.Addr{}
}

// possible reports whether a header can be one: an opcode in use, bits that fit.
func (h *Header) possible() bool {
	switch h.Opcode() {
	case 0, 4, 5: // query, notify, update
	default:
		return false
	}
	if h.QD == 1 && !h.Response() { // its question says more than bits that must be zero, which some resolvers set
		return h.RCode() <= 10
	}
	return h.Flags&FlagZ == 0 && h.QD <= 8 && (h.Response() || h.RCode() == 0 && (h.QD > 0 || h.AN > 0))
}

// plausible reports whether b is a message by its form: a header that can be one, counts for which there is room, a
// first question that can be read, of a class that exists.
func plausible(b []byte) bool {
	h, ok := ParseHeader(b)
	if !ok || !h.possible() || int(h.QD)*5+(int(h.AN)+int(h.NS)+int(h.AR))*11 > len(b)-headerLen {
		return false
	}
	if h.QD == 0 && h.AN == 0 && h.NS == 0 && h.AR == 0 {
		return h.Response() && h.RCode() == FormErr && len(b) == headerLen
	}
	if h.QD == 0 {
		return Records(b, func(int, Record) bool { return true })
	}
	return sane(b)
}

// sane reports whether the first question of b can be read and asks for something that exists.
func sane(b []byte) bool {
	off, ok := skipName(b, headerLen)
	if !ok || off+4 > len(b) || binary.BigEndian.Uint16(b[off:]) == 0 {
		return false
	}
	switch binary.BigEndian.Uint16(b[off+2:]) &^ 0x8000 { // RFC 6762 5.4: the top bit asks for a unicast answer
	case 1, 3, 4, 254, 255:
		return true
	}
	return false
}

// optEDE is the option of Extended DNS Errors (RFC 8914 2).
const optEDE = 15

// extendedError returns the first Extended DNS Error among the options of an OPT record (RFC 6891 6.1.2).
func extendedError(options []byte) (code uint16, ok bool) {
	for len(options) >= 4 {
		n := int(binary.BigEndian.Uint16(options[2:]))
		if 4+n > len(options) {
			return 0, false
		}
		if binary.BigEndian.Uint16(options) == optEDE && n >= 2 {
			return binary.BigEndian.Uint16(options[4:]), true
		}
		options = options[4+n:]
	}
	return 0, false
}
