package dcerpc

import (
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

const (
	keepCall  = 48       // of a request or answer: its head and the first words of the body
	keepBind  = 1024     // of a bind: all contexts of a sane one
	keepPopup = 2048     // of a request to the Messenger
	maxStub   = 64 << 10 // of one side of a call, for rules, where it comes in fragments
)

// connection reads the connection-oriented form. Of each data unit it keeps only what it needs and skips the rest.
type connection struct {
	kinds
	sides    [2]side
	open     []open    // oldest first
	contexts []Context // agreed on so far, at most maxContexts
	txs      uint64    // transactions so far
	pipe     *Pipe     // that carries the calls; nil: the connection itself does
}

// wanted reports whether anybody wants to know of calls.
func (s *connection) wanted(c *analyzer.Context) bool {
	return s.pipe != nil || c.Wanted(s.call) || c.Inspected(s.call)
}

func (s *connection) inspected(c *analyzer.Context) bool {
	if s.pipe != nil {
		return s.pipe.Show != nil
	}
	return c.Inspected(s.call)
}

// tell hands over a finished call.
func (s *connection) tell(c *analyzer.Context, x *Call) {
	if s.pipe != nil {
		s.pipe.Tell(x)
		return
	}
	c.Emit(x)
}

// side is one direction: the unit at hand.
type side struct {
	buf   []byte // its first bytes
	unit  Unit
	want  int    // bytes to keep of it
	left  uint32 // bytes of it that are to be skipped
	ref   packet.Ref
	ended bool // lost its place: the rest of this direction cannot be read
}

// Data takes bytes of direction d.
func (s *connection) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	x := &s.sides[d]
	for len(b) > 0 && !x.ended {
		b = s.some(c, d, x, b)
	}
	if s.sides[0].ended && s.sides[1].ended {
		s.end(c)
		c.Done()
	}
}

// some takes bytes up to where the next decision is, and returns the rest.
func (s *connection) some(c *analyzer.Context, d packet.Dir, x *side, b []byte) []byte {
	if x.left > 0 {
		n := min(int(x.left), len(b))
		x.left -= uint32(n)
		return b[n:]
	}
	if len(x.buf) == 0 {
		x.want = StreamHeader
		x.ref = c.Head(s.call).Seen
	}
	n := min(x.want-len(x.buf), len(b))
	x.buf = append(x.buf, b[:n]...)
	if len(x.buf) == x.want {
		if x.want == StreamHeader && c.Framed() && s.pipe == nil {
			mark(c, d, x.buf, len(b)-n)
		}
		s.step(c, d, x)
	}
	return b[n:]
}

// step goes on when as many bytes are there as were wanted.
func (s *connection) step(c *analyzer.Context, d packet.Dir, x *side) {
	switch {
	case x.want == StreamHeader:
		u, ok := ParseUnit(x.buf)
		if !ok {
			x.ended = true
			return
		}
		x.unit = u
		x.want = min(int(u.Len), keepCall)
		if u.Type == PBind || u.Type == PAlter || u.Type == PBindAck || u.Type == PAlterResp {
			x.want = min(int(u.Len), keepBind)
		}
		if s.inspected(c) && (u.Type == PRequest || u.Type == PResponse) {
			x.want = int(u.Len) // rules look at the stub
		}
		if x.want > len(x.buf) {
			return
		}
	case x.want <= keepCall && x.want < int(x.unit.Len) && x.unit.Type == PRequest && c.Wanted(s.popup) && s.messenger(x) && len(x.buf) < min(int(x.unit.Len), keepPopup):
		x.want = min(int(x.unit.Len), keepPopup)
		return
	}
	x.left = uint32(int(x.unit.Len) - len(x.buf))
	s.done(c, d, x)
	x.buf = x.buf[:0]
}

