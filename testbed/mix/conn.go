package main

import "encoding/binary"

// conn is one generated connection, or one DNS exchange.
type conn struct {
	client, server [16]byte
	v6             bool
	vlan           uint16
	tunnel         byte // 0 none, 1 GRE, 2 VXLAN
	cport, sport   uint16
	udp            bool
	random         bool // payload is noise, as encrypted data is
	seq            [2]uint32
	ts             [2]uint32
	step           int
	left           int // data segments still to send
	again          []byte
	done           bool
}

const (
	stepSYN = iota
	stepSYNACK
	stepACK
	stepOpen
	stepFIN
	stepFINACK
	stepLast
)

// open begins a connection; idle ones have addresses spread wide, so that tables fill evenly.
func (g *generator) open(idle bool) *conn {
	g.born++
	r := g.r
	c := &conn{cport: uint16(1024 + r.IntN(64000)), left: 4 + r.IntN(40)}
	c.v6 = r.Float64() < g.o.v6
	if r.Float64() < g.o.vlan {
		c.vlan = uint16(1 + r.IntN(100))
	}
	if r.Float64() < g.o.tunnel {
		c.tunnel = byte(1 + r.IntN(2))
	}
	switch r.IntN(10) {
	case 0, 1:
		c.udp, c.sport = true, 53
	case 2, 3, 4, 5:
		c.sport, c.random = 443, true
	default:
		c.sport = 80
	}
	if idle {
		c.udp = false
		c.sport = 443
	}
	who := g.born
	if !idle {
		who = r.Uint32N(40000)
	}
	c.client = [16]byte{10: 0xff, 11: 0xff, 12: 10, 13: byte(who >> 16), 14: byte(who >> 8), 15: byte(who)}
	c.server = [16]byte{10: 0xff, 11: 0xff, 12: 198, 13: 51, 14: byte(r.IntN(16)), 15: byte(1 + r.IntN(250))}
	if c.v6 {
		for _, a := range []*[16]byte{&c.client, &c.server} {
			copy(a[:], []byte{0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
		}
		c.server[5] = 9
	}
	c.seq = [2]uint32{r.Uint32(), r.Uint32()}
	c.ts = [2]uint32{r.Uint32(), r.Uint32()}
	return c
}

const (
	fFIN, fSYN, fPSH, fACK = 1, 2, 8, 16
)

// advance sends the connection's next packet, with about step microseconds to the one after it.
func (g *generator) advance(c *conn, step uint64) {
	if c.udp {
		n := 30 + g.r.IntN(30)
		if c.step > 0 {
			n = 60 + g.r.IntN(300)
		}
		g.frame(g.build(c, c.step, 17, 0, g.text[g.r.IntN(len(g.text)-512):][:n], nil), step)
		c.step++
		c.done = c.step == 2
		return
	}
	if c.again != nil { // a lost segment is sent again
		g.frame(c.again, step)
		c.again = nil
		return
	}
	switch c.step {
	case stepSYN:
		g.tcp(c, 0, fSYN, nil, step)
	case stepSYNACK:
		g.tcp(c, 1, fSYN|fACK, nil, step)
	case stepACK:
		g.tcp(c, 0, fACK, nil, step)
	case stepOpen:
		if c.left > 0 {
			c.left--
			g.data(c, step)
			return
		}
		g.tcp(c, 1, fFIN|fACK, nil, step)
	case stepFIN:
		g.tcp(c, 0, fFIN|fACK, nil, step)
	case stepFINACK:
		g.tcp(c, 1, fACK, nil, step)
	default:
		c.done = true
		return
	}
	c.step++
	c.done = c.step > stepLast
}

// data sends a request, a part of an answer, or a bare acknowledgement.
func (g *generator) data(c *conn, step uint64) {
	dir, n := 1, 1448
	switch k := c.left % 8; {
	case k == 7:
		dir, n = 0, 200+g.r.IntN(400)
	case k%2 == 1:
		g.tcp(c, 0, fACK, nil, step)
		return
	case k == 0:
		n = 100 + g.r.IntN(1300)
	}
	src := g.text
	if c.random {
		src = g.noise
	}
	payload := src[g.r.IntN(len(src)-1500):][:n]
	b := g.segment(c, dir, fPSH|fACK, payload)
	switch x := g.r.Float64(); {
	case x < g.o.loss/2: // lost before the sensor: the receiver repeats its acknowledgement, then it comes
		c.again = append([]byte(nil), b...)
		g.tcp(c, 1-dir, fACK, nil, step)
	case x < g.o.loss: // lost after the sensor
		c.again = append([]byte(nil), b...)
		g.frame(b, step)
	default:
		g.frame(b, step)
	}
}

func (g *generator) tcp(c *conn, dir int, flags byte, payload []byte, step uint64) {
	g.frame(g.segment(c, dir, flags, payload), step)
}

func (g *generator) segment(c *conn, dir int, flags byte, payload []byte) []byte {
	ms := uint32(g.now / 1000)
	opts := []byte{1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(opts[4:], c.ts[dir]+ms)
	binary.BigEndian.PutUint32(opts[8:], c.ts[1-dir]+ms)
	if flags&fSYN != 0 {
		opts = append([]byte{2, 4, 5, 180, 4, 2, 3, 3, 7, 1}, opts[2:]...)
	}
	h := make([]byte, 20, 60)
	if dir == 0 {
		binary.BigEndian.PutUint16(h[0:], c.cport)
		binary.BigEndian.PutUint16(h[2:], c.sport)
	} else {
		binary.BigEndian.PutUint16(h[0:], c.sport)
		binary.BigEndian.PutUint16(h[2:], c.cport)
	}
	binary.BigEndian.PutUint32(h[4:], c.seq[dir])
	if flags&fACK != 0 {
		binary.BigEndian.PutUint32(h[8:], c.seq[1-dir])
	}
	h = append(h, opts...)
	h[12] = byte(len(h) / 4 << 4)
	h[13] = flags
	binary.BigEndian.PutUint16(h[14:], 501)
	c.seq[dir] += uint32(len(payload))
	if flags&(fSYN|fFIN) != 0 {
		c.seq[dir]++
	}
	return g.build(c, dir, 6, 16, payload, h)
}

// build puts the layers together. sum is the offset of the checksum in the transport header.
func (g *generator) build(c *conn, dir int, proto byte, sum int, payload, l4 []byte) []byte {
	if proto == 17 {
		l4 = make([]byte, 8)
		ports := [2]uint16{c.cport, c.sport}
		binary.BigEndian.PutUint16(l4[0:], ports[dir&1])
		binary.BigEndian.PutUint16(l4[2:], ports[1-dir&1])
		binary.BigEndian.PutUint16(l4[4:], uint16(8+len(payload)))
		sum = 6
	}
	src, dst := c.client, c.server
	if dir == 1 {
		src, dst = dst, src
	}
	inner := g.ip(c.v6, src, dst, proto, sum, l4, payload)
	b := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}
	if dir == 1 {
		b = []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	}
	if c.vlan != 0 {
		b = binary.BigEndian.AppendUint16(append(b, 0x81, 0), c.vlan)
	}
	etype := []byte{8, 0}
	if c.v6 {
		etype = []byte{0x86, 0xdd}
	}
	if c.tunnel == 0 {
		return append(append(b, etype...), inner...)
	}
	a, z := [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 1}, [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 2}
	if dir == 1 {
		a, z = z, a
	}
	b = append(b, 8, 0)
	if c.tunnel == 1 {
		return append(b, g.ip(false, a, z, 47, -1, append([]byte{0, 0}, etype...), inner)...)
	}
	vx := []byte{0xc0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 7, 0}
	vx = append(vx, 2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 2)
	vx = append(vx, etype...)
	binary.BigEndian.PutUint16(vx[4:], uint16(len(vx)+len(inner)))
	return append(b, g.ip(false, a, z, 17, -1, vx, inner)...)
}

func (g *generator) ip(v6 bool, src, dst [16]byte, proto byte, sum int, l4, payload []byte) []byte {
	n := len(l4) + len(payload)
	var h []byte
	if v6 {
		h = make([]byte, 40, 40+n)
		h[0], h[6], h[7] = 0x60, proto, 63
		binary.BigEndian.PutUint16(h[4:], uint16(n))
		copy(h[8:], src[:])
		copy(h[24:], dst[:])
	} else {
		h = make([]byte, 20, 20+n)
		g.ipid++
		h[0], h[6], h[8], h[9] = 0x45, 0x40, 63, proto
		binary.BigEndian.PutUint16(h[2:], uint16(20+n))
		binary.BigEndian.PutUint16(h[4:], g.ipid)
		copy(h[12:], src[12:])
		copy(h[16:], dst[12:])
		binary.BigEndian.PutUint16(h[10:], ^fold(h))
	}
	hl := len(h)
	h = append(append(h, l4...), payload...)
	if sum >= 0 {
		at := hl + sum
		var pseudo []byte
		if v6 {
			pseudo = append(append(append([]byte(nil), src[:]...), dst[:]...), 0, 0, byte(n>>8), byte(n), 0, 0, 0, proto)
		} else {
			pseudo = append(append(append([]byte(nil), src[12:]...), dst[12:]...), 0, proto, byte(n>>8), byte(n))
		}
		binary.BigEndian.PutUint16(h[at:], 0)
		binary.BigEndian.PutUint16(h[at:], ^fold(append(pseudo, h[hl:]...)))
	}
	return h
}

// fold is the Internet checksum before its complement (RFC 1071).
func fold(b []byte) uint16 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
