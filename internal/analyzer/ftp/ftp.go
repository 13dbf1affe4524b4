// Package ftp reads the control channel of FTP (RFC 959, 2228, 2428, 4217): who logs in how, where data connections are
// to go, and when the channel becomes unreadable to everybody between.
package ftp

import (
	"bytes"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

const (
	maxLine  = 4096 // bytes of a line that are looked at, Suricata's max-line-length
	maxArg   = maxLine
	maxReply = 4096 // bytes kept of a reply
	maxQueue = 8    // commands that may wait for their replies: clients wait for each, as a rule
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "ftp",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{21},
	Probe:  probe,
	Kinds:  []string{Kind, DataKind}, // data connections are found by what is said here
	Closed: true,                     // what was hidden by encryption shows by when the control channel ended
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe knows the client by a command that only FTP has; a greeting "220" may be SMTP's too, unless it names FTP.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	line, _, whole := bytes.Cut(b, []byte("\n"))
	if d == packet.ToClient {
		for i, want := range []string{"12", "2", "0"} {
			if i < len(line) && bytes.IndexByte([]byte(want), line[i]) < 0 {
				return analyzer.No
			}
		}
		switch {
		case len(line) > 3 && line[3] != ' ' && line[3] != '-', whole && len(line) < 3:
			return analyzer.No
		case whole && bytes.Contains(line, []byte("FTP")) && !bytes.Contains(line, []byte("SMTP")):
			return analyzer.Yes
		}
		return analyzer.More
	}
	word, _, ended := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(" "))
	var up [4]byte
	if len(word) > len(up) {
		return analyzer.No
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		up[i] = c
	}
	if !ended && !whole {
		for n := range names {
			if len(n) >= len(word) && n[:len(word)] == string(up[:len(word)]) {
				return analyzer.More
			}
		}
		return analyzer.No
	}
	switch string(up[:len(word)]) {
	case "USER", "AUTH", "FEAT", "SYST", "HOST", "CLNT", "OPTS", "PBSZ", "PROT", "PASV", "EPSV", "PORT", "EPRT", "CWD", "PWD", "TYPE", "LIST",
		"RETR", "STOR", "MLSD", "SIZE", "MDTM":
		return analyzer.Yes
	case "QUIT", "NOOP", "HELP", "STAT": // others have these too: the greeting decides
		return analyzer.More
	}
	return analyzer.No
}

// command waits for its reply.
type command struct {
	name   string
	arg    []byte
	secret bool
	cut    bool // the line was longer than maxLine
	tx     uint32
	seen   packet.Ref
}

// reader follows one control channel.
type reader struct {
	kind  event.Kind
	lines [2]analyzer.Lines
	queue [maxQueue]command
	n     int

	codes [4]uint16 // of the reply that is being read
	texts []byte
	multi uint16 // code of a reply of several lines that has not ended
	user  string
	tls   [2]records
	again bool
	gap   bool // bytes of the server are missing: replies and commands have to be aligned
	lost  bool // of the exchange that is being emitted
	ended [2]bool
	cut   bool    // the reply that is being read has a line longer than maxLine
	txs   uint32  // transactions begun: a command each, and what was said without one
	to    Channel // where the next data connection goes
	view  view
}

// Data reads bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 {
		t := &r.tls[d]
		if t.on {
			rest, ok := t.skip(b)
			if !ok {
				c.Done()
				return
			}
			if b = rest; t.on {
				return
			}
			r.again = true
			continue
		}
		if d == packet.ToServer && b[0] == recordHandshake && !r.lines[d].Begun() && r.asked("AUTH") {
			t.on = true // its hello is delivered before the 234 that it answers
			continue
		}
		line, rest, cut, ok := r.lines[d].Next(b, maxLine)
		if !ok {
			return
		}
		if b = rest; d == packet.ToServer {
			r.command(c, line, cut)
		} else if r.reply(c, line, cut) { // the answer to AUTH: from here on it is encrypted
			if !r.tls[0].on && c.Upgrade("tls", d, b) {
				return
			}
			r.tls[0].on, r.tls[1].on = true, true
		}
	}
}

func (r *reader) asked(name string) bool { return r.n > 0 && r.queue[r.n-1].name == name }

func (r *reader) command(c *analyzer.Context, line []byte, cut bool) {
	m := ParseCommand(line)
	if m.Name == "" && !m.Secret {
		return // an empty line
	}
	if r.n == maxQueue { // the replies may wait behind a hole
		r.unknown(c)
	}
	q := &r.queue[r.n]
	r.n++
	q.name, q.secret, q.cut, q.tx, q.seen = m.Name, m.Secret, cut, r.txs, c.Head(r.kind).Seen
	q.arg = append(q.arg[:0], m.Arg[:min(len(m.Arg), maxArg)]...)
	r.txs++
	r.announce(c, q)
	if cut {
		c.AppLayer(packet.ToServer, uint64(q.tx), eventLongCommand)
	}
	r.show(c, q, line)
}

