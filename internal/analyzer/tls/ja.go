package tls

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// appendJA3 writes the text whose MD5 is JA3: version, cipher suites, extensions, groups, point formats, without GREASE.
func appendJA3(dst []byte, h *ClientHello) []byte {
	dst = strconv.AppendUint(dst, uint64(h.Version), 10)
	dst = append(dst, ',')
	dst = appendDecimals(dst, h.CipherSuites)
	dst = append(dst, ',')
	dst = appendTypes(dst, h.Extensions)
	dst = append(dst, ',')
	dst = appendDecimals(dst, h.Groups)
	dst = append(dst, ',')
	for i, p := range h.PointFormats {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = strconv.AppendUint(dst, uint64(p), 10)
	}
	return dst
}

// appendJA3S writes the text whose MD5 is JA3S: version, cipher suite, extensions.
func appendJA3S(dst []byte, h *ServerHello) []byte {
	dst = strconv.AppendUint(dst, uint64(h.Version), 10)
	dst = append(dst, ',')
	dst = strconv.AppendUint(dst, uint64(h.CipherSuite), 10)
	dst = append(dst, ',')
	return appendTypes(dst, h.Extensions)
}

func appendDecimals(dst []byte, l List) []byte {
	any := false
	for i := range l.Len() {
		v := l.At(i)
		if grease(v) {
			continue
		}
		if any {
			dst = append(dst, '-')
		}
		any = true
		dst = strconv.AppendUint(dst, uint64(v), 10)
	}
	return dst
}

func appendTypes(dst []byte, types []uint16) []byte {
	any := false
	for _, v := range types {
		if grease(v) {
			continue
		}
		if any {
			dst = append(dst, '-')
		}
		any = true
		dst = strconv.AppendUint(dst, uint64(v), 10)
	}
	return dst
}

func appendMD5(dst, text []byte) []byte {
	sum := md5.Sum(text)
	return hex.AppendEncode(dst, sum[:])
}

// appendJA4 writes the JA4 of a client hello over TCP. scratch is used and returned.
func appendJA4(dst []byte, h *ClientHello, scratch []uint16, text []byte) ([]byte, []uint16, []byte) {
	version := h.Version
	for i := range h.Versions.Len() {
		if v := h.Versions.At(i); !grease(v) {
			version = max(version, v)
		}
	}
	dst = append(dst, 't')
	switch version {
	case VersionTLS13:
		dst = append(dst, "13"...)
	case VersionTLS12:
		dst = append(dst, "12"...)
	case VersionTLS11:
		dst = append(dst, "11"...)
	case VersionTLS10:
		dst = append(dst, "10"...)
	case VersionSSL30:
		dst = append(dst, "s3"...)
	default:
		dst = append(dst, "00"...)
	}
	if slices.Contains(h.Extensions, extServerName) {
		dst = append(dst, 'd')
	} else {
		dst = append(dst, 'i')
	}
	suites := sorted(scratch[:0], h.CipherSuites)
	n := 0
	for _, e := range h.Extensions {
		if !grease(e) {
			n++
		}
	}
	dst = appendTwo(appendTwo(dst, len(suites)), n)
	dst = appendJA4ALPN(dst, h.ALPN)
	dst = append(dst, '_')
	text = appendHexes(text[:0], suites)
	dst = appendTwelve(dst, text)
	dst = append(dst, '_')
	scratch = suites[:0]
	for _, e := range h.Extensions {
		if !grease(e) && e != extServerName && e != extALPN {
			scratch = append(scratch, e)
		}
	}
	slices.Sort(scratch)
	text = appendHexes(text[:0], scratch)
	if h.SignatureAlg.Len() > 0 {
		text = append(text, '_')
		scratch = scratch[:0]
		for i := range h.SignatureAlg.Len() {
			if v := h.SignatureAlg.At(i); !grease(v) {
				scratch = append(scratch, v)
			}
		}
		text = appendHexes(text, scratch)
	}
	return appendTwelve(dst, text), scratch, text
}

func appendTwo(dst []byte, n int) []byte {
	n = min(n, 99)
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// appendJA4ALPN writes first and last character of the first protocol; of one that is not alphanumeric, of its hex.
func appendJA4ALPN(dst, alpn []byte) []byte {
	var name []byte
	protocols(alpn, func(p []byte) {
		if name == nil {
			name = p
		}
	})
	if len(name) == 0 {
		return append(dst, "00"...)
	}
	first, last := name[0], name[len(name)-1]
	if alnum(first) && alnum(last) {
		return append(dst, first, last)
	}
	const hex = "0123456789abcdef"
	return append(dst, hex[first>>4], hex[last&15])
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func appendHexes(dst []byte, vs []uint16) []byte {
	const hex = "0123456789abcdef"
	for i, v := range vs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, hex[v>>12], hex[v>>8&15], hex[v>>4&15], hex[v&15])
	}
	return dst
}

// appendTwelve writes the first twelve digits of a SHA-256, zeros for an empty text.
func appendTwelve(dst, text []byte) []byte {
	if len(text) == 0 {
		return append(dst, "000000000000"...)
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(dst, sum[:6])
}
