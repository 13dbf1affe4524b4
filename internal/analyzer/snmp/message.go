package snmp

import (
	"strconv"

	"firestorm/internal/analyzer"
)

// Message is what is read of one message. Its texts are as they came.
type Message struct {
	Version   uint8 // as people count: 1, 2 for 2c, 3
	Community string
	Model     uint64 // msgSecurityModel, of version 3
	User      string // of the user-based security model (RFC 3414 2.4)
	Encrypted bool   // the PDU is not to be read
	PDU       PDU    // valid unless Encrypted
	Error     uint64 // error-status; not of get-bulk, nor of traps of version 1
	Trap      Trap   // of a trap of version 1
	Vars      []string
}

// userModel is the number of the user-based security model (RFC 3411 5).
const userModel = 3

// PDU is the type of a protocol data unit (RFC 3416 3, RFC 1157 4.1).
type PDU uint8

// Types.
const (
	Get PDU = iota
	GetNext
	Response
	Set
	TrapV1
	GetBulk
	Inform
	TrapV2
	Report
	numPDUs
)

var pduNames = [numPDUs]string{"get_request", "get_next_request", "response", "set_request", "trap_v1", "get_bulk_request", "inform_request", "trap_v2", "report"}

// String returns Suricata's word.
func (p PDU) String() string { return pduNames[min(p, numPDUs-1)] }

// Trap is what a trap of version 1 says of itself (RFC 1157 4.1.6).
type Trap struct {
	Enterprise string // object identifier
	Address    string // agent-addr
	Generic    uint64
}

// Bounds of what is kept of a message.
const (
	maxText = 255
	maxVars = 64
)

const (
	tagInteger   = 0x02
	tagOctets    = 0x04
	tagOID       = 0x06
	tagSequence  = 0x30
	tagIPAddress = 0x40
	tagPDU       = 0xa0
)

// Parse reads b. False: it is no message, or bytes follow it.
func Parse(b []byte) (m Message, ok bool) {
	d := analyzer.DER(b)
	msg, ok := d.Of(tagSequence)
	if !ok || len(d) != 0 {
		return m, false
	}
	version, ok := number(&msg)
	switch {
	case !ok:
		return m, false
	case version == 0 || version == 1:
		community, ok := msg.Of(tagOctets)
		if !ok {
			return m, false
		}
		m.Version, m.Community = uint8(version)+1, text(community)
		return m, m.pdu(msg)
	case version == 3:
		m.Version = 3
		return m, m.three(msg)
	}
	return m, false
}

// three reads what follows the version in version 3 (RFC 3412 6).
func (m *Message) three(msg analyzer.DER) bool {
	global, ok := msg.Of(tagSequence)
	if !ok {
		return false
	}
	number(&global) // msgID
	number(&global) // msgMaxSize
	flags, ok := global.Of(tagOctets)
	if !ok || len(flags) != 1 {
		return false
	}
	model, ok := number(&global)
	security, ok2 := msg.Of(tagOctets)
	if !ok || !ok2 {
		return false
	}
	m.Model = model
	if usm, ok := security.Of(tagSequence); ok && model == userModel {
		usm.Of(tagOctets) // msgAuthoritativeEngineID
		number(&usm)
		number(&usm)
		user, _ := usm.Of(tagOctets)
		m.User = text(user)
	}
	if flags[0]&2 != 0 {
		m.Encrypted = true
		_, ok := msg.Of(tagOctets)
		return ok
	}
	scoped, ok := msg.Of(tagSequence)
	if !ok {
		return false
	}
	scoped.Of(tagOctets) // contextEngineID
	scoped.Of(tagOctets) // contextName
	return m.pdu(scoped)
}

// pdu reads a protocol data unit. What follows a number that makes no sense is not read.
func (m *Message) pdu(d analyzer.DER) bool {
	tag, pdu, ok := d.Next()
	if !ok || tag&^0x1f != tagPDU || PDU(tag&0x1f) >= numPDUs {
		return false
	}
	m.PDU = PDU(tag & 0x1f)
	if m.PDU == TrapV1 {
		enterprise, ok := pdu.Of(tagOID)
		address, ok2 := pdu.Of(tagIPAddress)
		if !ok || !ok2 {
			return false
		}
		m.Trap.Enterprise, m.Trap.Address = string(enterprise.AppendOID(nil)), ip(address)
		m.Trap.Generic, _ = number(&pdu)
		pdu.Next() // specific-trap
		pdu.Next() // time-stamp
	} else {
		if _, ok := pdu.Of(tagInteger); !ok { // request-id, which may be negative
			return false
		}
		status, ok := number(&pdu)
		_, ok2 := number(&pdu)
		if !ok || !ok2 {
			return false
		}
		if m.PDU != GetBulk { // there it is non-repeaters
			m.Error = status
		}
	}
	list, ok := pdu.Of(tagSequence)
	if !ok {
		return false
	}
	for len(list) > 0 && len(m.Vars) < maxVars {
		pair, ok := list.Of(tagSequence)
		if !ok {
			return true
		}
		if name, ok := pair.Of(tagOID); ok && len(name) <= 128 {
			m.Vars = append(m.Vars, string(name.AppendOID(nil)))
		}
	}
	return true
}

func number(d *analyzer.DER) (uint64, bool) {
	v, ok := d.Of(tagInteger)
	if !ok {
		return 0, false
	}
	return v.Uint()
}

func text(b []byte) string { return string(b[:min(len(b), maxText)]) }

func ip(b []byte) string {
	if len(b) != 4 {
		return ""
	}
	var dst []byte
	for i, c := range b {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(c), 10)
	}
	return string(dst)
}

var errorNames = [...]string{"NoError", "TooBig", "NoSuchName", "BadValue", "ReadOnly", "GenErr", "NoAccess", "WrongType", "WrongLength", "WrongEncoding", "WrongValue",
	"NoCreation", "InconsistentValue", "ResourceUnavailable", "CommitFailed", "UndoFailed", "AuthorizationError", "NotWritable", "InconsistentName"}

var trapNames = [...]string{"ColdStart", "WarmStart", "LinkDown", "LinkUp", "AuthenticationFailure", "EgpNeighborLoss", "EnterpriseSpecific"}

// name is one of a list, or the number.
func name(list []string, n uint64) string {
	if n < uint64(len(list)) {
		return list[n]
	}
	return strconv.FormatUint(n, 10)
}
