package pcapfile

import (
	"encoding/binary"
	"fmt"

	"firestorm/internal/packet"
)

// Block types (draft-ietf-opsawg-pcapng, section 11.1).
const (
	blockSHB     = 0x0a0d0d0a // section header; the same in both byte orders
	blockIDB     = 1          // interface description
	blockPB      = 2          // packet, obsolete
	blockSPB     = 3          // simple packet
	blockNRB     = 4          // name resolution
	blockISB     = 5          // interface statistics
	blockEPB     = 6          // enhanced packet
	blockJournal = 9          // systemd journal export
	blockDSB     = 10         // decryption secrets
	blockCB      = 0x00000bad // custom, may be copied
	blockDCB     = 0x40000bad // custom, not to be copied into a changed file
)

// The byte-order magic of a section header, read in the right order.
const orderMagic = 0x1a2b3c4d

// RawBlock is a pcapng block as it stands in the file.
type RawBlock struct {
	Type   uint32
	Offset int64
	Order  binary.ByteOrder // of the section
	Body   []byte           // between the two lengths; borrowed
	Iface  int              // for an interface description or statistics: index into Reader.Interfaces, else -1
}

type ngState struct {
	big     bool
	section int
	first   int // index in Reader.ifaces of the section's interface 0
}

func (s *ngState) u16(b []byte) uint16 {
	if s.big {
		return be.Uint16(b)
	}
	return le.Uint16(b)
}

func (s *ngState) u32(b []byte) uint32 {
	if s.big {
		return be.Uint32(b)
	}
	return le.Uint32(b)
}

func (s *ngState) u64(b []byte) uint64 {
	if s.big {
		return be.Uint64(b)
	}
	return le.Uint64(b)
}

func (s *ngState) order() binary.ByteOrder {
	if s.big {
		return be
	}
	return le
}

// startNG reads the first section header.
func (r *Reader) startNG() error {
	r.ng.section = -1
	typ, body, size, err := r.block()
	if err != nil {
		return err
	}
	if err := r.section(body); err != nil {
		return err
	}
	r.other(typ, body)
	r.w.r += size
	r.format = FormatPcapNG
	return nil
}

// block finds the next block and checks its frame: type, body and size on disk. The position stays.
func (r *Reader) block() (typ uint32, body []byte, size int, err error) {
	if err := r.w.need(12); err != nil {
		return 0, nil, 0, r.cut(12, err, "block header")
	}
	h := r.w.cur.buf[r.w.r : r.w.r+12]
	s := &r.ng
	typ = s.u32(h)
	if typ == blockSHB {
		switch {
		case le.Uint32(h[8:]) == orderMagic:
			s.big = false
		case be.Uint32(h[8:]) == orderMagic:
			s.big = true
		default:
			return 0, nil, 0, r.broken("section header has byte-order magic %#08x, not 0x1a2b3c4d", le.Uint32(h[8:]))
		}
	}
	length := s.u32(h[4:])
	if length < 12 {
		return 0, nil, 0, r.broken("block of type %#x has length %d, the least is 12", typ, length)
	}
	if length > MaxBlock {
		return 0, nil, 0, r.broken("block of type %#x claims %d bytes, more than the maximum of %d", typ, length, MaxBlock)
	}
	size = int(length+3) &^ 3
	if err := r.w.need(size); err != nil {
		return 0, nil, 0, r.cut(size, err, "block")
	}
	b := r.w.cur.buf[r.w.r : r.w.r+size]
	if end := s.u32(b[size-4:]); end != length {
		return 0, nil, 0, r.broken("block of type %#x has length %d at its start and %d at its end", typ, length, end)
	}
	if size != int(length) {
		r.note(r.w.offset(), "block lengths that are no multiple of 4")
	}
	return typ, b[8 : size-4 : size-4], size, nil
}

