package ipsec

import (
	"slices"
	"strings"

	"firestorm/internal/ipsecconf"
)

// refusal is why a program does not load a connection.
type refusal struct {
	at     Setting
	what   string
	log    string // what the program says; empty: not known
	change string
}

// gone are groups and ciphers that libreswan was no longer built with from a version on.
var gone = []struct {
	name  string
	since Version
}{{"des", Version{3, 3}}, {"modp768", Version{3, 3}}, {"modp1024s160", Version{3, 19}}, {"modp2048s224", Version{3, 26}}, {"modp2048s256", Version{3, 26}}, {"modp1024", Version{3, 30}}}

// refused says why the program does not load the connection; nil: nothing is known against it.
func (c *Conn) refused() *refusal {
	switch c.Flavour.Program {
	case Libreswan:
		return c.refusedByLibreswan()
	case StrongSwan:
		if c.Flavour.Version.Before(5) {
			return nil
		}
	default:
		return nil
	}
	for _, x := range []struct {
		s   Suites
		esp bool
	}{{c.IKE, false}, {childESP(c), true}} {
		if x.s.Default {
			continue
		}
		for _, p := range x.s.List {
			if len(p.Unknown) > 0 {
				return &refusal{x.s.At, "an algorithm that is not known: " + strings.Join(p.Unknown, ", "), "algorithm '" + p.Unknown[0] + "' not recognized", "write the algorithm's name as the manual has it"}
			}
			if x.esp || len(p.Encr) == 0 {
				continue
			}
			aead := slices.ContainsFunc(p.Encr, ipsecconf.AEAD)
			plain := slices.ContainsFunc(p.Encr, func(e string) bool { return !ipsecconf.AEAD(e) })
			switch {
			case aead && plain:
				return &refusal{x.s.At, "GCM or CCM and a plain cipher in one proposal (" + p.Text + ")", "classic and combined-mode (AEAD) encryption algorithms can't be contained in the same IKE proposal", "two proposals with a comma between"}
			case aead && len(p.PRF) == 0:
				return &refusal{x.s.At, "GCM or CCM without a pseudo-random function (" + p.Text + ")", "a PRF algorithm is mandatory in IKE proposals", "add one: prfsha256 or prfsha384"}
			case !aead && len(p.Hash) == 0:
				return &refusal{x.s.At, "no check value (" + p.Text + ")", "a PRF algorithm is mandatory in IKE proposals", "add one: sha256"}
			case len(p.Group) == 0:
				return &refusal{x.s.At, "no Diffie-Hellman group (" + p.Text + ")", "a DH group is mandatory in IKE proposals", "add one: modp2048, ecp256 or curve25519"}
			}
		}
	}
	return nil
}

func (c *Conn) refusedByLibreswan() *refusal {
	if c.Keys["left"].Value == "" && c.Flavour.Is(Libreswan, 4) {
		return &refusal{Setting{}, "left= is not said", "left= is not set", "left=%defaultroute, or the address of this machine"}
	}
	for _, s := range []Setting{c.Keys["ike"], first(c.Keys, "esp", "phase2alg")} {
		for _, p := range ipsecconf.ParseProposals(s.Value) {
			for _, g := range gone {
				if c.Flavour.Is(Libreswan, g.since...) && slices.Contains(slices.Concat(p.Group, p.Encr), g.name) {
					return &refusal{s, g.name + ": libreswan since " + g.since.String() + " is built without it", "algorithm '" + g.name + "' is not supported", "aes256-sha2_256;modp2048 on both sides"}
				}
			}
		}
	}
	if at, ok := contradiction(c, c.Flavour); ok && c.Flavour.Is(Libreswan, 3, 25) && !c.Flavour.Is(Libreswan, 4, 10) {
		return &refusal{at, "pfs=no together with a group in esp=", "", "take pfs=no away, or the group"}
	}
	return nil
}
