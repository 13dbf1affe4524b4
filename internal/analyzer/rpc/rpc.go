// Package rpc reads ONC RPC (RFC 5531) over UDP and TCP: the port directory, mounts, NFS and its locks.
package rpc

import (
	"encoding/binary"
	"hash/crc32"
	"unsafe"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kinds of events. NFS is told apart, as it is much, and its errors once more, as they are few.
const (
	KindRPC      = "rpc"
	KindNFS      = "nfs"
	KindNFSError = "nfs_error"
)

// Def is the protocol as a list of analyzers names it. Its ports: the directory, and the fixed ports that are customary
// for mountd, status and the lock manager.
var Def = analyzer.Def{
	Name:    "rpc",
	Over:    []analyzer.Transport{analyzer.TCP, analyzer.UDP},
	Ports:   []uint16{111, 20048, 892, 662, 32803, 32769},
	Kinds:   []string{KindRPC, KindNFS, KindNFSError},
	Probe:   probe,
	Stream:  newStream,
	Message: newMessage,
}

// NFSDef is the same for flows that begin with a call of NFS, so that they bear its name. It stands before Def in a list.
var NFSDef = analyzer.Def{
	Name:    "nfs",
	Over:    []analyzer.Transport{analyzer.TCP, analyzer.UDP},
	Ports:   []uint16{2049},
	Kinds:   []string{KindNFS, KindNFSError, KindRPC},
	Probe:   probeNFS,
	Stream:  newStream,
	Message: newMessage,
}

func newStream(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
	return &records{reader: newReader(o)}, nil
}

func newMessage(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
	return &datagrams{newReader(o)}, nil
}

// probe takes a datagram, and a stream that begins with a record of one fragment: its mark's first byte is 0x80.
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	_, a := begin(b)
	return a
}

// probeNFS takes those that begin with a call of NFS.
func probeNFS(_ packet.Dir, b []byte) analyzer.Answer {
	m, a := begin(b)
	if a == analyzer.Yes && (m[7] != 0 || binary.BigEndian.Uint32(m[12:]) != NFS) {
		return analyzer.No
	}
	return a
}

// begin looks for a message at the begin of b, or behind a record mark; m begins with it.
func begin(b []byte) (m []byte, a analyzer.Answer) {
	if len(b) == 0 || b[0] == 0x80 {
		m = b[min(len(b), 4):]
		if marked := probeWords(m); marked != analyzer.No {
			return m, marked
		}
	}
	return b, probeWords(b)
}

// probeWords looks at the first 16 bytes of a message, as many as there are: a number, the type, then version 2 and a
// program below those of nobody (RFC 5531 8.3), or a reply's state and what follows it.
func probeWords(b []byte) analyzer.Answer {
	for i := 4; i < min(len(b), 12); i++ {
		c := b[i]
		if i&3 != 3 && c != 0 || i == 7 && c > 1 || i == 11 && (b[7] == 0 && c != 2 || b[7] == 1 && c > 1) {
			return analyzer.No
		}
	}
	if len(b) < 16 {
		return analyzer.More
	}
	w := binary.BigEndian.Uint32(b[12:])
	if b[7] == 0 && (w == 0 || w >= 0x60000000) || b[7] == 1 && w > AuthGSS {
		return analyzer.No
	}
	return analyzer.Yes
}

// maxOpen bounds the calls of one flow that wait for a reply; the oldest is told as not answered. Clients of NFS keep up
// to 128 in flight.
const maxOpen = 128

// call waits for its reply.
type call struct {
	h       Header
	ref     packet.Ref
	dir     packet.Dir
	repeats uint32
	lookup  Mapping
	firstOp uint32
	handle  uint32 // as in Transaction
	has     bool
	name    [64]byte // begin of Transaction.Name, so that a call costs no allocation
	nName   uint8
	id      uint64
	machine [64]byte // begin of Transaction.Machine
	nMach   uint8
	long    string // a name that is longer
}

// reader matches calls and replies of one flow.
type reader struct {
	rpc, nfs, nfsError event.Kind
	open               []call // oldest first
	scratch            []byte
	id                 uint64
}

