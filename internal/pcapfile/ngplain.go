package pcapfile

// plain reads the block that nearly all of a file consists of: an enhanced packet block (section 4.3) that is whole in
// memory, little-endian, without options, and right in every field. False means that it touched nothing and step must
// look. It does what step does, in one piece; a test compares the two (2026-11-28: a block costs half as much).
func (r *Reader) plain(rec *Record) bool {
	if r.ng.big || r.w.w-r.w.r < 32 {
		return false
	}
	b := r.w.cur.buf[r.w.r:r.w.w]
	h := (*[28]byte)(b)
	length, capLen, wire := le.Uint32(h[4:]), le.Uint32(h[20:]), le.Uint32(h[24:])
	if le.Uint32(h[:]) != blockEPB || capLen > MaxBlock-64 || length != 32+(capLen+3)&^3 || uint64(length) > uint64(len(b)) ||
		le.Uint32(b[length-4:]) != length {
		return false
	}
	id := uint64(le.Uint32(h[8:])) + uint64(r.ng.first)
	if id >= uint64(len(r.ifaces)) {
		return false
	}
	in := &r.ifaces[id]
	ticks := uint64(le.Uint32(h[12:]))<<32 | uint64(le.Uint32(h[16:]))
	t, ok := in.clock.time(ticks)
	if !ok || in.FCSLen != 0 || capLen > wire || in.SnapLen != 0 && capLen > in.SnapLen {
		return false
	}
	rec.Data = b[28 : 28+capLen : 28+capLen]
	rec.Time = t
	rec.Offset = r.w.offset()
	rec.WireLen = wire
	rec.Iface = uint16(id)
	rec.Link = in.Link
	r.last = t
	r.frame++
	rec.Frame = r.frame
	r.w.r += int(length)
	return true
}
