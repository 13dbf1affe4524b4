// Package twin joins two captures of the same traffic, taken on either side of a NAT or firewall: it finds which packet
// of one is which packet of the other, how far their clocks are apart, which connections are the same, and so where a
// packet died or was changed.
//
// It works on a first pass over both captures. What a NAT leaves alone identifies a packet: sequence and acknowledgement
// numbers, timestamps, payload, IP-ID. Addresses, ports and TTL do not take part. A SYN may lose its timestamps on the way.
package twin

import (
	"encoding/binary"
	"math/bits"
	"sort"
	"time"

	"firestorm/internal/packet"
)

// Options bound a join.
type Options struct {
	MaxPackets int // remembered per capture; what comes later is not joined. 0: 1 000 000
}

// Pass collects the packets of two captures, vantage 0 and 1.
type Pass struct {
	max   int
	sides [2]side
}

type side struct {
	recs   []rec
	syns   []syn
	flows  map[flowKey]uint32 // newest connection of a 5-tuple, index into starts
	starts []start
	first  packet.Time
	last   packet.Time
	over   uint64 // packets beyond MaxPackets
}

// rec is one packet.
type rec struct {
	strong uint64 // everything a NAT leaves alone
	weak   uint64 // the same without sequence numbers, which some firewalls rewrite
	time   packet.Time
	frame  uint64
	flow   uint32
	match  uint32 // index+1 in the other side
	source uint16
	ttl    uint8
	client bool // sent by who began the flow
	syn    bool
	opts   uint16
	mss    uint16
	wscale uint8
}

// syn is a SYN or SYN/ACK by what is left of it when a device takes out its options: numbers and flags.
type syn struct {
	rec   uint32
	print uint64
}

type start struct {
	ref          packet.Ref
	src, dst     packet.Addr
	sport, dport uint16
	isn          uint32
	hasISN       bool
	vote         map[uint32]int // matched packets by flow of the other side
	twin         uint32         // index+1
}

type flowKey struct {
	a, b         packet.Addr
	aport, bport uint16
	proto        uint8
}

// NewPass returns an empty pass.
func NewPass(o Options) *Pass {
	if o.MaxPackets <= 0 {
		o.MaxPackets = 1_000_000
	}
	p := &Pass{max: o.MaxPackets}
	for i := range p.sides {
		p.sides[i].flows = map[flowKey]uint32{}
	}
	return p
}

// Add takes one decoded packet of capture v (0 or 1). The packet's bytes are not kept.
func (ps *Pass) Add(v int, p *packet.Packet) {
	if p.IPVersion == 0 || p.IPFlags&packet.Fragment != 0 && p.IPFlags&packet.Reassembled == 0 || p.HasQuoted {
		return
	}
	s := &ps.sides[v]
	if len(s.recs) >= ps.max {
		s.over++
		return
	}
	if len(s.recs) == 0 {
		s.first, s.last = p.Time, p.Time
	}
	s.first, s.last = min(s.first, p.Time), max(s.last, p.Time)
	r := rec{time: p.Time, frame: p.Frame, source: p.Source, ttl: p.TTL, opts: p.TCPOpts, mss: p.MSS, wscale: p.WScale}
	r.syn = p.Proto == packet.ProtoTCP && p.Has(packet.SYN)
	r.strong, r.weak = prints(p)
	r.flow, r.client = s.flow(p)
	if r.syn {
		s.syns = append(s.syns, syn{uint32(len(s.recs)), mix(uint64(p.TCPFlags&packet.ACK), uint64(p.Seq)<<32|uint64(p.Ack))})
	}
	s.recs = append(s.recs, r)
}

// flow finds or begins the connection of p, as the flow table would: a SYN with another sequence number is a new one.
func (s *side) flow(p *packet.Packet) (n uint32, client bool) {
	k := flowKey{p.Src, p.Dst, p.SrcPort, p.DstPort, p.Proto}
	swapped := k.a.Compare(k.b) > 0 || k.a == k.b && k.aport > k.bport
	if swapped {
		k.a, k.b, k.aport, k.bport = k.b, k.a, k.bport, k.aport
	}
	syn := p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN
	i, ok := s.flows[k]
	if ok {
		st := &s.starts[i]
		if !syn || st.hasISN && st.isn == p.Seq {
			return i, st.src == p.Src && st.sport == p.SrcPort
		}
	}
	i = uint32(len(s.starts))
	s.starts = append(s.starts, start{ref: p.Ref(), src: p.Src, dst: p.Dst, sport: p.SrcPort, dport: p.DstPort, isn: p.Seq, hasISN: syn})
	s.flows[k] = i
	return i, true
}

