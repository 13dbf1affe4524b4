package ipsec

import (
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/ipsecconf"
)

// Programs whose files are read.
const (
	FreeSWAN   = "freeswan"
	Openswan   = "openswan"
	Libreswan  = "libreswan"
	StrongSwan = "strongswan"
	Device     = "device" // a peer that has screens
)

// Flavour is a program and its version.
type Flavour struct {
	Program string
	Version Version
	Guess   string // what it was guessed from; empty: it was said
}

// shown are the programs' own spellings.
var shown = map[string]string{FreeSWAN: "FreeS/WAN", Openswan: "Openswan", Libreswan: "libreswan", StrongSwan: "strongSwan", Device: "the device"}

// newest are the versions that are meant where none is said: the last of FreeS/WAN and of Openswan 2, and Debian 12's.
var newest = map[string]Version{FreeSWAN: {2}, Openswan: {2, 6, 51}, Libreswan: {4, 10}, StrongSwan: {5, 9, 8}}

// String writes "strongSwan 5.9.8".
func (f Flavour) String() string {
	if len(f.Version) == 0 {
		return shown[f.Program]
	}
	return shown[f.Program] + " " + f.Version.String()
}

// Pluto reports whether the program descends from FreeS/WAN's daemon.
func (f Flavour) Pluto() bool {
	return f.Program == FreeSWAN || f.Program == Openswan || f.Program == Libreswan || f.Program == StrongSwan && f.Version.Before(5)
}

// Is reports whether it is the program in a version of at least v.
func (f Flavour) Is(program string, v ...int) bool {
	return f.Program == program && !f.Version.Before(v...)
}

// ParseFlavour reads "libreswan:4.10" or "strongswan".
func ParseFlavour(s string) (Flavour, error) {
	p, v, versioned := strings.Cut(s, ":")
	f := Flavour{Program: strings.ToLower(strings.ReplaceAll(strings.TrimSpace(p), "/", ""))}
	if newest[f.Program] == nil {
		return f, fmt.Errorf("%q is none of freeswan, openswan, libreswan, strongswan", p)
	}
	f.Version = newest[f.Program]
	if versioned {
		var err error
		if f.Version, err = ParseVersion(v); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Version is the numbers of a version, the first the most significant.
type Version []int

// ParseVersion reads "4.10".
func ParseVersion(s string) (Version, error) {
	var out Version
	for _, p := range strings.Split(strings.TrimPrefix(strings.TrimSpace(s), "v"), ".") {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > 9999 || len(out) >= 4 {
			return nil, fmt.Errorf("%q is no version such as 4.10", s)
		}
		out = append(out, n)
	}
	return out, nil
}

// Before reports whether the version is older than one of the given numbers.
func (v Version) Before(o ...int) bool {
	for i := range max(len(v), len(o)) {
		a, b := 0, 0
		if i < len(v) {
			a = v[i]
		}
		if i < len(o) {
			b = o[i]
		}
		if a != b {
			return a < b
		}
	}
	return false
}

// String writes the version with dots.
func (v Version) String() string {
	var p []string
	for _, n := range v {
		p = append(p, strconv.Itoa(n))
	}
	return strings.Join(p, ".")
}

// marks are settings and values that one program has and the others have not.
var marks = map[string]string{
	"klipsdebug": FreeSWAN, "plutoload": FreeSWAN, "plutostart": FreeSWAN, "plutowait": FreeSWAN, "manualstart": FreeSWAN, "spi": FreeSWAN, "spibase": FreeSWAN,
	"nat_traversal": Openswan, "virtual_private": Openswan, "phase2alg": Openswan, "phase2": Openswan, "aggrmode": Openswan, "oe": Openswan, "protostack": Openswan,
	"forceencaps": Openswan, "plutostderrlog": Openswan,
	"ikev2": Libreswan, "salifetime": Libreswan, "logfile": Libreswan, "ikev1-policy": Libreswan, "virtual-private": Libreswan, "encapsulation": Libreswan,
	"leftsubnets": Libreswan, "rightsubnets": Libreswan, "narrowing": Libreswan, "leftaddresspool": Libreswan, "rightaddresspool": Libreswan, "dnssec-enable": Libreswan,
	"retransmit-timeout": Libreswan, "retransmit-interval": Libreswan, "leftckaid": Libreswan, "nssdir": Libreswan, "logip": Libreswan,
	"charondebug": StrongSwan, "closeaction": StrongSwan, "strictcrlpolicy": StrongSwan, "charonstart": StrongSwan,
	"margintime": StrongSwan, "inactivity": StrongSwan, "reauth": StrongSwan, "leftsigkey": StrongSwan, "installpolicy": StrongSwan, "lifetime": StrongSwan,
	"rightsourceip": StrongSwan, "leftallowany": StrongSwan, "rightallowany": StrongSwan, "eap_identity": StrongSwan, "cachecrls": StrongSwan,
}

// guess tells from a file which program it is for.
func guess(sections []*ipsecconf.Section, version2 bool) Flavour {
	votes, why := map[string]int{}, map[string]string{}
	vote := func(p string, n int, reason string) {
		if votes[p] == 0 {
			why[p] = reason
		}
		votes[p] += n
	}
	if version2 {
		vote(FreeSWAN, 1, "version 2")
		vote(Openswan, 1, "version 2")
		vote(Libreswan, 1, "version 2")
	}
	for _, s := range sections {
		for _, k := range sorted(s.Keys) {
			v := strings.ToLower(s.Keys[k].Value)
			if p := marks[k]; p != "" {
				vote(p, 2, k+"=")
				if p == Openswan { // libreswan keeps many of Openswan's
					vote(Libreswan, 1, k+"=")
				}
			}
			switch {
			case k == "keyexchange" && (v == "ikev1" || v == "ikev2"), k == "authby" && (v == "psk" || v == "pubkey" || strings.HasPrefix(v, "xauth")),
				(k == "leftauth" || k == "rightauth") && (v == "psk" || strings.HasPrefix(v, "pubkey") || strings.HasPrefix(v, "eap")),
				(k == "ike" || k == "esp") && strings.HasSuffix(v, "!"):
				vote(StrongSwan, 3, k+"="+v)
			case (k == "ike" || k == "esp" || k == "phase2alg") && strings.Contains(v, ";"):
				vote(Libreswan, 2, "the semicolon in "+k+"=")
				vote(Openswan, 1, "the semicolon in "+k+"=")
			case k == "authby" && (v == "secret" || v == "rsasig"), k == "pfs", k == "leftauth" && (v == "rsasig" || v == "secret" || v == "null"):
				for _, p := range []string{FreeSWAN, Openswan, Libreswan} { // strongSwan takes some of it, and has other words
					vote(p, 1, k+"="+v)
				}
			case k == "ike" || k == "esp":
				votes[FreeSWAN] -= 3 // it came with patches only
			case k == "auto" && v == "ondemand":
				vote(Libreswan, 2, "auto=ondemand")
			case k == "interfaces" && s.Kind == "config":
				vote(FreeSWAN, 1, "interfaces=")
			}
		}
	}
	best := ""
	for _, p := range []string{StrongSwan, Libreswan, Openswan, FreeSWAN} {
		if votes[p] > 0 && (best == "" || votes[p] > votes[best]) {
			best = p
		}
	}
	if best == "" {
		return Flavour{StrongSwan, newest[StrongSwan], "nothing in the file tells"}
	}
	return Flavour{best, newest[best], why[best]}
}
