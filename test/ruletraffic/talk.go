package ruletraffic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// message is what one side sends in one go: a segment, or a datagram.
type message struct {
	dir  Dir
	data []byte
}

// buffer is what a protocol's buffer holds, by what was put into it.
type buffer struct {
	name string
	dir  Dir
	data []byte
}

// talk is a part of a conversation that satisfies one rule.
type talk struct {
	app      string
	messages []message
	buffers  []buffer
	opening  int    // messages that only the first talk of a connection has
	payload  []byte // what the rule's payload was made to be; nil: nothing in particular
}

func (t *talk) say(d Dir, data string) { t.messages = append(t.messages, message{d, []byte(data)}) }

// hold notes a buffer; an empty one is none.
func (t *talk) hold(name string, d Dir, data string) {
	if data == "" {
		return
	}
	t.buffers = append(t.buffers, buffer{name, d, []byte(data)})
}

// errImpossible says why nothing was made.
type errImpossible struct{ why string }

func (e errImpossible) Error() string { return e.why }

func impossible(format string, a ...any) error { return errImpossible{fmt.Sprintf(format, a...)} }

// protocolTalk is a conversation of the rule's protocol that satisfies the rule.
func (m *meaning) protocolTalk(rng *rand.Rand) (*talk, error) {
	app := m.app
	if m.otherApp {
		app = map[string]string{"http": "ssh", "dns": ""}[app]
		if app == "" {
			app = "http"
		}
	}
	payload, parts := m.split()
	switch {
	case m.otherApp && (len(parts) > 0 || payload == nil):
		return nil, impossible("another protocol has no such buffer")
	case len(parts) > 0 && payload != nil:
		return m.both(payload, parts, rng)
	case len(parts) == 0 && payload != nil && len(m.fields) > 0 && !m.ofPackets():
		return nil, impossible("payload and fields of %s at once", m.app)
	case len(parts) == 0 && !(len(m.fields) > 0 && !m.ofPackets()):
		return m.raw(app, payload, rng)
	}
	return m.ofParts(parts, rng)
}

// ofParts is a conversation in whose buffers lies what the rule asks for.
func (m *meaning) ofParts(parts []*part, rng *rand.Rand) (*talk, error) {
	build := map[string]func([]*part, *rand.Rand) (*talk, error){"http": m.httpTalk, "dns": m.dnsTalk, "tls": m.tlsTalk, "smtp": m.smtpTalk,
		"ssh": m.sshTalk, "ftp": m.ftpTalk, "mqtt": m.mqttTalk}[m.app]
	if build == nil {
		return nil, impossible("no traffic is made for buffers of %s", m.app)
	}
	var err error
	for range 6 {
		var t *talk
		if t, err = build(parts, rng); err != nil {
			if _, never := err.(errImpossible); never {
				return nil, err
			}
			continue
		}
		if m.unfit != "" {
			return nil, impossible("no %s fits", m.unfit)
		}
		if bad := t.missing(parts); bad != "" {
			err = fmt.Errorf("what %s asks goes with no %s", bad, m.app)
			continue
		}
		return t, nil
	}
	return nil, err
}

// missing is the name of a part that no buffer of the conversation satisfies; empty: all are.
func (t *talk) missing(parts []*part) string {
	for _, p := range parts {
		found := p.absent()
		for _, b := range t.buffers {
			if b.name != p.name || p.dir == "c" && b.dir != ToServer || p.dir == "s" && b.dir != ToClient {
				continue
			}
			if p.absent() {
				return p.name
			}
			found = found || holds(p.checks, transform(b.data, p.change))
		}
		if !found {
			return p.name
		}
	}
	return ""
}

// absent reports that the buffer must not be there.
func (p *part) absent() bool {
	return len(p.checks) > 0 && p.checks[0].kind == isAbsent && !p.checks[0].neg
}

// both is a conversation with what is asked of buffers, and after it a segment with what is asked of the payload.
func (m *meaning) both(payload *part, parts []*part, rng *rand.Rand) (*talk, error) {
	t, err := m.ofParts(parts, rng)
	if err != nil {
		return nil, err
	}
	for _, x := range t.messages {
		if x.dir == m.dir && holds(payload.checks, x.data) {
			return t, nil
		}
	}
	if m.app != "http" {
		return nil, impossible("payload and buffers of %s at once", m.app)
	}
	for range 8 { // a body takes anything
		b, ok := fill(payload.checks, &anyBytes, rng)
		if !ok {
			break
		}
		withBody := append([]*part{}, parts...)
		t, err := m.httpWithBody(withBody, b, rng)
		if err != nil || t.missing(parts) != "" {
			continue
		}
		for _, x := range t.messages {
			if x.dir == m.dir && holds(payload.checks, x.data) {
				return t, nil
			}
		}
	}
	return nil, impossible("payload and buffers at once, and the payload is bound to a place")
}

