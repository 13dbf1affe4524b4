package ruletraffic

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// record puts a handshake message into a TLS record (RFC 5246 6.2, 7.4).
func record(kind byte, body []byte) []byte {
	n := len(body)
	msg := append([]byte{kind, byte(n >> 16), byte(n >> 8), byte(n)}, body...)
	var out []byte
	for len(msg) > 0 {
		k := min(len(msg), 16000)
		out = append(append(out, 22, 3, 3, byte(k>>8), byte(k)), msg[:k]...)
		msg = msg[k:]
	}
	return out
}

var fixedRandom = strings.Repeat("\x5a", 32)

// helloJA3 is what JA3 says of clientHello with a name in it: version, suites, extensions, groups, formats.
const helloJA3 = "771,49199-49195-47,0-10-11,23-24,0"

// helloJA4 is what JA4 says of it.
const helloJA4 = "t12d030300_6653654bab36_33a13ba74d1c"

// serverJA3 is what JA3S says of serverHello.
const serverJA3 = "771,49199,65281"

// clientHello is a ClientHello that asks for a name; empty: for none.
func clientHello(name string) []byte { return hello(name, "", fixedRandom) }

// hello is a ClientHello with a name, a protocol to be spoken and 32 bytes of random.
func hello(name, alpn, random string) []byte {
	b := append([]byte{3, 3}, random...)
	b = append(b, 0, 0, 6, 0xc0, 0x2f, 0xc0, 0x2b, 0, 0x2f, 1, 0)
	var ext []byte
	if name != "" {
		n := len(name)
		ext = append(ext, 0, 0, byte((n+5)>>8), byte(n+5), byte((n+3)>>8), byte(n+3), 0, byte(n>>8), byte(n))
		ext = append(ext, name...)
	}
	if n := len(alpn); n > 0 {
		ext = append(ext, 0, 16, 0, byte(n+3), 0, byte(n+1), byte(n))
		ext = append(ext, alpn...)
	}
	ext = append(ext, 0, 10, 0, 6, 0, 4, 0, 23, 0, 24, 0, 11, 0, 2, 1, 0)
	b = append(b, byte(len(ext)>>8), byte(len(ext)))
	return record(1, append(b, ext...))
}

func serverHello() []byte { return answerHello(0x303) }

func answerHello(version int) []byte {
	b := append([]byte{byte(version >> 8), byte(version)}, fixedRandom...)
	return record(2, append(b, 0, 0xc0, 0x2f, 0, 0, 5, 0xff, 1, 0, 1, 0))
}

// names are a distinguished name: either pairs in order, or cn alone.
type names struct {
	cn    string
	pairs [][2]string
}

// attributes are the object identifiers of a name's parts (RFC 5280 A.1), by their short names.
var attributes = map[string][]byte{"CN": {0x55, 4, 3}, "C": {0x55, 4, 6}, "L": {0x55, 4, 7}, "ST": {0x55, 4, 8}, "O": {0x55, 4, 10}, "OU": {0x55, 4, 11}}

func tlv(tag byte, parts ...[]byte) []byte {
	var in []byte
	for _, p := range parts {
		in = append(in, p...)
	}
	n := len(in)
	switch {
	case n < 128:
		return append([]byte{tag, byte(n)}, in...)
	case n < 256:
		return append([]byte{tag, 0x81, byte(n)}, in...)
	}
	return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, in...)
}

func (n names) der() []byte {
	pairs := n.pairs
	if pairs == nil {
		pairs = [][2]string{{"CN", n.cn}}
	}
	var sets [][]byte
	for _, p := range pairs {
		sets = append(sets, tlv(0x31, tlv(0x30, tlv(6, attributes[p[0]]), tlv(0x0c, []byte(p[1])))))
	}
	return tlv(0x30, sets...)
}

func (n names) text() string {
	var out []string
	for _, p := range n.pairs {
		out = append(out, p[0]+"="+p[1])
	}
	if n.pairs == nil {
		return "CN=" + n.cn
	}
	return strings.Join(out, ", ")
}

var defaultSerial = []byte{0x4d, 0x5a, 0x11}

// der is a certificate (RFC 5280 4.1) whose signature nobody checks. extra, when there is some, lies in an extension.
func der(subject, issuer names, serial, extra []byte) []byte {
	return derOf(subject, issuer, serial, extra, "", [2]int{2015, 2045})
}

