package filter

import "net/netip"

type direction uint8

const (
	dAny direction = iota // src or dst
	dSrc
	dDst
	dBoth // src and dst
)

type addrType uint8

const (
	aDefault addrType = iota
	aHost
	aNet
	aPort
	aPortRange
	aProto
)

func (a addrType) String() string {
	return [...]string{"host", "host", "net", "port", "portrange", "proto"}[a]
}

// qualifiers stand before an id; an id after and/or repeats the last ones.
type qualifiers struct {
	ok    bool // false: nothing to repeat
	proto protocol
	word  string // proto as written
	dir   direction
	dired bool // a direction was written
	typ   addrType
	pos   int
}

type exprKind uint8

const (
	eAnd exprKind = iota
	eOr
	eNot
	eID      // qualifiers and a value
	eProto   // a bare protocol word
	eCast    // broadcast, multicast: word
	eLen     // less, greater: word, num
	eByte    // byte num word num2
	eVLAN    // vlan, mpls, pppoes: num if hasNum
	eMPLS    //
	ePPPoES  //
	ePPPoED  //
	eInOut   // inbound, outbound: word
	eCompare // a0 word a1
)

// expr is one node of the boolean tree. The generator walks it in text order,
// because vlan, mpls and pppoes change what follows them.
type expr struct {
	kind   exprKind
	l, r   *expr
	pos    int
	q      qualifiers
	val    value
	word   string
	num    uint32
	num2   uint32
	hasNum bool
	a0, a1 *arith
}

// value is what an id says.
type value struct {
	tok   token
	num   uint32     // tNum; IPv4 address of a tHID, left justified
	bits  int        // tHID: bits written or masked
	mask  bool       // a mask or a prefix length was written
	v6    netip.Addr // tHID6
	maskV uint32     // tHID: netmask
	mac   [6]byte    // tEID
}

// arith is a number computed from the packet.
type arith struct {
	op    string // "num", "len", "neg", "load", or a binary operator
	pos   int
	num   uint32 // num; load: size
	proto protocol
	word  string
	l, r  *arith // load: l is the offset
}