// raw is a conversation of a protocol, and in it a segment with what is asked of the payload.
func (m *meaning) raw(app string, payload *part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: app}
	checks := m.payloadSizes()
	if payload != nil {
		checks = append(checks, payload.checks...)
	}
	if len(checks) == 0 {
		opening(t, app, rng)
		return t, nil
	}
	if app == "dns" {
		return nil, impossible("payload of dns")
	}
	kind := &anyBytes
	if app == "ftp" || app == "smtp" {
		kind = &lineBytes
	}
	b, ok := fill(checks, kind, rng)
	if !ok && kind != &anyBytes {
		b, ok = fill(checks, &anyBytes, rng)
	}
	if !ok {
		return nil, fmt.Errorf("the payload")
	}
	if line := append(slices.Clone(b), "\r\n"...); kind == &lineBytes && holds(checks, line) {
		b = line
	}
	if len(b) == 0 {
		return nil, impossible("a payload that is empty")
	}
	if app == "http" && !placed(checks) {
		if x, err := m.httpWithBody(nil, b, rng); err == nil && x.carries(m.dir, checks) {
			x.payload = b
			return x, nil
		}
	}
	if len(b) > mostSegment && m.proto == "tcp" && (app != "" || len(m.bits) > 0 || placed(checks)) {
		return nil, fmt.Errorf("the payload is longer than a segment")
	}
	opening(t, app, rng)
	if app != "" && !placed(checks) && !holds(checks, append(t.stream(m.dir), b...)) {
		return nil, impossible("the begin of %s has what must not be in the stream", app)
	}
	t.opening = len(t.messages)
	t.payload = b
	t.messages = append(t.messages, message{m.dir, b})
	return t, nil
}

// carries reports that a message, and all that its side says, hold what is asked of the payload.
func (t *talk) carries(d Dir, cs []check) bool {
	found := false
	for _, x := range t.messages {
		found = found || x.dir == d && len(x.data) <= mostSegment && holds(cs, x.data)
	}
	return found && holds(cs, t.stream(d))
}

// stream is what one side said so far.
func (t *talk) stream(d Dir) (b []byte) {
	for _, x := range t.messages {
		if x.dir == d {
			b = append(b, x.data...)
		}
	}
	return b
}

// placed reports that checks count bytes, so that they cannot be spread over segments at will.
func placed(cs []check) bool {
	for i := range cs {
		c := &cs[i]
		if c.kind != aContent && c.kind != anExpression || c.kind == aContent && (c.depth.set || c.offset.set || c.starts) {
			return true
		}
	}
	return false
}

// opening is how a conversation of a protocol begins, as far as to be known.
func opening(t *talk, app string, rng *rand.Rand) {
	switch app {
	case "dns":
		name := word(rng) + ".example"
		t.messages = append(t.messages, message{ToServer, question(7, 0x0100, name, 1)}, message{ToClient, question(7, 0x8183, name, 1)})
	case "http":
		t.say(ToServer, "GET /start HTTP/1.1\r\nHost: start.example\r\n\r\n")
		t.say(ToClient, "HTTP/1.1 204 No Content\r\n\r\n")
	case "smtp":
		t.say(ToClient, "220 mail.example ESMTP\r\n")
		t.say(ToServer, "EHLO client.example\r\n")
		t.say(ToClient, "250 mail.example\r\n")
	case "ftp":
		t.say(ToClient, "220 FTP server ready\r\n")
		t.say(ToServer, "USER guest\r\n")
		t.say(ToClient, "331 Password required\r\n")
	case "ssh":
		t.say(ToClient, "SSH-2.0-OpenSSH_9.6\r\n")
		t.say(ToServer, "SSH-2.0-OpenSSH_9.5\r\n")
	case "mqtt":
		t.say(ToServer, control(0x10, counted("MQTT"), "\x04\x02\x00\x3c", counted("own")))
		t.say(ToClient, control(0x20, "\x00\x00"))
	case "tls":
		t.say(ToServer, string(clientHello("start.example")))
		t.say(ToClient, string(serverHello())+string(certificate(names{cn: "start.example"}, names{cn: "ca.example"}, nil)))
	}
}

var (
	anyBytes  = style{filler: "abcdefghijklmnopqrstuvwxyz0123456789"}
	lineBytes = style{filler: "abcdefghijklmnopqrstuvwxyz", good: func(b []byte) bool { return !strings.Contains(string(b), "\x00") }}
)
