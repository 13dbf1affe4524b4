// Package rules runs rules of Suricata's language: it compiles what package lang read and inspects packets, streams and
// transactions with it. A rule that cannot be run is refused with its place, the option at fault and the reason; the others
// load.
package rules

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
	"firestorm/internal/rules/mpm"
)

// Options is what a set of rules is compiled with.
type Options struct {
	Vars            lang.Vars
	Classifications map[string]lang.Classification // by name in lower case
	Thresholds      []lang.Threshold               // lines of threshold.config
	References      map[string]string              // what stands before a reference's id, by its system in lower case
	Reputations     *lang.Reputations              // of addresses, for iprep; nil: none were read
	// ReadList opens a list that a rule of a file names, such as that of filemd5; nil: there are no lists.
	ReadList func(rules, name string) (io.ReadCloser, error)

	Lists ListOptions // of datasets

	Keep        bool            // the rules as they were read, for List, Explain and a Trace
	ActionOrder []lang.Action   // the first is applied first; nil: pass, drop, reject, alert
	MaxAlerts   int             // of one packet; 0: fifteen
	Prevent     bool            // drop and reject are told as if they had been done
	Off         map[string]bool // protocols, by the names that rules have for them, and fingerprints ("ja3", "ja4") that are not read

	// Texts has alerts know their rule's text.
	Texts bool

	addrs map[string]*lang.AddrSet // by expression: most rules share theirs
	ports map[string]*lang.PortSet

	bits, ints, hostBits map[string]int // numbers of flowbits, of flowint, of xbits and hostbits
	sets                 map[string]*dataset
	places               uint64 // of all lists
}

// Set is a compiled set of rules. It never changes and is shared by all workers.
type Set struct {
	most    int                   // alerts of one packet
	sigs    []*sig                // in the order in which they are applied
	tables  [2][2]table           // of TCP and UDP, by direction
	other   group                 // rules of packets that are neither TCP nor UDP
	pieces  []*sig                // rules that fragments are shown to
	damaged []*sig                // rules that packets with wrong checksums are shown to
	none    group                 // no rules
	ends    ends                  // rules about addresses alone
	parts   map[string]*partRules // rules about parts of events, by the part's name
	// lacking are the rules about what is not there, by the kind of events.
	lacking map[string][]*sig
	twoWay  map[string]bool     // kinds of events that rules about both sides of a transaction are about
	asked   map[string]bool     // parts that rules ask for, by name
	kinds   map[string]bool     // of events whose parts rules ask for
	frames  map[string][]string // names of the frames that rules ask for, sorted, by EVE's word for the protocol
	rare    *mpm.Rarity         // of all contents together: which part of one says most
	bits    []string            // names of the flowbits by number
	// The same of flowints, and of bits of hosts and pairs; and the lists that rules ask about. A Swap needs them.
	ints, hostBits []string
	sets           map[string]*dataset

	swept atomic.Int32 // sweeps that were made

	skipped   int  // rules that are meant for other engines (requires)
	tagsHosts bool // a rule tags hosts

	approximate []lang.Problem
}

// Approximate lists the rules of the set that do not run quite as Suricata has them, with how.
func (s *Set) Approximate() []lang.Problem { return s.approximate }

// Skipped is how many rules were left out because they require what is not here.
func (s *Set) Skipped() int { return s.skipped }

// Len is how many rules the set has.
func (s *Set) Len() int { return len(s.sigs) }

// perRule is what a rule takes of memory with its part of the searches and tables, in bytes: 25 113 rules of ET Open take 188 MB
// (2026-11-29). An estimate, so that the limits that follow from it are the same in every run.
const perRule = 7500

// Size is what the set takes of memory in bytes, about; 0 for nil.
func (s *Set) Size() int64 {
	if s == nil {
		return 0
	}
	return int64(len(s.sigs)) * perRule
}

