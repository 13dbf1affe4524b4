package ipsecconf

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"
)

// Secret is a key that can be compared and weighed, and never shown: only its hash, under a key of this run, is kept.
type Secret struct {
	sum    [sha256.Size]byte
	set    bool
	Traits Traits
}

// Traits are what may be said of a key without telling it.
type Traits struct {
	Empty   bool
	Short   bool // fewer than 20 characters: within reach of a search (RFC 7296 1.2 asks for keys with much randomness)
	Plain   bool // one sort of characters alone, or a few characters over and over
	Known   bool // a word that stands in manuals and lists
	Blank   bool // begins or ends with a blank: the other side's form may drop it
	Outside bool // has characters outside ASCII: two programs may encode them differently
}

// Set reports whether there is a key at all.
func (s Secret) Set() bool { return s.set }

// Equal compares two keys.
func (s Secret) Equal(o Secret) bool { return s.set && o.set && hmac.Equal(s.sum[:], o.sum[:]) }

// String hides the key.
func (s Secret) String() string { return "(hidden)" }

// GoString hides the key.
func (s Secret) GoString() string { return "(hidden)" }

// MarshalText hides the key.
func (s Secret) MarshalText() ([]byte, error) { return []byte("(hidden)"), nil }

// seed makes hashes of one run worthless outside of it.
var seed = func() (b [32]byte) {
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return b
}()

// NewSecret weighs and hashes a key as it is written: text, 0x… (hexadecimal) or 0s… (base64).
func NewSecret(v string) Secret {
	b := decode(v)
	text := len(b) == len(v)
	m := hmac.New(sha256.New, seed[:])
	m.Write(b)
	s := Secret{set: true, Traits: weigh(b, text)}
	m.Sum(s.sum[:0])
	return s
}

func decode(v string) []byte {
	if h, ok := strings.CutPrefix(v, "0x"); ok {
		if b, err := hex.DecodeString(strings.ReplaceAll(h, "_", "")); err == nil {
			return b
		}
	}
	if h, ok := strings.CutPrefix(v, "0s"); ok {
		if b, err := base64.StdEncoding.DecodeString(h); err == nil {
			return b
		}
	}
	return []byte(v)
}

// known are parts of keys that are tried first, without case.
var known = []string{"password", "passwort", "secret", "changeme", "geheim", "test", "12345", "qwerty", "letmein", "sonicwall", "openswan", "libreswan",
	"strongswan", "freeswan", "cisco", "vpn", "ipsec", "psk", "presharedkey", "preshared", "admin", "default", "example", "sharedkey", "firewall"}

func weigh(b []byte, text bool) Traits {
	s := string(b)
	t := Traits{Empty: len(s) == 0, Short: len(s) < 20, Blank: s != strings.TrimSpace(s)}
	var lower, upper, digit, other int
	seen := map[byte]bool{}
	for i := range len(s) {
		c := s[i]
		seen[c] = true
		switch {
		case c >= 0x80 || c < ' ':
			t.Outside = text
			other++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= '0' && c <= '9':
			digit++
		default:
			other++
		}
	}
	sorts := 0
	for _, n := range []int{lower, upper, digit, other} {
		if n > 0 {
			sorts++
		}
	}
	t.Plain = sorts < 2 && len(s) < 32 || len(seen) < 8
	low := strings.ToLower(s)
	rest := low
	for _, k := range known {
		rest = strings.ReplaceAll(rest, k, "")
	}
	// A long random key may hold "vpn" by chance: it is known when little but known words and digits is left.
	left := strings.TrimFunc(rest, func(r rune) bool { return unicode.IsDigit(r) || unicode.IsPunct(r) || unicode.IsSpace(r) })
	t.Known = len(s) > 0 && len(rest) < len(low) && len(left) < 8
	return t
}

// Entry is one key of ipsec.secrets, or of secrets { … }.
type Entry struct {
	IDs    []string
	Kind   string // PSK, RSA, XAUTH, …
	Secret Secret // of a PSK
	File   string
	Line   int
}

// ParseSecrets reads ipsec.secrets: which IDs have which sort of key. Of keys other than shared ones nothing is kept.
func ParseSecrets(file string, text []byte) (entries []Entry, includes []Include, err error) {
	lines := Split(text)
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		record := l.Text
		for i+1 < len(lines) && lines[i+1].Indented {
			i++
			record += " " + lines[i].Text
		}
		if rest, ok := strings.CutPrefix(record, "include"); ok && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
			if len(includes) < MaxFiles {
				includes = append(includes, Include{Bare(rest), file, l.N})
			}
			continue
		}
		e, ok := entry(record)
		if !ok {
			return nil, nil, &Error{file, l.N, "is no entry (IDS : PSK \"…\"); what stands there is not shown"}
		}
		if len(entries) >= MaxSections {
			return nil, nil, &Error{file, l.N, "too many keys"}
		}
		e.File, e.Line = file, l.N
		entries = append(entries, e)
	}
	return entries, includes, nil
}

// entry reads one record. A colon may stand in an ID (IPv6, a name): the one before the sort of key counts.
func entry(s string) (Entry, bool) {
	for i := strings.Index(s, ":"); i >= 0; i = next(s, i) {
		after := strings.TrimLeft(s[i+1:], " \t")
		kind, rest, _ := strings.Cut(strings.Replace(after, "\t", " ", 1), " ")
		e := Entry{Kind: strings.ToUpper(kind)}
		switch e.Kind {
		case "PSK":
			v := strings.TrimSpace(rest)
			if v == "" {
				return e, false
			}
			if q := v[0]; q == '"' || q == '\'' {
				end := strings.IndexByte(v[1:], q)
				if end < 0 {
					return e, false
				}
				v = v[1 : 1+end]
			} else {
				v = strings.Fields(v)[0]
			}
			e.Secret = NewSecret(v)
		case "RSA", "ECDSA", "XAUTH", "EAP", "PKCS8", "P12", "PIN", "NTLM", "PKEY", "BLISS", "PGP":
		default:
			if strings.HasPrefix(kind, "{") && strings.TrimSpace(s[:i]) != "" { // FreeS/WAN 1.x: an RSA key without its name
				e.Kind = "RSA"
			} else {
				continue
			}
		}
		e.IDs = List(s[:i])
		return e, true
	}
	return Entry{}, false
}
