package ipsec

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"firestorm/internal/ipsecconf"
)

// Migration is a swanctl.conf made from other files, with what changed its meaning.
type Migration struct {
	Config  string
	Changes []Moved
	Stopped []Moved // connections left out, and why
}

// Moved is one change of meaning, or the reason why a connection was left out.
type Moved struct {
	Conn string `json:"connection"`
	File string `json:"file"`
	Line int    `json:"line"`
	What string `json:"what"`
}

// Suites that are written for IKEv2. The second is for a peer without GCM.
const (
	modernIKE = "aes256gcm16-prfsha384-ecp384,aes256-sha256-modp3072"
	modernESP = "aes256gcm16-ecp384,aes256-sha256-modp3072"
)

// ToSwanctl writes the connections as swanctl.conf: with IKEv2 and today's suites or, asIs, with the version and the
// suites that they have. Keys are not written: their place is, with the line that has them.
func ToSwanctl(s *Side, asIs bool) *Migration {
	m := &Migration{}
	var conns, secrets strings.Builder
	used := map[string]bool{}
	for _, c := range s.Conns {
		w := &writer{c: c, side: s, asIs: asIs}
		if why := w.obstacle(); why != "" {
			m.Stopped = append(m.Stopped, Moved{c.Name, c.File, c.Line, why})
			continue
		}
		w.name = sectionName(c.Name, used)
		w.connection()
		fmt.Fprintf(&conns, "  # %s, %s:%d\n", clean(c.Name), clean(c.File), c.Line)
		for _, x := range w.changes {
			fmt.Fprintf(&conns, "  #   %s\n", fold(x.What+place(x), "  #     "))
		}
		conns.WriteString(w.b.String())
		secrets.WriteString(w.secret())
		m.Changes = append(m.Changes, w.changes...)
	}
	var b strings.Builder
	b.WriteString("# swanctl.conf made from " + clean(shortList(s.Files)) + ".\n")
	if asIs {
		b.WriteString("# Version and suites are as they were. What changed its meaning stands above each connection.\n")
	} else {
		b.WriteString("# What changed its meaning stands above each connection. Both gateways have to change on the same day:\n# IKEv1 and IKEv2, old suites and these, do not understand each other.\n")
	}
	for _, x := range m.Stopped {
		b.WriteString("# LEFT OUT: " + fold(x.Conn+place(x)+": "+x.What, "#   ") + "\n")
	}
	if conns.Len() > 0 {
		b.WriteString("\nconnections {\n" + conns.String() + "}\n")
	}
	if secrets.Len() > 0 {
		b.WriteString("\nsecrets {\n" + secrets.String() + "}\n")
	}
	m.Config = b.String()
	return m
}

func place(x Moved) string {
	if x.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s:%d)", clean(x.File), x.Line)
}

// sectionName is a name that swanctl.conf takes, given once.
func sectionName(s string, used map[string]bool) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, s)
	if out == "" {
		out = "conn"
	}
	base := out
	for i := 2; used[out]; i++ {
		out = base + "-" + itoa(i)
	}
	used[out] = true
	return out
}

type writer struct {
	b       strings.Builder
	c       *Conn
	side    *Side
	name    string
	asIs    bool
	changes []Moved
}

func (w *writer) moved(s Setting, format string, a ...any) {
	if !s.Said() {
		s.File, s.Line = w.c.File, w.c.Line
	}
	w.changes = append(w.changes, Moved{w.c.Name, s.File, s.Line, fmt.Sprintf(format, a...)})
}

func (w *writer) line(depth int, format string, a ...any) {
	w.b.WriteString(strings.Repeat("  ", depth) + clean(fmt.Sprintf(format, a...)) + "\n")
}

// carried are settings of ipsec.conf that are written in swanctl's way, or say nothing there.
var carried = strings.Fields(`left right leftid rightid leftsubnet rightsubnet leftsubnets rightsubnets type auto authby leftauth rightauth esp phase2alg phase2 auth ike pfs pfsgroup keyexchange ikev2
	aggressive aggrmode compress ikelifetime keylife lifetime salifetime margintime rekeymargin rekeyfuzz rekey reauth keyingtries dpdaction dpddelay dpdtimeout mobike forceencaps encapsulation
	fragmentation leftcert rightcert leftprotoport rightprotoport leftnexthop rightnexthop leftupdown rightupdown leftfirewall rightfirewall leftsendcert rightsendcert nat_traversal nat-keepalive nat_keepalive
	initial-contact initial_contact send-vendorid send_vendorid ikepad disablearrivalcheck hostaddrfamily clientaddrfamily connaddrfamily dontrekey narrowing`)

