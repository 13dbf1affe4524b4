// Package quic reads how QUIC connections begin (RFC 9000, 9001, 9369): Initial packets, whose keys everybody can compute, and
// the hellos of TLS in them. All else is protected by keys that nobody but the two ends have.
package quic

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/tls"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of its events.
const Kind = "quic"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "quic",
	Over:  []analyzer.Transport{analyzer.UDP},
	Ports: []uint16{443},
	Probe: probe,
	Kinds: []string{Kind},
	Names: []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &connection{kind: o.Kind(Kind)}, nil
	},
}

// Bounds of what is read of a flow.
const (
	maxDatagrams = 64 // of both sides; where no handshake was read until then, there will be none
	maxPackets   = 8  // of one datagram
)

// probe knows a long header by its version. A short header could be anything.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	var h Header
	if len(b) == 0 || !h.Parse(b) {
		return analyzer.No
	}
	long := b[0]&0x80 != 0
	switch {
	case h.Type == Short:
		return analyzer.No
	case long && len(h.DCID) > maxCID || len(h.SCID) > maxCID:
		return analyzer.No
	case h.Type == Negotiation:
		list := b[h.Payload:]
		if d != packet.ToClient || len(list) == 0 || len(list)%4 != 0 {
			return analyzer.No
		}
		for ; len(list) > 0; list = list[4:] {
			if v := (&reader{b: list}).u32(); saltOf(v) != nil || google(v) {
				return analyzer.Yes
			}
		}
		return analyzer.No
	case h.Type == Unknown && !(numbered(h.Version) && (d == packet.ToClient || len(b) >= minFirst)):
		return analyzer.No
	case long && !h.Google && b[0]&flagFixed == 0:
		return analyzer.No
	}
	return analyzer.Yes
}

// minFirst is how large a datagram with a client's Initial packet is at least (RFC 9000 14.1).
const minFirst = 1200

// numbered reports whether a version that cannot be read is one all the same: one that asks for an answer with other versions
// (RFC 9000 15), a draft, or one of Google's.
func numbered(v uint32) bool {
	return v&0x0f0f0f0f == 0x0a0a0a0a || v>>8 == draft>>8 || v>>16 == 'Q'<<8|'0' || v>>16 == 'T'<<8|'0'
}

// connection reads one flow.
type connection struct {
	kind      event.Kind
	datagrams int
	txs       uint64
	keys      *keys // of the last first packet; nil: none was seen, or its version is not known
	before    *keys // of the one before
	dcid      [maxCID]byte
	ndcid     int
	begun     bool // a client's Initial packet was seen
	googles   bool // it speaks a version of Google's
	answered  bool // an Initial packet of the server's was read
	hello     [2]bool
	told      [2]oddity
	crypto    [2]assembly
	ch        tls.ClientHello
	sh        tls.ServerHello
	asked     string
	head      []byte // room
	plain     []byte
}

// oddity is something odd in what a side says. Each is told once for a side.
type oddity uint8

const (
	oddDecrypt oddity = 1 << iota
	oddData
	oddLong
)

// oddNames are Suricata's names, by bit.
var oddNames = [...]string{"failed_decrypt", "error_on_data", "crypto_frag_too_long"}

// Message reads one datagram.
func (x *connection) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if !c.Wanted(x.kind) && !c.Inspected(x.kind) {
		c.Done()
		return
	}
	other := false // a packet of another type was told
	for n := 0; n < maxPackets && len(b) > 0; n++ {
		var h Header
		if !h.Parse(b) {
			break
		}
		if h.Type == Short {
			if x.googles && d == packet.ToServer { // its versions are told until the server answers
				c.Done()
				return
			}
			break
		}
		switch {
		case h.Type == Initial && h.Google:
			x.google(c, d, &h, b)
		case h.Type == Initial:
			x.initial(c, d, &h, b[:h.End])
		case !x.hello[d] && !other:
			other = true
			x.tell(c, &Event{Dir: d, Version: h.Version}, 0)
		}
		b = b[h.End:]
	}
	if x.datagrams++; x.hello[0] && x.hello[1] || x.datagrams == maxDatagrams {
		c.Done()
	}
}

// initial reads an Initial packet.
func (x *connection) initial(c *analyzer.Context, d packet.Dir, h *Header, b []byte) {
	if d == packet.ToServer {
		x.begin(h)
	}
	if x.hello[d] {
		return
	}
	e := &Event{Dir: d, Version: h.Version}
	if !x.begun {
		x.tell(c, e, 0) // without the client's first packet there are no keys
		return
	}
	plain, ok := x.open(d, h, b)
	if !ok {
		x.tell(c, e, oddDecrypt)
		return
	}
	x.answered = x.answered || d == packet.ToClient
	var what oddity
	a := &x.crypto[d]
	if !frames(plain, false, func(f frame) {
		switch {
		case f.google:
			x.googleHello(e, f.data)
		case !a.add(f.offset, f.data):
			what |= oddLong
		}
	}) {
		what |= oddData
	}
	if m, whole := a.message(); len(m) >= 4 {
		switch {
		case m[0] != helloType[d]:
			what |= oddData
		case !whole && 4+(int(m[1])<<16|int(m[2])<<8|int(m[3])) > maxCrypto:
			what |= oddLong
		case whole && !x.read(e, m[4:]):
			what |= oddData
		}
	}
	if x.hello[d] {
		a.reset()
	}
	x.tell(c, e, what)
}

