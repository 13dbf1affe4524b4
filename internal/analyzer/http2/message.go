package http2

import (
	"encoding/binary"

	"firestorm/internal/analyzer/http"
)

// Preface is what a client says first (RFC 9113 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// FrameType is the type of a frame (RFC 9113 6).
type FrameType uint8

// Types of frames.
const (
	Data FrameType = iota
	Headers
	Priority
	RSTStream
	Settings
	PushPromise
	Ping
	GoAway
	WindowUpdate
	Continuation
)

// Flags of frames.
const (
	flagEndStream  = 0x01 // of Data and Headers
	flagAck        = 0x01 // of Settings and Ping
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

// frameHeader is how many bytes go before each frame.
const frameHeader = 9

// Frame is the header of a frame (RFC 9113 4.1).
type Frame struct {
	Length   int // bytes behind the header, at most 16 MiB less one
	Type     FrameType
	Flags    uint8
	Reserved bool
	Stream   uint32 // 0: the connection
}

// ParseFrame reads a header of nine bytes; false: there are less.
func ParseFrame(b []byte) (f Frame, ok bool) {
	if len(b) < frameHeader {
		return f, false
	}
	id := binary.BigEndian.Uint32(b[5:])
	return Frame{int(b[0])<<16 | int(b[1])<<8 | int(b[2]), FrameType(b[3]), b[4], id>>31 != 0, id & (1<<31 - 1)}, true
}

func (f *Frame) has(flag uint8) bool { return f.Flags&flag != 0 }

// Padding splits the payload of a padded frame (RFC 9113 6.1). False: it is longer than the frame.
func Padding(b []byte) ([]byte, bool) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return nil, false
	}
	return b[1 : len(b)-int(b[0])], true
}

// appendSettings reads the payload of a SETTINGS frame (RFC 9113 6.5.1); what is left of it is no setting.
func appendSettings(dst []http.Setting, b []byte, most int) []http.Setting {
	for ; len(b) >= 6 && len(dst) < most; b = b[6:] {
		dst = append(dst, http.Setting{ID: binary.BigEndian.Uint16(b), Value: binary.BigEndian.Uint32(b[2:])})
	}
	return dst
}

// word31 is a number of 31 bits: a stream, or the bytes that a window grows by.
func word31(b []byte) uint32 { return binary.BigEndian.Uint32(b) & (1<<31 - 1) }
