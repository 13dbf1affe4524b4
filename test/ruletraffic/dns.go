package ruletraffic

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
)

// goodName: labels of 1 to 63 bytes, 253 at most together.
func goodName(b []byte) bool {
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	for _, l := range strings.Split(string(b), ".") {
		if l == "" || len(l) > 63 {
			return false
		}
	}
	return true
}

func hostByte(c byte) bool {
	return wordByte(c) || c == '-' || c == '.'
}

// fillName makes a name; a long gap gets dots, so that labels stay short.
func fillName(cs []check, k *style, rng *rand.Rand) ([]byte, bool) {
	if b, ok := fill(cs, k, rng); ok {
		return b, true
	}
	dots := *k
	dots.filler = "abcdefghij.klmnopqrstu.vwxyz"
	return fill(cs, &dots, rng)
}

var nameStyle = style{filler: lettersDigits, legal: hostByte, good: goodName}

// dnsTalk is a question and its answer.
func (m *meaning) dnsTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "dns"}
	name := word(rng) + ".example"
	for _, p := range parts {
		if p.name != "dns.query" {
			return nil, impossible("no traffic is made for %s", p.name)
		}
		b, err := p.fill(&nameStyle, func(cs []check, k *style) ([]byte, bool) { return fillName(cs, k, rng) })
		if err != nil {
			return nil, err
		}
		name = string(b)
	}
	id := uint16(rng.Uint32())
	q := question(id, 0x0100, name)
	a := question(id, 0x8180, name)
	binary.BigEndian.PutUint16(a[6:], 1)
	a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, byte(1+rng.IntN(250)))
	if m.proto == "tcp" {
		q, a = prefixed(q), prefixed(a)
	}
	t.messages = []message{{ToServer, q}, {ToClient, a}}
	t.hold("dns.query", ToServer, name)
	return t, nil
}

func prefixed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// question is a DNS message with one question for an address (RFC 1035 4).
func question(id, flags uint16, name string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = append(b, 0, 1, 0, 0, 0, 0, 0, 0)
	for _, l := range strings.Split(name, ".") {
		b = append(append(b, byte(len(l))), l...)
	}
	return append(b, 0, 0, 1, 0, 1)
}
