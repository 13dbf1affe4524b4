package sensor

import (
	"encoding/binary"
	"math/bits"
	"time"
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// dedup recognises packets that the capture shows more than once: copies by a mirror port (same TTL), packets recorded
// before and after a router (TTL one less), and packets that run in a circle (TTL falling by the same step again and
// again). It remembers the last packets of one vantage in a direct-mapped table.
type dedup struct {
	keys   *[dedupSlots]uint64 // by slot: the packet that it holds
	slots  *[dedupSlots]sighting
	again  map[uint16]*repeats // by slot: packets seen more than once
	proven bool                // a packet was copied that cannot have been sent twice

	told      [toldSlots]uint8 // repeats reported as events, by a hash of who sent the packet and who sent it again
	toldSince packet.Time

	doubled [pairSlots]bool // pairs of hosts of which a copy was seen, by hash
	pairs   uint32          // how many
	paired  uint64          // frames of those since the round began
}

// sighting is the first sight of a packet and the time of the last. Each packet writes one, so it is kept small, with the
// key apart: a packet that is new, as nearly all are, reads eight bytes and writes half a cache line (2026-11-23).
type sighting struct {
	last     packet.Time
	frame    uint64     // of the first sight
	src, dst packet.MAC // of the first sight
	source   uint16
	ttlLast  uint8
	kept     bool // there are repeats of it
}

// perSighting is what a packet takes in the table, bytes.
const perSighting = int(unsafe.Sizeof(sighting{})) + 8

// repeats is what is kept of a packet from its second sight on.
type repeats struct {
	first     packet.Ref
	times     uint8 // sights, copies not counted
	ttlFirst  uint8
	step      uint8
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
	maxTold      = 4                     // repeats of one sender by another that are looked at closely
	toldAgain    = time.Minute           // from then on again
	toldSlots    = 1024
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

func newDedup() *dedup {
	return &dedup{keys: new([dedupSlots]uint64), slots: new([dedupSlots]sighting), again: map[uint16]*repeats{}}
}

// touch reads what see will need of the packet with this key, some packets before its turn: the waits for memory of
// several packets overlap, also those for what is only written (2026-11-28: leaving that out moved the wait, no more). The
// result means nothing.
func (d *dedup) touch(key uint64) uint64 {
	n := key % dedupSlots
	return d.keys[n] ^ uint64(d.slots[n].last)
}

// see says whether p, whose key is key (coming.of), repeats an earlier packet, and returns an event when the repetition is
// worth one.
func (d *dedup) see(p *packet.Packet, key uint64) (repeat, *event.Repeat) {
	if p.IPVersion == 0 || p.Missing != 0 || p.IPFlags&packet.Reassembled != 0 {
		return notSeen, nil
	}
	if d.pairs > 0 {
		d.frame(p)
	}
	n := uint16(key % dedupSlots)
	if d.keys[n] != key {
		d.first(key, p)
		return notSeen, nil
	}
	s := &d.slots[n]
	since := p.Time.Sub(s.last)
	if since < 0 {
		since = -since
	}
	if since > loopWithin {
		d.first(key, p)
		return notSeen, nil
	}
	fall := s.ttlLast - p.TTL
	switch {
	case fall == 0 && since <= copyWithin && bare(p) && !d.proven:
		s.last = p.Time
		return notSeen, nil
	case fall == 0 && since <= copyWithin:
		d.proven = d.proven || !bare(p)
		x := d.more(n)
		s.last = p.Time
		d.double(p)
		if d.tell(p, x.macs[0], true) {
			return isCopy, x.copied(p)
		}
		return isCopy, nil
	case p.TTL < s.ttlLast && fall <= 16 && d.falls(n, fall):
		x := d.more(n)
		x.step, s.ttlLast, s.last = fall, p.TTL, p.Time
		if x.times < 255 {
			x.times++
		}
		if int(x.nmac) < len(x.macs) {
			x.macs[x.nmac] = p.SrcMAC
			x.nmac++
		}
		x.pass(p.SrcMAC, p.DstMAC)
		if x.times >= loopSights && x.circles() {
			if !x.announced {
				x.announced = true
				return isLoop, x.event(p, x.times, true)
			}
			return isLoop, nil
		}
		if fall == 1 && since <= routedWithin {
			d.double(p)
			if d.tell(p, x.macs[0], false) {
				return isRouted, x.event(p, x.times, false)
			}
			return isRouted, nil
		}
		return notSeen, nil // a second sight with a lower TTL alone proves nothing: it may be a loop's first turn
	}
	// The same header again after more than a moment, or with a TTL that fits neither: a packet of its own.
	d.first(key, p)
	return notSeen, nil
}

// first makes p, whose key is key, the packet of its slot.
func (d *dedup) first(key uint64, p *packet.Packet) {
	n := key % dedupSlots
	s := &d.slots[n]
	if s.kept {
		delete(d.again, uint16(n))
	}
	d.keys[n] = key
	s.is(p)
	s.kept = false
}

// is makes s the first sight of p.
func (s *sighting) is(p *packet.Packet) {
	s.src = p.SrcMAC
	s.dst = p.DstMAC
	s.last, s.frame, s.source, s.ttlLast = p.Time, p.Frame, p.Source, p.TTL
}

// frame counts p if it is of a pair of hosts of which a copy was seen.
func (d *dedup) frame(p *packet.Packet) {
	if d.doubled[pairKey(p)] {
		d.paired++
	}
}

// tell reports that a repetition is worth an event: few of each pair of senders, so that a mirror that doubles everything
// costs little and does not hide the one machine that passes on what is not its own.
func (d *dedup) tell(p *packet.Packet, first packet.MAC, same bool) bool {
	if since := p.Time.Sub(d.toldSince); since >= toldAgain || since < 0 {
		d.told, d.toldSince = [toldSlots]uint8{}, p.Time
	}
	h := mix(linkKey(first, p.SrcMAC), 0)
	if same {
		h = bits.Reverse64(h)
	}
	n := &d.told[h%toldSlots]
	if *n == maxTold {
		return false
	}
	*n++
	return true
}

// falls reports that the TTL of the packet of slot n fell as it did from sight to sight before.
func (d *dedup) falls(n uint16, fall uint8) bool {
	if !d.slots[n].kept {
		return true
	}
	x := d.again[n]
	return x.times == 1 || fall == x.step
}

// more returns what slot n keeps of repeats. It is asked for the first time at the second sight, when the last sight is
// still the first.
func (d *dedup) more(n uint16) *repeats {
	x := d.again[n]
	if x == nil {
		s := &d.slots[n]
		x = &repeats{first: packet.Ref{Frame: s.frame, Time: s.last, Source: s.source}, ttlFirst: s.ttlLast, times: 1, nmac: 1}
		x.macs[0] = s.src
		x.pass(s.src, s.dst)
		d.again[n], s.kept = x, true
	}
	return x
}

// bare reports an acknowledgement that carries nothing which its sender changes from one to the next: no identification,
// no timestamp. Sent again, as each segment that came twice demands, it looks like a copy. It is taken for one only
// where other packets were copied.
func bare(p *packet.Packet) bool {
	return p.Proto == packet.ProtoTCP && p.PayloadWire == 0 && p.TCPFlags == packet.ACK && p.IPID == 0 && p.TSVal == 0
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
func pairKey(p *packet.Packet) uint64 { return pairSlot(fold(&p.Src) + fold(&p.Dst)) }

// pairSlot is pairKey for who has the sum of what both addresses fold to at hand.
func pairSlot(sum uint64) uint64 { return mix(sum, 0) % pairSlots }

// copied is the event of a copy: the second address is that of the copy's sender, which a mirror does not change.
func (x *repeats) copied(p *packet.Packet) *event.Repeat {
	r := x.event(p, 2, false)
	r.MACs = [4]packet.MAC{x.macs[0], p.SrcMAC}
	return r
}

// pass remembers over which link, as a pair of addresses, a packet came. The link back is another one: the hash is not
// symmetric.
func (x *repeats) pass(src, dst packet.MAC) {
	if x.nlinks == uint8(len(x.links)) {
		return
	}
	x.links[x.nlinks] = uint32(linkKey(src, dst))
	x.nlinks++
}

// linkKey hashes two link-layer addresses; the other way round it is another hash.
func linkKey(a, b packet.MAC) uint64 {
	var w [16]byte
	copy(w[:], a[:])
	copy(w[8:], b[:])
	return mix(mix(binary.LittleEndian.Uint64(w[:]), 1), binary.LittleEndian.Uint64(w[8:]))
}

// circles tells a loop from a mirror that shows a packet before and after each of several routers: in a loop it goes
// over the same link, in the same direction, for a second time. Without that, more sights than a path has must do.
func (x *repeats) circles() bool {
	if x.times > uint8(len(x.links)) {
		return true
	}
	if x.macs[0].IsZero() {
		return false
	}
	for i := 1; i < int(x.nlinks); i++ {
		for j := range i {
			if x.links[i] == x.links[j] {
				return true
			}
		}
	}
	return false
}

func (x *repeats) event(p *packet.Packet, times uint8, loop bool) *event.Repeat {
	r := event.NewRepeat(headOf(p))
	r.First, r.Times, r.TTLFirst, r.TTLLast, r.Step = x.first, uint32(times), x.ttlFirst, p.TTL, x.step
	r.Unnumbered = p.IPID == 0 && p.Proto != packet.ProtoTCP
	r.Span, r.Loop, r.MACs = p.Time.Sub(x.first.Time), loop, x.macs
	return r
}

// anyKey is the key of any packet (coming.of), from its fields. src and dst are what its addresses fold to.
//
// The products do not wait for each other, as those of a chain do (2026-11-23).
func anyKey(p *packet.Packet, src, dst uint64) uint64 {
	h := src + both(dst, uint64(p.IPID)<<32|uint64(p.IPLen)^uint64(p.FragOff)<<16)
	h += bits.RotateLeft64(both(uint64(p.Seq)<<32|uint64(p.Ack), uint64(p.SrcPort)<<48|uint64(p.DstPort)<<32|uint64(p.TCPFlags)<<16|uint64(p.Window)), 1)
	// Duplicate acknowledgements of stacks without IP-ID differ in what they acknowledge selectively.
	h += bits.RotateLeft64(both(uint64(p.TSVal)<<32|uint64(p.Tunnel), uint64(p.NSACK)<<32|uint64(p.SACK[0][1])), 3)
	h += bits.RotateLeft64(both(uint64(p.Proto)<<56|uint64(p.ICMPType)<<48|uint64(p.ICMPCode)<<40|uint64(p.ICMPRest), // identifier and sequence
		uint64(p.VLANs[2])<<48|uint64(p.Vantage)<<32|uint64(p.VLANs[0])<<16|uint64(p.VLANs[1])), 5)
	return mix(h+tail(p), between(p))
}

// between folds IPv4 options and IPv6 extension headers: no checksum speaks for them, and data may hide there.
func between(p *packet.Packet) uint64 {
	from, to := int(p.L3)+40, min(int(p.L4), len(p.Data))
	if p.IPVersion == 4 {
		from = int(p.L3) + 20
	}
	if from >= to {
		return 0
	}
	return foldBytes(p.Data[from:to])
}

// foldBytes hashes all of b.
func foldBytes(b []byte) (h uint64) {
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h, binary.LittleEndian.Uint64(b))
	}
	for _, c := range b {
		h = mix(h, uint64(c))
	}
	return h
}

// tail folds the first 32 and last 8 bytes of the IP payload: enough to tell datagrams that share a zero IP-ID apart.
func tail(p *packet.Packet) uint64 {
	if p.L4 == 0 || int(p.L4) > len(p.Data) {
		return 0
	}
	b := p.Data[p.L4:]
	if len(b) >= 40 {
		x := b[len(b)-8:]
		return both(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])) +
			bits.RotateLeft64(both(binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])), 7) +
			bits.RotateLeft64(both(binary.LittleEndian.Uint64(x), uint64(len(b))), 11)
	}
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

// both hashes two words at once.
func both(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	return hi ^ lo
}

// headOf fills an event's head from a packet that belongs to no flow.
func headOf(p *packet.Packet) event.Head {
	return event.Head{Ordinal: p.Ordinal, Seen: p.Ref(), Client: event.End{Addr: p.Src, Port: p.SrcPort}, Server: event.End{Addr: p.Dst, Port: p.DstPort},
		Proto: p.Proto, Vantage: p.Vantage, Tunnel: p.Tunnel, NVLAN: p.NVLAN, VLANs: p.VLANs, SrcMAC: p.SrcMAC, DstMAC: p.DstMAC, Via: p.Via()}
}
