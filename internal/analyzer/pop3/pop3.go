// Package pop3 reads the dialogue of mailboxes (RFC 1939, 2595, 5034): who logs in how, and whether it worked. The mails
// themselves are passed over.
package pop3

import (
	"bytes"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

const (
	maxLine  = 2048
	maxArg   = 255
	maxReply = 512
	maxQueue = 16 // commands that may wait for their replies (PIPELINING, RFC 2449 6.6)
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "pop3",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{110},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe knows the server by its greeting (RFC 1939 4). What the client says first others say too, but for CAPA, APOP and
// STLS.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	line, _, whole := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	if d == packet.ToClient {
		n := min(len(line), 3)
		switch {
		case string(line[:n]) != "+OK"[:n], len(line) > 3 && line[3] != ' ', whole && n < 3:
			return analyzer.No
		case len(line) > 3, whole:
			return analyzer.Yes
		}
		return analyzer.More
	}
	word, _, ended := bytes.Cut(line, []byte(" "))
	if len(word) > 4 {
		return analyzer.No
	}
	if !ended && !whole {
		return analyzer.More
	}
	switch m := ParseCommand(word); m.Word {
	case "CAPA", "APOP", "STLS", "UIDL":
		return analyzer.Yes
	case "":
		return analyzer.No
	}
	return analyzer.More
}

// command waits for its reply.
type command struct {
	word string
	arg  []byte
	seen packet.Ref
}

// reader follows one session.
type reader struct {
	kind  event.Kind
	lines [2]analyzer.Lines
	queue [maxQueue]command
	n     int
	body  bool // lines of a long reply
	sasl  analyzer.SASL
	user  string
	gap   bool
	lost  bool
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 {
		if d == packet.ToServer && r.n == 0 && r.lines[d].BeginsTLS(b) && c.Upgrade("tls", d, b) {
			return
		}
		line, rest, _, ok := r.lines[d].Next(b, maxLine)
		if !ok {
			return
		}
		b = rest
		switch {
		case d == packet.ToClient:
			if r.reply(c, line) {
				if !c.Upgrade("tls", d, b) {
					c.Done()
				}
				return
			}
		case r.n > 0 && r.queue[r.n-1].word == "AUTH" && len(r.queue[r.n-1].arg) > 0:
			r.queue[r.n-1].seen = c.Head(r.kind).Seen
			r.sasl.Line(line)
		default:
			r.command(c, line)
		}
	}
}

func (r *reader) command(c *analyzer.Context, line []byte) {
	if len(line) == 0 {
		return
	}
	m := ParseCommand(line)
	arg := m.Arg
	switch m.Word {
	case "AUTH":
		mechanism, initial, _ := bytes.Cut(arg, []byte(" "))
		if len(mechanism) > 0 {
			r.sasl.Begin(mechanism, initial)
			arg = []byte(r.sasl.Mechanism)
		}
	case "APOP": // name digest
		arg, _, _ = bytes.Cut(arg, []byte(" "))
	}
	if r.n == maxQueue { // the replies may wait behind a hole
		r.unknown(c)
	}
	q := &r.queue[r.n]
	r.n++
	q.word, q.seen = m.Word, c.Head(r.kind).Seen
	q.arg = append(q.arg[:0], arg[:min(len(arg), maxArg)]...)
}

// reply reads a line of the server. It returns true when the line accepts STLS.
func (r *reader) reply(c *analyzer.Context, line []byte) (secured bool) {
	if r.body {
		r.body = len(line) != 1 || line[0] != '.'
		return false
	}
	positive, text, ok := ParseStatus(line)
	if !ok {
		return false // "+ " asks AUTH for more
	}
	r.align(c)
	var q command
	if r.n > 0 {
		q = r.queue[0]
	}
	r.body = positive && long(q.word, q.arg)
	r.emit(c, true, positive, text)
	return positive && q.word == "STLS"
}

// emit ends the oldest command; without a command it is the greeting.
func (r *reader) emit(c *analyzer.Context, answered, positive bool, text []byte) {
	var q command
	if r.n > 0 {
		q = r.queue[0]
	}
	if c.Wanted(r.kind) {
		x := &Exchange{head: c.Head(r.kind), Word: q.word, Arg: string(q.arg), Answered: answered, Positive: positive,
			Reply: string(text[:min(len(text), maxReply)]), Request: q.seen, Lost: r.lost}
		switch q.word {
		case "USER", "APOP":
			r.user = x.Arg
		case "AUTH":
			r.user = r.sasl.User
		}
		x.User = r.user
		c.Emit(x)
	}
	if r.n > 0 {
		copy(r.queue[:r.n-1], r.queue[1:r.n])
		r.n--
		r.queue[r.n] = command{arg: q.arg[:0]} // its room goes to the end
	}
}

// unknown ends the oldest command, of which nobody knows how it was answered.
func (r *reader) unknown(c *analyzer.Context) {
	r.lost = true
	r.emit(c, false, false, nil)
	r.lost = false
}

// align passes over commands whose replies fell into a gap: the reply at hand answers the last command before it.
func (r *reader) align(c *analyzer.Context) {
	if !r.gap {
		return
	}
	r.gap = false
	now := c.Head(r.kind).Seen
	for r.n > 1 && r.queue[1].seen.Time <= now.Time {
		r.unknown(c)
	}
}

// Gap loses bytes.
func (r *reader) Gap(_ *analyzer.Context, d packet.Dir, _ uint64) {
	r.lines[d].Gap()
	if d == packet.ToClient {
		r.gap = true
	}
}

// Close ends a direction. Without the server's nothing more is answered.
func (r *reader) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	if d != packet.ToClient {
		return
	}
	for r.n > 0 {
		r.emit(c, false, false, nil)
	}
}

// Reset forgets the connection.
func (r *reader) Reset() {
	for d := range r.lines {
		r.lines[d].Reset()
	}
	queue, lines := r.queue, r.lines
	for i := range queue {
		queue[i] = command{arg: queue[i].arg[:0]}
	}
	*r = reader{kind: r.kind, queue: queue, lines: lines}
}

// Held is what the session keeps (analyzer.Holder).
func (r *reader) Held() int {
	n := r.lines[0].Held() + r.lines[1].Held()
	for i := range r.queue {
		n += cap(r.queue[i].arg)
	}
	return n
}
