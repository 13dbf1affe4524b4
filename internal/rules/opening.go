package rules

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// openings finds rules by the content that a payload must begin with: a look-up for each of few lengths, where searching the
// first bytes for a thousand contents took as long as searching all of a packet for as many (2026-11-29).
type openings struct {
	tables  [mostOpening]openingTable // by length less one; longer contents by their first mostOpening bytes
	streams bool                      // one of the rules looks at streams
}

const mostOpening = 4

// openingTable has the contents that begin alike in one place.
type openingTable struct {
	slots []openingSlot // a power of two, or none
	n     int
}

type openingSlot struct {
	key  uint32 // the first bytes, without regard to case
	list []openingEntry
}

type openingEntry struct {
	s   *sig
	c   *check
	how looked
}

func (p *openings) add(s *sig, c *check, how looked) {
	n := min(len(c.pattern), mostOpening)
	p.tables[n-1].add(firstBytes(c.pattern, n), openingEntry{s, c, how})
	p.streams = p.streams || how.stream()
}

// addAll adds the rules of another one.
func (p *openings) addAll(o *openings) {
	for i := range o.tables {
		for k := range o.tables[i].slots {
			slot := &o.tables[i].slots[k]
			for _, e := range slot.list {
				p.tables[i].add(slot.key, e)
			}
		}
	}
}

// find appends the rules to dst whose content b begins with.
func (p *openings) find(dst []candidate, b []byte) []candidate {
	for n := 1; n <= min(len(b), mostOpening); n++ {
		t := &p.tables[n-1]
		if t.n == 0 {
			continue
		}
		for _, e := range t.at(firstBytes(b, n)) {
			if e.c.begins(b) {
				dst = append(dst, candidate{s: e.s, how: e.how})
			}
		}
	}
	return dst
}

// begins reports whether b begins with the content.
func (c *check) begins(b []byte) bool {
	if len(b) < len(c.pattern) {
		return false
	}
	b = b[:len(c.pattern)]
	if c.nocase {
		return bytes.EqualFold(b, c.pattern)
	}
	return bytes.Equal(b, c.pattern)
}

// firstBytes are the first n bytes of b as a number, letters without regard to case.
func firstBytes(b []byte, n int) uint32 {
	if n == mostOpening {
		return binary.LittleEndian.Uint32(b) | 0x20202020
	}
	var v uint32
	for i, c := range b[:n] {
		v |= uint32(c|0x20) << (8 * i)
	}
	return v
}

// place is where key is, or the free slot for it.
func (t *openingTable) place(key uint32) *openingSlot {
	mask := uint32(len(t.slots) - 1)
	for i := key * 0x9e3779b1 >> 16; ; i++ {
		if s := &t.slots[i&mask]; s.list == nil || s.key == key {
			return s
		}
	}
}

func (t *openingTable) at(key uint32) []openingEntry { return t.place(key).list }

func (t *openingTable) add(key uint32, e openingEntry) {
	if 2*t.n >= len(t.slots) {
		old := t.slots
		t.slots = make([]openingSlot, max(2*len(old), 8))
		for i := range old {
			if old[i].list != nil {
				*t.place(old[i].key) = old[i]
			}
		}
	}
	s := t.place(key)
	if s.list == nil {
		s.key = key
		t.n++
	}
	s.list = append(slices.Clip(s.list), e)
}
