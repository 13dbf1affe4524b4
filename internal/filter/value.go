package filter

import (
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// value reads one address, number or name.
func (p *parser) value(q qualifiers) value {
	t := p.next()
	v := value{tok: t}
	switch t.kind {
	case tNum:
		v.num = t.num
	case tName:
	case tHID:
		v.num, v.bits = dotted(t)
		v.num <<= 32 - v.bits
		v.maskV = ^uint32(0) << (32 - v.bits)
		switch {
		case p.accept("/"):
			n := p.peek()
			v.mask = true
			if v.maskV = ^uint32(0) << (32 - min(p.number("a prefix length from 0 to 32"), 32)); n.num > 32 {
				fail(n.pos, "write 0 to 32", "an IPv4 prefix has at most 32 bits, not %s", n.text)
			}
		case p.accept("mask"):
			m := p.next()
			if m.kind != tHID {
				fail(m.pos, `write it as in "mask 255.255.0.0"`, "expected an IPv4 netmask, found %s", m.show())
			}
			n, b := dotted(m)
			v.mask, v.maskV = true, n<<(32-b)
		}
		if v.mask && v.num&^v.maskV != 0 {
			b := netip.AddrFrom4([4]byte{byte((v.num & v.maskV) >> 24), byte((v.num & v.maskV) >> 16), byte((v.num & v.maskV) >> 8), byte(v.num & v.maskV)})
			fail(t.pos, "the network is "+b.String(), "%s has bits set outside its mask", t.text)
		}
	case tHID6:
		v.v6, _ = netip.ParseAddr(t.text)
		v.bits = 128
		if p.accept("/") {
			n := p.peek()
			v.mask = true
			if v.bits = int(min(p.number("a prefix length from 0 to 128"), 129)); v.bits > 128 {
				fail(n.pos, "write 0 to 128", "an IPv6 prefix has at most 128 bits, not %s", n.text)
			}
			if m := netip.PrefixFrom(v.v6, v.bits).Masked(); m.Addr() != v.v6 {
				fail(t.pos, "the network is "+m.Addr().String(), "%s has bits set outside its prefix", t.text)
			}
		}
	case tEID:
		v.mac = macOf(t.text)
	default:
		p.missingValue(q, t)
	}
	if c := p.peek(); c.is("-") && (q.typ == aPort || q.typ == aPortRange) {
		fail(c.pos, `write the range without spaces: "portrange 80-90"`, "a port range is one word")
	}
	return v
}

// missingValue explains a token found where a value should stand.
func (p *parser) missingValue(q qualifiers, t token) {
	if t.kind == tWord {
		if q.typ == aProto {
			fail(t.pos, `write a backslash before it: "proto \`+t.text+`"`, "%q is a reserved word", t.text)
		}
		if why, ok := refusedWords[t.text]; ok {
			fail(t.pos, why, "libpcap knows %q; this subset does not", t.text)
		}
	}
	want := map[addrType]string{aDefault: "an address", aHost: "an address", aNet: "a network",
		aPort: "a port", aPortRange: "a port range such as 80-90", aProto: "a protocol number or name"}[q.typ]
	fail(t.pos, "write "+want, "%q wants %s, found %s", q.typ.String(), want, t.show())
}

// dotted reads two to four parts of at most 8 bits; the value is right
// justified, bits is 8 for each part.
func dotted(t token) (v uint32, bits int) {
	for _, s := range strings.Split(t.text, ".") {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			fail(t.pos, "each part is 0 to 255", "%q is not an IPv4 address", t.text)
		}
		v, bits = v<<8|uint32(n), bits+8
	}
	return v, bits
}

func macOf(s string) (mac [6]byte) {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ':' || r == '-' || r == '.' })
	n := 0
	for _, h := range parts {
		for len(h) > 0 && n < 6 {
			w := min(len(h), 2)
			b, _ := strconv.ParseUint(h[:w], 16, 8)
			mac[n] = byte(b)
			n, h = n+1, h[w:]
		}
	}
	return mac
}

// shortNet promotes a plain number in "net N": 10 means 10.0.0.0/8.
func shortNet(n uint32) (addr, mask uint32) {
	if n == 0 {
		return 0, ^uint32(0)
	}
	s := bits.LeadingZeros32(n) &^ 7
	return n << s, ^uint32(0) << s
}

// portOf resolves a port name or a decimal number.
func portOf(s string) (service, bool) {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil {
		return service{uint32(n), onBoth}, true
	}
	v, ok := services[s]
	return v, ok
}
