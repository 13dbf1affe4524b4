package calibration_test

import (
	"encoding/binary"
	"slices"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/packet"
)

// original names the variant without damage.
const original = "as is"

// variant is a way in which a capture can be worse than it should be. make looks at the whole file first and returns
// nil when the damage would change nothing in it.
type variant struct {
	name string
	make func(frames []capture.Frame) []capture.Frame
}

// variants in the order of the table. A doubled capture must not differ in what it says of the network.
var variants = []variant{
	{original, func(fs []capture.Frame) []capture.Frame { return fs }},
	{"answers removed", func(fs []capture.Frame) []capture.Frame { return oneWay(fs, false) }},
	{"requests removed", func(fs []capture.Frame) []capture.Frame { return oneWay(fs, true) }},
	{"SYN removed", with(detecttest.WithoutSYN)},
	{"snaplen 96", with(detecttest.Short)},
	{"each 20th lost", with(detecttest.Lossy)},
	{"doubled", with(detecttest.Doubled)},
	{"joined as by GRO", with(coalesce)},
	{"first third cut", func(fs []capture.Frame) []capture.Frame { return between(fs, 1, 3) }},
	{"last third cut", func(fs []capture.Frame) []capture.Frame { return between(fs, 0, 2) }},
}

func with(m detecttest.Mutation) func([]capture.Frame) []capture.Frame {
	return func(fs []capture.Frame) []capture.Frame { return capture.Apply(fs, m()) }
}

// between keeps the frames from one third of the capture's time to another.
func between(fs []capture.Frame, from, to int64) []capture.Frame {
	if len(fs) == 0 {
		return fs
	}
	first, last := fs[0].Time, fs[0].Time
	for i := range fs {
		first, last = min(first, fs[i].Time), max(last, fs[i].Time)
	}
	third := int64(last.Sub(first)) / 3
	lo, hi := first.Add(time.Duration(from*third)), first.Add(time.Duration(to*third))
	return capture.Apply(fs, capture.DropWhere(func(f *capture.Frame) bool {
		return f.Time < lo || to < 3 && f.Time > hi
	}))
}

// oneWay removes one direction of the cable, as a mirror port does that shows only what a switch port receives. The
// station whose address is on most frames is one end of the cable; all that it sends goes one way. Requests are the
// direction in which most connections are asked for.
func oneWay(fs []capture.Frame, requests bool) []capture.Frame {
	ps := make([]packet.Packet, len(fs))
	stations := map[packet.MAC]int{}
	var hub packet.MAC
	for i := range fs {
		ps[i] = decode(&fs[i])
		for _, m := range []packet.MAC{ps[i].SrcMAC, ps[i].DstMAC} {
			if m[0]&1 == 0 {
				if stations[m]++; stations[m] > stations[hub] {
					hub = m
				}
			}
		}
	}
	// Frames that pass by the hub (a mirror of two cables) go as their sender's others do.
	far := map[packet.Addr]bool{}
	for i := range ps {
		if ps[i].SrcMAC == hub && ps[i].IPVersion != 0 {
			far[ps[i].Src] = true
		}
	}
	byHub := make([]bool, len(fs))
	asks := 0 // of the hub, less those of the others
	for i := range ps {
		p := &ps[i]
		byHub[i] = p.SrcMAC == hub || p.DstMAC != hub && p.IPVersion != 0 && far[p.Src]
		if p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN {
			if byHub[i] {
				asks++
			} else {
				asks--
			}
		}
	}
	hubAsks := asks > 0 || asks == 0 && len(fs) > 0 && byHub[0] // without connections: who speaks first asks
	i := -1
	return capture.Apply(fs, capture.DropWhere(func(*capture.Frame) bool { i++; return byHub[i] == (hubAsks == requests) }))
}

// decode reads a frame's headers.
func decode(f *capture.Frame) (p packet.Packet) {
	p = packet.Packet{Data: f.Data, Link: f.Link, WireLen: max(f.WireLen, uint32(len(f.Data)))}
	packet.Decode(&p, nil)
	return p
}

// Limits of coalesce: as Linux joins, 64 KiB at most; the wait stands for one poll of the card.
const (
	joinedMax  = 65000
	joinedWait = time.Millisecond
)

// held is a segment that waits for the next one of its flow.
type held struct {
	frame capture.Frame
	p     packet.Packet
	next  uint32 // sequence number of the segment that fits
	parts int
}

