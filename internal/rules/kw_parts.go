package rules

import (
	"encoding/hex"
	"maps"
	"strings"

	"firestorm/internal/rules/lang"
)

// several are the buffers of which a transaction may have more than one: naming such a buffer again asks for another one, not
// for more of the same.
var several = map[string]bool{"dns.query": true, "dns.queries.rrname": true, "dns.answers.rrname": true, "dns.authorities.rrname": true,
	"dns.additionals.rrname": true, "dns.response.rrname": true, "tls.certs": true, "tls.subjectaltname": true, "tls.alpn": true, "krb5.cname": true, "krb5.sname": true,
	"smtp.rcpt_to": true, "email.url": true, "email.received": true, "ftp.reply": true, "ftp.completion_code": true, "ike.vendor": true,
	"sip.from": true, "sip.to": true, "sip.via": true, "sip.user_agent": true, "sip.content_type": true, "sip.content_length": true,
	"mdns.queries.rrname": true, "mdns.answers.rrname": true, "mdns.response.rrname": true, "mdns.authorities.rrname": true, "mdns.additionals.rrname": true,
	"http2.header": true, "http2.header_name": true,
	"http.request_header": true, "http.response_header": true,
	"mqtt.subscribe.topic": true, "mqtt.unsubscribe.topic": true,
	"quic.cyu.hash": true, "quic.cyu.string": true,
	"ldap.request.attribute_type": true, "ldap.responses.attribute_type": true, "ldap.responses.dn": true, "ldap.responses.message": true,
}

// buffersOf makes the buffers of a protocol. Each line has the names that rules have for one, the first of which is the
// part's, and the way it travels.
func buffersOf(kinds []string, lines ...named) map[string]buffer {
	all := map[string]buffer{}
	for _, l := range lines {
		names := strings.Fields(l.names)
		for _, n := range names {
			all[n] = buffer{names[0], kinds, l.way}
		}
	}
	return all
}

type named struct {
	names string
	way   way
}

// together makes one list of buffers of several.
func together(lists ...map[string]buffer) map[string]buffer {
	all := map[string]buffer{}
	for _, l := range lists {
		maps.Copy(all, l)
	}
	return all
}

// sticky returns the number of the part in which the contents behind the name of a buffer lie.
func (c *compiler) sticky(b buffer) (int, error) {
	n, err := c.part(b)
	if err != nil || !several[b.name] {
		return n, err
	}
	for i := range c.s.parts {
		if p := &c.s.parts[i]; p.name == b.name && p.way == b.way && len(p.checks)+len(p.transforms) == 0 {
			return i, nil
		}
	}
	c.s.parts = append(c.s.parts, part{buffer: b})
	return len(c.s.parts) - 1, nil
}

// ask adds a check of a buffer by what a keyword makes of its bytes. Contents lie where they lay.
func (c *compiler) ask(b buffer, neg bool, test func(b []byte) bool) error {
	n, err := c.part(b)
	if err != nil {
		return err
	}
	p := &c.s.parts[n]
	p.checks = append(p.checks, check{kind: isTest, neg: neg, test: test})
	return nil
}

// value is the number in a part: at most eight bytes, the most significant first.
func value(b []byte) (n uint64) {
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}

// numberOf is a keyword that compares the number in a buffer, of at most so many bits. Words name values; nil: none do.
func numberOf(name string, b buffer, bits int, words map[string]uint64) keyword {
	return keyword{name, func(c *compiler, o *lang.Option) error {
		text := strings.ToLower(strings.TrimSpace(o.Value))
		neg := o.Negated
		if rest, ok := strings.CutPrefix(text, "!"); ok && words != nil {
			text, neg = strings.TrimSpace(rest), !neg
		}
		if n, ok := words[text]; ok {
			return c.ask(b, neg, func(b []byte) bool { return value(b) == n })
		}
		r, err := parseRange(text, bits)
		if err != nil {
			return err
		}
		return c.ask(b, neg, func(b []byte) bool { return r.has(value(b)) })
	}}
}

// equals is a keyword of the older form whose value is all of a buffer, or a part of it, whatever the case of its letters where
// it is a fingerprint in hexadecimal.
func textIn(name string, b buffer, whole bool) keyword {
	return keyword{name, func(c *compiler, o *lang.Option) error {
		p, err := pattern(o.Value)
		if err != nil {
			return err
		}
		k := check{kind: isContent, neg: o.Negated, pattern: p}
		if _, err := hex.DecodeString(strings.ReplaceAll(string(p), ":", "")); err == nil && whole {
			k.nocase, k.pattern = true, lower(p)
		}
		n, err := c.part(b)
		if err != nil {
			return err
		}
		cs := &c.s.parts[n].checks
		*cs = append(*cs, k)
		if whole {
			*cs = append(*cs, check{kind: isSize, size: sizeRange{lo: uint64(len(p)), hi: uint64(len(p))}, neg: o.Negated})
		}
		return nil
	}}
}
