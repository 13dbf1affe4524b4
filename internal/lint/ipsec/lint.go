package ipsec

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/ipsecconf"
)

// Lint says what is wrong or dated in the files of one gateway, worst first within the order of the files.
func Lint(s *Side) []Note {
	r := &rules{side: s}
	for _, c := range s.Conns {
		r.c = c
		r.settings()
		r.ends()
		r.cryptography()
		r.forward()
		r.tunnel()
		r.running()
	}
	r.keys()
	out := append(slices.Clone(s.Notes), r.notes...)
	for i := range out {
		out[i].Level = out[i].Severity.String()
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return b.Severity < a.Severity
	})
	return out
}

type rules struct {
	side  *Side
	c     *Conn
	notes []Note
}

// say adds a note at a setting, or at the connection where no setting says it.
func (r *rules) say(code string, sev finding.Severity, s Setting, what, why, change, ref string) {
	n := Note{Code: code, Severity: sev, File: s.File, Line: s.Line, What: what, Why: why, Change: change, Ref: ref}
	if r.c != nil {
		n.Conn = r.c.Name
		if !s.Said() {
			n.File, n.Line = r.c.File, r.c.Line
		}
	}
	if len(r.notes) < 4*ipsecconf.MaxSections {
		r.notes = append(r.notes, n)
	}
}

// settings looks at names of settings: misspelt, gone, without effect.
func (r *rules) settings() {
	c := r.c
	if c.Flavour.Program == Device {
		return
	}
	if c.Swanctl {
		for _, k := range sorted(c.Keys) {
			if !slices.Contains(swanctlKeys, k) {
				r.unknown(k, c.Keys[k], swanctlKeys)
			}
		}
		return
	}
	for _, k := range sorted(c.Keys) {
		if !slices.Contains(confKeys, k) {
			r.unknown(k, c.Keys[k], confKeys)
		}
	}
	if c.Flavour.Is(StrongSwan, 5) {
		for _, k := range []string{"pfs", "pfsgroup"} {
			if s := c.Keys[k]; s.Said() {
				r.say("pfs-ignored", finding.Medium, s, k+"="+s.Value+" has no effect in "+c.Flavour.String(), "strongSwan decides by esp=: with a Diffie-Hellman group there is PFS, without one there is none",
					"take the line away and write the group into esp=, as in esp=aes256-sha256-modp2048!", "RFC 7296 1.3.1")
			}
		}
	}
	if c.Flavour.Is(Libreswan, 3, 25) && tri(c.Keys["pfs"].Value) == No {
		if esp := first(c.Keys, "esp", "phase2alg"); esp.Said() && slices.ContainsFunc(ipsecconf.ParseProposals(esp.Value), func(p ipsecconf.Proposal) bool {
			return slices.ContainsFunc(p.Group, func(g string) bool { return g != "none" })
		}) {
			sev, why := finding.High, "libreswan since 3.25 refuses to load a connection that says both"
			if c.Flavour.Is(Libreswan, 4, 10) {
				sev, why = finding.Medium, "libreswan 4.10 loads it, ignores the group and has no PFS; versions from 3.25 on refused to load it"
			}
			r.say("pfs-contradiction", sev, c.Keys["pfs"], "pfs=no together with a Diffie-Hellman group in "+esp.Value+" ("+at(esp)+")", why, "take pfs=no away (better), or the group out of esp=", "libreswan 3.25, CHANGES")
		}
	}
	for _, k := range []string{"psk", "secret", "password"} {
		if s := c.Keys[k]; s.Said() {
			r.say("key-in-wrong-file", finding.High, s, "a key stands in ipsec.conf", "this file is readable by all as a rule, and no program takes a key from it", "put it into ipsec.secrets (mode 600), and choose a new one", "")
		}
	}
}

func (r *rules) unknown(k string, s Setting, all []string) {
	change := "look it up in the manual of " + r.c.Flavour.String()
	if near := nearest(k, all); near != "" {
		change = "did you mean " + near + "?"
	}
	r.say("unknown-setting", finding.Medium, s, "no setting is called "+k, "the program refuses the file, or goes on without what was meant", change, "")
}

