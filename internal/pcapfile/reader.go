package pcapfile

import (
	"errors"
	"fmt"
	"io"

	"firestorm/internal/packet"
)

// Limits that keep a lying length field from taking memory.
const (
	// MaxPacket is the largest captured length taken from a file whose snap length promises less, bytes.
	// It is libpcap's own maximum for network link types.
	MaxPacket = 256 << 10
	// MaxBlock is the largest pcapng block, and the largest packet whatever the snap length says, bytes.
	MaxBlock = 16 << 20
	// MaxInterfaces is how many interfaces one input may declare: packets count them in 16 bits.
	MaxInterfaces = 1<<16 - 1
	// MaxNotes bounds the notes kept.
	MaxNotes = 16
)

// Error says where an input broke and why. Records returned before stay good.
type Error struct {
	Offset int64  // bytes from the start of the uncompressed input
	Reason string // lower case, no full stop
}

// Error writes offset and reason on one line.
func (e *Error) Error() string { return fmt.Sprintf("damaged at byte %d: %s", e.Offset, e.Reason) }

// Note is something odd that did not stop the reading.
type Note struct {
	Offset int64 // bytes from the start of the uncompressed input
	What   string
}

// Record is one packet of a file.
type Record struct {
	Data    []byte // captured bytes, without a frame check sequence; valid until the next call unless held
	Time    packet.Time
	Frame   uint64 // 1-based, counted as Wireshark counts: some records that are no packets have a number too
	Offset  int64  // of the record's header in the uncompressed input
	WireLen uint32 // bytes, without a frame check sequence
	Iface   uint16 // index into Reader.Interfaces
	Link    packet.LinkType
}

// Interface is what a file says of one capturing interface. All texts are hostile.
type Interface struct {
	Name        string // if_name
	Description string // if_description
	Filter      string // if_filter, a libpcap expression
	Hardware    string // if_hardware
	OS          string // if_os
	Section     int    // number of the section that declares it, from 0
	Link        packet.LinkType
	SnapLen     uint32 // 0 = unlimited or unknown
	FCSLen      uint8  // bytes of frame check sequence at the end of its packets, 0 = none announced
	// Received and Dropped are the last interface statistics; HasStats says that there were any drop counters.
	Received, Dropped uint64
	HasStats          bool

	clock clock
	isb   bool // an interface statistics block said how many were dropped; it counts for all packets before
}

// Comment is an opt_comment, in reading order.
type Comment struct {
	Frame uint64 // frame it belongs to; 0 = section, interface or statistics
	Block uint32 // type of the block that holds it
	Iface int    // interface index, -1 for a section
	Text  string
}

// Options for reading. The zero value is good.
type Options struct {
	// Pool gives the blocks; nil means one of the reader's own.
	Pool *Pool
	// Follow makes the end of the input a pause: Next returns io.EOF, and goes on when there is more.
	Follow bool
	// OnComment, when set, is called for each comment of a pcapng, before Next returns its frame.
	OnComment func(Comment)
	// OnBlock, when set, is called for each pcapng block that holds no packet. Body is borrowed for the call.
	OnBlock func(b RawBlock)
}

// Format names a capture file format.
type Format uint8

// Formats that Reader knows.
const (
	FormatUnknown Format = iota
	FormatPcap
	FormatPcapNG
)

// Reader reads records from a pcap or pcapng input. It is not safe for several goroutines; blocks are.
type Reader struct {
	w      window
	opt    Options
	format Format
	pc     pcapState
	ng     ngState
	ifaces []Interface
	frame  uint64
	last   packet.Time
	notes  []Note
	noted  map[string]struct{}
	skip   uint64
	err    error // final
}

// NewReader reads from src, which must not be compressed (see Decompress). Nothing is read before Start or Next.
func NewReader(src io.Reader, o Options) *Reader {
	if o.Pool == nil {
		o.Pool = new(Pool)
	}
	return &Reader{w: window{src: src, pool: o.Pool, follow: o.Follow}, opt: o}
}

// ErrEmpty says that the input holds no byte at all.
var ErrEmpty = errors.New("the file is empty (0 bytes)")

// MagicError says that the input begins like no capture file; Head holds its first bytes (at most 512).
type MagicError struct{ Head []byte }

// Error says what the bytes look like and what to try.
func (e *MagicError) Error() string { return "not a pcap or pcapng file: " + Sniff(e.Head) }

