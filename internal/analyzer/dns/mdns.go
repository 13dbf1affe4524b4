package dns

import (
	"strconv"
	"strings"

	"firestorm/internal/event"
)

// onPort reports whether one of the two ports of the message is p.
func (m *Message) onPort(p uint16) bool { return m.head.Client.Port == p || m.head.Server.Port == p }

// appendMDNS writes an mdns record in Suricata's shape: types in small letters, the data under the name of its type.
func (m *Message) appendMDNS(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &m.head, "mdns", m.Dir, c)
	dst = append(dst, `,"mdns":{"type":"`...)
	dst = append(append(dst, m.kind(false)...), '"')
	l := list{key: `,"queries":[`}
	m.Questions(func(q Question) {
		dst = event.AppendJSONString(append(l.next(dst), `{"rrname":`...), string(q.Name))
		dst = append(event.AppendJSONString(append(dst, `,"rrtype":`...), strings.ToLower(TypeName(q.Type))), '}')
	})
	dst = l.end(dst)
	now, l := 0, list{}
	Records(m.raw, func(at int, r Record) bool {
		if r.Type == TypeOPT {
			return true
		}
		name, _, ok := appendName(nil, m.raw, at)
		if !ok {
			return true
		}
		if now != int(r.Section) {
			dst = l.end(dst)
			now, l = int(r.Section), list{key: sections[r.Section-1]}
		}
		kind := strings.ToLower(TypeName(r.Type))
		dst = event.AppendJSONString(append(l.next(dst), `{"rrname":`...), string(name))
		dst = event.AppendJSONString(append(dst, `,"rrtype":`...), kind)
		dst = strconv.AppendUint(append(dst, `,"ttl":`...), uint64(r.TTL), 10)
		dst = append(m.appendMDNSData(dst, kind, r), '}')
		return true
	})
	return event.AppendEVETail(append(l.end(dst), '}'), &m.head, c)
}

func (m *Message) appendMDNSData(dst []byte, kind string, r Record) []byte {
	switch r.Type {
	case TypeTXT:
		texts := list{key: `,"txt":[`}
		m.eachData(r, func(text string, _ bool) { dst = event.AppendJSONString(texts.next(dst), text) })
		return texts.end(dst)
	case TypeSRV:
		if o := m.appendObject(nil, r); o != nil {
			return append(append(dst, `,"srv":`...), o...)
		}
	case TypeA, TypeAAAA, TypePTR, TypeCNAME, TypeNS:
		if text := m.Data(r); text != "" {
			dst = append(append(append(dst, `,"`...), kind...), `":`...)
			return event.AppendJSONString(dst, text)
		}
	}
	return dst
}
