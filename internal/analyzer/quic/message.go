package quic

import (
	"encoding/binary"
	"strconv"
)

// Type is what a packet is for (RFC 9000 17.2).
type Type uint8

// Types of packets.
const (
	Initial Type = iota
	ZeroRTT
	Handshake
	Retry
	Negotiation // of the version (RFC 9000 17.2.1)
	Unknown     // of a version that is not known
	Short       // no version in it: all but a connection ID is protected
)

// Versions that are read.
const (
	Version1 = 0x00000001 // RFC 9000
	Version2 = 0x6b3343cf // RFC 9369
	q039     = 0x51303339 // Google's, before there was a standard
	q043     = 0x51303433
	q044     = 0x51303434
	q045     = 0x51303435
	q046     = 0x51303436
	q050     = 0x51303530
	// draft is the version of the first draft but for its number, which is added.
	draft = 0xff000000
	mvfst = 0xfaceb002 // a draft as one company numbered it
	// draft2 is version 2 before it was a standard, and what ngtcp2 of Debian 12 speaks.
	draft2 = 0x709a50c4
)

// maxCID is how long a connection ID may be, in bytes (RFC 9000 17.2).
const maxCID = 20

// Header is the begin of one packet. Its parts lie in the bytes that were parsed.
type Header struct {
	Type       Type
	Version    uint32 // 0: none, or Negotiation
	DCID, SCID []byte
	Google     bool // a form of Google's: nothing is protected before the handshake is over
	Payload    int  // where the packet number begins, in Google's forms the frames
	End        int  // where the packet ends in its datagram
}

// google reports whether a version has headers and frames of its own.
func google(v uint32) bool { return v >= q043 && v <= q046 }

// second reports whether a version is version 2 or was to be.
func second(v uint32) bool { return v == Version2 || v == draft2 }

// Parse reads the header of the first packet in b. False: it is none that is known, or it is cut off.
func (h *Header) Parse(b []byte) bool {
	*h = Header{Type: Short, End: len(b), Payload: len(b)}
	if len(b) == 0 {
		return false
	}
	if b[0]&0x80 == 0 {
		return h.public(b)
	}
	r := reader{b: b, at: 1}
	h.Version = r.u32()
	if google(h.Version) {
		return h.googles(b, r)
	}
	h.DCID = r.take(r.u8())
	h.SCID = r.take(r.u8())
	if r.bad {
		return false
	}
	h.Payload = r.at
	if h.Version == 0 {
		h.Type = Negotiation
		return true
	}
	if saltOf(h.Version) == nil {
		h.Type = Unknown // what follows may be anything (RFC 8999 5.1)
		return true
	}
	h.Type = Type(b[0] >> 4 & 3)
	if second(h.Version) {
		h.Type = (h.Type + 3) & 3 // RFC 9369 3.2
	}
	if len(h.DCID) > maxCID || len(h.SCID) > maxCID {
		return false
	}
	if h.Type == Retry {
		return true
	}
	if h.Type == Initial {
		r.take64(r.varint()) // the token
	}
	size := r.varint()
	if r.bad || size > uint64(len(b)-r.at) {
		return false
	}
	h.Payload = r.at
	h.End = r.at + int(size)
	return true
}

// googles reads what Q044 to Q046 have behind the version.
func (h *Header) googles(b []byte, r reader) bool {
	h.Google = true
	sizes := r.u8()
	length := func(n int) int { // of 4 bits: none, or three less than it is
		if n == 0 {
			return 0
		}
		return n + 3
	}
	h.DCID, h.SCID = r.take(length(sizes>>4)), r.take(length(sizes&15))
	h.Type = Type(b[0] >> 4 & 3)
	if h.Version != q046 {
		switch b[0] & 0x7f {
		case 0x7f:
			h.Type = Initial
		case 0x7e:
			h.Type = Retry
		case 0x7d:
			h.Type = Handshake
		case 0x7c:
			h.Type = ZeroRTT
		default:
			return false
		}
	}
	if h.Type == Initial {
		r.take(4 + googleHash)
	}
	h.Payload = r.at
	return !r.bad
}

// googleHash is the size of what stands for an authentication before there are keys.
const googleHash = 12

// Flags of the public header of Google's versions up to Q043.
const (
	flagVersion = 0x01
	flagNonce   = 0x04
	flagCID     = 0x08
	flagFixed   = 0x40 // it is the short header of a later version
)

