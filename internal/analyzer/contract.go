package analyzer

import (
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Transport is what a protocol runs over. The zero Transport is not valid.
type Transport struct {
	layer  layer
	number uint16
}

type layer uint8

const (
	layerEther layer = iota + 1
	layerIP
)

// TCP and UDP are flows; their analyzers are found by probing.
var (
	TCP = IP(packet.ProtoTCP)
	UDP = IP(packet.ProtoUDP)
)

// IP is the payload of IP packets of protocol n. Other than TCP and UDP it needs no flow: one analyzer per shard sees
// all of them.
func IP(n uint8) Transport { return Transport{layerIP, uint16(n)} }

// Ether is the payload of link frames of EtherType n; one analyzer per shard sees all of them.
func Ether(n uint16) Transport { return Transport{layerEther, n} }

// String returns "tcp", "udp", "ip:50" or "ether:0806".
func (t Transport) String() string {
	switch {
	case t == TCP:
		return "tcp"
	case t == UDP:
		return "udp"
	case t.layer == layerIP:
		return "ip:" + strconv.Itoa(int(t.number))
	}
	h := strconv.FormatUint(uint64(t.number), 16)
	return "ether:" + "0000"[:4-len(h)] + h
}

// Answer is what a probe thinks of the first bytes of a direction.
type Answer uint8

// Answers. Yes and No are final: more bytes must not change them.
const (
	More Answer = iota // too short to tell
	Yes
	No
)

// Options is what an analyzer gets when it is made.
type Options struct {
	kinds    map[string]event.Kind
	settings map[string]int64
}

// Setting returns a number that whoever made the registry chose (Registry.Set), by its name; unset if none was.
func (o Options) Setting(name string, unset int64) int64 {
	if v, ok := o.settings[name]; ok {
		return v
	}
	return unset
}

// Kind returns the number of an event kind by its name in Def.Kinds; 0 if no Def names it.
func (o Options) Kind(name string) event.Kind { return o.kinds[name] }

// Def is a protocol as the list in internal/standard names it.
type Def struct {
	Name  string // folder name
	App   string // its word in EVE's app_proto where that is not Name
	Over  []Transport
	Ports []uint16 // TCP and UDP: who is asked first; never a verdict
	// Probe looks at the first bytes that travelled d: at most ProbeLimit bytes of a stream, or one datagram. It is
	// pure. Only TCP and UDP are probed.
	Probe func(d packet.Dir, b []byte) Answer
	// Series recognises flows of UDP that no single datagram tells; nil: none. It is asked once no Probe may say Yes.
	Series *Series
	Kinds  []string // names of the event kinds that it emits; when nobody wants one of them, the protocol rests
	// Names are those of Kinds whose events name addresses (event.Namer): they are always wanted.
	Names []string
	// Closed has event.Closed made for connections that speak it, or began with it: who follows them waits for that.
	Closed bool
	// Stream serves TCP, Message everything else. A Def needs those that its Over asks for, and no other.
	Stream  func(Options) (StreamAnalyzer, error)
	Message func(Options) (MessageAnalyzer, error)
}

// StreamAnalyzer reads one TCP connection. Its direction is settled before the first call. b is lent for the call and
// overwritten afterwards: copy what you keep. Results must not depend on how the bytes are cut into calls.
type StreamAnalyzer interface {
	Data(c *Context, d packet.Dir, b []byte)
	// Gap says that the next n bytes of d are missing.
	Gap(c *Context, d packet.Dir, n uint64)
	// Close ends direction d; nothing follows for it.
	Close(c *Context, d packet.Dir, why stream.End)
	// Reset makes the analyzer as new, for another flow.
	Reset()
}

// MessageAnalyzer reads the datagrams of one UDP flow, or all packets of another transport in a shard. b is lent as in
// StreamAnalyzer.
type MessageAnalyzer interface {
	Message(c *Context, d packet.Dir, b []byte)
	// Close ends the UDP flow. Other transports have no end.
	Close(c *Context, why event.EndReason)
	// Reset makes the analyzer as new, for another flow.
	Reset()
}

// Holder is what a reader is that keeps bytes of its flow from call to call. Held is asked after each call: how many
// bytes it keeps beside its own struct, by what its buffers have room for. When the readers of a shard keep more
// together than --max-memory allows them, those that were longest without a packet are told that their flow is over
// (stream.EndEvicted, event.EndEvicted), are reset and read no more of it; that is counted, and fails G-TABLE. A
// MessageAnalyzer that is no Holder is dropped without a word instead, and made anew for the flow's next datagram.
type Holder interface{ Held() int }
