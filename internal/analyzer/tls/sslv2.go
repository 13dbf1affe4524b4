package tls

import (
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// A client that speaks older versions too may begin with the hello of SSL 2.0 (RFC 5246 E.2): two bytes of length with the
// highest bit set, then the message.
const sslv2Head = 11

// probeSSLv2 knows that hello by its numbers.
func probeSSLv2(b []byte) analyzer.Answer {
	for i, c := range b[:min(len(b), sslv2Head)] {
		if i == 2 && c != msgClientHello || i == 3 && c != 3 && c != 0 || i == 4 && (c > 4 || b[3] == 0 && c != 2) {
			return analyzer.No
		}
	}
	if len(b) < sslv2Head {
		return analyzer.More
	}
	suites, session, challenge := sslv2Sizes(b)
	if suites == 0 || suites%3 != 0 || session != 0 && session != 16 || challenge < 16 || challenge > 32 ||
		int(b[0]&0x7f)<<8+int(b[1]) != sslv2Head-2+suites+session+challenge {
		return analyzer.No
	}
	return analyzer.Yes
}

func sslv2Sizes(b []byte) (suites, session, challenge int) {
	return int(binary.BigEndian.Uint16(b[5:])), int(binary.BigEndian.Uint16(b[7:])), int(binary.BigEndian.Uint16(b[9:]))
}

// sslv2 collects a hello of SSL 2.0 and returns the bytes behind it.
func (s *conn) sslv2(c *analyzer.Context, h *half, b []byte) []byte {
	for len(b) > 0 && (len(h.hs) < 2 || len(h.hs) < 2+int(h.hs[0]&0x7f)<<8+int(h.hs[1])) {
		h.hs = append(h.hs, b[0])
		b = b[1:]
	}
	if len(h.hs) < 2 || len(h.hs) < 2+int(h.hs[0]&0x7f)<<8+int(h.hs[1]) {
		return nil
	}
	m := h.hs
	h.hs, h.old, h.any = h.hs[:0], false, true
	c.Frame(packet.ToServer, "ssl2.hdr", len(m)+len(b), 2)
	c.Frame(packet.ToServer, "ssl2.pdu", len(m)+len(b), int64(len(m)))
	if probeSSLv2(m) != analyzer.Yes {
		s.odd(c, packet.ToServer, oddSSLv2|oddRecord)
		s.broken(c)
		return nil
	}
	s.hello, s.e.Hello, s.offered = true, h.begin, binary.BigEndian.Uint16(m[3:])
	s.e.ClientVersion = s.offered
	s.seen |= seenClientHello
	suites, _, _ := sslv2Sizes(m)
	for v := m[sslv2Head : sslv2Head+suites]; len(v) >= 3; v = v[3:] {
		if v[0] == 0 && s.nlist[1] < maxList { // the others are those of SSL 2.0
			s.lists = append(s.lists, binary.BigEndian.Uint16(v[1:]))
			s.nlist[1]++
		}
	}
	s.show(c, sight{})
	return b
}
