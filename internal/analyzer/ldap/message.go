package ldap

import (
	"strings"

	"firestorm/internal/analyzer"
)

// Op is a protocol operation by the number of its application tag (RFC 4511 4.2 and following, appendix B).
type Op uint8

// Operations.
const (
	BindRequest          Op = 0
	BindResponse         Op = 1
	UnbindRequest        Op = 2
	SearchRequest        Op = 3
	SearchResultEntry    Op = 4
	SearchResultDone     Op = 5
	ModifyRequest        Op = 6
	ModifyResponse       Op = 7
	AddRequest           Op = 8
	AddResponse          Op = 9
	DelRequest           Op = 10
	DelResponse          Op = 11
	ModDNRequest         Op = 12
	ModDNResponse        Op = 13
	CompareRequest       Op = 14
	CompareResponse      Op = 15
	AbandonRequest       Op = 16
	SearchResultRef      Op = 19
	ExtendedRequest      Op = 23
	ExtendedResponse     Op = 24
	IntermediateResponse Op = 25
)

// opNames are Suricata's words; empty: no such operation.
var opNames = [32]string{"bind_request", "bind_response", "unbind_request", "search_request", "search_result_entry", "search_result_done", "modify_request",
	"modify_response", "add_request", "add_response", "del_request", "del_response", "mod_dn_request", "mod_dn_response", "compare_request", "compare_response",
	"abandon_request", 19: "search_result_reference", 23: "extended_request", 24: "extended_response", 25: "intermediate_response"}

// String returns Suricata's word.
func (o Op) String() string { return opNames[o&31] }

// requests are the operations that clients send, a bit each.
const requests = 1<<BindRequest | 1<<UnbindRequest | 1<<SearchRequest | 1<<ModifyRequest | 1<<AddRequest | 1<<DelRequest | 1<<ModDNRequest |
	1<<CompareRequest | 1<<AbandonRequest | 1<<ExtendedRequest

// request reports that clients send o.
func (o Op) request() bool { return requests>>(o&31)&1 != 0 }

// last reports that no response follows o in its exchange (RFC 4511 4.5.2, 4.13).
func (o Op) last() bool {
	return o != SearchResultEntry && o != SearchResultRef && o != IntermediateResponse
}

// unanswered reports that a request has no response (RFC 4511 4.3, 4.11).
func (o Op) unanswered() bool { return o == UnbindRequest || o == AbandonRequest }

// hasResult reports that a response carries an LDAPResult (RFC 4511 4.1.9).
func (o Op) hasResult() bool { return !o.request() && o.last() }

// Message is what is kept of one LDAPMessage (RFC 4511 4.1.1). Its texts are as they came. What proves who somebody is, is not
// among them: no password, no SASL credentials, no value of an attribute that holds passwords.
type Message struct {
	ID   uint32
	Op   Op
	DN   string // bind: name; search: baseObject; modify: object; add, modify DN, compare: entry; delete: the name; response: objectName or matchedDN
	Code uint32 // resultCode, of a response with a result
	Text string // diagnosticMessage

	Version   uint8  // bind
	Simple    bool   // bind: a name and a password
	Secret    bool   // bind: the password of a simple one is not empty
	Mechanism string // bind: of SASL

	Scope, Deref         uint8 // search
	SizeLimit, TimeLimit uint32
	TypesOnly            bool

	Attributes []Attribute // search (types alone), add, modify, compare (one), search result entry

	NewRDN, NewSuperior string // modify DN
	DeleteOld           bool
	HasSuperior         bool

	Abandoned uint32 // abandon: the message ID

	Name, Value       string // extended request and response, intermediate response
	HasName, HasValue bool
	Cut               bool // there was more than is kept
}

// Attribute is a type and its values.
type Attribute struct {
	Type   string
	Values []string
	Change uint8 // modify: 0 add, 1 delete, 2 replace, 3 increment (RFC 4525)
}

// Bounds of what is kept of a message.
const (
	maxText       = 1024 // bytes of a text
	maxAttributes = 64
	maxValues     = 64
)

// Tags (RFC 4511 4.1, 5.1).
const (
	tagBoolean    = 0x01
	tagInteger    = 0x02
	tagOctets     = 0x04
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagSet        = 0x31
)

// walker walks through the elements of a message. What lies beyond the bytes at hand is missing, not wrong.
type walker struct {
	analyzer.DER
	cut bool // the bytes end before the element does
}

// enter opens the next element if it has that tag.
func (w *walker) enter(tag byte) (in walker, ok bool) {
	b := w.DER
	if len(b) == 0 || b[0] != tag {
		return walker{}, false
	}
	head, n, ok := length(b[1:])
	if !ok {
		return walker{}, false
	}
	b = b[1+head:]
	if uint64(len(b)) < n {
		w.DER = nil
		return walker{b, true}, w.cut
	}
	in = walker{b[:n:n], false}
	w.DER = b[n:]
	return in, true
}

