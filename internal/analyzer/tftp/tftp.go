// Package tftp reads requests of the Trivial File Transfer Protocol (RFC 1350).
package tftp

import (
	"bytes"
	"strconv"
	"strings"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of its events.
const Kind = "tftp"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "tftp",
	Over:    []analyzer.Transport{analyzer.UDP},
	Ports:   []uint16{69},
	Probe:   probe,
	Kinds:   []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// Request asks to read or write a file (RFC 1350 5). Its texts are as they came.
type Request struct {
	Write      bool
	File, Mode string
}

// maxFile bounds the name of a file, in bytes.
const maxFile = 512

// Parse reads b. False: it is no request.
func Parse(b []byte) (r Request, ok bool) {
	if len(b) < 2 || b[0] != 0 || b[1] != 1 && b[1] != 2 {
		return r, false
	}
	file, rest, ok := bytes.Cut(b[2:], []byte{0})
	mode, _, ok2 := bytes.Cut(rest, []byte{0})
	if !ok || !ok2 || len(file) == 0 || len(file) > maxFile || len(mode) > len("netascii") {
		return r, false
	}
	switch strings.ToLower(string(mode)) {
	case "netascii", "octet", "mail":
	default:
		return r, false
	}
	return Request{b[1] == 2, string(file), string(mode)}, true
}

// probe asks for a request: what follows it travels between other ports.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	if _, ok := Parse(b); ok && d == packet.ToServer {
		return analyzer.Yes
	}
	return analyzer.No
}

// Event is one request.
type Event struct {
	head event.Head
	Request
	Tx uint64 // its number in the flow, from 0
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// AppendEVE writes a tftp record in Suricata's shape.
func (e *Event) AppendEVE(dst []byte, c *event.EVE) []byte {
	dst = event.AppendEVEHead(dst, &e.head, "tftp", packet.ToServer, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, e.Tx, 10)
	dst = e.AppendAppObject(append(dst, ','))
	return event.AppendEVETail(dst, &e.head, c)
}

// AppendAppObject writes the object of a record, or of an alert (event.AppObject).
func (e *Event) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"tftp":{"packet":"read","file":`...)
	if e.Write {
		dst = append(dst[:len(dst)-len(`read","file":`)], `write","file":`...)
	}
	dst = event.AppendJSONString(dst, e.File)
	dst = append(dst, `,"mode":`...)
	dst = event.AppendJSONString(dst, e.Mode)
	return append(dst, '}')
}

// EachBuffer has no parts to give: rules about requests look at the packet (event.Parts).
func (e *Event) EachBuffer(func(name string, b []byte)) {}

// reader turns each request into an event.
type reader struct {
	kind event.Kind
	txs  uint64
}

// Message reads one datagram.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	q, ok := Parse(b)
	if !ok || d != packet.ToServer || !c.Wanted(r.kind) && !c.Inspected(r.kind) {
		return
	}
	e := &Event{head: c.Head(r.kind), Request: q, Tx: r.txs}
	r.txs++
	if c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: d, Tx: e.Tx, Done: true, Parts: e})
	}
	c.Emit(e)
}

// Close has nothing to end.
func (*reader) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (r *reader) Reset() { r.txs = 0 }
