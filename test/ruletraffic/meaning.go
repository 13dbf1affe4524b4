package ruletraffic

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// meaning is what a rule asks of traffic.
type meaning struct {
	rule  *Rule
	app   string
	proto string // tcp, udp, icmp, icmpv6, ip
	dir   Dir    // in which what matches travels; of a rule without a flow it is that of the header
	parts []*part

	flow     map[string]bool
	fields   []field // of headers
	flags    string  // flags:…
	hasFlags bool
	bits     []bitOp
	repeat   int // how often it must match before it alerts

	base64 *part  // what base64_data asks
	unfit  string // a field for which no number was found

	// What a twin has other than the rule asks.
	wrongSrc, wrongDst           bool
	wrongSrcPort, wrongDstPort   bool
	wrongDir, wrongFlags, closed bool // travels the other way; without a handshake
	noSetter                     bool
	otherApp                     bool
	wrongFragBits, wrongOption   bool
	wrongProto                   bool
	fewer                        bool // fewer matches than it takes
	turnedField                  bool
}

// part is what is asked of one buffer.
type part struct {
	place  // name "": the payload
	change []string
	checks []check
}

func (p *part) key() string { return p.name + " " + p.dir + " " + strings.Join(p.change, " ") }

// field is a condition on a number in a header.
type field struct {
	name   string
	span   span
	option int
}

// bitOp is one flowbits or xbits.
type bitOp struct {
	do    string
	names []string
}

// fieldBits are the header fields that rules compare with a number.
var fieldNames = map[string]string{"ttl": "ttl", "id": "id", "tos": "tos", "dsize": "dsize", "seq": "seq", "tcp.seq": "seq", "ack": "ack", "tcp.ack": "ack",
	"window": "window", "tcp.window": "window", "tcp.mss": "mss", "tcp.wscale": "wscale", "itype": "itype", "icode": "icode", "icmp_id": "icmp_id",
	"icmp_seq": "icmp_seq", "icmpv6.mtu": "mtu", "fragoffset": "fragoffset"}

// understand reads the meaning of a rule.
func understand(r *Rule) (*meaning, error) {
	m := &meaning{rule: r, flow: map[string]bool{}, repeat: 1}
	if err := m.protocol(r.Proto); err != nil {
		return nil, err
	}
	now := m.part(place{}, nil) // where contents lie
	var last *part              // of the last content
	fresh := true
	for i := range r.Options {
		o := &r.Options[i]
		if silent[o.Name] {
			continue
		}
		if name, ok := fieldNames[o.Name]; ok {
			s, err := parseSpan(o.Value, o.Neg)
			if err != nil {
				return nil, err
			}
			m.fields = append(m.fields, field{name, s, i})
			continue
		}
		if f, ok := appFields[o.Name]; ok {
			if err := m.readAppField(f, o, i); err != nil {
				return nil, err
			}
			continue
		}
		if b, ok := textOptions[o.Name]; ok {
			k := check{kind: aContent, neg: o.Neg, pattern: []byte(o.Value), option: i, nocase: b == "file.name"}
			if k.ends = o.Name == "fileext"; k.ends {
				k.pattern = append([]byte("."), k.pattern...)
			}
			p := m.part(places[b], nil)
			p.checks = append(p.checks, k)
			continue
		}
		if b, ok := places[o.Name]; ok {
			switch o.Value { // of a rule about both sides
			case "to_server":
				b.dir = "c"
			case "to_client":
				b.dir = "s"
			}
			now, fresh = m.part(b, nil), true
			continue
		}
		if o.Name == "base64_data" {
			if now = m.base64; now == nil {
				return nil, errors.New("base64_data without base64_decode")
			}
			continue
		}
		if o.Name == "pkt_data" {
			now = m.part(place{}, nil)
			continue
		}
		if transforms[o.Name] {
			if !fresh || now.name == "" {
				return nil, fmt.Errorf("%s stands elsewhere than behind a buffer", o.Name)
			}
			now = m.part(now.place, append(append([]string{}, now.change...), strings.TrimSpace(o.Name+" "+o.Value)))
			continue
		}
		if b, ok := olderPlaces[o.Name]; ok {
			if last == nil || len(last.checks) == 0 {
				return nil, fmt.Errorf("%s has no content before it", o.Name)
			}
			k := last.checks[len(last.checks)-1]
			last.checks = last.checks[:len(last.checks)-1]
			last = m.part(places[b], nil)
			last.checks = append(last.checks, k)
			continue
		}
		p, err := m.option(o, i, now, last)
		if err != nil {
			return nil, err
		}
		if p != nil {
			last, fresh = p, false
		}
	}
	return m, m.settle()
}