// length reads a definite length (RFC 4511 5.1): how many bytes it takes, and what it is.
func length(b []byte) (took int, n uint64, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	if b[0] < 0x80 {
		return 1, uint64(b[0]), true
	}
	k := int(b[0] & 0x7f)
	if k == 0 || k > 4 || len(b) < 1+k {
		return 0, 0, false
	}
	for _, c := range b[1 : 1+k] {
		n = n<<8 | uint64(c)
	}
	return 1 + k, n, true
}

// text takes an octet string; of a long one its begin.
func (w *walker) text(tag byte) (s string, ok bool) {
	in, ok := w.enter(tag)
	return string(in.DER[:min(len(in.DER), maxText)]), ok
}

func (w *walker) number(tag byte) (n uint64, ok bool) {
	in, ok := w.enter(tag)
	if !ok || in.cut {
		return 0, false
	}
	n, ok = in.Uint()
	return n, ok && n < 1<<31 // maxInt (RFC 4511 4.1.1.1)
}

// passwordTypes are attributes whose values prove who somebody is, in lower case: RFC 4519, RFC 3112, draft-behera-ldap-password-policy,
// Samba, MIT Kerberos, Active Directory.
var passwordTypes = map[string]bool{"userpassword": true, "authpassword": true, "pwdhistory": true, "sambantpassword": true, "sambalmpassword": true,
	"sambapasswordhistory": true, "ntpassword": true, "lmpassword": true, "krbprincipalkey": true, "krb5key": true, "unicodepwd": true, "dbcspwd": true,
	"ntpwdhistory": true, "lmpwdhistory": true, "supplementalcredentials": true, "ms-mcs-admpwd": true, "mslaps-password": true, "mslaps-encryptedpassword": true,
	"mslaps-encryptedpasswordhistory": true, "msds-managedpassword": true, "olcrootpw": true, "2.5.4.35": true}

// secret reports that values of a type are passwords. Options behind the type change nothing (RFC 4512 2.5).
func secret(typ string) bool {
	typ, _, _ = strings.Cut(typ, ";")
	return passwordTypes[strings.ToLower(typ)]
}

// Names of extended operations (RFC 4511 4.14, RFC 3062).
const (
	oidStartTLS       = "1.3.6.1.4.1.1466.20037"
	oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1"
)

// frame reads how long the message is with which b begins. ok is false where that is not known yet; n is 0 then, unless no
// message begins so, which is said by -1.
func frame(b []byte) (n int, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	if b[0] != tagSequence {
		return -1, false
	}
	if len(b) < 2 {
		return 0, false
	}
	if k := int(b[1] & 0x7f); b[1] >= 0x80 && k != 0 && k <= 4 && len(b) < 2+k {
		return 0, false
	}
	head, size, good := length(b[1:])
	if !good || size > 1<<30 || size < 5 { // an ID and an operation take five bytes
		return -1, false
	}
	return 1 + head + int(size), true
}

// parse reads a message of which b is the begin, cut off where cut says so. False: it is none.
func parse(b []byte, cut bool) (m Message, ok bool) {
	all := walker{b, cut}
	msg, ok := all.enter(tagSequence)
	if !ok {
		return m, false
	}
	id, ok := msg.number(tagInteger)
	if !ok || len(msg.DER) == 0 {
		return m, false
	}
	tag := msg.DER[0]
	m.ID, m.Op = uint32(id), Op(tag&0x1f)
	if m.Op.String() == "" || tag != m.Op.tag() {
		return m, false
	}
	m.Cut = cut
	w, ok := msg.enter(tag)
	return m, ok && (m.read(&w) || w.cut || cut)
}

// tag is how an operation begins: constructed, but for those that are one value.
func (o Op) tag() byte {
	switch o {
	case UnbindRequest, DelRequest, AbandonRequest:
		return 0x40 | byte(o)
	}
	return 0x60 | byte(o)
}

// read takes what is kept of the operation. False: something is not as it should be.
func (m *Message) read(w *walker) (ok bool) {
	switch m.Op {
	case UnbindRequest:
		return len(w.DER) == 0
	case AbandonRequest:
		n, ok := w.Uint()
		m.Abandoned = uint32(n)
		return ok && n < 1<<31
	case DelRequest:
		m.DN = string(w.DER[:min(len(w.DER), maxText)])
		return true
	case BindRequest:
		return m.bind(w)
	case SearchRequest:
		return m.search(w)
	case ModifyRequest, AddRequest, SearchResultEntry:
		if m.DN, ok = w.text(tagOctets); !ok {
			return false
		}
		list, ok := w.enter(tagSequence)
		for ok && len(list.DER) > 0 {
			if len(m.Attributes) == maxAttributes {
				m.Cut = true
				return true
			}
			ok = m.attribute(&list)
		}
		return ok
	case ModDNRequest:
		if m.DN, ok = w.text(tagOctets); !ok {
			return false
		}
		if m.NewRDN, ok = w.text(tagOctets); !ok {
			return false
		}
		old, ok := w.enter(tagBoolean)
		m.DeleteOld = ok && len(old.DER) == 1 && old.DER[0] != 0
		m.NewSuperior, m.HasSuperior = w.text(0x80)
		return ok
	case CompareRequest:
		if m.DN, ok = w.text(tagOctets); !ok {
			return false
		}
		ava, ok := w.enter(tagSequence)
		typ, ok2 := ava.text(tagOctets)
		value, ok3 := ava.text(tagOctets)
		a := Attribute{Type: typ}
		if !secret(typ) {
			a.Values = []string{value}
		}
		m.Attributes = []Attribute{a}
		return ok && ok2 && ok3
	case ExtendedRequest:
		m.Name, m.HasName = w.text(0x80)
		m.value(w, 0x81)
		return m.HasName
	case IntermediateResponse:
		m.Name, m.HasName = w.text(0x80)
		m.value(w, 0x81)
		return true
	case SearchResultRef:
		return true
	}
	return m.result(w)
}

