package ipsec

import (
	"strconv"
	"strings"

	"firestorm/internal/ipsecconf"
)

// The programs' own proposals. strongSwan's are what 5.9.8 of Debian logs when it loads a connection without any, and
// libreswan's what algparse of Debian's 4.10 prints; what the others offer was changed with nearly every version and can
// be changed when they are built, and libreswan's by the machine's crypto policy, so those are assumed.
const (
	strongIKE = "aes128-aes192-aes256-aes128ctr-aes192ctr-aes256ctr-camellia128-camellia192-camellia256-3des-sha256-sha384-sha512-aesxcbc-aescmac-sha1-" +
		"curve25519-curve448-ecp256-ecp384-ecp521-modp3072-modp4096-modp6144-modp8192-modp2048," +
		"aes128gcm16-aes192gcm16-aes256gcm16-aes128ccm16-aes192ccm16-aes256ccm16-chacha20poly1305-aes128gcm12-aes256gcm12-aes128gcm8-aes256gcm8-" +
		"prfsha256-prfsha384-prfsha512-prfaesxcbc-prfaescmac-prfsha1-curve25519-curve448-ecp256-ecp384-ecp521-modp3072-modp4096-modp6144-modp8192-modp2048"
	strongESP = "aes128gcm16-aes192gcm16-aes256gcm16,aes128-aes192-aes256-sha256-sha384-sha512-sha1-aesxcbc"

	freeIKE = "3des-md5-modp1536,3des-sha1-modp1536,3des-sha1-modp1024,3des-md5-modp1024"
	freeESP = "3des-md5,3des-sha1"
	openIKE = "aes128-sha1-modp2048,aes128-md5-modp2048,3des-sha1-modp2048,3des-md5-modp2048,aes128-sha1-modp1536,aes128-md5-modp1536,3des-sha1-modp1536,3des-md5-modp1536,3des-sha1-modp1024,3des-md5-modp1024"
	openESP = "aes128-sha1,aes128-md5,3des-sha1,3des-md5"

	libre1IKE = "aes256-aes128-sha256-modp2048,aes256-aes128-sha512-modp2048,aes256-aes128-sha1-modp2048,aes256-aes128-sha256-modp1536,aes256-aes128-sha512-modp1536,aes256-aes128-sha1-modp1536," +
		"3des-sha256-modp2048,3des-sha512-modp2048,3des-sha1-modp2048,3des-sha256-modp1536,3des-sha512-modp1536,3des-sha1-modp1536"
	libre1ESP = "aes256-aes128-sha1"
	libre2IKE = "aes256gcm16-aes128gcm16-prfsha512-prfsha256-modp2048-modp3072-modp4096-modp8192-ecp256-ecp384-ecp521-curve25519," +
		"aes256-aes128-sha512-sha256-modp2048-modp3072-modp4096-modp8192-ecp256-ecp384-ecp521-curve25519"
	libre2ESP = "aes256gcm16-aes128gcm16,aes256-aes128-sha512-sha256"
)

// own returns the proposals that a program uses when nothing is said; version is of IKE.
func own(f Flavour, version int, esp bool) Suites {
	pick := func(ike, child string) Suites {
		s := ike
		if esp {
			s = child
		}
		out := Suites{List: ipsecconf.ParseProposals(s), Default: true, Assumed: true}
		for i, p := range out.List {
			if !esp && len(p.PRF) == 0 {
				for _, h := range p.Hash {
					out.List[i].PRF = append(out.List[i].PRF, "prf"+h)
				}
			}
		}
		return out
	}
	switch {
	case f.Program == StrongSwan:
		s := pick(strongIKE, strongESP)
		s.Assumed = f.Version.Before(5, 6, 1) || !f.Version.Before(6)
		return s
	case f.Program == Libreswan && version == 2:
		return pick(libre2IKE, libre2ESP)
	case f.Program == Libreswan:
		return pick(libre1IKE, libre1ESP)
	case f.Program == Openswan:
		return pick(openIKE, openESP)
	case f.Program == FreeSWAN:
		return pick(freeIKE, freeESP)
	}
	return Suites{}
}

// suites reads proposals as a program takes them.
func suites(f Flavour, s Setting, version int, esp bool) Suites {
	if s.Value == "" {
		return own(f, version, esp)
	}
	out := Suites{At: s}
	for _, p := range ipsecconf.ParseProposals(s.Value) {
		p = fill(f, p, version, esp)
		out.List = append(out.List, p)
	}
	return out
}

// fill adds what a program adds to a proposal that leaves something out.
func fill(f Flavour, p ipsecconf.Proposal, version int, esp bool) ipsecconf.Proposal {
	var encr []string
	for _, c := range p.Encr {
		switch {
		case f.Program == StrongSwan || !strings.HasPrefix(c, "aes") && c != "camellia" || strings.IndexAny(c, "0123456789") >= 0 && strings.IndexAny(c[3:4], "12") == 0:
			if c == "aes" || c == "camellia" {
				c += "128"
			}
			if rest, ok := strings.CutPrefix(c, "aesgcm"); ok {
				c = "aes128gcm" + rest
			}
			encr = append(encr, c)
		case f.Program == Libreswan: // without a length, both
			encr = append(encr, c[:3]+"256"+c[3:], c[:3]+"128"+c[3:])
		default:
			encr = append(encr, c+"128")
		}
	}
	p.Encr = encr
	aead := len(p.Encr) > 0 && ipsecconf.AEAD(p.Encr[0])
	if aead && !esp && len(p.PRF) == 0 { // the hash is the PRF's
		for _, h := range p.Hash {
			p.PRF = append(p.PRF, "prf"+h)
		}
		p.Hash = nil
	}
	if aead && esp {
		p.Hash = nil
	}
	if !esp && len(p.PRF) == 0 && !aead {
		for _, h := range p.Hash {
			p.PRF = append(p.PRF, "prf"+h)
		}
	}
	if f.Program == StrongSwan {
		return p
	}
	// Pluto fills in its own for what is missing.
	for _, d := range own(f, version, esp).List {
		if aead != ipsecconf.AEAD(d.Encr[0]) {
			continue
		}
		if !esp && len(p.Group) == 0 {
			p.Group = append(p.Group, d.Group...)
		}
		if len(p.Hash) == 0 && !aead {
			p.Hash = append(p.Hash, d.Hash...)
			if !esp {
				p.PRF = nil
				for _, h := range p.Hash {
					p.PRF = append(p.PRF, "prf"+h)
				}
			}
		}
		if aead && !esp && len(p.PRF) == 0 {
			p.PRF = append(p.PRF, d.PRF...)
		}
	}
	return p
}

// seconds reads a time: 3600, 60m, 1h, 1.5h (pluto), 1d.
func seconds(s Setting) Span {
	v := strings.TrimSpace(s.Value)
	unit := 1.0
	if v != "" {
		switch v[len(v)-1] {
		case 's':
			v = v[:len(v)-1]
		case 'm':
			v, unit = v[:len(v)-1], 60
		case 'h':
			v, unit = v[:len(v)-1], 3600
		case 'd':
			v, unit = v[:len(v)-1], 86400
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || n < 0 || n*unit > 1e9 || n != n {
		return Span{0, s}
	}
	return Span{int(n * unit), s}
}
