package modbus

import "encoding/binary"

// Document names: "MAP" is the Modbus Application Protocol Specification V1.1b3, "MMI" the Modbus Messaging on TCP/IP
// Implementation Guide V1.0b.

// Functions that are read further than their code (MAP 6).
const (
	ReadCoils         = 1
	ReadDiscretes     = 2
	ReadHolding       = 3
	ReadInput         = 4
	WriteCoil         = 5
	WriteRegister     = 6
	Diagnostic        = 8
	WriteCoils        = 15
	WriteRegisters    = 16
	MaskWriteRegister = 22
	ReadWriteRegs     = 23
	Encapsulated      = 43
)

// Access is what a function reads and writes, as bits: also what rules are given.
type Access uint8

// Kinds of access.
const (
	Read Access = 1 << iota
	Write
	Discretes
	Coils
	Input
	Holding
	Single
	Multiple
)

// Category is who defines a function (MAP 4.1), as bits: also what rules are given.
type Category uint8

// Categories.
const (
	PublicUnassigned Category = 1 << iota
	PublicAssigned
	UserDefined
	Reserved
)

// Flaw is what is wrong in a message, as bits.
type Flaw uint8

// Flaws.
const (
	BadValue Flaw = 1 << iota
	BadLength
	BadException
	BadFunction
	BadProtocol
)

// functions are the functions that are assigned or reserved, with EVE's names of them and what they access.
var functions = [44]struct {
	name     string
	access   Access
	reserved bool
}{
	1: {"RdCoils", Read | Coils, false}, 2: {"RdDiscreteInputs", Read | Discretes, false}, 3: {"RdHoldRegs", Read | Holding, false}, 4: {"RdInputRegs", Read | Input, false},
	5: {"WrSingleCoil", Write | Coils | Single, false}, 6: {"WrSingleReg", Write | Holding | Single, false}, 7: {"RdExcStatus", 0, false}, 8: {"Diagnostic", 0, false},
	9: {"Program484", 0, true}, 10: {"Poll484", 0, true}, 11: {"GetCommEventCtr", 0, false}, 12: {"GetCommEventLog", 0, false}, 13: {"ProgramController", 0, true},
	14: {"PollController", 0, true}, 15: {"WrMultCoils", Write | Coils | Multiple, false}, 16: {"WrMultRegs", Write | Holding | Multiple, false}, 17: {"ReportServerID", 0, false},
	18: {"Program884", 0, true}, 19: {"ResetCommLink", 0, true}, 20: {"RdFileRec", 0, false}, 21: {"WrFileRec", 0, false}, 22: {"MaskWrReg", Write | Holding, false},
	23: {"RdWrMultRegs", Read | Write | Holding | Multiple, false}, 24: {"RdFIFOQueue", 0, false}, 43: {"MEI", 0, false},
}

// functionName is EVE's name of a function.
func functionName(f uint8) string {
	if int(f) < len(functions) && functions[f].name != "" {
		return functions[f].name
	}
	return "Unknown"
}

// diagnostics are the sub-functions of Diagnostic (MAP 6.8).
var diagnostics = [22]string{0: "RetQueryData", 1: "RestartCommOpt", 2: "RetDiagReg", 3: "ChangeInputDelimiter", 4: "ForceListenOnlyMode", 10: "ClearCtrDiagReg",
	11: "RetBusMsgCount", 12: "RetBusCommErrCount", 13: "RetBusExcErrCount", 14: "RetServerMsgCount", 15: "RetServerNoRespCount", 16: "RetServerNAKCount",
	17: "RetServerBusyCount", 18: "RetBusCharOverrunCount", 19: "RetOverrunErrCount", 20: "ClearOverrunCounterFlag", 21: "GetClearPlusStats"}

// diagnosticName is EVE's name of a sub-function; empty: it is reserved.
func diagnosticName(sub uint16) string {
	if int(sub) < len(diagnostics) {
		return diagnostics[sub]
	}
	return ""
}