// option reads an option that is neither about headers nor about where contents lie. It returns the part that a check went
// to.
func (m *meaning) option(o *Option, i int, now, last *part) (*part, error) {
	var c check
	var err error
	switch o.Name {
	case "content", "uricontent":
		c = check{kind: aContent, neg: o.Neg}
		if c.pattern, err = patternOf(o.Value); err != nil {
			return nil, err
		}
		if o.Name == "uricontent" {
			now = m.part(places["http.uri"], nil)
		}
	case "nocase", "offset", "depth", "distance", "within", "startswith", "endswith":
		k := last.lastContent()
		if k == nil {
			return nil, fmt.Errorf("%s has no content before it", o.Name)
		}
		k.modify(o)
		return nil, nil
	case "isdataat":
		c = check{kind: isDataAt, neg: o.Neg}
		for k, w := range strings.Split(o.Value, ",") {
			if w = strings.TrimSpace(w); k == 0 {
				c.at = parseNum(w)
			} else if w == "relative" {
				c.relative = true
			}
		}
	case "bsize", "urilen":
		text, form, _ := strings.Cut(o.Value, ",")
		c = check{kind: aSize}
		if c.size, err = parseSpan(text, o.Neg); err != nil {
			return nil, err
		}
		if o.Name == "urilen" {
			now = m.part(places["http.uri"], nil)
			if strings.TrimSpace(form) == "raw" {
				now = m.part(places["http.uri.raw"], nil)
			}
		}
	case "byte_test", "byte_jump", "byte_extract", "byte_math":
		if c, err = byteOption(o); err != nil {
			return nil, err
		}
	case "asn1":
		if c, err = berOption(o); err != nil {
			return nil, err
		}
	case "entropy":
		if c, err = entropyOption(o); err != nil {
			return nil, err
		}
	case "absent":
		c = check{kind: isAbsent}
		if strings.TrimSpace(o.Value) != "" {
			return nil, fmt.Errorf("no traffic is made for absent:%s", o.Value)
		}
	case "base64_decode":
		c = base64Option(o)
		c.inner = &part{place: place{name: "base64"}}
		m.base64 = c.inner
	case "pcre":
		end := strings.LastIndexByte(o.Value, '/')
		if end < 1 || o.Value[0] != '/' {
			return nil, errors.New("pcre without slashes")
		}
		flags := o.Value[end+1:]
		c = check{kind: anExpression, neg: o.Neg, relative: strings.ContainsRune(flags, 'R')}
		for f, b := range exprPlaces {
			if strings.ContainsRune(flags, f) {
				now = m.part(places[b], nil)
			}
		}
		if strings.ContainsRune(flags, ',') {
			return nil, errors.New("pcre that keeps what it matched")
		}
		if c.expr, err = parseExpr(o.Value[1:end], flags); err != nil {
			return nil, err
		}
	default:
		return nil, m.condition(o)
	}
	if c.relative && now.name == "" && last != nil && c.kind != anExpression { // what is relative lies where an older modifier put the content
		now = last
	}
	c.option = i
	now.checks = append(now.checks, c)
	if o.Name == "urilen" || o.Name == "bsize" {
		return nil, nil
	}
	return now, nil
}

