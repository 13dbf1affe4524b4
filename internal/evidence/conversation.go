package evidence

import (
	"firestorm/internal/packet"
)

// Choice says which packets beside those of the findings belong to a case: those of the same conversations. It is for
// one run; the counts are valid afterwards.
type Choice struct {
	// Open begins the input anew: next fills an empty batch as capture.Source's Next does, done ends it.
	Open func() (next func(b *packet.Batch) error, done func(), err error)
	// Limit bounds the bytes of packets that tell no finding; 0 = DefaultLimit.
	Limit int64
	// Side, when set, leaves out what others than this host sent.
	Side packet.Addr

	OtherSide  uint64 // frames left out for Side
	Untold     int    // of OtherSide, those that tell a finding
	OverLimit  uint64 // frames left out for Limit
	talks      map[talk]bool
	fragmented map[talk]bool // the same without ports: later fragments have none
}

// DefaultLimit is how much of conversations goes into a case beside the packets of its findings, bytes.
const DefaultLimit = 256 << 20

// talk is a conversation, whichever side a packet comes from.
type talk struct {
	a, b         packet.Addr // a is the lesser, with its port
	aPort, bPort uint16
	proto        uint8
	arp          bool
}

func talkOf(src, dst packet.Addr, srcPort, dstPort uint16, proto uint8) talk {
	if c := src.Compare(dst); c > 0 || c == 0 && srcPort > dstPort {
		src, dst, srcPort, dstPort = dst, src, dstPort, srcPort
	}
	return talk{a: src, b: dst, aPort: srcPort, bPort: dstPort, proto: proto}
}

// talks returns the conversations that a decoded packet belongs to: its own, and the one an error speaks of.
func talksOf(p *packet.Packet) (own, quoted talk, n int) {
	if p.IPVersion != 0 {
		own, n = talkOf(p.Src, p.Dst, p.SrcPort, p.DstPort, p.Proto), 1
		if p.HasQuoted {
			q := &p.Quoted
			quoted, n = talkOf(q.Src, q.Dst, q.SrcPort, q.DstPort, q.Proto), 2
		}
		return own, quoted, n
	}
	if off, ok := p.Layer(packet.LayerARP); ok && off+28 <= len(p.Data) && p.Data[off+4] == 6 && p.Data[off+5] == 4 {
		own = talkOf(packet.Addr4(p.Data[off+14:]), packet.Addr4(p.Data[off+24:]), 0, 0, 0)
		own.arp = true
		return own, quoted, 1
	}
	return own, quoted, 0
}

// sender is who sent a decoded packet; zero when its addresses are not known.
func sender(p *packet.Packet) packet.Addr {
	if off, ok := p.Layer(packet.LayerARP); ok && off+28 <= len(p.Data) && p.IPVersion == 0 {
		return packet.Addr4(p.Data[off+14:])
	}
	return p.Src
}

func (t talk) portless() talk { return talkOf(t.a, t.b, 0, 0, t.proto) }

func (c *Choice) learn(p *packet.Packet) error {
	q := decoded(p)
	own, quoted, n := talksOf(&q)
	if n == 2 {
		own = quoted // an error belongs to what it speaks of; the router's other errors do not
	}
	if n > 0 {
		c.talks[own] = true
		c.fragmented[own.portless()] = true
	}
	return nil
}

func (c *Choice) has(p *packet.Packet) bool {
	own, quoted, n := talksOf(p)
	switch {
	case n == 0:
		return false
	case n == 2 && c.talks[quoted], c.talks[own]:
		return true
	}
	return p.IPFlags&packet.Fragment != 0 && p.SrcPort == 0 && c.fragmented[own.portless()]
}

// decoded decodes a frame as captured, without touching p.
func decoded(p *packet.Packet) packet.Packet {
	q := packet.Packet{Data: p.Data, Link: p.Link, WireLen: p.WireLen}
	packet.Decode(&q, nil)
	return q
}

// Fetch gives the wanted frames and all others of their conversations, in the order of the input. It reads the input
// twice: first to see which conversations these are.
func (c *Choice) Fetch(want []packet.Ref, give func(p *packet.Packet) error) error {
	c.talks, c.fragmented = map[talk]bool{}, map[talk]bool{}
	next, done, err := c.Open()
	if err != nil {
		return err
	}
	err = SecondPass(next)(want, c.learn)
	done()
	if err != nil {
		return err
	}
	if next, done, err = c.Open(); err != nil {
		return err
	}
	defer done()
	wanted := make(map[place]bool, len(want))
	for _, r := range want {
		wanted[placeOf(r)] = true
	}
	left := c.Limit
	if left == 0 {
		left = DefaultLimit
	}
	var b packet.Batch
	for {
		end := next(&b)
		for i := range b.Packets {
			if err := c.offer(&b.Packets[i], wanted, &left, give); err != nil {
				b.Release()
				return err
			}
		}
		b.Release()
		if end != nil {
			return nil
		}
	}
}

// offer gives p when it belongs to the case; left is the room for what tells no finding.
func (c *Choice) offer(p *packet.Packet, wanted map[place]bool, left *int64, give func(p *packet.Packet) error) error {
	q := decoded(p)
	tells := wanted[placeOf(p.Ref())]
	if !tells && !c.has(&q) {
		return nil
	}
	if !c.Side.IsZero() && sender(&q) != c.Side {
		c.OtherSide++
		if tells {
			c.Untold++
		}
		return nil
	}
	if !tells {
		if *left < int64(len(p.Data)) {
			c.OverLimit++
			return nil
		}
		*left -= int64(len(p.Data))
	}
	return give(p)
}
