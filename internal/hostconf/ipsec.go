package hostconf

import (
	"slices"
	"strings"

	"firestorm/internal/packet"
)

// Tri is yes, no, or what the program does when the file does not say.
type Tri uint8

// Values of Tri.
const (
	Unsaid Tri = iota
	Yes
	No
)

// Connection is one side's settings for a VPN, as ipsec.conf or swanctl.conf have them.
type Connection struct {
	Name                  string
	File                  string
	Line                  int
	Version               int // of IKE: 1, 2; 0 either
	Aggressive            Tri
	Proposals             []Proposal // phase 1; none: the program's own
	LocalAddr, RemoteAddr []string
	LocalID, RemoteID     string // empty: the address, as a rule
	Children              []Child
}

// Child is a tunnel of a connection.
type Child struct {
	Name                  string
	Line                  int
	Proposals             []Proposal // ESP; none: the program's own
	PFS                   Tri
	LocalNets, RemoteNets []string
}

// Proposal is one list of algorithms in strongSwan's short names.
type Proposal struct {
	Text  string // as in the file
	Encr  []string
	Hash  []string
	PRF   []string
	Group []string
}

// ParseProposals reads a list of proposals as strongSwan and libreswan write them ("aes128-sha256-modp2048,3des-md5!",
// "aes128-sha2_256;dh14").
func ParseProposals(s string) []Proposal {
	var out []Proposal
	for _, text := range list(strings.TrimSuffix(strings.TrimSpace(s), "!")) {
		p := Proposal{Text: text}
		for _, t := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == '-' || r == ';' || r == '+' || r == '!' }) {
			t = canonical(t)
			switch {
			case isGroup(t):
				p.Group = append(p.Group, t)
			case strings.HasPrefix(t, "prf"):
				p.PRF = append(p.PRF, t)
			case strings.HasPrefix(t, "sha"), strings.HasPrefix(t, "md5"), t == "aesxcbc", t == "aescmac":
				p.Hash = append(p.Hash, t)
			case t == "esn", t == "noesn", t == "default":
			default:
				p.Encr = append(p.Encr, t)
			}
		}
		out = append(out, p)
	}
	return out
}

// canonical turns the names of one program into those of another: strongSwan's.
func canonical(t string) string {
	switch t {
	case "sha", "sha1_96":
		return "sha1"
	case "sha2", "sha2_256", "sha256_128":
		return "sha256"
	case "sha2_384":
		return "sha384"
	case "sha2_512":
		return "sha512"
	case "x25519":
		return "curve25519"
	}
	if n, ok := strings.CutPrefix(t, "dh"); ok {
		if g := groups[n]; g != "" {
			return g
		}
	}
	t = strings.Replace(t, "aes_gcm", "aesgcm", 1)
	if k, ok := strings.CutPrefix(t, "aes"); ok && len(k) > 3 && strings.HasPrefix(k[3:], "gcm128") { // strongSwan has both
		return "aes" + k[:3] + "gcm16"
	}
	return t
}

var groups = map[string]string{"2": "modp1024", "5": "modp1536", "14": "modp2048", "15": "modp3072", "16": "modp4096", "17": "modp6144",
	"18": "modp8192", "19": "ecp256", "20": "ecp384", "21": "ecp521", "22": "modp1024s160", "23": "modp2048s224", "24": "modp2048s256", "31": "curve25519"}

func isGroup(t string) bool {
	return strings.HasPrefix(t, "modp") || strings.HasPrefix(t, "ecp") || strings.HasPrefix(t, "curve")
}

// setting is a value with the line it stands in.
type setting struct {
	value string
	line  int
}

// section is one conn of ipsec.conf.
type section struct {
	name string
	line int
	keys map[string]setting
	also []string
}

