package ssh

import (
	"bytes"
	"crypto/md5" // HASSH is defined with it; nothing is secured by it
	"encoding/binary"
	"encoding/hex"
)

// Message numbers (RFC 4253 12).
const (
	msgKexInit = 20
	msgNewKeys = 21
)

// maxPacket is the longest unencrypted packet that is believed (RFC 4253 6.1).
const maxPacket = 35000

// Version is an identification line (RFC 4253 4.2).
type Version struct {
	Proto    string // "2.0", "1.99"
	Software string // without the comment
}

// maxVersion bounds the line in bytes, its end included (RFC 4253 4.2).
const maxVersion = 255

// ParseVersion reads a line without its end.
func ParseVersion(line []byte) (v Version, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("SSH-"))
	if !ok {
		return v, false
	}
	proto, software, ok := bytes.Cut(rest, []byte("-"))
	if !ok || len(proto) == 0 {
		return v, false
	}
	software, _, _ = bytes.Cut(software, []byte(" "))
	return Version{string(proto), string(software)}, true
}

// KexInit is the part of the first key exchange message that fingerprints are made of (RFC 4253 7.1). The lists are lent.
type KexInit struct {
	Kex                   []byte
	Encryption, MAC, Comp [2][]byte // [0] client to server, [1] server to client
}

// ParseKexInit reads the payload of a packet, its number included.
func ParseKexInit(b []byte) (k KexInit, ok bool) {
	if len(b) < 17 || b[0] != msgKexInit {
		return k, false
	}
	b = b[17:]
	var lists [8][]byte
	for i := range lists {
		if len(b) < 4 {
			return k, false
		}
		n := binary.BigEndian.Uint32(b)
		if uint64(n) > uint64(len(b)-4) {
			return k, false
		}
		lists[i], b = b[4:4+n], b[4+n:]
	}
	k.Kex = lists[0]
	k.Encryption = [2][]byte{lists[2], lists[3]}
	k.MAC = [2][]byte{lists[4], lists[5]}
	k.Comp = [2][]byte{lists[6], lists[7]}
	return k, true
}

// HASSH returns the fingerprint of the side that sent k to the other in direction d (0 client to server), and the text
// that it is made of.
func (k *KexInit) HASSH(d int) (hash, text string) {
	b := make([]byte, 0, len(k.Kex)+len(k.Encryption[d])+len(k.MAC[d])+len(k.Comp[d])+3)
	for i, l := range [][]byte{k.Kex, k.Encryption[d], k.MAC[d], k.Comp[d]} {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, l...)
	}
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:]), string(b)
}