// obstacle is why a connection cannot be written without losing its meaning; empty if it can.
func (w *writer) obstacle() string {
	c := w.c
	if c.Swanctl {
		return "it is in swanctl.conf already: change version and proposals there"
	}
	if !c.tunnels() {
		return "type=" + c.Keys["type"].Value + " is no tunnel: write a child with mode = pass or drop by hand, with its networks"
	}
	for _, k := range []string{"spi", "spibase", "espenckey", "espauthkey", "ahkey", "leftespenckey", "rightespenckey"} {
		if s := c.Keys[k]; s.Said() {
			return k + "= (" + at(s) + ") is manual keying: keys that never change. There is none of it in strongSwan; make it a connection with IKE"
		}
	}
	for _, k := range []string{"left", "right"} {
		if v := c.Keys[k].Value; strings.HasPrefix(v, "%group") || strings.HasPrefix(v, "%opportunistic") {
			return k + "=" + v + " is opportunistic encryption, which strongSwan has not"
		}
	}
	for _, e := range []End{c.Local, c.Remote} {
		if e.Auth != "psk" && e.Auth != "pubkey" {
			return "authentication by " + authOr(e.Auth) + ": IKEv2 has EAP for it, which needs a server and settings of its own"
		}
	}
	if c.Local.Auth == "pubkey" && c.Flavour.Program != StrongSwan {
		return "certificates and raw keys lie in another place and form (NSS database, ipsec.secrets): export them first, then write local and remote by hand"
	}
	if c.Local.Auth == "pubkey" && !c.Keys["leftcert"].Said() {
		return "no leftcert=: raw public keys are files for swanctl"
	}
	if strings.EqualFold(first(c.Keys, "phase2", "auth").Value, "ah") || c.Keys["ah"].Said() {
		return "AH instead of ESP: write ah_proposals by hand, or better use ESP"
	}
	if c.Local.ID.Type == "keyid" || c.Remote.ID.Type == "keyid" {
		return "an ID of type key-id: write it by hand (id = keyid:…)"
	}
	if c.Flavour.Program == Device {
		if len(c.IKE.List) == 0 || len(childESP(c).List) == 0 || c.Begins == 0 || c.Children[0].NoTS {
			return "the facts are not complete: exchange, proposals and networks are needed"
		}
		return ""
	}
	for _, k := range sorted(c.Keys) {
		if !slices.Contains(carried, k) {
			return k + "= (" + at(c.Keys[k]) + ") has no plain counterpart: write the connection by hand, or take the line away"
		}
	}
	return ""
}

func authOr(a string) string {
	if a == "" {
		return "a method that is not known"
	}
	return a
}

func (w *writer) connection() {
	c := w.c
	w.line(1, "%s {", w.name)
	v := 2
	if w.asIs {
		switch v = c.Begins; {
		case c.Takes[1] && c.Takes[2] && v == 2:
			v = 0
		case c.Takes[1] && c.Takes[2]: // 0 would begin with IKEv2
			w.moved(c.VersionAt, "IKEv1 alone, with which it begins: IKEv2 was answered to before")
		}
		if c.Aggressive {
			w.line(2, "aggressive = yes")
		}
	} else if c.Begins == 1 {
		w.moved(c.VersionAt, "IKEv2 instead of IKEv1: the peer must have IKEv2 as well")
		if c.Aggressive {
			w.moved(c.AggressiveAt, "aggressive mode is gone: IKEv2 has none")
		}
	} else if c.Takes[1] {
		w.moved(c.VersionAt, "IKEv2 alone: IKEv1 was answered to before")
	}
	w.line(2, "version = %d", v)
	w.addresses()
	w.line(2, "proposals = %s", w.proposals(c.IKE, modernIKE, false))
	w.line(2, "mobike = no")
	if !c.Flavour.Pluto() && c.Begins == 2 && tri(c.Keys["mobike"].Value) != No {
		w.moved(c.Keys["mobike"], "mobike = no: the addresses of gateways stay")
	}
	if s := first(c.Keys, "forceencaps", "encapsulation"); tri(s.Value) == Yes {
		w.line(2, "encap = yes")
	}
	if s := c.Keys["fragmentation"]; tri(s.Value) == No {
		w.line(2, "fragmentation = no")
	}
	w.dpd()
	w.ikeLife()
	w.side2("local", c.Local, c.Keys["leftcert"])
	w.side2("remote", c.Remote, c.Keys["rightcert"])
	w.line(2, "children {")
	for i := range c.Children {
		w.child(&c.Children[i])
	}
	w.line(2, "}")
	w.line(1, "}")
	w.silent()
}

// silent lists what is not written because it says nothing to strongSwan.
func (w *writer) silent() {
	c := w.c
	for _, k := range []string{"leftnexthop", "rightnexthop"} {
		if s := c.Keys[k]; s.Said() && s.Value != "%defaultroute" && s.Value != "%direct" {
			w.moved(s, "%s= is dropped: the routing table tells the next hop", k)
		}
	}
	for _, k := range []string{"leftsendcert", "rightsendcert", "rekeyfuzz", "initial-contact", "initial_contact", "dontrekey", "narrowing"} {
		if s := c.Keys[k]; s.Said() {
			w.moved(s, "%s=%s is dropped: strongSwan decides by itself", k, s.Value)
		}
	}
}

