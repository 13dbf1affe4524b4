package analyzer

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// Context is what an analyzer may use during a call, and only then.
type Context struct {
	d        *Dispatcher
	s        *session // nil: a packet without flow
	p        *packet.Packet
	seen     packet.Ref
	released packet.Ref
	done     bool
	sealed   bool
	upgrade  int // registry index + 1 of the protocol that takes over; 0 = none
	rest     []byte
	restDir  packet.Dir
}

// Wanted reports whether anybody wants events of kind k: if not, do not build them.
func (c *Context) Wanted(k event.Kind) bool { return c.d.reg.wanted[k] }

// Inspected reports whether rules ask for parts of what kind k is about: if not, do not gather them.
func (c *Context) Inspected(k event.Kind) bool { return c.d.asked.of(k) != "" }

// Inspect shows the rules what there is of one side of a transaction, as soon as it is there, so that an alert comes on the
// packet that carries what it is about. It may be called again as more arrives. Packets without a flow are not shown.
func (c *Context) Inspect(k event.Kind, in event.Inspection) {
	name := c.d.asked.of(k)
	if name == "" || c.s == nil {
		return
	}
	c.d.head = c.Head(k)
	c.d.o.Inspector.Inspect(name, flow.Handle{Index: c.s.index, Dir: in.Dir}, &c.d.head, c.p, in)
}

// Head returns the head for an event of kind k, completed by the bytes at hand.
func (c *Context) Head(k event.Kind) event.Head {
	var h event.Head
	if c.s != nil {
		h = c.s.head
	}
	if p := c.p; p != nil {
		if c.s == nil {
			h = event.Head{Client: event.End{Addr: p.Src, Port: p.SrcPort}, Server: event.End{Addr: p.Dst, Port: p.DstPort},
				Proto: p.Proto, Vantage: p.Vantage, Tunnel: p.Tunnel}
		}
		h.NVLAN, h.VLANs, h.SrcMAC, h.DstMAC, h.Via = p.NVLAN, p.VLANs, p.SrcMAC, p.DstMAC, p.Via()
	}
	h.Kind, h.Ordinal, h.Seen, h.Released = k, c.d.ordinal, c.seen, c.released
	return h
}

// Packet returns the packet at hand: for a MessageAnalyzer the one that carries the message, headers and all, lent for
// the call; for a StreamAnalyzer nil.
func (c *Context) Packet() *packet.Packet {
	if c.s != nil && c.s.tcp {
		return nil
	}
	return c.p
}

// Emit hands over a finished event. It is not touched any more.
func (c *Context) Emit(e event.Event) { *c.d.out = append(*c.d.out, e) }

// Anomaly reports something odd in the bytes at hand.
func (c *Context) Anomaly(d packet.Dir, a packet.Anomaly) {
	if !c.d.o.Anomalies {
		return
	}
	e := event.NewAnomaly(c.Head(event.KindAnomaly))
	e.Code, e.Dir = a, d
	c.Emit(e)
}

// AppLayer reports something odd in what transaction tx says, by Suricata's name for it without the protocol. Rules are shown
// it with the parts (event.Inspection.Events).
func (c *Context) AppLayer(d packet.Dir, tx uint64, name string) {
	if !c.d.o.Anomalies {
		return
	}
	e := event.NewAppLayer(c.Head(event.KindAnomaly))
	e.Dir, e.Tx, e.Name, e.App = d, tx, name, c.App()
	c.Emit(e)
}

// App is EVE's word for the protocol that the caller reads; empty for a packet without flow.
func (c *Context) App() string {
	if c.s == nil || c.s.def < 0 {
		return ""
	}
	if app := c.d.flows[c.s.index].app; app > 0 { // what it became, perhaps
		return c.d.reg.app(int(app) - 1)
	}
	return c.d.reg.app(c.s.def)
}

// TakesFiles reports whether somebody wants the files that transactions of kind k carry: if not, do not look for them.
func (c *Context) TakesFiles(k event.Kind) bool { return c.s != nil && c.d.files.of(k) != "" }

// File begins a file of a transaction of kind k. nil: nobody wants it.
func (c *Context) File(k event.Kind, f event.File) OpenFile {
	if !c.TakesFiles(k) {
		return nil
	}
	return c.d.o.Files.Open(c, c.d.files.of(k), flow.Handle{Index: c.s.index, Dir: f.Dir}, f)
}

