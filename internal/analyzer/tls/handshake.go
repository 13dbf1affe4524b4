package tls

import (
	"bytes"
	"net/netip"

	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// message acts on a handshake message in clear.
func (s *conn) message(c *analyzer.Context, d packet.Dir, h *half, typ byte, b []byte) {
	switch {
	case typ == msgClientHello && d == packet.ToServer:
		if !s.hello {
			ok := s.clientHello(h, b)
			s.seen |= seenClientHello
			s.show(c, sight{d: d, random: s.ch.Random, alpn: s.ch.ALPN})
			what := sniOddities(b)
			if !ok {
				what |= oddMessage | oddLength
			}
			s.odd(c, d, what)
		}
	case typ == msgServerHello && d == packet.ToClient:
		ok := s.serverHello(h, b)
		s.seen |= seenServerHello
		s.show(c, sight{d: d, random: s.sh.Random, alpn: s.sh.ALPN})
		if !ok {
			s.odd(c, d, oddMessage|oddLength)
		}
	case typ == msgCertificate && d == packet.ToClient:
		what := s.certificate(c, b)
		s.show(c, sight{d: d, chain: b})
		s.odd(c, d, what)
	case typ == msgCertificate:
		what := s.clientCertificate(c, b)
		s.show(c, sight{d: d, chain: b})
		s.odd(c, d, what)
	case typ == msgClientKeyExchange && d == packet.ToServer:
		s.seen |= seenClientKey
		s.show(c, sight{d: d})
	case typ == msgServerKeyExchange && d == packet.ToClient:
		s.seen |= seenServerKey
		s.show(c, sight{d: d})
	case typ == msgCertificateRequest && d == packet.ToClient:
		s.e.CertRequest = c.Head(s.kind).Seen
	}
}

// clientHello reads a ClientHello. False: it is broken.
func (s *conn) clientHello(h *half, b []byte) bool {
	s.hello = true
	e, ch := &s.e, &s.ch
	e.Hello = h.first
	ok := ch.Parse(b)
	e.Gap = e.Gap || !ok
	e.ClientVersion, s.offered = ch.Version, ch.Version
	add := func(k int, l List) {
		for i := range l.Len() {
			if v := l.At(i); !grease(v) && s.nlist[k] < maxList {
				s.lists = append(s.lists, v)
				s.nlist[k]++
			}
		}
	}
	add(0, ch.Versions)
	add(1, ch.CipherSuites)
	add(2, ch.Groups)
	for _, v := range s.lists[:s.nlist[0]] {
		e.ClientVersion = max(e.ClientVersion, v)
	}
	s.offered = e.ClientVersion
	s.text.set(tSession, ch.SessionID, 32)
	s.text.set(tSNI, printable(ch.ServerName), 255)
	from := len(s.text.buf)
	protocols(ch.ALPN, func(p []byte) {
		if len(s.text.buf)-from < maxText {
			if len(s.text.buf) > from {
				s.text.buf = append(s.text.buf, ',')
			}
			s.text.buf = append(s.text.buf, p...)
		}
	})
	s.text.end(tALPN, from, maxText)
	s.buf = appendJA3(s.buf[:0], ch)
	s.text.set(tJA3, s.buf, maxJA3)
	from = len(s.text.buf)
	s.text.buf = appendMD5(s.text.buf, s.buf)
	s.text.end(tJA3Hash, from, 32)
	from = len(s.text.buf)
	s.text.buf, s.scratch, s.buf = appendJA4(s.text.buf, ch, s.scratch, s.buf)
	s.text.end(tJA4, from, 64)
	return ok
}

const (
	maxList = 256 // values of a list that are kept
	maxText = 512 // bytes of a text
	maxJA3  = 4096
)

// printable returns a name if it could be one (RFC 6066 3): nothing else travels as a name.
func printable(b []byte) []byte {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return nil
		}
	}
	return b
}

