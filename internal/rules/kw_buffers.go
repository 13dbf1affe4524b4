package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/rules/lang"
)

// buffer is a part of a transaction that rules can ask for (event.Parts).
type buffer struct {
	name  string
	kinds []string // of the events that have it
	way   way
}

// way is the direction in which a part travels.
type way uint8

const (
	toServer way = iota
	toClient
	eitherWay
)

// part is what a rule asks of one buffer.
type part struct {
	buffer
	transforms []transform
	dotted     bool // the one transform is dotprefix
	absent     absence
	checks     []check
}

// absence is whether a part has to be there.
type absence uint8

const (
	present absence = iota
	absent          // it must not be
	orElse          // it must not be, or be as the rule asks
)

// searchable reports whether a rule can be found by a content in the part.
func (p *part) searchable() bool { return p.absent == present && (len(p.transforms) == 0 || p.dotted) }

// sticky are the buffers by the option that names them: contents behind it lie there.
var sticky = together(
	httpBuffers, tlsBuffers, dnsBuffers, sshBuffers, dcerpcBuffers, smallBuffers, fileBuffers, smtpBuffers, ftpBuffers, smbBuffers, ikeBuffers,
	sipBuffers,
	rfbBuffers,
	quicBuffers, helloBuffers,
	http2Buffers,
	ldapBuffers,
	mqttBuffers,
	pgsqlBuffers,
)

// httpBuffers are the parts of HTTP. Some travel either way: which one a rule is about says its flow:….
var httpBuffers = buffersOf(ofHTTP,
	named{"http.method", toServer}, named{"http.uri", toServer}, named{"http.uri.raw", toServer}, named{"http.host", toServer},
	named{"http.host.raw", toServer}, named{"http.user_agent", toServer}, named{"http.referer http_referer", toServer}, named{"http.accept http_accept", toServer},
	named{"http.accept_enc http_accept_enc", toServer}, named{"http.accept_lang http_accept_lang", toServer},
	named{"http.request_line http_request_line", toServer}, named{"http.request_header", toServer}, named{"http.request_body", toServer},
	named{"http.stat_code", toClient}, named{"http.stat_msg", toClient}, named{"http.response_line http_response_line", toClient},
	named{"http.response_header", toClient}, named{"http.response_body", toClient}, named{"http.location", toClient}, named{"http.server", toClient},
	named{"http.header", eitherWay}, named{"http.header.raw", eitherWay}, named{"http.header_names http_header_names", eitherWay}, named{"http.cookie", eitherWay},
	named{"http.protocol http_protocol", eitherWay}, named{"http.connection http_connection", eitherWay}, named{"http.content_type http_content_type", eitherWay},
	named{"http.content_len http_content_len", eitherWay}, named{"http.start http_start", eitherWay},
)

var ofHTTP = []string{"http", "http2"}

// older are the modifiers of the older form: they put the content before them into a buffer.
var older = map[string]string{"http_method": "http.method", "http_uri": "http.uri", "http_raw_uri": "http.uri.raw", "http_host": "http.host",
	"http_raw_host": "http.host.raw", "http_user_agent": "http.user_agent", "http_stat_code": "http.stat_code", "http_stat_msg": "http.stat_msg",
	"http_client_body": "http.request_body", "http_server_body": "http.response_body", "http_header": "http.header",
	"http_raw_header": "http.header.raw", "http_cookie": "http.cookie"}

// ofExpression are the flags of pcre that name a buffer.
var ofExpression = map[byte]string{'U': "http.uri", 'I': "http.uri.raw", 'P': "http.request_body", 'Q': "http.response_body", 'H': "http.header",
	'D': "http.header.raw", 'M': "http.method", 'C': "http.cookie", 'S': "http.stat_code", 'Y': "http.stat_msg", 'V': "http.user_agent", 'W': "http.host",
	'Z': "http.host.raw"}

// bufferKeywords say where contents lie.
var bufferKeywords = func() []keyword {
	list := []keyword{
		{"absent", func(c *compiler, o *lang.Option) error {
			if c.at < 0 || len(c.s.parts[c.at].checks) > 0 {
				return errors.New("it belongs right behind the name of a buffer")
			}
			switch strings.TrimSpace(o.Value) {
			case "":
				c.s.parts[c.at].absent = absent
			case "or_else":
				c.s.parts[c.at].absent = orElse
			default:
				return fmt.Errorf("absent knows or_else, not %q", o.Value)
			}
			return nil
		}},
		{"urilen", func(c *compiler, o *lang.Option) error {
			text, form, _ := strings.Cut(o.Value, ",")
			b := sticky["http.uri"]
			switch strings.TrimSpace(form) {
			case "", "norm":
			case "raw":
				b = sticky["http.uri.raw"]
			default:
				return fmt.Errorf("urilen knows norm and raw, not %q", form)
			}
			if o.Negated {
				text = "!" + text
			}
			r, err := parseRange(text, 16)
			if err != nil {
				return err
			}
			n, err := c.part(b)
			if err != nil {
				return err
			}
			c.s.parts[n].checks = append(c.s.parts[n].checks, check{kind: isSize, size: r})
			return nil
		}},
		{"uricontent", func(c *compiler, o *lang.Option) error {
			p, err := pattern(o.Value)
			if err != nil {
				return err
			}
			n, err := c.part(sticky["http.uri"])
			if err != nil {
				return err
			}
			c.s.parts[n].checks = append(c.s.parts[n].checks, check{kind: isContent, neg: o.Negated, pattern: p})
			c.lastAt = n
			return nil
		}},
		{"pkt_data", func(c *compiler, _ *lang.Option) error { c.at, c.lastAt = -1, -1; return nil }},
	}
	for name := range sticky {
		list = append(list, keyword{name, func(c *compiler, o *lang.Option) error {
			if c.o.Off[fingerprint(o.Name)] {
				return fmt.Errorf("the settings switch %s off", fingerprint(o.Name))
			}
			b, err := c.aimed(sticky[o.Name], o)
			if err == nil {
				c.at, err = c.sticky(b)
			}
			return err
		}})
	}
	for name := range older {
		list = append(list, keyword{name, func(c *compiler, o *lang.Option) error { return c.move(sticky[older[o.Name]]) }})
	}
	return list
}()

