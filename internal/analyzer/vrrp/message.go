package vrrp

import (
	"bytes"
	"encoding/binary"
	"time"

	"firestorm/internal/packet"
)

// Protocol tells the first-hop redundancy protocols apart.
type Protocol uint8

// Protocols.
const (
	VRRP Protocol = iota + 1 // RFC 9568; version 2: RFC 3768
	CARP                     // of the BSDs: the same IP protocol number, other contents
	HSRP                     // version 1 (RFC 2281)
)

// String returns the name.
func (p Protocol) String() string { return [...]string{"", "VRRP", "CARP", "HSRP"}[p] }

// MaxAddresses is how many addresses of a message are kept.
const MaxAddresses = 8

// Message is one advertisement or hello.
type Message struct {
	Interval  time.Duration // between advertisements of the master
	Addresses [MaxAddresses]packet.Addr
	NAddress  uint8 // kept in Addresses
	Count     uint8 // in the message, which may be more; CARP does not say them
	Protocol  Protocol
	Version   uint8 // of VRRP: 2 or 3; of CARP 2, of HSRP 0
	Group     uint8 // virtual router identifier, virtual host identifier, group
	// Priority of VRRP and HSRP: the greatest leads; 0 of VRRP resigns, 255 owns the addresses. Of CARP the skew: the
	// least leads.
	Priority uint8
	Auth     uint8 // authentication type of VRRP version 2; what it says is not kept
	Leads    bool  // the sender says that it leads: always true of VRRP and CARP, of HSRP in state active
	Resigns  bool  // it gives the lead up
}

const (
	carpLen     = 36 // 8 bytes, a counter of 8, a digest of 20
	carpAuthLen = 7  // counter and digest in words of four bytes, where VRRP counts addresses
	hsrpLen     = 20
	hsrpActive  = 16
	hsrpHello   = 0
	hsrpResign  = 2
	fixedLen    = 8
)

// Parse reads the payload b of an IP packet of protocol 112; v6 says that it is IPv6. False: it is too short, or of
// another version or type.
func Parse(b []byte, v6 bool) (m Message, ok bool) {
	if len(b) < fixedLen {
		return m, false
	}
	switch {
	case b[0] == 0x21 && b[3] == carpAuthLen && len(b) == carpLen:
		return Message{Protocol: CARP, Version: 2, Group: b[1], Priority: b[2], Leads: true,
			Interval: time.Duration(b[5])*time.Second + time.Duration(b[2])*time.Second/256}, true
	case b[0] == 0x21 && !v6, b[0] == 0x31:
	default:
		return m, false
	}
	m = Message{Protocol: VRRP, Version: b[0] >> 4, Group: b[1], Priority: b[2], Count: b[3], Leads: true, Resigns: b[2] == 0}
	if m.Version == 2 {
		m.Auth, m.Interval = b[4], time.Duration(b[5])*time.Second
	} else {
		m.Interval = time.Duration(binary.BigEndian.Uint16(b[4:])&0xfff) * 10 * time.Millisecond
	}
	size := 4
	if v6 {
		size = 16
	}
	if len(b) < fixedLen+int(m.Count)*size {
		return Message{}, false // RFC 9568 7.1: the packet must hold what it counts
	}
	for a := b[fixedLen:]; m.NAddress < min(m.Count, MaxAddresses); a = a[size:] {
		if v6 {
			m.Addresses[m.NAddress] = packet.Addr6(a)
		} else {
			m.Addresses[m.NAddress] = packet.Addr4(a)
		}
		m.NAddress++
	}
	return m, true
}

// hsrpDefault is the password that the protocol has when none is set; it is no secret.
var hsrpDefault = []byte("cisco\x00\x00\x00")

// ParseHSRP reads a datagram of HSRP version 1 (RFC 2281 5.1). False: it is none.
func ParseHSRP(b []byte) (m Message, ok bool) {
	if len(b) < hsrpLen || b[0] != 0 || b[1] > hsrpResign || !hsrpState(b[2]) || b[7] != 0 {
		return m, false
	}
	for _, c := range b[8:16] { // text, filled up with zeros
		if c != 0 && (c < ' ' || c > '~') {
			return m, false
		}
	}
	m = Message{Protocol: HSRP, Group: b[6], Priority: b[5], Interval: time.Duration(b[3]) * time.Second, Count: 1, NAddress: 1,
		Leads: b[1] == hsrpHello && b[2] == hsrpActive, Resigns: b[1] == hsrpResign}
	if !bytes.Equal(b[8:16], hsrpDefault) {
		m.Auth = 1
	}
	m.Addresses[0] = packet.Addr4(b[16:])
	return m, true
}

// hsrpState knows the states of RFC 2281 5.1: initial, learn, listen, speak, standby, active.
func hsrpState(s byte) bool {
	switch s {
	case 0, 1, 2, 4, 8, 16:
		return true
	}
	return false
}
