// Package imap reads how sessions with a mailbox begin (RFC 9051, RFC 3501): who logs in how, and whether it worked. What
// comes after the login is not read.
package imap

import (
	"bytes"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

const (
	maxLine  = 2048
	maxText  = 255
	maxUser  = 255
	maxQueue = 8 // commands about the session that may wait for their answers
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "imap",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{143},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

var greetings = []string{"* OK", "* PREAUTH", "* BYE"}

// probe knows the server by its greeting (RFC 9051 7.1), and the client by a tag and a word that only IMAP has.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	line, _, whole := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	if d == packet.ToClient {
		for _, g := range greetings {
			n := min(len(line), len(g))
			switch {
			case string(line[:n]) != g[:n]:
			case n == len(g) && (len(line) > n && line[n] == ' ' || len(line) == n && whole):
				return analyzer.Yes
			case !whole && len(line) <= len(g):
				return analyzer.More
			}
		}
		return analyzer.No
	}
	tag, rest, ok := bytes.Cut(line, []byte(" "))
	if len(tag) > 0 && !isTag(tag) || whole && !ok {
		return analyzer.No
	}
	word, _, ended := bytes.Cut(rest, []byte(" "))
	if !ended && !whole {
		if len(word) > 16 {
			return analyzer.No
		}
		return analyzer.More
	}
	for _, w := range []string{"LOGIN", "AUTHENTICATE", "STARTTLS", "CAPABILITY", "ID"} {
		if bytes.EqualFold(word, []byte(w)) {
			return analyzer.Yes
		}
	}
	return analyzer.No
}

// command waits for its answer.
type command struct {
	tag    []byte
	word   string
	user   []byte
	method string
	clear  bool
	seen   packet.Ref
}

// reader follows one session until somebody is logged in.
type reader struct {
	kind    event.Kind
	lines   [2]analyzer.Lines
	literal [2]uint64 // bytes of a literal to come
	more    [2]bool   // the next line goes on with the last command or response
	naming  bool      // the literal is LOGIN's user
	queue   [maxQueue]command
	n       int
	sasl    analyzer.SASL
	greeted bool
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 {
		if r.literal[d] > 0 {
			n := min(r.literal[d], uint64(len(b)))
			if d == packet.ToServer && r.naming && r.n > 0 {
				q := &r.queue[r.n-1]
				q.user = append(q.user, b[:min(n, uint64(max(maxUser-len(q.user), 0)))]...)
			}
			r.literal[d] -= n
			b = b[n:]
			continue
		}
		if d == packet.ToServer && r.n == 0 && !r.more[d] && r.lines[d].BeginsTLS(b) && c.Upgrade("tls", d, b) {
			return
		}
		line, rest, _, ok := r.lines[d].Next(b, maxLine)
		if !ok {
			return
		}
		b = rest
		more := r.more[d]
		r.literal[d], r.more[d] = Literal(line)
		switch {
		case d == packet.ToServer:
			r.command(c, line, more)
		case !more:
			if word := r.answer(c, line); word != "" {
				if word != "STARTTLS" || !c.Upgrade("tls", d, b) {
					c.Done()
				}
				return
			}
		}
	}
}

func (r *reader) command(c *analyzer.Context, line []byte, more bool) {
	r.naming = false
	if more {
		return // the rest of a command: LOGIN's password, a search
	}
	if r.n > 0 && r.queue[r.n-1].word == "AUTHENTICATE" {
		q := &r.queue[r.n-1]
		r.sasl.Line(line)
		q.user, q.seen = append(q.user[:0], r.sasl.User...), c.Head(r.kind).Seen
		r.more[packet.ToServer], r.literal[packet.ToServer] = false, 0
		return
	}
	m := ParseCommand(line)
	if m.Word == "" {
		return
	}
	if r.n == maxQueue { // answers may wait behind a hole
		r.emit(c, 0, "", nil)
	}
	q := &r.queue[r.n]
	r.n++
	q.tag, q.word, q.seen = append(q.tag[:0], m.Tag...), m.Word, c.Head(r.kind).Seen
	q.user, q.method, q.clear = q.user[:0], "", false
	switch m.Word {
	case "LOGIN":
		q.clear = true
		r.naming = len(m.Rest) > 0 && m.Rest[0] == '{'
		if s, _, ok := ParseString(q.user, m.Rest); ok {
			q.user = s[:min(len(s), maxUser)]
		}
	case "AUTHENTICATE":
		mechanism, initial, _ := bytes.Cut(m.Rest, []byte(" "))
		r.sasl.Begin(mechanism, initial)
		q.user, q.method, q.clear = append(q.user, r.sasl.User...), r.sasl.Mechanism, r.sasl.Clear()
	}
}

// answer reads a line of the server. It returns the command that ended the reader's interest: STARTTLS, a login.
func (r *reader) answer(c *analyzer.Context, line []byte) (last string) {
	tag, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return ""
	}
	word, text, _ := bytes.Cut(rest, []byte(" "))
	status := ""
	for _, s := range []string{"OK", "NO", "BAD", "PREAUTH", "BYE"} {
		if bytes.EqualFold(word, []byte(s)) {
			status = s
		}
	}
	if len(tag) == 1 && tag[0] == '*' {
		if !r.greeted && status != "" {
			r.emit(c, -1, status, text)
			r.greeted = true
			if status == "PREAUTH" {
				return status
			}
		}
		return ""
	}
	for i := range r.n {
		if q := &r.queue[i]; status != "" && bytes.Equal(q.tag, tag) {
			word := q.word
			r.emit(c, i, status, text)
			if status == "OK" {
				return word
			}
			return ""
		}
	}
	return ""
}

// emit ends the i-th command; -1 is the greeting.
func (r *reader) emit(c *analyzer.Context, i int, status string, text []byte) {
	var q command
	if i >= 0 {
		q = r.queue[i]
	}
	if c.Wanted(r.kind) {
		c.Emit(&Exchange{head: c.Head(r.kind), Word: q.word, Status: status, Text: string(text[:min(len(text), maxText)]), Method: q.method,
			User: string(q.user), Clear: q.clear, Request: q.seen})
	}
	if i >= 0 {
		copy(r.queue[i:r.n-1], r.queue[i+1:r.n])
		r.n--
		r.queue[r.n] = command{tag: q.tag[:0], user: q.user[:0]} // its room goes to the end
	}
}

// Gap loses bytes. Tags tell which answer belongs to what.
func (r *reader) Gap(_ *analyzer.Context, d packet.Dir, n uint64) {
	if n < r.literal[d] {
		r.literal[d] -= n
		return
	}
	r.literal[d], r.more[d], r.naming = 0, false, false
	r.lines[d].Gap()
}

// Close ends a direction. Without the server's nothing more is answered.
func (r *reader) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	if d != packet.ToClient {
		return
	}
	for r.n > 0 {
		r.emit(c, 0, "", nil)
	}
}

// Reset forgets the connection.
func (r *reader) Reset() {
	for d := range r.lines {
		r.lines[d].Reset()
	}
	queue, lines := r.queue, r.lines
	for i := range queue {
		queue[i] = command{tag: queue[i].tag[:0], user: queue[i].user[:0]}
	}
	*r = reader{kind: r.kind, queue: queue, lines: lines}
}

// Held is what the session keeps (analyzer.Holder).
func (r *reader) Held() int {
	n := r.lines[0].Held() + r.lines[1].Held()
	for i := range r.queue {
		n += cap(r.queue[i].tag) + cap(r.queue[i].user)
	}
	return n
}
