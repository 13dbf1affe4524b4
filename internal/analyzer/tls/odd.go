package tls

import (
	"strings"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// oddity is something odd in what a side says. Each is told once for a side.
type oddity uint32

const (
	oddRecord oddity = 1 << iota
	oddRecordType
	oddRecordVersion
	oddRecordLength
	oddSSLv2
	oddAlert
	oddMessage
	oddLength
	oddSNITwice
	oddSNIType
	oddSNILength
	oddCertificate
	oddCertificateLength
	oddHeartbeat
	oddHeartbeatBroken
	oddHeartbeatOverflow
	oddHeartbeatLeak
)

// oddNames are Suricata's names, by bit.
var oddNames = [...]string{"invalid_ssl_record", "invalid_record_type", "invalid_record_version", "invalid_record_length", "invalid_sslv2_header",
	"invalid_alert_message", "invalid_handshake_message", "handshake_invalid_length", "multiple_sni_extensions", "invalid_sni_type",
	"invalid_sni_length", "invalid_certificate", "certificate_invalid_length", "heartbeat_message", "invalid_heartbeat_message",
	"overflow_heartbeat_message", "dataleak_heartbeat_mismatch"}

// odd tells what is odd in what travels d.
func (s *conn) odd(c *analyzer.Context, d packet.Dir, what oddity) {
	what &^= s.told[d]
	if what == 0 {
		return
	}
	s.told[d] |= what
	var names []string
	for i, name := range oddNames {
		if what>>i&1 != 0 {
			c.AppLayer(d, 0, strings.ToUpper(name)) // so EVE has those of TLS
			names = append(names, name)
		}
	}
	if c.Inspected(s.kind) {
		c.Inspect(s.kind, event.Inspection{Dir: d, Parts: &oddSight{sight{s: s, d: d}}, Events: names})
	}
}

// oddSight shows that something is odd, and no part: those were shown when they came.
type oddSight struct{ sight }

// EachBuffer gives nothing.
func (*oddSight) EachBuffer(func(string, []byte)) {}

// sniOddities are what is wrong in the server names of a ClientHello's extensions (RFC 6066 3): more than one extension, one
// that is no host name, a length that does not fit.
func sniOddities(hello []byte) (odd oddity) {
	r := reader{b: hello}
	r.take(34)
	r.take(r.u8())
	r.take(int(r.u16()))
	r.take(r.u8())
	r.b = r.take(int(r.u16()))
	for seen := false; len(r.b) > 0; {
		typ := r.u16()
		ext := reader{b: r.take(int(r.u16()))}
		if r.bad {
			break
		}
		if typ != extServerName || len(ext.b) == 0 {
			continue
		}
		if seen {
			odd |= oddSNITwice
			continue
		}
		seen = true
		ext.u16()
		kind := ext.u8()
		size := int(ext.u16())
		switch {
		case ext.bad || size != len(ext.b):
			odd |= oddSNILength
		case kind != 0:
			odd |= oddSNIType
		}
	}
	return odd
}

// certificateOddities are what is wrong in a Certificate message, by its first certificate.
func certificateOddities(b []byte, first []byte, parsed bool) oddity {
	switch {
	case parsed:
		return 0
	case first == nil: // the list promises more than there is, or nothing is in it
		if peek24(b) == 0 && len(b) >= 3 {
			return 0
		}
		return oddMessage | oddCertificateLength
	}
	if _, _, _, ok := element(first); !ok {
		return oddMessage | oddCertificateLength
	}
	return oddMessage | oddCertificate
}

// Heartbeats (RFC 6520 4): type, length of the payload, payload, at least 16 bytes of padding.
const (
	heartbeatHead    = 3
	heartbeatPadding = 16
)

// heartbeat judges a record of a heartbeat by its first bytes: begin holds as many as there are, at most heartbeatHead.
func (s *conn) heartbeat(c *analyzer.Context, d packet.Dir, h *half, begin []byte) {
	if h.ccs || s.thirt && s.server { // protected: an answer must be as long as what it answers
		o := &s.half[d.Other()]
		if o.beat > 0 && h.size > o.beat {
			s.odd(c, d, oddHeartbeatLeak)
		}
		if o.beat, h.beat = 0, h.size; s.told[d]&oddHeartbeatLeak != 0 {
			h.beat = 0
		}
		return
	}
	what := oddHeartbeat
	switch {
	case len(begin) < heartbeatHead || begin[0] != 1 && begin[0] != 2:
		what |= oddHeartbeatBroken
	case heartbeatHead+int(begin[1])<<8+int(begin[2]) > h.size:
		what |= oddHeartbeatOverflow
	case heartbeatHead+int(begin[1])<<8+int(begin[2])+heartbeatPadding > h.size:
		what |= oddHeartbeatBroken
	}
	s.odd(c, d, what)
}
