package modbus

import (
	"encoding/binary"
	"strconv"

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
	number := func(key string, n uint64) { dst = strconv.AppendUint(append(dst, key...), n, 10) }
	text := func(key, s string) { dst = event.AppendJSONString(append(dst, key...), s) }
	number(`"transaction_id":`, uint64(m.Transaction))
	number(`,"protocol_id":`, uint64(m.Protocol))
	number(`,"unit_id":`, uint64(m.Unit))
	number(`,"function_raw":`, uint64(m.Raw))
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

// appendData writes what stands behind the function code. What has flaws is written as bytes.
func (m *Message) appendData(dst []byte) []byte {
	number := func(key string, n uint16) { dst = strconv.AppendUint(append(dst, key...), uint64(n), 10) }
	bytes := func(key string, b []byte) { dst = event.AppendJSONString(append(dst, key...), string(b)) }
	data := m.PDU[1:]
	switch {
	case len(data) == 0:
		return dst
	case m.Exception():
		number(`,"exception":{"raw":`, uint16(data[0]))
		bytes(`,"code":`, []byte(exceptionName(data[0])))
		return append(dst, '}')
	case m.Flaws&(BadLength|BadFunction) != 0:
		bytes(`,"data":`, data)
		return dst
	}
	switch m.Raw {
	case Diagnostic:
		name := diagnostics[m.at(1)]
		if name == "" {
			name = "Reserved"
		}
		number(`,"diagnostic":{"raw":`, m.at(1))
		bytes(`,"code":`, []byte(name))
		bytes(`,"data":`, data[2:])
	case Encapsulated:
		number(`,"mei":{"raw":`, uint16(data[0]))
		bytes(`,"code":`, []byte(encapsulatedName(data[0])))
		bytes(`,"data":`, data[1:])
	case ReadCoils, ReadDiscretes, ReadHolding, ReadInput, ReadWriteRegs:
		if m.Response {
			bytes(`,"read":{"data":`, data[1:])
			break
		}
		number(`,"read":{"address":`, m.at(1))
		number(`,"quantity":`, m.at(3))
		if m.Raw == ReadWriteRegs {
			number(`},"write":{"address":`, m.at(5))
			number(`,"quantity":`, m.at(7))
			bytes(`,"data":`, data[9:])
		}
	case WriteCoils, WriteRegisters:
		number(`,"write":{"address":`, m.at(1))
		if m.Response {
			number(`,"data":`, m.at(3))
			break
		}
		number(`,"quantity":`, m.at(3))
		bytes(`,"data":`, data[5:])
	case WriteCoil, WriteRegister:
		number(`,"write":{"address":`, m.at(1))
		number(`,"data":`, m.at(3))
	case MaskWriteRegister:
		number(`,"write":{"address":`, m.at(1))
		number(`,"and_mask":`, m.at(3))
		number(`,"or_mask":`, m.at(5))
	default:
		bytes(`,"data":`, data)
		return dst
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
