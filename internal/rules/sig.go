package rules

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// sig is a compiled rule. It never changes after Compile and is shared by all workers.
type sig struct {
	rule   *lang.Rule
	info   *event.RuleInfo
	number int // place in Set.sigs: the order in which rules are applied

	proto  protocols
	src    *lang.AddrSet
	dst    *lang.AddrSet
	sport  *lang.PortSet
	dport  *lang.PortSet
	both   bool     // <>
	twoWay bool     // =>: about a request and its answer
	app    string   // the application protocol that the header names, in EVE's word; empty: none
	apps   []string // protocols that app-layer-protocol names
	action lang.Action

	conds   []cond      // of the packet: header fields, sizes, anomalies
	asked   []asked     // what they ask, in the same order
	flow    flowReq     // flow:…
	bits    []bitOp     // flowbits, in order
	payload []check     // contents of the payload, in order
	parts   []part      // contents of parts of an event; with them there is no payload
	sizes   []sizeRange // dsize: of the packet's payload
	flags   []flagTest  // flags
	packet  bool        // payload is that of packets
	stream  bool        // payload is that of the stream
	limit   *limits     // nil: every match alerts
	tag     *tagging    // what is kept of the connection after an alert; nil: nothing
	hosts   []hostTag   // what is kept of hosts after an alert
	noalert bool
	pieces  bool     // fragbits, fragoffset or an event of decoding: fragments are shown to it
	sums    bool     // a checksum of TCP, UDP or ICMP: packets with wrong ones are shown to it
	keeps   bool     // filestore: the file that matched is kept
	mutes   bool     // config: it switches records off
	scoped  bool     // it keeps files of a transaction or a connection
	effects []effect // what a match does to the state of the shard
	late    []lateOp // what only the border can decide
	// wholePacket: a condition reads the packet's bytes.
	wholePacket                    bool
	intClass, hostClass, textClass classes // of its flowint, of its xbits and hostbits, of what expressions caught

	frame  string // the part that is a frame, and the only one; empty: none
	by     *check // the content by which the rule is found; nil: there is none
	odd    bool   // it asks for something odd that decoding, reassembly or a connection's state found
	named  bool   // it asks which protocol is spoken (app-layer-protocol)
	hasty  bool   // and whether that is not known so far
	once   bool   // and for nothing else (namesOnly)
	placed bool   // a content counts from the begin of the payload
	narrow bool   // it is found by its addresses (Set.ends)

	approximate string // how it runs if not as Suricata has it; empty: it does
	never       bool   // it cannot fire
}

// protocols is a set of IP protocols; the zero value holds none.
type protocols [4]uint64

func (s *protocols) add(n uint8)      { s[n>>6] |= 1 << (n & 63) }
func (s *protocols) has(n uint8) bool { return s[n>>6]>>(n&63)&1 != 0 }

func (s *protocols) all() {
	for i := range s {
		s[i] = ^uint64(0)
	}
}

// flowReq is what flow:… asks for.
type flowReq struct {
	given                       bool
	toServer, toClient          bool
	established, notEstablished bool
	stateless                   bool
	onlyStream, noStream        bool
	onlyFrag, noFrag            bool
}

// cond is a condition on the packet at hand.
type cond func(x *inspection) bool

// effect is what a match does.
type effect func(x *inspection)

// inspection is one packet on its way through the rules.
type inspection struct {
	p    *packet.Packet
	dir  packet.Dir
	flow *flowState
	est  bool // the connection is established
	// alone says that the bytes of a flow of TCP come in packets, not as a stream.
	alone bool
	app   string // its protocol, empty while that is not known
	// settled: app is known, or will never be.
	settled bool
	odd     []event.Event // those of the packet so far
	// est and app are only asked for when a rule is gone through: known says that they were.
	known bool
	m     matcher
	e     *Engine
	parts event.Parts // at hand; nil: none
	tx    int64       // of the part at hand, -1: none
	index uint32      // of the flow; 0: none
	texts []captured  // what rules caught in the packet
}

// counts are those of the flow at hand.
func (x *inspection) counts() event.AlertFlow { return x.e.flows.Counts(x.index) }

// flagTest is flags:…
type flagTest struct {
	mask, set uint16
	sign      byte // + * ! or 0
}

func (t *flagTest) has(p *packet.Packet) bool {
	f := p.TCPFlags & t.mask
	switch t.sign {
	case '+':
		return f&t.set == t.set
	case '*':
		return f&t.set != 0
	case '!':
		return f&t.set != t.set
	}
	return f == t.set
}

// quick reports whether a packet has the protocol and the flags that the rule wants.
func (s *sig) quick(p *packet.Packet) bool {
	if !s.proto.has(p.Proto) {
		return false
	}
	for i := range s.flags {
		if !onTCP(p) || !s.flags[i].has(p) {
			return false
		}
	}
	return true
}

// header reports whether the rule's header fits x.
func (s *sig) header(x *inspection) bool {
	p := x.p
	if !s.proto.has(p.Proto) {
		return false
	}
	return s.endsFit(x)
}

// endsFit reports whether addresses and ports are the rule's.
func (s *sig) endsFit(x *inspection) bool {
	if s.twoWay && x.dir == packet.ToClient { // the header is that of the request
		return s.reversed(x.p)
	}
	return s.ends(x.p) || s.both && s.reversed(x.p)
}

func (s *sig) ends(p *packet.Packet) bool {
	return s.sport.Has(p.SrcPort) && s.dport.Has(p.DstPort) && s.src.Has(&p.Src) && s.dst.Has(&p.Dst)
}

func (s *sig) reversed(p *packet.Packet) bool {
	return s.sport.Has(p.DstPort) && s.dport.Has(p.SrcPort) && s.src.Has(&p.Dst) && s.dst.Has(&p.Src)
}
