package pcapfile

import "strings"

// Option codes (draft-ietf-opsawg-pcapng, sections 3.5, 4.1 to 4.6).
const (
	optEnd     = 0
	optComment = 1

	shbHardware = 2
	shbOS       = 3
	shbUserAppl = 4

	ifName        = 2
	ifDescription = 3
	ifTSResol     = 9
	ifFilter      = 11
	ifOS          = 12
	ifFCSLen      = 13
	ifTSOffset    = 14
	ifHardware    = 15

	epbFlags     = 2
	epbDropCount = 4

	isbStart  = 2
	isbEnd    = 3
	isbRecv   = 4
	isbIfDrop = 5
	isbOSDrop = 7
)

// maxText bounds a text kept from an interface description.
const maxText = 1024

// nextOption cuts one option off b. It returns false at the end, and on an option that does not fit: what
// stands before it stays good.
func (s *ngState) nextOption(b []byte) (code uint16, val, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	code = s.u16(b)
	n := int(s.u16(b[2:]))
	if code == optEnd || n > len(b)-4 {
		return 0, nil, nil, false
	}
	val = b[4 : 4+n : 4+n]
	if end := 4 + (n+3)&^3; end < len(b) {
		rest = b[end:]
	}
	return code, val, rest, true
}

// packetOptions reads the options of a packet block; it returns the FCS length its flags announce, or 0.
// idx is the packet's interface; the frame's own number is not counted yet.
func (r *Reader) packetOptions(b []byte, typ uint32, idx int) (fcs uint8) {
	for {
		code, val, rest, ok := r.ng.nextOption(b)
		if !ok {
			return fcs
		}
		switch {
		case code == optComment && r.opt.OnComment != nil:
			r.opt.OnComment(Comment{Frame: r.frame + 1, Block: typ, Iface: idx, Text: text(val)})
		case code == epbFlags && len(val) >= 4:
			fcs = uint8(r.ng.u32(val) >> 5 & 0xf)
		case code == epbDropCount && len(val) >= 8 && typ == blockEPB:
			r.dropped(&r.ifaces[idx], r.ng.u64(val))
		}
		b = rest
	}
}

// dropped adds a drop count that came with a packet.
func (r *Reader) dropped(in *Interface, n uint64) {
	in.HasStats = true
	if !in.isb {
		in.Dropped = add(in.Dropped, n)
	}
}

// add adds without wrapping.
func add(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return 1<<64 - 1
}

func (r *Reader) interfaceOptions(in *Interface, b []byte, idx int) {
	var offset int64
	res := byte(6)
	for {
		code, val, rest, ok := r.ng.nextOption(b)
		if !ok {
			break
		}
		switch code {
		case optComment:
			r.comment(val, blockIDB, idx, 0)
		case ifName:
			in.Name = short(val)
		case ifDescription:
			in.Description = short(val)
		case ifOS:
			in.OS = short(val)
		case ifHardware:
			in.Hardware = short(val)
		case ifFilter:
			if len(val) > 1 && val[0] == 0 { // 0: a libpcap expression; 1: BPF instructions
				in.Filter = short(val[1:])
			}
		case ifTSResol:
			if len(val) >= 1 {
				res = val[0]
			}
		case ifTSOffset:
			if len(val) >= 8 {
				offset = int64(r.ng.u64(val))
			}
		case ifFCSLen:
			if len(val) >= 1 {
				in.FCSLen = fcsBytes(val[0])
			}
		}
		b = rest
	}
	in.clock = clockOf(res, offset)
}

// fcsBytes reads if_fcslen. The text says bits, its example and most writers say bytes: 4 bits is no sequence.
func fcsBytes(v byte) uint8 {
	if v >= 8 && v%8 == 0 {
		return v / 8
	}
	if v > 8 {
		return 0
	}
	return v
}

// statistics reads an ISB (section 4.6). Its counters run from the start of the capture, so the last one holds.
func (r *Reader) statistics(body []byte) int {
	s := &r.ng
	if len(body) < 12 {
		r.pass(r.w.offset(), "interface statistics too short for their fixed fields")
		return -1
	}
	id := s.u32(body)
	if n := uint32(len(r.ifaces) - r.ng.first); id >= n {
		r.pass(r.w.offset(), "interface statistics of an interface that was not declared")
		return -1
	}
	idx := r.ng.first + int(id)
	in := &r.ifaces[idx]
	var drops uint64
	var said bool
	for b := body[12:]; ; {
		code, val, rest, ok := s.nextOption(b)
		if !ok {
			break
		}
		switch {
		case code == optComment:
			r.comment(val, blockISB, idx, 0)
		case code == isbRecv && len(val) >= 8:
			in.Received = s.u64(val)
		case (code == isbIfDrop || code == isbOSDrop) && len(val) >= 8:
			drops = add(drops, s.u64(val))
			said = true
		}
		b = rest
	}
	if said {
		in.Dropped, in.isb, in.HasStats = drops, true, true
	}
	return idx
}

// comments reports the comments among the options b.
func (r *Reader) comments(b []byte, typ uint32, idx int, frame uint64) {
	if r.opt.OnComment == nil {
		return
	}
	for {
		code, val, rest, ok := r.ng.nextOption(b)
		if !ok {
			return
		}
		if code == optComment {
			r.comment(val, typ, idx, frame)
		}
		b = rest
	}
}

func (r *Reader) comment(val []byte, typ uint32, idx int, frame uint64) {
	if r.opt.OnComment != nil {
		r.opt.OnComment(Comment{Frame: frame, Block: typ, Iface: idx, Text: text(val)})
	}
}

// text copies an option's text. Some writers end it with a zero octet.
func text(b []byte) string {
	return strings.TrimRight(string(b), "\x00")
}

// short is text with at most maxText bytes.
func short(b []byte) string {
	return text(b[:min(len(b), maxText)])
}
