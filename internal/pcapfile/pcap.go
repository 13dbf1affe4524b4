package pcapfile

import (
	"encoding/binary"
	"fmt"

	"firestorm/internal/packet"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// Magic numbers of pcap files.
const (
	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d
	// magicRedHat marks Alexey Kuznetzov's patched libpcap, shipped by Red Hat: 24-byte record headers.
	magicRedHat = 0xa1b2cd34
)

// FCS bits in the network field of the pcap header (draft-ietf-opsawg-pcap, section 4).
const (
	fcsPresent = 1 << 26
	fcsShift   = 28 // length in units of 16 bits
	linkMask   = 0xffff
)

type pcapState struct {
	big     bool
	perTick uint64 // nanoseconds per tick of the fraction field
	hdr     int    // bytes of a record header
	max     uint32 // largest captured length taken
	snap    uint32
	swap    lengthOrder
}

// lengthOrder says how an old writer ordered the two lengths of a record header.
type lengthOrder uint8

const (
	lengthsPlain   lengthOrder = iota
	lengthsMaybe               // version 2.3: some swapped them, some not
	lengthsSwapped             // before 2.3
)

func isPcapMagic(b []byte) bool {
	_, _, ok := pcapMagic(b)
	return ok
}

func pcapMagic(b []byte) (magic uint32, big, ok bool) {
	switch m := le.Uint32(b); m {
	case magicMicro, magicNano, magicRedHat:
		return m, false, true
	}
	switch m := be.Uint32(b); m {
	case magicMicro, magicNano, magicRedHat:
		return m, true, true
	}
	return 0, false, false
}

// startPcap reads the 24-byte file header.
func (r *Reader) startPcap() error {
	if err := r.w.need(24); err != nil {
		return r.cut(24, err, "pcap file header")
	}
	h := r.w.cur.buf[r.w.r : r.w.r+24]
	magic, big, _ := pcapMagic(h)
	u16, u32 := le.Uint16, le.Uint32
	if big {
		u16, u32 = be.Uint16, be.Uint32
	}
	major, minor := u16(h[4:]), u16(h[6:])
	if major != 2 && major != 543 {
		return &Error{Offset: 4, Reason: fmt.Sprintf("pcap version %d.%d is not known (2.4 is usual)", major, minor)}
	}
	s := pcapState{big: big, perTick: 1000, hdr: 16, max: MaxPacket, snap: u32(h[16:])}
	switch {
	case magic == magicNano:
		s.perTick = 1
	case magic == magicRedHat:
		s.hdr = 24
	}
	switch {
	case major == 543 || minor < 3:
		s.swap = lengthsSwapped
	case minor == 3:
		s.swap = lengthsMaybe
	}
	if s.snap >= 1<<31 {
		s.snap = 0
	}
	s.max = max(s.max, min(s.snap, MaxBlock))
	network := u32(h[20:])
	in := Interface{Link: packet.LinkType(network & linkMask), SnapLen: s.snap}
	if network&fcsPresent != 0 {
		in.FCSLen = uint8(network>>fcsShift) * 2
	}
	r.ifaces = append(r.ifaces[:0], in)
	r.pc, r.format = s, FormatPcap
	r.w.r += 24
	return nil
}

// nextPcap reads one record.
func (r *Reader) nextPcap(rec *Record) error {
	s := &r.pc
	if err := r.w.need(s.hdr); err != nil {
		return r.cut(s.hdr, err, "record header")
	}
	h := r.w.cur.buf[r.w.r : r.w.r+16]
	var sec, frac, capLen, wire uint32
	if s.big {
		sec, frac, capLen, wire = be.Uint32(h), be.Uint32(h[4:]), be.Uint32(h[8:]), be.Uint32(h[12:])
	} else {
		sec, frac, capLen, wire = le.Uint32(h), le.Uint32(h[4:]), le.Uint32(h[8:]), le.Uint32(h[12:])
	}
	if s.swap == lengthsSwapped || s.swap == lengthsMaybe && capLen > wire {
		capLen, wire = wire, capLen
	}
	if capLen > s.max {
		return &Error{Offset: r.w.offset(), Reason: fmt.Sprintf("record claims %d captured bytes, more than the maximum of %d", capLen, s.max)}
	}
	n := s.hdr + int(capLen)
	if err := r.w.need(n); err != nil {
		return r.cut(n, err, "record")
	}
	if s.snap != 0 && capLen > s.snap || capLen > wire || uint64(frac)*s.perTick >= 1e9 {
		r.oddPcap(capLen, wire)
		wire = max(wire, capLen)
	}
	off := r.w.r + s.hdr
	rec.Data = r.w.cur.buf[off : off+int(capLen) : off+int(capLen)]
	rec.Time = packet.Time(uint64(sec)*1e9 + uint64(frac)*s.perTick)
	rec.Offset = r.w.offset()
	rec.WireLen = wire
	rec.Iface = 0
	in := &r.ifaces[0]
	rec.Link = in.Link
	if in.FCSLen != 0 {
		rec.stripFCS(uint32(in.FCSLen))
	}
	r.frame++
	rec.Frame = r.frame
	r.w.r += n
	return nil
}

// oddPcap notes what a record header has that it should not.
func (r *Reader) oddPcap(capLen, wire uint32) {
	off := r.w.offset()
	switch {
	case r.pc.snap != 0 && capLen > r.pc.snap:
		r.note(off, fmt.Sprintf("packets longer than the file's snap length of %d bytes", r.pc.snap))
	case capLen > wire:
		r.note(off, "packets with more captured bytes than the wire had")
	default:
		r.note(off, "times with a fraction of a second of one second or more")
	}
}
