package filter

import (
	"fmt"
	"math/bits"
)

// EtherTypes and 802.2 service access points that get their own treatment.
const (
	etherIP     = 0x0800
	etherARP    = 0x0806
	etherRARP   = 0x8035
	etherIP6    = 0x86dd
	etherATalk  = 0x809b
	etherAARP   = 0x80f3
	etherIPX    = 0x8137
	etherMPLS   = 0x8847
	etherPPPoED = 0x8863
	etherPPPoES = 0x8864

	etherMaxLen = 1500 // a type field up to this is an 802.3 length

	sapIP      = 0x06
	sapSTP     = 0x42
	sapIPX     = 0xe0
	sapNetBEUI = 0xf0
	sapISO     = 0xfe
)

type linkKind uint8

const (
	lkNone linkKind = iota // header not understood: only lengths can be tested
	lkEthernet
	lkRaw    // IPv4 or IPv6 without a header
	lkRaw4   // IPv4 only
	lkRaw6   // IPv6 only
	lkFamily // BSD loopback: 4 bytes of address family
	lkSLL
	lkSLL2
	lkPPP
)

// link is where things are in the packet at one point of the expression.
// vlan, mpls and pppoes move it.
type link struct {
	kind    linkKind
	name    string
	hdr     uint32 // link-layer header
	typ     uint32 // type field
	pl      uint32 // payload of the link layer
	nl      uint32 // network layer, counted from pl
	labels  int    // MPLS labels passed
	swapped bool   // address family is little-endian (lkFamily)
}

// linkOf gives the layout for a LINKTYPE number of the tcpdump.org registry.
// Twelve and fourteen are raw IP written by BSD systems.
func linkOf(lt uint16, o Options) link {
	switch lt {
	case 1:
		return link{kind: lkEthernet, name: "Ethernet", typ: 12, pl: 14}
	case 101, 12, 14:
		return link{kind: lkRaw, name: "raw IP"}
	case 228:
		return link{kind: lkRaw4, name: "raw IPv4"}
	case 229:
		return link{kind: lkRaw6, name: "raw IPv6"}
	case 0:
		return link{kind: lkFamily, name: "BSD loopback", pl: 4, swapped: !o.BigEndianNull}
	case 108:
		return link{kind: lkFamily, name: "OpenBSD loopback", pl: 4}
	case 113:
		return link{kind: lkSLL, name: "Linux cooked v1", typ: 14, pl: 16}
	case 276:
		return link{kind: lkSLL2, name: "Linux cooked v2", typ: 0, pl: 20}
	case 9:
		return link{kind: lkPPP, name: "PPP", typ: 2, pl: 4}
	}
	return link{kind: lkNone, name: fmt.Sprintf("link type %d", lt)}
}

// payload gives the offset of the network-layer header.
func (l *link) payload() uint32 { return l.pl + l.nl }

// need refuses a primitive on a link whose header is not understood.
func (g *gen) need(pos int, what string) {
	if g.kind == lkNone {
		fail(pos, `on this link only "len", "less" and "greater" work; convert the capture to Ethernet or raw IP`,
			"%s needs the link header, and the header of %s is not understood", what, g.name)
	}
}

// linkType tests for the protocol the link header announces.
func (g *gen) linkType(pos int, v uint32) *node {
	g.need(pos, "this test")
	if g.labels > 0 {
		return g.underMPLS(pos, v)
	}
	switch g.kind {
	case lkEthernet:
		return g.etherType(v)
	case lkSLL:
		return g.cookedType(v)
	case lkPPP:
		return cmp(jeq, 2, g.typ, pppType(v))
	case lkRaw:
		switch v {
		case etherIP:
			return masked(1, g.hdr, 0x40, 0xf0)
		case etherIP6:
			return masked(1, g.hdr, 0x60, 0xf0)
		}
		return alwaysFalse
	case lkRaw4:
		return constant(v == etherIP)
	case lkRaw6:
		return constant(v == etherIP6)
	case lkFamily:
		switch v {
		case etherIP:
			return g.family(2)
		case etherIP6: // the BSDs and Darwin each chose their own number
			return or(or(g.family(30), g.family(24)), g.family(28))
		}
		return alwaysFalse
	}
	return cmp(jeq, 2, g.typ, v)
}

func (g *gen) family(af uint32) *node {
	if g.swapped {
		af = bits.ReverseBytes32(af)
	}
	return cmp(jeq, 4, g.typ, af)
}

// underMPLS guesses the payload of a label stack: bottom of stack, and the
// version in the first four bits (RFC 3032 names no type field).
func (g *gen) underMPLS(pos int, v uint32) *node {
	bottom := masked(1, g.payload()-2, 1, 1)
	switch v {
	case etherIP:
		return and(bottom, masked(1, g.payload(), 0x40, 0xf0))
	case etherIP6:
		return and(bottom, masked(1, g.payload(), 0x60, 0xf0))
	}
	fail(pos, `after "mpls" only IPv4 and IPv6 can be told apart`, "MPLS does not say which protocol it carries")
	return nil
}

// snap matches an 802.2 SNAP header of the given organisation.
func (g *gen) snap(org, v uint32) *node {
	return and(cmp(jeq, 4, g.pl+4, org<<16|v), cmp(jeq, 4, g.pl, 0xaaaa0300|org>>16))
}

