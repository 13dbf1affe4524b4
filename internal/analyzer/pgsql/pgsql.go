// Package pgsql reads version 3 of the protocol between PostgreSQL's clients and servers ("Frontend/Backend Protocol" in
// PostgreSQL's documentation). Passwords are not kept.
package pgsql

import (
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kind is the name of its events.
const Kind = "pgsql"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "pgsql",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{5432},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe knows a client by its first packet, a server that is heard first by how it asks for a proof of who the client is.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	if d == packet.ToClient {
		return probeServer(b)
	}
	for i, c := range b[:min(len(b), 8)] {
		if i < 2 && c != 0 || i == 4 && c != 0 && c != codeSSL>>24 {
			return analyzer.No
		}
	}
	if len(b) < 8 {
		return analyzer.More
	}
	n, code := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	switch code {
	case codeSSL, codeGSSENC:
		return yes(n == 8)
	case codeCancel:
		return yes(n >= 16 && n <= 12+256)
	}
	if code>>16 != 3 || n < 10 || n > maxStartup {
		return analyzer.No
	}
	// A name, of which the first is nearly always the user's.
	for _, c := range b[8:] {
		switch {
		case c == 0:
			return yes(b[8] != 0)
		case !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.'):
			return analyzer.No
		}
	}
	if len(b) > 8+64 {
		return analyzer.No
	}
	return analyzer.More
}

func probeServer(b []byte) analyzer.Answer {
	if len(b) == 0 {
		return analyzer.More
	}
	if b[0] != 'R' {
		return analyzer.No
	}
	for _, c := range b[1:min(len(b), 3)] {
		if c != 0 {
			return analyzer.No
		}
	}
	if len(b) < 9 {
		return analyzer.More
	}
	n, auth := binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint32(b[5:])
	switch auth {
	case authOK, authClear:
		return yes(n == 8)
	case authMD5:
		return yes(n == 12)
	case authSASL:
		return yes(n > 12 && n < 1024)
	}
	return analyzer.No
}

func yes(ok bool) analyzer.Answer {
	if ok {
		return analyzer.Yes
	}
	return analyzer.No
}

// Bounds of what is kept of one connection.
const (
	maxStartup = 10_000    // of a packet without a type, as PostgreSQL has it
	maxOpen    = 64        // requests that wait for their answers
	maxHeld    = 128 << 10 // of the texts of those
	maxMessage = 1 << 30
)

// side is one direction.
type side struct {
	buf  []byte // the begin of a message
	skip uint64 // bytes of one that are not looked at
}

// reader follows one connection.
type reader struct {
	kind   event.Kind
	sides  [2]side
	open   []*Event
	txs    uint64
	held   int
	user   string
	auth   uint32 // the kind of proof that the server asked for last
	asked  bool   // it asked for one
	typed  bool   // the client's packets have types: its Startup is over
	ready  bool   // the server takes queries
	closed [2]bool
	over   bool
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	r.read(c, d, b)
	if d == packet.ToClient && len(r.open) > 0 && r.open[0].Response.Some { // a first part of an answer has come, and more may follow
		r.show(c, r.open[0])
	}
}

func (r *reader) read(c *analyzer.Context, d packet.Dir, b []byte) {
	x := &r.sides[d]
	for len(b) > 0 && !r.over {
		if x.skip > 0 {
			n := min(x.skip, uint64(len(b)))
			x.skip -= n
			b = b[n:]
			continue
		}
		if d == packet.ToClient && len(x.buf) == 0 && r.single(c, b) {
			b = b[1:]
			continue
		}
		n, look := r.frame(d, x.buf, b)
		switch {
		case n < 0:
			r.lose(c, d, look == badLength)
			return
		case n == 0: // too few to tell
			x.buf = append(x.buf, b...)
			return
		}
		if k := look - len(x.buf); k > len(b) {
			x.buf = append(x.buf, b...)
			return
		} else if len(x.buf) > 0 {
			if k > 0 {
				x.buf = append(x.buf, b[:k]...)
				b = b[k:]
			}
			buf := x.buf
			x.buf = nil
			x.skip = uint64(n - len(buf))
			r.take(c, d, buf, n)
			if cap(buf) <= 4096 && !r.over {
				r.sides[d].buf = buf[:0]
			}
			continue
		}
		m := b[:look]
		b = b[look:]
		x.skip = uint64(n - look)
		r.take(c, d, m, n)
	}
}

