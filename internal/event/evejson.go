package event

import (
	"time"
	"unicode/utf8"

	"firestorm/internal/packet"
)

// Unprintable reports that r must not reach a person as it is: C0 and C1 controls, DEL, and the invisible or
// reordering characters (zero-width, bidirectional overrides, line separators, tags, byte order mark) with which a
// packet could forge a line of a report. Every output asks here; each writes such a character in its own medium's way.
func Unprintable(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0xad, r == 0x061c, r == 0x115f, r == 0x1160, r >= 0x180b && r <= 0x180f,
		r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0x3164,
		r >= 0xfe00 && r <= 0xfe0f, r == 0xfeff, r == 0xffa0, r >= 0xfff0 && r <= 0xfffb,
		r >= 0x1bca0 && r <= 0x1bca3, r >= 0x1d173 && r <= 0x1d17a, r >= 0xe0000 && r <= 0xe0fff, r >= 0xd800 && r <= 0xdfff:
		return true
	}
	return false
}

const hexLower = "0123456789abcdef"

// AppendJSONString appends s as a JSON string with its quotes. Unprintable characters become \uXXXX, so that the
// line is safe to print; a byte that is not UTF-8 becomes the four characters \xNN, as Suricata prints it.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, s[from:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexLower[c>>4], hexLower[c&15])
			}
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', '\\', 'x', hexLower[c>>4], hexLower[c&15])
			i++
			from = i
			continue
		}
		if Unprintable(r) {
			dst = append(dst, s[from:i]...)
			if r > 0xffff { // JSON writes these as a surrogate pair
				v := r - 0x10000
				dst = appendU(dst, 0xd800+v>>10)
				dst = appendU(dst, 0xdc00+v&0x3ff)
			} else {
				dst = appendU(dst, r)
			}
			from = i + n
		}
		i += n
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendU(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexLower[r>>12&15], hexLower[r>>8&15], hexLower[r>>4&15], hexLower[r&15])
}

// AppendEVETime appends t in EVE's form with its quotes: microseconds, UTC written as +0000.
func AppendEVETime(dst []byte, t packet.Time) []byte {
	sec, ns := floorDiv(int64(t))
	at := time.Unix(sec, 0).UTC()
	y, mo, d := at.Date()
	h, mi, s := at.Clock()
	dst = append(dst, '"')
	dst = appendTwo(appendTwo(dst, y/100), y%100) // packet.Time knows the years 1677 to 2262
	dst = appendTwo(append(dst, '-'), int(mo))
	dst = appendTwo(append(dst, '-'), d)
	dst = appendTwo(append(dst, 'T'), h)
	dst = appendTwo(append(dst, ':'), mi)
	dst = appendTwo(append(dst, ':'), s)
	us := int(ns / 1000)
	dst = appendTwo(append(dst, '.'), us/10000)
	dst = appendTwo(appendTwo(dst, us/100%100), us%100)
	return append(dst, "+0000\""...)
}

func floorDiv(ns int64) (sec, rest int64) {
	sec, rest = ns/1e9, ns%1e9
	if rest < 0 {
		sec, rest = sec-1, rest+1e9
	}
	return sec, rest
}

// appendTwo appends v, 0 to 99, as two digits.
func appendTwo(dst []byte, v int) []byte { return append(dst, '0'+byte(v/10), '0'+byte(v%10)) }

// AppendJSONAddr appends an address with its quotes. An address without a value is written as 0.0.0.0.
func AppendJSONAddr(dst []byte, a packet.Addr) []byte {
	dst = append(dst, '"')
	if a.IsZero() {
		dst = append(dst, "0.0.0.0"...)
	} else {
		dst = a.Netip().AppendTo(dst)
	}
	return append(dst, '"')
}

// appendAddr appends an address at either end of a record.
func (c *EVE) appendAddr(dst []byte, a packet.Addr) []byte {
	if !c.LongIPv6 || a.IsZero() || a.Is4() {
		return AppendJSONAddr(dst, a)
	}
	dst = append(dst, '"')
	for i, b := range a {
		if i > 0 && i%2 == 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hexLower[b>>4], hexLower[b&15])
	}
	return append(dst, '"')
}

// AppendJSONMAC appends a MAC with its quotes.
func AppendJSONMAC(dst []byte, m packet.MAC) []byte {
	dst = append(dst, '"')
	for i, c := range m {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hexLower[c>>4], hexLower[c&15])
	}
	return append(dst, '"')
}
