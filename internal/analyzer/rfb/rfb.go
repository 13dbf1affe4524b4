// Package rfb reads how remote desktops begin (RFC 6143, the protocol of VNC): versions, security, screen. What is shown and
// typed is not read, nor is what proves a password.
package rfb

import (
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kind is the name of its events.
const Kind = "rfb"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "rfb",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{5900, 5901},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe knows the version, with which both sides begin.
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	const form = "RFB ddd.ddd\n"
	for i := range min(len(b), len(form)) {
		if c := b[i]; form[i] == 'd' && (c < '0' || c > '9') || form[i] != 'd' && c != form[i] {
			return analyzer.No
		}
	}
	if len(b) < len(form) {
		return analyzer.More
	}
	return analyzer.Yes
}

// step is what comes next.
type step uint8

const (
	serverVersion step = iota
	clientVersion
	security  // the server's types; up to 3.3 the one it chose
	choice    // the client's
	challenge // of VNC authentication, then the response
	response
	result
	clientInit
	serverInit
	name
	over
)

// maxWait bounds what waits of one side for the other.
const maxWait = 4096

// reader follows one connection.
type reader struct {
	kind  event.Kind
	step  step
	wait  [2][]byte
	x     Hello
	nName int
	rest  int // bytes of the call that are not read yet
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 && r.step != over {
		n := min(maxWait-len(r.wait[d]), len(b))
		r.wait[d] = append(r.wait[d], b[:n]...)
		b = b[n:]
		r.rest = len(b)
		for r.step != over && r.next(c) {
		}
		if r.step != over && len(r.wait[d]) == maxWait { // the other side does not say what is waited for
			r.end(c)
		}
	}
}

// take cuts n bytes off what waits of a side; nil: they are not there yet. They are a message of total bytes; 0: the end of one.
func (r *reader) take(c *analyzer.Context, d packet.Dir, n, total int) []byte {
	w := r.wait[d]
	if len(w) < n {
		return nil
	}
	if c.Framed() && total > 0 {
		c.FrameTx(d, c.Frame(d, "pdu", len(w)+r.rest, int64(total)), 0)
	}
	r.wait[d] = w[n:]
	return w[:n:n]
}

// next does one step; false: more bytes are needed.
func (r *reader) next(c *analyzer.Context) bool {
	up, down := packet.ToServer, packet.ToClient
	switch r.step {
	case serverVersion, clientVersion:
		d, to := down, &r.x.Server
		if r.step == clientVersion {
			d, to = up, &r.x.Client
		}
		b := r.take(c, d, versionLen, versionLen)
		if b == nil {
			return false
		}
		v, ok := parseVersion(b)
		if !ok {
			r.end(c)
			return true
		}
		*to = v
		r.step++
	case security:
		return r.security(c)
	case choice:
		b := r.take(c, up, 1, 1)
		if b == nil {
			return false
		}
		r.chosen(c, uint32(b[0]))
	case challenge:
		if r.take(c, down, 16, 16) == nil { // not looked at, nor is the response
			return false
		}
		r.step = response
	case response:
		if r.take(c, up, 16, 16) == nil {
			return false
		}
		r.step = result
	case result:
		b := r.take(c, down, 4, 4)
		if b == nil {
			return false
		}
		r.x.Result, r.x.HasResult = binary.BigEndian.Uint32(b), true
		r.show(c, down)
		if r.step = clientInit; r.x.Result != 0 {
			r.end(c)
		}
	case clientInit:
		b := r.take(c, up, 1, 1)
		if b == nil {
			return false
		}
		r.x.Shared, r.x.HasShared = b[0] != 0, true
		r.step = serverInit
	case serverInit:
		w := r.wait[down]
		b := r.take(c, down, initLen, 0)
		if b == nil {
			return false
		}
		s, n := parseScreen(b)
		c.FrameTx(down, c.Frame(down, "pdu", len(w)+r.rest, int64(initLen)+int64(n)), 0)
		r.x.Screen, r.nName = s, int(min(n, maxName))
		r.step = name
	case name:
		b := r.take(c, down, r.nName, 0)
		if b == nil && r.nName > 0 {
			return false
		}
		r.x.Screen.Name, r.x.HasScreen = string(b), true
		r.show(c, down)
		r.end(c)
	}
	return true
}

// security reads what the server offers.
func (r *reader) security(c *analyzer.Context) bool {
	down := packet.ToClient
	if r.x.Client.Minor < "007" { // RFC 6143 7.1.2: the server chooses
		b := r.take(c, down, 4, 4)
		if b == nil {
			return false
		}
		r.chosen(c, binary.BigEndian.Uint32(b))
		return true
	}
	w := r.wait[down]
	if len(w) == 0 || len(w) < 1+int(w[0]) {
		return false
	}
	if n := int(r.take(c, down, 1+int(w[0]), 1+int(w[0]))[0]); n == 0 { // refused, with a reason
		r.end(c)
		return true
	}
	r.step = choice
	return true
}

// chosen goes on with a type of security.
func (r *reader) chosen(c *analyzer.Context, typ uint32) {
	r.x.Security, r.x.HasSecurity = typ, true
	r.show(c, packet.ToServer)
	switch {
	case typ == secVNC:
		r.step = challenge
	case typ == secNone && r.x.Client.Minor >= "008":
		r.step = result
	case typ == secNone:
		r.step = clientInit
	default: // none, or one that goes on in its own way
		r.end(c)
	}
}

// show lets rules look at what is known.
func (r *reader) show(c *analyzer.Context, d packet.Dir) {
	if c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: d, Parts: &sight{r.x, d}})
	}
}

// end tells what was seen, and reads no further.
func (r *reader) end(c *analyzer.Context) {
	r.step = over
	r.wait = [2][]byte{}
	c.Done()
	if r.x.Server.Major != "" && c.Wanted(r.kind) {
		c.Emit(&Session{head: c.Head(r.kind), Hello: r.x})
	}
}

// Gap ends the reading: what follows depends on each byte before.
func (r *reader) Gap(c *analyzer.Context, _ packet.Dir, _ uint64) { r.finish(c) }

// Close ends a direction, and the reading with it.
func (r *reader) Close(c *analyzer.Context, _ packet.Dir, _ stream.End) { r.finish(c) }

func (r *reader) finish(c *analyzer.Context) {
	if r.step != over {
		r.end(c)
	}
}

// Reset forgets the connection.
func (r *reader) Reset() { *r = reader{kind: r.kind} }

// Held is what the connection keeps (analyzer.Holder).
func (r *reader) Held() int { return cap(r.wait[0]) + cap(r.wait[1]) }
