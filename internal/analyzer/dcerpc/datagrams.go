package dcerpc

import (
	"encoding/binary"
	"unsafe"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// maxOpen bounds the requests of one flow that wait for an answer; the oldest is told as not answered.
const maxOpen = 16

// open is a request that waits for its answer.
type open struct {
	ref      packet.Ref
	request  PType
	id       uint32
	activity UUID
	iface    UUID
	version  uint32
	opnum    uint16
	minor    uint8
	frags    uint32
	bytes    uint32
	ansFrags uint32
	ansBytes uint32
	offered  []Context
	result   int32  // of the request's context
	tx       uint64 // number of the transaction
	stub     []byte // of the side at hand, for rules, while fragments of it are still to come
}

// call makes the event of the request, without its answer.
func (o *open) call(h event.Head) *Call {
	return &Call{head: h, Asked: o.ref, Request: o.request, ID: o.id, Activity: o.activity, Iface: o.iface, Version: o.version, Result: o.result, number: o.tx,
		Offered: o.offered, Minor: o.minor, Opnum: o.opnum, AskFrags: o.frags, AskBytes: o.bytes}
}

// datagrams reads the connectionless form.
type datagrams struct {
	kinds
	open []open // oldest first
	txs  uint64 // shown to rules so far
}

// Message reads one datagram.
func (m *datagrams) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	g, ok := ParseDatagram(b)
	if !ok {
		return
	}
	markDatagram(c, d, b)
	if g.Type == PRequest && g.Iface == Messenger && g.Opnum == 0 && c.Wanted(m.popup) {
		m.message(c, d, &g)
	}
	m.inspect(c, d, &g)
	if !c.Wanted(m.call) {
		return
	}
	switch g.Type {
	case PRequest:
		m.request(c, &g)
	case PResponse, PFault, PReject, PNoCall:
		m.answer(c, &g)
	}
}

// inspect shows rules a request or an answer that is whole. The interface stands in each datagram; nobody has to take it first.
func (m *datagrams) inspect(c *analyzer.Context, d packet.Dir, g *Datagram) {
	if !c.Inspected(m.call) || g.Fragment() || g.Type != PRequest && g.Type != PResponse {
		return
	}
	ref := c.Packet().Ref()
	x := &Call{head: c.Head(m.call), Asked: ref, Request: PRequest, ID: g.Seq, Activity: g.Activity, Iface: g.Iface, Version: g.Version, Opnum: g.Opnum,
		AskFrags: 1, AskBytes: uint32(g.Len)}
	if g.Type == PResponse {
		x.Asked = packet.Ref{}
		x.answer(PResponse, ref, 1, uint32(g.Len))
	}
	c.Inspect(m.call, event.Inspection{Dir: d, Tx: m.txs, Done: true, Parts: &Parts{Call: x, Stub: g.Body, Little: g.Order == binary.LittleEndian}})
	m.txs++
}

func (m *datagrams) message(c *analyzer.Context, d packet.Dir, g *Datagram) {
	x := &Popup{head: c.Head(m.popup), Dir: d, Seq: g.Seq, Fragment: g.Fragment()}
	if p := c.Packet(); p != nil {
		x.TTL, x.Size = p.TTL, p.IPLen
	}
	if g.Frag == 0 {
		if p, ok := parsePopup(g.Body, g.Order); ok {
			x.From, x.To, x.Text, x.Whole = string(p.from), string(p.to), string(p.text), p.whole
		}
	} else {
		x.Text = string(g.Body[:min(len(g.Body), maxText)])
	}
	c.Emit(x)
}

func (m *datagrams) request(c *analyzer.Context, g *Datagram) {
	for i := range m.open {
		if o := &m.open[i]; o.id == g.Seq && o.activity == g.Activity {
			if g.Frag > 0 && uint32(g.Frag) >= o.frags { // not a repeat
				o.frags++
				o.bytes += uint32(g.Len)
			}
			return
		}
	}
	if len(m.open) >= maxOpen {
		c.Emit(m.open[0].call(c.Head(m.call)))
		m.open = append(m.open[:0], m.open[1:]...)
	}
	m.open = append(m.open, open{ref: c.Packet().Ref(), request: PRequest, id: g.Seq, activity: g.Activity, iface: g.Iface, version: g.Version,
		opnum: g.Opnum, frags: 1, bytes: uint32(g.Len)})
}

func (m *datagrams) answer(c *analyzer.Context, g *Datagram) {
	ref := c.Packet().Ref()
	for i := range m.open {
		o := &m.open[i]
		if o.id != g.Seq || o.activity != g.Activity {
			continue
		}
		o.ansFrags++
		o.ansBytes += uint32(g.Len)
		if g.Type == PResponse && g.Fragment() && g.Flags1&flagLastFrag == 0 {
			return
		}
		x := o.call(c.Head(m.call))
		x.answer(g.Type, ref, o.ansFrags, o.ansBytes)
		if g.Type != PResponse && len(g.Body) >= 4 {
			x.Status = g.Order.Uint32(g.Body)
		}
		c.Emit(x)
		m.open = append(m.open[:i], m.open[i+1:]...)
		return
	}
	x := &Call{head: c.Head(m.call), ID: g.Seq, Activity: g.Activity, Iface: g.Iface, Version: g.Version, Opnum: g.Opnum}
	x.answer(g.Type, ref, 1, uint32(g.Len))
	c.Emit(x)
}

func (x *Call) answer(t PType, ref packet.Ref, frags, bytes uint32) {
	x.Response, x.Answered, x.AnsFrags, x.AnsBytes = t, ref, frags, bytes
}

// Close tells what was not answered.
func (m *datagrams) Close(c *analyzer.Context, _ event.EndReason) {
	for i := range m.open {
		c.Emit(m.open[i].call(c.Head(m.call)))
	}
	m.open = m.open[:0]
}

// Reset makes m as new.
func (m *datagrams) Reset() { m.open, m.txs = m.open[:0], 0 }

// Held is what the flow keeps (analyzer.Holder).
func (m *datagrams) Held() int { return cap(m.open) * openSize }

const (
	openSize    = int(unsafe.Sizeof(open{}))
	contextSize = int(unsafe.Sizeof(Context{}))
)
