package smtp

import (
	"bytes"

	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// dots finds the end of a mail's content, and takes away the dots that were put before lines (RFC 5321 4.5.2).
type dots uint8

const (
	atLine   dots = iota
	afterDot      // at the begin of a line
	afterCR       // behind such a dot
	inLine
)

var cr = []byte("\r")

// next returns what b begins with, without the dot of a line, and what follows it; end says that the content is over.
func (s *dots) next(b []byte) (text, rest []byte, end bool) {
	switch *s {
	case atLine:
		if b[0] == '.' {
			*s = afterDot
			return nil, b[1:], false
		}
	case afterDot:
		switch b[0] {
		case '\n':
			*s = atLine
			return nil, b[1:], true
		case '\r':
			*s = afterCR
			return nil, b[1:], false
		}
	case afterCR:
		if b[0] == '\n' {
			*s = atLine
			return nil, b[1:], true
		}
		*s = inLine
		return cr, b, false
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		*s = atLine
		return b[:i+1], b[i+1:], false
	}
	*s = inLine
	return b, nil, false
}

// begin says that the content of a mail comes next.
func (r *reader) begin(c *analyzer.Context) {
	r.said, r.dots = body, atLine
	r.content.begin(c)
}

// read takes content from b and returns what follows.
func (r *reader) read(c *analyzer.Context, b []byte) (rest []byte) {
	if r.said == chunked {
		n := min(r.left, uint64(len(b)))
		r.content.write(c, b[:n])
		r.left -= n
		r.chunked(c)
		return b[n:]
	}
	text, rest, end := r.dots.next(b)
	r.content.write(c, text)
	if end {
		r.said = commands
		m := r.content.end(c, true)
		r.put(c, ".", nil)
		r.ended(m)
	}
	return rest
}

// chunk begins a chunk of content (RFC 3030 2).
func (r *reader) chunk(c *analyzer.Context, arg []byte) {
	n, last, ok := chunk(arg)
	if !ok {
		r.odd(c, packet.ToServer, oddBDAT)
		return
	}
	if !r.content.on {
		r.content.begin(c)
	}
	r.said, r.left, r.last = chunked, n, last
	r.chunked(c)
}

// chunked ends a chunk that is complete, and with the last one the mail.
func (r *reader) chunked(c *analyzer.Context) {
	if r.left > 0 {
		return
	}
	if r.said = commands; r.last {
		r.ended(r.content.end(c, true))
	}
}

// ended goes on to the next mail.
func (r *reader) ended(m *Email) {
	if m != nil {
		r.sent = append(r.sent, sent{r.tx, m})
	}
	r.next()
}

func (r *reader) next() {
	r.tx++
	r.envelope.reset()
	for d := range r.events {
		r.events[d] = r.events[d][:0]
	}
}

// address notes whom the client names.
func (r *reader) address(c *analyzer.Context, verb string, arg []byte) {
	e := &r.envelope
	arg = arg[:min(len(arg), maxArg)]
	switch verb {
	case "HELO", "EHLO", "LHLO":
		if len(e.helo) > 0 {
			r.odd(c, packet.ToServer, oddDuplicate)
		}
		if e.begun {
			r.next()
		}
		e.helo = append(e.helo[:0], arg...)
	case "MAIL":
		if len(e.from) > 0 {
			r.odd(c, packet.ToServer, oddDuplicate)
		}
		e.from, e.begun = append(e.from[:0], arg...), true
	case "RCPT":
		if e.begun = true; len(e.to) < maxRecipients && c.Inspected(r.kind) {
			e.to = append(e.to, bytes.Clone(arg))
		}
	case "RSET":
		r.abandon(c)
		if e.begun {
			r.next()
		}
		return
	default:
		return
	}
	r.inspect(c, false)
}

// unasked looks at a reply that answers no command.
func (r *reader) unasked(c *analyzer.Context, code uint16) {
	switch {
	case !r.greeted:
		if r.greeted = true; code != 220 {
			r.odd(c, packet.ToClient, oddWelcome)
		}
	case r.n == 0 && code != 421 && r.said == commands: // a server may say at any time that it leaves (RFC 5321 3.8)
		r.odd(c, packet.ToClient, oddNoRequest)
	}
}

// take returns what the mail of transaction tx said; older ones got no answer.
func (r *reader) take(c *analyzer.Context, tx uint32) *Email {
	for len(r.sent) > 0 && r.sent[0].tx <= tx {
		s := r.sent[0]
		if r.sent = r.sent[:copy(r.sent, r.sent[1:])]; s.tx == tx {
			return s.m
		}
		r.finish(c, &Mail{Helo: r.helo, Email: s.m})
	}
	return nil
}

// finish ends the attachments of a mail, whose records say what it was.
func (r *reader) finish(c *analyzer.Context, m *Mail) {
	if m == nil || m.Email == nil {
		return
	}
	for _, f := range m.Email.files {
		if f != nil {
			f.End(c, false, m) // Stop said how it ended
		}
	}
	m.Email.files = nil
}

// abandon ends a mail in the midst of its content.
func (r *reader) abandon(c *analyzer.Context) {
	if m := r.content.end(c, false); m != nil {
		r.finish(c, &Mail{Helo: r.helo, From: string(r.envelope.from), Email: m})
	}
}

// lose counts missing bytes of a mail's content. Where lines are, its end may have been among them: a dot that follows is
// believed.
func (r *reader) lose(c *analyzer.Context, n uint64) {
	r.content.gap(c, n)
	if r.said == body {
		r.dots = inLine
		return
	}
	r.left -= min(n, r.left)
	r.chunked(c)
}

// cutOff ends a mail whose content stopped with the connection, with a record of its own.
func (r *reader) cutOff(c *analyzer.Context) {
	if m := r.content.end(c, false); m != nil {
		x := &Exchange{head: c.Head(r.kind), Lost: true, Tx: r.tx}
		r.mail.Email = m
		r.record(x, true)
		r.finish(c, x.Mail)
		if c.Wanted(r.kind) {
			c.Emit(x)
		}
	}
}

// leave ends the mails that nobody answered.
func (r *reader) leave(c *analyzer.Context) {
	for _, s := range r.sent {
		r.finish(c, &Mail{Helo: r.helo, Email: s.m})
	}
	r.sent = r.sent[:0]
}
