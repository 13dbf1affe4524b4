package modbus

import (
	"encoding/binary"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is a request with its response, or one of both alone; the other is nil.
type Event struct {
	head              event.Head
	Tx                uint64 // its number in the connection, from 0
	Request, Response *Message
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// AppendEVE writes a modbus record in Suricata's shape.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	d := packet.ToServer
	if e.Request == nil {
		d = packet.ToClient
	}
	dst = event.AppendEVEHead(dst, &e.head, "modbus", d, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, `"modbus":{"id":`...), e.Tx+1, 10)
	if e.Request != nil {
		dst = e.Request.append(append(dst, `,"request":{`...))
	}
	if e.Response != nil {
		dst = e.Response.append(append(dst, `,"response":{`...))
	}
	return append(dst, '}')
}

// append writes a message, from behind its brace on.
func (m *Message) append(dst []byte) []byte {
	dst = numbers(dst, "", "transaction_id protocol_id unit_id function_raw", m.Transaction, m.Protocol, uint16(m.Unit), uint16(m.Raw))
	text := func(key, s string) { dst = event.AppendJSONString(append(dst, key...), s) }
	text(`,"function_code":`, functionName(m.Function()))
	text(`,"access_type":`, bits(uint8(m.Access()), "READ", "WRITE", "DISCRETES", "COILS", "INPUT", "HOLDING", "SINGLE", "MULTIPLE"))
	text(`,"category":`, bits(uint8(m.Category()), "PUBLIC_UNASSIGNED", "PUBLIC_ASSIGNED", "USER_DEFINED", "RESERVED"))
	text(`,"error_flags":`, bits(uint8(m.Flaws), "DATA_VALUE", "DATA_LENGTH", "EXC_CODE", "FUNC_CODE", "PROTO_ID"))
	return append(m.appendData(dst), '}')
}

// bits names the bits of n that are set.
func bits(n uint8, names ...string) string {
	s := ""
	for i, name := range names {
		if n>>i&1 != 0 {
			if s != "" {
				s += " | "
			}
			s += name
		}
	}
	if s == "" {
		return "NONE"
	}
	return s
}

// numbers writes numbers with their names, the first behind whatever opens them.
func numbers(dst []byte, open string, names string, list ...uint16) []byte {
	dst = append(dst, open...)
	for i, name := range strings.Fields(names) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), `":`...)
		dst = strconv.AppendUint(dst, uint64(list[i]), 10)
	}
	return dst
}

// coded writes a number, its name, and the bytes behind it where they are not nil.
func coded(dst []byte, open string, raw uint16, code string, data []byte) []byte {
	dst = numbers(dst, open, "raw", raw)
	dst = event.AppendJSONString(append(dst, `,"code":`...), code)
	if data != nil {
		dst = event.AppendJSONString(append(dst, `,"data":`...), string(data))
	}
	return append(dst, '}')
}

// appendData writes what stands behind the function code. What has flaws is written as bytes.
func (m *Message) appendData(dst []byte) []byte {
	data := m.PDU[1:]
	var more []byte // bytes at the end of the last object
	switch raw := m.Raw; {
	case len(data) == 0:
		return dst
	case m.Exception():
		return coded(dst, `,"exception":{`, uint16(data[0]), exceptionName(data[0]), nil)
	case m.Flaws&(BadLength|BadFunction) != 0:
		return event.AppendJSONString(append(dst, `,"data":`...), string(data))
	case raw == Diagnostic:
		name := diagnosticName(m.at(1))
		if name == "" {
			name = "Reserved"
		}
		return coded(dst, `,"diagnostic":{`, m.at(1), name, data[2:])
	case raw == Encapsulated:
		return coded(dst, `,"mei":{`, uint16(data[0]), encapsulatedName(data[0]), data[1:])
	case m.Response && (raw <= ReadInput || raw == ReadWriteRegs):
		dst, more = append(dst, `,"read":{`...), data[1:]
	case raw <= ReadInput:
		dst = numbers(dst, `,"read":{`, "address quantity", m.at(1), m.at(3))
	case raw == ReadWriteRegs:
		dst = numbers(dst, `,"read":{`, "address quantity", m.at(1), m.at(3))
		dst, more = numbers(dst, `},"write":{`, "address quantity", m.at(5), m.at(7)), data[9:]
	case raw == WriteCoil, raw == WriteRegister, m.Response && (raw == WriteCoils || raw == WriteRegisters):
		dst = numbers(dst, `,"write":{`, "address data", m.at(1), m.at(3))
	case raw == WriteCoils, raw == WriteRegisters:
		dst, more = numbers(dst, `,"write":{`, "address quantity", m.at(1), m.at(3)), data[5:]
	case raw == MaskWriteRegister:
		dst = numbers(dst, `,"write":{`, "address and_mask or_mask", m.at(1), m.at(3), m.at(5))
	default:
		return event.AppendJSONString(append(dst, `,"data":`...), string(data))
	}
	if more != nil {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = event.AppendJSONString(append(dst, `"data":`...), string(more))
	}
	return append(dst, '}')
}

// sight is what rules see of a request (event.Parts): unit, access, category, function and, of Diagnostic, the sub-function, else
// 0xffff; then for each run of places whether they are written, the first (from 0), how many, how many values follow, and the values.
// All but the first four and the mark are numbers of two bytes.
type sight struct{ *Event }

// EachBuffer gives the one part.
func (v *sight) EachBuffer(f func(name string, b []byte)) {
	m := v.Request
	if m.Flaws&(BadProtocol|BadFunction) != 0 {
		return
	}
	o := binary.BigEndian
	b := []byte{m.Unit, byte(m.Access()), byte(m.Category()), m.Raw}
	sub := uint16(0xffff)
	if m.Raw == Diagnostic && m.Flaws == 0 {
		sub = m.at(1)
	}
	b = o.AppendUint16(b, sub)
	for _, r := range m.reaches() {
		mark := byte(Read)
		if r.write {
			mark = byte(Write)
		}
		b = o.AppendUint16(o.AppendUint16(o.AppendUint16(append(b, mark), r.first), r.count), uint16(len(r.values)))
		for _, x := range r.values {
			b = o.AppendUint16(b, x)
		}
	}
	f("modbus", b)
}

// answer is what rules see of a response: only what is odd in it.
type answer struct{ *Event }

// EachBuffer gives nothing.
func (*answer) EachBuffer(func(name string, b []byte)) {}
