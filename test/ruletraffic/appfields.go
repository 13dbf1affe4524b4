package ruletraffic

import (
	"math/rand/v2"
	"strings"
)

// appField is a number of a protocol that rules compare, or a word that stands for one.
type appField struct {
	name, app string
	words     map[string]int
	only      []int // numbers worth a try
}

// appFields are the options that compare such a number.
var appFields = map[string]appField{
	"dns.opcode":                   {"dns.opcode", "dns", nil, []int{0, 4, 5}},
	"dns.rcode":                    {"dns.rcode", "dns", map[string]int{"noerror": 0, "formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5}, []int{0, 1, 2, 3, 4, 5}},
	"dns.rrtype":                   {"dns.rrtype", "dns", map[string]int{"a": 1, "txt": 16, "aaaa": 28, "mx": 15}, []int{1, 16, 28, 15}},
	"tls.version":                  {"tls.version", "tls", map[string]int{"1.0": 0x301, "1.1": 0x302, "1.2": 0x303}, []int{0x301, 0x302, 0x303}},
	"ssl_version":                  {"tls.version", "tls", map[string]int{"sslv3": 0x300, "tls1.0": 0x301, "tls1.1": 0x302, "tls1.2": 0x303}, []int{0x300, 0x301, 0x302, 0x303}},
	"ssl_state":                    {"tls.hello", "tls", map[string]int{"client_hello": 1, "server_hello": 2}, []int{1, 2}},
	"tls.cert_chain_len":           {"tls.chain", "tls", nil, []int{1, 2, 3, 4}},
	"tls_cert_expired":             {"tls.expired", "tls", map[string]int{"": 1}, []int{0, 1}},
	"tls_cert_valid":               {"tls.expired", "tls", map[string]int{"": 0}, []int{0, 1}},
	"tls_cert_notafter":            {"tls.after", "tls", nil, []int{2019, 2028, 2033, 2041}},
	"tls_cert_notbefore":           {"tls.before", "tls", nil, []int{1999, 2012, 2016}},
	"filesize":                     {"filesize", "", nil, nil},
	"ftp.dynamic_port":             {"ftp.port", "ftp", nil, nil},
	"ftp.mode":                     {"ftp.mode", "ftp", map[string]int{"active": 0, "passive": 1}, []int{0, 1}},
	"mqtt.protocol_version":        {"mqtt.version", "mqtt", nil, []int{3, 4, 5}},
	"mqtt.reason_code":             {"mqtt.code", "mqtt", nil, []int{0, 2, 4, 5, 134, 138}},
	"mqtt.connack.return_code":     {"mqtt.code", "mqtt", nil, []int{0, 2, 4, 5, 134, 138}},
	"mqtt.connack.session_present": {"mqtt.present", "mqtt", map[string]int{"yes": 1, "true": 1, "no": 0, "false": 0}, []int{0, 1}},
	"ftp.reply_received":           {"ftp.replied", "ftp", map[string]int{"yes": 1, "no": 0}, []int{0, 1}},
}

// readAppField reads one of them.
func (m *meaning) readAppField(f appField, o *Option, option int) error {
	s := span{not: o.Neg, only: f.only}
	if n, ok := f.words[strings.ToLower(o.Value)]; ok {
		s.lo, s.hi = n, n
	} else {
		var err error
		if s, err = parseSpan(o.Value, o.Neg); err != nil {
			return err
		}
		s.only = f.only
	}
	if m.app == "" {
		m.app = f.app
	}
	m.fields = append(m.fields, field{f.name, s, option})
	return nil
}

// choose is a number that all that is asked of a field like; what stands there otherwise when nothing is asked.
func (m *meaning) choose(name string, rng *rand.Rand, otherwise int) int {
	var spans []span
	for _, f := range m.fields {
		if f.name == name {
			spans = append(spans, f.span)
		}
	}
	var good []int
	for _, n := range candidates(spans) {
		fits := n < 65536
		for _, s := range spans {
			fits = fits && s.has(n)
		}
		if fits {
			good = append(good, n)
		}
	}
	switch {
	case len(spans) == 0:
		return otherwise
	case len(good) == 0:
		m.unfit = name
		return otherwise
	}
	return good[rng.IntN(len(good))]
}

// ofPackets reports that the rule asks for fields of packet headers.
func (m *meaning) ofPackets() bool {
	for _, f := range m.fields {
		if fieldMost[f.name] != 0 || f.name == "id" || f.name == "dsize" || f.name == "window" || strings.HasPrefix(f.name, "icmp_") {
			return true
		}
	}
	return m.hasFlags || m.rule.Has("fragbits") || m.rule.Has("ipopts")
}

// text fills a part that is one text of visible bytes.
func (p *part) text(rng *rand.Rand, k *style) (string, error) {
	b, err := p.fill(k, func(cs []check, k *style) ([]byte, bool) { return fill(cs, k, rng) })
	return string(b), err
}

var (
	wordStyle = style{filler: lettersDigits, legal: visible, good: func(b []byte) bool { return trimmed(b) && !strings.Contains(string(b), " ") }}
	textStyle = style{filler: lettersDigits, legal: printable, good: trimmed}
)
