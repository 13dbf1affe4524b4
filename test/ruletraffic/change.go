package ruletraffic

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
)

// known are texts whose hashes rules may ask for.
var known = []string{"secret", "www.example.com", "/index.html", "firestorm"}

// transform is what the checks of a part see of a buffer.
func transform(b []byte, change []string) []byte {
	for _, c := range change {
		word, _, _ := strings.Cut(c, " ")
		switch word {
		case "dotprefix":
			b = append([]byte{'.'}, b...)
		case "to_lowercase":
			b = bytes.Map(asciiLower, b)
		case "to_uppercase":
			b = bytes.Map(asciiUpper, b)
		case "strip_whitespace":
			b = bytes.Map(func(r rune) rune {
				if isBlank(r) {
					return -1
				}
				return r
			}, b)
		case "compress_whitespace":
			var out []byte
			for i, c := range b {
				if i > 0 && isBlank(rune(c)) && isBlank(rune(b[i-1])) {
					continue
				}
				out = append(out, c)
			}
			b = out
		case "url_decode":
			b = []byte(strings.ReplaceAll(decodeURI(string(b)), "+", " "))
		case "xor":
			b = xored(b, option(c))
		case "header_lowercase":
			lines := strings.Split(string(b), "\r\n")
			for i, l := range lines {
				if name, value, ok := strings.Cut(l, ":"); ok {
					lines[i] = strings.ToLower(name) + ":" + value
				}
			}
			b = []byte(strings.Join(lines, "\r\n"))
		case "strip_pseudo_headers":
			lines := strings.Split(string(b), "\r\n")
			b = []byte(strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, ":") }), "\r\n"))
		case "from_base64":
			b, _ = base64.StdEncoding.DecodeString(string(b))
		case "gunzip", "zlib_deflate":
			b = unpacked(b, word)
		case "tld", "domain":
			labels := strings.Split(string(b), ".")
			n := map[string]int{"tld": 1, "domain": 2}[word]
			b = []byte(strings.Join(labels[max(0, len(labels)-n):], "."))
		case "pcrexform":
			b = captured(b, option(c))
		case "to_md5":
			h := md5.Sum(b)
			b = h[:]
		case "to_sha1":
			h := sha1.Sum(b)
			b = h[:]
		case "to_sha256":
			h := sha256.Sum256(b)
			b = h[:]
		}
	}
	return b
}

func isBlank(r rune) bool { return r == ' ' || r >= 9 && r <= 13 }

func asciiLower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 32
	}
	return r
}

func asciiUpper(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r - 32
	}
	return r
}

// undo is a text that the transforms turn into b; false when there is none, or none is known.
func undo(b []byte, change []string) ([]byte, bool) {
	want := b
	if len(b) == 0 {
		return nil, false
	}
	for i := len(change) - 1; i >= 0; i-- {
		word, _, _ := strings.Cut(change[i], " ")
		switch word {
		case "dotprefix":
			if len(b) == 0 || b[0] != '.' {
				return nil, false
			}
			b = b[1:]
		case "to_lowercase":
			b = bytes.ToUpper(b)
		case "to_uppercase":
			b = bytes.ToLower(b)
		case "strip_whitespace":
			k := len(b) / 2
			b = append(append(append([]byte{}, b[:k]...), ' '), b[k:]...)
		case "compress_whitespace":
			b = bytes.Replace(b, []byte(" "), []byte("  "), 1)
		case "url_decode":
			b = fmt.Appendf(nil, "%%%02X%s", b[0], strings.ReplaceAll(string(b[1:]), " ", "+"))
		case "xor":
			b = xored(b, option(change[i]))
		case "header_lowercase":
			name, value, _ := strings.Cut(string(b), ":")
			b = []byte(strings.ToUpper(name) + ":" + value)
		case "strip_pseudo_headers":
			b = append([]byte(":path: /x\r\n"), b...)
		case "from_base64":
			b = []byte(base64.StdEncoding.EncodeToString(b))
		case "gunzip", "zlib_deflate":
			b = packed(b, word)
		case "tld", "domain":
			b = append([]byte("www.shop."), b...)
		case "pcrexform":
			e, err := parseExpr(option(change[i]), "")
			if err != nil {
				return nil, false
			}
			b = e.around(b)
		default:
			return nil, false
		}
	}
	return b, bytes.Equal(transform(b, change), want)
}

// option is the value of a transform.
func option(change string) string {
	_, value, _ := strings.Cut(change, " ")
	return strings.Trim(value, `"`)
}

func xored(b []byte, key string) []byte {
	k, err := hex.DecodeString(key)
	if err != nil || len(k) == 0 {
		return nil
	}
	b = bytes.Clone(b)
	for i := range b {
		b[i] ^= k[i%len(k)]
	}
	return b
}

func packed(b []byte, how string) []byte {
	var out bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&out)
	if how == "zlib_deflate" {
		w = zlib.NewWriter(&out)
	}
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		return nil
	}
	return out.Bytes()
}

func unpacked(b []byte, how string) []byte {
	var r io.Reader
	var err error
	if how == "zlib_deflate" {
		r, err = zlib.NewReader(bytes.NewReader(b))
	} else {
		r, err = gzip.NewReader(bytes.NewReader(b))
	}
	if err != nil {
		return nil
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return nil
	}
	return out
}

// captured is what the first group of an expression has in b; b itself where it does not match.
func captured(b []byte, text string) []byte {
	e, err := parseExpr(text, "")
	if err != nil || e.groups == 0 {
		return b
	}
	if part := e.first(b); part != nil {
		return part
	}
	return b
}

// hashed is a known text whose hash is what a part asks for.
func (p *part) hashed(k *style) ([]byte, error) {
	for _, s := range known {
		if holds(p.checks, transform([]byte(s), p.change)) && (k.good == nil || k.good([]byte(s))) {
			return []byte(s), nil
		}
	}
	return nil, impossible("a hash cannot be undone")
}

// fill makes a buffer for a part: what its checks ask for, and then undone what the transforms do.
func (p *part) fill(k *style, tries func(checks []check, k *style) ([]byte, bool)) ([]byte, error) {
	style := *k
	if len(p.change) > 0 {
		if p.change[0] == "dotprefix" {
			style.begin = "."
		}
		style.good = func(b []byte) bool {
			raw, ok := undo(b, p.change)
			return ok && (k.good == nil || k.good(raw))
		}
		if n := len(p.change); strings.HasPrefix(p.change[n-1], "to_md5") || strings.HasPrefix(p.change[n-1], "to_sha") {
			return p.hashed(k)
		}
	}
	b, ok := tries(p.checks, &style)
	if !ok {
		return nil, errorf("%s", p.name)
	}
	if len(p.change) == 0 {
		return b, nil
	}
	raw, _ := undo(b, p.change)
	return raw, nil
}
