package sip

import (
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one message. Its texts are as they came.
type Event struct {
	head         event.Head
	Line         string // the first line
	Response     bool
	Method, URI  string // of a request
	Version      string
	Code, Reason string // of a response
	Dir          packet.Dir
	Tx           uint64 // its number in the flow, from 0
}

// newEvent copies the first line of a message: one string for all of its parts.
func newEvent(h event.Head, d packet.Dir, tx uint64, m *Message) *Event {
	line := string(m.Line)
	e := &Event{head: h, Line: line, Response: m.Response, Dir: d, Tx: tx}
	if m.Response {
		e.Version, e.Code = line[:len(m.Version)], line[len(m.Version)+1:len(m.Version)+1+len(m.Code)]
		e.Reason = line[len(line)-len(m.Reason):]
		return e
	}
	e.Method, e.URI = line[:len(m.Method)], line[len(m.Method)+1:len(m.Method)+1+len(m.URI)]
	e.Version = line[len(line)-len(m.Version):]
	return e
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// Mute has it leave no record (event.Muter).
func (e *Event) Mute() { e.head.Quiet = true }

// Pair says that no other record belongs to it (event.Muter).
func (e *Event) Pair() (id uint64, ok bool) { return 0, false }

// AppendEVE writes a sip record in Suricata's shape.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "sip", e.Dir, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"sip":{`...)
	text := func(key, v string) { dst = event.AppendJSONString(append(dst, key...), v) }
	if e.Response {
		text(`"version":`, e.Version)
		text(`,"code":`, e.Code)
		text(`,"reason":`, e.Reason)
		text(`,"response_line":`, e.Line)
	} else {
		text(`"method":`, e.Method)
		text(`,"uri":`, e.URI)
		text(`,"version":`, e.Version)
		text(`,"request_line":`, e.Line)
	}
	return append(dst, '}')
}

// parts is what rules see of a message (event.Parts); the bytes are lent.
type parts struct {
	*Event
	m    *Message
	head []byte // all headers, a line each, their names in lower case and of the long form
}

// headerParts are the headers that rules ask for.
var headerParts = map[string]string{"from": "sip.from", "to": "sip.to", "via": "sip.via", "user-agent": "sip.user_agent", "content-type": "sip.content_type", "content-length": "sip.content_length"}

// EachBuffer gives the parts of the message.
func (v *parts) EachBuffer(f func(name string, b []byte)) {
	m := v.m
	f("sip.protocol", m.Version)
	if m.Response {
		f("sip.response_line", m.Line)
		f("sip.stat_code", m.Code)
		f("sip.stat_msg", m.Reason)
	} else {
		f("sip.request_line", m.Line)
		f("sip.method", m.Method)
		f("sip.uri", m.URI)
	}
	v.head = v.head[:0]
	for _, h := range m.Headers {
		if name := headerParts[h.Name]; name != "" {
			f(name, h.Value)
		}
		v.head = append(append(append(append(v.head, h.Name...), ": "...), h.Value...), "\r\n"...)
	}
	f("sip_header", v.head)
}