// nearest is a name with at most two letters' difference.
func nearest(k string, all []string) string {
	best, dist := "", 3
	for _, a := range all {
		if d := distance(k, a); d < dist && len(k) > 3 {
			best, dist = a, d
		}
	}
	return best
}

func distance(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 99
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diag
			if a[i] != b[j] {
				d = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

// ends looks at addresses, IDs and how each side proves who it is.
func (r *rules) ends() {
	c := r.c
	if c.Flavour.Program == Device {
		return
	}
	left := c.Keys["left"]
	if !c.Swanctl && c.Flavour.Pluto() && (left.Value == "" || left.Value == "%any") && c.Keys["right"].Value != "%defaultroute" && !here(c.Keys["right"].Value) {
		sev, words := finding.Medium, "pluto finds out which end it is from the addresses of the machine: without left= it cannot"
		switch {
		case c.Flavour.Is(Libreswan, 4) && left.Value == "":
			sev, words = finding.High, "libreswan does not load it: \"left= is not set\""
		case c.Flavour.Is(Libreswan, 3, 23) && left.Value == "":
			sev, words = finding.High, "libreswan since 3.23 says \"cannot identify ourselves with either end of this connection\" and does not load it"
		}
		r.say("left-implicit", sev, left, "left= does not say which end this machine is", words, "left=%defaultroute, or the address of this machine", "libreswan 3.23")
	}
	sonic := c.Begins == 1 && !c.Aggressive && c.Local.Auth == "psk"
	if sonic && !c.Local.ID.Any() && c.Local.ID.Type != "ip" {
		r.say("id-not-address", finding.Low, c.Local.IDAt, "an ID that is no address ("+c.Local.ID.String()+"), with a pre-shared key in main mode of IKEv1",
			"in main mode the key is looked up before the ID can be read, so devices such as a SonicWall know the peer by its address alone and refuse any other ID",
			"take the ID away, or set exactly this ID as the peer's on the other side", "RFC 2409 5.4")
	}
	if c.Local.Auth == "psk" && len(c.Remote.Addrs) == 0 {
		r.say("anybody-with-key", finding.Medium, c.Remote.AddrAt, "whoever knows the pre-shared key may connect, from any address", "one key that leaks opens the tunnel to all; behind aggressive mode it can even be searched for",
			"name the peer's address, or give each peer a certificate", "RFC 7296 2.15")
	}
	if c.Local.Auth != c.Remote.Auth && c.Begins == 1 && c.Local.Auth != "" && c.Remote.Auth != "" && c.Local.Auth != "xauth" {
		r.say("auth-uneven", finding.Medium, c.Local.AuthAt, "the two sides prove themselves in different ways ("+authName(c.Local.Auth)+", "+authName(c.Remote.Auth)+")", "IKEv1 has one method for both", "the same on both sides, or IKEv2", "RFC 2409 5")
	}
	if !c.Swanctl && c.Local.Auth == "pubkey" && !c.Local.AuthAt.Said() && r.hasPSK(c) {
		r.say("authby-unsaid", finding.High, Setting{}, "there is a pre-shared key for this peer, but authby= is not said", shown[c.Flavour.Program]+" then wants certificates or raw public keys, and never looks at the key",
			map[bool]string{true: "authby=secret", false: "authby=psk"}[c.Flavour.Pluto()], "")
	}
}

func (r *rules) hasPSK(c *Conn) bool {
	id, _ := c.id(c)
	e, found, _ := r.side.key(c, id, c.Remote.ID, c.own(nil), addrOf(c.Remote))
	return found && len(e.IDs) > 0
}

func addrOf(e End) string {
	if len(e.Addrs) > 0 {
		return e.Addrs[0]
	}
	return ""
}

// tunnel looks at the networks.
func (r *rules) tunnel() {
	c := r.c
	for i := range c.Children {
		ch := &c.Children[i]
		if ch.Mode == "pass" || ch.Mode == "drop" {
			continue
		}
		for _, s := range []Setting{ch.LocalTSAt, ch.RemoteTSAt} {
			for _, v := range ipsecconf.List(s.Value) {
				v, _, _ = strings.Cut(v, "[")
				p, err := netip.ParsePrefix(v)
				if err == nil && p.Masked() != p {
					r.say("subnet-host-bits", finding.Low, s, v+" has bits set beyond its mask", "some programs take it for "+p.Masked().String()+", others refuse it, and the other side compares it bit by bit", "write "+p.Masked().String(), "")
				}
				if err != nil && strings.Contains(v, "/") && !strings.HasPrefix(v, "v") {
					if _, ok := prefix(v); !ok {
						r.say("subnet-unreadable", finding.High, s, v+" is no network", "the connection is not loaded", "write it as 192.0.2.0/24", "")
					}
				}
			}
		}
		for _, a := range ch.LocalTS {
			for _, b := range ch.RemoteTS {
				p, _, ok := selector(a)
				q, _, ok2 := selector(b)
				if ok && ok2 && p.Overlaps(q) && p.Bits() > 0 && q.Bits() > 0 {
					r.say("subnets-overlap", finding.Medium, ch.RemoteTSAt, "the networks of both sides overlap: "+a+" and "+b, "what is meant for the near side goes into the tunnel, or the other way", "renumber one of them, or translate addresses in the tunnel", "")
				}
			}
		}
		if c.Begins == 1 && !c.Takes[2] && (len(ch.LocalTS) > 1 || len(ch.RemoteTS) > 1) && c.Flavour.Program == StrongSwan {
			r.say("networks-v1", finding.Medium, ch.LocalTSAt, "several networks in one tunnel with IKEv1", "IKEv1 carries one network for each end: strongSwan uses the first and forgets the others", "one tunnel for each pair, or IKEv2", "RFC 2409 5.5")
		}
	}
}

// running looks at whether the tunnel starts and comes back.
func (r *rules) running() {
	c := r.c
	if c.Flavour.Program == Device || !c.tunnels() {
		return
	}
	if c.Start == "start" && (c.DPD.Value == "" || c.DPD.Value == "0" || c.DPD.Value == "0s") {
		how := "dpddelay=30, dpdtimeout=120, dpdaction=restart"
		if c.Swanctl {
			how = "dpd_delay = 30s, and dpd_action = restart in the child"
		}
		r.say("dpd-off", finding.Low, c.StartAt, "the peer is never asked whether it lives", "when it restarts, this side goes on sending into the old tunnel until the keys expire", how, "RFC 3706, RFC 7296 2.4")
	}
	if c.Start == "ignore" && !c.Swanctl && !c.StartAt.Said() {
		r.say("never-loaded", finding.Low, Setting{}, "auto= is not said: the connection is not loaded by itself", "the tunnel is down after each restart until somebody types ipsec auto --add and --up", "auto=start on one side, auto=add on the other", "")
	}
	if s := c.Keys["rekey"]; tri(s.Value) == No && !c.Swanctl {
		r.say("rekey-off", finding.Low, s, "this side never asks for fresh keys", "if the other side does not either, the tunnel ends when its lifetime does", "rekey=yes on one side at least", "")
	}
	for _, x := range []struct {
		s    Span
		what string
	}{{c.IKELife, "phase 1"}, {childLife(c), "the tunnel"}} {
		if x.s.At.Said() && x.s.Seconds == 0 && x.s.At.Value != "0" && x.s.At.Value != "0s" {
			r.say("time-unreadable", finding.Medium, x.s.At, x.s.At.Value+" is no time", "the program refuses it or takes its default", "write it as 28800, 480m or 8h", "")
		}
		if x.s.Seconds > 86400 {
			r.say("lifetime-long", finding.Low, x.s.At, fmt.Sprintf("keys of %s live for %d h", x.what, x.s.Seconds/3600), "the longer a key is used, the more is read by whoever finds it; libreswan takes 24 h at most", "8h for phase 1, 1h for the tunnel", "RFC 7296 2.8")
		}
	}
	if s := first(c.Keys, "compress"); tri(s.Value) == Yes && !c.Swanctl {
		r.say("compression", finding.Low, s, "packets are compressed before they are encrypted", "the length of a packet then tells about its contents, and it rarely helps", "compress=no on both sides", "RFC 3173")
	}
}

func childLife(c *Conn) Span {
	if len(c.Children) == 0 {
		return Span{}
	}
	return c.Children[0].Life
}

// keys weighs the pre-shared keys.
func (r *rules) keys() {
	r.c = nil
	for _, e := range r.side.Secrets {
		if e.Kind != "PSK" {
			continue
		}
		s := Setting{File: e.File, Line: e.Line}
		r.weigh(e.Secret, s)
		if o := sharers(r.side.Secrets, e); len(o) > 0 && (o[0].File > e.File || o[0].File == e.File && o[0].Line > e.Line) {
			var lines []string
			for _, x := range o {
				lines = append(lines, fmt.Sprintf("%s:%d", x.File, x.Line))
			}
			r.say("psk-shared", finding.Medium, s, "the same key is used for other peers as well ("+shortList(lines)+")", "each of these peers can pose as the others", "a key of its own for each peer", "RFC 7296 2.15")
		}
		if len(e.IDs) == 0 || slices.Contains(e.IDs, "%any") || slices.Contains(e.IDs, "0.0.0.0") {
			r.say("psk-for-anybody", finding.Medium, s, "a key for any peer", "it is tried for every peer that has none of its own", "name both IDs: before the colon in ipsec.secrets, as id-1 and id-2 in swanctl.conf", "")
		}
	}
	for _, c := range r.side.Conns {
		if c.secret.Set() {
			r.c = c
			r.weigh(c.secret, Setting{File: c.File, Line: c.secretLine})
			continue
		}
		if !r.side.HasSecrets || c.Local.Auth != "psk" || c.Flavour.Program == Device || !c.tunnels() {
			continue
		}
		r.c = c
		id, _ := c.id(c)
		if _, found, _ := r.side.key(c, id, c.Remote.ID, c.own(nil), addrOf(c.Remote)); !found {
			r.say("psk-missing", finding.High, Setting{}, "no key in the files given fits this connection", "the daemon says \"no shared key found\" (or can't find the preshared key) and the tunnel does not come up",
				"a line with both IDs: "+keyLine(c), "")
		}
	}
}

// keyLine is how the line of a key begins.
func keyLine(c *Conn) string {
	id, ok := c.id(nil)
	me := "OWN-ID"
	if ok {
		me = id.String()
	}
	other := "PEER-ID"
	if !c.Remote.ID.Any() {
		other = c.Remote.ID.String()
	}
	if c.Swanctl {
		return "secrets { ike-1 { id-1 = " + me + ", id-2 = " + other + ", secret = … } }"
	}
	return me + " " + other + ` : PSK "…"`
}

func (r *rules) weigh(k ipsecconf.Secret, s Setting) {
	t := k.Traits
	switch {
	case t.Empty:
		r.say("psk-weak", finding.High, s, "an empty key", "anybody has it", generate, "")
	case t.Known:
		r.say("psk-weak", finding.High, s, "the key is a word that everybody tries first, or little more", "it is guessed in seconds by whoever captures one attempt", generate, "RFC 7296 2.15")
	case t.Short && t.Plain:
		r.say("psk-weak", finding.High, s, "the key is short and of one sort of characters", "whoever captures an attempt (aggressive mode: whoever asks) can search for it at home", generate, "RFC 7296 2.15")
	case t.Short, t.Plain:
		r.say("psk-weak", finding.Medium, s, "the key has fewer than 20 characters, or few different ones", "whoever captures an attempt can search for it at home", generate, "RFC 7296 2.15")
	}
	if t.Blank {
		r.say("psk-blank", finding.Medium, s, "the key begins or ends with a blank", "a form in a browser drops it, and then the keys differ and nothing shows it", "choose one without blanks, on both sides", "")
	}
	if t.Outside {
		r.say("psk-not-ascii", finding.Medium, s, "the key has characters outside ASCII", "each program turns them into bytes in its own way, so the keys may differ though they look alike", "letters, digits and signs of ASCII alone", "")
	}
}

const generate = "openssl rand -base64 32, on both sides"
