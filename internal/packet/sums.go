package packet

import (
	"encoding/binary"
	"hash/crc32"

	"firestorm/internal/header"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeroField  = make([]byte, 4) // stands for the checksum field; as a local it would escape to the heap
)

// verdict turns a mismatch into an outcome: explained says that a card fills the field in later.
func verdict(o *Options, explained bool) Sum {
	if explained && o.Checksums == ChecksumsAuto {
		return SumOffload
	}
	return SumBad
}

// sumIPv4 checks the header checksum. Cards that compute it leave 0 in what the sender captured.
func (d *decoder) sumIPv4(off, hlen int) Sum {
	if header.RawSum(d.b[off:off+hlen])%0xffff == 0 { // not 0: the version is in it
		return SumGood
	}
	return verdict(d.o, be16(d.b, off+10) == 0)
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
	if proto == ProtoUDP && be16(b, field) == 0 && p.IPVersion == 4 {
		return
	}
	sum := header.RawSum(b[off:wend])
	if proto == ProtoICMP || proto == ProtoIGMP {
		p.L4Sum = SumBad
		if sum != 0 && sum%0xffff == 0 {
			p.L4Sum = SumGood
		}
		return
	}
	var ends uint64 // the sum of source and destination, which stand together in the IP header
	if l3 := int(p.L3); p.IPVersion == 4 {
		ends = header.RawSum(b[l3+12 : l3+20])
	} else {
		if d.routed() {
			return // the pseudo-header needs the final destination, which stands elsewhere
		}
		ends = header.RawSum(b[l3+8 : l3+40])
	}
	if (ends+pseudoRest(proto, n)+sum)%0xffff == 0 {
		p.L4Sum = SumGood
		return
	}
	p.L4Sum = SumBad
	if proto == ProtoTCP || proto == ProtoUDP {
		p.L4Sum = p.completed(d.o, pseudoRest(proto, n))
	}
}

// pseudoRest is what a pseudo-header adds to the sum of the addresses, as header.RawSum counts: the protocol and the length,
// swapped. It is never 0.
func pseudoRest(proto uint8, n int) uint64 { return (uint64(proto) + uint64(n)) << 8 }

// completed judges a TCP or UDP checksum that is not right. What a card completes is the sum of the pseudo-header, with the
// length (rest is that of its pseudoRest) or, for large sends, without.
func (p *Packet) completed(o *Options, rest uint64) Sum {
	field := int(p.L4) + 16
	if p.Proto == ProtoUDP {
		field = int(p.L4) + 6
	}
	got := binary.LittleEndian.Uint16(p.Data[field:])
	var ends uint64
	if p.IPVersion == 4 {
		a := p.Data[p.L3+12:]
		ends = uint64(binary.LittleEndian.Uint32(a)) + uint64(binary.LittleEndian.Uint32(a[4:]))
	} else {
		ends = header.RawSum(p.Data[p.L3+8 : p.L3+40])
	}
	return verdict(o, got == header.Fold(ends+rest) || got == header.Fold(ends+pseudoRest(p.Proto, 0)))
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
	p.L4Sum = verdict(d.o, got == 0)
}