// broken is the error for the block at the current position.
func (r *Reader) broken(format string, args ...any) error {
	return &Error{Offset: r.w.offset(), Reason: fmt.Sprintf(format, args...)}
}

// section starts a new section: interface numbers begin at 0 again.
func (r *Reader) section(body []byte) error {
	if len(body) < 16 {
		return r.broken("section header has %d bytes, the least is 28", len(body)+12)
	}
	if major := r.ng.u16(body[4:]); major != 1 {
		return r.broken("pcapng version %d.%d is not known (1.0 is usual)", major, r.ng.u16(body[6:]))
	}
	r.ng.section++
	r.ng.first = len(r.ifaces)
	return nil
}

// nextNG goes on to the next packet, reading what stands between.
func (r *Reader) nextNG(rec *Record) error {
	if r.plain(rec) {
		return nil
	}
	for {
		_, size, got, err := r.step(rec)
		if err != nil {
			return err
		}
		r.w.r += size
		if got {
			return nil
		}
	}
}

// step reads one block without moving on: its type and size, and whether it filled rec with a packet.
func (r *Reader) step(rec *Record) (typ uint32, size int, got bool, err error) {
	typ, body, size, err := r.block()
	if err != nil {
		return typ, 0, false, err
	}
	switch typ {
	case blockEPB:
		got = r.enhanced(rec, body)
	case blockSPB:
		got = r.simple(rec, body)
	case blockPB:
		got = r.obsolete(rec, body)
	case blockSHB:
		if err := r.section(body); err != nil {
			return typ, 0, false, err
		}
		r.other(typ, body)
	case blockIDB:
		if err := r.describe(body); err != nil {
			return typ, 0, false, err
		}
	default:
		if typ == blockJournal || typ == blockCB || typ == blockDCB {
			r.frame++ // Wireshark numbers these among the frames; a finding's frame number must be found there
		}
		r.other(typ, body)
	}
	if got {
		rec.Offset = r.w.offset()
		r.frame++
		rec.Frame = r.frame
	}
	return typ, size, got, nil
}

// enhanced reads an EPB (section 4.3). A block whose frame is right but whose content is not is passed over:
// its lengths still say where the next one starts.
func (r *Reader) enhanced(rec *Record, body []byte) bool {
	s := &r.ng
	if len(body) < 20 {
		r.pass(r.w.offset(), "packet blocks too short for their fixed fields")
		return false
	}
	capLen := s.u32(body[12:])
	ticks := uint64(s.u32(body[4:]))<<32 | uint64(s.u32(body[8:]))
	return r.fill(rec, body[20:], s.u32(body), ticks, capLen, s.u32(body[16:]), blockEPB)
}

// obsolete reads a Packet Block (appendix A). Its drop counter is per packet.
func (r *Reader) obsolete(rec *Record, body []byte) bool {
	s := &r.ng
	if len(body) < 20 {
		r.pass(r.w.offset(), "packet blocks too short for their fixed fields")
		return false
	}
	capLen := s.u32(body[12:])
	ticks := uint64(s.u32(body[4:]))<<32 | uint64(s.u32(body[8:]))
	id := uint32(s.u16(body))
	if !r.fill(rec, body[20:], id, ticks, capLen, s.u32(body[16:]), blockPB) {
		return false
	}
	if drops := s.u16(body[2:]); drops != 0xffff {
		r.dropped(&r.ifaces[rec.Iface], uint64(drops))
	}
	return true
}