func newReader(o analyzer.Options) reader {
	return reader{rpc: o.Kind(KindRPC), nfs: o.Kind(KindNFS), nfsError: o.Kind(KindNFSError)}
}

// message reads one datagram or record, or the begin of a long one.
func (r *reader) message(c *analyzer.Context, d packet.Dir, b []byte, ref packet.Ref) bool {
	h, body, ok := Parse(b)
	if !ok {
		return false
	}
	if h.Reply {
		r.reply(c, d, &h, body, ref)
		return true
	}
	for i := range r.open {
		if o := &r.open[i]; o.h.XID == h.XID && o.dir == d && o.h.Program == h.Program && o.h.Procedure == h.Procedure {
			o.repeats++
			return true
		}
	}
	if len(r.open) >= maxOpen {
		r.emit(c, &r.open[0], nil, nil, packet.Ref{})
		r.drop(0)
	}
	r.id++
	r.open = append(r.open, call{h: h, ref: ref, dir: d, id: r.id})
	o := &r.open[len(r.open)-1]
	o.nMach = uint8(copy(o.machine[:], machine(&h, b)))
	if h.Program == Portmap {
		o.lookup, _ = parseLookup(h.Version, h.Procedure, body)
	}
	if h.Program == NFS && h.Version == 4 && h.Procedure == 1 {
		o.firstOp = firstOp(body)
	}
	if h.Program == NFS && h.Version == 3 && h.Procedure != 0 && (c.Wanted(r.nfs) || c.Inspected(r.nfs)) {
		x := xdr{b: body}
		handle := x.opaque(64) // RFC 1813 2.4
		o.handle, o.has = crc32.ChecksumIEEE(handle), !x.bad
	}
	r.scratch = argName(r.scratch[:0], &h, body)
	if len(r.scratch) <= len(o.name) {
		o.nName = uint8(copy(o.name[:], r.scratch))
	} else {
		o.long = string(r.scratch)
	}
	if h.Program == NFS && c.Inspected(r.nfs) {
		x := o.transaction(c.Head(r.nfs))
		c.Inspect(r.nfs, event.Inspection{Dir: d, Tx: o.id - 1, Done: true, Parts: x})
	}
	return true
}

// transaction makes the event of a call, without its reply.
func (o *call) transaction(h event.Head) *Transaction {
	x := &Transaction{head: h, Asked: o.ref, Dir: o.dir, Call: o.h, Repeats: o.repeats, Lookup: o.lookup, FirstOp: o.firstOp, Handle: o.handle, HasHandle: o.has, ID: o.id, Name: o.long,
		Machine: string(o.machine[:o.nMach])}
	if o.nName > 0 {
		x.Name = string(o.name[:o.nName])
	}
	return x
}

func (r *reader) drop(i int) {
	r.open = append(r.open[:i], r.open[i+1:]...)
}

func (r *reader) reply(c *analyzer.Context, d packet.Dir, h *Header, body []byte, ref packet.Ref) {
	for i := range r.open {
		if o := &r.open[i]; o.h.XID == h.XID && o.dir != d {
			r.emit(c, o, h, body, ref)
			r.drop(i)
			return
		}
	}
}

// emit tells a call with its reply, h being nil when there is none.
func (r *reader) emit(c *analyzer.Context, o *call, h *Header, body []byte, ref packet.Ref) {
	status, has := uint32(0), false
	ok := h != nil && !h.Denied && h.Stat == Success
	if ok {
		status, has = parseStatus(o.h.Program, o.h.Version, o.h.Procedure, body)
	}
	kind := r.rpc
	if o.h.Program == NFS {
		kind = r.nfs
		if has && status != 0 || h != nil && !ok {
			kind = r.nfsError
		}
	}
	if !c.Wanted(kind) {
		return
	}
	x := o.transaction(c.Head(kind))
	x.Answered, x.Status, x.HasStatus = ref, status, has
	if h != nil {
		x.Reply = *h
	}
	if ok && o.h.Program == Portmap {
		x.Ports = parsePorts(nil, o.h.Version, o.h.Procedure, o.lookup, body)
	}
	c.Emit(x)
}

// end tells the calls that nobody answered.
func (r *reader) end(c *analyzer.Context) {
	for i := range r.open {
		r.emit(c, &r.open[i], nil, nil, packet.Ref{})
	}
	r.open = r.open[:0]
}