// badLength is what frame says instead of how much to look at where a length makes no sense.
const badLength = -2

// frame reads how long the message is that begins with buf and goes on with b, and how much of it is to be looked at. 0: too
// few bytes to tell; -1: it is none.
func (r *reader) frame(d packet.Dir, buf, b []byte) (n, look int) {
	var head [5]byte
	k := copy(head[:], buf)
	k += copy(head[k:], b)
	if d == packet.ToServer && !r.typed {
		if k < 4 {
			return 0, 0
		}
		n = int(binary.BigEndian.Uint32(head[:]))
		if n < 8 || n > maxStartup {
			return -1, badLength
		}
		return n, n
	}
	if k == 0 {
		return 0, 0
	}
	max := r.wanted(d, head[0])
	if max < 0 {
		return -1, 0
	}
	if k < 5 {
		return 0, 0
	}
	n = int(binary.BigEndian.Uint32(head[1:]))
	if n < 4 || n > maxMessage {
		return -1, badLength
	}
	return n + 1, 5 + min(n-4, max)
}

// wanted is how many bytes of a message's body are looked at, by its type; -1: there is no such type.
func (r *reader) wanted(d packet.Dir, typ byte) int {
	if d == packet.ToServer {
		switch typ {
		case 'Q':
			return maxQuery + 1
		case 'p':
			return 4096
		case 'd', 'c', 'f', 'P', 'B', 'E', 'D', 'C', 'H', 'S', 'F', 'X':
			return 0
		}
		return -1
	}
	switch typ {
	case 'R', 'E', 'N':
		return 8192
	case 'S':
		return 2 * maxText
	case 'K':
		return 8
	case 'C':
		return 256
	case 'T', 'D':
		return 2
	case 'G', 'H', 'W':
		return 3
	case 'Z', 'I', '1', '2', '3', 'n', 's', 't', 'A', 'd', 'c', 'V', 'v':
		return 0
	}
	return -1
}

// single takes the one byte with which a server answers whether encryption may begin.
func (r *reader) single(c *analyzer.Context, b []byte) bool {
	if len(r.open) == 0 {
		return false
	}
	e := r.open[0]
	q := e.Request.What
	if q != SSLRequest && q != GSSENCRequest || b[0] == 'E' { // a server of long ago that knows no such request
		return false
	}
	e.Response.Some, e.Response.SSL = true, b[0]
	switch {
	case q == SSLRequest && b[0] == 'S':
		r.end(c)
		r.over = true
		r.finish(c)
		if !c.Upgrade("tls", packet.ToClient, b[1:]) {
			c.Done()
		}
	case q == GSSENCRequest && b[0] == 'G':
		r.end(c)
		c.Sealed()
		r.stop(c)
	case b[0] == 'N':
		r.end(c)
	default:
		r.lose(c, packet.ToClient, false)
	}
	return true
}

// take reads a message of n bytes, of which b is what is looked at.
func (r *reader) take(c *analyzer.Context, d packet.Dir, b []byte, n int) {
	if d == packet.ToClient {
		r.server(c, b[0], b[5:], n-5)
		return
	}
	if !r.typed {
		q := Request{}
		if !q.startup(b[4:]) {
			r.lose(c, d, false)
			return
		}
		if q.What == Startup {
			r.typed, r.user = true, q.User
		}
		r.begin(c, &q)
		return
	}
	r.client(c, b[0], b[5:], n-5)
}