// coalesce joins TCP segments of one direction that follow each other without a gap, as a card or kernel does before
// the capture sees them. The checksum of the whole is left as the kernel leaves it: over the pseudo header only.
func coalesce() capture.Fault {
	var queue []*held // in order of arrival
	return func(f *capture.Frame, out func(capture.Frame)) {
		flush := func(n int) {
			for _, h := range queue[:n] {
				if h.parts > 1 {
					h.mend()
				}
				out(h.frame)
			}
			queue = slices.Delete(queue, 0, n)
		}
		if f == nil {
			flush(len(queue))
			return
		}
		old := 0
		for old < len(queue) && f.Time.Sub(queue[old].frame.Time) > joinedWait {
			old++
		}
		flush(old)
		p := decode(f)
		pay := payload(&p)
		if p.Proto != packet.ProtoTCP || uint32(len(f.Data)) < f.WireLen || p.NVLAN > 0 || p.Tunnel != 0 ||
			p.TCPFlags&^(packet.ACK|packet.PSH) != 0 || len(pay) == 0 || !unharmed(f, &p) {
			flush(len(queue))
			out(*f)
			return
		}
		at := slices.IndexFunc(queue, func(h *held) bool {
			return h.p.Src == p.Src && h.p.Dst == p.Dst && h.p.SrcPort == p.SrcPort && h.p.DstPort == p.DstPort
		})
		if at >= 0 && queue[at].fits(&p, len(pay)) {
			queue[at].add(&p, pay)
			return
		}
		flush(at + 1) // nothing of a flow overtakes
		queue = append(queue, &held{*f, p, p.Seq + uint32(len(pay)), 1})
	}
}

func (h *held) fits(p *packet.Packet, n int) bool {
	return p.Seq == h.next && p.Ack == h.p.Ack && p.TSVal == h.p.TSVal && p.TSEcr == h.p.TSEcr && p.TTL == h.p.TTL &&
		p.PayloadOff == h.p.PayloadOff && h.p.TCPFlags&packet.PSH == 0 && len(h.frame.Data)+n < joinedMax
}

func (h *held) add(p *packet.Packet, pay []byte) {
	h.frame.Data = append(slices.Clone(h.frame.Data[:int(h.p.PayloadOff)+int(h.next-h.p.Seq)]), pay...)
	h.frame.WireLen = uint32(len(h.frame.Data))
	h.next += uint32(len(pay))
	h.parts++
	h.p.TCPFlags |= p.TCPFlags
}

// mend makes the headers say what the joined packet holds.
func (h *held) mend() {
	d, l3, l4 := h.frame.Data, int(h.p.L3), int(h.p.L4)
	d[l4+13] = byte(h.p.TCPFlags)
	if h.p.IPVersion == 4 {
		binary.BigEndian.PutUint16(d[l3+2:], uint16(len(d)-l3))
		d[l3+10], d[l3+11] = 0, 0
		binary.BigEndian.PutUint16(d[l3+10:], ^sum(d[l3:l4]))
	} else {
		binary.BigEndian.PutUint16(d[l3+4:], uint16(len(d)-l3-40))
	}
	binary.BigEndian.PutUint16(d[l4+16:], sum(pseudo(d, &h.p, len(d)-l4)))
}

// pseudo is the pseudo-header before a TCP segment of n bytes (RFC 9293 3.1, RFC 8200 8.1).
func pseudo(d []byte, p *packet.Packet, n int) []byte {
	addrs := d[p.L3+8 : p.L3+40]
	if p.IPVersion == 4 {
		addrs = d[p.L3+12 : p.L3+20]
	}
	b := append(slices.Clone(addrs), 0, packet.ProtoTCP, 0, 0)
	binary.BigEndian.PutUint16(b[len(b)-2:], uint16(n))
	return b
}

// unharmed says whether a segment's checksum is right, or left to the card: GRO joins no other.
func unharmed(f *capture.Frame, p *packet.Packet) bool {
	seg := payload(p)
	seg = f.Data[p.L4 : int(p.PayloadOff)+len(seg)]
	head := pseudo(f.Data, p, len(seg))
	return binary.BigEndian.Uint16(seg[16:]) == sum(head) || sum(append(head, seg...)) == 0xffff
}

// sum is the ones' complement sum of RFC 1071, not inverted.
func sum(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// payload is what a TCP segment carries, without the padding of short frames.
func payload(p *packet.Packet) []byte {
	at := int(p.PayloadOff)
	return p.Data[at : at+int(p.PayloadLen)]
}
