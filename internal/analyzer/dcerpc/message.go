package dcerpc

import (
	"encoding/binary"
	"firestorm/internal/analyzer"
)

// PType is the type of a protocol data unit (C706 12.1, table 12-1).
type PType uint8

// Types of data units; those above 10 exist over connections only.
const (
	PRequest PType = iota
	PPing
	PResponse
	PFault
	PWorking
	PNoCall
	PReject
	PAck
	PCancelCL
	PFack
	PCancelAck
	PBind
	PBindAck
	PBindNak
	PAlter
	PAlterResp
	PAuth3
	PShutdown
	PCancel
	POrphaned
	numPTypes
)

var ptypeNames = [numPTypes]string{"REQUEST", "PING", "RESPONSE", "FAULT", "WORKING", "NOCALL", "REJECT", "ACK", "CL_CANCEL", "FACK",
	"CANCEL_ACK", "BIND", "BINDACK", "BINDNAK", "ALTER_CONTEXT", "ALTER_CONTEXT_RESP", "AUTH3", "SHUTDOWN", "CO_CANCEL", "ORPHANED"}

// String returns Suricata's word.
func (t PType) String() string {
	if t < numPTypes {
		return ptypeNames[t]
	}
	return "UNKNOWN"
}

// UUID is a universal unique identifier in the order in which it is written.
type UUID [16]byte

// String writes u in the usual form: "5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc".
func (u UUID) String() string { return string(u.append(make([]byte, 0, 36))) }

func (u UUID) append(dst []byte) []byte {
	const hex = "0123456789abcdef"
	for i, c := range u {
		switch i {
		case 4, 6, 8, 10:
			dst = append(dst, '-')
		}
		dst = append(dst, hex[c>>4], hex[c&15])
	}
	return dst
}

// readUUID reads the 16 bytes of b: the first three fields are numbers in the sender's byte order (C706 appendix A).
func readUUID(b []byte, o binary.ByteOrder) (u UUID) {
	binary.BigEndian.PutUint32(u[:], o.Uint32(b))
	binary.BigEndian.PutUint16(u[4:], o.Uint16(b[4:]))
	binary.BigEndian.PutUint16(u[6:], o.Uint16(b[6:]))
	copy(u[8:], b[8:16])
	return u
}

// order is the byte order of integers that a data representation label names (C706 14.1): its high nibble is 0 for big
// and 1 for little.
func order(drep byte) (binary.ByteOrder, bool) {
	switch drep >> 4 {
	case 0:
		return binary.BigEndian, true
	case 1:
		return binary.LittleEndian, true
	}
	return nil, false
}

// validDrep reports a data representation label that the standard knows: ASCII or EBCDIC, four kinds of floating point,
// and zeros.
func validDrep(b []byte) bool {
	_, ok := order(b[0])
	return ok && b[0]&15 <= 1 && b[1] <= 3 && b[2] == 0
}

// Sizes of headers in bytes.
const (
	DatagramHeader = 80
	StreamHeader   = 16
)

// Flags of connectionless data units (C706 12.5.2.3).
const (
	flagLastFrag = 0x02
	flagFrag     = 0x04
)

// Datagram is a connectionless data unit (C706 12.5): a header of 80 bytes and its body.
type Datagram struct {
	Type     PType
	Flags1   uint8
	Order    binary.ByteOrder
	Object   UUID
	Iface    UUID
	Activity UUID
	Version  uint32 // of the interface
	Seq      uint32
	Opnum    uint16
	Len      uint16 // of the body, as the header says
	Frag     uint16 // number of this fragment, from 0
	Body     []byte // borrowed; shorter than Len where the packet was cut
}

// Fragment reports that the body is a part of a longer one.
func (d *Datagram) Fragment() bool {
	return d.Frag > 0 || d.Flags1&flagFrag != 0 && d.Flags1&flagLastFrag == 0
}

// ParseDatagram reads b. False: b is too short for a header, or is none of version 4. Body shares b's bytes.
func ParseDatagram(b []byte) (d Datagram, ok bool) {
	if len(b) < DatagramHeader || b[0] != 4 || PType(b[1]) > PCancelAck || !validDrep(b[4:7]) {
		return d, false
	}
	o, _ := order(b[4])
	d = Datagram{Type: PType(b[1]), Flags1: b[2], Order: o, Object: readUUID(b[8:], o), Iface: readUUID(b[24:], o), Activity: readUUID(b[40:], o),
		Version: o.Uint32(b[60:]), Seq: o.Uint32(b[64:]), Opnum: o.Uint16(b[68:]), Len: o.Uint16(b[74:]), Frag: o.Uint16(b[76:])}
	d.Body = b[DatagramHeader:]
	if len(d.Body) > int(d.Len) {
		d.Body = d.Body[:d.Len]
	}
	return d, true
}

// Unit is the head of a connection-oriented data unit (C706 12.6.3.1).
type Unit struct {
	Type  PType
	Minor uint8
	Flags uint8
	Order binary.ByteOrder
	Len   uint16 // of the whole unit, this header included
	Auth  uint16 // bytes of the verifier at its end
	Call  uint32
}

// Flags of connection-oriented data units (C706 12.6.3.1).
const (
	unitFirst  = 0x01
	unitLast   = 0x02
	unitObject = 0x80
)

// ParseUnit reads the 16 bytes at the begin of b. False: b is short, or they are no such header.
func ParseUnit(b []byte) (u Unit, ok bool) {
	if len(b) < StreamHeader || probeUnit(b) != analyzer.Yes {
		return u, false
	}
	o, _ := order(b[4])
	return Unit{Type: PType(b[2]), Minor: b[1], Flags: b[3], Order: o, Len: o.Uint16(b[8:]), Auth: o.Uint16(b[10:]), Call: o.Uint32(b[12:])}, true
}

