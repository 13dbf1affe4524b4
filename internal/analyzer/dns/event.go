package dns

import (
	"encoding/binary"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Message is one query or answer. It owns a copy of the message, from which the records are read when asked for.
type Message struct {
	head     event.Head
	Header   Header
	Dir      packet.Dir // the way it travelled in its flow
	Index    uint32     // number of the message in its flow
	Size     int        // bytes
	Name     string     // of the first question: raw text from the packet
	Type     uint16     // of the first question
	Class    uint16
	EDNS     bool   // RFC 6891
	UDPSize  uint16 // what the sender takes over UDP, with EDNS
	DO       bool   // wants DNSSEC records (RFC 3225)
	Extended uint8  // upper bits of the response code
	// EDE is what the answer's Extended DNS Error says (RFC 8914), valid when HasEDE.
	EDE       uint16
	HasEDE    bool
	Malformed bool // its sections end before its counts do
	Inner     bool // it travels in another protocol, whose record tells of it (RFC 8484)
	raw       []byte
}

// Head returns the common part.
func (m *Message) Head() *event.Head { return &m.head }

// Mute has it leave no record, and Pair is what its answer has too (event.Muter).
func (m *Message) Mute() { m.head.Quiet = true }

// Pair is the number of the question, which its answer has too (RFC 1035 4.1.1).
func (m *Message) Pair() (id uint64, ok bool) { return uint64(m.Header.ID), true }

// RCode is the response code with its extension (RFC 6891 6.1.3).
func (m *Message) RCode() uint16 { return uint16(m.Extended)<<4 | uint16(m.Header.RCode()) }

// Ends returns who asks and who answers, whichever of them the capture saw first.
func (m *Message) Ends() (asks, answers event.End) {
	asks, answers = m.head.Client, m.head.Server
	if m.Dir == packet.ToClient {
		asks, answers = answers, asks
	}
	if m.Header.Response() {
		asks, answers = answers, asks
	}
	return asks, answers
}

// Multicast reports that the message is of multicast DNS or LLMNR: its ports say so.
func (m *Message) Multicast() bool {
	for _, p := range [2]uint16{m.head.Client.Port, m.head.Server.Port} {
		if p == PortMDNS || p == PortLLMNR {
			return true
		}
	}
	return false
}

// Questions calls f for each question. The name is good until f returns.
func (m *Message) Questions(f func(q Question)) {
	var buf [maxName + 1]byte
	off := headerLen
	for range min(int(m.Header.QD), maxRecords) {
		name, next, ok := appendName(buf[:0], m.raw, off)
		if !ok || next+4 > len(m.raw) {
			return
		}
		f(Question{Name: name, Type: binary.BigEndian.Uint16(m.raw[next:]), Class: binary.BigEndian.Uint16(m.raw[next+2:])})
		off = next + 4
	}
}

// Answers calls f for each record of the answer section with its owner's name. The name is good until f returns.
func (m *Message) Answers(f func(name []byte, r Record)) {
	var buf [maxName + 1]byte
	Records(m.raw, func(at int, r Record) bool {
		if r.Section != 1 {
			return false
		}
		if name, _, ok := appendName(buf[:0], m.raw, at); ok {
			f(name, r)
		}
		return true
	})
}

// Addr returns the address of an A or AAAA record of the message.
func (m *Message) Addr(r Record) packet.Addr { return r.Addr(m.raw) }

// EachName tells the addresses of an answer by the name that was asked for (event.Namer): what a person typed says more
// than the alias behind it. Multicast answers name their records.
func (m *Message) EachName(f func(event.Name)) {
	if !m.Header.Response() || m.RCode() != NoError {
		return
	}
	from := event.NameDNS
	if m.Multicast() {
		from = event.NameMDNS
	}
	m.Answers(func(name []byte, r Record) {
		if a := r.Addr(m.raw); !a.IsZero() {
			n := event.Name{Addr: a, Name: m.Name, From: from}
			if n.Name == "" {
				n.Name = string(name)
			}
			f(n)
		}
	})
}

// Data returns the data of a record as text: an address, a name, the first string of a TXT, the bytes of NULL; empty for other
// types.
func (m *Message) Data(r Record) string {
	d := m.raw[r.Data : r.Data+r.Len]
	off := r.Data
	switch r.Type {
	case TypeA, TypeAAAA:
		if a := r.Addr(m.raw); !a.IsZero() {
			return a.String()
		}
		return ""
	case TypeTXT:
		if len(d) > 0 && 1+int(d[0]) <= len(d) {
			return string(d[1 : 1+d[0]])
		}
		return ""
	case TypeNULL:
		return string(d)
	case TypeMX:
		off += 2
	case TypeSRV:
		off += 6
	case TypeNS, TypeCNAME, TypePTR:
	default:
		return ""
	}
	name, _, _ := m.name(off, r)
	return name
}

// name reads the name that begins at off, which lies in the data of r, and returns where it ends there.
func (m *Message) name(off int, r Record) (name string, next int, ok bool) {
	var buf [maxName + 1]byte
	if off > r.Data+r.Len {
		return "", 0, false
	}
	b, next, ok := appendName(buf[:0], m.raw, off)
	if !ok {
		return "", 0, false
	}
	return string(b), next, true
}

var typeNames = map[uint16]string{TypeA: "A", TypeNS: "NS", TypeCNAME: "CNAME", TypeSOA: "SOA", 7: "MB", 8: "MG", 9: "MR", TypeNULL: "NULL", 11: "WKS", TypePTR: "PTR", 13: "HINFO", 14: "MINFO",
	TypeMX: "MX", TypeTXT: "TXT", 17: "RP", 18: "AFSDB", 24: "SIG", 25: "KEY", TypeAAAA: "AAAA", 29: "LOC", TypeSRV: "SRV", 35: "NAPTR",
	36: "KX", 37: "CERT", 39: "DNAME", TypeOPT: "OPT", 42: "APL", 43: "DS", TypeSSHFP: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY",
	49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC",
	63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA"}

// TypeName is the mnemonic of a type, or its number (RFC 3597 5 writes TYPEn; EVE writes the number).
func TypeName(t uint16) string {
	if n, ok := typeNames[t]; ok {
		return n
	}
	return strconv.Itoa(int(t))
}

var rcodeNames = [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"}

// RCodeName is the mnemonic of a response code, or its number.
func RCodeName(r uint16) string {
	switch {
	case int(r) < len(rcodeNames):
		return rcodeNames[r]
	case r == 16:
		return "BADVERS/BADSIG"
	case r == 23:
		return "BADCOOKIE"
	}
	return strconv.Itoa(int(r))
}
