package dns

import "encoding/binary"

// EachBuffer gives the names and numbers of a message (event.Parts). "dns.response.rrname" are all names of an answer, those
// that its records point to as well. Those of multicast DNS begin with "mdns".
func (m *Message) EachBuffer(give func(name string, b []byte)) {
	f := give
	if m.onPort(PortMDNS) {
		f = func(name string, b []byte) { give("m"+name, b) }
	}
	response := m.Header.Response()
	f("dns.opcode", []byte{m.Header.Opcode()})
	f("dns.rcode", number(m.RCode()))
	off := headerLen
	for range min(int(m.Header.QD), maxRecords) {
		name, next, ok := appendName(nil, m.raw, off) // of its own: all parts are looked at together
		if !ok || next+4 > len(m.raw) {
			break
		}
		f("dns.queries.rrname", name)
		if response {
			f("dns.response.rrname", name)
		} else {
			f("dns.query", name)
		}
		f("dns.rrtype", m.raw[next:next+2])
		off = next + 4
	}
	Records(m.raw, func(at int, r Record) bool {
		if r.Type == TypeOPT {
			return true
		}
		name, _, ok := appendName(nil, m.raw, at)
		if !ok {
			return true
		}
		f(sectionNames[r.Section-1], name)
		if response {
			f("dns.response.rrname", name)
			if target := m.target(r); target != nil {
				f("dns.response.rrname", target)
			}
		}
		return true
	})
}

// sectionNames are the buffers of a message's records by section number less one.
var sectionNames = [3]string{"dns.answers.rrname", "dns.authorities.rrname", "dns.additionals.rrname"}

// target is the name that a record points to; nil: none.
func (m *Message) target(r Record) []byte {
	off := r.Data
	switch r.Type {
	case TypeMX:
		off += 2
	case TypeNS, TypeCNAME, TypePTR, TypeSOA:
	default:
		return nil
	}
	if off > r.Data+r.Len {
		return nil
	}
	name, _, ok := appendName(nil, m.raw, off)
	if !ok {
		return nil
	}
	return name
}

func number(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
