package tls

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// Content types of records (RFC 8446 5.1).
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeData             = 23
	typeHeartbeat        = 24
)

// Types of handshake messages (RFC 8446 4, RFC 5246 7.4).
const (
	msgClientHello        = 1
	msgServerHello        = 2
	msgCertificate        = 11
	msgServerKeyExchange  = 12
	msgCertificateRequest = 13
	msgClientKeyExchange  = 16
)

// Extensions that are looked into (RFC 8446 4.2).
const (
	extServerName        = 0
	extSupportedGroups   = 10
	extPointFormats      = 11
	extSignatureAlgs     = 13
	extALPN              = 16
	extSupportedVersions = 43
	extPSK               = 41
	extKeyShare          = 51
)

// Versions as they stand on the wire.
const (
	VersionSSL30 = 0x0300
	VersionTLS10 = 0x0301
	VersionTLS11 = 0x0302
	VersionTLS12 = 0x0303
	VersionTLS13 = 0x0304
)

// draftTLS13 is the first byte of versions that are drafts of TLS 1.3; the second one is the draft's number.
const draftTLS13 = 0x7f

// ClientHello is what a client offers (RFC 8446 4.1.2). Its parts lie in the bytes that were parsed.
type ClientHello struct {
	Version      uint16 // legacy_version: the highest that it knows, up to TLS 1.2
	Random       []byte
	SessionID    []byte
	CipherSuites List
	Extensions   []uint16 // their types, in order
	ServerName   []byte   // server_name (RFC 6066 3)
	ALPN         []byte   // ProtocolNameList without its length (RFC 7301 3.1)
	Groups       List     // supported_groups
	PointFormats []byte
	SignatureAlg List
	Versions     List // supported_versions; empty: not sent
	KeyShares    []uint16
	PSK          bool
}

// ServerHello is what a server chose (RFC 8446 4.1.3).
type ServerHello struct {
	Version     uint16 // legacy_version
	Selected    uint16 // supported_versions, 0 if not sent
	Random      []byte
	SessionID   []byte
	CipherSuite uint16
	Extensions  []uint16
	ALPN        []byte
	Group       uint16 // of key_share, 0 if not sent
	PSK         bool
}

// List is a list of 16-bit values as on the wire.
type List []byte

// Len returns the number of values.
func (l List) Len() int { return len(l) / 2 }

// At returns the i-th value.
func (l List) At(i int) uint16 { return binary.BigEndian.Uint16(l[2*i:]) }

// Has reports whether v is in the list.
func (l List) Has(v uint16) bool {
	for i := range l.Len() {
		if l.At(i) == v {
			return true
		}
	}
	return false
}

// Actual returns the version that was chosen.
func (h *ServerHello) Actual() uint16 {
	if h.Selected != 0 {
		return h.Selected
	}
	return h.Version
}

// helloRetry is the random of a HelloRetryRequest (RFC 8446 4.1.3).
var helloRetry = [32]byte{0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c}

// Retry reports whether the server asked for another ClientHello instead.
func (h *ServerHello) Retry() bool { return string(h.Random) == string(helloRetry[:]) }

// reader cuts values off the front of bytes; after a value that is not there it is bad, and empty.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() int {
	if v := r.take(1); v != nil {
		return int(v[0])
	}
	return 0
}

