package ike

import (
	"strconv"
	"strings"
)

// Suite is one proposal as people write it: the algorithms of each type that it leaves to choose from, in order.
type Suite struct {
	Encr  []Algorithm
	Hash  []Algorithm // integrity; version 1: the hash
	PRF   []Algorithm
	Group []Algorithm
	Auth  uint32 // version 1: authentication method; 0 not said
	Life  uint32 // version 1: seconds; 0 not said
}

// Algorithm is an algorithm by its short name, as strongSwan and libreswan write it, and by SonicWall's.
type Algorithm struct {
	Name   string // "aes128", "sha256", "modp2048"
	Number uint32 // in the registry of its version
}

// Suites sorts transforms into suites: in version 1 each transform is one, in version 2 each proposal.
func Suites(major uint8, ts []Transform) []Suite {
	var out []Suite
	for i, t := range ts {
		if i == 0 || t.Proposal != ts[i-1].Proposal || major == 1 && t.Num != ts[i-1].Num {
			out = append(out, Suite{})
		}
		s := &out[len(out)-1]
		a := Algorithm{Number: t.ID}
		switch {
		case t.Type == TypeEncr:
			a.Name = encrName(major, t)
			s.Encr = append(s.Encr, a)
		case t.Type == TypeHash:
			a.Name = named(hashNames1, t.ID, "hash")
			s.Hash = append(s.Hash, a)
		case t.Type == TypeInteg && t.ID != 0:
			a.Name = named(integNames2, t.ID, "integ")
			s.Hash = append(s.Hash, a)
		case t.Type == TypePRF:
			a.Name = named(prfNames2, t.ID, "prf")
			s.PRF = append(s.PRF, a)
		case t.Type == TypeDH && t.ID != 0:
			a.Name = GroupName(uint16(t.ID))
			s.Group = append(s.Group, a)
		case t.Type == TypeAuth:
			s.Auth = t.ID
		case t.Type == TypeLifeDuration:
			s.Life = t.ID
		}
	}
	return out
}

// String writes the suite as strongSwan's proposals and libreswan's older ike= do: "aes128-sha256-modp2048".
func (s *Suite) String() string {
	var parts []string
	for _, l := range [][]Algorithm{s.Encr, s.Hash, s.prf(), s.Group} {
		for _, a := range l {
			parts = append(parts, a.Name)
		}
	}
	return strings.Join(parts, "-")
}

// prf is the pseudo-random functions where they do not follow from the hashes.
func (s *Suite) prf() []Algorithm {
	same := len(s.Hash) > 0
	for _, p := range s.PRF {
		found := false
		for _, h := range s.Hash {
			found = found || p.Name == "prf"+h.Name
		}
		same = same && found
	}
	if same {
		return nil
	}
	return s.PRF
}

// Libreswan writes the first choice of the suite as libreswan's ike= and esp= take it: "aes128-sha2_256;modp2048".
func (s *Suite) Libreswan() string {
	first := func(l []Algorithm) string {
		if len(l) == 0 {
			return ""
		}
		n := l[0].Name
		switch {
		case strings.HasPrefix(n, "sha256"), strings.HasPrefix(n, "sha384"), strings.HasPrefix(n, "sha512"):
			n = "sha2_" + n[3:]
		case n == "curve25519":
			n = "dh31"
		case strings.HasPrefix(n, "ecp"):
			n = "dh" + strconv.Itoa(int(l[0].Number))
		}
		return n
	}
	out := first(s.Encr)
	if h := first(s.Hash); h != "" {
		out += "-" + h
	}
	if g := first(s.Group); g != "" {
		out += ";" + g
	}
	return out
}

// SonicWall writes the first choice as that firewall's page has it: "Group 14, AES-128, SHA256".
func (s *Suite) SonicWall() string {
	var parts []string
	if len(s.Group) > 0 {
		parts = append(parts, "Group "+strconv.Itoa(int(s.Group[0].Number)))
	}
	if len(s.Encr) > 0 {
		n := strings.ToUpper(s.Encr[0].Name)
		if strings.HasPrefix(n, "AES") && len(n) > 3 && n[3] >= '0' && n[3] <= '9' {
			n = "AES-" + n[3:]
		}
		parts = append(parts, n)
	}
	if len(s.Hash) > 0 {
		parts = append(parts, strings.ToUpper(s.Hash[0].Name))
	}
	return strings.Join(parts, ", ")
}