// client reads a message of the client, of size bytes.
func (r *reader) client(c *analyzer.Context, typ byte, b []byte, size int) {
	switch typ {
	case 'Q':
		q := Request{What: Query, Cut: size > maxQuery+1}
		if n := len(b); n > 0 && b[n-1] == 0 {
			b = b[:n-1]
		} else if !q.Cut {
			r.lose(c, packet.ToServer, false)
			return
		}
		room := max(maxHeld-r.held, maxText)
		if len(b) > room {
			b, q.Cut = b[:room], true
		}
		q.Text = string(b)
		r.begin(c, &q)
	case 'p':
		q := Request{What: Token}
		switch {
		case r.asked && r.auth == authSASL:
			if !q.sasl(b) {
				r.lose(c, packet.ToServer, false)
				return
			}
		case r.asked && r.auth == authSASLGoOn:
			q.What, q.Text = SASLResponse, string(b[:min(len(b), maxText)])
		case !r.asked || r.auth == authClear || r.auth == authMD5:
			q.What, q.clear, q.secret = Password, r.asked && r.auth == authClear, len(b) > 1
		}
		r.begin(c, &q)
	case 'X':
		r.begin(c, &Request{What: Terminate})
	case 'd', 'c', 'f':
		if len(r.open) > 0 && r.open[0].Request.What == CopyIn && typ == 'd' {
			q := &r.open[0].Request
			q.Messages++
			q.Bytes += uint64(size)
		}
	default: // the extended query: up to Sync it is one (and 'F', which is answered like one)
		if n := len(r.open); n == 0 || r.open[n-1].Request.What != Extended || r.open[n-1].synced {
			if typ == 'H' {
				return
			}
			r.begin(c, &Request{What: Extended})
		}
		if n := len(r.open); n > 0 && (typ == 'S' || typ == 'F') {
			r.open[n-1].synced = true
		}
	}
}

// begin opens an exchange.
func (r *reader) begin(c *analyzer.Context, q *Request) {
	q.User = r.user
	e := &Event{Request: *q, begun: c.Head(r.kind).Seen}
	if q.What != Extended {
		e.Tx = r.txs
		r.txs++
	}
	var odd []string
	wait := q.What != CancelRequest && q.What != Terminate
	if wait && len(r.open) >= maxOpen {
		odd = []string{"too_many_transactions"}
		c.AppLayer(packet.ToServer, e.Tx, odd[0])
		r.end(c)
	}
	if !wait || odd != nil {
		e.shown = true
		e.show(c, r.kind, packet.ToServer, odd)
	}
	if !wait {
		e.emit(c, r.kind)
		return
	}
	r.open = append(r.open, e)
	r.held += e.size()
}

// end tells of the oldest open exchange.
func (r *reader) end(c *analyzer.Context) {
	e := r.open[0]
	r.held -= e.kept
	copy(r.open, r.open[1:])
	r.open[len(r.open)-1] = nil
	r.open = r.open[:len(r.open)-1]
	r.show(c, e)
	if e.Request.What != Extended {
		e.emit(c, r.kind)
	}
}

// show lets rules look at a request, once the packet with the begin of the answer was read, so that alerts tell of both.
func (r *reader) show(c *analyzer.Context, e *Event) {
	if !e.shown && e.Request.What != Extended {
		e.shown = true
		e.show(c, r.kind, packet.ToServer, nil)
	}
}

