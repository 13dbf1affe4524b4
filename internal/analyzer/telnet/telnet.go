// Package telnet reads logins at a Telnet prompt (RFC 854): who, and whether it worked. What was typed as a password is
// counted and not kept.
package telnet

import (
	"bytes"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

const (
	maxUser = 64
	maxTail = 80   // bytes of the server's last line
	maxRead = 4096 // of the server, after a password, before its outcome counts as unknown
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "telnet",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{23},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe knows option negotiation: IAC and WILL, WONT, DO, DONT or SB, twice.
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	for i, at := range []int{0, 1, 3, 4} {
		if len(b) <= at {
			return analyzer.More
		}
		switch i % 2 {
		case 0:
			if b[at] != iac {
				return analyzer.No
			}
		case 1:
			if b[at] < sb || b[at] == iac {
				return analyzer.No
			}
			if b[at] == sb {
				return analyzer.Yes
			}
		}
	}
	return analyzer.Yes
}

// stage is where the dialogue stands.
type stage uint8

const (
	idle     stage = iota
	naming         // the server asked for a name
	password       // and for a password
	waiting        // what does it say?
)

// reader follows one session until somebody is logged in.
type reader struct {
	kind    event.Kind
	filters [2]filter
	stage   stage
	tail    []byte // last line of the server, lower case
	user    []byte
	typed   int
	seen    packet.Ref
	read    int
	frames  [2]framer
	done    bool // somebody is logged in: only frames are of interest
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	if c.Framed() {
		r.frames[d].take(c, d, b)
	}
	if r.done {
		return
	}
	for _, x := range b {
		x, ok := r.filters[d].Byte(x)
		if !ok || x == 0 {
			continue
		}
		if d == packet.ToServer {
			r.typing(c, x)
		} else if r.prints(c, x) {
			if r.done = c.Framed(); !r.done {
				c.Done()
			}
			return
		}
	}
}

func (r *reader) typing(c *analyzer.Context, x byte) {
	switch {
	case r.stage == naming && (x == '\r' || x == '\n'):
	case r.stage == naming && (x == 8 || x == 127):
		if len(r.user) > 0 {
			r.user = r.user[:len(r.user)-1]
		}
	case r.stage == naming:
		if len(r.user) < maxUser {
			r.user = append(r.user, x)
		}
	case r.stage == password && x != '\r' && x != '\n':
		r.typed++
	case r.stage == password && r.typed > 0:
		r.stage, r.seen, r.read, r.tail = waiting, c.Head(r.kind).Seen, 0, r.tail[:0]
	}
}

// prints takes a byte of the server. It returns true when somebody is logged in.
func (r *reader) prints(c *analyzer.Context, x byte) bool {
	switch {
	case x == '\n':
		r.tail = r.tail[:0]
		return false
	case x >= 'A' && x <= 'Z':
		x += 'a' - 'A'
	}
	if len(r.tail) == maxTail { // the end is what asks
		r.tail = append(r.tail[:0], r.tail[maxTail/2:]...)
	}
	r.tail = append(r.tail, x)
	if r.stage == waiting {
		if o := r.outcome(); o != event.LoginUnknown {
			r.emit(c, o)
			if o == event.LoginAccepted {
				return true
			}
		} else if r.read++; r.read > maxRead {
			r.emit(c, event.LoginUnknown)
			return true
		}
	}
	if x != ':' {
		return false
	}
	line := r.tail
	switch {
	case bytes.HasSuffix(line, []byte("login:")) && !bytes.HasPrefix(line, []byte("last ")), bytes.HasSuffix(line, []byte("username:")):
		if r.stage != naming {
			r.stage, r.user = naming, r.user[:0]
		}
	case bytes.HasSuffix(line, []byte("password:")):
		r.stage, r.typed = password, 0
	}
	return false
}

// outcome reads the server's words after a password: complaints, a welcome, the prompt of a shell, another question.
func (r *reader) outcome() event.LoginOutcome {
	for _, w := range []string{"incorrect", "failed", "denied", "invalid", "bad password"} {
		if bytes.Contains(r.tail, []byte(w)) {
			return event.LoginRefused
		}
	}
	line := bytes.TrimRight(r.tail, " ")
	switch {
	case bytes.HasPrefix(line, []byte("last login")), len(line) > 0 && len(r.tail) > len(line) && bytes.IndexByte([]byte("$#>%"), line[len(line)-1]) >= 0:
		return event.LoginAccepted
	case bytes.HasSuffix(line, []byte("login:")), bytes.HasSuffix(line, []byte("username:")), bytes.HasSuffix(line, []byte("password:")):
		return event.LoginRefused
	}
	return event.LoginUnknown
}

func (r *reader) emit(c *analyzer.Context, o event.LoginOutcome) {
	if c.Wanted(r.kind) {
		c.Emit(&Attempt{head: c.Head(r.kind), User: string(r.user), Secret: r.seen, Outcome: o})
	}
	r.stage = idle
}

// Gap loses bytes: which question is open is not known.
func (r *reader) Gap(c *analyzer.Context, d packet.Dir, _ uint64) {
	r.filters[d] = filter{}
	r.frames[d].lose(c, d)
	r.stage, r.tail = idle, r.tail[:0]
}

// Close ends a direction.
func (r *reader) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	if d == packet.ToClient && r.stage == waiting {
		r.emit(c, event.LoginUnknown)
	}
}

// Reset forgets the connection.
func (r *reader) Reset() { *r = reader{kind: r.kind, tail: r.tail[:0], user: r.user[:0]} }
