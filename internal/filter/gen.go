package filter

import "encoding/binary"

// gen turns the tree of the expression into tests, in text order.
type gen struct {
	link
	o      Options
	tagged bool // "vlan" was used
}

func (g *gen) expr(e *expr) *node {
	switch e.kind {
	case eAnd, eOr:
		// Long chains lean left; follow them without recursion.
		var chain []*expr
		for e.kind == eAnd || e.kind == eOr {
			chain = append(chain, e)
			e = e.l
		}
		n := g.expr(e)
		for i := len(chain) - 1; i >= 0; i-- {
			r := g.expr(chain[i].r)
			if chain[i].kind == eAnd {
				n = and(n, r)
			} else {
				n = or(n, r)
			}
		}
		return n
	case eNot:
		return not(g.expr(e.l))
	case eID:
		return g.id(e)
	case eProto:
		return g.abbrev(e.pos, e.q.proto, e.q.word)
	case eCast:
		return g.cast(e)
	case eLen:
		n := &node{kind: nTest, stmts: []stmt{{op: opLdLen}}, test: jge, k: e.num}
		if e.word == "less" {
			n.test = jgt
			return not(n)
		}
		return n
	case eByte:
		g.need(e.pos, `"byte"`)
		off := g.offset(e.pos, g.hdr, e.num)
		switch e.word {
		case "<":
			return not(cmp(jge, 1, off, e.num2))
		case ">":
			return cmp(jgt, 1, off, e.num2)
		}
		return cmp(jeq, 1, off, e.num2)
	case eVLAN:
		return g.vlan(e)
	case eMPLS:
		return g.mpls(e)
	case ePPPoES:
		return g.pppoes(e)
	case ePPPoED:
		return g.linkType(e.pos, etherPPPoED)
	case eInOut:
		return g.inOut(e)
	}
	return g.compare(e)
}

// abbrev tests for a bare protocol word.
func (g *gen) abbrev(pos int, p protocol, word string) *node {
	if v, ok := etherTypes[p]; ok {
		return g.linkType(pos, v)
	}
	if p == pICMP6 {
		return g.ip6Proto(pos, 58)
	}
	ip, ok := ipProtos[p]
	if !ok {
		fail(pos, `write "`+word+` host", "`+word+` proto" or "`+word+`[offset]"`, "%q alone is not a test", word)
	}
	n := g.ipProto(pos, ip.num)
	if ip.both {
		n = or(n, g.ip6Proto(pos, ip.num))
	}
	return n
}

func (g *gen) ipProto(pos int, v uint32) *node {
	return and(g.linkType(pos, etherIP), cmp(jeq, 1, g.payload()+9, v))
}

// ip6Proto looks at the next header, and past one fragment header (RFC 8200).
func (g *gen) ip6Proto(pos int, v uint32) *node {
	next := g.payload() + 6
	return and(g.linkType(pos, etherIP6),
		or(cmp(jeq, 1, next, v), and(cmp(jeq, 1, next, 44), cmp(jeq, 1, g.payload()+40, v))))
}

// id tests a qualified value.
func (g *gen) id(e *expr) *node {
	q, v := e.q, e.val
	switch q.typ {
	case aProto:
		return g.proto(e)
	case aPort, aPortRange:
		return g.portID(e)
	}
	switch v.tok.kind {
	case tEID:
		if q.proto != pLink || q.typ == aNet {
			fail(e.pos, `write "ether host", "ether src" or "ether dst" before it`, "a MAC address needs the word ether")
		}
		if g.kind != lkEthernet {
			fail(e.pos, "filter on IP addresses instead", "there are no Ethernet addresses on %s", g.name)
		}
		return direct(q.dir, bytes6(g.hdr+6, v.mac), bytes6(g.hdr, v.mac))
	case tName:
		g.refuseName(e)
	case tHID6:
		return g.host6(e)
	}
	addr, mask := v.num, ^uint32(0)
	switch {
	case v.tok.kind == tHID:
		mask = v.maskV
		if v.mask && q.typ != aNet {
			fail(e.pos, `write "net" before it`, "a mask belongs to a network, not to a host")
		}
	case q.typ == aNet:
		addr, mask = shortNet(v.num)
	}
	return g.host4(e, addr, mask)
}

func (g *gen) refuseName(e *expr) {
	name := e.val.tok.text
	if e.q.typ == aNet {
		fail(e.pos, `write it as in "net 10.0.0.0/8"`, "network names are not looked up, so %q means nothing here", name)
	}
	if e.q.proto == pLink {
		fail(e.pos, "write the MAC address", "names of stations are not looked up, so %q means nothing here", name)
	}
	fail(e.pos, "write the address in numbers", "host names are not looked up, so %q means nothing here", name)
}

// direct combines the source and destination forms of one test.
func direct(d direction, src, dst *node) *node {
	switch d {
	case dSrc:
		return src
	case dDst:
		return dst
	case dBoth:
		return and(src, dst)
	}
	return or(src, dst)
}

