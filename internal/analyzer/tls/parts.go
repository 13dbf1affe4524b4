package tls

import (
	"encoding/binary"
	"strings"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// What of a handshake was seen: the bits of the part "tls.state", which the keyword ssl_state asks for.
const (
	seenClientHello = 1 << iota
	seenServerHello
	seenClientKey
	seenServerKey
)

// sight is what rules see of one side when a message of it is complete (event.Parts). It lends the bytes of that message:
// certificates are shown while they are read, and not kept.
type sight struct {
	s      *conn
	d      packet.Dir
	random []byte
	alpn   []byte // ProtocolNameList
	chain  []byte // body of a Certificate message; nil: it is none
	now    packet.Time
}

// show lets rules look at what there is of one side.
func (s *conn) show(c *analyzer.Context, v sight) {
	if !c.Inspected(s.kind) {
		return
	}
	parts := v // of its own: without rules nothing is allocated
	parts.s, parts.now = s, c.Head(s.kind).Seen.Time
	c.Inspect(s.kind, event.Inspection{Dir: v.d, Parts: &parts})
}

// Mute has the handshake leave no record (event.Muter).
func (v *sight) Mute() { v.s.e.head.Quiet = true }

// Pair says that both sides have one record (event.Muter).
func (v *sight) Pair() (id uint64, ok bool) { return 0, false }

// EachBuffer gives the parts of that side, by the names that rules have for them.
func (v *sight) EachBuffer(f func(name string, b []byte)) {
	s := v.s
	f("tls.state", []byte{s.seen})
	text := func(name string, id textID) {
		if b := s.text.get(id); len(b) > 0 {
			f(name, b)
		}
	}
	if v.d == packet.ToServer {
		f("tls.version", number(s.offered))
		text("tls.sni", tSNI)
		text("ja3.string", tJA3)
		text("ja3.hash", tJA3Hash)
		text("ja4.hash", tJA4)
	} else {
		f("tls.version", number(s.e.Version))
		text("ja3s.string", tJA3S)
		text("ja3s.hash", tJA3SHash)
	}
	if len(v.random) == 32 {
		f("tls.random", v.random)
		f("tls.random_time", v.random[:4])
		f("tls.random_bytes", v.random[4:])
	}
	protocols(v.alpn, func(p []byte) { f("tls.alpn", p) })
	if v.chain != nil {
		v.certificates(f)
	}
}

func number(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

// certificates gives all of a chain as they are, and what is read of the first one.
func (v *sight) certificates(f func(name string, b []byte)) {
	n := certificates(v.chain, func(_ int, der []byte) { f("tls.certs", der) })
	f("tls.cert_chain_len", binary.BigEndian.AppendUint32(nil, uint32(n)))
	ids := ownTexts[v.d]
	get := v.s.text.get
	if len(get(ids.fingerprint)) == 0 {
		return
	}
	f("tls.cert_subject", get(ids.subject))
	f("tls.cert_issuer", get(ids.issuer))
	f("tls.cert_serial", get(ids.serial))
	f("tls.cert_fingerprint", appendColons(nil, string(get(ids.fingerprint))))
	if v.d == packet.ToClient {
		for name := range strings.FieldsSeq(string(get(tSANs))) {
			f("tls.subjectaltname", []byte(name))
		}
	}
	from, to := v.s.e.NotBefore, v.s.e.NotAfter
	if v.d == packet.ToServer {
		from, to = v.s.e.Client.NotBefore, v.s.e.Client.NotAfter
	}
	var b []byte
	for _, t := range []packet.Time{from, to, v.now} {
		b = binary.BigEndian.AppendUint64(b, uint64(int64(t)/1e9))
	}
	f("tls.validity", b)
}

// AppendAppObject writes what an alert says of the handshake so far (event.AppObject).
func (v *sight) AppendAppObject(dst []byte) []byte {
	e := v.s.e
	v.s.text.fill(&e)
	return e.appendObject(append(dst, `"tls":`...))
}

// appendColons writes a fingerprint with colons between its bytes.
func appendColons(dst []byte, hex string) []byte {
	for i := 0; i+2 <= len(hex); i += 2 {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hex[i:i+2]...)
	}
	return dst
}