func (r *reader) reset() { r.open, r.id = r.open[:0], 0 }

// datagrams reads RPC over UDP.
type datagrams struct{ reader }

// Message reads one datagram.
func (m *datagrams) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if c.Framed() {
		c.Frame(d, "rpc.pdu", len(b), int64(len(b)))
		m.mark(c, d, b, 0, len(b), len(b))
	}
	m.message(c, d, b, c.Packet().Ref())
}

// Close tells what was not answered.
func (m *datagrams) Close(c *analyzer.Context, _ event.EndReason) { m.end(c) }

// Reset makes m as new.
func (m *datagrams) Reset() { m.reset() }

// keep is how many bytes of a record are read: all that arguments and results of interest need, and little of a READ or
// WRITE.
const keep = 4096

// records reads RPC over TCP: record marking of RFC 5531 11.
type records struct {
	reader
	sides [2]side
}

// side is one direction.
type side struct {
	mark  [4]byte
	nMark int
	left  uint32 // bytes of the fragment that are still to come
	final bool   // it is the record's last
	buf   []byte // the record so far, at most keep bytes
	ref   packet.Ref
	lost  bool // lost its place: the rest of this direction cannot be read

	size   uint32 // of the record at hand, if it is in one fragment; else 0
	marked bool   // its frames were marked
}

// Data takes bytes of direction d.
func (s *records) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	x := &s.sides[d]
	for len(b) > 0 && !x.lost {
		if x.left == 0 {
			n := copy(x.mark[x.nMark:], b)
			if x.nMark == 0 && len(x.buf) == 0 {
				x.ref = c.Head(s.rpc).Seen
			}
			x.nMark += n
			b = b[n:]
			if x.nMark < len(x.mark) {
				return
			}
			m := binary.BigEndian.Uint32(x.mark[:])
			x.left, x.final, x.nMark = m&0x7fffffff, m>>31 != 0, 0
			if x.left == 0 && !x.final || x.left > 1<<24 {
				x.lost = true
				break
			}
			if x.size, x.marked = 0, false; x.final && len(x.buf) == 0 && c.Framed() {
				x.size = x.left
				c.Frame(d, "rpc.pdu", len(x.mark)+len(b), int64(len(x.mark))+int64(x.left))
			}
		} else {
			n := min(int(x.left), len(b))
			if room := keep - len(x.buf); room > 0 {
				x.buf = append(x.buf, b[:min(n, room)]...)
			}
			x.left -= uint32(n)
			b = b[n:]
			if x.size > 0 && !x.marked && (x.left == 0 || len(x.buf) >= enoughHead) {
				x.marked = true
				s.reader.mark(c, d, x.buf, len(x.mark), int(x.size), int(x.size-x.left)+len(b))
			}
		}
		if x.left == 0 && x.final {
			x.lost = !s.message(c, d, x.buf, x.ref)
			x.buf, x.final = x.buf[:0], false
		}
	}
	if s.sides[0].lost && s.sides[1].lost {
		s.end(c)
		c.Done()
	}
}

// Gap loses the place in direction d, unless the hole lies in a fragment's bytes beyond what is read of it.
func (s *records) Gap(_ *analyzer.Context, d packet.Dir, n uint64) {
	x := &s.sides[d]
	if uint64(x.left) > n && len(x.buf) == keep {
		x.left -= uint32(n)
		return
	}
	x.lost = true
}

// Close tells what was not answered once both directions are over.
func (s *records) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	s.sides[d].lost = true
	if s.sides[0].lost && s.sides[1].lost {
		s.end(c)
	}
}

// Reset makes s as new.
func (s *records) Reset() {
	for d := range s.sides {
		s.sides[d] = side{buf: s.sides[d].buf[:0]}
	}
	s.reset()
}

// Held is what the flow keeps (analyzer.Holder).
func (r *reader) Held() int { return cap(r.open)*callSize + cap(r.scratch) }

const callSize = int(unsafe.Sizeof(call{}))

// Held is what the connection keeps (analyzer.Holder).
func (s *records) Held() int { return s.reader.Held() + cap(s.sides[0].buf) + cap(s.sides[1].buf) }