func (w *writer) addresses() {
	c := w.c
	if len(c.Local.Addrs) > 0 {
		w.line(2, "local_addrs = %s", strings.Join(c.Local.Addrs, ", "))
	} else {
		w.moved(c.Local.AddrAt, "no local_addrs: the address that the route to the peer has")
	}
	if len(c.Remote.Addrs) > 0 {
		w.line(2, "remote_addrs = %s", strings.Join(c.Remote.Addrs, ", "))
	}
}

// proposals are today's, or those that the connection has in strongSwan's names.
func (w *writer) proposals(s Suites, modern string, esp bool) string {
	what := map[bool]string{true: "ESP", false: "IKE"}[esp]
	if !w.asIs {
		w.moved(s.At, "%s suites %s instead of %s", what, modern, s.show(true))
		return modern
	}
	if s.Default && w.c.Flavour.Program == StrongSwan {
		return "default"
	}
	var out []string
	for _, p := range s.List {
		if s.Plus && !strings.Contains(s.At.Value, p.Text) {
			continue
		}
		for _, x := range w.expand(p) {
			if t := text(x); !slices.Contains(out, t) && len(out) < ipsecconf.MaxValues {
				out = append(out, t)
			}
		}
	}
	if s.Plus {
		out = append(out, "default")
	}
	if s.Default {
		w.moved(Setting{}, "%s suites written out: %s had them without a word", what, w.c.Flavour)
	}
	return strings.Join(out, ",")
}

// expand writes one proposal for each combination: with IKEv1 pluto offers them all, and strongSwan of each proposal the
// first of each kind.
func (w *writer) expand(p ipsecconf.Proposal) []ipsecconf.Proposal {
	if w.c.Begins != 1 || !w.c.Flavour.Pluto() {
		return []ipsecconf.Proposal{p}
	}
	out := []ipsecconf.Proposal{}
	for _, g := range orEmpty(p.Group) {
		for _, e := range orEmpty(p.Encr) {
			for _, h := range orEmpty(p.Hash) {
				if len(out) < ipsecconf.MaxValues {
					out = append(out, ipsecconf.Proposal{Encr: some(e), Hash: some(h), Group: some(g)})
				}
			}
		}
	}
	return out
}

func orEmpty(l []string) []string {
	if len(l) == 0 {
		return []string{""}
	}
	return l
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func (w *writer) dpd() {
	c := w.c
	if d := seconds(c.DPD); d.Seconds > 0 {
		w.line(2, "dpd_delay = %ds", d.Seconds)
		if t := c.Keys["dpdtimeout"]; t.Said() && !w.asIs {
			w.moved(t, "dpdtimeout= is dropped: IKEv2 gives up after its retransmissions")
		} else if t.Said() {
			w.line(2, "dpd_timeout = %ds", seconds(t).Seconds)
		}
	}
}

// margin is how long before the end fresh keys are asked for.
func (w *writer) margin(life int) int {
	m := 540
	if s := first(w.c.Keys, "margintime", "rekeymargin"); s.Said() {
		m = seconds(s).Seconds
	}
	if m >= life/2 {
		m = life / 10
	}
	return m
}

func (w *writer) ikeLife() {
	l := w.c.IKELife.Seconds
	switch {
	case tri(w.c.Keys["rekey"].Value) == No:
		w.line(2, "rekey_time = 0")
	case l > 0:
		m := w.margin(l)
		w.line(2, "rekey_time = %ds", l-m)
		w.line(2, "over_time = %ds", m)
	}
	if s := w.c.Keys["keyingtries"]; s.Said() {
		n := s.Value
		if n == "%forever" {
			n = "0"
		}
		w.line(2, "keyingtries = %s", n)
	} else if w.c.Flavour.Pluto() && w.c.Start == "start" {
		w.line(2, "keyingtries = 0")
	}
}

func (w *writer) side2(name string, e End, cert Setting) {
	w.line(2, "%s {", name)
	w.line(3, "auth = %s", e.Auth)
	if !e.ID.Any() {
		w.line(3, "id = %s", quoted(idText(e.ID)))
	}
	if e.Auth == "pubkey" && cert.Said() {
		w.line(3, "certs = %s", quoted(cert.Value))
	}
	w.line(2, "}")
}

func idText(i Identity) string {
	switch i.Type {
	case "fqdn":
		return "fqdn:" + i.Text
	case "email":
		return "email:" + i.Text
	}
	return i.Text
}

// quoted writes a value so that the other parser takes it for one.
func quoted(s string) string {
	return `"` + strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r == '\n' {
			return -1
		}
		return r
	}, s) + `"`
}