func (r *reader) u16() uint16 {
	if v := r.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (r *reader) u24() int {
	if v := r.take(3); v != nil {
		return int(v[0])<<16 | int(v[1])<<8 | int(v[2])
	}
	return 0
}

// Parse reads the body of a ClientHello. False: it is broken; what was read before stands.
func (h *ClientHello) Parse(b []byte) bool {
	*h = ClientHello{Extensions: h.Extensions[:0], KeyShares: h.KeyShares[:0]}
	r := reader{b: b}
	h.Version = r.u16()
	h.Random = r.take(32)
	h.SessionID = r.take(r.u8())
	h.CipherSuites = even(r.take(int(r.u16())))
	r.take(r.u8()) // compression methods
	if r.bad {
		return false
	}
	if len(r.b) == 0 {
		return true // no extensions: SSL 3.0, early TLS 1.0
	}
	r.b = r.take(int(r.u16()))
	for len(r.b) > 0 {
		typ := r.u16()
		ext := reader{b: r.take(int(r.u16()))}
		if r.bad {
			return false
		}
		h.Extensions = append(h.Extensions, typ)
		switch typ {
		case extServerName:
			list := reader{b: ext.take(int(ext.u16()))}
			for len(list.b) > 0 {
				kind := list.u8()
				name := list.take(int(list.u16()))
				if kind == 0 && h.ServerName == nil {
					h.ServerName = name
				}
			}
		case extALPN:
			h.ALPN = ext.take(int(ext.u16()))
		case extSupportedGroups:
			h.Groups = even(ext.take(int(ext.u16())))
		case extPointFormats:
			h.PointFormats = ext.take(ext.u8())
		case extSignatureAlgs:
			h.SignatureAlg = even(ext.take(int(ext.u16())))
		case extSupportedVersions:
			h.Versions = even(ext.take(ext.u8()))
		case extPSK:
			h.PSK = true
		case extKeyShare:
			list := reader{b: ext.take(int(ext.u16()))}
			for len(list.b) > 0 {
				g := list.u16()
				list.take(int(list.u16()))
				if !list.bad {
					h.KeyShares = append(h.KeyShares, g)
				}
			}
		}
	}
	return !r.bad
}

// Parse reads the body of a ServerHello. False: it is broken.
func (h *ServerHello) Parse(b []byte) bool {
	*h = ServerHello{Extensions: h.Extensions[:0]}
	r := reader{b: b}
	h.Version = r.u16()
	h.Random = r.take(32)
	h.SessionID = r.take(r.u8())
	h.CipherSuite = r.u16()
	r.u8() // compression
	if r.bad {
		return false
	}
	if len(r.b) == 0 {
		return true
	}
	r.b = r.take(int(r.u16()))
	for len(r.b) > 0 {
		typ := r.u16()
		ext := reader{b: r.take(int(r.u16()))}
		if r.bad {
			return false
		}
		h.Extensions = append(h.Extensions, typ)
		switch typ {
		case extALPN:
			h.ALPN = ext.take(int(ext.u16()))
		case extSupportedVersions:
			h.Selected = ext.u16()
		case extKeyShare:
			h.Group = ext.u16()
		case extPSK:
			h.PSK = true
		}
	}
	return !r.bad
}

func even(b []byte) List { return List(b[:len(b)&^1]) }

// grease reports whether v is one of the values that mean nothing (RFC 8701).
func grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// certificates calls f for each certificate of a Certificate message up to TLS 1.2 (RFC 5246 7.4.2). It returns their
// number, as far as the bytes go.
func certificates(b []byte, f func(i int, der []byte)) (n int) {
	r := reader{b: b}
	r.b = r.b[:min(len(r.b), 3+peek24(b))]
	r.u24()
	for len(r.b) > 0 {
		der := r.take(r.u24())
		if r.bad {
			break
		}
		f(n, der)
		n++
	}
	return n
}

func peek24(b []byte) int {
	r := reader{b: b}
	return r.u24()
}

// protocols calls f for each name of a ProtocolNameList.
func protocols(b []byte, f func(name []byte)) {
	r := reader{b: b}
	for len(r.b) > 0 {
		if name := r.take(r.u8()); !r.bad {
			f(name)
		}
	}
}

// versionName is a version as Suricata writes it.
func versionName(v uint16) string {
	switch v {
	case VersionSSL30:
		return "SSLv3"
	case VersionTLS10:
		return "TLSv1"
	case VersionTLS11:
		return "TLS 1.1"
	case VersionTLS12:
		return "TLS 1.2"
	case VersionTLS13:
		return "TLS 1.3"
	}
	if v>>8 == draftTLS13 {
		return "TLS 1.3 draft-" + strconv.Itoa(int(v&0xff))
	}
	return "UNDETERMINED"
}

// sorted returns the values without GREASE, in order.
func sorted(dst []uint16, l List) []uint16 {
	for i := range l.Len() {
		if v := l.At(i); !grease(v) {
			dst = append(dst, v)
		}
	}
	slices.Sort(dst)
	return dst
}
