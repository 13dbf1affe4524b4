package tls

import (
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Handshake is how a TLS connection began, or did not. One is emitted for each connection: when protected data flows,
// when a side gives up, or when no more of the handshake can come. Texts are from packets.
type Handshake struct {
	head event.Head

	// What the client offered. Valid when Hello is set.
	Hello         packet.Ref // first packet of the ClientHello
	ClientVersion uint16     // the highest version offered
	Versions      []uint16   // supported_versions; nil: ClientVersion says all
	Ciphers       []uint16   // without GREASE, at most 256
	Groups        []uint16   // supported_groups, without GREASE
	SNI           string
	ALPN          string // offered protocols, separated by commas
	JA3, JA3Hash  string
	JA4           string

	// What the server answered. Valid when Answer is set.
	Answer      packet.Ref // first packet of the ServerHello or HelloRetryRequest
	Version     uint16     // chosen
	Cipher      uint16
	Group       uint16 // of TLS 1.3
	ServerALPN  string
	JA3S        string
	JA3SHash    string
	RetryGroup  uint16     // the group a HelloRetryRequest asked for
	Certificate packet.Ref // last packet of the server's Certificate message: up to TLS 1.2
	Chain       int        // certificates in it
	Subject     string     // of the first one, "C=DE, CN=shop.example"
	Issuer      string
	Serial      string // "0A:1B"
	SANs        string // its DNS names and addresses, separated by spaces
	Fingerprint string // SHA-1, 40 hex digits
	NotBefore   packet.Time
	NotAfter    packet.Time
	CertRequest packet.Ref // CertificateRequest: up to TLS 1.2
	ClientCert  packet.Ref // the client's Certificate message: up to TLS 1.2
	ClientCerts int        // certificates in it
	Client      Identity   // of the first of them
	// Certificates are those that each side showed, by the direction travelled, its own first, in DER; nil where nobody asked for
	// them.
	Certificates [2][]string
	ClientFirst  int      // TLS 1.3: bytes of the client's first protected record
	Alert        [2]Alert // by the direction travelled: the last one before the end
	Plain        string   // what the server said in plain text instead of TLS: its first line, at most 64 bytes
	PlainRef     packet.Ref
	Ended        packet.Ref // last packet that was given before a direction was closed; zero: the connection went on
	EndedBy      packet.Dir // whose end that was, unless Reset
	Reset        bool       // it was a reset, by whomever
	Established  bool       // both sides went over to protected records
	Data         bool       // and data followed; false: a side left right after the handshake
	Resumed      bool       // a session was resumed
	Asked        bool       // words in clear came before it on this connection: STARTTLS, CONNECT, a server's greeting
	From         string     // EVE's word for what the connection spoke before; empty: nothing that was read
	Retried      bool       // there was a HelloRetryRequest
	Gap          bool       // bytes of the handshake are missing
	Undecided    bool       // the input ended before the handshake did
	ClientGone   bool       // the client sent nothing after the server's answer
}

// Identity is what is told of a certificate, in the forms of those of Handshake.
type Identity struct {
	Subject, Issuer, Serial, Fingerprint string
	NotBefore, NotAfter                  packet.Time
}

// Alert is an alert of one side (RFC 8446 6).
type Alert struct {
	Ref         packet.Ref
	Fatal       bool
	Encrypted   bool // it was protected: that it is an alert follows from its place and length
	Description uint8
}

// NewHandshake returns an event with head h. Its kind is given out by the registry: the head must hold it.
func NewHandshake(h event.Head) *Handshake { return &Handshake{head: h} }

// Head returns the common part. Seen is the packet that decided the handshake.
func (h *Handshake) Head() *event.Head { return &h.head }

// EachName calls f with the name that the server was asked for, where it answered.
func (h *Handshake) EachName(f func(event.Name)) {
	if h.SNI == "" || len(h.SNI) > event.MaxName || h.Answer.IsZero() {
		return
	}
	if a := h.Alert[packet.ToClient]; !a.Ref.IsZero() && a.Description == AlertUnrecognizedName {
		return
	}
	if _, err := netip.ParseAddr(h.SNI); err == nil {
		return
	}
	f(event.Name{Addr: h.head.Server.Addr, Name: strings.ToLower(h.SNI), From: event.NameSNI})
}

// Covers reports whether the certificate is for the name (RFC 9525 6.3): one of its DNS names or addresses, or one with
// a star for the first label. ok is false when no certificate was seen.
func (h *Handshake) Covers(name string) (covers, ok bool) {
	if h.Certificate.IsZero() || h.Subject == "" && h.SANs == "" {
		return false, false
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	names := strings.Fields(strings.ToLower(h.SANs))
	if len(names) == 0 { // old certificates name their host in the subject alone
		for _, part := range strings.Split(h.Subject, ", ") {
			if cn, found := strings.CutPrefix(part, "CN="); found {
				names = append(names, strings.ToLower(cn))
			}
		}
	}
	for _, n := range names {
		if n == name {
			return true, true
		}
		if tail, star := strings.CutPrefix(n, "*."); star {
			if _, rest, found := strings.Cut(name, "."); found && rest == tail {
				return true, true
			}
		}
	}
	return false, true
}

// ClientLeft reports that the client ended the connection with what the server showed it: by an alert, or by a close
// before any data.
func (h *Handshake) ClientLeft() bool {
	if h.Answer.IsZero() || h.Data {
		return false
	}
	a := h.Alert[packet.ToServer]
	return !a.Ref.IsZero() || !h.Ended.IsZero() && !h.Reset && h.EndedBy == packet.ToServer
}

// EmptyCertificate reports that the client answered a request for a certificate with none. In TLS 1.3 the size of its
// first protected record tells: an empty Certificate is 8 bytes, a Finished 36 or 52, to which content type and tag add
// 17; they come as one record or two. Without a request there is a Finished alone.
func (h *Handshake) EmptyCertificate() bool {
	if h.Version < VersionTLS13 {
		return !h.ClientCert.IsZero() && h.ClientCerts == 0
	}
	return h.ClientFirst == 8+17 || h.ClientFirst == 8+36+17 || h.ClientFirst == 8+52+17
}

// FullCertificate reports that the client showed a certificate; in TLS 1.3 by the size of its first protected record.
func (h *Handshake) FullCertificate() bool {
	return h.ClientCerts > 0 || h.Version >= VersionTLS13 && !h.Resumed && h.ClientFirst > 300
}

// VersionName writes a version for people: "TLS 1.2".
func VersionName(v uint16) string {
	switch v {
	case VersionTLS10:
		return "TLS 1.0"
	case VersionSSL30:
		return "SSL 3.0"
	}
	if n := versionName(v); n != "UNDETERMINED" {
		return n
	}
	return "version 0x" + strconv.FormatUint(uint64(v), 16)
}

// AppendEVE writes Suricata's tls record; where neither hello was seen there is none.
func (h *Handshake) AppendEVE(dst []byte, c *event.EVE) []byte {
	if h.Answer.IsZero() && h.Hello.IsZero() {
		return dst
	}
	dst = event.AppendEVEHead(dst, &h.head, "tls", packet.ToServer, c)
	dst = h.appendRecord(append(dst, `,"tls":`...), &c.TLS)
	return event.AppendEVETail(dst, &h.head, c)
}

// appendObject writes the object of an alert.
func (h *Handshake) appendObject(dst []byte) []byte { return h.appendRecord(dst, &event.TLSParts{}) }

// appendRecord writes the object with the parts that are asked for.
func (h *Handshake) appendRecord(dst []byte, parts *event.TLSParts) []byte {
	dst = append(dst, '{')
	o := object{event.Object{Dst: dst}}
	o.Some("subject", h.Subject)
	o.Some("issuerdn", h.Issuer)
	o.Some("serial", h.Serial)
	o.fingerprint(h.Fingerprint)
	o.Some("sni", h.SNI)
	version := h.Version
	if version == 0 { // the server did not choose
		version = h.ClientVersion
	}
	o.Some("version", versionName(version))
	if h.Subject != "" || h.Issuer != "" {
		o.date("notbefore", h.NotBefore)
		o.date("notafter", h.NotAfter)
	}
	o.list("subjectaltname", h.SANs, " ")
	o.certificates(h.Certificates[packet.ToClient], parts.Certificate, parts.Chain)
	if h.Resumed {
		o.Key("session_resumed")
		o.Dst = append(o.Dst, "true"...)
	}
	o.list("client_alpns", h.ALPN, ",")
	o.Some("server_alpn", h.ServerALPN)
	o.pair("ja3", h.JA3Hash, h.JA3)
	o.pair("ja3s", h.JA3SHash, h.JA3S)
	o.Some("ja4", h.JA4)
	o.Some("from_proto", h.From)
	if k := &h.Client; k.Fingerprint != "" {
		o.Key("client")
		o.Dst = append(o.Dst, '{')
		k.append(&o)
		in := object{event.Object{Dst: o.Dst}}
		in.certificates(h.Certificates[packet.ToServer], parts.ClientCertificate, parts.ClientChain)
		o.Dst = in.Dst
		o.Dst = append(o.Dst, '}')
	}
	return append(o.Dst, '}')
}

// append writes the members of an object.
func (k *Identity) append(to *object) {
	o := object{event.Object{Dst: to.Dst}}
	o.Some("subject", k.Subject)
	o.Some("issuerdn", k.Issuer)
	o.Some("serial", k.Serial)
	o.fingerprint(k.Fingerprint)
	o.date("notbefore", k.NotBefore)
	o.date("notafter", k.NotAfter)
	to.Dst = o.Dst
}

// object writes the members of a JSON object.
type object struct{ event.Object }

func (o *object) fingerprint(v string) {
	if v == "" {
		return
	}
	o.Key("fingerprint")
	o.Dst = append(o.Dst, '"')
	o.Dst = append(appendColons(o.Dst, v), '"')
}

func (o *object) date(k string, t packet.Time) {
	o.Key(k)
	o.Dst = append(o.Dst, '"')
	o.Dst = time.Unix(0, int64(t)).UTC().AppendFormat(o.Dst, "2006-01-02T15:04:05")
	o.Dst = append(o.Dst, '"')
}

// certificates writes the first of them and all of them, in base64.
func (o *object) certificates(ders []string, first, all bool) {
	if len(ders) == 0 {
		return
	}
	if first {
		o.Key("certificate")
		o.Dst = append(base64.StdEncoding.AppendEncode(append(o.Dst, '"'), []byte(ders[0])), '"')
	}
	if !all {
		return
	}
	o.Key("chain")
	for i, der := range ders {
		o.Dst = append(o.Dst, "[,"[min(i, 1)], '"')
		o.Dst = append(base64.StdEncoding.AppendEncode(o.Dst, []byte(der)), '"')
	}
	o.Dst = append(o.Dst, ']')
}

func (o *object) list(k, v, sep string) {
	if v == "" {
		return
	}
	o.Key(k)
	o.Dst = append(o.Dst, '[')
	for more := true; more; {
		var one string
		one, v, more = strings.Cut(v, sep)
		o.Dst = event.AppendJSONString(o.Dst, one)
		if more {
			o.Dst = append(o.Dst, ',')
		}
	}
	o.Dst = append(o.Dst, ']')
}

func (o *object) pair(k, hash, text string) {
	if hash == "" {
		return
	}
	o.Key(k)
	o.Dst = append(o.Dst, `{"hash":"`...)
	o.Dst = append(o.Dst, hash...)
	o.Dst = append(o.Dst, `","string":`...)
	o.Dst = event.AppendJSONString(o.Dst, text)
	o.Dst = append(o.Dst, '}')
}

// fingerprint writes a SHA-1.
func fingerprint(dst []byte, sum [20]byte) []byte { return hex.AppendEncode(dst, sum[:]) }
