// Package capture is where packets come from: files, standard input, pasted listings, later live interfaces;
// and wrappers around any source that drop, corrupt or delay for tests.
package capture

import (
	"errors"
	"fmt"

	"firestorm/internal/packet"
)

// Source yields frames in order. It sets, for each packet, the fields of origin: Data (borrowed until the batch's
// Release), Time, Frame, Source, Vantage, Link, WireLen, Missing, Offload, and zeroes Ordinal. All other fields keep what
// an earlier packet left in the slab: Decode clears and fills them.
type Source interface {
	// Next appends up to packet.BatchSize packets to the empty batch b. It returns nil with at least one
	// packet, io.EOF at the end, ErrIdle when a live or followed source has nothing now, or *Damaged when
	// the input broke: packets returned before, and those appended in this call, stay good.
	Next(b *packet.Batch) error
	// Stats may be called at any time between calls to Next.
	Stats() Stats
	Close() error
}

// ErrIdle says that a live or followed source has no packet right now.
var ErrIdle = errors.New("no packet now")

// Damaged says where an input broke and why. It is the last thing a source returns besides io.EOF.
type Damaged struct {
	Name   string // file name as the user gave it; "-" for standard input
	Offset int64  // bytes from the start of the (uncompressed) input
	Reason string // lower case, no full stop
}

// Error writes name, offset and reason on one line.
func (d *Damaged) Error() string {
	return fmt.Sprintf("%s: damaged at byte %d: %s", d.Name, d.Offset, d.Reason)
}

// Stats counts what a source received and lost.
type Stats struct {
	Received     uint64 // frames handed over
	Bytes        uint64 // captured bytes handed over
	KernelLost   uint64 // frames the capturing kernel or interface dropped, as far as it said
	OwnLost      uint64 // frames we dropped ourselves
	Filtered     uint64 // frames the capture filter turned away; not in Received
	LossKnown    bool   // the input carried drop counters (pcapng interface statistics, live sockets)
	InputBytes   int64  // bytes consumed from the (possibly compressed) input, for progress
	InputTotal   int64  // size of the input in bytes; 0 when unknown (pipe)
	Skipped      uint64 // blocks or records passed over, not frames
	SkippedNotes []Note // why, at most 16
}

// maxNotes bounds the notes of a source.
const maxNotes = 16

// Note is one thing a reader passed over or found odd, for the account of what was not understood.
type Note struct {
	Offset int64
	What   string
}

// Interface describes one capturing interface of a source, in the order packets' Source counts them.
type Interface struct {
	Name     string // file name, or "file#if" when a file holds several, or the interface
	Link     packet.LinkType
	SnapLen  uint32 // 0 = unknown or unlimited
	Hardware string // if_description, if_os or hardware text, as written; hostile text
	Filter   string // capture filter that was on, as written; hostile text
	Vantage  uint16
}

// Lister is a Source that knows its interfaces.
type Lister interface {
	// Interfaces returns those met so far; packets' Source is the index. A pcapng may declare more later on.
	Interfaces() []Interface
}

// Interfaces returns the interfaces src knows so far, none when it cannot tell.
func Interfaces(src Source) []Interface {
	if l, ok := src.(Lister); ok {
		return l.Interfaces()
	}
	return nil
}

// origin copies the fields that a Source sets.
func origin(dst, src *packet.Packet) {
	dst.Data, dst.Time, dst.Frame, dst.Ordinal = src.Data, src.Time, src.Frame, 0
	dst.Source, dst.Vantage, dst.Link, dst.WireLen = src.Source, src.Vantage, src.Link, src.WireLen
	dst.Missing, dst.Firewall, dst.Offload = src.Missing, src.Firewall, src.Offload
}
