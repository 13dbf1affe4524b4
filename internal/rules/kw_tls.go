package rules

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/rules/lang"
)

var ofTLS = []string{"tls"}

// tlsBuffers are the parts of a handshake. Certificates are those of the side that sent them.
var tlsBuffers = buffersOf(ofTLS, named{"tls.sni tls_sni", toServer}, named{"tls.alpn", eitherWay}, named{"tls.random", eitherWay}, named{"tls.random_time", eitherWay},
	named{"tls.random_bytes", eitherWay}, named{"tls.certs", eitherWay}, named{"tls.cert_subject tls_cert_subject", eitherWay},
	named{"tls.cert_issuer tls_cert_issuer", eitherWay}, named{"tls.cert_serial tls_cert_serial", eitherWay},
	named{"tls.cert_fingerprint tls_cert_fingerprint", eitherWay}, named{"tls.subjectaltname", eitherWay})

func tlsPart(name string) buffer { return buffer{name, ofTLS, eitherWay} }

var tlsKeywords = []keyword{
	{"tls.version", tlsVersion}, {"ssl_version", sslVersion}, {"ssl_state", sslState},
	numberOf("tls.cert_chain_len", tlsPart("tls.cert_chain_len"), 32, nil),
	textIn("tls.subject", tlsPart("tls.cert_subject"), false), textIn("tls.issuerdn", tlsPart("tls.cert_issuer"), false),
	textIn("tls.fingerprint", tlsPart("tls.cert_fingerprint"), true),
	{"tls_cert_expired", validity(func(_, to, now int64) bool { return to < now })},
	{"tls_cert_valid", validity(func(from, to, now int64) bool { return from <= now && now <= to })},
	{"tls_cert_notbefore", date(0)}, {"tls_cert_notafter", date(8)},
	{"tls.store", func(*compiler, *lang.Option) error { return errors.New("certificates are not stored") }},
	{"tls_store", func(*compiler, *lang.Option) error { return errors.New("certificates are not stored") }},
}

// tlsVersions are the versions by the names that rules have for them.
var tlsVersions = map[string]uint64{"1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303, "1.3": 0x0304}

// draft reports whether a version is a draft of TLS 1.3.
func draft(v uint64) bool { return v>>8 == 0x7f }

func tlsVersion(c *compiler, o *lang.Option) error {
	text := strings.Trim(strings.ToLower(strings.TrimSpace(o.Value)), `"`)
	v, ok := tlsVersions[text]
	if !ok {
		n, err := strconv.ParseUint(text, 0, 16)
		if err != nil || !strings.HasPrefix(text, "0x") {
			return fmt.Errorf("%q is none of 1.0, 1.1, 1.2, 1.3 and no number in hexadecimal", text)
		}
		v = n
	}
	return c.ask(tlsPart("tls.version"), o.Negated, func(b []byte) bool { return value(b) == v || v == 0x0304 && draft(value(b)) })
}

// sslVersion reads ssl_version:tls1.0,!tls1.2: any of those without a mark, none of those with one.
func sslVersion(c *compiler, o *lang.Option) error {
	known := map[string]uint64{"sslv2": 0x0002, "sslv3": 0x0300, "tls1.0": 0x0301, "tls1.1": 0x0302, "tls1.2": 0x0303, "tls1.3": 0x0304}
	text := strings.ToLower(o.Value)
	if o.Negated {
		text = "!" + text
	}
	var any, none []uint64
	for word := range strings.SplitSeq(text, ",") {
		name, neg := strings.CutPrefix(strings.TrimSpace(word), "!")
		v, ok := known[strings.TrimSpace(name)]
		switch {
		case !ok:
			return fmt.Errorf("ssl_version does not know %q", name)
		case neg:
			none = append(none, v)
		default:
			any = append(any, v)
		}
	}
	is := func(b []byte, vs []uint64) bool {
		for _, v := range vs {
			if n := value(b); n == v || v == 0x0304 && draft(n) {
				return true
			}
		}
		return false
	}
	return c.ask(tlsPart("tls.version"), false, func(b []byte) bool { return (len(any) == 0 || is(b, any)) && !is(b, none) })
}

// sslStates are the bits of the part tls.state: what of a handshake was seen.
var sslStates = map[string]byte{"client_hello": 1, "server_hello": 2, "client_keyx": 4, "server_keyx": 8, "unknown": 16}

// sslState reads ssl_state:client_hello|server_hello, an older form has commas.
func sslState(c *compiler, o *lang.Option) error {
	text := strings.ToLower(o.Value)
	if o.Negated {
		text = "!" + text
	}
	var any, none byte
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '|' || r == ',' || r == ' ' }) {
		name, neg := strings.CutPrefix(word, "!")
		bit, ok := sslStates[name]
		switch {
		case !ok:
			return fmt.Errorf("ssl_state does not know %q", name)
		case neg:
			none |= bit
		default:
			any |= bit
		}
	}
	return c.ask(tlsPart("tls.state"), false, func(b []byte) bool {
		return len(b) == 1 && (any == 0 || b[0]&any != 0) && b[0]&none == 0
	})
}

// validity is a keyword about the part tls.validity: the first and the last second of a certificate, then the packet's, in
// eight bytes each.
func validity(f func(from, to, now int64) bool) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		return c.ask(tlsPart("tls.validity"), o.Negated, func(b []byte) bool {
			return len(b) == 24 && f(seconds(b), seconds(b[8:]), seconds(b[16:]))
		})
	}
}

func seconds(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

// date is a keyword that compares one of the two dates of the part tls.validity: <2026-01-01, >2026-01-01T12:00, 2025<>2026.
func date(at int) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		text := strings.Trim(strings.ReplaceAll(o.Value, " ", ""), `"`)
		first, last := int64(-1<<62), int64(1<<62)
		var err error
		if a, b, ok := strings.Cut(text, "<>"); ok {
			if first, err = dateOf(a); err == nil {
				last, err = dateOf(b)
			}
		} else if rest, ok := strings.CutPrefix(text, "<"); ok {
			last, err = dateOf(rest)
		} else if rest, ok := strings.CutPrefix(text, ">"); ok {
			first, err = dateOf(rest)
		} else if first, err = dateOf(text); err == nil {
			first, last = first-1, first+1
		}
		if err != nil {
			return err
		}
		return c.ask(tlsPart("tls.validity"), o.Negated, func(b []byte) bool {
			return len(b) == 24 && first < seconds(b[at:]) && seconds(b[at:]) < last
		})
	}
}

func dateOf(text string) (int64, error) {
	for _, form := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-0215:04:05"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.Unix(), nil
		}
	}
	return 0, fmt.Errorf("%q is no date such as 2026-01-31T12:00:00", text)
}
