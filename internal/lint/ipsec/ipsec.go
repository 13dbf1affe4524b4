// Package ipsec reads the configuration of IPsec gateways and says what is wrong or dated in it, what an upgrade of the
// program changes, whether two ends will agree, and how the same connection looks in swanctl.conf with IKEv2. It knows
// FreeS/WAN, Openswan, libreswan and strongSwan (ipsec.conf, ipsec.secrets, swanctl.conf), and a short file of facts
// for a peer that has screens instead of files. Keys are compared and weighed, never shown.
package ipsec

import (
	"fmt"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/ipsecconf"
)

// Setting is a value and where it stands; Line 0 where no file says it.
type Setting = ipsecconf.Setting

// at writes "file:line" of a setting; empty for a default.
func at(s Setting) string {
	if !s.Said() {
		return ""
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// Conn is one IKE connection with the program's defaults filled in.
type Conn struct {
	Name    string
	File    string
	Line    int
	Flavour Flavour
	Swanctl bool

	Begins       int     // IKE version it begins with: 1 or 2; 0 not known
	Takes        [3]bool // versions it answers to
	VersionAt    Setting
	Aggressive   bool
	AggressiveAt Setting
	Local        End
	Remote       End
	IKE          Suites
	IKELife      Span
	Children     []Child
	Start        string  // start, trap, add, ignore
	StartAt      Setting // where that is said
	DPD          Setting // how often the peer is asked for life; Value empty or 0: never
	NATT         Tri     // ESP in UDP where a NAT is; Unsaid for a device whose screen was not told
	Keys         map[string]Setting
	secret       ipsecconf.Secret // of a device's facts
	secretLine   int
	unsure       bool // left and right may be exchanged: nothing in the file tells
}

// End is one side of a connection.
type End struct {
	Addrs  []string // concrete addresses or names; none: any
	AddrAt Setting  // as written
	ID     Identity // zero: not said
	IDAt   Setting
	Auth   string // psk, pubkey, eap, xauth, null; empty: not known
	AuthAt Setting
}

// Child is a tunnel.
type Child struct {
	Name       string
	Line       int
	ESP        Suites
	PFS        Tri
	PFSAt      Setting
	LocalTS    []string // networks; none: the end's own address
	RemoteTS   []string
	LocalTSAt  Setting
	RemoteTSAt Setting
	Mode       string // tunnel, transport, pass, drop
	Life       Span
	NoTS       bool // a device whose screen was not told
}

// Suites are proposals of one phase.
type Suites struct {
	List    []ipsecconf.Proposal // none: not known
	At      Setting
	Default bool // the program's own, nothing is said
	Plus    bool // the program's own are added to what is said (strongSwan's ipsec.conf without "!")
	Assumed bool // the program's own differ with its version and how it was built: a list to compare with, no proof
}

// Span is a time in seconds with where it is said; 0 not known.
type Span struct {
	Seconds int
	At      Setting
}

// Tri is yes, no, or not known.
type Tri uint8

// Values of Tri.
const (
	Unsaid Tri = iota
	Yes
	No
)

func tri(s string) Tri {
	switch strings.ToLower(s) {
	case "yes", "true", "1", "on", "enabled", "enable":
		return Yes
	case "no", "false", "0", "off", "never", "disabled", "disable":
		return No
	}
	return Unsaid
}

// Identity is what a side calls itself, by type, so that a name and an address that look alike are told apart.
type Identity struct {
	Type string // ip, fqdn, email, dn, keyid; empty: not said
	Text string
}

// String writes the identity for people.
func (i Identity) String() string {
	if i.Type == "" {
		return "(none)"
	}
	if i.Type == "fqdn" {
		return "@" + i.Text
	}
	return i.Text
}

// Any reports whether the identity is none, or one that fits all.
func (i Identity) Any() bool { return i.Type == "" || i.Type == "any" }

// Matches reports whether an identity fits one that is expected.
func (i Identity) Matches(expected Identity) bool {
	if expected.Any() {
		return true
	}
	if i.Type != expected.Type {
		return false
	}
	if strings.Contains(expected.Text, "*") {
		return wild(strings.ToLower(expected.Text), strings.ToLower(i.Text))
	}
	return strings.EqualFold(i.Text, expected.Text)
}

func wild(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for i, p := range parts[1:] {
		if i == len(parts)-2 {
			return strings.HasSuffix(s, p)
		}
		j := strings.Index(s, p)
		if j < 0 {
			return false
		}
		s = s[j+len(p):]
	}
	return s == ""
}

// Note is something that is wrong or dated.
type Note struct {
	Code     string           `json:"code"`
	Severity finding.Severity `json:"-"`
	Level    string           `json:"severity"`
	Conn     string           `json:"connection,omitempty"`
	File     string           `json:"file"`
	Line     int              `json:"line,omitempty"`
	What     string           `json:"what"`
	Why      string           `json:"why"`
	Change   string           `json:"change"`
	Ref      string           `json:"reference,omitempty"`
}

// Side is what the files of one gateway say.
type Side struct {
	Files   []string
	Conns   []*Conn
	Secrets []ipsecconf.Entry
	Notes   []Note // found while reading
	Open    []string
	Flavour Flavour // of its ipsec.conf
	// HasSecrets: a file of keys was read, so a key that is not there is missing.
	HasSecrets bool
}

// Options say what the files do not.
type Options struct {
	Flavour Flavour // zero: guessed from the file
	Self    string  // address of this gateway: which of left and right it is
}
