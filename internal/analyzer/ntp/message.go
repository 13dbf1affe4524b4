package ntp

import (
	"encoding/binary"
	"time"

	"firestorm/internal/packet"
)

// Message is the header of an NTP packet (RFC 5905 7.3).
type Message struct {
	Leap, Version, Mode uint8
	Stratum             uint8
	Poll, Precision     int8
	RootDelay, RootDisp time.Duration
	RefID               [4]byte
	Reference, Origin   Stamp
	Receive, Transmit   Stamp
}

// Stamp is a time in NTP's form: seconds since 1900 and their fraction (RFC 5905 6). Zero: unknown.
type Stamp uint64

// Modes (RFC 5905 7.3).
const (
	Client    = 3
	Server    = 4
	Broadcast = 5
)

const headerLen = 48

// Time converts a stamp of the eras from 1968 to 2104: a first bit of 0 belongs to the second one (RFC 4330 3).
func (s Stamp) Time() packet.Time {
	const to1970 = 2208988800
	sec := int64(s>>32) - to1970
	if s>>63 == 0 {
		sec += 1 << 32
	}
	return packet.Time(sec*1e9 + int64((uint64(s&0xffffffff)*1e9)>>32))
}

// short is a 16.16 fixed-point number of seconds.
func short(b []byte) time.Duration {
	return time.Duration(uint64(binary.BigEndian.Uint32(b)) * 1e9 >> 16)
}

// Parse reads b; what follows the header (extensions, authentication) is not read. ok is false when b is no packet of
// modes 1 to 5 of versions 1 to 4.
func Parse(b []byte) (m Message, ok bool) {
	if !plausible(b) {
		return m, false
	}
	return Message{Leap: b[0] >> 6, Version: b[0] >> 3 & 7, Mode: b[0] & 7, Stratum: b[1], Poll: int8(b[2]), Precision: int8(b[3]), RootDelay: short(b[4:]), RootDisp: short(b[8:]),
		RefID: [4]byte(b[12:16]), Reference: Stamp(binary.BigEndian.Uint64(b[16:])), Origin: Stamp(binary.BigEndian.Uint64(b[24:])), Receive: Stamp(binary.BigEndian.Uint64(b[32:])),
		Transmit: Stamp(binary.BigEndian.Uint64(b[40:]))}, true
}

// plausible reports whether b has the form of an NTP packet: a length that headers with extensions and authentication
// can have, a version and mode in use, a stratum that exists.
func plausible(b []byte) bool {
	if len(b) < headerLen || len(b)%4 != 0 {
		return false
	}
	version, mode := b[0]>>3&7, b[0]&7
	return version >= 1 && version <= 4 && mode >= 1 && mode <= 5 && b[1] <= 16
}

// Kiss returns the code of a kiss-of-death (RFC 5905 7.4): four letters with which a server of stratum 0 turns a client
// away; empty for others.
func (m *Message) Kiss() string {
	if m.Mode != Server || m.Stratum != 0 {
		return ""
	}
	for _, c := range m.RefID {
		if c < 'A' || c > 'Z' {
			return ""
		}
	}
	return string(m.RefID[:])
}

// Unsynchronised reports that the server itself has no time to give: it says so by its leap indicator, or by its stratum.
func (m *Message) Unsynchronised() bool {
	return m.Mode == Server && m.Kiss() == "" && (m.Leap == 3 || m.Stratum == 16 || m.Stratum == 0)
}
