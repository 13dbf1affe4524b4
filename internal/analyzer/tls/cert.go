package tls

import (
	"crypto/sha1"
	"firestorm/internal/analyzer"
)

// Certificate is what is read of an X.509 certificate (RFC 5280 4.1). It is read tolerantly: a certificate that a strict
// parser refuses still names its owner. Its parts lie in the bytes that were parsed.
type Certificate struct {
	Serial      []byte // content of the INTEGER
	Issuer      []byte // Name, DER
	Subject     []byte
	NotBefore   int64 // seconds since 1970
	NotAfter    int64
	SANs        []byte // GeneralNames, content
	Fingerprint [20]byte
}

// DER tags.
const (
	tagInteger         = 0x02
	tagOctets          = 0x04
	tagOID             = 0x06
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
	tagSet             = 0x31
)

// element cuts one element off DER. False: there is none, or it is cut off.
func element(b []byte) (tag byte, content, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag = b[0]
	n, head := int(b[1]), 2
	if n >= 0x80 {
		k := n & 0x7f
		if k == 0 || k > 4 || len(b) < 2+k {
			return 0, nil, nil, false
		}
		n = 0
		for _, c := range b[2 : 2+k] {
			n = n<<8 | int(c)
		}
		head += k
	}
	if n < 0 || n > len(b)-head {
		return 0, nil, nil, false
	}
	return tag, b[head : head+n], b[head+n:], true
}

// of returns the content of the element at the front of *b, if it has the tag, and cuts it off.
func of(b *[]byte, tag byte) ([]byte, bool) {
	t, c, rest, ok := element(*b)
	if !ok || t != tag {
		return nil, false
	}
	*b = rest
	return c, true
}

// Parse reads a certificate. False: it is none; what was read before stands.
func (c *Certificate) Parse(der []byte) bool {
	*c = Certificate{Fingerprint: sha1.Sum(der)}
	cert, ok := of(&der, tagSequence)
	if !ok {
		return false
	}
	tbs, ok := of(&cert, tagSequence)
	if !ok {
		return false
	}
	of(&tbs, 0xa0) // version
	if c.Serial, ok = of(&tbs, tagInteger); !ok {
		return false
	}
	if _, ok = of(&tbs, tagSequence); !ok { // signature
		return false
	}
	if c.Issuer, ok = of(&tbs, tagSequence); !ok {
		return false
	}
	validity, ok := of(&tbs, tagSequence)
	if !ok {
		return false
	}
	for _, to := range []*int64{&c.NotBefore, &c.NotAfter} {
		tag, v, rest, ok := element(validity)
		if !ok {
			return false
		}
		*to = date(tag, v)
		validity = rest
	}
	if c.Subject, ok = of(&tbs, tagSequence); !ok {
		return false
	}
	if _, ok = of(&tbs, tagSequence); !ok { // subjectPublicKeyInfo
		return false
	}
	for len(tbs) > 0 {
		tag, v, rest, ok := element(tbs)
		if !ok {
			break
		}
		tbs = rest
		if tag == 0xa3 {
			c.extensions(v)
		}
	}
	return true
}

// extensions looks for subjectAltName (RFC 5280 4.2.1.6).
func (c *Certificate) extensions(b []byte) {
	list, _ := of(&b, tagSequence)
	for len(list) > 0 {
		ext, ok := of(&list, tagSequence)
		if !ok {
			return
		}
		oid, _ := of(&ext, tagOID)
		of(&ext, 0x01) // critical
		value, ok := of(&ext, tagOctets)
		if ok && string(oid) == "\x55\x1d\x11" {
			c.SANs, _ = of(&value, tagSequence)
		}
	}
}

// date reads UTCTime and GeneralizedTime (RFC 5280 4.1.2.5); 0: it is none.
func date(tag byte, v []byte) int64 {
	var n [5]int // month, day, hour, minute, second
	k := 0
	digits := v
	year := 0
	switch tag {
	case tagUTCTime:
		if len(v) < 10 {
			return 0
		}
		year = two(v)
		if year < 50 {
			year += 100
		}
		year += 1900
		digits = v[2:]
	case tagGeneralizedTime:
		if len(v) < 12 {
			return 0
		}
		year = 100*two(v) + two(v[2:])
		digits = v[4:]
	default:
		return 0
	}
	for len(digits) >= 2 && digits[0] >= '0' && digits[0] <= '9' && digits[1] >= '0' && digits[1] <= '9' && k < len(n) {
		n[k] = two(digits)
		k++
		digits = digits[2:]
	}
	if k < 4 || n[0] < 1 || n[0] > 12 || n[1] < 1 || n[1] > 31 {
		return 0
	}
	return days(year, n[0], n[1])*86400 + int64(n[2])*3600 + int64(n[3])*60 + int64(n[4])
}

func two(b []byte) int { return int(b[0]-'0')*10 + int(b[1]-'0') }

// days counts from 1970-01-01 in the Gregorian calendar.
func days(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	return int64(365*y+y/4-y/100+y/400+(153*(m-3)+2)/5+d-1) - 719468
}

// attributes are those that names are written with (RFC 4519).
var attributes = map[string]string{
	"\x55\x04\x03": "CN", "\x55\x04\x05": "serialNumber", "\x55\x04\x06": "C", "\x55\x04\x07": "L", "\x55\x04\x08": "ST", "\x55\x04\x09": "street",
	"\x55\x04\x0a": "O", "\x55\x04\x0b": "OU", "\x55\x04\x0c": "title", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC",
	"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": "UID", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": "Email",
}

// appendName writes a Name as Suricata does, "C=DE, O=Shop, CN=shop.example", at most that many bytes.
func appendName(dst, name []byte, most int) []byte {
	from := len(dst)
	for len(name) > 0 && len(dst)-from < most {
		set, ok := of(&name, tagSet)
		if !ok {
			break
		}
		for len(set) > 0 {
			pair, ok := of(&set, tagSequence)
			if !ok {
				break
			}
			oid, ok := of(&pair, tagOID)
			if !ok {
				break
			}
			tag, value, _, ok := element(pair)
			if !ok {
				break
			}
			if len(dst) > from {
				dst = append(dst, ", "...)
			}
			if a, known := attributes[string(oid)]; known {
				dst = append(dst, a...)
			} else {
				dst = analyzer.DER(oid).AppendOID(dst)
			}
			dst = append(dst, '=')
			dst = appendString(dst, tag, value)
		}
	}
	return dst[:min(len(dst), from+most)]
}

// appendString writes a DirectoryString; one of two bytes a character (BMPString) loses its zeros.
func appendString(dst []byte, tag byte, v []byte) []byte {
	if tag != 0x1e {
		return append(dst, v...)
	}
	for _, c := range v {
		if c != 0 {
			dst = append(dst, c)
		}
	}
	return dst
}

// altNames calls f for each DNS name and address of GeneralNames.
func altNames(b []byte, f func(tag byte, v []byte)) {
	for len(b) > 0 {
		tag, v, rest, ok := element(b)
		if !ok {
			return
		}
		if tag == 0x82 || tag == 0x87 { // dNSName, iPAddress
			f(tag, v)
		}
		b = rest
	}
}

// appendSerial writes a serial number as Suricata does: "0A:1B".
func appendSerial(dst, v []byte) []byte {
	const hex = "0123456789ABCDEF"
	for i, c := range v {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hex[c>>4], hex[c&15])
	}
	return dst
}
