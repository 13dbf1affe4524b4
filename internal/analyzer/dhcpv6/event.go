package dhcpv6

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one DHCPv6 message; of a relayed one, the message inside.
type Event struct {
	head event.Head
	Message
	Dir packet.Dir
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// From returns who sent the datagram: the relay, where one passed the message on.
func (e *Event) From() event.End {
	if e.Dir == packet.ToClient {
		return e.head.Server
	}
	return e.head.Client
}

// EachName tells the name of each address that a server confirms (event.Namer).
func (e *Event) EachName(f func(event.Name)) {
	if e.Type != Reply || e.FQDN == "" {
		return
	}
	for _, a := range e.Addrs {
		if a.Valid > 0 { // 0 takes the address away
			f(event.Name{Addr: a.Addr, Name: e.FQDN, From: event.NameDHCP})
		}
	}
}

// AppendEVE writes nothing: EVE has no record for it.
func (e *Event) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
