package snmp

import (
	"encoding/binary"
	"strconv"

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

// AppendEVE writes an snmp record in Suricata's shape.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "snmp", e.Dir, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"snmp":{"version":`...)
	dst = strconv.AppendUint(dst, uint64(e.Version), 10)
	text := func(key, v string) {
		dst = append(append(append(dst, ',', '"'), key...), '"', ':')
		dst = event.AppendJSONString(dst, v)
	}
	if e.Encrypted {
		text("pdu_type", "encrypted")
	} else {
		text("pdu_type", e.PDU.String())
		if e.Error != 0 {
			text("error", name(errorNames[:], e.Error))
		}
		if e.PDU == TrapV1 {
			text("trap_type", name(trapNames[:], e.Trap.Generic))
			text("trap_oid", e.Trap.Enterprise)
			text("trap_address", e.Trap.Address)
		}
		for i, v := range e.Vars {
			if i == 0 {
				dst = append(dst, `,"vars":[`...)
			} else {
				dst = append(dst, ',')
			}
			dst = event.AppendJSONString(dst, v)
		}
		if len(e.Vars) > 0 {
			dst = append(dst, ']')
		}
	}
	if e.Version < 3 {
		if known(e.Community) {
			text("community", e.Community)
		}
	} else if e.User != "" {
		text("usm", e.User)
	}
	return append(dst, '}')
}

// known reports that a community is one that devices come with. Any other is a password in all but name: rules may ask for
// it, no record shows it.
func known(community string) bool { return community == "public" || community == "private" }

// EachBuffer gives the parts of the message (event.Parts).
func (e *Event) EachBuffer(f func(name string, b []byte)) {
	f("snmp.version", binary.BigEndian.AppendUint32(nil, uint32(e.Version)))
	if e.Version < 3 {
		f("snmp.community", []byte(e.Community))
	} else if e.User != "" {
		f("snmp.usm", []byte(e.User))
	}
	if !e.Encrypted {
		f("snmp.pdu_type", binary.BigEndian.AppendUint32(nil, uint32(e.PDU)))
	}
}