// Common returns the suite of what both leave to choose from; false where some type has nothing in common.
func Common(offered, accepted []Suite) (Suite, bool) {
	for i := range offered {
		for j := range accepted {
			o, a := &offered[i], &accepted[j]
			c := Suite{Encr: both(o.Encr, a.Encr), Hash: both(o.Hash, a.Hash), PRF: both(o.PRF, a.PRF), Group: both(o.Group, a.Group)}
			if lacks(c.Encr, o.Encr, a.Encr) || lacks(c.Hash, o.Hash, a.Hash) || lacks(c.Group, o.Group, a.Group) {
				continue
			}
			return c, true
		}
	}
	return Suite{}, false
}

func lacks(common, a, b []Algorithm) bool { return len(common) == 0 && (len(a) > 0 || len(b) > 0) }

func both(a, b []Algorithm) []Algorithm {
	var out []Algorithm
	for _, x := range a {
		for _, y := range b {
			if x.Name == y.Name {
				out = append(out, x)
				break
			}
		}
	}
	return out
}

var encrNames1 = map[uint32]string{1: "des", 2: "idea", 3: "blowfish", 4: "rc5", 5: "3des", 6: "cast128", 7: "aes", 8: "camellia"}

var encrNames2 = map[uint32]string{2: "des", 3: "3des", 4: "rc5", 5: "idea", 6: "cast128", 7: "blowfish", 11: "null", 12: "aes", 13: "aesctr",
	14: "aesccm8", 15: "aesccm12", 16: "aesccm16", 18: "aesgcm8", 19: "aesgcm12", 20: "aesgcm16", 23: "camellia", 28: "chacha20poly1305"}

var hashNames1 = map[uint32]string{1: "md5", 2: "sha1", 3: "tiger", 4: "sha256", 5: "sha384", 6: "sha512"}

var integNames2 = map[uint32]string{1: "md5", 2: "sha1", 3: "desmac", 5: "aesxcbc", 6: "md5_128", 7: "sha1_160", 8: "aescmac", 12: "sha256", 13: "sha384",
	14: "sha512"}

var prfNames2 = map[uint32]string{1: "prfmd5", 2: "prfsha1", 4: "prfaesxcbc", 5: "prfsha256", 6: "prfsha384", 7: "prfsha512", 8: "prfaescmac"}

var groupNames = map[uint16]string{1: "modp768", 2: "modp1024", 5: "modp1536", 14: "modp2048", 15: "modp3072", 16: "modp4096", 17: "modp6144",
	18: "modp8192", 19: "ecp256", 20: "ecp384", 21: "ecp521", 22: "modp1024s160", 23: "modp2048s224", 24: "modp2048s256", 25: "ecp192",
	26: "ecp224", 27: "ecp224bp", 28: "ecp256bp", 29: "ecp384bp", 30: "ecp512bp", 31: "curve25519", 32: "curve448"}

// GroupName returns the short name of a Diffie-Hellman group, the same numbers in both versions.
func GroupName(n uint16) string {
	if s := groupNames[n]; s != "" {
		return s
	}
	return "group" + strconv.Itoa(int(n))
}

// GroupBytes returns how long the key exchange data of a group is; 0 unknown (RFC 3526, RFC 5903, RFC 8031).
func GroupBytes(n uint16) int {
	switch n {
	case 1:
		return 96
	case 2, 22:
		return 128
	case 5:
		return 192
	case 14, 23, 24:
		return 256
	case 15:
		return 384
	case 16:
		return 512
	case 17:
		return 768
	case 18:
		return 1024
	case 19, 28:
		return 64
	case 20, 29:
		return 96
	case 21:
		return 132
	case 31:
		return 32
	case 32:
		return 56
	}
	return 0
}

func encrName(major uint8, t Transform) string {
	table := encrNames2
	if major == 1 {
		table = encrNames1
	}
	n := named(table, t.ID, "encr")
	if t.KeyBits == 0 {
		return n
	}
	bits := strconv.Itoa(int(t.KeyBits))
	if len(n) > 3 && n[:3] == "aes" { // aesgcm16 with 128 bits: aes128gcm16
		return n[:3] + bits + n[3:]
	}
	return n + bits
}

func named(table map[uint32]string, n uint32, kind string) string {
	if s := table[n]; s != "" {
		return s
	}
	return kind + strconv.Itoa(int(n))
}
