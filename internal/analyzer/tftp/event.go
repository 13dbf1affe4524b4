package tftp

import (
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one request.
type Event struct {
	head event.Head
	Request
	Tx uint64 // its number in the flow, from 0
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// Mute has it leave no record (event.Muter).
func (e *Event) Mute() { e.head.Quiet = true }

// Pair says that no other record belongs to it (event.Muter).
func (e *Event) Pair() (id uint64, ok bool) { return 0, false }

// AppendEVE writes a tftp record in Suricata's shape.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "tftp", packet.ToServer, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"tftp":{"packet":"read","file":`...)
	if e.Write {
		dst = append(dst[:len(dst)-len(`read","file":`)], `write","file":`...)
	}
	dst = event.AppendJSONString(dst, e.File)
	dst = append(dst, `,"mode":`...)
	dst = event.AppendJSONString(dst, e.Mode)
	return append(dst, '}')
}

// EachBuffer has no parts to give: rules about requests look at the packet (event.Parts).
func (e *Event) EachBuffer(func(name string, b []byte)) {}