// serverHello reads a ServerHello. False: it is broken.
func (s *conn) serverHello(h *half, b []byte) bool {
	e, sh := &s.e, &s.sh
	if e.Answer.IsZero() {
		e.Answer = h.first
	}
	ok := sh.Parse(b)
	e.Gap = e.Gap || !ok
	if sh.Retry() {
		e.Retried, e.RetryGroup, e.Version, e.Cipher = true, sh.Group, sh.Actual(), sh.CipherSuite
		return ok
	}
	s.server = true
	e.Version, e.Cipher, e.Group = sh.Actual(), sh.CipherSuite, sh.Group
	s.thirt = e.Version >= VersionTLS13
	e.Resumed = sh.PSK || !s.thirt && len(sh.SessionID) > 0 && s.hello && bytes.Equal(sh.SessionID, s.session())
	protocols(sh.ALPN, func(p []byte) { s.text.set(tServerALPN, p, 64) })
	s.buf = appendJA3S(s.buf[:0], sh)
	s.text.set(tJA3S, s.buf, maxJA3)
	from := len(s.text.buf)
	s.text.buf = appendMD5(s.text.buf, s.buf)
	s.text.end(tJA3SHash, from, 32)
	return ok
}

// certificate reads the certificates that a server shows, up to TLS 1.2, and says what is wrong with them.
func (s *conn) certificate(c *analyzer.Context, b []byte) oddity {
	e := &s.e
	e.Certificate = c.Head(s.kind).Seen
	var first []byte
	parsed := false
	e.Chain = certificates(b, func(i int, der []byte) {
		s.keep(packet.ToClient, der)
		if i > 0 {
			return
		}
		x := &s.cert
		first, parsed = der, x.Parse(der)
		if !parsed {
			return
		}
		t := &s.text
		t.certificate(x, ownTexts[packet.ToClient])
		from := len(t.buf)
		altNames(x.SANs, func(tag byte, v []byte) { t.addName(from, tag, v) })
		t.end(tSANs, from, maxSANs)
		e.NotBefore, e.NotAfter = packet.Time(seconds(x.NotBefore)), packet.Time(seconds(x.NotAfter))
	})
	return certificateOddities(b, first, parsed)
}

// clientCertificate reads the certificates that a client shows, up to TLS 1.2, and says what is wrong with them.
func (s *conn) clientCertificate(c *analyzer.Context, b []byte) oddity {
	e := &s.e
	e.ClientCert = c.Head(s.kind).Seen
	var first []byte
	parsed := false
	e.ClientCerts = certificates(b, func(i int, der []byte) {
		x := &s.cert
		s.keep(packet.ToServer, der)
		if i > 0 {
			return
		}
		if first, parsed = der, x.Parse(der); parsed {
			s.text.certificate(x, ownTexts[packet.ToServer])
			e.Client.NotBefore, e.Client.NotAfter = packet.Time(seconds(x.NotBefore)), packet.Time(seconds(x.NotAfter))
		}
	})
	return certificateOddities(b, first, parsed)
}

// keep keeps a certificate that d showed, if they go into the record. A message of them is bounded by maxMessage.
func (s *conn) keep(d packet.Dir, der []byte) {
	if s.whole {
		s.e.Certificates[d] = append(s.e.Certificates[d], string(der))
	}
}

// certificate keeps what is told of one.
func (t *texts) certificate(x *Certificate, ids certificateTexts) {
	from := len(t.buf)
	t.buf = appendName(t.buf, x.Subject, maxText)
	t.end(ids.subject, from, maxText)
	from = len(t.buf)
	t.buf = appendName(t.buf, x.Issuer, maxText)
	t.end(ids.issuer, from, maxText)
	from = len(t.buf)
	t.buf = appendSerial(t.buf, x.Serial[:min(len(x.Serial), 32)])
	t.end(ids.serial, from, maxText)
	from = len(t.buf)
	t.buf = fingerprint(t.buf, x.Fingerprint)
	t.end(ids.fingerprint, from, 40)
}

const maxSANs = 2048

// seconds makes nanoseconds of them as far as 64 bits reach: year 2262.
func seconds(s int64) int64 { return min(max(s, -1<<33), 1<<33) * 1e9 }

