package pcapfile

import "firestorm/internal/packet"

// Origin is where the packets of one interface come from, as who reads a file numbers it: Packet.Source and Vantage.
type Origin struct{ Source, Vantage uint16 }

// Fill writes the fields of origin of a packet that is rec. Frames are counted on from before.
func (o Origin) Fill(p *packet.Packet, rec *Record, before uint64) {
	p.Data, p.Time, p.Frame, p.Link, p.WireLen = rec.Data, rec.Time, rec.Frame+before, rec.Link, rec.WireLen
	o.mark(p)
}

// mark writes the fields of origin that do not stand in the record.
func (o Origin) mark(p *packet.Packet) {
	p.Source, p.Vantage = o.Source, o.Vantage
	p.Ordinal, p.Missing, p.Firewall, p.Offload = 0, 0, packet.FirewallNone, packet.Offload{}
}

// RecordHeader is how many bytes of a file Run counts for each packet beside those captured.
const RecordHeader = 16

// Run fills the fields of origin of ps with the packets that come next, as long as they are what nearly all are: records
// right in every field that lie whole in the block in memory, of an interface that from has an origin for. It does what
// as many calls of Next and Fill do, in one loop (2026-11-30: a record of a pcap costs a third), and stops after the packet
// with which it took most bytes, headers counted. It returns how many packets it filled, and their captured bytes; with
// none of them Next must look.
func (r *Reader) Run(ps []packet.Packet, from []Origin, before uint64, most int) (n, bytes int) {
	switch {
	case r.err != nil || len(from) == 0:
	case r.format == FormatPcap && !r.pc.big && r.pc.swap == lengthsPlain && r.pc.hdr == RecordHeader && r.ifaces[0].FCSLen == 0:
		n, bytes = r.runPcap(ps, from[0], before, most)
	case r.format == FormatPcapNG && len(from) >= len(r.ifaces):
		var rec Record
		for n < len(ps) && bytes+n*RecordHeader < most && r.plain(&rec) {
			from[rec.Iface].Fill(&ps[n], &rec, before)
			n++
			bytes += len(rec.Data)
		}
	}
	return n, bytes
}

// runPcap is Run for a pcap whose numbers are little-endian, as nearly all are.
func (r *Reader) runPcap(ps []packet.Packet, o Origin, before uint64, most int) (n, bytes int) {
	s := &r.pc
	longest := s.max
	if s.snap != 0 {
		longest = min(longest, s.snap)
	}
	rest, link, frame := r.w.cur.buf[r.w.r:r.w.w], r.ifaces[0].Link, r.frame+before
	low := max(r.w.have()-most, RecordHeader-1)
	for n < len(ps) && len(rest) > low {
		h := (*[RecordHeader]byte)(rest)
		capLen, wire := le.Uint32(h[8:]), le.Uint32(h[12:])
		ns := uint64(le.Uint32(h[4:])) * s.perTick
		end := RecordHeader + uint64(capLen)
		if capLen > longest || capLen > wire || ns >= 1e9 || end > uint64(len(rest)) {
			break
		}
		p := &ps[n]
		n++
		p.Data = rest[RecordHeader:end:end]
		p.Time, p.Frame, p.Link, p.WireLen = packet.Time(uint64(le.Uint32(h[:]))*1e9+ns), frame+uint64(n), link, wire
		o.mark(p)
		rest = rest[end:]
	}
	bytes = r.w.have() - len(rest) - n*RecordHeader
	r.frame += uint64(n)
	r.w.r = r.w.w - len(rest)
	return n, bytes
}
