package detect

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Hosts remembers, per vantage and address, how a host's packets look: what tells a host from a box that answers in
// its name, and one machine from several behind a NAT.
type Hosts struct {
	max    int
	index  index
	chunks [][]hostRecord // by first sight, in turn: the oldest makes room for the newest
	oldest int            // number of the oldest record once the table is full
	count  int
	// Evicted counts hosts forgotten for lack of room.
	Evicted uint64
}

type hostKey struct {
	vantage uint16
	addr    packet.Addr
}

// hostRecord is a place for a host; a chunk has hostsInChunk of them.
type hostRecord struct {
	hostKey
	Host
}

const hostsInChunk = 64

// Host is what is known of one address at one vantage. What most events ask for or write lies first (2026-11-30).
type Host struct {
	*HostARP

	TTLs      [4]uint8 // distinct TTLs of its packets that are not RST, in order of sight; 0 = none
	RTTs      uint32
	SYNPrints [4]uint32 // distinct fingerprints of SYNs it sent
	MinRTT    time.Duration
	Last      packet.Ref
	LastSpoke packet.Ref // last packet it sent as a server
	MaxRTT    time.Duration
	First     packet.Ref
	Clocks    [4]Clock // distinct timestamp clocks among the SYNs it sent
	TTLRefs   [4]packet.Ref
	_         [16]byte // a record takes six lines
}

// HostARP is what ARP says of a host. Of few hosts it says anything: the others share an empty part (2026-11-28).
type HostARP struct {
	MAC    packet.MAC
	Prefix packet.Addr // /24 or /64 of the address, zero until ARP spoke of it: on one wire, as a rule

	ARPAsked               packet.Ref // last ARP request for it
	ARPAskedN              uint32     // requests since the last reply
	ARPAskFirst            packet.Ref // first of those
	ARPAnswered            packet.Ref // last reply from it (or announcement)
	ARPAskedUnansweredRefs [3]packet.Ref
}

// noARP is the part of all of whom ARP says nothing. Nothing may write to it.
var noARP HostARP

// own gives the host a part of its own unless it has one.
func (h *Host) own() *Host {
	if h.HostARP == &noARP {
		h.HostARP = new(HostARP)
	}
	return h
}

// Clock is a TCP timestamp clock as its SYNs show it (RFC 7323 5.4): one machine, as a rule, has one.
type Clock struct {
	TSVal uint32
	At    packet.Ref
}

// NewHosts returns a table for at most max hosts, at least one.
func NewHosts(most int) *Hosts { return &Hosts{max: max(most, 1), index: newIndex()} }

// Get returns what is known of addr, or nil. It is good until the next event: then the host may have made room for
// another.
func (t *Hosts) Get(vantage uint16, addr packet.Addr) *Host {
	k := hostKey{vantage, addr}
	if r := t.find(&k, t.hash(vantage, &addr)); r != nil {
		return &r.Host
	}
	return nil
}

func (t *Hosts) hash(vantage uint16, a *packet.Addr) uint32 { return t.index.hash(a, uint64(vantage)) }

func (t *Hosts) at(number int) *hostRecord {
	return &t.chunks[number/hostsInChunk][number%hostsInChunk]
}

func (t *Hosts) find(k *hostKey, hash uint32) *hostRecord {
	slots := t.index.slots
	for i := hash; ; i++ {
		s := slots[i&uint32(len(slots)-1)]
		if s.at == 0 {
			return nil
		}
		if s.hash == hash {
			if r := t.at(int(s.at - 1)); r.hostKey == *k {
				return r
			}
		}
	}
}

// Handle learns from an event; the border calls it before the detectors see the event.
func (t *Hosts) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Flow:
		t.flow(x)
	case *event.ARP:
		t.arp(x)
	}
}

func (t *Hosts) host(vantage uint16, a packet.Addr, ref packet.Ref) *Host {
	k := hostKey{vantage, a}
	hash := t.hash(vantage, &k.addr)
	r := t.find(&k, hash)
	if r == nil {
		n := t.count
		if n < t.max {
			if n%hostsInChunk == 0 {
				t.chunks = append(t.chunks, make([]hostRecord, hostsInChunk))
			}
			t.count++
			r = t.at(n)
		} else {
			n = t.oldest
			r = t.at(n)
			t.index.drop(t.hash(r.vantage, &r.addr), n)
			t.oldest = (n + 1) % t.max
			t.Evicted++
		}
		*r = hostRecord{hostKey: k}
		r.First, r.HostARP = ref, &noARP
		t.index.put(hash, n)
	}
	r.Last = ref
	return &r.Host
}

