package packet

import (
	"hash/crc32"

	"firestorm/internal/header"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeroField  = make([]byte, 4) // stands for the checksum field; as a local it would escape to the heap
)

// verdict turns a mismatch into an outcome: explained says that a card fills the field in later.
func (d *decoder) verdict(explained bool) Sum {
	if explained && d.o.Checksums == ChecksumsAuto {
		return SumOffload
	}
	return SumBad
}

// sumIPv4 checks the header checksum. Cards that compute it leave 0 in what the sender captured.
func (d *decoder) sumIPv4(off, hlen int) Sum {
	var sum uint16
	if hlen == 20 {
		sum = header.SumIPv4((*[20]byte)(d.b[off:]))
	} else {
		sum = header.Sum(0, d.b[off:off+hlen])
	}
	if sum == 0xffff {
		return SumGood
	}
	return d.verdict(be16(d.b, off+10) == 0)
}

// sumL4 checks the checksum at field of the whole message between off and wend.
func (d *decoder) sumL4(proto uint8, off, wend, field int) {
	p, b := d.p, d.b
	if p.Offload.PartialSum { // the kernel says so: there is nothing to compute
		p.L4Sum = SumOffload
		return
	}
	if wend > len(b) || d.trunc || p.IPFlags&Fragment != 0 || field+2 > wend {
		return
	}
	n := wend - off
	if proto == ProtoUDP && be16(b, off+4) != 0 && int(be16(b, off+4)) != n {
		return
	}
	got := be16(b, field)
	if proto == ProtoUDP && got == 0 && p.IPVersion == 4 {
		return
	}
	if proto == ProtoICMP || proto == ProtoIGMP {
		p.L4Sum = SumBad
		if header.Sum(0, b[off:wend]) == 0xffff {
			p.L4Sum = SumGood
		}
		return
	}
	var ends uint16 // the sum of source and destination, which stand together in the IP header
	if l3 := int(p.L3); p.IPVersion == 4 {
		ends = header.SumPair((*[8]byte)(b[l3+12:]))
	} else {
		if d.routed() {
			return // the pseudo-header needs the final destination, which stands elsewhere
		}
		ends = header.Sum(0, b[l3+8:l3+40])
	}
	partial := uint64(ends) + uint64(proto)
	whole := partial + uint64(n>>16) + uint64(n&0xffff)
	if header.Sum(whole, b[off:wend]) == 0xffff {
		p.L4Sum = SumGood
		return
	}
	p.L4Sum = SumBad
	if proto == ProtoTCP || proto == ProtoUDP {
		// What a card completes is the sum of the pseudo-header, with the length or, for large sends, without.
		p.L4Sum = d.verdict(got == header.Fold(whole) || got == header.Fold(partial))
	}
}

// routed reports a routing header with segments left.
func (d *decoder) routed() bool {
	off, ok := d.p.Layer(LayerIPv6Routing)
	return ok && off > int(d.p.L3) && off+4 <= len(d.b) && d.b[off+3] != 0
}

// sumSCTP checks the CRC32c of RFC 9260 6.8. A card that computes it leaves 0.
func (d *decoder) sumSCTP(off, wend int) {
	p, b := d.p, d.b
	if p.Offload.PartialSum {
		p.L4Sum = SumOffload
		return
	}
	if wend > len(b) || d.trunc || p.IPFlags&Fragment != 0 {
		return
	}
	c := crc32.Update(0, castagnoli, b[off:off+8])
	c = crc32.Update(c, castagnoli, zeroField)
	c = crc32.Update(c, castagnoli, b[off+12:wend])
	// The field holds the CRC in the byte order that a serial line sends it: least significant byte first.
	got := uint32(b[off+8]) | uint32(b[off+9])<<8 | uint32(b[off+10])<<16 | uint32(b[off+11])<<24
	if got == c {
		p.L4Sum = SumGood
		return
	}
	p.L4Sum = d.verdict(got == 0)
}
