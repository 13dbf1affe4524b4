package sensor

import (
	"encoding/binary"
	"math/bits"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// dedup recognises packets that the capture shows more than once: copies by a mirror port (same TTL), packets recorded
// before and after a router (TTL one less), and packets that run in a circle (TTL falling by the same step again and
// again). It remembers the last packets of one vantage in a direct-mapped table.
type dedup struct {
	slots []sighting
	fresh uint8 // repeats reported as events so far, of copies

	doubled [pairSlots]bool // pairs of hosts of which a copy was seen, by hash
	pairs   uint32          // how many
	paired  uint64          // frames of those since the round began
}

type sighting struct {
	key       uint64
	first     packet.Ref
	last      packet.Time
	ttlFirst  uint8
	ttlLast   uint8
	step      uint8
	times     uint8
	nmac      uint8
	macs      [4]packet.MAC
	links     [8]uint32 // hashes of the pairs of link-layer addresses of its sights
	nlinks    uint8
	announced bool
}

const (
	dedupSlots   = 8192                  // packets remembered per vantage
	copyWithin   = time.Millisecond      // mirror ports repeat within this
	routedWithin = 10 * time.Millisecond // a router forwards within this
	loopWithin   = time.Second           // sights of a looping packet are at most this far apart
	loopSights   = 3                     // from here on it is a loop
	maxFresh     = 4
	pairSlots    = 4096 // pairs of hosts told apart when copies are counted
)

// verdict of dedup on one packet.
type repeat uint8

const (
	notSeen  repeat = iota
	isCopy          // same TTL
	isRouted        // TTL one less
	isLoop
)

func newDedup() *dedup { return &dedup{slots: make([]sighting, dedupSlots)} }

// see says whether p repeats an earlier packet, and returns an event when the repetition is worth one.
func (d *dedup) see(p *packet.Packet) (repeat, *event.Repeat) {
	if p.IPVersion == 0 || p.Missing != 0 || p.IPFlags&packet.Reassembled != 0 {
		return notSeen, nil
	}
	if d.pairs > 0 && d.doubled[pairKey(p)] {
		d.paired++
	}
	key := repeatKey(p)
	s := &d.slots[key%dedupSlots]
	since := p.Time.Sub(s.last)
	if since < 0 {
		since = -since
	}
	if s.key != key || since > loopWithin {
		*s = sighting{key: key, first: p.Ref(), last: p.Time, ttlFirst: p.TTL, ttlLast: p.TTL, times: 1, nmac: 1}
		s.macs[0] = p.SrcMAC
		s.pass(p)
		return notSeen, nil
	}
	fall := s.ttlLast - p.TTL
	switch {
	case fall == 0 && since <= copyWithin:
		s.last = p.Time
		d.double(p)
		if d.fresh < maxFresh {
			d.fresh++
			return isCopy, s.copied(p)
		}
		return isCopy, nil
	case p.TTL < s.ttlLast && fall <= 16 && (s.times == 1 || fall == s.step):
		s.step, s.ttlLast, s.last = fall, p.TTL, p.Time
		if s.times < 255 {
			s.times++
		}
		if int(s.nmac) < len(s.macs) {
			s.macs[s.nmac] = p.SrcMAC
			s.nmac++
		}
		s.pass(p)
		if s.times >= loopSights && s.circles() {
			if !s.announced {
				s.announced = true
				return isLoop, s.event(p, true)
			}
			return isLoop, nil
		}
		if fall == 1 && since <= routedWithin {
			d.double(p)
			if d.fresh < maxFresh {
				d.fresh++
				return isRouted, s.event(p, false)
			}
			return isRouted, nil
		}
		return notSeen, nil // a second sight with a lower TTL alone proves nothing: it may be a loop's first turn
	}
	// The same header again after more than a moment, or with a TTL that fits neither: a packet of its own.
	*s = sighting{key: key, first: p.Ref(), last: p.Time, ttlFirst: p.TTL, ttlLast: p.TTL, times: 1, nmac: 1}
	s.macs[0] = p.SrcMAC
	s.pass(p)
	return notSeen, nil
}

// double notes that the hosts of p are among those whose packets come twice.
func (d *dedup) double(p *packet.Packet) {
	if k := pairKey(p); !d.doubled[k] {
		d.doubled[k] = true
		d.pairs++
		d.paired += 2 // the packet and its copy
	}
}

// pairKey hashes the two hosts of a packet, whichever of them sent it.
func pairKey(p *packet.Packet) uint64 { return mix(fold(&p.Src)+fold(&p.Dst), 0) % pairSlots }

// copied is the event of a copy: the second address is that of the copy's sender, which a mirror does not change.
func (s *sighting) copied(p *packet.Packet) *event.Repeat {
	r := s.event(p, false)
	r.Times = 2
	r.MACs = [4]packet.MAC{s.macs[0], p.SrcMAC}
	return r
}

// pass remembers over which link, as a pair of addresses, the packet came.
func (s *sighting) pass(p *packet.Packet) {
	if s.nlinks == uint8(len(s.links)) {
		return
	}
	var b [16]byte
	copy(b[:], p.SrcMAC[:])
	copy(b[8:], p.DstMAC[:])
	s.links[s.nlinks] = uint32(mix(binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])))
	s.nlinks++
}