// server reads a message of the server, of size bytes.
func (r *reader) server(c *analyzer.Context, typ byte, b []byte, size int) {
	if len(r.open) == 0 {
		if typ != 'E' {
			return // what a server tells unasked, or what a capture that begins late does not know the question of
		}
		e := &Event{Tx: r.txs, begun: c.Head(r.kind).Seen}
		r.txs++
		e.Response.Some = true
		e.Response.notice(b, true)
		e.emit(c, r.kind)
		return
	}
	e := r.open[0]
	a := &e.Response
	ok, over := true, false
	switch typ {
	case 'R':
		if ok = len(b) >= 4; !ok {
			break
		}
		over = r.proof(a, binary.BigEndian.Uint32(b), b[4:])
	case 'S':
		var p Param
		if p.Name, ok = cstring(&b); ok {
			p.Name = snake(p.Name)
			if p.Value, ok = cstring(&b); ok && len(a.Params) < maxParams {
				a.Params = append(a.Params, p)
			}
		}
		ok = ok || size > len(b)
	case 'K':
		if ok = len(b) >= 8; ok {
			a.PID, a.Key, a.HasKey = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), true
		}
	case 'E', 'N':
		ok = a.notice(b, typ == 'E') || size > len(b)
		over = typ == 'E' && !r.ready && e.Request.What != Query && e.Request.What != Extended && e.Request.What != CopyIn
	case 'T':
		if ok = len(b) >= 2; ok {
			a.Fields, a.HasRows = binary.BigEndian.Uint16(b), true
		}
	case 'D':
		if ok = len(b) >= 2; ok {
			a.Rows++
			if n := size - 2 - 4*int(binary.BigEndian.Uint16(b)); n > 0 {
				a.Bytes += uint64(n)
			}
		}
	case 'C':
		a.Done, ok = cstring(&b)
		ok = ok || size > 256
	case 'd':
		a.CopyRows++
		a.CopySize += uint64(size)
	case 'G', 'H', 'W':
		if ok = len(b) >= 3; ok {
			a.Copy, a.Columns = typ, binary.BigEndian.Uint16(b[1:])
		}
	case 'Z':
		r.ready = true
		over = true
	case 'v', 'A': // beside an answer
		return
	}
	if !ok {
		r.lose(c, packet.ToClient, false)
		return
	}
	a.Some = true
	if n := e.size() - e.kept; n != 0 {
		e.kept += n
		r.held += n
	}
	switch {
	case over:
		r.end(c)
	case typ == 'G' && e.Request.What == Query: // rows come, which are a request of their own
		in := &Event{Tx: r.txs, Request: Request{What: CopyIn, User: r.user}, begun: c.Head(r.kind).Seen}
		r.txs++
		r.end(c)
		r.held += in.size()
		r.open = append(r.open, nil)
		copy(r.open[1:], r.open)
		r.open[0] = in
	}
}

// proof reads an Authentication message. True: the client's turn.
func (r *reader) proof(a *Response, kind uint32, b []byte) bool {
	r.auth, r.asked = kind, true
	switch kind {
	case authOK:
		a.OK = true
	case authMD5:
		a.Salt = append(a.Salt[:0], b[:min(len(b), 4)]...)
		return true
	case authSASLFinal:
		a.Final, a.HasFinal = string(b[:min(len(b), maxText)]), true
		return false
	}
	if kind < uint32(len(authNames)) {
		a.Auth = authNames[kind]
	}
	return kind != authOK
}

// lose gives the connection up: where the next message begins is not known.
func (r *reader) lose(c *analyzer.Context, d packet.Dir, length bool) {
	name := "malformed_request"
	switch {
	case length:
		name = "invalid_length"
	case d == packet.ToClient:
		name = "malformed_response"
	}
	e := &Event{Tx: r.txs}
	if d == packet.ToClient && len(r.open) > 0 {
		e = r.open[0]
	} else {
		r.txs++
	}
	c.AppLayer(d, e.Tx, name)
	e.show(c, r.kind, d, []string{name})
	r.stop(c)
}

// stop reads no further.
func (r *reader) stop(c *analyzer.Context) {
	r.over = true
	r.finish(c)
	c.Done()
}

// finish tells of all that is open: nothing more comes.
func (r *reader) finish(c *analyzer.Context) {
	for len(r.open) > 0 {
		r.end(c)
	}
	r.sides = [2]side{}
}

// Gap ends the reading, unless it lies in what is skipped.
func (r *reader) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	if x := &r.sides[d]; x.skip >= n {
		x.skip -= n
		return
	}
	if !r.over {
		r.stop(c)
	}
}

// Close ends a direction. Without the server's nothing is answered any more.
func (r *reader) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	r.sides[d] = side{}
	r.closed[d] = true
	if r.closed[packet.ToClient] && !r.over {
		r.finish(c)
	}
}

// Reset forgets the connection.
func (r *reader) Reset() { *r = reader{kind: r.kind, open: r.open[:0]} }

// Held is what the connection keeps (analyzer.Holder).
func (r *reader) Held() int {
	return r.held + 8*cap(r.open) + cap(r.sides[0].buf) + cap(r.sides[1].buf)
}