// Start reads the file header. It returns nil, ErrEmpty, *MagicError, *Error, io.EOF when following an input
// that has no complete header yet, or the source's error.
func (r *Reader) Start() error {
	if r.format != FormatUnknown || r.err != nil {
		return r.err
	}
	err := r.start()
	if err != nil && !(r.opt.Follow && errors.Is(err, io.EOF)) {
		r.err = err
	}
	return err
}

func (r *Reader) start() error {
	if err := r.w.need(4); err != nil {
		if !errors.Is(err, io.EOF) || r.opt.Follow {
			return r.cut(4, err, "file header")
		}
		if r.w.have() == 0 {
			return ErrEmpty
		}
		return &MagicError{Head: append([]byte(nil), r.w.cur.buf[r.w.r:r.w.w]...)}
	}
	head := r.w.cur.buf[r.w.r : r.w.r+4]
	if isPcapMagic(head) {
		return r.startPcap()
	}
	if le.Uint32(head) == blockSHB {
		return r.startNG()
	}
	_ = r.w.need(512) // for a better guess; whatever came is enough
	have := min(r.w.have(), 512)
	return &MagicError{Head: append([]byte(nil), r.w.cur.buf[r.w.r:r.w.r+have]...)}
}

// Next fills rec with the next packet. It returns nil, io.EOF, *Error, or what Start returns. With
// Options.Follow, io.EOF is a pause.
func (r *Reader) Next(rec *Record) error {
	if r.err != nil {
		return r.err
	}
	var err error
	switch r.format {
	case FormatPcap:
		err = r.nextPcap(rec)
	case FormatPcapNG:
		err = r.nextNG(rec)
	default:
		if err := r.Start(); err != nil {
			return err
		}
		return r.Next(rec)
	}
	if err != nil && !(r.opt.Follow && errors.Is(err, io.EOF)) {
		r.err = err
	}
	return err
}

// cut turns a failed need(n) into the error to report: io.EOF on a record's edge, else *Error.
func (r *Reader) cut(n int, err error, what string) error {
	have := r.w.have()
	if errors.Is(err, io.EOF) && (have == 0 || r.opt.Follow) {
		return io.EOF
	}
	reason := fmt.Sprintf("%s needs %d bytes, only %d are left (capture still being written, or cut short)", what, n, have)
	if !errors.Is(err, io.EOF) {
		reason = err.Error()
	}
	return &Error{Offset: r.w.offset(), Reason: reason}
}

// note keeps a remark, once per text.
func (r *Reader) note(off int64, what string) {
	if len(r.notes) >= MaxNotes {
		return
	}
	if _, ok := r.noted[what]; ok {
		return
	}
	if r.noted == nil {
		r.noted = make(map[string]struct{})
	}
	r.noted[what] = struct{}{}
	r.notes = append(r.notes, Note{off, what})
}

// pass counts a record or block that is passed over, and says why.
func (r *Reader) pass(off int64, what string) {
	r.skip++
	r.note(off, what)
}

// Block returns the block that holds the last record's bytes; Hold it to keep them.
func (r *Reader) Block() *Block { return r.w.cur }

// Format returns the format, FormatUnknown before Start.
func (r *Reader) Format() Format { return r.format }

// Interfaces returns what is known of the interfaces so far. The slice is the reader's own.
func (r *Reader) Interfaces() []Interface { return r.ifaces }

// Notes returns what was odd, at most MaxNotes, each text once.
func (r *Reader) Notes() []Note { return r.notes }

// Skipped returns how many records or blocks were passed over because they made no sense.
func (r *Reader) Skipped() uint64 { return r.skip }

// Offset returns the input offset of the next unread record.
func (r *Reader) Offset() int64 { return r.w.offset() }

// Pending returns how many bytes of an incomplete record are in memory.
func (r *Reader) Pending() int { return r.w.have() }

// Close gives the reader's block back. Held blocks stay with their holders. It does not close the source.
func (r *Reader) Close() {
	r.w.close()
	if r.err == nil {
		r.err = io.EOF
	}
}

// stripFCS removes n bytes of frame check sequence from the end of a frame, as far as they were captured.
func (rec *Record) stripFCS(n uint32) {
	if n == 0 || rec.WireLen < n {
		return
	}
	rec.WireLen -= n
	if uint32(len(rec.Data)) > rec.WireLen {
		rec.Data = rec.Data[:rec.WireLen]
	}
}

// Frames returns the number of the last frame.
func (r *Reader) Frames() uint64 { return r.frame }
