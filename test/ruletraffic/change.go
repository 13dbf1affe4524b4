package ruletraffic

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
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
		default:
			return nil, false
		}
	}
	return b, bytes.Equal(transform(b, change), want)
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