func (g *gen) host4(e *expr, addr, mask uint32) *node {
	at := func(etherType, src, dst uint32) *node {
		return and(g.linkType(e.pos, etherType), direct(e.q.dir,
			masked(4, g.payload()+src, addr, mask), masked(4, g.payload()+dst, addr, mask)))
	}
	switch e.q.proto {
	case pNone:
		n := at(etherIP, 12, 16)
		if g.labels == 0 {
			n = or(or(n, at(etherARP, 14, 24)), at(etherRARP, 14, 24))
		}
		return n
	case pIP:
		return at(etherIP, 12, 16)
	case pARP:
		return at(etherARP, 14, 24)
	case pRARP:
		return at(etherRARP, 14, 24)
	case pIP6:
		fail(e.pos, "write an IPv6 address", "an IPv4 address cannot follow ip6")
	case pLink:
		fail(e.pos, "leave ether out or write a MAC address", "an IPv4 address cannot follow %s", e.q.word)
	}
	fail(e.q.pos, `write "`+e.q.word+` and host ..."`, "%q does not go with a host or a net", e.q.word)
	return nil
}

func (g *gen) host6(e *expr) *node {
	if e.val.mask && e.val.bits != 128 && e.q.typ != aNet {
		fail(e.pos, `write "net" before it`, "a prefix length belongs to a network, not to a host")
	}
	switch e.q.proto {
	case pNone, pIP6:
	case pIP, pARP, pRARP:
		fail(e.pos, "write an IPv4 address", "an IPv6 address cannot follow %s", e.q.word)
	case pLink:
		fail(e.pos, "leave ether out or write a MAC address", "an IPv6 address cannot follow %s", e.q.word)
	default:
		fail(e.q.pos, `write "`+e.q.word+` and host ..."`, "%q does not go with a host or a net", e.q.word)
	}
	a := e.val.v6.As16()
	words := func(off uint32) *node {
		n := alwaysTrue
		for i := 0; i < 4; i++ {
			m := ^uint32(0)
			if keep := e.val.bits - 32*i; keep <= 0 {
				m = 0
			} else if keep < 32 {
				m <<= 32 - keep
			}
			n = and(n, masked(4, g.payload()+off+4*uint32(i), binary.BigEndian.Uint32(a[4*i:]), m))
		}
		return n
	}
	return and(g.linkType(e.pos, etherIP6), direct(e.q.dir, words(8), words(24)))
}

// proto tests "proto V" under a protocol word.
func (g *gen) proto(e *expr) *node {
	q, v, name := e.q, e.val.num, e.val.tok.text
	if q.dired {
		fail(q.pos, `leave src and dst out`, `"proto" has no direction`)
	}
	switch e.val.tok.kind {
	case tNum:
	case tName:
		table, try := protoNames, "write its IP protocol number"
		if q.proto == pLink {
			table, try = etherNames, "write its EtherType, as in 0x88cc for LLDP"
		}
		var ok bool
		if v, ok = table[name]; !ok {
			fail(e.pos, try, "%q is not a protocol name this package knows", name)
		}
	default:
		fail(e.pos, "write a number or a name", `an address cannot follow "proto"`)
	}
	switch q.proto {
	case pNone:
		return or(g.ipProto(e.pos, v), g.ip6Proto(e.pos, v))
	case pIP:
		return g.ipProto(e.pos, v)
	case pIP6:
		return g.ip6Proto(e.pos, v)
	case pLink:
		return g.linkType(e.pos, v)
	}
	fail(q.pos, `use "ip proto", "ip6 proto" or "ether proto"`, `"%s proto" means nothing`, q.word)
	return nil
}

func (g *gen) cast(e *expr) *node {
	multi := e.word == "multicast"
	switch e.q.proto {
	case pNone, pLink:
		if g.kind != lkEthernet {
			fail(e.pos, `try "ip `+e.word+`"`, "there are no Ethernet addresses on %s", g.name)
		}
		if multi {
			return cmp(jset, 1, g.hdr, 1)
		}
		return bytes6(g.hdr, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	case pIP:
		ip := g.linkType(e.pos, etherIP)
		if multi {
			return and(ip, cmp(jge, 1, g.payload()+16, 224))
		}
		hosts := ^g.o.Netmask
		return and(ip, or(masked(4, g.payload()+16, 0, hosts), masked(4, g.payload()+16, hosts, hosts)))
	case pIP6:
		if multi {
			return and(g.linkType(e.pos, etherIP6), cmp(jeq, 1, g.payload()+24, 255))
		}
	}
	fail(e.pos, `try "ether `+e.word+`" or "ip `+e.word+`"`, `"%s %s" means nothing`, e.q.word, e.word)
	return nil
}

// inOut tests the direction the kernel recorded in a cooked header.
func (g *gen) inOut(e *expr) *node {
	const outgoing = 4 // PACKET_OUTGOING of packet(7)
	var n *node
	switch g.kind {
	case lkSLL:
		n = cmp(jeq, 2, g.hdr, outgoing)
	case lkSLL2:
		n = cmp(jeq, 1, g.hdr+10, outgoing)
	default:
		fail(e.pos, "filter on the MAC or IP address of this machine", "packets on %s do not record their direction", g.name)
	}
	if e.word == "inbound" {
		return not(n)
	}
	return n
}
