package krb5

import (
	"strconv"

	"firestorm/internal/analyzer"
)

// Types of messages (RFC 4120 7.5.7): the numbers of their outermost tags.
const (
	ASReq  = 10
	ASRep  = 11
	TGSReq = 12
	TGSRep = 13
	APReq  = 14
	APRep  = 15
	Error  = 30
)

// Message is what is read of one message. Its names are as they came.
type Message struct {
	Type   uint8
	Realm  string   // the client's in answers and errors, else that of the request
	Client []string // cname: the parts of the name
	Server []string // sname
	EType  int32    // of the encrypted part of an answer (RFC 3961 8); 0: none
	Ticket int32    // of the ticket in it
	Code   uint64   // error-code; valid for Error
}

// Bounds of what is kept of a message.
const (
	maxName  = 255
	maxParts = 8
)

const (
	tagInteger  = 0x02
	tagSequence = 0x30
)

// known reports an outermost tag that is read here.
func known(tag byte) bool {
	switch tag &^ 0x60 {
	case ASReq, ASRep, TGSReq, TGSRep, APReq, APRep, Error:
		return tag&0x60 == 0x60
	}
	return false
}

// begin reads the outermost tag, the version and the type of b, of which the end may be missing. It returns the type.
func begin(b []byte) (typ byte, ok bool) {
	if len(b) == 0 || !known(b[0]) {
		return 0, false
	}
	typ = b[0] &^ 0x60
	b = skip(b)
	if len(b) == 0 || b[0] != tagSequence {
		return 0, false
	}
	b = skip(b)
	first := byte(0xa0)
	if typ == ASReq || typ == TGSReq {
		first = 0xa1
	}
	want := []byte{first, 3, tagInteger, 1, 5, first + 1, 3, tagInteger, 1, typ}
	return typ, len(b) >= len(want) && string(b[:len(want)]) == string(want)
}

// skip cuts a tag and its length off.
func skip(b []byte) []byte {
	if len(b) < 2 {
		return nil
	}
	n := 2
	if b[1] >= 0x80 {
		n += int(b[1] & 0x7f)
	}
	if n > len(b) {
		return nil
	}
	return b[n:]
}

// Parse reads b. False: it is none of the messages that are read here. What of it is cut off is absent.
func Parse(b []byte) (m Message, ok bool) {
	typ, ok := begin(b)
	if !ok {
		return m, false
	}
	m.Type = typ
	d := analyzer.DER(b)
	_, app, ok := d.Next()
	if !ok {
		return m, false
	}
	seq, ok := app.Of(tagSequence)
	if !ok {
		return m, false
	}
	switch typ {
	case ASReq, TGSReq:
		if body, ok := field(seq, 4); ok {
			if body, ok := body.Of(tagSequence); ok {
				m.Client, m.Realm, m.Server = name(body, 1), text(body, 2), name(body, 3)
			}
		}
	case ASRep, TGSRep:
		m.Realm, m.Client, m.EType = text(seq, 3), name(seq, 4), etype(seq, 6)
		if t, ok := field(seq, 5); ok {
			if _, t, ok := t.Next(); ok { // Ticket, [APPLICATION 1]
				if t, ok := t.Of(tagSequence); ok {
					m.Server, m.Ticket = name(t, 2), etype(t, 3)
				}
			}
		}
	case Error:
		m.Code, _ = number(seq, 6)
		m.Client, m.Realm, m.Server = name(seq, 8), text(seq, 7), name(seq, 10)
		if m.Realm == "" {
			m.Realm = text(seq, 9)
		}
	}
	return m, true
}

// field returns the content of the member with that number.
func field(d analyzer.DER, n byte) (analyzer.DER, bool) {
	for {
		tag, v, ok := d.Next()
		switch {
		case !ok:
			return nil, false
		case tag == 0xa0|n:
			return v, true
		}
	}
}

func number(d analyzer.DER, n byte) (uint64, bool) {
	v, ok := field(d, n)
	if !ok {
		return 0, false
	}
	i, ok := v.Of(tagInteger)
	if !ok {
		return 0, false
	}
	return i.Uint()
}

// text reads a KerberosString (RFC 4120 5.2.1).
func text(d analyzer.DER, n byte) string {
	v, ok := field(d, n)
	if !ok {
		return ""
	}
	_, s, _ := v.Next()
	return string(s[:min(len(s), maxName)])
}

// name reads a PrincipalName (RFC 4120 5.2.2).
func name(d analyzer.DER, n byte) (parts []string) {
	v, _ := field(d, n)
	v, _ = v.Of(tagSequence)
	v, _ = field(v, 1)
	v, _ = v.Of(tagSequence)
	for len(parts) < maxParts {
		_, s, ok := v.Next()
		if !ok {
			break
		}
		parts = append(parts, string(s[:min(len(s), maxName)]))
	}
	return parts
}