// messenger reports a request for NetrSendMessage.
func (s *connection) messenger(x *side) bool {
	if len(x.buf) < 24 {
		return false
	}
	k := s.context(x.unit.Order.Uint16(x.buf[20:]))
	return k != nil && k.Iface == Messenger && x.unit.Order.Uint16(x.buf[22:]) == 0
}

func (s *connection) context(id uint16) *Context {
	for i := range s.contexts {
		if s.contexts[i].ID == id {
			return &s.contexts[i]
		}
	}
	return nil
}

// done reads a unit of which enough is there.
func (s *connection) done(c *analyzer.Context, d packet.Dir, x *side) {
	u, b := &x.unit, x.buf[StreamHeader:]
	switch u.Type {
	case PBind, PAlter:
		offered := parseBind(nil, b, u.Order)
		for _, o := range offered {
			if k := s.context(o.ID); k != nil {
				*k = o
			} else if len(s.contexts) < maxContexts {
				s.contexts = append(s.contexts, o)
			}
		}
		s.ask(c, open{ref: x.ref, request: u.Type, id: u.Call, minor: u.Minor, offered: offered})
	case PRequest:
		s.request(c, d, x)
	case PBindAck, PAlterResp, PBindNak, PResponse, PFault:
		s.answer(c, d, x)
	}
}

func (s *connection) request(c *analyzer.Context, d packet.Dir, x *side) {
	u := &x.unit
	if len(x.buf) < 24 {
		return
	}
	stub := 24
	if u.Flags&unitObject != 0 {
		stub += 16
	}
	o := open{ref: x.ref, request: PRequest, id: u.Call, minor: u.Minor, opnum: u.Order.Uint16(x.buf[22:]), frags: 1,
		bytes: uint32(max(0, int(u.Len)-stub-int(u.Auth)))}
	if k := s.context(u.Order.Uint16(x.buf[20:])); k != nil {
		o.iface, o.version, o.result = k.Iface, k.Version, k.Result
	}
	if o.iface == Messenger && o.opnum == 0 && c.Wanted(s.popup) && len(x.buf) > stub && u.Flags&unitFirst != 0 {
		p := &Popup{head: c.Head(s.popup), Dir: d, Seq: u.Call, Fragment: u.Flags&unitLast == 0}
		if t, ok := parsePopup(x.buf[stub:min(len(x.buf), max(stub, keepPopup))], u.Order); ok {
			p.From, p.To, p.Text, p.Whole = string(t.from), string(t.to), string(t.text), t.whole
		}
		c.Emit(p)
	}
	if u.Flags&unitFirst == 0 {
		if p := s.waiting(u.Call); p != nil {
			p.frags++
			p.bytes += o.bytes
			s.inspect(c, d, x, p, stub)
		}
		return
	}
	if p := s.ask(c, o); p != nil {
		s.inspect(c, d, x, p, stub)
	}
}

// inspect shows rules one side of a call once its last fragment is there. Fragments before it are kept together until then.
func (s *connection) inspect(c *analyzer.Context, d packet.Dir, x *side, o *open, stub int) {
	if !s.inspected(c) {
		return
	}
	end := max(stub, min(len(x.buf), int(x.unit.Len)-int(x.unit.Auth)))
	b := x.buf[min(stub, len(x.buf)):min(end, len(x.buf))]
	if x.unit.Flags&unitLast == 0 || len(o.stub) > 0 {
		o.stub = append(o.stub, b[:min(len(b), maxStub-len(o.stub))]...)
		b = o.stub
	}
	if x.unit.Flags&unitLast == 0 {
		return
	}
	call := o.call(c.Head(s.call))
	if x.unit.Type == PResponse {
		call.answer(PResponse, x.ref, o.ansFrags, o.ansBytes)
	}
	parts := &Parts{Call: call, Stub: b, Little: x.unit.Order == binary.LittleEndian}
	if s.pipe != nil {
		s.pipe.Show(d, o.tx, parts)
	} else {
		c.Inspect(s.call, event.Inspection{Dir: d, Tx: o.tx, Done: true, Parts: parts})
	}
	o.stub = nil
}

