package scan

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// technique is how a door was tried.
type technique uint8

const (
	synScan technique = iota
	finScan
	nullScan
	xmasScan
	maimonScan
	ackScan
	udpScan
	pingScan
	protoScan
	numTechniques
)

var techniqueNames = [numTechniques]string{"SYN", "FIN", "NULL", "Xmas", "Maimon (FIN with ACK)", "ACK", "UDP", "ICMP echo", "IP protocol"}

// outcome is how a try ended.
type outcome uint8

const (
	undecided outcome = iota
	answered
	refused     // a reset, or an ICMP error
	unanswered  // silence
	backscatter // not a try: an answer to somebody who used the address of this end
)

// contact is one try to open a door.
type contact struct {
	source event.End
	to     door
	how    technique
	result outcome
	side   *event.Side // of the source
	flow   *event.Flow
	sum    uint32 // of the door; host is that of its machine
	host   uint32
}

// name works out the sums, once for all that ask for them.
func (c *contact) name() {
	machine := sumAddr(&c.to.addr)
	c.sum, c.host = c.to.sumAt(machine), uint32(machine>>32)
}

// door is what can be open: a port, a protocol of a machine, or the machine itself (ICMP echo).
type door struct {
	addr  packet.Addr
	port  uint16
	proto uint8
}

// sum is the door's place in sets: collisions only make a count smaller by one.
func (x *door) sum() uint32 { return x.sumAt(sumAddr(&x.addr)) }

// sumAt is the sum of a door where that of its machine is known.
func (x *door) sumAt(machine uint64) uint32 {
	h := machine ^ uint64(x.port)<<8 ^ uint64(x.proto)
	h *= 0xff51afd7ed558ccd
	return uint32(h >> 32)
}

// sumAddr is FNV-1a with its halves folded. What all IPv4 addresses begin with is summed up beforehand: each byte waits for the
// one before (2026-11-30).
func sumAddr(a *packet.Addr) uint64 {
	if a.Is4() {
		h := four
		h = (h ^ uint64(a[12])) * fnvPrime
		h = (h ^ uint64(a[13])) * fnvPrime
		h = (h ^ uint64(a[14])) * fnvPrime
		h = (h ^ uint64(a[15])) * fnvPrime
		return h ^ h>>29
	}
	h := fnv(a[:])
	return h ^ h>>29
}

const fnvPrime = 0x100000001b3

// four is the sum of the bytes before an IPv4 address.
var four = func() uint64 {
	a := packet.MustAddr("0.0.0.0")
	return fnv(a[:12])
}()

func fnv(b []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, x := range b {
		h = (h ^ uint64(x)) * fnvPrime
	}
	return h
}

// leastSilence is how long nothing must have come back: what a capture ends before stays undecided.
const leastSilence = event.SilenceAfter

// read tells what a flow event says about a try; ok is false when it says nothing.
func read(f *event.Flow, now packet.Time) (c contact, ok bool) {
	h := f.Head()
	c = contact{source: h.Client, to: door{h.Server.Addr, h.Server.Port, h.Proto}, side: &f.Sides[packet.ToServer], flow: f}
	if f.OneSided && !f.Sides[packet.ToClient].SYNSeen || noTarget(h.Server.Addr) {
		return c, false
	}
	back := &f.Sides[packet.ToClient]
	switch h.Proto {
	case packet.ProtoTCP:
		if f.SYNTries > 0 {
			c.how = synScan
			c.result = tcpResult(f, now)
			return c, c.result != undecided
		}
		return stealth(c, f, now)
	case packet.ProtoUDP:
		if h.Server.Port >= tracePort && h.Server.Port < tracePort+tracePorts {
			return c, false // traceroute wants a closed port
		}
		if replies(h.Client.Port, h.Server.Port) {
			return c, false
		}
		c.how = udpScan
	case packet.ProtoICMP, packet.ProtoICMPv6:
		if h.Client.Port == 0 {
			return c, false // no identifier: not a query (echo, timestamp)
		}
		c.how, c.to.port = pingScan, 0
	default:
		c.how, c.to.port = protoScan, 0
	}
	switch {
	case back.Packets > 0:
		c.result = answered
	case unreachable(f):
		c.result = refused
	case f.What == event.Ended && c.side.Packets > 0 && waited(f, now):
		c.result = unanswered
	}
	return c, c.result != undecided
}