// Compile makes a set of rules. What cannot be run is left out and told.
func Compile(list []*lang.Rule, o Options) (*Set, []lang.Problem) {
	o.bits, o.addrs, o.ports = map[string]int{}, map[string]*lang.AddrSet{}, map[string]*lang.PortSet{}
	texts := words{}
	o.ints, o.hostBits, o.sets = map[string]int{}, map[string]int{}, map[string]*dataset{}
	s := &Set{most: o.MaxAlerts}
	if s.most <= 0 {
		s.most = mostAlerts
	}
	order := o.actionRank()
	bad := o.define()
	for _, r := range list {
		g, option, err := compile(r, &o)
		if errors.Is(err, errUnmet) {
			s.skipped++
			continue
		}
		if err != nil {
			bad = append(bad, lang.Problem{Place: r.Place, SID: r.SID, Option: strings.Clone(option), Reason: err.Error()})
			continue
		}
		if g.approximate != "" {
			s.approximate = append(s.approximate, lang.Problem{Place: r.Place, SID: r.SID, Reason: g.approximate})
		}
		texts.share(g.info)
		s.sigs = append(s.sigs, g)
	}
	s.sigs = slices.DeleteFunc(s.sigs, func(g *sig) bool {
		err := g.endLate()
		if err != nil {
			bad = append(bad, lang.Problem{Place: g.rule.Place, SID: g.rule.SID, Reason: err.Error()})
		}
		return err != nil
	})
	s.bits, s.ints, s.hostBits, s.sets = names(o.bits), names(o.ints), names(o.hostBits), o.sets
	// Pass rules come first, since they save a packet from all that follows; then who sets what others ask for; then the
	// more important one; then as in the files.
	slices.SortStableFunc(s.sigs, func(a, b *sig) int {
		return cmp.Or(cmp.Compare(order[a.action], order[b.action]), cmp.Compare(a.bitClass(), b.bitClass()), cmp.Compare(a.intClass.order(), b.intClass.order()),
			cmp.Compare(a.textClass.order(), b.textClass.order()), cmp.Compare(a.hostClass.order(), b.hostClass.order()), cmp.Compare(a.info.Severity, b.info.Severity))
	})
	for i, g := range s.sigs {
		if g.number = i; !o.Keep {
			g.rule = nil // it is larger than what is made of it
		}
		s.tagsHosts = s.tagsHosts || len(g.hosts) > 0
		if g.pieces && g.ofHeaders() {
			s.pieces = append(s.pieces, g)
		}
		if g.sums && g.ofHeaders() {
			s.damaged = append(s.damaged, g)
		}
	}
	s.rare = &mpm.Rarity{}
	for _, g := range s.sigs {
		if c := g.telling(); c != nil {
			s.rare.Learn(c.pattern)
		}
	}
	s.group()
	return s, append(bad, s.configure(o.Thresholds, &o)...)
}

// actionRank says in which order rules are applied, by action.
func (o *Options) actionRank() [lang.Alert + 1]int {
	order := o.ActionOrder
	if order == nil {
		order = []lang.Action{lang.Pass, lang.Drop, lang.Reject, lang.Alert}
	}
	var rank [lang.Alert + 1]int
	for i, a := range order {
		rank[a] = i
	}
	rank[lang.RejectDst], rank[lang.RejectBoth] = rank[lang.Reject], rank[lang.Reject]
	return rank
}

// compile makes one rule; option names the one at fault.
func compile(r *lang.Rule, o *Options) (s *sig, option string, err error) {
	s = &sig{rule: r, action: r.Action, both: r.Both, twoWay: r.Transaction, info: &event.RuleInfo{GID: r.GID, SID: r.SID, Rev: r.Rev, Msg: r.Msg, Action: "allowed", Severity: -1}}
	if o.Texts {
		s.info.Text = strings.Clone(r.Text)
	}
	s.noalert = r.Config
	c := &compiler{s: s, o: o, at: -1, lastAt: -1}
	for i := range r.Options { // before anything else: a rule for other engines may say what is not known here
		if o := &r.Options[i]; o.Name == "requires" {
			if err := requires(c, o); err != nil {
				return nil, o.Name, err
			}
		}
	}
	if o.Prevent && r.Action != lang.Alert && r.Action != lang.Pass {
		s.info.Action = "blocked"
	}
	if o.Off[r.Protocol] {
		return nil, "", fmt.Errorf("the settings switch %s off", r.Protocol)
	}
	if err := s.protocol(r.Protocol); err != nil {
		return nil, "", err
	}
	if r.Hook != "" {
		return nil, "", fmt.Errorf("rules that run at a state of a protocol (%s:%s) are not run", r.Protocol, r.Hook)
	}
	for i := range r.Options {
		opt := &r.Options[i]
		k := keywordByName[opt.Name]
		if k == nil {
			return nil, opt.Name, fmt.Errorf("this option is not known")
		}
		if err := k.set(c, opt); err != nil {
			return nil, opt.Name, err
		}
		if o.Keep {
			s.mark(opt)
		}
	}
	for _, e := range []struct {
		expr string
		to   **lang.AddrSet
	}{{r.Src, &s.src}, {r.Dst, &s.dst}} {
		if *e.to = o.addrs[e.expr]; *e.to != nil {
			continue
		}
		if *e.to, err = lang.Addrs(e.expr, &o.Vars); err != nil {
			return nil, "", err
		}
		o.addrs[e.expr] = *e.to
	}
	for _, e := range []struct {
		expr string
		to   **lang.PortSet
	}{{r.SrcPort, &s.sport}, {r.DstPort, &s.dport}} {
		if *e.to = o.ports[e.expr]; *e.to != nil {
			continue
		}
		if *e.to, err = lang.Ports(e.expr, &o.Vars); err != nil {
			return nil, "", err
		}
		o.ports[e.expr] = *e.to
	}
	switch {
	case c.own:
	case c.rank > 0:
		s.info.Severity = c.rank
	default:
		s.info.Severity = 3
	}
	if err := c.endBase64(); err != nil {
		return nil, "base64_decode", err
	}
	if err := s.limit.check(); err != nil {
		return nil, "burst", err
	}
	if option, err := c.endHeaders(); err != nil {
		return nil, option, err
	}
	s.once = s.namesOnly()
	err = s.place()
	if option, bad := s.senseless(c.vars); err == nil && bad != nil {
		return nil, option, bad
	}
	if err == nil && s.mutes {
		err = s.placeMutes()
	}
	if err == nil && s.twoWay && !s.never {
		err = s.placeBoth()
	}
	if s.never {
		s.proto = protocols{} // no packet costs anything for it
	}
	return s, "", err
}

