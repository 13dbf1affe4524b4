package ftp

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// dataWait is how long a data connection may take to come after its command, in packet time.
const dataWait = 2 * time.Minute

// announce tells what a command says of the data connection that is to come: its reader cannot know.
func (r *reader) announce(c *analyzer.Context, q *command) {
	switch q.name {
	case "PORT", "EPRT":
		r.to = channel(q, nil)
		return
	case "RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD":
	default:
		return
	}
	port := r.to.End.Port
	if port == 0 {
		if q.name == "RETR" || q.name == "STOR" {
			c.AppLayer(packet.ToServer, uint64(q.tx), eventNoPort)
		}
		return
	}
	h := c.Head(r.kind)
	t := &Transfer{Command: q.name}
	if q.name == "RETR" || q.name == "STOR" || q.name == "APPE" {
		t.File = string(q.arg)
	}
	// Whatever address the reply or the command named: between others than these two the data would not pass here.
	x := analyzer.Expectation{Over: analyzer.TCP, From: h.Client.Addr, To: h.Server.Addr, Port: port, Analyzer: DataKind, For: dataWait, About: t}
	if !r.to.Passive {
		x.From, x.To = x.To, x.From
	}
	c.Expect(x)
}

// view is what rules see of a command, or of a command with its answer (event.Parts). It is used again for each.
type view struct {
	dir    packet.Dir
	q      *command
	line   []byte    // the command as it came: a password is shown here, and kept nowhere
	x      *Exchange // with the answer
	events []string
	number [2]byte
	code   [4]byte
}

// show shows rules a command.
func (r *reader) show(c *analyzer.Context, q *command, line []byte) {
	if !c.Inspected(r.kind) {
		return
	}
	v := &r.view
	*v = view{dir: packet.ToServer, q: q, line: line, events: v.events[:0]}
	if q.cut {
		v.events = append(v.events, eventLongCommand)
	}
	c.Inspect(r.kind, event.Inspection{Dir: packet.ToServer, Tx: uint64(q.tx), Parts: v, Events: v.events})
	v.line = nil
}

// showAnswer shows rules both sides of an exchange that is complete.
func (r *reader) showAnswer(c *analyzer.Context, x *Exchange) {
	if !c.Inspected(r.kind) {
		return
	}
	v := &r.view
	if x.Command != "" {
		*v = view{dir: packet.ToServer, x: x, events: v.events[:0]}
		c.Inspect(r.kind, event.Inspection{Dir: packet.ToServer, Tx: uint64(x.Tx), Done: true, Parts: v})
	}
	*v = view{dir: packet.ToClient, x: x, events: v.events[:0]}
	if x.ReplyCut {
		v.events = append(v.events, eventLongReply)
	}
	c.Inspect(r.kind, event.Inspection{Dir: packet.ToClient, Tx: uint64(x.Tx), Done: true, Parts: v, Events: v.events})
	v.x = nil
}

// EachBuffer gives the parts that rules can ask for (event.Parts).
func (v *view) EachBuffer(f func(name string, b []byte)) {
	if v.line != nil {
		word, arg, more := bytes.Cut(v.line, []byte(" "))
		f("ftp.command", word)
		if more {
			f("ftp.command_data", arg)
		}
	}
	ch := Channel{}
	switch {
	case v.x != nil:
		ch = v.x.Channel
	case v.q != nil && (v.q.name == "PORT" || v.q.name == "EPRT"):
		ch = channel(v.q, nil)
	}
	if ch.End.Port != 0 {
		f("ftp.dynamic_port", binary.BigEndian.AppendUint16(v.number[:0], ch.End.Port))
		f("ftp.mode", []byte(ch.mode()))
	}
	if v.dir != packet.ToClient || v.x == nil {
		return
	}
	if v.x.Command != "" {
		f("ftp.reply_received", []byte(v.x.received()))
	}
	for _, code := range v.x.Codes {
		if code != 0 {
			f("ftp.completion_code", strconv.AppendUint(v.code[:0:0], uint64(code), 10))
		}
	}
	if v.x.Reply != "" {
		for _, line := range bytes.Split([]byte(v.x.Reply), []byte("\n")) {
			f("ftp.reply", line)
		}
	}
}

// AppendAppObject writes what an alert says of the exchange (event.AppObject).
func (v *view) AppendAppObject(dst []byte) []byte {
	if v.x != nil {
		return v.x.AppendAppObject(dst)
	}
	x := Exchange{Command: v.q.name, Data: string(v.q.arg), Cut: v.q.cut}
	if x.Command == "PORT" || x.Command == "EPRT" {
		x.Channel = channel(v.q, nil)
	}
	return x.AppendAppObject(dst)
}
