package dhcp

import (
	"encoding/binary"

	"firestorm/internal/packet"
)

// Message is a DHCP message (RFC 2131 2) with the options that matter here (RFC 2132). Texts and addresses are copies.
type Message struct {
	Reply                bool // BOOTREPLY
	Type                 Type // option 53; 0: plain BOOTP
	XID                  uint32
	Secs                 uint16
	Broadcast            bool // the answer must be broadcast
	ClientIP             packet.Addr
	YourIP               packet.Addr // what the server gives
	NextServer           packet.Addr
	Relay                packet.Addr // giaddr: the relay that passed it on
	ClientMAC            packet.MAC
	ServerID             packet.Addr // option 54
	RequestedIP          packet.Addr // option 50
	Mask                 packet.Addr // option 1
	Routers              []packet.Addr
	DNS                  []packet.Addr
	Lease, Renew, Rebind uint32 // seconds, options 51, 58, 59
	HasLease             bool
	HostName             string // option 12, or the name of option 81 (RFC 4702)
	Domain               string // option 15
	VendorClass          string // option 60
	Text                 string // option 56: why a server refused
	RelayAgent           bool   // option 82 (RFC 3046)
	Params               []byte // option 55: what the client asks for
	ClientID             []byte // option 61 without its first byte, the type
	host                 string // HostName with the zero bytes that some clients append: EVE shows them
}

// Type is the message type (RFC 2132 9.6).
type Type uint8

// Message types.
const (
	Discover Type = iota + 1
	Offer
	Request
	Decline
	ACK
	NAK
	Release
	Inform
)

var typeNames = [...]string{"", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform"}

// String returns the word that EVE uses.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

const (
	fixedLen  = 236
	cookieLen = 4
	maxText   = 255 // an option's length
	maxAddrs  = 8   // kept of a list
)

var cookie = [cookieLen]byte{0x63, 0x82, 0x53, 0x63} // RFC 2131 3

// Parse reads b. ok is false when it is no BOOTP message; cut options end the reading.
func Parse(b []byte) (m Message, ok bool) {
	if !plausible(b) {
		return m, false
	}
	m = Message{Reply: b[0] == 2, XID: binary.BigEndian.Uint32(b[4:]), Secs: binary.BigEndian.Uint16(b[8:]), Broadcast: b[10]&0x80 != 0,
		ClientIP: addr(b[12:16]), YourIP: addr(b[16:20]), NextServer: addr(b[20:24]), Relay: addr(b[24:28])}
	if b[1] == 1 && b[2] == 6 {
		m.ClientMAC = packet.MAC(b[28:34])
	}
	if len(b) < fixedLen+cookieLen || [cookieLen]byte(b[fixedLen:]) != cookie {
		return m, true
	}
	overload := m.options(b[fixedLen+cookieLen:])
	if overload&1 != 0 { // RFC 2131 4.1: options go on in the fields file and sname
		m.options(b[108:236])
	}
	if overload&2 != 0 {
		m.options(b[44:108])
	}
	return m, true
}

// plausible reports whether b can be a BOOTP message: operation, hardware of 6-byte addresses or none, and the cookie
// of options where there is room for it.
func plausible(b []byte) bool {
	return len(b) >= fixedLen && (b[0] == 1 || b[0] == 2) && b[2] <= 16 && b[10]&0x7f == 0 && b[11] == 0 &&
		(len(b) < fixedLen+cookieLen || [cookieLen]byte(b[fixedLen:]) == cookie)
}

func addr(b []byte) packet.Addr {
	if b[0]|b[1]|b[2]|b[3] == 0 {
		return packet.Addr{}
	}
	return packet.Addr4(b)
}

// options reads options up to the end mark, and returns option 52.
func (m *Message) options(b []byte) (overload byte) {
	for len(b) > 0 {
		code := b[0]
		if code == 0 {
			b = b[1:]
			continue
		}
		if code == 255 || len(b) < 2 || len(b) < 2+int(b[1]) {
			return overload
		}
		v := b[2 : 2+int(b[1])]
		b = b[2+len(v):]
		switch code {
		case 1:
			m.Mask = one(v)
		case 3:
			m.Routers = list(m.Routers, v)
		case 6:
			m.DNS = list(m.DNS, v)
		case 12:
			m.HostName, m.host = text(v), string(v)
		case 15:
			m.Domain = text(v)
		case 50:
			m.RequestedIP = one(v)
		case 51:
			m.Lease, m.HasLease = seconds(v), len(v) == 4
		case 52:
			if len(v) == 1 {
				overload = v[0]
			}
		case 53:
			if len(v) == 1 {
				m.Type = Type(v[0])
			}
		case 54:
			m.ServerID = one(v)
		case 55:
			m.Params = append(m.Params, v...)
		case 56:
			m.Text = text(v)
		case 58:
			m.Renew = seconds(v)
		case 59:
			m.Rebind = seconds(v)
		case 60:
			m.VendorClass = text(v)
		case 61:
			if len(v) > 1 {
				m.ClientID = append([]byte(nil), v[1:]...)
			}
		case 81:
			if len(v) > 3 && v[0]&4 == 0 && m.HostName == "" { // in ASCII
				m.HostName, m.host = text(v[3:]), string(v[3:])
			}
		case 82:
			m.RelayAgent = true
		}
	}
	return overload
}

// text copies v without the zero bytes that some clients append.
func text(v []byte) string {
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return string(v[:min(len(v), maxText)])
}

func seconds(v []byte) uint32 {
	if len(v) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(v)
}

func one(v []byte) packet.Addr {
	if len(v) < 4 {
		return packet.Addr{}
	}
	return addr(v[:4])
}

func list(to []packet.Addr, v []byte) []packet.Addr {
	for ; len(v) >= 4 && len(to) < maxAddrs; v = v[4:] {
		to = append(to, packet.Addr4(v[:4]))
	}
	return to
}
