// Package smtp reads the dialogue of mail servers (RFC 5321, 3207, 4954): greeting, names, recipients, logins and the
// change to TLS. The mails themselves are taken apart where somebody asks for what they say.
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
	Name:  "smtp",
	Over:  []analyzer.Transport{analyzer.TCP},
	Ports: []uint16{25, 587},
	Probe: probe,
	Kinds: []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		r := &reader{kind: o.Kind(Kind)}
		r.content.r = r
		r.content.want = wants{mime: o.Setting("smtp.mime", 1) != 0, scheme: o.Setting("smtp.url-scheme", 0) != 0,
			body: o.Setting("smtp.body-md5", 0) != 0, subject: o.Setting("smtp.subject-md5", 0) != 0}
		return r, nil
	},
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
	tx   uint32
	seen packet.Ref
}

// said is what the client sends.
type said uint8

const (
	commands said = iota
	body          // until a line with nothing but a dot
	chunked       // a number of bytes
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
	said    said
	left    uint64 // bytes of a chunk
	last    bool   // it is the last of its mail
	dots    dots
	helo    string
	mail    Mail
	mails   int
	greeted bool
	early   bool // the content came before the server asked for it
	gap     bool
	lost    bool

	tx       uint32 // number of the mail that the client speaks of
	envelope envelope
	content  content
	sent     []sent // mails whose end is not answered
	events   [2][]string
	closed   [2]bool
	frame    analyzer.FrameID // of the content that the client sends
}

// sent is a mail that was sent.
type sent struct {
	tx uint32
	m  *Email
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 {
		if d == packet.ToServer && r.said != commands {
			if c.Framed() && r.frame == 0 {
				r.frame = c.Frame(d, "data", len(b), -1)
			}
			b = r.read(c, b)
			r.endFrame(c, len(b))
			continue
		}
		if d == packet.ToServer && r.n > 0 && r.queue[r.n-1].verb == "DATA" { // it did not wait to be asked
			r.odd(c, d, oddPipelined)
			r.begin(c)
			r.early = true
			continue
		}
		if d == packet.ToServer && r.n == 0 && r.lines[d].BeginsTLS(b) && c.Upgrade("tls", d, b) {
			return
		}
		line, rest, cut, ok := r.lines[d].Next(b, maxLine)
		if !ok {
			return
		}
		if c.Framed() && !cut {
			markLine(c, d, line, b, len(rest))
		}
		b = rest
		if cut {
			r.odd(c, d, [2]string{oddLongCommand, oddLongReply}[d])
		}
		switch {
		case d == packet.ToClient:
			if r.reply(c, line) {
				if !c.Upgrade("tls", d, b) {
					c.Done()
				}
				return
			}
		case r.n > 0 && r.queue[r.n-1].verb == "AUTH":
			r.queue[r.n-1].seen = c.Head(r.kind).Seen
			r.sasl.Line(line)
		default:
			r.command(c, line)
		}
	}
}

// endFrame ends the frame of the content when all of it was sent.
func (r *reader) endFrame(c *analyzer.Context, back int) {
	if r.frame != 0 && r.said == commands {
		c.EndFrame(packet.ToServer, r.frame, back)
		r.frame = 0
	}
}

func (r *reader) put(c *analyzer.Context, verb string, arg []byte) {
	if r.n == maxQueue { // the replies may wait behind a hole
		r.unknown(c)
	}
	q := &r.queue[r.n]
	r.n++
	q.verb, q.tx, q.seen = verb, r.tx, c.Head(r.kind).Seen
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
	case "MAIL", "RCPT":
		arg = Path(arg)
	}
	r.put(c, m.Verb, arg)
	r.address(c, m.Verb, arg)
	if m.Verb == "BDAT" {
		r.chunk(c, arg)
	}
}

// reply reads a line of the server. It returns true when the line accepts STARTTLS.
func (r *reader) reply(c *analyzer.Context, line []byte) (secured bool) {
	code, text, more := ParseReplyLine(line)
	if code == 0 {
		r.odd(c, packet.ToClient, oddReply)
		return false
	}
	if r.code == 0 {
		r.align(c)
		r.code = code
		r.unasked(c, code)
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
	switch {
	case verb == "DATA" && code == 354:
		if !r.early {
			r.begin(c)
		}
		r.early = false
	case verb == "DATA":
		r.odd(c, packet.ToClient, oddRefused)
		if r.early { // what it sent was none
			r.early, r.said = false, commands
			r.abandon(c)
		}
	case verb == "STARTTLS" && code != 220:
		r.odd(c, packet.ToClient, oddTLS)
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
	wanted := c.Wanted(r.kind)
	if wanted || len(r.sent) > 0 {
		x := &Exchange{head: c.Head(r.kind), Verb: q.verb, Arg: string(q.arg), Code: r.code, Reply: string(r.texts), Request: q.seen, Lost: r.lost, Tx: q.tx}
		r.learn(c, x)
		if wanted {
			c.Emit(x)
		}
	}
	r.code, r.texts = 0, r.texts[:0]
	if r.n > 0 {
		copy(r.queue[:r.n-1], r.queue[1:r.n])
		r.n--
		r.queue[r.n] = command{arg: q.arg[:0]} // its room goes to the end
	}
}

// learn collects the mail that the exchange belongs to.
func (r *reader) learn(c *analyzer.Context, x *Exchange) {
	switch x.Verb {
	case "HELO", "EHLO", "LHLO": // as RSET does (RFC 5321 4.1.4)
		r.record(x, false)
		r.helo = x.Arg
	case "RSET":
		r.record(x, false)
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
			r.mail.Email = r.take(c, x.Tx)
			r.record(x, true)
			r.finish(c, x.Mail)
		}
	case "QUIT":
		r.record(x, r.mails == 0 && r.helo != "")
	}
}

// record makes the exchange the end of a mail: always, or where somebody was named.
func (r *reader) record(x *Exchange, always bool) {
	if always || r.mail.From != "" || len(r.mail.To) > 0 {
		m := r.mail
		m.Helo = r.helo
		x.Mail = &m
		r.mails++
	}
	r.mail = Mail{}
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
	if d == packet.ToServer && r.said != commands {
		r.lose(c, n)
		r.endFrame(c, 0)
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
	if r.closed[d] = true; !r.closed[packet.ToClient] {
		return
	}
	for r.n > 0 {
		r.emit(c)
	}
	if r.closed[packet.ToServer] {
		r.cutOff(c)
		r.leave(c)
	}
}

// Reset forgets the connection.
func (r *reader) Reset() {
	for d := range r.lines {
		r.lines[d].Reset()
	}
	queue, lines, texts, kept := r.queue, r.lines, r.texts[:0], r.content
	kept.reset()
	envelope := envelope{helo: r.envelope.helo[:0], from: r.envelope.from[:0]}
	for i := range queue {
		queue[i] = command{arg: queue[i].arg[:0]}
	}
	*r = reader{kind: r.kind, queue: queue, lines: lines, texts: texts, content: kept, envelope: envelope}
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
	for _, s := range r.sent {
		n += s.m.held()
	}
	return n + r.envelope.held() + r.content.held()
}
