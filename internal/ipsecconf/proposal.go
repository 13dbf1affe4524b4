package ipsecconf

import (
	"slices"
	"strings"
)

// Proposal is one list of algorithms in strongSwan's short names.
type Proposal struct {
	Text    string // as in the file
	Encr    []string
	Hash    []string
	PRF     []string
	Group   []string
	ESN     []string // "esn", "noesn"; none: not said
	Unknown []string // what is no algorithm that is known here
}

// ParseProposals reads a list of proposals as strongSwan, libreswan and FreeS/WAN write them
// ("aes128-sha256-modp2048,3des-md5!", "aes128-sha2_256;dh14", "3des-md5-96").
func ParseProposals(s string) []Proposal {
	var out []Proposal
	for _, text := range strings.FieldsFunc(strings.TrimSuffix(strings.TrimSpace(s), "!"), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if len(out) >= MaxValues || len(text) > 16*MaxText {
			break
		}
		p := Proposal{Text: text}
		words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
			return r == '-' || r == ';' || r == '+' || r == '!' || r == '_' && strings.HasPrefix(strings.ToLower(text), "hmac")
		})
		for i, t := range words {
			if i > 0 && (t == "96" || t == "128" || t == "192" || t == "256") {
				p.bits(t)
				continue
			}
			p.add(Canonical(t))
		}
		out = append(out, p)
	}
	return out
}

// bits is a number with a hyphen before it: the key of a cipher (aes-128), or how far a check value is cut (md5-96).
func (p *Proposal) bits(n string) {
	if len(p.Hash) == 0 && len(p.Encr) > 0 && n != "96" {
		if last := &p.Encr[len(p.Encr)-1]; *last == "aes" || *last == "camellia" {
			*last += n
		} else if rest, ok := strings.CutPrefix(*last, "aesgcm"); ok {
			*last = "aes" + n + "gcm" + rest
		}
	}
}

func (p *Proposal) add(t string) {
	switch {
	case t == "default", t == "none" || t == "null" && len(p.Encr) > 0:
		if t == "none" {
			p.Group = append(p.Group, t)
		}
	case t == "esn", t == "noesn":
		p.ESN = append(p.ESN, t)
	case isGroup(t):
		p.Group = append(p.Group, t)
	case strings.HasPrefix(t, "prf"):
		p.PRF = append(p.PRF, t)
	case isHash(t):
		p.Hash = append(p.Hash, t)
	default:
		if !isCipher(t) {
			p.Unknown = append(p.Unknown, t)
		}
		p.Encr = append(p.Encr, t)
	}
}

func isHash(t string) bool {
	return slices.Contains([]string{"md5", "md5_128", "sha1", "sha1_160", "sha256", "sha256_96", "sha384", "sha512", "aesxcbc", "aescmac", "ripemd", "ripemd160", "tiger"}, t)
}

func isCipher(t string) bool {
	for _, c := range []string{"aes", "camellia"} {
		rest, ok := strings.CutPrefix(t, c)
		if !ok {
			continue
		}
		for _, n := range []string{"128", "192", "256"} {
			if r, ok := strings.CutPrefix(rest, n); ok {
				rest = r
				break
			}
		}
		return slices.Contains([]string{"", "ctr", "gcm8", "gcm12", "gcm16", "ccm8", "ccm12", "ccm16", "gmac"}, rest)
	}
	for _, c := range []string{"blowfish", "cast128", "serpent", "twofish"} {
		if rest, ok := strings.CutPrefix(t, c); ok {
			return rest == "" || rest == "128" || rest == "192" || rest == "256"
		}
	}
	return slices.Contains([]string{"des", "3des", "null", "idea", "chacha20poly1305"}, t)
}

// AEAD reports whether a cipher checks what it deciphers by itself.
func AEAD(c string) bool {
	return strings.Contains(c, "gcm") || strings.Contains(c, "ccm") || strings.Contains(c, "chacha") || strings.Contains(c, "gmac")
}

// Canonical turns the name that one program has for an algorithm into strongSwan's.
func Canonical(t string) string {
	switch t {
	case "sha", "sha1_96", "hmac_sha1":
		return "sha1"
	case "md5_96", "hmac_md5":
		return "md5"
	case "sha2", "sha2_256", "sha256_128", "hmac_sha2_256":
		return "sha256"
	case "sha2_384", "hmac_sha2_384":
		return "sha384"
	case "sha2_512", "hmac_sha2_512":
		return "sha512"
	case "aes_xcbc", "aesxcbc":
		return "aesxcbc"
	case "aes_cmac", "aescmac":
		return "aescmac"
	case "x25519", "curve25519":
		return "curve25519"
	case "x448":
		return "curve448"
	case "chacha20_poly1305", "chacha20poly1305":
		return "chacha20poly1305"
	case "3des_cbc", "des3":
		return "3des"
	case "cast":
		return "cast128"
	case "dh0":
		return "none"
	}
	if n, ok := strings.CutPrefix(t, "dh"); ok {
		if g := groups[n]; g != "" {
			return g
		}
	}
	if n, ok := strings.CutPrefix(t, "secp"); ok && strings.HasSuffix(n, "r1") {
		return "ecp" + strings.TrimSuffix(n, "r1")
	}
	return aes(t)
}

// aes brings the many ways to write a mode, a key's and a check value's length into one: aes256gcm16.
func aes(t string) string {
	k, ok := strings.CutPrefix(t, "aes")
	if !ok {
		return t
	}
	k = strings.ReplaceAll(k, "_", "")
	k = strings.Replace(k, "cbc", "", 1)
	bits, mode := "", ""
	for _, m := range []string{"gcm", "ccm", "ctr"} {
		if a, b, ok := strings.Cut(k, m); ok {
			mode, k = m, b
			bits = a
			break
		}
	}
	if mode == "" {
		return "aes" + k
	}
	icv := ""
	switch {
	case strings.HasPrefix(k, "a"):
		icv, k = "8", k[1:]
	case strings.HasPrefix(k, "b"):
		icv, k = "12", k[1:]
	case strings.HasPrefix(k, "c"):
		icv, k = "16", k[1:]
	}
	switch {
	case k == "" || icv != "" && k == "":
	case bits == "" && (k == "128" || k == "192" || k == "256"): // libreswan: aes_gcm256
		bits = k
	case k == "64":
		icv = "8"
	case k == "96":
		icv = "12"
	case k == "128":
		icv = "16"
	default:
		icv = k
	}
	if icv == "" && mode != "ctr" {
		icv = "16"
	}
	return "aes" + bits + mode + icv
}

var groups = map[string]string{"1": "modp768", "2": "modp1024", "5": "modp1536", "14": "modp2048", "15": "modp3072", "16": "modp4096", "17": "modp6144",
	"18": "modp8192", "19": "ecp256", "20": "ecp384", "21": "ecp521", "22": "modp1024s160", "23": "modp2048s224", "24": "modp2048s256", "31": "curve25519", "32": "curve448"}

// GroupNamed returns the short name of a Diffie-Hellman group by its number ("14"); empty for one not known.
func GroupNamed(n string) string { return groups[n] }

func isGroup(t string) bool {
	return strings.HasPrefix(t, "modp") || strings.HasPrefix(t, "ecp") || strings.HasPrefix(t, "curve")
}