// exceptions are the codes of exceptions (MAP 7).
var exceptions = [12]string{1: "IllegalFunction", 2: "IllegalDataAddr", 3: "IllegalDataValue", 4: "ServerDeviceFail", 5: "Ack", 6: "ServerDeviceBusy", 7: "NegAck",
	8: "MemParityErr", 10: "GatewayPathUnavailable", 11: "GatewayTargetFailToResp"}

func exceptionName(code uint8) string {
	if int(code) < len(exceptions) && exceptions[code] != "" {
		return exceptions[code]
	}
	return "Unknown"
}

// encapsulatedName is the type of an Encapsulated Interface Transport (MAP 6.19).
func encapsulatedName(typ uint8) string {
	switch typ {
	case 13:
		return "CANOpenGenRefReqResp"
	case 14:
		return "RdDevId"
	}
	return "Unknown"
}

const (
	headerLen = 6   // of the MBAP header before the unit (MMI 3.1.3): what its length counts begins there
	minLength = 2   // of what the header counts: unit and function
	maxLength = 254 // the same: the PDU has at most 253 bytes (MAP 4.1)
)

// Message is one request or response. Its bytes lie in what was parsed until they are copied.
type Message struct {
	Transaction, Protocol uint16
	Unit                  uint8
	Raw                   uint8 // function code as sent; of an exception with 0x80
	Response              bool
	Flaws                 Flaw
	PDU                   []byte // with the function code
}

// Function is the function code without the mark of an exception.
func (m *Message) Function() uint8 { return m.Raw & 0x7f }

// Exception reports that the response says why there is none.
func (m *Message) Exception() bool { return m.Response && m.Raw&0x80 != 0 }

// Access is what the function reads and writes.
func (m *Message) Access() Access {
	if f := m.Function(); int(f) < len(functions) {
		return functions[f].access
	}
	return 0
}

// Category is who defines the function (MAP 4.1, annex A).
func (m *Message) Category() Category {
	f := m.Function()
	switch {
	case f >= 65 && f <= 72, f >= 100 && f <= 110:
		return UserDefined
	case f == 41, f == 42, f == 90, f == 91, f >= 125:
		return Reserved
	case f == Diagnostic && !m.Exception() && len(m.PDU) >= 3 && diagnosticName(m.at(1)) == "", f == Encapsulated && !m.Exception() && len(m.PDU) >= 2 && m.PDU[1] != 13 && m.PDU[1] != 14:
		return Reserved
	case functionName(f) == "Unknown":
		return PublicUnassigned
	case functions[f].reserved:
		return Reserved
	}
	return PublicAssigned
}

// at is the number of two bytes at a place of the PDU, which must be long enough.
func (m *Message) at(i int) uint16 { return binary.BigEndian.Uint16(m.PDU[i:]) }

// parse reads an ADU of the length that its header says: PDU and flaws.
func parse(b []byte, response bool) (m Message) {
	o := binary.BigEndian
	m = Message{Transaction: o.Uint16(b), Protocol: o.Uint16(b[2:]), Unit: b[6], Raw: b[7], Response: response, PDU: b[7:]}
	if m.Protocol != 0 {
		m.Flaws |= BadProtocol
	}
	if m.Raw == 0 || m.Raw&0x80 != 0 && !response {
		m.Flaws |= BadFunction
		return m
	}
	m.Flaws |= m.judge()
	return m
}