// reply reads a line of the server. It returns true when the line accepts AUTH.
func (r *reader) reply(c *analyzer.Context, line []byte, cut bool) (secured bool) {
	l := ParseReplyLine(line)
	switch {
	case r.multi == 0 && l.Code == 0:
		return false // text outside of any reply
	case r.multi == 0:
		r.align(c)
		r.begin(l.Code)
		if l.More {
			r.multi = l.Code
		}
	case l.Code == r.multi && !l.More:
		r.multi = 0
	}
	r.cut = r.cut || cut
	if room := maxReply - len(r.texts); room > 0 {
		if len(r.texts) > 0 {
			r.texts = append(r.texts, '\n')
		}
		r.texts = append(r.texts, l.Text[:min(len(l.Text), room)]...)
	}
	if r.multi != 0 || l.Code < 200 { // a preliminary reply: another follows (RFC 959 4.2.1)
		return false
	}
	secured = r.n > 0 && r.queue[0].name == "AUTH" && l.Code == 234
	r.emit(c)
	return secured
}

func (r *reader) begin(code uint16) {
	for i := range r.codes {
		if r.codes[i] == 0 || i == len(r.codes)-1 {
			r.codes[i] = code
			return
		}
	}
}

// emit ends the oldest command with the reply as it is so far; without a command it is the greeting.
func (r *reader) emit(c *analyzer.Context) {
	q := command{tx: r.txs}
	if r.n > 0 {
		q = r.queue[0]
	} else {
		r.txs++
	}
	ch := channel(&q, r.texts)
	if ch.Passive {
		r.to = ch
	}
	if r.cut {
		c.AppLayer(packet.ToClient, uint64(q.tx), eventLongReply)
	}
	if c.Wanted(r.kind) || c.Inspected(r.kind) {
		x := &Exchange{head: c.Head(r.kind), Command: q.name, Data: string(q.arg), Secret: q.secret, Codes: r.codes, Reply: string(r.texts),
			Request: q.seen, Again: r.again, Lost: r.lost, Channel: ch, Tx: q.tx, Cut: q.cut, ReplyCut: r.cut}
		if q.name == "USER" {
			r.user = x.Data
		}
		x.User = r.user
		r.showAnswer(c, x)
		if c.Wanted(r.kind) {
			c.Emit(x)
		}
	}
	r.codes, r.texts, r.multi, r.cut = [4]uint16{}, r.texts[:0], 0, false
	if r.n > 0 {
		copy(r.queue[:r.n-1], r.queue[1:r.n])
		r.n--
		r.queue[r.n] = command{arg: q.arg[:0]} // its room goes to the end
	}
}

// channel returns what a command and its reply arranged.
func channel(q *command, reply []byte) (ch Channel) {
	switch q.name {
	case "PASV", "EPSV":
		ch.Passive, ch.Extended = true, q.name == "EPSV"
		if ch.Extended {
			ch.End, _ = ParseExtended(reply)
		} else {
			ch.End, _ = ParseHostPort(reply)
		}
	case "PORT":
		ch.End, _ = ParseHostPort(q.arg)
	case "EPRT":
		ch.Extended = true
		ch.End, _ = ParseExtended(q.arg)
	}
	if ch.End.Port == 0 {
		return Channel{}
	}
	return ch
}

// Gap loses bytes. Which command a later reply answers is found again from the order of the frames.
func (r *reader) Gap(c *analyzer.Context, d packet.Dir, _ uint64) {
	if r.tls[d].on {
		c.Done() // where the next record begins is not known
		return
	}
	r.lines[d].Gap()
	if d == packet.ToClient {
		r.gap = true
		if r.codes[0] != 0 { // its rest is lost
			r.unknown(c)
		}
	}
}

// unknown ends the oldest command, of which nobody knows how it was answered.
func (r *reader) unknown(c *analyzer.Context) {
	r.lost = true
	r.emit(c)
	r.lost = false
}

// align passes over commands whose replies fell into a gap: a client waits for each reply, so the one at hand answers
// the last command before it.
func (r *reader) align(c *analyzer.Context) {
	if !r.gap || r.codes[0] != 0 {
		return
	}
	r.gap = false
	now := c.Head(r.kind).Seen
	for r.n > 1 && r.queue[1].seen.Time <= now.Time {
		r.unknown(c)
	}
}

// Close ends a direction. Without the server's nothing more is answered.
func (r *reader) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	r.ended[d] = true
	if d == packet.ToClient || r.ended[packet.ToClient] {
		r.flush(c)
	}
}

func (r *reader) flush(c *analyzer.Context) {
	for r.n > 0 {
		r.emit(c)
	}
	r.codes, r.texts, r.multi, r.cut = [4]uint16{}, r.texts[:0], 0, false
}

// Reset forgets the connection; what may have held a password is overwritten.
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
	return n
}
