package rpcfw

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// Opening is a port, or a range of ports, to let through.
type Opening struct {
	Proto     string // "tcp" or "udp"
	Low, High uint16
	Why       string
}

// Ruleset says whom the rules are for.
type Ruleset struct {
	Table    string         // name of the nftables table: letters, digits and _
	Title    string         // a comment line
	Servers  []netip.Prefix // empty: this machine itself, by the input hook
	Clients  []netip.Prefix // empty: everybody
	Openings []Opening
	Bare     bool // only the lines, for a chain of one's own; else a table that drops all else to the server
	Notes    []string
}

// ErrNothing is a rule set that would open nothing.
var ErrNothing = errors.New("there is no port to let through")

// Nft writes the rules for nft -f. The table concerns new connections to the servers only: what else passes the machine
// stays as it was. Where another table drops, its own drop holds: then Bare gives the lines to put there.
func (r Ruleset) Nft() (string, error) {
	if len(r.Openings) == 0 {
		return "", ErrNothing
	}
	var b strings.Builder
	for _, n := range append([]string{r.Title}, r.Notes...) {
		fmt.Fprintf(&b, "# %s\n", comment(n))
	}
	if r.Bare {
		b.WriteString("# These belong into the chain that drops, before its end; replies need: ct state established,related accept\n")
		for _, fam := range r.families() {
			r.accepts(&b, "", fam, true)
		}
		return b.String(), nil
	}
	hook := "forward"
	if len(r.Servers) == 0 {
		hook = "input"
	}
	fmt.Fprintf(&b, "table inet %s\ndelete table inet %s\ntable inet %s {\n", r.Table, r.Table, r.Table)
	if hook == "input" {
		// Only the ports of these services are decided here: a rule set that dropped all else would lock people out.
		b.WriteString("\t# A machine's other services (SSH among them) are not decided here: add them, then set the policy to drop.\n")
		fmt.Fprintf(&b, "\tchain in {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tiif lo accept\n\t\tct state established,related accept\n")
		for _, fam := range r.families() {
			r.accepts(&b, "\t\t", fam, false)
		}
		for _, l := range r.portSets() {
			fmt.Fprintf(&b, "\t\t%s drop\n", l)
		}
		b.WriteString("\t}\n}\n")
		return b.String(), nil
	}
	b.WriteString("\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n\t\tct state established,related accept\n")
	for _, fam := range r.families() {
		if s := of(r.Servers, fam); len(s) > 0 {
			fmt.Fprintf(&b, "\t\t%s daddr %s jump to_server\n", fam, set(s))
		}
	}
	b.WriteString("\t}\n\tchain to_server {\n")
	for _, fam := range r.families() {
		r.accepts(&b, "\t\t", fam, false)
	}
	// What path MTU discovery and pings need is let through; anything else to the server ends here.
	b.WriteString("\t\tmeta l4proto { icmp, icmpv6 } accept\n\t\tcounter drop\n\t}\n}\n")
	return b.String(), nil
}

// families are those that the addresses are of; both when there are none.
func (r Ruleset) families() []string {
	var out []string
	for _, fam := range []string{"ip", "ip6"} {
		with := func(l []netip.Prefix) bool { return len(l) == 0 || len(of(l, fam)) > 0 }
		if with(r.Servers) && with(r.Clients) {
			out = append(out, fam)
		}
	}
	if len(r.Servers) == 0 && len(r.Clients) == 0 {
		return []string{"any"}
	}
	return out
}

func of(l []netip.Prefix, fam string) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(l), func(p netip.Prefix) bool { return p.Addr().Is4() != (fam == "ip") })
}

func set(l []netip.Prefix) string {
	s := make([]string, len(l))
	for i, p := range l {
		s[i] = p.Masked().String()
		if p.IsSingleIP() {
			s[i] = p.Addr().String()
		}
	}
	if len(s) == 1 {
		return s[0]
	}
	return "{ " + strings.Join(s, ", ") + " }"
}

// accepts writes the lines that let the ports of one family through.
func (r Ruleset) accepts(b *strings.Builder, indent, fam string, withServer bool) {
	who := ""
	if c := of(r.Clients, fam); fam != "any" && len(c) > 0 {
		who = fmt.Sprintf("%s saddr %s ", fam, set(c))
	}
	if s := of(r.Servers, fam); withServer && fam != "any" && len(s) > 0 {
		who += fmt.Sprintf("%s daddr %s ", fam, set(s))
	}
	if who == "" && fam == "ip6" && len(r.families()) > 1 {
		return // the line of ip is for both
	}
	for _, l := range r.portSets() {
		fmt.Fprintf(b, "%s%s%s ct state new accept\n", indent, who, l)
	}
}

// portSets writes the ports of each protocol: "tcp dport { 111, 2049 }".
func (r Ruleset) portSets() []string {
	var out []string
	for _, proto := range []string{"tcp", "udp"} {
		var l []Opening
		for _, o := range r.Openings {
			if o.Proto == proto {
				l = append(l, o)
			}
		}
		l = merge(l)
		if len(l) == 0 {
			continue
		}
		s := make([]string, len(l))
		for i, o := range l {
			s[i] = fmt.Sprint(o.Low)
			if o.High != o.Low {
				s[i] = fmt.Sprintf("%d-%d", o.Low, o.High)
			}
		}
		out = append(out, fmt.Sprintf("%s dport { %s }", proto, strings.Join(s, ", ")))
	}
	return out
}

// merge sorts ranges and joins those that touch: nftables refuses a set whose parts overlap.
func merge(l []Opening) []Opening {
	sort.SliceStable(l, func(i, j int) bool {
		a, b := &l[i], &l[j]
		return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High)) < 0
	})
	var out []Opening
	for _, o := range l {
		if n := len(out); n > 0 && int(o.Low) <= int(out[n-1].High) {
			out[n-1].High = max(out[n-1].High, o.High)
			continue
		}
		out = append(out, o)
	}
	return out
}

// comment makes a text one that cannot end its line: names of files stand in it.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, s)
}