// Expect announces a flow that this one arranged, such as an FTP data connection: its analyzer is settled without
// probing. False: nobody wants that analyzer, or there is no such one.
func (c *Context) Expect(e Expectation) bool {
	i := c.d.reg.find(e.Analyzer, e.Over)
	if i < 0 {
		return false
	}
	c.d.expected.add(e, i, c.d.now.Add(e.For))
	return true
}

// Expected returns what the flow that announced this one said of it (Expectation.About); nil: nobody did.
func (c *Context) Expected() any {
	if c.s == nil {
		return nil
	}
	return c.s.about
}

// Upgrade gives the rest of a TCP connection to another analyzer, as after STARTTLS. rest, of direction d, are the
// bytes of the current call that the other has to begin with. The caller returns at once and is not called again.
// False: nobody wants that analyzer; the caller goes on.
func (c *Context) Upgrade(name string, d packet.Dir, rest []byte) bool {
	i := c.d.reg.find(name, TCP)
	if i < 0 || c.s == nil || !c.s.tcp {
		return false
	}
	c.upgrade, c.rest, c.restDir = i+1, rest, d
	return true
}

// Tell says something of the flow to whoever reads on after Upgrade, who finds it with Expected.
func (c *Context) Tell(about any) {
	if c.s != nil {
		c.s.about = about
	}
}

// Became says that the flow speaks the protocol of that name, which the caller reads as well: records and rules call it so from
// now on. False: nobody wants that protocol.
func (c *Context) Became(name string) bool {
	if c.s == nil {
		return false
	}
	i := c.d.reg.find(name, c.s.over)
	if i < 0 {
		return false
	}
	if f := &c.d.flows[c.s.index]; f.app != uint8(i+1) {
		f.before, f.app = f.app, uint8(i+1)
	}
	return true
}

// Upgraded reports that another analyzer read the begin of this flow and gave the rest away.
func (c *Context) Upgraded() bool { return c.s != nil && c.s.upgrades > 0 }

// Before is EVE's word for the protocol that the flow began with, where Upgraded.
func (c *Context) Before() string {
	if !c.Upgraded() || c.d.flows[c.s.index].before == 0 {
		return ""
	}
	return c.d.reg.app(int(c.d.flows[c.s.index].before) - 1)
}

// Sealed says that what follows of the flow is encrypted: rules do not look into it either.
func (c *Context) Sealed() { c.sealed = true }

// Done says that the analyzer has read enough of its flow: it is not called again, and the flow costs no more than its
// headers. Packets of a transport without flows have no end.
func (c *Context) Done() { c.done = true }

// Expectation describes a flow to come.
type Expectation struct {
	Over     Transport   // TCP or UDP
	From     packet.Addr // who will begin; zero = anybody
	To       packet.Addr
	Port     uint16        // of the one that is called
	Analyzer string        // its Def.Name
	For      time.Duration // how long to wait, in packet time
	About    any           // what Context.Expected is to tell the analyzer of it
}

// expectations is bounded; all are looked up by value, and leave oldest first.
type expectations struct {
	byKey map[expectKey]expectation
	order []expectKey // of arrival; a renewed one keeps its place
	stats *Stats
	max   int
}

type expectKey struct {
	over     Transport
	from, to packet.Addr
	port     uint16
}

type expectation struct {
	def   int
	until packet.Time
	about any
}

func (x *expectations) add(e Expectation, def int, until packet.Time) {
	k := expectKey{e.Over, e.From, e.To, e.Port}
	for len(x.order) >= x.max {
		if _, ok := x.byKey[x.order[0]]; ok {
			x.stats.ExpectEvicted++
			delete(x.byKey, x.order[0])
		}
		x.order = x.order[1:]
	}
	if _, ok := x.byKey[k]; !ok {
		x.order = append(x.order, k)
	}
	x.byKey[k] = expectation{def: def, until: until, about: e.About}
	x.stats.Expected++
}

// match returns the registry index of the analyzer that waits for a flow, -1 for none.
func (x *expectations) match(over Transport, client packet.Addr, server event.End, now packet.Time) (def int, about any) {
	if len(x.byKey) == 0 {
		return -1, nil
	}
	k := expectKey{over, client, server.Addr, server.Port}
	for range 2 {
		if e, ok := x.byKey[k]; ok && now < e.until {
			return e.def, e.about
		}
		k.from = packet.Addr{}
	}
	return -1, nil
}

// age drops what is over, from the oldest on, as far as it is over.
func (x *expectations) age(now packet.Time) {
	for len(x.order) > 0 {
		e, ok := x.byKey[x.order[0]]
		if ok && now < e.until {
			return
		}
		delete(x.byKey, x.order[0])
		x.order = x.order[1:]
	}
}
