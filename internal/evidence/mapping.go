package evidence

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash"
	"net/netip"
	"strings"

	"firestorm/internal/packet"
)

// KeySize is the length of a key for Mapping, bytes.
const KeySize = 32

// maxMapped bounds what a Mapping remembers of its own results; when full it forgets them and computes again.
const maxMapped = 1 << 16

// Mapping replaces addresses and names by others: the same ones for the same key, one for one, and nobody gets back
// without the key. Two addresses share as many leading bits after it as they did before (as Xu, Fan, Ammar and Moon
// describe in "Prefix-preserving IP address anonymization", ICNP 2002), so that networks stay networks.
//
// Blocks whose meaning everybody knows stay what they are, as readers and detectors decide by them: what is private stays
// in its private block, link-local stays link-local; multicast, loopback and "no address" stay unchanged. The price is
// that a public address beside such a block keeps the bits that tell it from the block: 16 of 192.169.0.0/16, 8 of
// 11.0.0.0/8, few for most. It is for one goroutine.
type Mapping struct {
	v4, v6, mac, word hash.Hash
	addrs             map[packet.Addr]packet.Addr
	macs              map[packet.MAC]packet.MAC
}

// NewMapping returns a mapping by a secret key.
func NewMapping(key [KeySize]byte) *Mapping {
	derived := func(what string) hash.Hash {
		h := hmac.New(sha256.New, key[:])
		h.Write([]byte(what))
		return hmac.New(sha256.New, h.Sum(nil))
	}
	return &Mapping{v4: derived("IPv4"), v6: derived("IPv6"), mac: derived("MAC"), word: derived("word"),
		addrs: map[packet.Addr]packet.Addr{}, macs: map[packet.MAC]packet.MAC{}}
}

// block is a range of addresses that a mapping maps onto itself; whole says that each of them is left as it is.
type block struct {
	prefix netip.Prefix
	whole  bool
}

// The blocks of IANA's registries of special addresses (RFC 6890) that decide what an address is.
var blocks4, blocks6 = []block{
	{netip.MustParsePrefix("0.0.0.0/8"), true},
	{netip.MustParsePrefix("10.0.0.0/8"), false},
	{netip.MustParsePrefix("100.64.0.0/10"), false},
	{netip.MustParsePrefix("127.0.0.0/8"), true},
	{netip.MustParsePrefix("169.254.0.0/16"), false},
	{netip.MustParsePrefix("172.16.0.0/12"), false},
	{netip.MustParsePrefix("192.168.0.0/16"), false},
	{netip.MustParsePrefix("224.0.0.0/4"), true},
	{netip.MustParsePrefix("255.255.255.255/32"), true},
}, []block{
	{netip.MustParsePrefix("::/104"), true},
	{netip.MustParsePrefix("2000::/3"), false},
	{netip.MustParsePrefix("fc00::/7"), false},
	{netip.MustParsePrefix("fe80::/64"), false},
	{netip.MustParsePrefix("ff00::/8"), true},
}

// lowBits of an IPv6 address are mapped without regard to what stands before them: a solicited-node group holds them
// alone (RFC 4291 2.7.1), and must still be that of its host.
const lowBits = 24

// solicited are the groups ff02::1:ffXX:XXXX.
var solicited = netip.MustParsePrefix("ff02::1:ff00:0/104")

// Addr returns what stands for a. No address stays no address.
func (m *Mapping) Addr(a packet.Addr) packet.Addr {
	if a.IsZero() {
		return a
	}
	if got, ok := m.addrs[a]; ok {
		return got
	}
	out := a
	if a.Is4() {
		mapBits(m.v4, a[12:], out[12:], blocks4, 0)
	} else if n := a.Netip(); solicited.Contains(n) {
		mapRange(m.v6, a[:], out[:], nil, 128-lowBits, 128-lowBits)
	} else {
		mapBits(m.v6, a[:], out[:], blocks6, 128-lowBits)
	}
	if len(m.addrs) >= maxMapped {
		clear(m.addrs)
	}
	m.addrs[a] = out
	return out
}

// mapBits maps in to out, both 4 or 16 bytes long. From bit apart on, the bits before apart do not count.
func mapBits(h hash.Hash, in, out []byte, blocks []block, apart int) {
	n, _ := netip.AddrFromSlice(in)
	for _, b := range blocks {
		if b.whole && b.prefix.Contains(n) {
			return
		}
	}
	mapRange(h, in, out, blocks, 0, apart)
}

