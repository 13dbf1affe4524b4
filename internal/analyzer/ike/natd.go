package ike

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"

	"firestorm/internal/packet"
)

// evaluate compares the hashes that the message carries with the addresses and ports of its packet. Version 1 hashes with
// what the two agreed on, which the length of the hash tells; version 2 with SHA-1.
func (m *Message) evaluate(p *packet.Packet) {
	if !m.NAT.Seen {
		return
	}
	f := m.found
	sources, dest := f.list[:f.n], f.dest
	if m.Major == 1 && f.n > 0 { // the receiver's first, then the sender's (RFC 3947 3.2)
		dest, sources = f.list[0], f.list[1:f.n]
	}
	m.NAT.Dest = m.agrees(dest, p.Dst, p.DstPort)
	for _, s := range sources {
		m.NAT.Source = m.NAT.Source || m.agrees(s, p.Src, p.SrcPort)
	}
	*f = hashes{}
}

func (m *Message) agrees(hash []byte, a packet.Addr, port uint16) bool {
	var in [8 + 8 + 16 + 2]byte
	binary.BigEndian.PutUint64(in[:], m.InitSPI)
	binary.BigEndian.PutUint64(in[8:], m.RespSPI)
	n := 16
	if a.Is4() {
		n += copy(in[n:], a[12:])
	} else {
		n += copy(in[n:], a[:])
	}
	binary.BigEndian.PutUint16(in[n:], port)
	data := in[:n+2]
	switch len(hash) {
	case md5.Size:
		s := md5.Sum(data)
		return bytes.Equal(hash, s[:])
	case sha1.Size:
		s := sha1.Sum(data)
		return bytes.Equal(hash, s[:])
	case sha256.Size:
		s := sha256.Sum256(data)
		return bytes.Equal(hash, s[:])
	case sha512.Size384:
		s := sha512.Sum384(data)
		return bytes.Equal(hash, s[:])
	case sha512.Size:
		s := sha512.Sum512(data)
		return bytes.Equal(hash, s[:])
	}
	return false
}