// public reads that header, where a version is in it. All else without the first bit is Short, of whatever version.
func (h *Header) public(b []byte) bool {
	if b[0]&(flagFixed|flagVersion|flagCID) != flagVersion|flagCID {
		return true
	}
	r := reader{b: b, at: 1}
	cid := r.take(8)
	if v := r.u32(); !r.bad && (v == q039 || v == q043) {
		r.take([4]int{1, 2, 4, 6}[b[0]>>4&3] + googleHash)
		*h = Header{Type: Initial, Version: v, DCID: cid, Google: true, Payload: r.at, End: len(b)}
		return !r.bad
	}
	return true
}

// VersionText is a version as Suricata writes it: Google's as letters, others as a number in hexadecimal.
func VersionText(v uint32) string {
	if google(v) || v == q039 {
		return string(binary.BigEndian.AppendUint32(nil, v))
	}
	return strconv.FormatUint(uint64(v), 16)
}

// Types of frames that stand in an Initial packet (RFC 9000 19).
const (
	framePadding     = 0x00
	framePing        = 0x01
	frameACK         = 0x02
	frameACKECN      = 0x03
	frameCrypto      = 0x06
	frameGoogle      = 0x08 // the CRYPTO of Q050
	frameClose       = 0x1c
	frameCloseApp    = 0x1d
	frameGoogleBit   = 0x80 // STREAM of Google's
	maxFramesInOne   = 1024
	maxRangesInFrame = 1024
)

// frame is one that carries bytes of a handshake.
type frame struct {
	google bool // Google's handshake, no TLS
	offset uint64
	data   []byte
}

// frames calls f for each frame with bytes of a handshake. False: one is cut off. What is behind a frame of a type that is
// not known here is not read.
func frames(b []byte, googles bool, f func(frame)) bool {
	r := reader{b: b}
	for n := 0; r.at < len(b) && n < maxFramesInOne; n++ {
		typ := r.u8()
		switch {
		case googles && typ&frameGoogleBit != 0:
			r.take(1 + typ&3) // the stream
			offset := uint64(0)
			if o := typ >> 2 & 7; o != 0 {
				for _, c := range r.take(o + 1) {
					offset = offset<<8 | uint64(c)
				}
			}
			size := len(b) - r.at
			if typ&0x20 != 0 {
				size = r.u8()<<8 | r.u8()
			}
			if data := r.take(size); !r.bad {
				f(frame{true, offset, data})
			}
		case typ == framePadding:
			for r.at < len(b) && b[r.at] == framePadding {
				r.at++
			}
		case googles:
			return true // acknowledgements and the like of its own: the handshake stands before them
		case typ == framePing:
		case typ == frameACK, typ == frameACKECN:
			r.varint()
			r.varint()
			more := r.varint()
			r.varint()
			if more > maxRangesInFrame {
				return false
			}
			for range more {
				r.varint()
				r.varint()
			}
			if typ == frameACKECN {
				r.varint()
				r.varint()
				r.varint()
			}
		case typ == frameCrypto, typ == frameGoogle:
			offset := r.varint()
			if data := r.take64(r.varint()); !r.bad {
				f(frame{typ == frameGoogle, offset, data})
			}
		case typ == frameClose, typ == frameCloseApp:
			r.varint()
			if typ == frameClose {
				r.varint()
			}
			r.take64(r.varint())
		default:
			return true
		}
		if r.bad {
			return false
		}
	}
	return true
}

// reader cuts values off the front of bytes; after a value that is not there it is bad, and empty.
type reader struct {
	b   []byte
	at  int
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b)-r.at {
		r.bad, r.at = true, len(r.b)
		return nil
	}
	v := r.b[r.at : r.at+n]
	r.at += n
	return v
}

func (r *reader) take64(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.at = true, len(r.b)
		return nil
	}
	return r.take(int(n))
}

func (r *reader) u8() int {
	if v := r.take(1); v != nil {
		return int(v[0])
	}
	return 0
}

func (r *reader) u32() uint32 {
	if v := r.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// varint reads a number of variable length (RFC 9000 16).
func (r *reader) varint() uint64 {
	first := r.u8()
	n := uint64(first & 0x3f)
	for _, c := range r.take(1<<(first>>6) - 1) {
		n = n<<8 | uint64(c)
	}
	return n
}