// mapRange turns each bit, from bit first on, by what the key says of the bits before it; not where a block needs it.
func mapRange(h hash.Hash, in, out []byte, blocks []block, first, apart int) {
	var before [18]byte // the bits so far, left, and how many
	for i := first; i < 8*len(in); i++ {
		start := 0
		if apart > 0 && i >= apart {
			start = apart
		}
		if start == 0 && above(blocks, in, i) {
			continue
		}
		before = [18]byte{16: byte(start), 17: byte(i)}
		for k := start / 8; k < len(in) && k*8 < i; k++ {
			before[k] = in[k]
			if over := (k+1)*8 - i; over > 0 {
				before[k] &= 0xff << over
			}
		}
		h.Reset()
		h.Write(before[:])
		var sum [sha256.Size]byte
		if h.Sum(sum[:0])[0]&1 != 0 {
			out[i/8] ^= 0x80 >> (i % 8)
		}
	}
}

// above reports that the first n bits of a lead to a block that begins deeper: bit n must stay, or the block would move.
func above(blocks []block, a []byte, n int) bool {
	for _, b := range blocks {
		if b.prefix.Bits() > n && sharesBits(b.prefix.Addr().AsSlice(), a, n) {
			return true
		}
	}
	return false
}

func sharesBits(a, b []byte, n int) bool {
	for k := 0; k*8 < n; k++ {
		d := a[k] ^ b[k]
		if over := (k+1)*8 - n; over > 0 {
			d &= 0xff << over
		}
		if d != 0 {
			return false
		}
	}
	return true
}

// MAC returns what stands for a: a random-looking address with the same two low bits in its first byte, which say
// whether it is a group's and whether its card's maker gave it. Groups, and the addresses that VRRP shares (RFC 9568
// 7.3), stay; the group of a solicited node follows its address.
func (m *Mapping) MAC(a packet.MAC) packet.MAC {
	switch {
	case a.IsZero() || a[0] == 0 && a[1] == 0 && a[2] == 0x5e && a[3] == 0:
		return a
	case a[0] == 0x33 && a[1] == 0x33 && a[2] == 0xff:
		g := packet.Addr{0: 0xff, 1: 2, 11: 1, 12: 0xff, 13: a[3], 14: a[4], 15: a[5]}
		g = m.Addr(g)
		return packet.MAC{0x33, 0x33, 0xff, g[13], g[14], g[15]}
	case a[0]&1 != 0:
		return a
	}
	if got, ok := m.macs[a]; ok {
		return got
	}
	out := m.shuffle(a)
	for out[0]&3 != a[0]&3 || out.IsZero() || out[0] == 0 && out[1] == 0 && out[2] == 0x5e && out[3] == 0 {
		out = m.shuffle(out) // walking the cycle keeps it one for one
	}
	if len(m.macs) >= maxMapped {
		clear(m.macs)
	}
	m.macs[a] = out
	return out
}

// shuffle is a permutation of all 48-bit values: a Feistel network of six rounds over two halves of 24 bits.
func (m *Mapping) shuffle(a packet.MAC) packet.MAC {
	l, r := [3]byte(a[:3]), [3]byte(a[3:])
	for round := byte(0); round < 6; round++ {
		m.mac.Reset()
		m.mac.Write([]byte{round, r[0], r[1], r[2]})
		var sum [sha256.Size]byte
		f := m.mac.Sum(sum[:0])
		l, r = r, [3]byte{l[0] ^ f[0], l[1] ^ f[1], l[2] ^ f[2]}
	}
	return packet.MAC{l[0], l[1], l[2], r[0], r[1], r[2]}
}

var wordAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Name returns what stands for a host's or person's name: "name-" and eight letters. Case does not count.
func (m *Mapping) Name(s string) string {
	m.word.Reset()
	m.word.Write([]byte(strings.ToLower(s)))
	return "name-" + wordAlphabet.EncodeToString(m.word.Sum(nil)[:5])
}

// put maps the address of 4 or 16 bytes at b in its place.
func (m *Mapping) put(b []byte) {
	switch len(b) {
	case 4:
		a := m.Addr(packet.Addr4(b))
		copy(b, a[12:])
	case 16:
		if binary.BigEndian.Uint64(b) == 0 && b[10] == 0xff && b[11] == 0xff {
			m.put(b[12:]) // an IPv4 address in IPv6's clothes
			return
		}
		a := m.Addr(packet.Addr6(b))
		copy(b, a[:])
	}
}

// putMAC maps the MAC at the start of b in its place.
func (m *Mapping) putMAC(b []byte) {
	a := m.MAC(packet.MAC(b[:6]))
	copy(b, a[:])
}
