package scan

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"firestorm/internal/packet"
)

// codec writes or reads the same fields in the same order: one description of the memory for both ways.
type codec struct {
	w   *bufio.Writer // nil: it reads
	r   *bufio.Reader
	err error
}

var errMemory = errors.New("the memory of the scan detector is damaged")

func (c *codec) u64(p *uint64) {
	if c.err != nil {
		return
	}
	var b [8]byte
	if c.w != nil {
		binary.LittleEndian.PutUint64(b[:], *p)
		_, c.err = c.w.Write(b[:])
		return
	}
	if _, c.err = io.ReadFull(c.r, b[:]); c.err == nil {
		*p = binary.LittleEndian.Uint64(b[:])
	}
}

// number codes any whole number.
func number[T ~int | ~int8 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64](c *codec, p *T) {
	v := uint64(*p)
	c.u64(&v)
	*p = T(v)
}

func (c *codec) flag(p *bool) {
	v := uint8(0)
	if *p {
		v = 1
	}
	number(c, &v)
	*p = v != 0
}

func (c *codec) addr(a *packet.Addr) {
	if c.err != nil {
		return
	}
	if c.w != nil {
		_, c.err = c.w.Write(a[:])
		return
	}
	_, c.err = io.ReadFull(c.r, a[:])
}

func (c *codec) ref(r *packet.Ref) {
	number(c, &r.Source)
	number(c, &r.Frame)
	number(c, &r.Time)
	if c.w == nil && r.Frame != 0 {
		r.Source = packet.Earlier
	}
}

func (c *codec) refs(rs []packet.Ref) {
	for i := range rs {
		c.ref(&rs[i])
	}
}

func (c *codec) door(d *door) {
	c.addr(&d.addr)
	number(c, &d.port)
	number(c, &d.proto)
}

// length codes how many there are of something, at most most.
func (c *codec) length(n, most int) int {
	number(c, &n)
	if c.err == nil && (n < 0 || n > most) {
		c.err = fmt.Errorf("%w: %d entries, at most %d", errMemory, n, most)
	}
	if c.err != nil {
		return 0
	}
	return n
}

// set codes a set; its order is that of its places, which follow from what was put in.
func (c *codec) set(s *set) {
	most := max(s.most, setMost)
	c.flag(&s.full)
	n := c.length(s.n, most)
	if c.w != nil {
		s.each(func(sum uint32, open bool) {
			if open {
				sum |= openBit
			}
			number(c, &sum)
		})
		return
	}
	for range n {
		var sum uint32
		if number(c, &sum); c.err != nil {
			return
		}
		s.add(sum)
		if sum&openBit != 0 {
			s.open(sum)
		}
	}
}
