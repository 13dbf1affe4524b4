package quic

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
)

// Hello is what a client of Google's versions says first: the message CHLO of their own handshake.
type Hello struct {
	SNI, UA []byte
	Tags    []byte // names of all of its values in order, joined by "-"
}

// maxTags bounds the values of a message: Google's own reader takes as many.
const maxTags = 128

// ParseHello reads a CHLO. False: it is none, or it is cut off.
func ParseHello(b []byte) (h Hello, ok bool) {
	if len(b) < 8 || string(b[:4]) != "CHLO" {
		return h, false
	}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	if n > maxTags || len(b) < 8+8*n {
		return h, false
	}
	index, values := b[8:8+8*n], b[8+8*n:]
	from := uint32(0)
	for i := range n {
		name, end := index[8*i:8*i+4], binary.LittleEndian.Uint32(index[8*i+4:])
		if end < from || uint64(end) > uint64(len(values)) {
			return h, false
		}
		for len(name) > 0 && name[len(name)-1] == 0 {
			name = name[:len(name)-1]
		}
		switch string(name) {
		case "SNI":
			h.SNI = values[from:end]
		case "UAID":
			h.UA = values[from:end]
		}
		if i > 0 {
			h.Tags = append(h.Tags, '-')
		}
		h.Tags = append(h.Tags, name...)
		from = end
	}
	return h, true
}

// cyuVersion is how the fingerprint CYU calls a version, as Suricata computes it; empty: it has none.
func cyuVersion(v uint32) string {
	switch v {
	case q043:
		return "43"
	case q044, q045:
		return "44"
	case q046:
		return "46"
	}
	return ""
}

// CYU is a fingerprint of a client of Google's versions: the version and the names of what it said, and their MD5.
type CYU struct{ Hash, String string }

// cyuOf is the fingerprint of a hello; false: the version has none.
func cyuOf(v uint32, h *Hello) (CYU, bool) {
	name := cyuVersion(v)
	if name == "" {
		return CYU{}, false
	}
	text := name + "," + string(h.Tags)
	sum := md5.Sum([]byte(text))
	return CYU{hex.EncodeToString(sum[:]), text}, true
}
