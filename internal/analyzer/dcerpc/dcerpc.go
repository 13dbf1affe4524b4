// Package dcerpc reads DCE/RPC (The Open Group C706, [MS-RPCE]): remote procedure calls of Windows, connectionless over
// UDP and connection-oriented over TCP.
package dcerpc

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kinds of events.
const (
	KindCall  = "dcerpc"
	KindPopup = "messenger"
)

// Def is the protocol as a list of analyzers names it. Its ports: the endpoint mapper, and those where the Messenger
// service of Windows answers UDP.
var Def = analyzer.Def{
	Name:  "dcerpc",
	Over:  []analyzer.Transport{analyzer.TCP, analyzer.UDP},
	Ports: []uint16{135, 1025, 1026, 1027, 1028, 1029, 1030},
	Kinds: []string{KindCall, KindPopup},
	Probe: probe,
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		return &connection{kinds: kindsOf(o)}, nil
	},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &datagrams{kinds: kindsOf(o)}, nil
	},
}

// kinds are the numbers of the events.
type kinds struct{ call, popup event.Kind }

func kindsOf(o analyzer.Options) kinds { return kinds{o.Kind(KindCall), o.Kind(KindPopup)} }

// probe knows both forms by their first byte: version 5 is the stream's, version 4 the datagram's.
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if len(b) == 0 {
		return analyzer.More
	}
	if b[0] == 4 {
		return probeDatagram(b)
	}
	return probeUnit(b)
}

// probeDatagram asks for a header that is whole, whose reserved bits are zero, and whose length fits: a DNS message whose
// identifier begins with 4 fails at each of them. The interface of the Messenger alone is proof too: those who send
// pop-ups write what they like elsewhere.
func probeDatagram(b []byte) analyzer.Answer {
	d, ok := ParseDatagram(b)
	switch {
	case !ok:
		return analyzer.No
	case d.Iface == Messenger:
		return analyzer.Yes
	case b[2]&0x81 != 0, b[3]&^0x02 != 0, int(d.Len) > len(b)-DatagramHeader, d.Activity == (UUID{}):
		return analyzer.No
	}
	return analyzer.Yes
}

// probeUnit looks at the 16 bytes of a data unit, as many as there are.
func probeUnit(b []byte) analyzer.Answer {
	for i := range min(len(b), 8) {
		bad := false
		switch c := b[i]; i {
		case 0:
			bad = c != 5
		case 1:
			bad = c > 1
		case 2:
			bad = PType(c) >= numPTypes || PType(c) == PPing || PType(c) >= PWorking && PType(c) <= PCancelAck
		case 4:
			_, ok := order(c)
			bad = !ok || c&15 > 1
		case 5:
			bad = c > 3
		case 6, 7:
			bad = c != 0
		}
		if bad {
			return analyzer.No
		}
	}
	if len(b) < StreamHeader {
		return analyzer.More
	}
	o, _ := order(b[4])
	if n := o.Uint16(b[8:]); n < StreamHeader || int(o.Uint16(b[10:])) > int(n)-StreamHeader {
		return analyzer.No
	}
	return analyzer.Yes
}