// circles tells a loop from a mirror that shows a packet before and after each of several routers: in a loop it goes
// over the same link, in the same direction, for a second time. Without that, more sights than a path has must do.
func (s *sighting) circles() bool {
	if s.times > uint8(len(s.links)) {
		return true
	}
	if s.macs[0].IsZero() {
		return false
	}
	for i := 1; i < int(s.nlinks); i++ {
		for j := range i {
			if s.links[i] == s.links[j] {
				return true
			}
		}
	}
	return false
}

func (s *sighting) event(p *packet.Packet, loop bool) *event.Repeat {
	h := headOf(p)
	r := event.NewRepeat(h)
	r.First, r.Times, r.TTLFirst, r.TTLLast, r.Step = s.first, uint32(s.times), s.ttlFirst, p.TTL, s.step
	r.Span, r.Loop, r.MACs = p.Time.Sub(s.first.Time), loop, s.macs
	return r
}

// repeatKey hashes what stays the same when a packet is copied or routed: everything of its headers but TTL, header
// checksum and link layer; the transport checksum stands for the payload.
func repeatKey(p *packet.Packet) uint64 {
	h := fold(&p.Src)
	h = mix(h, fold(&p.Dst))
	h = mix(h, uint64(p.IPID)<<32|uint64(p.IPLen)^uint64(p.FragOff)<<16)
	h = mix(h, uint64(p.Seq)<<32|uint64(p.Ack))
	h = mix(h, uint64(p.SrcPort)<<48|uint64(p.DstPort)<<32|uint64(p.TCPFlags)<<16|uint64(p.Window))
	h = mix(h, uint64(p.TSVal)<<32|uint64(p.Tunnel))
	h = mix(h, uint64(p.NSACK)<<32|uint64(p.SACK[0][1]))                                             // duplicate ACKs of stacks without IP-ID differ here
	h = mix(h, uint64(p.Proto)<<56|uint64(p.ICMPType)<<48|uint64(p.ICMPCode)<<40|uint64(p.ICMPRest)) // identifier and sequence
	h = mix(h, uint64(p.VLANs[0])<<16|uint64(p.VLANs[1]))
	return mix(h, tail(p))
}

// tail folds the first 32 and last 8 bytes of the IP payload: enough to tell datagrams that share a zero IP-ID apart.
func tail(p *packet.Packet) uint64 {
	if p.L4 == 0 || int(p.L4) > len(p.Data) {
		return 0
	}
	b := p.Data[p.L4:]
	var h uint64
	for i := 0; i < 4 && len(b) >= 8; i++ {
		h = mix(h, binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if len(b) >= 8 {
		h = mix(h, binary.LittleEndian.Uint64(b[len(b)-8:]))
	}
	for ; len(b) > 0 && len(b) < 8; b = b[1:] {
		h = mix(h, uint64(b[0]))
	}
	return h
}

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v^0x8bb84b93962eacc9, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// headOf fills an event's head from a packet that belongs to no flow.
func headOf(p *packet.Packet) event.Head {
	return event.Head{Ordinal: p.Ordinal, Seen: p.Ref(), Client: event.End{Addr: p.Src, Port: p.SrcPort}, Server: event.End{Addr: p.Dst, Port: p.DstPort},
		Proto: p.Proto, Vantage: p.Vantage, Tunnel: p.Tunnel, NVLAN: p.NVLAN, VLANs: p.VLANs, SrcMAC: p.SrcMAC, DstMAC: p.DstMAC}
}