// etype reads the algorithm of EncryptedData (RFC 4120 5.2.9). Windows has some with negative numbers.
func etype(d analyzer.DER, n byte) int32 {
	v, _ := field(d, n)
	v, _ = v.Of(tagSequence)
	v, _ = field(v, 0)
	i, _ := v.Of(tagInteger)
	if len(i) == 0 || len(i) > 4 {
		return 0
	}
	e := int32(int8(i[0]))
	for _, c := range i[1:] {
		e = e<<8 | int32(c)
	}
	return e
}

var typeNames = map[uint8]string{ASReq: "KRB_AS_REQ", ASRep: "KRB_AS_REP", TGSReq: "KRB_TGS_REQ", TGSRep: "KRB_TGS_REP", APReq: "KRB_AP_REQ", APRep: "KRB_AP_REP", Error: "KRB_ERROR"}

var etypeNames = map[int32]string{1: "DES_CBC_CRC", 2: "DES_CBC_MD4", 3: "DES_CBC_MD5", 5: "DES3_CBC_MD5", 7: "DES3_CBC_SHA1", 16: "DES3_CBC_SHA1_KD", 17: "AES128_CTS_HMAC_SHA1_96",
	18: "AES256_CTS_HMAC_SHA1_96", 19: "AES128_CTS_HMAC_SHA256_128", 20: "AES256_CTS_HMAC_SHA384_192", 23: "RC4_HMAC", 24: "RC4_HMAC_EXP", 25: "CAMELLIA128_CTS_CMAC", 26: "CAMELLIA256_CTS_CMAC"}

// weak reports an algorithm that is not one of AES or Camellia (RFC 8429).
func weak(e int32) bool { return e != 0 && !(e >= 17 && e <= 20 || e == 25 || e == 26) }

func etypeName(e int32) string {
	if n := etypeNames[e]; n != "" {
		return n
	}
	return strconv.Itoa(int(e))
}

// errorNames are the codes of RFC 4120 7.5.9 that are met.
var errorNames = map[uint64]string{0: "KDC_ERR_NONE", 1: "KDC_ERR_NAME_EXP", 2: "KDC_ERR_SERVICE_EXP", 3: "KDC_ERR_BAD_PVNO", 4: "KDC_ERR_C_OLD_MAST_KVNO", 5: "KDC_ERR_S_OLD_MAST_KVNO",
	6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN", 8: "KDC_ERR_PRINCIPAL_NOT_UNIQUE", 9: "KDC_ERR_NULL_KEY", 10: "KDC_ERR_CANNOT_POSTDATE", 11: "KDC_ERR_NEVER_VALID",
	12: "KDC_ERR_POLICY", 13: "KDC_ERR_BADOPTION", 14: "KDC_ERR_ETYPE_NOSUPP", 15: "KDC_ERR_SUMTYPE_NOSUPP", 16: "KDC_ERR_PADATA_TYPE_NOSUPP", 17: "KDC_ERR_TRTYPE_NOSUPP",
	18: "KDC_ERR_CLIENT_REVOKED", 19: "KDC_ERR_SERVICE_REVOKED", 20: "KDC_ERR_TGT_REVOKED", 21: "KDC_ERR_CLIENT_NOTYET", 22: "KDC_ERR_SERVICE_NOTYET", 23: "KDC_ERR_KEY_EXPIRED",
	24: "KDC_ERR_PREAUTH_FAILED", 25: "KDC_ERR_PREAUTH_REQUIRED", 26: "KDC_ERR_SERVER_NOMATCH", 27: "KDC_ERR_MUST_USE_USER2USER", 28: "KDC_ERR_PATH_NOT_ACCEPTED", 29: "KDC_ERR_SVC_UNAVAILABLE",
	31: "KRB_AP_ERR_BAD_INTEGRITY", 32: "KRB_AP_ERR_TKT_EXPIRED", 33: "KRB_AP_ERR_TKT_NYV", 34: "KRB_AP_ERR_REPEAT", 35: "KRB_AP_ERR_NOT_US", 36: "KRB_AP_ERR_BADMATCH", 37: "KRB_AP_ERR_SKEW",
	38: "KRB_AP_ERR_BADADDR", 39: "KRB_AP_ERR_BADVERSION", 40: "KRB_AP_ERR_MSG_TYPE", 41: "KRB_AP_ERR_MODIFIED", 42: "KRB_AP_ERR_BADORDER", 44: "KRB_AP_ERR_BADKEYVER", 45: "KRB_AP_ERR_NOKEY",
	46: "KRB_AP_ERR_MUT_FAIL", 47: "KRB_AP_ERR_BADDIRECTION", 48: "KRB_AP_ERR_METHOD", 49: "KRB_AP_ERR_BADSEQ", 50: "KRB_AP_ERR_INAPP_CKSUM", 51: "KRB_AP_PATH_NOT_ACCEPTED",
	52: "KRB_ERR_RESPONSE_TOO_BIG", 60: "KRB_ERR_GENERIC", 61: "KRB_ERR_FIELD_TOOLONG", 68: "KDC_ERR_WRONG_REALM"}

// ErrorName is the name of an error code, or its number.
func ErrorName(code uint64) string {
	if n := errorNames[code]; n != "" {
		return n
	}
	return strconv.FormatUint(code, 10)
}
