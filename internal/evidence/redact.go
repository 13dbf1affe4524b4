package evidence

import (
	"encoding/binary"
	"hash/crc32"

	"firestorm/internal/finding"
	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// Redactor makes frames and findings fit to be given away: addresses and names are mapped, payload is cut off, and
// checksums are put right. What it does not understand of a frame it cuts off too. It is for one goroutine.
type Redactor struct {
	Map   *Mapping
	names []string // longest first
	buf   []byte
}

// NewRedactor returns a redactor that maps by key.
func NewRedactor(key [KeySize]byte) *Redactor { return &Redactor{Map: NewMapping(key)} }

// Finding returns what may be told of f: who, what, when, how sure, and the frames. Long texts are left out: they
// cite from packets more than can be mapped safely.
func (r *Redactor) Finding(f *finding.Finding) *finding.Finding {
	g := *f
	g.Title = r.Text(f.Title)
	if f.Title == "" {
		g.Title = f.Code.Title
	}
	g.Summary, g.Why, g.Impact, g.WrongIf, g.Check, g.CheckNote = "", "", "", "", "", ""
	g.Facts, g.RuledOut, g.CouldBe, g.Remedy, g.Gates, g.Explains, g.Ladder = nil, nil, nil, nil, nil, nil, nil
	g.MutedBy = ""
	g.Subjects = append([]finding.Subject(nil), f.Subjects...)
	for i := range g.Subjects {
		s := &g.Subjects[i]
		s.Addr, s.MAC = r.Map.Addr(s.Addr), r.Map.MAC(s.MAC)
		if s.Name != "" {
			s.Name = r.Map.Name(s.Name)
		}
	}
	for _, x := range f.Facts { // frames that only a fact names stay evidence, without its words
		g.Facts = append(g.Facts, finding.Fact{Text: "left out", Refs: x.Refs})
	}
	g.Evidence = append([]finding.Proof(nil), f.Evidence...)
	for i := range g.Evidence {
		g.Evidence[i].Role = r.Text(g.Evidence[i].Role)
	}
	return &g
}

// Frame returns p's frame redacted. The bytes are the redactor's, until its next call; p is left alone.
func (r *Redactor) Frame(p *packet.Packet) []byte {
	r.buf = append(r.buf[:0], p.Data...)
	q := packet.Packet{Data: r.buf, Link: p.Link, WireLen: p.WireLen}
	packet.Decode(&q, &packet.Options{Checksums: packet.ChecksumsAuto})
	f := frame{b: r.buf, m: r.Map, bad: q.L4Sum == packet.SumBad}
	layers := q.Layers[:q.NLayer]
	sums := make([]sum, 0, len(layers))
	keep := 0
	for i, l := range layers {
		off, end := int(l.Off), len(f.b)
		last := i == len(layers)-1
		if !last {
			end = int(layers[i+1].Off)
		}
		if off > len(f.b) || end < off {
			break
		}
		n, ok := f.layer(l.Kind, off, end, last)
		if !ok {
			break
		}
		sums = append(sums, sum{kind: l.Kind, off: off, ip: f.ip, wrong: f.wrong})
		keep = min(off+n, len(f.b))
		if n < end-off {
			break // nothing is kept behind a gap
		}
	}
	if end := int(q.L3) + int(q.IPLen); q.IPVersion != 0 && keep >= end && keep < len(f.b) {
		clear(f.b[keep:]) // padding of the link: with it a frame without payload is still whole
		keep = len(f.b)
	}
	f.b = f.b[:keep]
	for i := len(sums) - 1; i >= 0; i-- { // inner ones first: outer ones span them
		f.fix(&sums[i], i == len(layers)-1)
	}
	return f.b
}

// sum remembers a header whose checksum is to be put right.
type sum struct {
	kind  packet.LayerKind
	off   int
	ip    int  // where the IP header before it begins
	wrong bool // it was wrong, and stays so
}

// frame is one frame while it is redacted.
type frame struct {
	b     []byte
	m     *Mapping
	ip    int  // where the last IP header begins
	wrong bool // of the layer at hand: its checksum was wrong
	bad   bool // the innermost transport checksum was wrong
}

// fix puts one checksum right, as if zeroes stood where bytes were cut off. One that was wrong stays wrong: it may be
// what the finding is about.
func (f *frame) fix(s *sum, innermost bool) {
	b := f.b[min(s.off, len(f.b)):]
	set := func(at int, v uint16) {
		if s.wrong || innermost && f.bad && s.kind != packet.LayerIPv4 {
			v ^= 0x5555
		}
		binary.BigEndian.PutUint16(b[at:], v)
	}
	switch s.kind {
	case packet.LayerIPv4:
		n := int(b[0]&15) * 4
		if len(b) >= n && n >= 20 {
			b[10], b[11] = 0, 0
			set(10, header.Checksum(b[:n]))
		}
	case packet.LayerTCP:
		if len(b) >= 18 {
			b[16], b[17] = 0, 0
			set(16, f.transport(s, packet.ProtoTCP, b))
		}
	case packet.LayerUDP:
		if len(b) >= 8 && (b[6] != 0 || b[7] != 0) { // none stays none
			b[6], b[7] = 0, 0
			v := f.transport(s, packet.ProtoUDP, b)
			if v == 0 {
				v = 0xffff // RFC 768: zero means none
			}
			set(6, v)
		}
	case packet.LayerICMPv4, packet.LayerIGMP:
		if len(b) >= 4 {
			b[2], b[3] = 0, 0
			set(2, header.Checksum(b))
		}
	case packet.LayerICMPv6:
		if len(b) >= 4 {
			b[2], b[3] = 0, 0
			set(2, f.transport(s, packet.ProtoICMPv6, b))
		}
	case packet.LayerSCTP:
		if n := f.length(s); len(b) >= 12 && n >= len(b) {
			// RFC 9260 6.8, in the byte order that a serial line sends a CRC: least significant byte first.
			v := crc32.Update(0, castagnoli, b)
			for zeroes := make([]byte, 64); len(b) < n; n -= len(zeroes) {
				zeroes = zeroes[:min(len(zeroes), n-len(b))]
				v = crc32.Update(v, castagnoli, zeroes)
			}
			if s.wrong || innermost && f.bad {
				v ^= 0x5555
			}
			binary.LittleEndian.PutUint32(b[8:], v)
		}
	case packet.LayerVRRP:
		if len(b) >= 8 {
			b[6], b[7] = 0, 0
			if b[0]>>4 == 2 {
				set(6, header.Checksum(b))
			} else {
				set(6, f.transport(s, packet.ProtoVRRP, b))
			}
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// length is how long the IP header before s says that what begins with s is; 0: it is not known.
func (f *frame) length(s *sum) int {
	ip := f.b[s.ip:s.off]
	switch {
	case len(ip) >= 40 && ip[0]>>4 == 6:
		return int(binary.BigEndian.Uint16(ip[4:])) + 40 - len(ip)
	case len(ip) >= 20 && ip[0]>>4 == 4:
		return int(binary.BigEndian.Uint16(ip[2:])) - len(ip)
	}
	return 0
}

// transport computes a checksum with the pseudo-header of the IP header before s.
func (f *frame) transport(s *sum, proto uint8, b []byte) uint16 {
	ip := f.b[s.ip:s.off]
	var src, dst []byte
	length := 0
	switch {
	case len(ip) >= 40 && ip[0]>>4 == 6:
		src, dst, length = ip[8:24], ip[24:40], int(binary.BigEndian.Uint16(ip[4:]))+40-len(ip)
	case len(ip) >= 20:
		src, dst, length = ip[12:16], ip[16:20], int(binary.BigEndian.Uint16(ip[2:]))-len(ip)
	default:
		return 0
	}
	return ^header.Sum(header.PseudoSum(src, dst, proto, max(length, 0)), b)
}
