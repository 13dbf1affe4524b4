// Package smtp reads the dialogue of mail servers (RFC 5321, 3207, 4954): greeting, names, recipients, logins and the
// change to TLS. The mails themselves are passed over.
package smtp

import (
	"bytes"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

const (
	maxLine       = 2048 // bytes of a line that are looked at: AUTH may be long
	maxArg        = 255
	maxReply      = 1024
	maxQueue      = 16 // commands that may wait for their replies (PIPELINING, RFC 2920)
	maxRecipients = 16
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "smtp",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{25, 587},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe knows the client by its first command, and the server by a greeting that names SMTP; another "220" may be FTP's.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	line, _, whole := bytes.Cut(b, []byte("\n"))
	if d == packet.ToClient {
		for _, code := range []string{"220", "554", "421"} { // RFC 5321 4.3.2
			n := min(len(line), 3)
			if string(line[:n]) != code[:n] {
				continue
			}
			switch {
			case whole && n < 3, len(line) > 3 && line[3] != ' ' && line[3] != '-' && line[3] != '\r':
				return analyzer.No
			case whole && bytes.Contains(line, []byte("SMTP")):
				return analyzer.Yes
			}
			return analyzer.More
		}
		return analyzer.No
	}
	for _, hello := range []string{"EHLO ", "HELO ", "LHLO "} {
		n := min(len(line), len(hello))
		if bytes.EqualFold(line[:n], []byte(hello[:n])) {
			if n == len(hello) {
				return analyzer.Yes
			}
			if !whole {
				return analyzer.More
			}
		}
	}
	return analyzer.No
}

// command waits for its reply.
type command struct {
	verb string
	arg  []byte
	seen packet.Ref
}

// content is what the client sends other than commands.
type content uint8

const (
	commands content = iota
	body             // until a line with nothing but a dot
	chunked          // a number of bytes
)

// reader follows one session.
type reader struct {
	kind    event.Kind
	lines   [2]analyzer.Lines
	queue   [maxQueue]command
	n       int
	code    uint16 // of the reply that is being read, 0 = none
	texts   []byte
	sasl    analyzer.SASL
	content content
	left    uint64 // bytes of a chunk
	helo    string
	mail    Mail
	mails   int
	gap     bool
	lost    bool
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 {
		if d == packet.ToServer && r.content == chunked {
			n := min(r.left, uint64(len(b)))
			b = b[n:]
			if r.left -= n; r.left == 0 {
				r.content = commands
			}
			continue
		}
		if d == packet.ToServer && r.n == 0 && r.content == commands && r.lines[d].BeginsTLS(b) && c.Upgrade("tls", d, b) {
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
		case r.content == body:
			if len(line) == 1 && line[0] == '.' {
				r.content = commands
				r.put(c, ".", nil)
			}
		case r.n > 0 && r.queue[r.n-1].verb == "AUTH":
			r.queue[r.n-1].seen = c.Head(r.kind).Seen
			r.sasl.Line(line)
		default:
			r.command(c, line)
		}
	}
}

func (r *reader) put(c *analyzer.Context, verb string, arg []byte) {
	if r.n == maxQueue { // the replies may wait behind a hole
		r.unknown(c)
	}
	q := &r.queue[r.n]
	r.n++
	q.verb, q.seen = verb, c.Head(r.kind).Seen
	q.arg = append(q.arg[:0], arg[:min(len(arg), maxArg)]...)
}

func (r *reader) command(c *analyzer.Context, line []byte) {
	if len(line) == 0 {
		return
	}
	m := ParseCommand(line)
	arg := m.Arg
	switch m.Verb {
	case "AUTH":
		mechanism, initial, _ := bytes.Cut(arg, []byte(" "))
		r.sasl.Begin(mechanism, initial)
		arg = []byte(r.sasl.Mechanism)
	case "BDAT":
		if n, _, ok := chunk(arg); ok && n > 0 {
			r.content, r.left = chunked, n
		}
	case "MAIL", "RCPT":
		arg = Path(arg)
	}
	r.put(c, m.Verb, arg)
}

// reply reads a line of the server. It returns true when the line accepts STARTTLS.
func (r *reader) reply(c *analyzer.Context, line []byte) (secured bool) {
	code, text, more := ParseReplyLine(line)
	if code == 0 {
		return false
	}
	if r.code == 0 {
		r.align(c)
		r.code = code
	}
	if room := maxReply - len(r.texts); room > 0 {
		if len(r.texts) > 0 {
			r.texts = append(r.texts, '\n')
		}
		r.texts = append(r.texts, text[:min(len(text), room)]...)
	}
	if more {
		return false
	}
	verb := ""
	if r.n > 0 {
		verb = r.queue[0].verb
	}
	if verb == "AUTH" && code == 334 { // a question of the mechanism
		r.code, r.texts = 0, r.texts[:0]
		return false
	}
	if verb == "DATA" && code == 354 {
		r.content = body
	}
	r.emit(c)
	return verb == "STARTTLS" && code == 220
}

// emit ends the oldest command with the reply as it is so far; without a command it is the greeting.
func (r *reader) emit(c *analyzer.Context) {
	var q command
	if r.n > 0 {
		q = r.queue[0]
	}
	if c.Wanted(r.kind) {
		x := &Exchange{head: c.Head(r.kind), Verb: q.verb, Arg: string(q.arg), Code: r.code, Reply: string(r.texts), Request: q.seen, Lost: r.lost}
		r.learn(x)
		c.Emit(x)
	}
	r.code, r.texts = 0, r.texts[:0]
	if r.n > 0 {
		copy(r.queue[:r.n-1], r.queue[1:r.n])
		r.n--
		r.queue[r.n] = command{arg: q.arg[:0]} // its room goes to the end
	}
}

// learn collects the mail that the exchange belongs to.
func (r *reader) learn(x *Exchange) {
	switch x.Verb {
	case "HELO", "EHLO", "LHLO":
		r.helo, r.mail = x.Arg, Mail{}
	case "RSET":
		r.mail = Mail{}
	case "MAIL":
		r.mail = Mail{From: x.Arg}
	case "RCPT":
		if len(r.mail.To) < maxRecipients {
			r.mail.To = append(r.mail.To, x.Arg)
		} else {
			r.mail.More++
		}
	case "AUTH":
		x.User, x.Clear = r.sasl.User, r.sasl.Clear()
	case ".", "BDAT":
		if _, last, _ := chunk([]byte(x.Arg)); x.Verb == "." || last {
			m := r.mail
			m.Helo = r.helo
			x.Mail = &m
			r.mail = Mail{}
			r.mails++
		}
	case "QUIT":
		if r.mails == 0 && r.helo != "" {
			m := r.mail
			m.Helo = r.helo
			x.Mail = &m
		}
	}
}

// unknown ends the oldest command, of which nobody knows how it was answered.
func (r *reader) unknown(c *analyzer.Context) {
	r.lost = true
	r.emit(c)
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

// Gap loses bytes. A hole in a mail's content is none of the dialogue.
func (r *reader) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	if d == packet.ToServer && r.content == chunked {
		n = min(n, r.left)
		if r.left -= n; r.left == 0 {
			r.content = commands
		}
		return
	}
	r.lines[d].Gap()
	if d == packet.ToClient {
		r.gap = true
		if r.code != 0 { // its rest is lost
			r.unknown(c)
		}
	}
}

// Close ends a direction. Without the server's nothing more is answered.
func (r *reader) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	if d != packet.ToClient {
		return
	}
	for r.n > 0 {
		r.emit(c)
	}
}

// Reset forgets the connection.
func (r *reader) Reset() {
	for d := range r.lines {
		r.lines[d].Reset()
	}
	queue, lines, texts := r.queue, r.lines, r.texts[:0]
	for i := range queue {
		queue[i] = command{arg: queue[i].arg[:0]}
	}
	*r = reader{kind: r.kind, queue: queue, lines: lines, texts: texts}
}

// Held is what the session keeps (analyzer.Holder).
func (r *reader) Held() int {
	n := r.lines[0].Held() + r.lines[1].Held() + cap(r.texts)
	for i := range r.queue {
		n += cap(r.queue[i].arg)
	}
	for _, to := range r.mail.To {
		n += len(to)
	}
	return n
}
