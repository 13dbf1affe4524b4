package krb5

import (
	"encoding/binary"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one message.
type Event struct {
	head event.Head
	Message
	Dir packet.Dir
	Tx  uint64 // its number in the flow, from 0
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// Mute has it leave no record (event.Muter).
func (e *Event) Mute() { e.head.Quiet = true }

// Pair says that no other record belongs to it (event.Muter).
func (e *Event) Pair() (id uint64, ok bool) { return 0, false }

// AppendEVE writes a krb5 record in Suricata's shape.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "krb5", e.Dir, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"krb5":{"msg_type":"`...)
	dst = append(append(dst, typeNames[e.Type]...), '"')
	text := func(key, v, none string) {
		if v == "" {
			v = none
		}
		dst = append(append(append(dst, ',', '"'), key...), '"', ':')
		dst = event.AppendJSONString(dst, v)
	}
	if e.Type == Error {
		text("error_code", ErrorName(e.Code), "")
	}
	text("cname", strings.Join(e.Client, "/"), "<empty>")
	text("realm", e.Realm, "<empty>")
	text("sname", strings.Join(e.Server, "/"), "<empty>")
	kind := ""
	if e.EType != 0 {
		kind = etypeName(e.EType)
	}
	text("encryption", kind, "<none>")
	dst = append(dst, `,"weak_encryption":`...)
	dst = strconv.AppendBool(dst, weak(e.EType))
	if e.Ticket != 0 {
		text("ticket_encryption", etypeName(e.Ticket), "")
		dst = append(dst, `,"ticket_weak_encryption":`...)
		dst = strconv.AppendBool(dst, weak(e.Ticket))
	}
	return append(dst, '}')
}

// EachBuffer gives the parts of the message (event.Parts): each part of a name by itself.
func (e *Event) EachBuffer(f func(name string, b []byte)) {
	number := func(name string, n uint32) { f(name, binary.BigEndian.AppendUint32(nil, n)) }
	number("krb5.msg_type", uint32(e.Type))
	if e.Type == Error {
		number("krb5.err_code", uint32(e.Code))
	}
	for _, p := range e.Client {
		f("krb5.cname", []byte(p))
	}
	for _, p := range e.Server {
		f("krb5.sname", []byte(p))
	}
	if e.EType != 0 {
		w := byte(0)
		if weak(e.EType) {
			w = 1
		}
		f("krb5.weak_encryption", []byte{w})
	}
	if e.Ticket != 0 {
		number("krb5.ticket_encryption", uint32(e.Ticket))
	}
}