// Context is one presentation context that a client offers (C706 12.6.4.3), with what the server said to it.
type Context struct {
	ID      uint16
	Iface   UUID
	Version uint32 // major in the low half
	Result  int32  // 0 acceptance, 1 user rejection, 2 provider rejection; -1 not answered
	Reason  uint16 // of a rejection
}

// maxContexts bounds what one bind may offer. Windows offers up to four for one interface.
const maxContexts = 16

// parseBind appends the contexts of a bind or alter_context, b being what follows the 16 bytes of its header.
func parseBind(dst []Context, b []byte, o binary.ByteOrder) []Context {
	if len(b) < 12 {
		return dst
	}
	n := int(b[8])
	b = b[12:]
	for ; n > 0 && len(dst) < maxContexts && len(b) >= 24; n-- {
		dst = append(dst, Context{ID: o.Uint16(b), Iface: readUUID(b[4:], o), Version: o.Uint32(b[20:]), Result: -1})
		skip := 24 + 20*int(b[2])
		if skip > len(b) {
			break
		}
		b = b[skip:]
	}
	return dst
}

// parseBindAck writes the results of a bind_ack or alter_context_resp into the contexts that were offered, in order.
func parseBindAck(cs []Context, b []byte, o binary.ByteOrder) {
	if len(b) < 10 {
		return
	}
	at := 10 + int(o.Uint16(b[8:])) // the secondary address
	at = (at + 3) &^ 3              // the unit began at a multiple of four
	if at+4 > len(b) {
		return
	}
	n := int(b[at])
	b = b[at+4:]
	for i := 0; i < n && i < len(cs) && len(b) >= 24; i++ {
		cs[i].Result, cs[i].Reason = int32(o.Uint16(b)), o.Uint16(b[2:])
		b = b[24:]
	}
}

// Messenger is the interface of the Windows Messenger service ([MS-MSRP] 1.9); NetrSendMessage is its operation 0.
var Messenger = UUID{0x5a, 0x7b, 0x91, 0xf8, 0xff, 0x00, 0x11, 0xd0, 0xa9, 0xb2, 0x00, 0xc0, 0x4f, 0xb6, 0xe6, 0xfc}

// maxText bounds the text of a pop-up in bytes: the service shows no more than fits into its datagram.
const maxText = 2048

// popup is what a NetrSendMessage carries ([MS-MSRP] 3.2.4.1): three NDR strings, borrowed.
type popup struct {
	from, to, text []byte
	whole          bool // all three strings were complete
}

// parsePopup reads the stub b of a NetrSendMessage. A last string that lacks padding, its final zero, or bytes that a
// cut packet does not hold, is taken as far as it goes.
func parsePopup(b []byte, o binary.ByteOrder) (p popup, ok bool) {
	at := 0
	from, at, ok1 := ndrString(b, at, o)
	if !ok1 {
		return p, false
	}
	p.from = from
	to, at, ok2 := ndrString(b, at, o)
	if !ok2 {
		return p, true
	}
	p.to = to
	text, end, ok3 := ndrString(b, at, o)
	if !ok3 {
		return p, true
	}
	p.text = text[:min(len(text), maxText)]
	p.whole = end <= len(b) && len(text) <= maxText
	return p, true
}

// ndrString reads a conformant varying string of bytes at b[at:] (C706 14.3.4): maximum count, offset, actual count, then
// as many bytes, each string at a multiple of four. The final zero is taken off. next lies behind b where bytes are
// missing.
func ndrString(b []byte, at int, o binary.ByteOrder) (s []byte, next int, ok bool) {
	at = (at + 3) &^ 3
	if at < 0 || at+12 > len(b) {
		return nil, at, false
	}
	most, offset, n := o.Uint32(b[at:]), o.Uint32(b[at+4:]), o.Uint32(b[at+8:])
	if offset != 0 || n > most || n > 1<<16 {
		return nil, at, false
	}
	s = b[at+12:]
	next = at + 12 + int(n)
	if int(n) < len(s) {
		s = s[:n]
	}
	for i, c := range s {
		if c == 0 {
			s = s[:i]
			break
		}
	}
	return s, next, true
}

// NameOf returns the usual name of an interface, empty for one that is not in the list.
func NameOf(u UUID) string { return names[u] }

// names are interfaces of Windows that are met often.
var names = map[UUID]string{
	Messenger: "messenger",
	uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa"): "epmapper",
	uuid("12345778-1234-abcd-ef00-0123456789ab"): "lsarpc",
	uuid("12345778-1234-abcd-ef00-0123456789ac"): "samr",
	uuid("12345678-1234-abcd-ef00-01234567cffb"): "netlogon",
	uuid("12345678-1234-abcd-ef00-0123456789ab"): "spoolss",
	uuid("4b324fc8-1670-01d3-1278-5a47bf6ee188"): "srvsvc",
	uuid("6bffd098-a112-3610-9833-46c3f87e345a"): "wkssvc",
	uuid("367abb81-9844-35f1-ad32-98f038001003"): "svcctl",
	uuid("338cd001-2244-31f1-aaaa-900038001003"): "winreg",
	uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"): "drsuapi",
}

// uuid reads the usual form of an identifier that stands in this file.
func uuid(s string) (u UUID) {
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a':
			c -= 'a' - 10
		case c >= '0':
			c -= '0'
		default:
			continue
		}
		u[n/2] = u[n/2]<<4 | c
		n++
	}
	return u
}
