// Package arpodd finds frames and ARP packets that no honest card sends, and hosts whose address is of another network
// than the wire they are on.
package arpodd

import (
	"io"
	"strconv"
	"time"

	"firestorm/internal/analyzer/arp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Mismatch = "arp-ether-mismatch"
	Illegal  = "mac-source-illegal"
	Bogon    = "arp-bogon"
)

const (
	// again is how often the same is reported anew.
	again = time.Second
	// lookEvery is how often it is looked for strangers.
	lookEvery = 10 * time.Second
	// members is how many hosts make a network known; inVain is how many questions nobody must answer, of somebody who is
	// not of it.
	members, inVain = 3, 3
	// answerWithin is how long an answer may take.
	answerWithin = 2 * time.Second
	// pairsKept, hostsKept, netsKept and asksKept bound the tables.
	pairsKept, hostsKept, netsKept, asksKept = 1024, 4096, 1024, 1024
	maxRefs                                  = 6
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name:  "arpodd",
	Codes: []*finding.Code{codeMismatch, codeIllegal, codeBogon},
	Wants: detect.Wants{TCP: []event.What{event.Started}, Other: []event.What{event.Started}, Kinds: []event.Kind{event.KindARP}, Named: []string{arp.MalformedKind}},
	New:   func(s *detect.Scope) detect.Detector { return newDetector(s) },
}

func newDetector(s *detect.Scope) *detector {
	return &detector{scope: s, pairs: detect.NewRecent[pair, *odd](pairsKept), bad: detect.NewRecent[neighbour.Wire, *illegal](pairsKept),
		hosts: detect.NewRecent[host, *stranger](hostsKept), nets: detect.NewRecent[network, *members4](netsKept), asks: detect.NewRecent[ask, packet.Time](asksKept)}
}

type (
	// pair is a frame's sender and the one that the packet inside names.
	pair struct {
		neighbour.Wire
		Ether packet.MAC
	}
	// host is an IPv4 address on a wire, network a /24 on one, ask an open question.
	host struct {
		neighbour.Wire
		IP packet.Addr
	}
	network struct {
		neighbour.Wire
		Net packet.Addr
	}
	ask struct {
		neighbour.Wire
		From, For packet.Addr
	}
)

// odd is a sender whose packets name another.
type odd struct {
	Named [4]packet.MAC
	IPs   [4]packet.Addr
	N     uint8 // in Named
	Count uint32
	Refs  []packet.Ref
	Said  packet.Time
	key   pair
}

// fault is one way in which a sender is impossible.
type fault uint8

const (
	groupFrame  fault = iota // the frame comes from a group address
	zeroFrame                // or from none
	groupOwner               // an ARP packet names a group as the owner of an address
	zeroOwner                // or nobody
	badSizes                 // its address sizes are not those of Ethernet and IPv4
	toEverybody              // an answer that gives everybody an address
	numFaults
)

// illegal counts impossible senders of one wire.
type illegal struct {
	Count [numFaults]uint32
	Refs  [numFaults][]packet.Ref
	MAC   [numFaults]packet.MAC // the first of each
	Said  packet.Time
	Since packet.Ref // the first one that was not reported yet
	wire  neighbour.Wire
}

// stranger is a host as far as its questions tell.
type stranger struct {
	MAC         packet.MAC
	Asked, Vain uint32
	Answered    bool
	Refs        []packet.Ref
	Target      packet.Addr
	First       packet.Ref
	Pending     packet.Time // its last question, not yet decided
	PendingR    packet.Ref
	key         host
	Said        bool
	Served      bool // somebody asked for it and was answered
}

// members4 is the hosts of one /24.
type members4 struct {
	Hosts [members]packet.Addr
	N     uint8
	Ref   packet.Ref
	Net   packet.Addr // of the group: networks whose hosts answer each other are one
}

type detector struct {
	scope *detect.Scope
	pairs *detect.Recent[pair, *odd]
	bad   *detect.Recent[neighbour.Wire, *illegal]
	hosts *detect.Recent[host, *stranger]
	nets  *detect.Recent[network, *members4]
	asks  *detect.Recent[ask, packet.Time]
	// looked is when it was last looked for strangers.
	looked packet.Time
	latest packet.Ref // of ARP, in this input
}

// Handle takes ARP, and the first packets of connections for their senders.
func (d *detector) Handle(e event.Event) {
	h := e.Head()
	w := neighbour.Wire{Vantage: h.Vantage}
	if h.NVLAN > 0 {
		w.VLAN = h.VLANs[0]
	}
	switch {
	case neighbour.Group(h.SrcMAC):
		d.illegal(w, groupFrame, h.SrcMAC, h.Seen)
	case h.SrcMAC.IsZero() && !h.DstMAC.IsZero() && !neighbour.Group(h.DstMAC): // a loopback device has neither
		d.illegal(w, zeroFrame, h.SrcMAC, h.Seen)
	}
	switch x := e.(type) {
	case *arp.Malformed:
		d.illegal(w, badSizes, h.SrcMAC, h.Seen)
	case *event.ARP:
		d.arp(w, x)
	}
}

