package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"

	"firestorm/internal/packet"
)

// The salts of Initial keys: public numbers, by which who reads a version shows that it knows that version (RFC 9001 5.2).
var (
	salt1   = []byte("\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a") // RFC 9001, drafts 33 and 34
	salt2   = []byte("\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9") // RFC 9369 3.3.1
	saltD2  = []byte("\xa7\x07\xc2\x03\xa5\x9b\x47\x18\x4a\x1d\x62\xca\x57\x04\x06\xea\x7a\xe3\xe5\xd3") // drafts of version 2
	salt29  = []byte("\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99") // drafts 29 to 32
	salt23  = []byte("\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02") // drafts 23 to 28
	saltQ50 = []byte("\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45")
)

// saltOf is the salt of a version; nil: its Initial packets cannot be read.
func saltOf(v uint32) []byte {
	switch {
	case v == Version1, v == draft+33, v == draft+34:
		return salt1
	case v == Version2:
		return salt2
	case v == draft2:
		return saltD2
	case v >= draft+29 && v <= draft+32:
		return salt29
	case v >= draft+23 && v <= draft+28, v == mvfst:
		return salt23
	case v == q050:
		return saltQ50
	}
	return nil
}

// keys protect the Initial packets of a connection: everybody who sees the client's first packet can compute them.
type keys struct {
	version uint32
	half    [2]half // by the direction travelled
}

type half struct {
	aead   cipher.AEAD
	iv     [12]byte
	header cipher.Block
}

// initialKeys computes the keys that follow from a version and the destination of the client's first packet (RFC 9001 5.2).
// nil: the version is not known.
func initialKeys(version uint32, dcid []byte) *keys {
	salt := saltOf(version)
	if salt == nil {
		return nil
	}
	k := &keys{version: version}
	prefix := "quic "
	if second(version) {
		prefix = "quicv2 "
	}
	secret := mac(salt, dcid)
	for d, label := range [2]string{packet.ToServer: "client in", packet.ToClient: "server in"} {
		side := expandLabel(secret, label, sha256.Size)
		h := &k.half[d]
		block, err := aes.NewCipher(expandLabel(side, prefix+"key", 16))
		if err == nil {
			h.aead, err = cipher.NewGCM(block)
		}
		if err == nil {
			h.header, err = aes.NewCipher(expandLabel(side, prefix+"hp", 16))
		}
		if err != nil { // never: the sizes are right
			return nil
		}
		copy(h.iv[:], expandLabel(side, prefix+"iv", len(h.iv)))
	}
	return k
}

// mac is HMAC-SHA256, and so HKDF-Extract (RFC 5869 2.2).
func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// expandLabel is HKDF-Expand-Label (RFC 8446 7.1) without a context, for at most one block of n bytes.
func expandLabel(secret []byte, label string, n int) []byte {
	info := append([]byte{0, byte(n), byte(6 + len(label))}, "tls13 "...)
	info = append(append(info, label...), 0)
	return mac(secret, info, []byte{1})[:n]
}

const (
	sampleAt = 4  // behind the begin of the packet number (RFC 9001 5.4.2)
	sample   = 16 // bytes
)

// open unprotects the packet b, whose number begins at number, and gives its frames. head and plain are room, returned to be
// used again.
func (h *half) open(b []byte, number int, head, plain []byte) (frames, headAfter []byte, ok bool) {
	if len(b) < number+sampleAt+sample {
		return plain[:0], head, false
	}
	var mask [sample]byte
	h.header.Encrypt(mask[:], b[number+sampleAt:number+sampleAt+sample])
	first := b[0] ^ mask[0]&0x0f
	n := int(first&3) + 1
	head = append(head[:0], b[:number+n]...)
	head[0] = first
	nonce := h.iv
	for i := range n {
		head[number+i] ^= mask[1+i]
		nonce[len(nonce)-n+i] ^= head[number+i] // of Initial packets the number is never so large that it is cut
	}
	frames, err := h.aead.Open(plain[:0], nonce[:], b[number+n:], head)
	if err != nil {
		return plain[:0], head, false
	}
	return frames, head, true
}
