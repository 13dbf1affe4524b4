package ike

import (
	"encoding/binary"
)

// HeaderLen is the length of the header of both versions, bytes (RFC 2408 3.1, RFC 7296 3.1).
const HeaderLen = 28

// Exchange types of both versions.
const (
	MainMode       = 2 // RFC 2409 5: identity protection
	AggressiveMode = 4
	Informational1 = 5
	Transaction    = 6 // XAUTH and mode config
	QuickMode      = 32
	NewGroupMode   = 33
	SAInit         = 34 // RFC 7296
	Auth           = 35
	CreateChildSA  = 36
	Informational2 = 37
)

// Bits of the flags field.
const (
	flagEncrypted = 0x01 // version 1 (RFC 2408 3.1)
	flagInitiator = 0x08 // version 2: sent by the original initiator
	flagResponse  = 0x20
	flags1        = 0x07 // those that exist
	flags2        = 0x38
)

// Payload types that are read (RFC 2408 3.1, RFC 3947 3.2, RFC 7296 3.2, RFC 7383 2.5).
const (
	payloadNone      = 0
	payloadSA1       = 1
	payloadKE1       = 4
	payloadID1       = 5
	payloadNonce1    = 10
	payloadNotify1   = 11
	payloadVendor1   = 13
	payloadNATD1     = 20
	payloadNATDDraft = 130
	payloadFragment1 = 132 // of Cisco, never standardised

	payloadSA2      = 33
	payloadKE2      = 34
	payloadNonce2   = 40
	payloadNotify2  = 41
	payloadVendor2  = 43
	payloadSK       = 46
	payloadFragment = 53
)

// Bounds of what is kept of one message; more is counted in Message.Left.
const (
	maxPayloads   = 24
	maxTransforms = 512
	maxNotifies   = 12
	maxVendors    = 20
	maxHashes     = 6
	maxText       = 1024
)

// Header is the fixed part of a message.
type Header struct {
	InitSPI, RespSPI uint64 // RespSPI is 0 in an initiator's first message
	Next             uint8
	Major, Minor     uint8
	Exchange         uint8
	Flags            uint8
	MessageID        uint32
	Length           uint32 // of the whole message, bytes, as it says
}

// ParseHeader reads the fixed part; false: b is no IKE message of version 1 or 2. Of a message that the capture cut, b
// is shorter than Length.
func ParseHeader(b []byte) (h Header, ok bool) {
	if len(b) < HeaderLen {
		return h, false
	}
	h = Header{InitSPI: binary.BigEndian.Uint64(b), RespSPI: binary.BigEndian.Uint64(b[8:]), Next: b[16], Major: b[17] >> 4, Minor: b[17] & 15,
		Exchange: b[18], Flags: b[19], MessageID: binary.BigEndian.Uint32(b[20:]), Length: binary.BigEndian.Uint32(b[24:])}
	if h.InitSPI == 0 || h.Length < HeaderLen || h.Length > 1<<16 || int(h.Length) < len(b) {
		return h, false
	}
	switch h.Major {
	case 1:
		known := h.Exchange >= 1 && h.Exchange <= Transaction || h.Exchange == QuickMode || h.Exchange == NewGroupMode
		return h, known && h.Flags&^flags1 == 0
	case 2:
		return h, h.Exchange >= SAInit && h.Exchange <= 43 && h.Flags&^flags2 == 0
	}
	return h, false
}

// Notify is a notification in the clear (RFC 2408 3.14, RFC 7296 3.10).
type Notify struct {
	Type  uint16
	Proto uint8  // 1 IKE, 2 AH, 3 ESP; 0 none
	Value uint16 // first two bytes of its data: the wanted group of INVALID_KE_PAYLOAD
	Len   uint16 // of its data, bytes
}

// Span is a piece of Message.Text.
type Span struct{ Off, Len uint16 }

// Identity is an identification payload in the clear (RFC 2407 4.6.2).
type Identity struct {
	Type uint8 // 1 IPv4 address, 2 FQDN, 3 user FQDN, 5 IPv6 address, 9 DER name, 11 key id; 0 none seen
	Text Span
}

// NATD says whether the hashes of addresses and ports (RFC 3947 3.2, RFC 7296 2.23) agree with those of the packet. A
// sender that wants UDP encapsulation in any case sends a source hash that cannot agree.
type NATD struct {
	Seen   bool
	Source bool // one of the sender's hashes is that of the packet's source
	Dest   bool // the hash for the receiver is that of the packet's destination
}

// Message is what can be read of one message without keys.
type Message struct {
	Header
	Encrypted  bool // what follows the header, or the payloads before, cannot be read
	Malformed  bool // its payloads do not add up
	Cut        bool // the capture kept less than the whole: payloads may be missing
	NPayload   uint8
	Payloads   [maxPayloads]uint8 // types in order, encrypted ones not
	Transforms []Transform        // of its SA payload
	KEGroup    uint16             // version 2: group of the KE payload
	KELen      uint16             // bytes of its key exchange data; 0 no such payload
	NonceLen   uint16
	NNotify    uint8
	Notifies   [maxNotifies]Notify
	NVendor    uint8
	Vendors    [maxVendors]Span
	ID         Identity
	NAT        NATD
	Fragment   uint16 // number and total of an IKE fragment (RFC 7383 2.5); 0 none. Version 1 gives no total
	Fragments  uint16
	Left       uint16 // payloads, transforms or texts beyond what is kept
	Text       []byte // what Spans point into: hostile

	found *hashes // NAT-D payloads until they are evaluated; they lie in the packet
}

// hashes are the NAT-D payloads of a message: of version 1 in order, of version 2 those of the sender.
type hashes struct {
	n    int
	list [maxHashes][]byte
	dest []byte // version 2: that of the receiver
}