// ask keeps a request until its answer comes, and returns where; nil: nobody wants it.
func (s *connection) ask(c *analyzer.Context, o open) *open {
	if !s.wanted(c) {
		return nil
	}
	o.tx = s.txs
	s.txs++
	if len(s.open) >= maxOpen {
		s.tell(c, s.open[0].call(c.Head(s.call)))
		s.open = append(s.open[:0], s.open[1:]...)
	}
	s.open = append(s.open, o)
	return &s.open[len(s.open)-1]
}

func (s *connection) waiting(id uint32) *open {
	for i := range s.open {
		if s.open[i].id == id {
			return &s.open[i]
		}
	}
	return nil
}

func (s *connection) answer(c *analyzer.Context, d packet.Dir, x *side) {
	if !s.wanted(c) {
		return
	}
	u := &x.unit
	n := uint32(max(0, int(u.Len)-24-int(u.Auth)))
	o := s.waiting(u.Call)
	if o == nil {
		if u.Flags&unitLast == 0 {
			return
		}
		e := &Call{head: c.Head(s.call), ID: u.Call, Minor: u.Minor, number: s.txs}
		e.answer(u.Type, x.ref, 1, n)
		if u.Type == PResponse {
			o := open{id: u.Call, minor: u.Minor, ansFrags: 1, ansBytes: n, tx: s.txs}
			s.inspect(c, d, x, &o, 24)
		}
		s.txs++
		s.tell(c, e)
		return
	}
	o.ansFrags++
	o.ansBytes += n
	if u.Type == PResponse {
		s.inspect(c, d, x, o, 24)
	}
	if u.Type == PResponse && u.Flags&unitLast == 0 {
		return
	}
	if u.Type == PBindAck || u.Type == PAlterResp {
		parseBindAck(o.offered, x.buf[StreamHeader:], u.Order)
		for _, b := range o.offered {
			if k := s.context(b.ID); k != nil {
				k.Result = b.Result
			}
		}
	}
	e := o.call(c.Head(s.call))
	e.answer(u.Type, x.ref, o.ansFrags, o.ansBytes)
	if u.Type == PFault && len(x.buf) >= 28 {
		e.Status = u.Order.Uint32(x.buf[24:])
	}
	s.tell(c, e)
	for i := range s.open {
		if &s.open[i] == o {
			s.open = append(s.open[:i], s.open[i+1:]...)
			break
		}
	}
}

// Gap loses the place in direction d unless the hole lies in bytes that were to be skipped.
func (s *connection) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	x := &s.sides[d]
	if uint64(x.left) >= n {
		x.left -= uint32(n)
		return
	}
	x.ended, x.buf = true, x.buf[:0]
}

// Close tells what was not answered once nothing can come any more.
func (s *connection) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	s.sides[d].ended = true
	if s.sides[0].ended && s.sides[1].ended {
		s.end(c)
	}
}

// end tells the requests that nobody answered.
func (s *connection) end(c *analyzer.Context) {
	for i := range s.open {
		s.tell(c, s.open[i].call(c.Head(s.call)))
	}
	s.open = s.open[:0]
}

// Reset makes s as new.
func (s *connection) Reset() {
	for d := range s.sides {
		s.sides[d] = side{buf: s.sides[d].buf[:0]}
	}
	clear(s.open)
	s.open, s.contexts, s.txs = s.open[:0], s.contexts[:0], 0
}

// Held is what the connection keeps (analyzer.Holder).
func (s *connection) Held() int {
	n := cap(s.sides[0].buf) + cap(s.sides[1].buf) + cap(s.open)*openSize + cap(s.contexts)*contextSize
	for i := range s.open {
		n += cap(s.open[i].offered)*contextSize + cap(s.open[i].stub)
	}
	return n
}