// judge finds what is wrong behind the function code (MAP 6).
func (m *Message) judge() Flaw {
	n, f := len(m.PDU), m.Raw
	bad := func(values, lengths bool) (w Flaw) {
		if lengths {
			w |= BadLength
		}
		if values {
			w |= BadValue
		}
		return w
	}
	if m.Exception() {
		switch {
		case n != 2:
			return BadLength
		case exceptionName(m.PDU[1]) == "Unknown":
			return BadException
		}
		return 0
	}
	switch f {
	case ReadCoils, ReadDiscretes, ReadHolding, ReadInput:
		if m.Response {
			if n < 2 {
				return BadLength
			}
			return bad(m.PDU[1] == 0 || f >= ReadHolding && m.PDU[1]&1 != 0, int(m.PDU[1]) != n-2)
		}
		if n < 5 {
			return BadLength
		}
		most := uint16(2000)
		if f >= ReadHolding {
			most = 125
		}
		return bad(m.at(3) == 0 || m.at(3) > most, n > 5)
	case WriteCoil:
		if n < 5 {
			return BadLength
		}
		return bad(m.at(3) != 0 && m.at(3) != 0xff00, n > 5)
	case WriteRegister:
		return bad(false, n != 5)
	case Diagnostic:
		return bad(false, n < 5)
	case WriteCoils, WriteRegisters:
		if m.Response {
			return bad(false, n != 5)
		}
		if n < 6 {
			return BadLength
		}
		q, most, bytes := int(m.at(3)), 1968, (int(m.at(3))+7)/8
		if f == WriteRegisters {
			most, bytes = 123, 2*q
		}
		return bad(q == 0 || q > most || int(m.PDU[5]) != bytes, int(m.PDU[5]) != n-6)
	case MaskWriteRegister:
		return bad(false, n != 7)
	case ReadWriteRegs:
		if m.Response {
			return bad(false, n < 2 || int(m.PDU[1]) != n-2)
		}
		if n < 10 {
			return BadLength
		}
		return bad(m.at(3) == 0 || m.at(3) > 125 || m.at(7) == 0 || m.at(7) > 121 || int(m.PDU[9]) != 2*int(m.at(7)), int(m.PDU[9]) != n-10)
	case Encapsulated:
		return bad(false, n < 2)
	}
	return 0
}

// reach is some places that a request reads or writes. Places count from 1, as in the model of the data (MAP 4.4).
type reach struct {
	write  bool
	first  uint16 // as sent, from 0
	count  uint16
	values []uint16 // of a write, one for each place
}

// reaches are what a request without flaws reads and writes.
func (m *Message) reaches() []reach {
	if m.Response || m.Flaws&(BadLength|BadFunction) != 0 {
		return nil
	}
	registers := func(b []byte) (v []uint16) {
		for ; len(b) >= 2; b = b[2:] {
			v = append(v, binary.BigEndian.Uint16(b))
		}
		return v
	}
	switch m.Raw {
	case ReadCoils, ReadDiscretes, ReadHolding, ReadInput:
		return []reach{{first: m.at(1), count: m.at(3)}}
	case WriteCoil:
		v := uint16(0)
		if m.at(3) != 0 {
			v = 1
		}
		return []reach{{write: true, first: m.at(1), count: 1, values: []uint16{v}}}
	case WriteRegister:
		return []reach{{write: true, first: m.at(1), count: 1, values: []uint16{m.at(3)}}}
	case WriteRegisters:
		return []reach{{write: true, first: m.at(1), count: m.at(3), values: registers(m.PDU[6:])}}
	case WriteCoils:
		r := reach{write: true, first: m.at(1), count: m.at(3)}
		for i := range min(int(r.count), 8*(len(m.PDU)-6)) {
			r.values = append(r.values, uint16(m.PDU[6+i/8]>>(i%8)&1))
		}
		return []reach{r}
	case MaskWriteRegister:
		return []reach{{write: true, first: m.at(1), count: 1}}
	case ReadWriteRegs:
		return []reach{{first: m.at(1), count: m.at(3)}, {write: true, first: m.at(5), count: m.at(7), values: registers(m.PDU[10:])}}
	}
	return nil
}

// answers reports whether a response says what its request leads one to expect (MAP 6).
func (m *Message) answers(q *Message) bool {
	switch {
	case m.Unit != q.Unit || m.Function() != q.Function():
		return false
	case m.Exception() || m.Flaws != 0 || q.Flaws != 0:
		return true
	}
	switch q.Raw {
	case ReadCoils, ReadDiscretes:
		return int(m.PDU[1]) == (int(q.at(3))+7)/8
	case ReadHolding, ReadInput, ReadWriteRegs:
		return int(m.PDU[1]) == 2*int(q.at(3))
	case WriteCoil, WriteRegister, WriteCoils, WriteRegisters:
		return m.at(1) == q.at(1) && m.at(3) == q.at(3)
	case MaskWriteRegister:
		return string(m.PDU) == string(q.PDU)
	}
	return true
}
