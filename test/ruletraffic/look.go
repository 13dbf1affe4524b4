package ruletraffic

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"firestorm/internal/packet"
)

// fieldMost are the greatest values of header fields.
var fieldMost = map[string]int{"ttl": 255, "tos": 255, "itype": 255, "icode": 255, "wscale": 14, "fragoffset": 8191, "seq": 1<<32 - 1, "ack": 1<<32 - 1,
	"mtu": 1<<32 - 1, "mss": 9000}

// look chooses the header fields that the rule asks for.
func (m *meaning) look(rng *rand.Rand) (look, error) {
	l := look{fields: map[string]int{}, bits: -1, flags: -1}
	asked := map[string][]span{}
	var names []string
	for _, f := range m.fields {
		if asked[f.name] == nil {
			names = append(names, f.name)
		}
		asked[f.name] = append(asked[f.name], f.span)
	}
	for _, name := range names {
		if name == "dsize" || strings.Contains(name, ".") || name == "filesize" {
			continue // the conversation has it
		}
		most, ok := fieldMost[name]
		if !ok {
			most = 65535
		}
		var good []int
		for _, v := range candidates(asked[name]) {
			fits := v <= most
			for _, s := range asked[name] {
				fits = fits && s.has(v)
			}
			if fits {
				good = append(good, v)
			}
		}
		if len(good) == 0 {
			return l, impossible("no %s fits", name)
		}
		l.fields[name] = good[rng.IntN(len(good))]
	}
	if _, ok := l.fields["itype"]; !ok && (m.asks("icmp_id") || m.asks("icmp_seq")) {
		l.fields["itype"] = []int{8, 0}[rng.IntN(2)]
	}
	if m.hasFlags {
		f, ok := m.someFlags(rng)
		if !ok {
			return l, impossible("no flags fit %s", m.flags)
		}
		l.flags = f
	}
	if o := m.rule.first("fragbits"); o != nil {
		l.bits = -2
		for try := range 8 {
			if fragBitsHold(o, try) != m.wrongFragBits {
				l.bits = try
				if rng.IntN(2) == 0 {
					break
				}
			}
		}
		if l.bits < 0 {
			return l, impossible("no bits fit %s", o.Value)
		}
	}
	if o := m.rule.first("ipopts"); o != nil && !m.wrongOption {
		b, ok := ipOptions[strings.TrimSpace(o.Value)]
		if !ok {
			return l, impossible("no IP option %s", o.Value)
		}
		l.option = b
	}
	return l, nil
}

func (m *meaning) asks(field string) bool {
	for _, f := range m.fields {
		if f.name == field {
			return true
		}
	}
	return false
}

// payloadSizes are what dsize asks for, as checks.
func (m *meaning) payloadSizes() []check {
	var out []check
	for _, f := range m.fields {
		if f.name == "dsize" {
			out = append(out, check{kind: aSize, size: f.span})
		}
	}
	return out
}

// ipOptions are options of IPv4, padded to four bytes (RFC 791 3.1).
var ipOptions = map[string][]byte{"rr": {7, 7, 4, 0, 0, 0, 0, 0}, "lsrr": {131, 7, 4, 10, 0, 0, 9, 0}, "eol": {0, 0, 0, 0}, "nop": {1, 1, 1, 0},
	"ts": {68, 8, 5, 0, 0, 0, 0, 0}, "ssrr": {137, 7, 4, 10, 0, 0, 9, 0}, "satid": {136, 4, 0, 1}, "rtralt": {148, 4, 0, 0}, "any": {148, 4, 0, 0},
	"sec": {130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}

func fragBitsHold(o *Option, bits int) bool {
	want, sign := 0, byte(0)
	if o.Neg {
		sign = '!'
	}
	for _, c := range strings.ToUpper(o.Value) {
		switch c {
		case 'M':
			want |= 1
		case 'D':
			want |= 2
		case 'R':
			want |= 4
		case '+', '*', '!':
			sign = byte(c)
		}
	}
	switch sign {
	case '+':
		return bits&want == want
	case '*':
		return bits&want != 0
	case '!':
		return bits&want == 0
	}
	return bits == want
}

var flagBits = map[rune]uint16{'F': packet.FIN, 'S': packet.SYN, 'R': packet.RST, 'P': packet.PSH, 'A': packet.ACK, 'U': packet.URG,
	'E': packet.ECE, 'C': packet.CWR, '2': packet.ECE, '1': packet.CWR}

// flagsHold reports whether the flags of a segment fit flags:….
func flagsHold(text string, f uint16) bool {
	want, skip, _ := strings.Cut(text, ",")
	sum := func(s string) (n uint16) {
		for _, c := range strings.ToUpper(s) {
			n |= flagBits[c]
		}
		return n
	}
	w := sum(want)
	f &^= sum(skip)
	switch {
	case strings.Contains(want, "+"):
		return f&w == w
	case strings.Contains(want, "*"):
		return f&w != 0
	case strings.Contains(want, "!"):
		return f&w != w
	}
	return f == w
}

// someFlags are flags that fit (or, for a twin, do not), usual ones if it can be.
func (m *meaning) someFlags(rng *rand.Rand) (int, bool) {
	usual := []uint16{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.PSH | packet.ACK, packet.FIN | packet.ACK, packet.RST, packet.RST | packet.ACK,
		0, packet.FIN, packet.FIN | packet.PSH | packet.URG, packet.SYN | packet.FIN}
	rng.Shuffle(len(usual), func(i, j int) { usual[i], usual[j] = usual[j], usual[i] })
	for f := range uint16(256) {
		usual = append(usual, f)
	}
	for _, f := range usual {
		if flagsHold(m.flags, f) != m.wrongFlags {
			return int(f), true
		}
	}
	return 0, false
}

// ipProto is the protocol that ip_proto asks for; 0: none in particular.
func (m *meaning) ipProto() (uint8, error) {
	o := m.rule.first("ip_proto")
	if o == nil {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(o.Value))
	if err != nil {
		known, ok := map[string]int{"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "pim": 103, "sctp": 132}[strings.ToLower(o.Value)]
		if !ok {
			return 0, impossible("ip_proto:%s", o.Value)
		}
		n = known
	}
	if o.Neg != m.wrongProto {
		n = map[bool]int{true: 17, false: 89}[n != 17]
	}
	return uint8(n), nil
}