// derOf is one with a name of the subject's host and the years of its validity.
func derOf(subject, issuer names, serial, extra []byte, alternative string, years [2]int) []byte {
	if serial == nil {
		serial = defaultSerial
	}
	algorithm := tlv(0x30, tlv(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}))
	key := tlv(0x30, tlv(0x30, tlv(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1}), tlv(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})),
		tlv(3, append([]byte{0, 4}, strings.Repeat("\x33", 64)...)))
	parts := [][]byte{tlv(0xa0, tlv(2, []byte{2})), tlv(2, serial), algorithm, issuer.der(),
		tlv(0x30, year(years[0]), year(years[1])), subject.der(), key}
	var extensions [][]byte
	if extra != nil {
		extensions = append(extensions, tlv(0x30, tlv(6, []byte{0x2b, 6, 1, 4, 1, 0x82, 0x37, 99}), tlv(4, extra)))
	}
	if alternative != "" {
		extensions = append(extensions, tlv(0x30, tlv(6, []byte{0x55, 0x1d, 17}), tlv(4, tlv(0x30, tlv(0x82, []byte(alternative))))))
	}
	if len(extensions) > 0 {
		parts = append(parts, tlv(0xa3, tlv(0x30, extensions...)))
	}
	return tlv(0x30, tlv(0x30, parts...), algorithm, tlv(3, append([]byte{0}, strings.Repeat("\x44", 64)...)))
}

// year is the first second of a year (RFC 5280 4.1.2.5: two digits up to 2049).
func year(n int) []byte { return tlv(0x17, fmt.Appendf(nil, "%02d0101000000Z", n%100)) }

func certificate(subject, issuer names, extra []byte) []byte {
	return certificateOf(der(subject, issuer, nil, extra))
}

func certificateOf(chain ...[]byte) []byte {
	var all []byte
	for _, d := range chain {
		n := len(d)
		all = append(append(all, byte(n>>16), byte(n>>8), byte(n)), d...)
	}
	n := len(all)
	return record(11, append([]byte{byte(n >> 16), byte(n >> 8), byte(n)}, all...))
}

var pairRE = regexp.MustCompile(`^(C|ST|L|O|OU|CN)=(.*)$`)

// parseNames reads "C=US, CN=host"; false when there is a part that names nothing.
func parseNames(s string) (names, bool) {
	var n names
	for _, p := range strings.Split(s, ", ") {
		f := pairRE.FindStringSubmatch(p)
		if f == nil || f[2] == "" || strings.TrimSpace(f[2]) != f[2] {
			return n, false
		}
		n.pairs = append(n.pairs, [2]string{f[1], f[2]})
	}
	return n, true
}

var distinguished = style{filler: lettersDigits, begin: "CN=", join: ", ", legal: printable, good: func(b []byte) bool { _, ok := parseNames(string(b)); return ok }}

// serialText is a serial number as rules write it: 4D:5A:11.
func serialText(b []byte) string {
	return strings.ReplaceAll(strings.ToUpper(fmt.Sprintf("% x", b)), " ", ":")
}