// prints hashes what survives address translation.
func prints(p *packet.Packet) (strong, weak uint64) {
	h := mix(uint64(p.Proto)<<32|uint64(p.PayloadWire), uint64(p.IPVersion))
	h = payload(h, p.Payload())
	switch p.Proto {
	case packet.ProtoTCP:
		flags := uint64(p.TCPFlags &^ (packet.ECE | packet.CWR | packet.NS))
		weak = mix(mix(h, flags<<32|uint64(p.IPID)), uint64(p.TSVal)<<32|uint64(p.TSEcr))
		strong = mix(mix(h, flags), uint64(p.Seq)<<32|uint64(p.Ack))
		strong = mix(strong, uint64(p.TSVal)<<32|uint64(p.TSEcr))
	case packet.ProtoICMP, packet.ProtoICMPv6:
		strong = mix(h, uint64(p.ICMPType)<<56|uint64(p.ICMPCode)<<48|uint64(uint16(p.ICMPRest))<<16^uint64(p.IPID)<<20)
		weak = strong
	default:
		strong = mix(h, uint64(p.IPID))
		weak = mix(h, 1) // a NAT may renumber datagrams: the payload alone
	}
	return strong, weak
}

// payload folds at most the first 128 and the last 8 bytes.
func payload(h uint64, b []byte) uint64 {
	if len(b) >= 8 {
		h = mix(h, binary.LittleEndian.Uint64(b[len(b)-8:]))
	}
	for n := 0; n < 16 && len(b) >= 8; n++ {
		h = mix(h, binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if len(b) < 8 {
		for _, c := range b {
			h = mix(h, uint64(c))
		}
	}
	return h
}

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v^0x8bb84b93962eacc9, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// Join is the solved pass.
type Join struct {
	ps *Pass
	// Offset is how far clock 1 is ahead of clock 0: subtract it from times of capture 1.
	Offset time.Duration
	// Delay is the time a packet takes from one vantage to the other, median.
	Delay   time.Duration
	Matched int
	byFrame [2]map[frameKey]uint32 // index+1 into recs
	near    int                    // vantage nearer to most clients
	pairs   map[hostPair]bool      // addresses whose traffic crosses both
}

type frameKey struct {
	source uint16
	frame  uint64
}

type hostPair struct {
	side int
	addr packet.Addr
}

// minMatched is how many packets must match before two captures count as two views of one traffic.
const minMatched = 4

// Solve matches the packets. Ok is false when the captures share too little: they are then unrelated.
func (ps *Pass) Solve() (j *Join, ok bool) {
	j = &Join{ps: ps, pairs: map[hostPair]bool{}}
	ps.match(func(r *rec) uint64 { return r.strong })
	j.clocks()
	ps.match(func(r *rec) uint64 { return r.weak })
	j.stripped()
	for i := range ps.sides[0].recs {
		if ps.sides[0].recs[i].match != 0 {
			j.Matched++
		}
	}
	if j.Matched < minMatched {
		return j, false
	}
	j.clocks()
	j.unlikely()
	j.flows()
	for v := range ps.sides {
		j.byFrame[v] = make(map[frameKey]uint32, len(ps.sides[v].recs))
		for i := range ps.sides[v].recs {
			r := &ps.sides[v].recs[i]
			j.byFrame[v][frameKey{r.source, r.frame}] = uint32(i) + 1
		}
	}
	return j, true
}

// match pairs unmatched packets with equal prints, in order of time, where both captures have as many of them or the
// difference can be told by order alone.
func (ps *Pass) match(print func(*rec) uint64) {
	index := map[uint64][]uint32{}
	for i := range ps.sides[1].recs {
		if r := &ps.sides[1].recs[i]; r.match == 0 {
			k := print(r)
			index[k] = append(index[k], uint32(i))
		}
	}
	seen := map[uint64]int{}
	for i := range ps.sides[0].recs {
		r := &ps.sides[0].recs[i]
		if r.match != 0 {
			continue
		}
		k := print(r)
		if l := index[k]; seen[k] < len(l) {
			o := l[seen[k]]
			seen[k]++
			r.match, ps.sides[1].recs[o].match = o+1, uint32(i)+1
		}
	}
}

// stripped pairs SYNs that lost, or got, their timestamps on the way: by their numbers, of those at that time.
func (j *Join) stripped() {
	const apart = 500 * time.Millisecond // repeats of a SYN are farther from each other
	a, b := &j.ps.sides[0], &j.ps.sides[1]
	index := map[uint64][]uint32{}
	for _, x := range b.syns {
		if b.recs[x.rec].match == 0 {
			index[x.print] = append(index[x.print], x.rec)
		}
	}
	for _, x := range a.syns {
		r := &a.recs[x.rec]
		if r.match != 0 {
			continue
		}
		l := index[x.print]
		for len(l) > 0 && b.recs[l[0]].time.Sub(r.time)-j.Offset < -apart {
			l = l[1:]
		}
		if len(l) > 0 {
			if o := &b.recs[l[0]]; o.time.Sub(r.time)-j.Offset <= apart && (r.opts^o.opts)&packet.OptTS != 0 {
				r.match, o.match = l[0]+1, x.rec+1
				l = l[1:]
			}
		}
		index[x.print] = l
	}
}

// clocks solves the offset: packets that pass vantage 0 first (their TTL is lower at 1) show offset + delay, those that
// pass 1 first show offset - delay.
func (j *Join) clocks() {
	var fwd, back, flat []time.Duration
	a, b := &j.ps.sides[0], &j.ps.sides[1]
	for i := range a.recs {
		r := &a.recs[i]
		if r.match == 0 {
			continue
		}
		o := &b.recs[r.match-1]
		d := o.time.Sub(r.time)
		switch {
		case r.ttl > o.ttl:
			fwd = append(fwd, d)
		case r.ttl < o.ttl:
			back = append(back, d)
		default:
			flat = append(flat, d)
		}
	}
	switch {
	case len(fwd) > 0 && len(back) > 0:
		f, g := median(fwd), median(back)
		j.Offset, j.Delay = (f+g)/2, (f-g)/2
	case len(flat) > 0:
		j.Offset = median(flat)
	case len(fwd) > 0:
		j.Offset = median(fwd)
	case len(back) > 0:
		j.Offset = median(back)
	}
}

// unlikely undoes matches whose times are too far apart to be one packet on its way.
func (j *Join) unlikely() {
	const most = 5 * time.Second
	a, b := &j.ps.sides[0], &j.ps.sides[1]
	for i := range a.recs {
		r := &a.recs[i]
		if r.match == 0 {
			continue
		}
		if d := b.recs[r.match-1].time.Sub(r.time) - j.Offset; d > most || d < -most {
			b.recs[r.match-1].match, r.match = 0, 0
			j.Matched--
		}
	}
}

func median(d []time.Duration) time.Duration {
	sort.Slice(d, func(i, k int) bool { return d[i] < d[k] })
	return d[len(d)/2]
}

// flows lets matched packets vote which connections are the same.
func (j *Join) flows() {
	a, b := &j.ps.sides[0], &j.ps.sides[1]
	nearer := 0
	for i := range a.recs {
		r := &a.recs[i]
		if r.match == 0 {
			continue
		}
		o := &b.recs[r.match-1]
		s := &a.starts[r.flow]
		if s.vote == nil {
			s.vote = map[uint32]int{}
		}
		s.vote[o.flow]++
		if r.client && r.ttl > o.ttl {
			nearer++
		} else if r.client && r.ttl < o.ttl {
			nearer--
		}
		for v, x := range [2]*start{s, &b.starts[o.flow]} {
			j.pairs[hostPair{v, x.src}] = true
			j.pairs[hostPair{v, x.dst}] = true
		}
	}
	if nearer < 0 {
		j.near = 1
	}
	for i := range a.starts {
		s := &a.starts[i]
		best, n := uint32(0), 0
		for f, c := range s.vote {
			if c > n || c == n && f < best {
				best, n = f, c
			}
		}
		if n > 0 && b.starts[best].twin == 0 {
			s.twin, b.starts[best].twin = best+1, uint32(i)+1
		}
	}
}