func (w *writer) child(ch *Child) {
	c := w.c
	w.line(3, "%s {", w.name)
	for _, x := range []struct {
		key  string
		l    []string
		port Setting
	}{{"local_ts", ch.LocalTS, c.Keys["leftprotoport"]}, {"remote_ts", ch.RemoteTS, c.Keys["rightprotoport"]}} {
		l := x.l
		if x.port.Said() {
			if len(l) == 0 {
				l = []string{"dynamic"}
			}
			var out []string
			for _, n := range l {
				out = append(out, n+"["+strings.Replace(strings.TrimSuffix(x.port.Value, "/%any"), "%any", "any", 1)+"]")
			}
			l = out
		}
		if len(l) > 0 {
			w.line(4, "%s = %s", x.key, strings.Join(l, ","))
		}
	}
	if !w.asIs && c.Begins == 1 && (len(ch.LocalTS) > 1 || len(ch.RemoteTS) > 1) {
		w.moved(ch.LocalTSAt, "one tunnel carries all networks: IKEv1 made one for each pair, or used the first alone")
	}
	w.line(4, "esp_proposals = %s", w.proposals(ch.ESP, modernESP, true))
	if !w.asIs && ch.PFS == No {
		w.moved(ch.PFSAt, "PFS is on, and was off: the peer must have it as well, or the first rekey fails")
	}
	if ch.Mode == "transport" {
		w.line(4, "mode = transport")
	}
	if tri(c.Keys["compress"].Value) == Yes {
		w.line(4, "ipcomp = yes")
	}
	if l := ch.Life.Seconds; l > 0 {
		w.line(4, "life_time = %ds", l)
		if tri(c.Keys["rekey"].Value) == No {
			w.line(4, "rekey_time = 0")
		} else {
			w.line(4, "rekey_time = %ds", l-w.margin(l))
		}
	}
	switch a := c.Keys["dpdaction"]; a.Value {
	case "hold":
		w.line(4, "dpd_action = trap")
	case "restart", "restart_by_peer":
		w.line(4, "dpd_action = restart")
	}
	switch c.Start {
	case "start":
		w.line(4, "start_action = start")
	case "trap":
		w.line(4, "start_action = trap")
	case "ignore":
		w.moved(c.StartAt, "it is loaded with the others, so that the peer may begin; it was not loaded by itself before")
	}
	if s := first(c.Keys, "leftupdown", "rightupdown"); s.Said() {
		w.line(4, "updown = %s", quoted(s.Value))
		if c.Flavour.Program != StrongSwan {
			w.moved(s, "the script is called with strongSwan's variables (PLUTO_…, fewer than before): look through it")
		}
	} else if s := first(c.Keys, "leftfirewall", "rightfirewall"); tri(s.Value) == Yes {
		w.line(4, "updown = %s", quoted("/usr/lib/ipsec/_updown iptables"))
		w.moved(s, "the firewall is opened by strongSwan's script, with iptables")
	}
	w.line(3, "}")
}

// secret is the place of the key.
func (w *writer) secret() string {
	c := w.c
	if c.Local.Auth != "psk" {
		return ""
	}
	id, ok := c.id(nil)
	var b strings.Builder
	fmt.Fprintf(&b, "  ike-%s {\n", w.name)
	n := 1
	if ok {
		fmt.Fprintf(&b, "    id-%d = %s\n", n, quoted(clean(idText(id))))
		n++
	}
	if !c.Remote.ID.Any() {
		fmt.Fprintf(&b, "    id-%d = %s\n", n, quoted(clean(idText(c.Remote.ID))))
	}
	from := "the key of both sides"
	if e, found, _ := w.side.key(c, id, c.Remote.ID, c.own(nil), addrOf(c.Remote)); found {
		from = fmt.Sprintf("the key of %s:%d", clean(e.File), e.Line)
	}
	fmt.Fprintf(&b, "    # secret = \"…\"   # type here %s: it is not shown\n  }\n", from)
	return b.String()
}

// Text writes the configuration.
func (m *Migration) Text(w io.Writer) error {
	_, err := io.WriteString(w, m.Config)
	return err
}

// JSON writes the changes, what was left out, and the configuration, one object a line.
func (m *Migration) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, x := range []struct {
		kind string
		list []Moved
	}{{"change", m.Changes}, {"left-out", m.Stopped}} {
		for _, y := range x.list {
			if err := e.Encode(struct {
				Type string `json:"type"`
				Moved
			}{x.kind, y}); err != nil {
				return err
			}
		}
	}
	return e.Encode(struct {
		Type   string `json:"type"`
		Config string `json:"config"`
	}{"config", m.Config})
}