const (
	// Traceroute numbers its probes from this port on.
	tracePort  = 33434
	tracePorts = 256
)

// replies reports a datagram that looks like an answer: from the port of a service to one that is none. So are a DHCP
// server's messages to a client (RFC 2131 4.1, RFC 8415 7.2), which no question of their own flow precedes, and what the
// name server of a capture without questions sends. Who searches from such a port goes to ports of services as well.
func replies(from, to uint16) bool {
	const services = 1024
	return from == 67 && to == 68 || from == 547 && to == 546 || from != 0 && from < services && to >= services
}

func tcpResult(f *event.Flow, now packet.Time) outcome {
	switch {
	case !f.Marks[event.MarkSYNACK].IsZero():
		return answered
	case f.What == event.Refused, !f.Marks[event.MarkServerRST].IsZero(), unreachable(f):
		return refused
	case f.Sides[packet.ToClient].Packets > 0:
		return undecided // a stale acknowledgement and the like
	case f.What == event.Silent, f.What == event.Ended && waited(f, now):
		return unanswered
	}
	return undecided
}

// waited reports that an answer had time to come.
func waited(f *event.Flow, now packet.Time) bool {
	return f.End != event.EndEvicted && max(now, f.Last.Time).Sub(f.Start.Time) >= leastSilence
}

// stealth reads a flow that began without a SYN: a probe with other flags, or the answer to somebody else's.
func stealth(c contact, f *event.Flow, now packet.Time) (contact, bool) {
	if f.What != event.Ended {
		return c, false
	}
	h := f.Head()
	me, other := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	// Roles were guessed from the ports: who sends anything but a reset is the one who asks.
	if me.Packets == 0 || me.Flags&packet.RST != 0 && other.Packets > 0 && other.Flags&packet.RST == 0 {
		me, other = other, me
		c.source, c.to = h.Server, door{h.Client.Addr, h.Client.Port, h.Proto}
		c.side = me
	}
	if me.Packets == 0 || me.Payload > 0 || other.Payload > 0 || other.Packets > 0 && other.Flags&packet.RST == 0 {
		return c, false // a conversation
	}
	switch me.Flags &^ (packet.ECE | packet.CWR) {
	case packet.SYN | packet.ACK, packet.RST, packet.RST | packet.ACK, packet.SYN | packet.ACK | packet.RST:
		c.result = backscatter
		return c, other.Packets == 0
	case packet.FIN:
		c.how = finScan
	case 0:
		c.how = nullScan
	case packet.FIN | packet.PSH | packet.URG:
		c.how = xmasScan
	case packet.FIN | packet.ACK:
		c.how = maimonScan
	case packet.ACK:
		c.how = ackScan
	default:
		return c, false
	}
	if me.Packets > 2 {
		return c, false // keep-alives, a close that is tried again and again
	}
	switch {
	case other.Packets > 0, unreachable(f):
		c.result = refused
	case waited(f, now):
		c.result = unanswered
	}
	return c, c.result != undecided
}

// unreachable reports an ICMP error that ends a try.
func unreachable(f *event.Flow) bool {
	if f.Marks[event.MarkICMP].IsZero() {
		return false
	}
	if f.Head().Server.Addr.Is4() {
		return f.ICMPType == 3 && f.ICMPCode != 4
	}
	return f.ICMPType == 1
}

// noTarget reports addresses of many machines, or of none.
func noTarget(a packet.Addr) bool {
	if a.Is4() {
		return a[12] >= 224 || a[12] == 0
	}
	return a[0] == 0xff || a.IsZero()
}
