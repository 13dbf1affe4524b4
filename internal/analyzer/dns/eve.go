package dns

import (
	"encoding/binary"
	"slices"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// AppendEVE writes a dns record: version 3 as Suricata 8 has it, version 2 for readers of earlier ones. Multicast DNS has one
// of its own, LLMNR none, as Suricata.
func (m *Message) AppendEVE(dst []byte, c *event.EVE) []byte {
	if !m.recorded(&c.DNS) {
		return dst
	}
	switch {
	case m.onPort(PortLLMNR):
		return dst
	case m.onPort(PortMDNS):
		return m.appendMDNS(dst, c)
	}
	v2 := c.DNS.Version == 2 || c.DNS.Version == 0 && c.Version != 0 && c.Version < 8
	dir := m.Dir
	if v2 { // a record of that form names the client first, whoever sent the message
		dir = packet.ToServer
	}
	dst = event.AppendEVEHead(dst, &m.head, "dns", dir, c)
	dst = m.appendMember(append(dst, ','), v2, &c.DNS)
	return event.AppendEVETail(dst, &m.head, c)
}

// AppendObject appends the member "dns" of a record that tells of something else beside (RFC 8484).
func (m *Message) AppendObject(dst []byte) []byte {
	return m.appendMember(dst, false, &event.DNSParts{})
}

func (m *Message) appendMember(dst []byte, v2 bool, p *event.DNSParts) []byte {
	dst = append(dst, `"dns":{"version":`...)
	if v2 {
		dst = append(dst, '2')
	} else {
		dst = append(dst, '3')
	}
	dst = append(dst, `,"type":"`...)
	dst = append(dst, m.kind(v2)...)
	dst = append(dst, `","tx_id":`...)
	dst = strconv.AppendUint(dst, uint64(m.Index), 10)
	dst = append(dst, `,"id":`...)
	dst = strconv.AppendUint(dst, uint64(m.Header.ID), 10)
	if m.Header.Response() || !v2 {
		dst = m.appendFlags(dst)
	}
	dst = append(dst, `,"opcode":`...)
	dst = strconv.AppendUint(dst, uint64(m.Header.Opcode()), 10)
	if v2 {
		dst = append(dst, `,"rrname":`...)
		dst = event.AppendJSONString(dst, m.Name)
		dst = append(dst, `,"rrtype":`...)
		dst = event.AppendJSONString(dst, TypeName(m.Type))
	}
	if m.Header.Response() {
		dst = append(dst, `,"rcode":`...)
		dst = event.AppendJSONString(dst, RCodeName(m.RCode()))
	}
	if !v2 {
		dst = m.appendQueries(dst)
	}
	if m.Header.Response() {
		if !p.NoDetailed {
			dst = m.appendRecords(dst)
		}
		if !p.NoGrouped {
			dst = m.appendGrouped(dst)
		}
	}
	return append(dst, '}')
}

// recorded reports whether the settings want a record of the message.
func (m *Message) recorded(p *event.DNSParts) bool {
	if m.Inner || m.Header.Response() && p.NoResponses || !m.Header.Response() && p.NoRequests {
		return false
	}
	return p.Types == nil || slices.Contains(p.Types, TypeName(m.Type))
}

func (m *Message) kind(v2 bool) string {
	switch {
	case m.Header.Response() && v2:
		return "answer"
	case m.Header.Response():
		return "response"
	case v2:
		return "query"
	}
	return "request"
}

func (m *Message) appendFlags(dst []byte) []byte {
	dst = append(dst, `,"flags":"`...)
	dst = strconv.AppendUint(dst, uint64(m.Header.Flags), 16)
	dst = append(dst, '"')
	for _, x := range []struct {
		bit uint16
		key string
	}{{FlagResponse, `,"qr":true`}, {FlagAuthoritative, `,"aa":true`}, {FlagTruncated, `,"tc":true`}, {FlagRecursion, `,"rd":true`},
		{FlagAvailable, `,"ra":true`}, {FlagZ, `,"z":true`}} {
		if m.Header.Flags&x.bit != 0 {
			dst = append(dst, x.key...)
		}
	}
	return dst
}

func (m *Message) appendQueries(dst []byte) []byte {
	l := list{key: `,"queries":[`}
	m.Questions(func(q Question) {
		dst = l.next(dst)
		dst = append(dst, `{"rrname":`...)
		dst = event.AppendJSONString(dst, string(q.Name))
		dst = append(dst, `,"rrtype":`...)
		dst = event.AppendJSONString(dst, TypeName(q.Type))
		dst = append(dst, '}')
	})
	return l.end(dst)
}

// sections are the keys of a message's lists by section number less one.
var sections = [3]string{`,"answers":[`, `,"authorities":[`, `,"additionals":[`}

// appendRecords writes the records of each section. OPT (RFC 6891) describes the sender and is none of them.
func (m *Message) appendRecords(dst []byte) []byte {
	var buf [maxName + 1]byte
	now, l := 0, list{}
	Records(m.raw, func(at int, r Record) bool {
		if r.Type == TypeOPT {
			return true
		}
		name, _, ok := appendName(buf[:0], m.raw, at)
		if !ok {
			return true
		}
		if now != int(r.Section) {
			dst = l.end(dst)
			now, l = int(r.Section), list{key: sections[r.Section-1]}
		}
		m.eachData(r, func(text string, ok bool) {
			dst = l.next(dst)
			dst = append(dst, `{"rrname":`...)
			dst = event.AppendJSONString(dst, string(name))
			dst = append(dst, `,"rrtype":`...)
			dst = event.AppendJSONString(dst, TypeName(r.Type))
			dst = append(dst, `,"ttl":`...)
			dst = strconv.AppendUint(dst, uint64(r.TTL), 10)
			if o := m.appendObject(nil, r); o != nil {
				dst = append(append(append(dst, ',', '"'), objects[r.Type]...), '"', ':')
				dst = append(dst, o...)
			} else if ok {
				dst = append(dst, `,"rdata":`...)
				dst = event.AppendJSONString(dst, text)
			}
			dst = append(dst, '}')
		})
		return true
	})
	return l.end(dst)
}

// eachData calls f for each text of a record: TXT may hold several strings (RFC 1035 3.3.14). ok is false when there is
// none that can be written.
func (m *Message) eachData(r Record, f func(text string, ok bool)) {
	if r.Type != TypeTXT {
		text := m.Data(r)
		f(text, text != "")
		return
	}
	d := m.raw[r.Data : r.Data+r.Len]
	for len(d) > 0 && 1+int(d[0]) <= len(d) {
		f(string(d[1:1+d[0]]), true)
		d = d[1+d[0]:]
	}
}

// objects are the keys of types whose data has several parts.
var objects = map[uint16]string{TypeSOA: "soa", TypeSRV: "srv", TypeSSHFP: "sshfp"}

// appendObject writes the data of such a type; nil: it is of another, or cut.
func (m *Message) appendObject(dst []byte, r Record) []byte {
	d := m.raw[r.Data : r.Data+r.Len]
	switch r.Type {
	case TypeSRV: // RFC 2782
		name, _, ok := m.name(r.Data+6, r)
		if r.Len < 7 || !ok {
			return nil
		}
		for i, key := range []string{`{"priority":`, `,"weight":`, `,"port":`} {
			dst = append(dst, key...)
			dst = strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(d[2*i:])), 10)
		}
		dst = append(dst, `,"name":`...)
		dst = event.AppendJSONString(dst, name)
	case TypeSOA: // RFC 1035 3.3.13
		primary, next, ok := m.name(r.Data, r)
		if !ok {
			return nil
		}
		mailbox, next, ok := m.name(next, r)
		if !ok || next+20 > r.Data+r.Len {
			return nil
		}
		dst = append(dst, `{"mname":`...)
		dst = event.AppendJSONString(dst, primary)
		dst = append(dst, `,"rname":`...)
		dst = event.AppendJSONString(dst, mailbox)
		for i, key := range []string{`,"serial":`, `,"refresh":`, `,"retry":`, `,"expire":`, `,"minimum":`} {
			dst = append(dst, key...)
			dst = strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(m.raw[next+4*i:])), 10)
		}
	case TypeSSHFP: // RFC 4255 3.1
		if r.Len < 3 {
			return nil
		}
		dst = append(dst, `{"fingerprint":"`...)
		for i, c := range d[2:] {
			if i > 0 {
				dst = append(dst, ':')
			}
			const hex = "0123456789abcdef"
			dst = append(dst, hex[c>>4], hex[c&15])
		}
		dst = append(dst, `","algo":`...)
		dst = strconv.AppendUint(dst, uint64(d[0]), 10)
		dst = append(dst, `,"type":`...)
		dst = strconv.AppendUint(dst, uint64(d[1]), 10)
	default:
		return nil
	}
	return append(dst, '}')
}