// ipsec reads ipsec.conf of FreeS/WAN, Openswan, libreswan and strongSwan. Which of left and right is this host, its
// address tells; left, where neither does.
func (f *Facts) ipsec(file string, lines []line, own packet.Addr) error {
	var order []*section
	by := map[string]*section{}
	var cur *section
	for _, l := range lines {
		if !l.indented {
			word, name, _ := strings.Cut(l.text, " ")
			name = bounded(name)
			cur = nil
			switch word {
			case "conn":
				if name == "" {
					return &Error{file, l.n, "conn without a name"}
				}
				if len(order) >= maxSections {
					return &Error{file, l.n, "too many connections"}
				}
				cur = &section{name: name, line: l.n, keys: map[string]setting{}}
				order = append(order, cur)
				by[name] = cur
			case "config", "ca", "version", "include":
			default:
				return &Error{file, l.n, "a line that begins at the margin is a section (conn NAME), an include or a comment"}
			}
			continue
		}
		if cur == nil {
			continue
		}
		k, v, ok := strings.Cut(l.text, "=")
		if !ok {
			return &Error{file, l.n, "is no setting (KEY=VALUE)"}
		}
		if i := strings.Index(v, " #"); i >= 0 {
			v = v[:i]
		}
		k = strings.ToLower(strings.TrimSpace(k))
		switch {
		case k == "also":
			cur.also = append(cur.also, bounded(v))
		case slices.Contains(ipsecKeys, k):
			cur.keys[k] = setting{bounded(v), l.n}
		}
	}
	for _, s := range order {
		if s.name == "%default" {
			continue
		}
		get := func(keys ...string) setting { return lookup(by, s, keys, maxDepth) }
		if get("left").value == "" && get("right").value == "" {
			continue // a part for others (also=)
		}
		f.Connections = append(f.Connections, connection(file, s, get, own))
	}
	return nil
}

// ipsecKeys are the settings that matter here; secrets, scripts and all else are not even looked at.
var ipsecKeys = []string{"left", "right", "leftid", "rightid", "leftsubnet", "rightsubnet", "leftsubnets", "rightsubnets", "ike", "esp", "phase2alg",
	"pfs", "pfsgroup", "keyexchange", "ikev2", "aggressive", "aggrmode"}

// lookup finds a setting in a section, in those that it also takes, and in %default.
func lookup(by map[string]*section, s *section, keys []string, depth int) setting {
	if s == nil || depth == 0 {
		return setting{}
	}
	for _, k := range keys {
		if v, ok := s.keys[k]; ok {
			return v
		}
	}
	for _, a := range s.also[:min(len(s.also), maxDepth)] {
		if o := by[a]; o != nil && o != s {
			for _, k := range keys {
				if v, ok := o.keys[k]; ok {
					return v
				}
			}
			if len(o.also) > 0 {
				if v := lookup(by, by[o.also[0]], keys, depth-1); v.value != "" {
					return v
				}
			}
		}
	}
	if d := by["%default"]; d != nil && d != s {
		for _, k := range keys {
			if v, ok := d.keys[k]; ok {
				return v
			}
		}
	}
	return setting{}
}

func connection(file string, s *section, get func(...string) setting, own packet.Addr) Connection {
	l, r := "left", "right"
	if get("right").value == own.String() && get("left").value != own.String() {
		l, r = r, l
	}
	c := Connection{Name: s.name, File: file, Line: s.line, LocalAddr: list(get(l).value), RemoteAddr: list(get(r).value),
		LocalID: strings.TrimPrefix(get(l+"id").value, "@"), RemoteID: strings.TrimPrefix(get(r+"id").value, "@"), Aggressive: tri(get("aggressive", "aggrmode").value)}
	switch v := get("keyexchange").value; v {
	case "ikev1":
		c.Version = 1
	case "ikev2":
		c.Version = 2
	}
	switch get("ikev2").value {
	case "no", "never":
		c.Version = 1
	case "yes", "insist":
		c.Version = 2
	}
	c.Proposals = ParseProposals(get("ike").value)
	ch := Child{Name: s.name, Line: s.line, Proposals: ParseProposals(get("esp", "phase2alg").value), LocalNets: list(get(l+"subnet", l+"subnets").value),
		RemoteNets: list(get(r+"subnet", r+"subnets").value)}
	ch.PFS = tri(get("pfs").value)
	if ch.PFS == Unsaid {
		ch.PFS = pfsOf(ch.Proposals)
		if ch.PFS == No || get("pfsgroup").value != "" {
			ch.PFS = Unsaid // libreswan uses PFS unless told otherwise, strongSwan only with a group
		}
	}
	c.Children = []Child{ch}
	return c
}

// pfsOf says what strongSwan takes from ESP proposals: a group means PFS, none none.
func pfsOf(ps []Proposal) Tri {
	if len(ps) == 0 {
		return Unsaid
	}
	for _, p := range ps {
		if len(p.Group) > 0 {
			return Yes
		}
	}
	return No
}

func tri(s string) Tri {
	switch strings.ToLower(s) {
	case "yes", "true", "1":
		return Yes
	case "no", "false", "0":
		return No
	}
	return Unsaid
}

// Matches reports whether the connection is for a peer with the address: named, or any.
func (c *Connection) Matches(peer packet.Addr) bool {
	if len(c.RemoteAddr) == 0 {
		return true
	}
	for _, a := range c.RemoteAddr {
		if strings.HasPrefix(a, "%") || a == peer.String() || a == "0.0.0.0/0" || a == "::/0" {
			return true
		}
	}
	return false
}