// tlsTalk is a handshake as far as rules see it.
func (m *meaning) tlsTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	sni := word(rng) + ".example"
	subject, issuer := names{cn: "default.example"}, names{cn: "ca.example"}
	var serial, extra []byte
	alpn, random, alternative := "", []byte(fixedRandom), ""
	for _, p := range parts {
		fillWith := func(k *style) ([]byte, error) {
			return p.fill(k, func(cs []check, k *style) ([]byte, bool) { return fill(cs, k, rng) })
		}
		switch p.name {
		case "tls.sni":
			b, err := p.fill(&nameStyle, func(cs []check, k *style) ([]byte, bool) { return fillName(cs, k, rng) })
			if err != nil {
				return nil, err
			}
			sni = string(b)
		case "tls.alpn", "tls.subjectaltname":
			s, err := p.text(rng, &wordStyle)
			if err != nil {
				return nil, err
			}
			if p.name == "tls.alpn" {
				alpn = s
			} else {
				alternative = s
			}
		case "tls.random", "tls.random_time", "tls.random_bytes":
			from, to := 0, 32
			switch p.name {
			case "tls.random_time":
				to = 4
			case "tls.random_bytes":
				from = 4
			}
			q := *p
			q.checks = append([]check{{kind: aSize, size: span{lo: to - from, hi: to - from, only: []int{to - from}}}}, p.checks...)
			s, err := q.text(rng, &anyBytes)
			if err != nil {
				return nil, err
			}
			copy(random[from:to], s)
		case "tls.cert_subject", "tls.cert_issuer":
			b, err := fillWith(&distinguished)
			if err != nil {
				return nil, err
			}
			n, ok := parseNames(string(b))
			if !ok {
				return nil, errorf("%s", p.name)
			}
			if p.name == "tls.cert_subject" {
				subject = n
			} else {
				issuer = n
			}
		case "tls.cert_serial":
			b, err := fillWith(&style{filler: "0123456789ABCDEF"})
			if err != nil {
				return nil, err
			}
			if serial, err = hex.DecodeString(strings.ReplaceAll(string(b), ":", "")); err != nil || len(serial) == 0 || len(serial) > 40 || serialText(serial) != string(b) {
				return nil, errorf("tls.cert_serial")
			}
		case "tls.certs":
			b, err := fillWith(&anyBytes)
			if err != nil {
				return nil, err
			}
			extra = b
		case "ja3.hash", "ja3.string", "ja3s.hash", "ja3s.string", "ja4.hash":
			if !m.knownHello(p) {
				return nil, impossible("a hash cannot be undone")
			}
		case "tls.cert_fingerprint":
			if !holds(p.checks, []byte(fingerprint(defaultCertificate()))) {
				serial = []byte{1 + byte(rng.IntN(100)), byte(rng.IntN(256))}
			}
		default:
			return nil, impossible("no traffic is made for %s", p.name)
		}
	}
	t := &talk{app: "tls"}
	t.messages = append(t.messages, message{ToServer, hello(sni, alpn, string(random))})
	years := [2]int{m.choose("tls.before", rng, 2015), m.choose("tls.after", rng, 2045)}
	if m.choose("tls.expired", rng, 0) == 1 {
		years[1] = 2018
	}
	d := derOf(subject, issuer, serial, extra, alternative, years)
	chain := [][]byte{d}
	for range m.choose("tls.chain", rng, 1) - 1 {
		chain = append(chain, der(issuer, issuer, nil, nil))
	}
	if m.choose("tls.hello", rng, 2) == 2 {
		t.say(ToClient, string(answerHello(m.choose("tls.version", rng, 0x303)))+string(certificateOf(chain...))+string(record(14, nil)))
	}
	if serial == nil {
		serial = defaultSerial
	}
	for _, x := range []struct{ name, text string }{{"tls.cert_subject", subject.text()}, {"tls.cert_issuer", issuer.text()}, {"tls.certs", string(d)},
		{"tls.cert_serial", serialText(serial)}, {"tls.cert_fingerprint", fingerprint(d)},
		{"ja3s.string", serverJA3}, {"ja3s.hash", md5Text(serverJA3)}} {
		t.hold(x.name, ToClient, x.text)
	}
	t.hold("tls.sni", ToServer, sni)
	if alpn == "" {
		t.hold("ja3.string", ToServer, helloJA3)
		t.hold("ja3.hash", ToServer, md5Text(helloJA3))
		t.hold("ja4.hash", ToServer, helloJA4)
	}
	t.hold("tls.alpn", ToServer, alpn)
	t.hold("tls.subjectaltname", ToClient, alternative)
	t.hold("tls.random", ToServer, string(random))
	t.hold("tls.random_time", ToServer, string(random[:4]))
	t.hold("tls.random_bytes", ToServer, string(random[4:]))
	return t, nil
}

// fingerprint is the SHA-1 of a certificate, as rules write it.
func fingerprint(d []byte) string {
	sum := sha1.Sum(d)
	return strings.ReplaceAll(fmt.Sprintf("% x", sum[:]), " ", ":")
}

// defaultCertificate is what a server shows when a rule asks for no other.
func defaultCertificate() []byte {
	return der(names{cn: "default.example"}, names{cn: "ca.example"}, nil, nil)
}

func md5Text(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }

// knownHello reports that the hellos made here have what a part asks for.
func (m *meaning) knownHello(p *part) bool {
	for _, s := range []string{helloJA3, md5Text(helloJA3), serverJA3, md5Text(serverJA3), helloJA4, fingerprint(defaultCertificate())} {
		if holds(p.checks, []byte(s)) {
			return true
		}
	}
	return false
}
