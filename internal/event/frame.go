package event

import (
	"strconv"

	"firestorm/internal/packet"
)

// FramePayload is how many bytes of a frame are shown at most, in bytes.
const FramePayload = 4095

// FrameFacts are what records say of a frame: a piece of what one side sent that a protocol's reader marked.
type FrameFacts struct {
	Type   string     // its name without the protocol ("pdu")
	ID     uint64     // its number in its direction of the connection, from 1
	Dir    packet.Dir // the way in which it travelled
	Stream bool       // it lies in a stream: Offset holds
	Offset uint64     // of its first byte in the stream, from 0
	Length uint64     // in bytes, as announced; where nobody knows it yet, those that are there
	// Complete says that all of it came, but for what the capture lost.
	Complete bool
	Tx       uint64 // number of the transaction in its connection, from 0
	InTx     bool   // it belongs to a transaction: Tx holds
	// Payload are its first bytes, at most FramePayload, with a word in place of those that are missing; owned.
	Payload []byte
}

// AppendJSON appends the object that EVE calls frame.
func (f *FrameFacts) AppendJSON(dst []byte) []byte {
	dst = AppendJSONString(append(dst, `{"type":`...), f.Type)
	dst = strconv.AppendUint(append(dst, `,"id":`...), f.ID, 10)
	if dst = append(dst, `,"direction":"toserver"`...); f.Dir == packet.ToClient {
		dst = append(dst[:len(dst)-len(`server"`)], `client"`...)
	}
	if f.Stream {
		dst = strconv.AppendUint(append(dst, `,"stream_offset":`...), f.Offset, 10)
	}
	dst = strconv.AppendUint(append(dst, `,"length":`...), f.Length, 10)
	dst = strconv.AppendBool(append(dst, `,"complete":`...), f.Complete)
	if len(f.Payload) > 0 {
		dst = appendBase64(append(dst, `,"payload":"`...), f.Payload)
		dst = AppendPrintable(append(dst, `","payload_printable":`...), f.Payload)
	}
	if f.InTx {
		dst = strconv.AppendUint(append(dst, `,"tx_id":`...), f.Tx, 10)
	}
	return append(dst, '}')
}

// FrameView is what there is to see of a frame.
type FrameView struct {
	App    string        // EVE's word for the protocol
	Facts  FrameFacts    // without Payload
	Pieces []FramePiece  // in order; more than one where bytes are missing between them
	Done   bool          // nothing more of it comes
	Shown  func() []byte // makes Facts.Payload
	Object AppObject     // what an alert says beside it; nil: what the protocol says with the same packet, if anything
}

// FramePiece is a part of a frame without a hole.
type FramePiece struct {
	At   uint64 // how many bytes of the frame come before it
	B    []byte
	Open bool // the end of the frame is not the end of B
}

// Frame is a frame as it came. It is made only where somebody asked for records of frames.
type Frame struct {
	head  Head
	App   string // EVE's word for the protocol
	Facts FrameFacts
}

// NewFrame returns an event with head h.
func NewFrame(h Head) *Frame {
	h.Kind = KindFrame
	return &Frame{head: h}
}

// Head returns the common part.
func (x *Frame) Head() *Head { return &x.head }

// AppendEVE writes the frame record.
func (x *Frame) AppendEVE(dst []byte, c *EVE) []byte {
	dst = AppendEVEHead(dst, &x.head, "frame", x.Facts.Dir, c)
	dst = AppendJSONString(append(dst, `,"app_proto":`...), x.App)
	dst = x.Facts.AppendJSON(append(dst, `,"frame":`...))
	return AppendEVETail(dst, &x.head, c)
}