// value takes the value of an extension, unless it carries passwords.
func (m *Message) value(w *walker, tag byte) {
	v, ok := w.text(tag)
	if m.HasValue = ok && m.Name != oidPasswordModify; m.HasValue {
		m.Value = v
	}
}

// result reads an LDAPResult and what follows it (RFC 4511 4.1.9, 4.2.2, 4.12).
func (m *Message) result(w *walker) bool {
	code, ok := w.number(tagEnumerated)
	if !ok {
		return false
	}
	m.Code = uint32(code)
	if m.DN, ok = w.text(tagOctets); !ok {
		return false
	}
	if m.Text, ok = w.text(tagOctets); !ok {
		return false
	}
	w.enter(0xa3) // referral
	if m.Op == ExtendedResponse {
		m.Name, m.HasName = w.text(0x8a)
		m.value(w, 0x8b)
	}
	return true
}

// bind reads a BindRequest (RFC 4511 4.2).
func (m *Message) bind(w *walker) bool {
	version, ok := w.number(tagInteger)
	if !ok || version == 0 || version > 127 {
		return false
	}
	m.Version = uint8(version)
	if m.DN, ok = w.text(tagOctets); !ok {
		return false
	}
	if password, ok := w.enter(0x80); ok {
		m.Simple, m.Secret = true, len(password.DER) > 0
		return true
	}
	if sasl, ok := w.enter(0xa3); ok {
		m.Mechanism, ok = sasl.text(tagOctets) // its credentials are not looked at
		return ok
	}
	return len(w.DER) > 0 // of version 2, or of Active Directory (sicily)
}

// search reads a SearchRequest (RFC 4511 4.5.1). Its filter is not looked at.
func (m *Message) search(w *walker) (ok bool) {
	if m.DN, ok = w.text(tagOctets); !ok {
		return false
	}
	for _, f := range []struct {
		tag byte
		max uint64
		put func(uint64)
	}{{tagEnumerated, 255, func(n uint64) { m.Scope = uint8(n) }}, {tagEnumerated, 255, func(n uint64) { m.Deref = uint8(n) }},
		{tagInteger, 1 << 31, func(n uint64) { m.SizeLimit = uint32(n) }}, {tagInteger, 1 << 31, func(n uint64) { m.TimeLimit = uint32(n) }}} {
		n, ok := w.number(f.tag)
		if !ok || n > f.max {
			return false
		}
		f.put(n)
	}
	types, ok := w.enter(tagBoolean)
	if !ok || len(types.DER) != 1 {
		return false
	}
	m.TypesOnly = types.DER[0] != 0
	if len(w.DER) == 0 {
		return false
	}
	if _, ok = w.enter(w.DER[0]); !ok {
		return false
	}
	list, ok := w.enter(tagSequence)
	for ok && len(list.DER) > 0 {
		if len(m.Attributes) == maxAttributes {
			m.Cut = true
			return true
		}
		var a Attribute
		if a.Type, ok = list.text(tagOctets); ok {
			m.Attributes = append(m.Attributes, a)
		}
	}
	return ok
}

// attribute reads a PartialAttribute (RFC 4511 4.1.7), or a change of a ModifyRequest with it.
func (m *Message) attribute(list *walker) (ok bool) {
	var a Attribute
	x, ok := list.enter(tagSequence)
	if m.Op == ModifyRequest && ok {
		n, good := x.number(tagEnumerated)
		if !good {
			return false
		}
		a.Change = uint8(min(n, 255))
		x, ok = x.enter(tagSequence)
	}
	if !ok {
		return false
	}
	if a.Type, ok = x.text(tagOctets); !ok {
		return false
	}
	values, ok := x.enter(tagSet)
	hide := secret(a.Type)
	for ok && len(values.DER) > 0 && !hide {
		if len(a.Values) == maxValues {
			m.Cut = true
			break
		}
		var v string
		if v, ok = values.text(tagOctets); ok {
			a.Values = append(a.Values, v)
		}
	}
	m.Attributes = append(m.Attributes, a)
	return ok
}

// size is about how many bytes m takes.
func (m *Message) size() int {
	n := 360 + len(m.DN) + len(m.Text) + len(m.Mechanism) + len(m.NewRDN) + len(m.NewSuperior) + len(m.Name) + len(m.Value)
	for i := range m.Attributes {
		a := &m.Attributes[i]
		n += 48 + len(a.Type)
		for _, v := range a.Values {
			n += 16 + len(v)
		}
	}
	return n
}
