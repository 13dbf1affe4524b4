package event

import "firestorm/internal/packet"

// memo is what an EVE remembers of the records it had, since the next ones mostly ask for the same: the Community ID of a
// pair of ends costs a SHA-1, the name of a capture file a walk through what is open (2026-11-30). It changes no record.
type memo struct {
	ids [memoIDs]memoID
	// The name of an input as it is written, with its quotes, and which input that is; "" before the first.
	file   string
	source uint16
}

// memoIDs is how many pairs of ends are remembered, 18 KB; a newer one takes the place of that with the same number.
const memoIDs = 256

type memoID struct {
	ends
	id [30]byte // "1:" and 20 bytes in base64
}

// ends are what a Community ID is made of. The zero value is of no record that has one.
type ends struct {
	client, server packet.Addr
	sport, dport   uint16
	proto          uint8
}

// remembers returns what c remembers, which is for one goroutine alone.
func (c *EVE) remembers() *memo {
	if c.memo == nil {
		c.memo = &memo{}
	}
	return c.memo
}

// appendCommunityID appends the Community ID of e, from what is remembered if it can.
func (c *EVE) appendCommunityID(dst []byte, e *ends) []byte {
	a, b := &e.client, &e.server
	n := (uint32(a[13])^uint32(b[13]))<<3 ^ (uint32(a[14])^uint32(b[14]))<<5 ^ uint32(a[15]) ^ uint32(b[15])<<1 ^
		uint32(a[7]) ^ uint32(b[7]) ^ uint32(e.sport) ^ uint32(e.sport>>8) ^ uint32(e.dport) ^ uint32(e.dport>>8)
	m := &c.remembers().ids[n%memoIDs]
	if m.ends != *e {
		m.ends = *e
		AppendCommunityID(m.id[:0], e.proto, e.client, e.server, e.sport, e.dport)
	}
	return append(dst, m.id[:]...)
}

// appendFile appends the name of an input with its quotes; named is false when it has none so far.
func (c *EVE) appendFile(dst []byte, source uint16) (out []byte, named bool) {
	m := c.remembers()
	if m.file == "" || m.source != source {
		name := c.File(source)
		if name == "" { // it may have one later
			return dst, false
		}
		m.file, m.source = string(AppendJSONString(nil, name)), source
	}
	return append(dst, m.file...), true
}