// appendGrouped writes the data of the answers by type.
func (m *Message) appendGrouped(dst []byte) []byte {
	var room [8]uint16
	types := room[:0]
	m.Answers(func(_ []byte, r Record) {
		if !slices.Contains(types, r.Type) {
			types = append(types, r.Type)
		}
	})
	all := list{key: `,"grouped":{`, close: '}'}
	for _, t := range types {
		open := false
		m.Answers(func(_ []byte, r Record) {
			if r.Type != t {
				return
			}
			m.eachData(r, func(text string, ok bool) {
				o := m.appendObject(nil, r)
				if o == nil && !ok {
					return
				}
				if open {
					dst = append(dst, ',')
				} else {
					open, dst = true, append(event.AppendJSONString(all.next(dst), TypeName(t)), ':', '[')
				}
				if o != nil {
					dst = append(dst, o...)
				} else {
					dst = event.AppendJSONString(dst, text)
				}
			})
		})
		if open {
			dst = append(dst, ']')
		}
	}
	return all.end(dst)
}

// list writes a JSON list, or object, whose key appears with its first member.
type list struct {
	key   string
	open  bool
	close byte // 0: ]
}

func (l *list) next(dst []byte) []byte {
	if l.open {
		return append(dst, ',')
	}
	l.open = true
	return append(dst, l.key...)
}

func (l *list) end(dst []byte) []byte {
	switch {
	case !l.open:
		return dst
	case l.close == 0:
		return append(dst, ']')
	}
	return append(dst, l.close)
}
