package dhcp

import (
	"encoding/binary"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one DHCP message.
type Event struct {
	head event.Head
	Message
	Dir packet.Dir
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// Mute has it leave no record (event.Muter).
func (e *Event) Mute() { e.head.Quiet = true }

// Pair says that no other record belongs to it (event.Muter).
func (e *Event) Pair() (id uint64, ok bool) { return 0, false }

// From returns who sent the message: a relay or server by its address, a client that has none yet as 0.0.0.0.
func (e *Event) From() event.End {
	if e.Dir == packet.ToClient {
		return e.head.Server
	}
	return e.head.Client
}

// EachName tells the host names of addresses that clients ask for and servers confirm (event.Namer).
func (e *Event) EachName(f func(event.Name)) {
	n := event.Name{Name: e.HostName, From: event.NameDHCP}
	switch e.Type {
	case Request:
		if n.Addr = e.RequestedIP; n.Addr.IsZero() {
			n.Addr = e.ClientIP
		}
	case ACK:
		n.Addr = e.YourIP
	}
	if n.Name != "" && !n.Addr.IsZero() {
		f(n)
	}
}

// AppendEVE writes a dhcp record.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "dhcp", e.Dir, c)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// EachBuffer gives the times of an answer (event.Parts).
func (e *Event) EachBuffer(f func(name string, b []byte)) {
	number := func(name string, n uint32) { f(name, binary.BigEndian.AppendUint32(nil, n)) }
	if e.HasLease {
		number("dhcp.leasetime", e.Lease)
	}
	if e.Rebind > 0 {
		number("dhcp.rebinding_time", e.Rebind)
	}
	if e.Renew > 0 {
		number("dhcp.renewal_time", e.Renew)
	}
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"dhcp":{"type":"`...)
	if e.Reply {
		dst = append(dst, `reply`...)
	} else {
		dst = append(dst, `request`...)
	}
	dst = append(dst, `","id":`...)
	dst = strconv.AppendUint(dst, uint64(e.XID), 10)
	dst = append(dst, `,"client_mac":`...)
	dst = event.AppendJSONMAC(dst, e.ClientMAC)
	if len(e.ClientID) > 0 {
		dst = append(key(dst, "client_id"), '"')
		for i, c := range e.ClientID {
			if i > 0 {
				dst = append(dst, ':')
			}
			const hex = "0123456789abcdef"
			dst = append(dst, hex[c>>4], hex[c&15])
		}
		dst = append(dst, '"')
	}
	dst = append(dst, `,"assigned_ip":`...)
	dst = event.AppendJSONAddr(dst, e.YourIP)
	dst = append(dst, `,"client_ip":`...)
	dst = event.AppendJSONAddr(dst, e.ClientIP)
	if e.Reply {
		dst = append(dst, `,"relay_ip":`...)
		dst = event.AppendJSONAddr(dst, e.Relay)
		dst = append(dst, `,"next_server_ip":`...)
		dst = event.AppendJSONAddr(dst, e.NextServer)
	}
	if e.Type != 0 {
		dst = append(dst, `,"dhcp_type":"`...)
		dst = append(dst, e.Type.String()...)
		dst = append(dst, '"')
	}
	if e.HasLease {
		dst = appendSeconds(dst, "lease_time", e.Lease)
	}
	if e.Renew > 0 {
		dst = appendSeconds(dst, "renewal_time", e.Renew)
	}
	if e.Rebind > 0 {
		dst = appendSeconds(dst, "rebinding_time", e.Rebind)
	}
	dst = appendAddr(dst, "requested_ip", e.RequestedIP)
	dst = appendAddr(dst, "subnet_mask", e.Mask)
	dst = appendText(dst, "hostname", e.host)
	dst = appendText(dst, "vendor_class_identifier", e.VendorClass)
	dst = appendAddrs(dst, "routers", e.Routers)
	dst = appendAddrs(dst, "dns_servers", e.DNS)
	return append(e.appendParams(dst), '}')
}

// paramNames are the options of a parameter request list that have a word.
var paramNames = map[byte]string{1: "subnet_mask", 3: "router", 6: "dns_server", 15: "domain", 35: "arp_timeout", 42: "ntp_server", 66: "tftp_server_name", 67: "tftp_server_ip", 252: "wpad"}

func (e *Event) appendParams(dst []byte) []byte {
	open := false
	for _, p := range e.Params {
		name := paramNames[p]
		switch {
		case name == "":
			continue
		case open:
			dst = append(dst, ',')
		default:
			dst = append(key(dst, "params"), '[')
		}
		open = true
		dst = event.AppendJSONString(dst, name)
	}
	if open {
		dst = append(dst, ']')
	}
	return dst
}

func key(dst []byte, k string) []byte {
	dst = append(append(dst, ',', '"'), k...)
	return append(dst, '"', ':')
}

func appendSeconds(dst []byte, k string, v uint32) []byte {
	return strconv.AppendUint(key(dst, k), uint64(v), 10)
}

func appendAddr(dst []byte, k string, a packet.Addr) []byte {
	if a.IsZero() {
		return dst
	}
	return event.AppendJSONAddr(key(dst, k), a)
}

func appendText(dst []byte, k, s string) []byte {
	if s == "" {
		return dst
	}
	return event.AppendJSONString(key(dst, k), s)
}

func appendAddrs(dst []byte, k string, as []packet.Addr) []byte {
	if len(as) == 0 {
		return dst
	}
	dst = append(key(dst, k), '[')
	for i, a := range as {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = event.AppendJSONAddr(dst, a)
	}
	return append(dst, ']')
}