// protocol reads the header's first word.
func (s *sig) protocol(name string) error {
	switch name {
	case "ip", "pkthdr":
		s.proto.all()
	case "ip4", "ipv4", "ip6", "ipv6":
		s.proto.all()
		want := uint8(4)
		if strings.HasSuffix(name, "6") {
			want = 6
		}
		s.conds = append(s.conds, func(x *inspection) bool { return x.p.IPVersion == want })
	case "tcp":
		s.proto.add(packet.ProtoTCP)
	case "tcp-pkt":
		s.proto.add(packet.ProtoTCP)
		s.packet = true
	case "tcp-stream":
		s.proto.add(packet.ProtoTCP)
		s.stream = true
	case "udp":
		s.proto.add(packet.ProtoUDP)
	case "icmp":
		s.proto.add(packet.ProtoICMP)
		s.proto.add(packet.ProtoICMPv6)
	case "icmpv4":
		s.proto.add(packet.ProtoICMP)
	case "icmpv6":
		s.proto.add(packet.ProtoICMPv6)
	case "sctp":
		s.proto.add(packet.ProtoSCTP)
	default:
		over, ok := appProtocols[name]
		if !ok {
			return fmt.Errorf("rules of protocol %q are not run", name)
		}
		s.app = appWord(name)
		if name == "mdns" {
			s.conds = append(s.conds, func(x *inspection) bool { return x.p.SrcPort == 5353 || x.p.DstPort == 5353 })
		}
		for _, n := range over {
			s.proto.add(n)
		}
	}
	return nil
}

// appProtocols are the application protocols that rules may name, with what they run over.
var appProtocols = map[string][]uint8{
	"http": {packet.ProtoTCP}, "http1": {packet.ProtoTCP}, "tls": {packet.ProtoTCP}, "ssl": {packet.ProtoTCP}, "ftp": {packet.ProtoTCP}, "ftp-data": {packet.ProtoTCP},
	"smtp": {packet.ProtoTCP}, "imap": {packet.ProtoTCP}, "pop3": {packet.ProtoTCP}, "ssh": {packet.ProtoTCP}, "telnet": {packet.ProtoTCP},
	"smb": {packet.ProtoTCP}, "dcerpc": {packet.ProtoTCP, packet.ProtoUDP}, "nfs": {packet.ProtoTCP, packet.ProtoUDP},
	"dns": {packet.ProtoTCP, packet.ProtoUDP}, "dhcp": {packet.ProtoUDP}, "ntp": {packet.ProtoUDP}, "ike": {packet.ProtoUDP}, "ikev1": {packet.ProtoUDP}, "ikev2": {packet.ProtoUDP},
	"snmp": {packet.ProtoUDP}, "krb5": {packet.ProtoTCP, packet.ProtoUDP}, "tftp": {packet.ProtoUDP},
	"http2": {packet.ProtoTCP}, "doh2": {packet.ProtoTCP},
	"mdns": {packet.ProtoUDP}, "sip": {packet.ProtoTCP, packet.ProtoUDP}, "rfb": {packet.ProtoTCP},
	"quic": {packet.ProtoUDP},
	"ldap": {packet.ProtoTCP, packet.ProtoUDP}, "pgsql": {packet.ProtoTCP},
	"modbus": {packet.ProtoTCP}, "mqtt": {packet.ProtoTCP},
}

// appWord is EVE's word for a protocol that rules name.
func appWord(name string) string {
	switch name {
	case "ssl":
		return "tls"
	case "ikev1", "ikev2":
		return "ike"
	case "mdns": // it is read as DNS
		return "dns"
	}
	return name
}

// place decides where the contents are looked for. Those of a TCP rule lie in the stream, and in each packet too where one
// of them has a fixed place: offset and depth are meant from a packet's begin as often as from the stream's. In the stream
// they count from its first byte, so that it does not matter how it was cut.
func (s *sig) place() error {
	tcp := s.proto.has(packet.ProtoTCP)
	if err := s.placeOrder(); err != nil {
		return err
	}
	for i := range s.payload {
		k := &s.payload[i]
		s.placed = s.placed || k.starts || k.hasDepth || k.offset != (number{})
	}
	switch {
	case len(s.parts) > 0:
		s.packet, s.stream = false, false
		return s.placeParts()
	case s.wholePacket:
		s.packet, s.stream = true, false
	case len(s.payload) == 0:
		s.packet = true
		s.stream = false
	case !tcp:
		s.packet, s.stream = true, false
	case s.packet || s.stream || s.flow.noStream || s.flow.onlyStream:
		s.stream = s.stream || s.flow.onlyStream
		s.packet = !s.stream
	default:
		s.stream = true
		s.packet = s.placed
		for n := range 256 { // "ip": what has no stream has packets
			s.packet = s.packet || n != packet.ProtoTCP && s.proto.has(uint8(n))
		}
	}
	return nil
}
