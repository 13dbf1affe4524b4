package defrag

import (
	"encoding/binary"

	"firestorm/internal/header"
	"firestorm/internal/packet"
)

const maxLength = 65535

// parsed is one fragment as its headers describe it; head and data borrow from the packet.
type parsed struct {
	key        key
	head       []byte // headers that the whole datagram keeps
	data       []byte
	start      uint32
	nextHeader int // IPv6: offset in head of the field that named the fragment header
	more       bool
	tiny       bool
	ttl        uint8
	proto      uint8 // what the data is, at offset 0
}

// parse reads fragment p. On ReasonTruncated only the key is valid.
func parse(p *packet.Packet) (f parsed, why Reason) {
	f.key = key{src: p.Src, dst: p.Dst, id: p.IPID, tunnel: p.Tunnel, vantage: p.Vantage, version: p.IPVersion}
	f.ttl = p.TTL
	f.more = p.IPFlags&packet.MoreFragments != 0
	f.start = uint32(p.FragOff)
	b := p.Data
	l3 := int(p.L3)
	if l3 > len(b) {
		return f, ReasonMalformed
	}
	b = b[l3:]
	var need, length int // headers in front of the data, and the packet's length
	switch p.IPVersion {
	case 4:
		if len(b) < 20 {
			return f, ReasonMalformed
		}
		need, length = int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
		f.proto, f.key.proto = b[9], b[9]
		if need < 20 {
			return f, ReasonMalformed
		}
	case 6:
		off, ok := p.Layer(packet.LayerIPv6Fragment)
		if off -= l3; !ok || off < 40 || off+8 > len(b) {
			return f, ReasonMalformed
		}
		need, length = off+8, 40+int(binary.BigEndian.Uint16(b[4:]))
		f.proto = b[off]
		if f.nextHeader, ok = named(b, off); !ok {
			return f, ReasonMalformed
		}
	default:
		return f, ReasonMalformed
	}
	size := length - need
	switch {
	case size < 0:
		return f, ReasonMalformed
	case size == 0:
		return f, ReasonZeroLength
	case f.more && size%8 != 0:
		return f, ReasonBadLength
	case tooLarge(p.IPVersion, need, int(f.start)+size):
		return f, ReasonTooLarge
	case length > len(b):
		return f, ReasonTruncated
	}
	f.head, f.data = b[:need], b[need:length]
	if p.IPVersion == 6 {
		f.head = b[:need-8]
	}
	f.tiny = f.start == 0 && tiny(f.proto, f.data)
	return f, ReasonNone
}

// tooLarge says whether a datagram with data up to end passes the largest length its header can hold. An IPv6
// header's length does not count its own 40 bytes (RFC 8200 3); the fragment header goes away.
func tooLarge(version uint8, need, end int) bool {
	if version == 6 {
		return need-40-8+end > maxLength
	}
	return need+end > maxLength
}

// named walks the headers in front of the fragment header at off and returns where its number is written.
func named(b []byte, off int) (at int, ok bool) {
	at, next := 6, 40
	for next < off {
		if next+2 > len(b) {
			return 0, false
		}
		at = next
		next += int(b[next+1])*8 + 8
	}
	return at, next == off && b[at] == packet.ProtoFragment
}

// tiny reports a first fragment that hides its transport header from filters (RFC 1858 3, RFC 7112).
func tiny(proto uint8, data []byte) bool {
	need := 0
	switch proto {
	case packet.ProtoTCP:
		need = 20
	case packet.ProtoUDP, packet.ProtoICMP, packet.ProtoICMPv6:
		need = 8
	case packet.ProtoSCTP:
		need = 12
	}
	return len(data) < need
}

// complete writes the whole datagram into p and keeps the entry for linger.
func (t *Table) complete(d *datagram, p *packet.Packet) {
	hlen := len(d.head)
	out := t.lend(hlen + int(d.total))
	copy(out, d.head)
	for _, run := range d.held {
		f := &d.frags[run.frag]
		copy(out[hlen+int(run.start):], f.buf[run.start-f.start:run.end-f.start])
	}
	if d.key.version == 4 {
		binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
		out[6] &= 0x40 // only "don't fragment" still means something
		out[7] = 0
		out[10], out[11] = 0, 0
		binary.BigEndian.PutUint16(out[10:], header.Checksum(out[:hlen]))
	} else {
		binary.BigEndian.PutUint16(out[4:], uint16(len(out)-40))
		out[d.nextHeader] = d.proto
	}
	if p.IPFlags&packet.Reassembled != 0 {
		t.Recycle(p.Data) // p was a datagram of ours that held the fragment
	}
	p.Data = out
	p.IPFlags |= packet.Reassembled
	t.refs = append(t.refs[:0], d.refs...)
	t.stats.Datagrams++
	t.queue.remove(d)
	t.empty(d)
	d.state, d.since = done, p.Time
	t.done.push(d)
}

func (t *Table) lend(n int) []byte {
	t.outMu.Lock()
	defer t.outMu.Unlock()
	return t.out.get(n)
}

// Recycle takes back the Data of a packet that Packet completed. Nothing may use it afterwards. Any goroutine may
// call it, for example when a batch is released.
func (t *Table) Recycle(b []byte) {
	t.outMu.Lock()
	defer t.outMu.Unlock()
	t.out.put(b)
}