var broadcast = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func (d *detector) arp(w neighbour.Wire, x *event.ARP) {
	h := x.Head()
	switch {
	case neighbour.Group(x.SenderMAC):
		d.illegal(w, groupOwner, x.SenderMAC, h.Seen)
		return
	case x.SenderMAC.IsZero():
		d.illegal(w, zeroOwner, h.SrcMAC, h.Seen)
		return
	case x.Op == 2 && x.TargetMAC == broadcast && !d.lured(w) && x.SenderIP != x.TargetIP && !x.TargetIP.IsZero():
		d.illegal(w, toEverybody, x.SenderMAC, h.Seen)
	}
	if h.SrcMAC != x.SenderMAC && !h.SrcMAC.IsZero() && !neighbour.Group(h.SrcMAC) && neighbour.Shared(x.SenderMAC) == "" && neighbour.Shared(h.SrcMAC) == "" {
		d.mismatch(w, x)
	}
	if c, ok := neighbour.ClaimOf(x); ok && c.How != neighbour.Probed {
		d.stranger(w, &c)
	}
}

// lured reports that somebody on the wire says that everybody has its address: who answers it is no forger.
func (d *detector) lured(w neighbour.Wire) bool {
	v := d.bad.Get(w)
	return v != nil && (*v).Count[groupOwner] > 0
}

func (d *detector) mismatch(w neighbour.Wire, x *event.ARP) {
	h := x.Head()
	k := pair{w, h.SrcMAC}
	v, fresh := d.pairs.Put(k)
	if fresh {
		*v = &odd{key: k}
	}
	o := *v
	o.Count++
	o.add(x.SenderMAC, x.SenderIP)
	if len(o.Refs) < maxRefs {
		o.Refs = append(o.Refs, h.Seen)
	}
	if o.Said != 0 && h.Seen.Time.Sub(o.Said) < again {
		return
	}
	o.Said = h.Seen.Time
	d.scope.Report(&finding.Instance{Code: Mismatch, Key: k.Ether.String() + wire(w), Vantage: w.Vantage, Server: x.SenderIP, First: h.Seen, Last: h.Seen, Data: o})
}

func (o *odd) add(m packet.MAC, ip packet.Addr) {
	for i := range o.Named[:o.N] {
		if o.Named[i] == m && o.IPs[i] == ip {
			return
		}
	}
	if int(o.N) < len(o.Named) {
		o.Named[o.N], o.IPs[o.N] = m, ip
		o.N++
	}
}

func (d *detector) illegal(w neighbour.Wire, f fault, m packet.MAC, r packet.Ref) {
	v, fresh := d.bad.Put(w)
	if fresh {
		*v = &illegal{wire: w}
	}
	x := *v
	if x.Count[f] == 0 {
		x.MAC[f] = m
	}
	x.Count[f]++
	if len(x.Refs[f]) < maxRefs {
		x.Refs[f] = append(x.Refs[f], r)
	}
	if x.Since.IsZero() {
		x.Since = r
	}
	if x.Said != 0 && r.Time.Sub(x.Said) < again {
		return
	}
	d.scope.Report(&finding.Instance{Code: Illegal, Key: wire(w), Vantage: w.Vantage, First: x.Since, Last: r, Data: x})
	x.Said, x.Since = r.Time, packet.Ref{}
}

// wire writes a place of capture for the key of a finding.
func wire(w neighbour.Wire) string {
	return "|" + strconv.Itoa(int(w.Vantage)) + "." + strconv.Itoa(int(w.VLAN))
}

// kept is the detector's memory over restarts: which networks are on the wires, and who is not of them.
type kept struct {
	Hosts []detect.Pair[host, *stranger]
	Nets  []detect.Pair[network, *members4]
	Asks  []detect.Pair[ask, packet.Time]
}

// Save writes the networks and hosts.
func (d *detector) Save(w io.Writer) error {
	return detect.SaveMemory(w, &kept{d.hosts.Pairs(), d.nets.Pairs(), d.asks.Pairs()})
}

// Load reads what Save wrote.
func (d *detector) Load(r io.Reader) error {
	var k kept
	if err := detect.LoadMemory(r, &k); err != nil {
		return err
	}
	for i := range k.Hosts {
		s := k.Hosts[i].Value
		s.key, s.Refs, s.Said = k.Hosts[i].Key, nil, false
	}
	for i := range k.Nets {
		n := k.Nets[i].Value
		n.N = min(n.N, members)
	}
	d.hosts.Restore(k.Hosts)
	d.nets.Restore(k.Nets)
	d.asks.Restore(k.Asks)
	return nil
}