// Notified reports whether the message carries a notification of the type in the clear, and returns it.
func (m *Message) Notified(types ...uint16) (n Notify, ok bool) {
	for _, n := range m.Notifies[:m.NNotify] {
		for _, t := range types {
			if n.Type == t {
				return n, true
			}
		}
	}
	return Notify{}, false
}

// Has reports whether a payload of the type was seen in the clear.
func (m *Message) Has(payload uint8) bool {
	for _, p := range m.Payloads[:m.NPayload] {
		if p == payload {
			return true
		}
	}
	return false
}

// Bytes returns what a Span points to.
func (m *Message) Bytes(s Span) []byte { return m.Text[s.Off : s.Off+s.Len] }

// Response reports a message of version 2 that answers (RFC 7296 3.1).
func (m *Message) Response() bool { return m.Major == 2 && m.Flags&flagResponse != 0 }

// FromInitiator reports a message of version 2 that the original initiator of the IKE SA sent.
func (m *Message) FromInitiator() bool { return m.Major == 2 && m.Flags&flagInitiator != 0 }

// Parse reads b, one message without the non-ESP marker, into m, whose buffers are used again: what it points to is
// good until the next Parse, and NAT hashes only as long as b. False: no IKE message.
func (m *Message) Parse(b []byte) bool {
	*m = Message{Text: m.Text[:0], Transforms: m.Transforms[:0], found: m.found}
	if m.found == nil {
		m.found = &hashes{}
	}
	*m.found = hashes{}
	h, ok := ParseHeader(b)
	if !ok {
		return false
	}
	m.Header = h
	m.Cut = len(b) < int(h.Length)
	rest := b[HeaderLen:]
	if h.Major == 1 && h.Flags&flagEncrypted != 0 {
		m.Encrypted = true
		return true
	}
	for next := h.Next; next != payloadNone; {
		if int(m.NPayload) < maxPayloads {
			m.Payloads[m.NPayload] = next
			m.NPayload++
		} else {
			m.Left++
		}
		if len(rest) < 4 {
			m.Malformed = !m.Cut
			return true
		}
		n := int(binary.BigEndian.Uint16(rest[2:]))
		if n < 4 || n > len(rest) && !m.Cut {
			m.Malformed = true
			return true
		}
		body := rest[4:min(n, len(rest))]
		if h.Major == 2 && (next == payloadSK || next == payloadFragment) {
			m.Encrypted = true
			if next == payloadFragment && len(body) >= 4 {
				m.Fragment, m.Fragments = binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:])
			}
			return true
		}
		m.payload(next, body)
		next = rest[0]
		rest = rest[min(n, len(rest)):]
	}
	return true
}

func (m *Message) payload(kind uint8, b []byte) {
	v1 := m.Major == 1
	switch {
	case v1 && kind == payloadSA1:
		m.sa1(b)
	case !v1 && kind == payloadSA2:
		m.sa2(b)
	case v1 && kind == payloadKE1:
		m.KELen = uint16(len(b))
	case !v1 && kind == payloadKE2 && len(b) >= 4:
		m.KEGroup, m.KELen = binary.BigEndian.Uint16(b), uint16(len(b)-4)
	case v1 && kind == payloadNonce1, !v1 && kind == payloadNonce2:
		m.NonceLen = uint16(len(b))
	case v1 && kind == payloadID1 && len(b) >= 4:
		m.ID = Identity{b[0], m.keep(b[4:])}
	case v1 && kind == payloadNotify1 && len(b) >= 8:
		m.notify(b[4], binary.BigEndian.Uint16(b[6:]), b[8:], int(b[5]))
	case !v1 && kind == payloadNotify2 && len(b) >= 4:
		m.notify(b[0], binary.BigEndian.Uint16(b[2:]), b[4:], int(b[1]))
	case v1 && kind == payloadVendor1, !v1 && kind == payloadVendor2:
		if int(m.NVendor) == maxVendors {
			m.Left++
			return
		}
		m.Vendors[m.NVendor] = m.keep(b)
		m.NVendor++
	case v1 && (kind == payloadNATD1 || kind == payloadNATDDraft):
		m.hash(b)
	case v1 && kind == payloadFragment1 && len(b) >= 4:
		m.Fragment = uint16(b[2])
	}
}

// notify keeps a notification; data begins with spi bytes of SPI.
func (m *Message) notify(proto uint8, kind uint16, data []byte, spi int) {
	if spi > len(data) {
		m.Malformed = !m.Cut
		return
	}
	data = data[spi:]
	if m.Major == 2 {
		switch kind {
		case NATDetectionSource:
			m.hash(data)
		case NATDetectionDest:
			m.NAT.Seen, m.found.dest = true, data
		}
	}
	if int(m.NNotify) == maxNotifies {
		m.Left++
		return
	}
	n := Notify{Type: kind, Proto: proto, Len: uint16(len(data))}
	if len(data) >= 2 {
		n.Value = binary.BigEndian.Uint16(data)
	}
	m.Notifies[m.NNotify] = n
	m.NNotify++
}

func (m *Message) hash(b []byte) {
	m.NAT.Seen = true
	f := m.found
	if f.n == maxHashes {
		m.Left++
		return
	}
	f.list[f.n] = b
	f.n++
}

// keep copies b, as far as there is room, to the message's text.
func (m *Message) keep(b []byte) Span {
	if room := maxText - len(m.Text); len(b) > room {
		b = b[:room]
		m.Left++
	}
	s := Span{uint16(len(m.Text)), uint16(len(b))}
	m.Text = append(m.Text, b...)
	return s
}