// fill checks and fills what EPB and Packet Block share; data begins with the captured bytes.
func (r *Reader) fill(rec *Record, data []byte, id uint32, ticks uint64, capLen, wire uint32, typ uint32) bool {
	n := uint32(len(r.ifaces) - r.ng.first)
	if id >= n {
		r.pass(r.w.offset(), fmt.Sprintf("packets of interface %d, but the section has declared %d", id, n))
		return false
	}
	if uint64(capLen) > uint64(len(data)) {
		r.pass(r.w.offset(), "packet blocks that claim more captured bytes than they hold")
		return false
	}
	idx := r.ng.first + int(id)
	in := &r.ifaces[idx]
	t, ok := in.clock.time(ticks)
	if !ok {
		r.note(r.w.offset(), "times outside the years 1677 to 2262; taken as the nearest that can be held")
	}
	if in.SnapLen != 0 && capLen > in.SnapLen || capLen > wire {
		wire = r.oddLength(in, capLen, wire)
	}
	rec.Data = data[:capLen:capLen]
	rec.Time = t
	rec.WireLen = wire
	rec.Iface = uint16(idx)
	rec.Link = in.Link
	r.last = t
	fcs := in.FCSLen
	if pad := (capLen + 3) &^ 3; uint64(len(data)) >= uint64(pad)+4 {
		if n := r.packetOptions(data[pad:], typ, idx); n != 0 {
			fcs = n
		}
	}
	if fcs != 0 {
		rec.stripFCS(uint32(fcs))
	}
	return true
}

// oddLength notes an impossible length and returns the wire length to use.
func (r *Reader) oddLength(in *Interface, capLen, wire uint32) uint32 {
	if capLen > wire {
		r.note(r.w.offset(), "packets with more captured bytes than the wire had")
		return capLen
	}
	r.note(r.w.offset(), fmt.Sprintf("packets longer than the interface's snap length of %d bytes", in.SnapLen))
	return wire
}

// simple reads an SPB (section 4.4): interface 0, no time, no captured length of its own.
func (r *Reader) simple(rec *Record, body []byte) bool {
	if len(body) < 4 {
		r.pass(r.w.offset(), "packet blocks too short for their fixed fields")
		return false
	}
	if len(r.ifaces) == r.ng.first {
		r.pass(r.w.offset(), "simple packet blocks before any interface was declared")
		return false
	}
	in := &r.ifaces[r.ng.first]
	wire := r.ng.u32(body)
	n := min(uint64(wire), uint64(len(body)-4))
	if in.SnapLen != 0 {
		n = min(n, uint64(in.SnapLen))
	}
	r.note(r.w.offset(), "simple packet blocks carry no time; each got that of the packet before it")
	rec.Data = body[4 : 4+n : 4+n]
	rec.Time = r.last
	rec.WireLen = wire
	rec.Iface = uint16(r.ng.first)
	rec.Link = in.Link
	if in.FCSLen != 0 {
		rec.stripFCS(uint32(in.FCSLen))
	}
	return true
}

// describe reads an IDB (section 4.2).
func (r *Reader) describe(body []byte) error {
	if len(body) < 8 {
		return r.broken("interface description has %d bytes, the least is 20", len(body)+12)
	}
	if len(r.ifaces) >= MaxInterfaces {
		return r.broken("more than %d interfaces", MaxInterfaces)
	}
	in := Interface{
		Link: packet.LinkType(r.ng.u16(body)), SnapLen: r.ng.u32(body[4:]), Section: r.ng.section, clock: microClock,
	}
	if in.SnapLen >= 1<<31 {
		in.SnapLen = 0
	}
	r.ifaces = append(r.ifaces, in)
	idx := len(r.ifaces) - 1
	r.interfaceOptions(&r.ifaces[idx], body[8:], idx)
	r.emit(blockIDB, body, idx)
	return nil
}

// other reads blocks that hold no packet and describe no interface.
func (r *Reader) other(typ uint32, body []byte) {
	idx := -1
	switch typ {
	case blockSHB:
		r.comments(body[16:], typ, -1, 0)
	case blockISB:
		idx = r.statistics(body)
	}
	r.emit(typ, body, idx)
}

func (r *Reader) emit(typ uint32, body []byte, idx int) {
	if r.opt.OnBlock != nil {
		r.opt.OnBlock(RawBlock{Type: typ, Offset: r.w.offset(), Order: r.ng.order(), Body: body, Iface: idx})
	}
}