// helloType is the type of the message with which each side begins (RFC 8446 4).
var helloType = [2]byte{packet.ToServer: 1, packet.ToClient: 2}

// begin has the keys follow a client's Initial packet. Until the server answers, another destination or version means that the
// client begins anew: it was sent away with a Retry packet or a list of versions, whether that was seen or not.
func (x *connection) begin(h *Header) {
	same := x.begun && string(x.dcid[:x.ndcid]) == string(h.DCID) && (x.keys == nil || x.keys.version == h.Version)
	if same || x.answered {
		return
	}
	x.before = x.keys
	x.keys = initialKeys(h.Version, h.DCID)
	x.ndcid = copy(x.dcid[:], h.DCID)
	x.begun, x.hello[packet.ToServer] = true, false
	x.crypto[packet.ToServer].reset()
}

// open unprotects an Initial packet. A server may answer in another version that goes with the client's (RFC 9368 2.3), and
// the answer to what a client said first may come after it began anew.
func (x *connection) open(d packet.Dir, h *Header, b []byte) (plain []byte, ok bool) {
	k := x.keys
	if k == nil || k.version != h.Version {
		k = initialKeys(h.Version, x.dcid[:x.ndcid])
	}
	for range 2 {
		if k != nil {
			x.plain, x.head, ok = k.half[d].open(b, h.Payload, x.head, x.plain)
			if ok {
				x.keys = k
				return x.plain, true
			}
		}
		k = x.before
	}
	return nil, false
}

// read reads the body of a hello. False: it is broken.
func (x *connection) read(e *Event, b []byte) bool {
	x.hello[e.Dir] = true
	if e.Dir == packet.ToClient {
		if !x.sh.Parse(b) {
			return false
		}
		e.JA3, e.JA3Hash = x.sh.JA3S()
		e.extensions(x.sh.Extensions, nil)
		e.asked = x.asked
		return true
	}
	if !x.ch.Parse(b) {
		return false
	}
	e.SNI, x.asked = string(x.ch.ServerName), string(x.ch.Name())
	e.JA3, e.JA3Hash = x.ch.JA3()
	e.JA4 = x.ch.JA4('q')
	e.extensions(x.ch.Extensions, &x.ch)
	x.ch.Forget()
	return true
}

// extensions takes the types of a hello's extensions, with the values of those of a client that have them.
func (e *Event) extensions(types []uint16, h *tls.ClientHello) {
	e.Extensions = make([]Extension, 0, len(types))
	for _, t := range types {
		x := Extension{Type: t}
		switch {
		case h == nil:
		case t == tls.ExtServerName && len(h.ServerName) > 0:
			x.Values = []string{string(h.ServerName)}
		case t == tls.ExtALPN:
			h.EachProtocol(func(name []byte) { x.Values = append(x.Values, string(name)) })
		}
		e.Extensions = append(e.Extensions, x)
	}
}

// google reads a packet of a version of Google's, whose handshake stands in clear.
func (x *connection) google(c *analyzer.Context, d packet.Dir, h *Header, b []byte) {
	if d == packet.ToClient {
		return // a list of versions
	}
	x.googles = true
	e := &Event{Dir: d, Version: h.Version}
	var what oddity
	if !frames(b[h.Payload:h.End], true, func(f frame) { x.googleHello(e, f.data) }) && x.txs == 0 {
		what = oddData // later ones may be protected
	}
	x.tell(c, e, what)
}

// googleHello reads Google's own handshake.
func (x *connection) googleHello(e *Event, b []byte) {
	m, ok := ParseHello(b)
	if !ok {
		return
	}
	e.SNI, e.UA = string(m.SNI), string(m.UA)
	if y, ok := cyuOf(e.Version, &m); ok && len(e.CYU) < maxPackets {
		e.CYU = append(e.CYU, y)
	}
}

// tell reports a packet, with what is odd in it.
func (x *connection) tell(c *analyzer.Context, e *Event, what oddity) {
	e.head, e.Tx = c.Head(x.kind), x.txs
	x.txs++
	what &^= x.told[e.Dir]
	x.told[e.Dir] |= what
	var names []string
	for i, name := range oddNames {
		if what>>i&1 != 0 {
			c.AppLayer(e.Dir, e.Tx, name)
			names = append(names, name)
		}
	}
	if c.Inspected(x.kind) {
		c.Inspect(x.kind, event.Inspection{Dir: e.Dir, Tx: e.Tx, Done: true, Parts: e, Events: names})
	}
	if c.Wanted(x.kind) {
		c.Emit(e)
	}
}

// Close has nothing to end.
func (*connection) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (x *connection) Reset() {
	for d := range x.crypto {
		x.crypto[d].reset()
	}
	x.ch.Forget()
	*x = connection{kind: x.kind, crypto: x.crypto, ch: x.ch, sh: tls.ServerHello{Extensions: x.sh.Extensions[:0]}, head: small(x.head), plain: small(x.plain)}
}

// keysSize is about what the keys of a connection take, in bytes.
const keysSize = 2 << 10

// Held is what the connection keeps (analyzer.Holder).
func (x *connection) Held() int {
	n := cap(x.head) + cap(x.plain) + x.crypto[0].held() + x.crypto[1].held()
	if x.keys != nil {
		n += keysSize
	}
	if x.before != nil {
		n += keysSize
	}
	return n
}