// addName adds a DNS name or an address to the list that begins at from.
func (x *texts) addName(from int, tag byte, v []byte) {
	if len(x.buf)-from > maxSANs-256 {
		return
	}
	at := len(x.buf)
	if at > from {
		x.buf = append(x.buf, ' ')
	}
	if tag == 0x87 {
		a, ok := netip.AddrFromSlice(v)
		if !ok {
			x.buf = x.buf[:at]
			return
		}
		x.buf = a.AppendTo(x.buf)
		return
	}
	if len(v) == 0 || len(v) > 255 || printable(v) == nil {
		x.buf = x.buf[:at]
		return
	}
	x.buf = append(x.buf, v...)
}

// session is the session id that the client offered; the hello's own bytes are gone by the time the server answers.
func (s *conn) session() []byte { return s.text.get(tSession) }

// emit reports the connection and ends the interest in it.
func (s *conn) emit(c *analyzer.Context) {
	s.over = true
	if !c.Framed() {
		c.Done()
	}
	if !s.hello && !s.server && s.e.PlainRef.IsZero() && s.e.Alert == ([2]Alert{}) {
		return // nothing of a handshake was seen
	}
	e := new(Handshake)
	*e = s.e
	quiet := e.head.Quiet
	e.head = c.Head(s.kind)
	e.head.Quiet = quiet
	e.Asked, e.From = c.Upgraded(), c.Before()
	e.ClientGone = !s.data && !s.half[packet.ToServer].ccs && e.ClientCert.IsZero()
	if len(s.lists) > 0 {
		all := append([]uint16(nil), s.lists...)
		a, b := s.nlist[0], s.nlist[0]+s.nlist[1]
		e.Versions, e.Ciphers, e.Groups = all[:a:a], all[a:b:b], all[b:]
	}
	s.text.fill(e)
	c.Emit(e)
}

// textID names a text of a handshake.
type textID uint8

const (
	tNone textID = iota
	tSNI
	tALPN
	tJA3
	tJA3Hash
	tJA4
	tServerALPN
	tJA3S
	tJA3SHash
	tSubject
	tIssuer
	tSerial
	tSANs
	tFingerprint
	tClientSubject
	tClientIssuer
	tClientSerial
	tClientFingerprint
	tPlain
	tSession
	numTexts
)

// certificateTexts are the texts of one side's certificate.
type certificateTexts struct{ subject, issuer, serial, fingerprint textID }

// ownTexts are those of the certificate that a side sent.
var ownTexts = [2]certificateTexts{packet.ToServer: {tClientSubject, tClientIssuer, tClientSerial, tClientFingerprint},
	packet.ToClient: {tSubject, tIssuer, tSerial, tFingerprint}}

// texts collects what an event will own: one string for all of it.
type texts struct {
	buf []byte
	at  [numTexts]struct{ from, to int32 }
}

// set copies b, at most that many bytes of it.
func (x *texts) set(id textID, b []byte, most int) {
	from := len(x.buf)
	x.buf = append(x.buf, b[:min(len(b), most)]...)
	x.at[id].from, x.at[id].to = int32(from), int32(len(x.buf))
}

// end names what was appended since from, at most that many bytes of it.
func (x *texts) end(id textID, from, most int) {
	x.buf = x.buf[:min(len(x.buf), from+most)]
	x.at[id].from, x.at[id].to = int32(from), int32(len(x.buf))
}

func (x *texts) get(id textID) []byte { return x.buf[x.at[id].from:x.at[id].to] }

// fill gives e its texts.
func (x *texts) fill(e *Handshake) {
	all := string(x.buf)
	get := func(id textID) string { return all[x.at[id].from:x.at[id].to] }
	e.SNI, e.ALPN, e.JA3, e.JA3Hash, e.JA4 = get(tSNI), get(tALPN), get(tJA3), get(tJA3Hash), get(tJA4)
	e.ServerALPN, e.JA3S, e.JA3SHash = get(tServerALPN), get(tJA3S), get(tJA3SHash)
	e.Subject, e.Issuer, e.Serial, e.SANs, e.Fingerprint, e.Plain = get(tSubject), get(tIssuer), get(tSerial), get(tSANs), get(tFingerprint), get(tPlain)
	k := &e.Client
	k.Subject, k.Issuer, k.Serial, k.Fingerprint = get(tClientSubject), get(tClientIssuer), get(tClientSerial), get(tClientFingerprint)
}
