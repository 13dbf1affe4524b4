package event

import (
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
	for i := plain(s); i < len(s); {
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

// plain returns how many bytes s begins with, in steps of eight, that stand in JSON as they are: most strings have no others
// (2026-11-30). A byte of ASCII is less than 0x20, or the same as a quote or backslash with its bits turned over is 0, where
// taking one away runs into its highest bit; one of 0x7f runs into it with one added.
func plain(s string) (n int) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; n+8 <= len(s); n += 8 {
		v := uint64(s[n]) | uint64(s[n+1])<<8 | uint64(s[n+2])<<16 | uint64(s[n+3])<<24 |
			uint64(s[n+4])<<32 | uint64(s[n+5])<<40 | uint64(s[n+6])<<48 | uint64(s[n+7])<<56
		odd := v | (v - ones*0x20) | (v ^ ones*'"' - ones) | (v ^ ones*'\\' - ones) | (v + ones)
		if odd&tops != 0 {
			break
		}
	}
	return n
}

func appendU(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexLower[r>>12&15], hexLower[r>>8&15], hexLower[r>>4&15], hexLower[r&15])
}

// AppendEVETime appends t in EVE's form with its quotes: microseconds, UTC written as +0000.
func AppendEVETime(dst []byte, t packet.Time) []byte {
	sec, ns := floorDiv(int64(t))
	day, rest := sec/86400, sec%86400
	if rest < 0 {
		day, rest = day-1, rest+86400
	}
	y, mo, d := date(day)
	of := uint32(rest)
	us := uint32(ns / 1000)
	n := len(dst)
	dst = append(dst, `"0000-00-00T00:00:00.000000+0000"`...)
	b := dst[n : n+33]
	two(b[1:3], y/100) // packet.Time knows the years 1677 to 2262
	two(b[3:5], y%100)
	two(b[6:8], mo)
	two(b[9:11], d)
	two(b[12:14], of/3600)
	two(b[15:17], of/60%60)
	two(b[18:20], of%60)
	two(b[21:23], us/10000)
	two(b[23:25], us/100%100)
	two(b[25:27], us%100)
	return dst
}

// date is the day of the calendar that is so many days from 1 January 1970. Years are counted from March on, so that the day
// that some have more is their last, from a March long before all times of packets. The standard library's way through a
// time.Time took a fifth of a record's writing (2026-11-30).
func date(day int64) (year, month, d uint32) {
	const before = 719468 + 146097 // days from 1 March of the year -400 to 1970
	n := uint32(day + before)
	era, n := n/146097, n%146097 // of 400 years
	y := (n - n/1460 + n/36524 - n/146096) / 365
	n -= 365*y + y/4 - y/100
	m := (5*n + 2) / 153 // months of 31, 30, 31, 30, 31 days
	d = n - (153*m+2)/5 + 1
	year = era*400 + y - 400
	if month = m + 3; month > 12 {
		month -= 12
		year++
	}
	return year, month, d
}

func floorDiv(ns int64) (sec, rest int64) {
	sec, rest = ns/1e9, ns%1e9
	if rest < 0 {
		sec, rest = sec-1, rest+1e9
	}
	return sec, rest
}

// two writes v, 0 to 99, as two digits.
func two(b []byte, v uint32) { b[0], b[1] = '0'+byte(v/10), '0'+byte(v%10) }

// AppendJSONAddr appends an address with its quotes. An address without a value is written as 0.0.0.0.
func AppendJSONAddr(dst []byte, a packet.Addr) []byte {
	dst = append(dst, '"')
	if a.IsZero() {
		dst = append(dst, "0.0.0.0"...)
	} else {
		dst = appendAddr(dst, &a)
	}
	return append(dst, '"')
}

// appendAddr appends an address as packet.Addr.String has it. netip's own writer goes through 128 bits for each of the eight
// parts of an IPv6 address: 760 instructions (2026-11-30).
func appendAddr(dst []byte, a *packet.Addr) []byte {
	var text [40]byte // the longest has 39
	n := 0
	if a.Is4() {
		for _, v := range a[12:] {
			if v >= 100 {
				text[n] = '0' + v/100
				n++
			}
			if v >= 10 {
				text[n] = '0' + v/10%10
				n++
			}
			text[n], text[n+1] = '0'+v%10, '.'
			n += 2
		}
		return append(dst, text[:n-1]...)
	}
	from, end := 8, 8 // the parts that "::" stands for: the first of the longest runs of zeros, of two or more
	for i, run := 0, 0; i < 8; i++ {
		if a[2*i]|a[2*i+1] != 0 {
			run = 0
		} else if run++; run >= 2 && run > end-from {
			from, end = i+1-run, i+1
		}
	}
	for i := 0; i < 8; i++ {
		if i == from {
			text[n] = ':'
			n++
			if i = end; i == 8 {
				text[n] = ':'
				n++
				break
			}
		}
		if i > 0 {
			text[n] = ':'
			n++
		}
		v := uint32(a[2*i])<<8 | uint32(a[2*i+1])
		if v >= 0x1000 {
			text[n] = hexLower[v>>12]
			n++
		}
		if v >= 0x100 {
			text[n] = hexLower[v>>8&15]
			n++
		}
		if v >= 0x10 {
			text[n] = hexLower[v>>4&15]
			n++
		}
		text[n] = hexLower[v&15]
		n++
	}
	return append(dst, text[:n]...)
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
