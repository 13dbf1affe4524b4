package vrrp

import (
	"firestorm/internal/event"
)

// Advert is one advertisement of a router that shares an address with others. Head's Client is the sender.
type Advert struct {
	head event.Head
	Message
	TTL uint8 // must be 255 in VRRP and CARP (RFC 9568 5.1.1.3); routers drop others
}

// Head returns the common part.
func (x *Advert) Head() *event.Head { return &x.head }

// AppendEVE writes nothing: Suricata has no such record.
func (x *Advert) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }

// NewAdvert returns an event with head h, of kind k.
func NewAdvert(h event.Head, k event.Kind) *Advert {
	h.Kind = k
	return &Advert{head: h}
}
