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

// dnsTalk is a question and its answer, with a record in each section.
func (m *meaning) dnsTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "dns"}
	asked := word(rng) + ".example"
	sections := [3]string{} // of the answer: names of answers, authorities, additionals
	for _, p := range parts {
		b, err := p.fill(&nameStyle, func(cs []check, k *style) ([]byte, bool) { return fillName(cs, k, rng) })
		if err != nil {
			return nil, err
		}
		switch p.name {
		case "dns.query", "dns.queries.rrname":
			asked = string(b)
		case "dns.answers.rrname", "dns.response.rrname":
			sections[0] = string(b)
		case "dns.authorities.rrname":
			sections[1] = string(b)
		case "dns.additionals.rrname":
			sections[2] = string(b)
		}
	}
	id, kind := uint16(rng.Uint32()), uint16(m.choose("dns.rrtype", rng, 1))
	opcode := uint16(m.choose("dns.opcode", rng, 0)) << 11
	q := question(id, 0x0100|opcode, asked, kind)
	a := question(id, 0x8180|opcode|uint16(m.choose("dns.rcode", rng, 0)), asked, kind)
	for i, name := range sections {
		if name == "" && i > 0 {
			continue
		}
		if name == "" {
			name = asked
		}
		binary.BigEndian.PutUint16(a[6+2*i:], 1)
		a = append(labels(a, name), byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 60)
		data := recordData(kind, rng)
		a = append(append(a, 0, byte(len(data))), data...)
		t.hold([]string{"dns.answers.rrname", "dns.authorities.rrname", "dns.additionals.rrname"}[i], ToClient, name)
		t.hold("dns.response.rrname", ToClient, name)
	}
	if m.proto == "tcp" {
		q, a = prefixed(q), prefixed(a)
	}
	t.messages = []message{{ToServer, q}, {ToClient, a}}
	t.hold("dns.query", ToServer, asked)
	t.hold("dns.queries.rrname", ToServer, asked)
	return t, nil
}

// recordData is the data of a record of a type (RFC 1035 3.3, RFC 3596).
func recordData(kind uint16, rng *rand.Rand) []byte {
	switch kind {
	case 15:
		return []byte{0, 10, 1, 'm', 0}
	case 16:
		return []byte("\x05hello")
	case 28:
		return []byte{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	}
	return []byte{192, 0, 2, byte(1 + rng.IntN(250))}
}

func prefixed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// question is a DNS message with one question (RFC 1035 4).
func question(id, flags uint16, name string, kind uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = labels(append(b, 0, 1, 0, 0, 0, 0, 0, 0), name)
	return append(b, byte(kind>>8), byte(kind), 0, 1)
}

func labels(b []byte, name string) []byte {
	for _, l := range strings.Split(name, ".") {
		b = append(append(b, byte(len(l))), l...)
	}
	return append(b, 0)
}