// part returns the number of the rule's part for a buffer, a new one if need be.
func (c *compiler) part(b buffer) (int, error) {
	if c.s.app != "" && !c.s.hasBuffer(b) {
		return -1, fmt.Errorf("%s has no such buffer", c.s.app)
	}
	for i := range c.s.parts {
		p := &c.s.parts[i]
		switch {
		case p.name == b.name && len(p.transforms) == 0 && (p.way == b.way || !c.s.twoWay):
			return i, nil
		case !overlap(p.kinds, b.kinds):
			return -1, fmt.Errorf("no protocol has both %s and %s", p.name, b.name)
		case !c.s.twoWay && p.way != b.way && p.way != eitherWay && b.way != eitherWay:
			return -1, errors.New("of a request and its answer only a rule with => asks at once")
		}
	}
	c.s.parts = append(c.s.parts, part{buffer: b})
	return len(c.s.parts) - 1, nil
}

// move puts the content before into a buffer.
func (c *compiler) move(b buffer) error {
	from := len(c.s.payload) - 1
	for from > 0 && c.s.payload[from].kind == isDataAt && c.s.payload[from].relative {
		from-- // what counts from the content goes with it
	}
	if c.lastAt != -1 || from < 0 || c.s.payload[from].kind != isContent {
		return errors.New("it needs a content right before it")
	}
	n, err := c.part(b)
	if err != nil {
		return err
	}
	p := &c.s.parts[n]
	p.checks = append(p.checks, c.s.payload[from:]...)
	c.s.payload = c.s.payload[:from]
	c.lastAt = n
	return nil
}

// list is where the checks of a part lie; -1 is the payload.
func (c *compiler) list(at int) *[]check {
	if at == atBase64 {
		return &c.base64.inner
	}
	if at <= atHeader {
		return &c.headers[atHeader-at].checks
	}
	if at < 0 {
		return &c.s.payload
	}
	return &c.s.parts[at].checks
}

// add puts a check where contents lie now.
func (c *compiler) add(k check) {
	at := c.at
	if at == -1 && k.relative && k.kind != isContent { // behind a content that an older option put somewhere else
		at = c.lastAt
	}
	l := c.list(at)
	*l = append(*l, k)
	c.lastAt = at
}

// placeParts checks what the rule asks of events.
func (s *sig) placeParts() error {
	if s.frame != "" {
		return s.placeFrame()
	}
	for i := range s.parts {
		p := &s.parts[i]
		switch {
		case p.absent == absent && len(p.checks) > 0:
			return fmt.Errorf("%s is to be absent: nothing can be asked of it without or_else", p.name)
		case p.absent == orElse && len(p.checks) == 0:
			return fmt.Errorf("%s: nothing follows or_else", p.name)
		case p.absent != absent && len(p.checks) == 0:
			return fmt.Errorf("nothing is asked of %s", p.name)
		}
	}
	return nil
}

// kinds are those of the events that have all parts of the rule.
func (s *sig) kinds() []string {
	kinds := slices.Clone(s.parts[0].kinds)
	return slices.DeleteFunc(kinds, func(k string) bool {
		for i := range s.parts {
			if !slices.Contains(s.parts[i].kinds, k) {
				return true
			}
		}
		return s.app != "" && !shows(s.app, k) && !(s.app == "dcerpc" && k == "smb") // whose pipes carry calls
	})
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) })
}

// main is the part by which the rule is found: the one with the most telling content. Nil: none has to be there.
func (s *sig) main() *part { return s.mainOf(eitherWay) }

// mainOf is the main one of those that travel a way, for a rule about both sides of a transaction.
func (s *sig) mainOf(w way) *part {
	var best *part
	size := -1
	for i := range s.parts {
		if s.parts[i].absent != present || w != eitherWay && s.parts[i].way != w {
			continue
		}
		if best == nil {
			best = &s.parts[i]
		}
		if !s.parts[i].searchable() {
			continue
		}
		c := telling(s.parts[i].checks)
		switch {
		case c == nil:
		case c.fast:
			return &s.parts[i]
		case len(c.pattern) > size:
			best, size = &s.parts[i], len(c.pattern)
		}
	}
	return best
}