func (t *Hosts) flow(f *event.Flow) {
	h := f.Head()
	if f.What == event.Started && h.Proto == packet.ProtoTCP {
		c := &f.Sides[packet.ToServer]
		if c.SYNSeen {
			host := t.host(h.Vantage, h.Client.Addr, f.Start)
			host.ttl(c.TTLFirst, f.Start)
			host.print(c.SYNPrint)
			if c.TSSeen {
				host.clock(c.TSFirst, f.Start)
			}
		}
		return
	}
	s, c := &f.Sides[packet.ToClient], &f.Sides[packet.ToServer]
	switch f.What {
	case event.Answered:
		if s.TTLFirst == 0 {
			return
		}
		host := t.host(h.Vantage, h.Server.Addr, h.Seen)
		host.ttl(s.TTLFirst, h.Seen)
		host.LastSpoke = h.Seen
		if f.RTTServer > 0 {
			host.RTTs++
			host.MaxRTT = max(host.MaxRTT, f.RTTServer)
			if host.MinRTT == 0 || f.RTTServer < host.MinRTT {
				host.MinRTT = f.RTTServer
			}
		}
	case event.Ended:
		// What Started and Answered told is known; only a flow that shows more is worth the look-ups.
		if s.TTLFirst != 0 && (s.TTLMin != s.TTLFirst || s.TTLMax != s.TTLFirst || f.Midstream) {
			host := t.host(h.Vantage, h.Server.Addr, h.Seen)
			host.ttl(s.TTLMin, h.Seen)
			host.ttl(s.TTLMax, h.Seen)
		}
		if c.TTLFirst != 0 && (c.TTLMin != c.TTLFirst || c.TTLMax != c.TTLFirst || f.Midstream) {
			host := t.host(h.Vantage, h.Client.Addr, h.Seen)
			host.ttl(c.TTLMin, h.Seen)
			host.ttl(c.TTLMax, h.Seen)
		}
	}
}

func (t *Hosts) arp(a *event.ARP) {
	h := a.Head()
	switch {
	case a.Op == 1 && a.TargetIP != a.SenderIP && !a.TargetIP.IsZero():
		host := t.host(h.Vantage, a.TargetIP, h.Seen).own()
		if host.ARPAskedN == 0 {
			host.ARPAskFirst = h.Seen
		}
		if int(host.ARPAskedN) < len(host.ARPAskedUnansweredRefs) {
			host.ARPAskedUnansweredRefs[host.ARPAskedN] = h.Seen
		}
		host.ARPAsked = h.Seen
		host.ARPAskedN++
	}
	if a.SenderIP.IsZero() || a.SenderIP == unspecified4 {
		return
	}
	host := t.host(h.Vantage, a.SenderIP, h.Seen).own()
	host.MAC, host.Prefix = a.SenderMAC, a.SenderIP.Prefix()
	host.ARPAnswered = h.Seen
	host.ARPAskedN = 0
	host.ARPAskedUnansweredRefs = [3]packet.Ref{}
}

func (h *Host) ttl(v uint8, ref packet.Ref) {
	if v == 0 {
		return
	}
	for i, x := range h.TTLs {
		if x == v {
			return
		}
		if x == 0 {
			h.TTLs[i], h.TTLRefs[i] = v, ref
			return
		}
	}
}

// HasTTL reports whether the host was seen with this TTL; ok is false when no TTL of it is known.
func (h *Host) HasTTL(v uint8) (has, ok bool) {
	if h == nil || h.TTLs[0] == 0 {
		return false, false
	}
	for _, x := range h.TTLs {
		if x == v {
			return true, true
		}
	}
	return false, true
}

func (h *Host) print(v uint32) {
	if v == 0 {
		return
	}
	for i, x := range h.SYNPrints {
		if x == v {
			return
		}
		if x == 0 {
			h.SYNPrints[i] = v
			return
		}
	}
}

// clock assigns a timestamp to the clock it fits: common rates are 1 to 1000 ticks a second, so the value must lie
// between the old one and what 1 100 Hz would give, plus a second of slack.
func (h *Host) clock(v uint32, at packet.Ref) {
	for i := range h.Clocks {
		c := &h.Clocks[i]
		if c.At.IsZero() {
			*c = Clock{v, at}
			return
		}
		d := at.Time.Sub(c.At.Time)
		if d < 0 {
			return
		}
		ticks := int64(int32(v - c.TSVal))
		if ticks >= -1000 && ticks <= int64(d/time.Millisecond)*11/10+1000 {
			*c = Clock{v, at}
			return
		}
	}
}

// NAT says how many machines the SYNs of the address show: signs counts the independent signs (two or more TTLs, SYN
// fingerprints, clocks) that there is more than one.
func (h *Host) NAT() (signs, machines int) {
	if h == nil {
		return 0, 0
	}
	count := func(n int) {
		if n > 1 {
			signs++
			machines = max(machines, n)
		}
	}
	n := 0
	for _, t := range h.TTLs {
		if t != 0 {
			n++
		}
	}
	count(n)
	n = 0
	for _, p := range h.SYNPrints {
		if p != 0 {
			n++
		}
	}
	count(n)
	n = 0
	for _, c := range h.Clocks {
		if !c.At.IsZero() {
			n++
		}
	}
	count(n)
	return signs, machines
}

// unspecified4 is the sender of an ARP probe (RFC 5227 1.1): it claims nothing.
var unspecified4 = packet.MustAddr("0.0.0.0")

// Nearest returns what ARP says of addr, whichever vantage heard it: ARP stays on one wire. It is nil when nobody asked
// or answered for the address.
func (t *Hosts) Nearest(addr packet.Addr) *Host {
	for v := range uint16(maxVantages) {
		if h := t.Get(v, addr); h != nil && (!h.ARPAsked.IsZero() || !h.ARPAnswered.IsZero()) {
			return h
		}
	}
	return nil
}

// maxVantages bounds the search over vantages; a sensor rarely has more than a few.
const maxVantages = 64