func (g *gen) snapOrg(v uint32) uint32 {
	if v == etherATalk {
		return 0x080007
	}
	return 0
}

// llcType matches what follows once the frame is known to carry 802.2.
func (g *gen) llcType(v uint32) *node {
	switch v {
	case sapISO, sapIP, sapNetBEUI:
		return cmp(jeq, 2, g.pl, v<<8|v)
	case etherATalk, etherAARP:
		return g.snap(g.snapOrg(v), v)
	}
	return cmp(jeq, 1, g.pl, v)
}

func (g *gen) etherType(v uint32) *node {
	llc := not(cmp(jgt, 2, g.typ, etherMaxLen))
	switch {
	case v == sapIPX: // EtherType, SNAP, 802.2, or bare on 802.3
		bare := or(cmp(jeq, 1, g.pl, sapIPX), cmp(jeq, 2, g.pl, 0xffff))
		return or(cmp(jeq, 2, g.typ, etherIPX), and(llc, or(g.snap(0, etherIPX), bare)))
	case v == etherATalk || v == etherAARP:
		return or(cmp(jeq, 2, g.typ, v), and(llc, g.llcType(v)))
	case v <= etherMaxLen:
		return and(llc, g.llcType(v))
	}
	return cmp(jeq, 2, g.typ, v)
}

// cookedType is etherType on Linux cooked v1, where 1 stands for bare 802.3
// and 4 for 802.2.
func (g *gen) cookedType(v uint32) *node {
	llc := cmp(jeq, 2, g.typ, 4)
	switch {
	case v == sapIPX:
		inLLC := or(cmp(jeq, 1, g.pl, sapIPX), g.snap(0, etherIPX))
		return or(cmp(jeq, 2, g.typ, etherIPX), or(cmp(jeq, 2, g.typ, 1), and(llc, inLLC)))
	case v == etherATalk || v == etherAARP:
		return or(cmp(jeq, 2, g.typ, v), and(llc, g.llcType(v)))
	case v <= etherMaxLen:
		return and(llc, g.llcType(v))
	}
	return cmp(jeq, 2, g.typ, v)
}

// pppType maps EtherTypes to PPP protocol numbers (IANA ppp-numbers).
func pppType(v uint32) uint32 {
	switch v {
	case etherIP:
		return 0x0021
	case etherIP6:
		return 0x0057
	case 0x6003:
		return 0x0027
	case etherATalk:
		return 0x0029
	case 0x0600:
		return 0x0025
	case sapISO:
		return 0x0023
	case sapSTP:
		return 0x0031
	case sapIPX:
		return 0x002b
	}
	return v
}

// vlan tests for a tag (802.1Q, 802.1ad and the older 0x9100) and moves past
// it.
func (g *gen) vlan(e *expr) *node {
	if g.labels > 0 {
		fail(e.pos, `write "vlan" before "mpls"`, "a VLAN tag cannot be found inside MPLS")
	}
	if g.kind != lkEthernet {
		fail(e.pos, `leave "vlan" out`, "there are no VLAN tags on %s", g.name)
	}
	if e.num > 0xfff && e.hasNum {
		fail(e.pos, "write 0 to 4095", "the VLAN number %d is greater than 4095", e.num)
	}
	n := or(or(cmp(jeq, 2, g.typ, 0x8100), cmp(jeq, 2, g.typ, 0x88a8)), cmp(jeq, 2, g.typ, 0x9100))
	if e.hasNum {
		n = and(n, masked(2, g.payload(), e.num, 0xfff))
	}
	g.tagged = true
	g.typ += 4
	g.pl += 4
	return n
}

// mpls tests for one label (RFC 3032) and moves past it.
func (g *gen) mpls(e *expr) *node {
	var n *node
	switch {
	case g.labels > 0:
		n = masked(1, g.payload()-2, 0, 1)
	case g.kind == lkEthernet:
		n = cmp(jeq, 2, g.typ, etherMPLS)
	case g.kind == lkPPP:
		n = cmp(jeq, 2, g.typ, 0x0281)
	default:
		fail(e.pos, `leave "mpls" out`, "MPLS cannot be found on %s", g.name)
	}
	if e.hasNum {
		if e.num > 0xfffff {
			fail(e.pos, "write 0 to 1048575", "the MPLS label %d is greater than 1048575", e.num)
		}
		n = and(n, masked(4, g.payload(), e.num<<12, 0xfffff000))
	}
	g.nl += 4
	g.labels++
	return n
}

// pppoes tests for a PPPoE session (RFC 2516) and moves to the PPP header.
func (g *gen) pppoes(e *expr) *node {
	n := g.linkType(e.pos, etherPPPoES)
	if e.hasNum {
		if e.num > 0xffff {
			fail(e.pos, "write 0 to 65535", "the PPPoE session %d is greater than 65535", e.num)
		}
		n = and(n, masked(4, g.payload(), e.num, 0xffff))
	}
	g.hdr = g.payload() + 6
	g.typ, g.pl, g.nl = g.hdr, g.hdr+2, 0
	g.kind, g.name = lkPPP, "PPP"
	return n
}