// lastContent is the content that a modifier speaks of.
func (p *part) lastContent() *check {
	if p == nil {
		return nil
	}
	for i := len(p.checks) - 1; i >= 0; i-- {
		if p.checks[i].kind == aContent {
			return &p.checks[i]
		}
	}
	return nil
}

func (c *check) modify(o *Option) {
	switch o.Name {
	case "nocase":
		c.nocase = true
	case "offset":
		c.offset = parseNum(o.Value)
	case "depth":
		c.depth = parseNum(o.Value)
	case "distance":
		c.distance, c.relative = parseNum(o.Value), true
	case "within":
		c.within, c.relative = parseNum(o.Value), true
	case "startswith":
		c.starts = true
	case "endswith":
		c.ends = true
	}
}

// condition reads what is asked of a packet or a connection.
func (m *meaning) condition(o *Option) error {
	switch o.Name {
	case "flow":
		for _, w := range strings.Split(strings.ToLower(o.Value), ",") {
			m.flow[strings.TrimSpace(w)] = true
		}
	case "flags", "tcp.flags":
		m.flags, m.hasFlags = o.Value, true
		if o.Neg {
			m.flags = "!" + m.flags
		}
	case "decode-event", "stream-event":
		return m.oddity(o)
	case "fragbits", "ipopts", "sameip", "ip_proto", "app-layer-protocol":
		// read again where packets are made
	case "flowbits", "xbits", "hostbits":
		f := strings.Split(o.Value, ",")
		b := bitOp{do: strings.ToLower(strings.TrimSpace(f[0]))}
		if len(f) > 1 {
			for _, n := range strings.Split(f[1], "|") {
				b.names = append(b.names, o.Name+" "+strings.TrimSpace(n))
			}
		}
		m.bits = append(m.bits, b)
	case "threshold", "detection_filter":
		return m.threshold(o)
	default:
		return fmt.Errorf("no traffic is made for %s", o.Name)
	}
	return nil
}

// oddity reads an event of decoding or reassembly, for the few that traffic is made for.
func (m *meaning) oddity(o *Option) error {
	switch o.Value {
	case "icmpv4.unknown_type":
		m.proto = "icmp"
		m.fields = append(m.fields, field{name: "itype", span: span{lo: 99, hi: 99, only: []int{99, 8}}, option: m.rule.index(o)})
	case "rst_but_no_session":
		m.flags, m.hasFlags = "*R", true
	default:
		return fmt.Errorf("no traffic is made for %s", o.Name)
	}
	return nil
}

func (m *meaning) threshold(o *Option) error {
	kind, count := "", 1
	for _, w := range strings.Split(o.Value, ",") {
		f := strings.Fields(w)
		if len(f) < 2 {
			return fmt.Errorf("%s:%s", o.Name, o.Value)
		}
		switch f[0] {
		case "type":
			kind = f[1]
		case "count":
			count, _ = strconv.Atoi(f[1])
		}
	}
	switch {
	case o.Name == "detection_filter":
		m.repeat = count + 1
	case kind == "threshold", kind == "both":
		m.repeat = count
	}
	return nil
}

func (m *meaning) part(b place, change []string) *part {
	p := &part{place: b, change: change}
	for _, q := range m.parts {
		if q.key() == p.key() {
			return q
		}
	}
	m.parts = append(m.parts, p)
	return p
}

// ofBuffers are the parts that lie in a protocol's buffers; payload is the one that does not, nil if there is none.
func (m *meaning) split() (payload *part, ofBuffers []*part) {
	for _, p := range m.parts {
		switch {
		case len(p.checks) == 0:
		case p.name == "":
			payload = p
		default:
			ofBuffers = append(ofBuffers, p)
		}
	}
	return payload, ofBuffers
}
