// Package smb reads the beginning of SMB connections, versions 1 to 3: which dialect and signing they agree on, who logs
// on with what result, which share is asked for.
package smb

import (
	"unsafe"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kinds of events: what a detector may ask for, and the exchanges of other commands, which are many.
const (
	Kind        = "smb"
	KindCommand = "smb_command"
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "smb",
	Over:  []analyzer.Transport{analyzer.TCP},
	Ports: []uint16{445, 139},
	Kinds: []string{Kind, KindCommand},
	Probe: probe,
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		return &connection{kind: o.Kind(Kind), command: o.Kind(KindCommand), options: o}, nil
	},
}

// Types of NetBIOS session packets (RFC 1002 4.3.1).
const (
	nbMessage  = 0x00
	nbRequest  = 0x81
	nbPositive = 0x82
	nbKeep     = 0x85
)

// probe asks for a session packet that holds SMB, or the session request of port 139 and its answer.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	if len(b) == 0 {
		return analyzer.More
	}
	want := ""
	switch {
	case b[0] == nbMessage:
		for i := 4; i < min(len(b), 8); i++ {
			c := b[i]
			if i == 4 && c < magicCompressed || i > 4 && c != "SMB"[i-5] {
				return analyzer.No
			}
		}
		if len(b) < 8 {
			return analyzer.More
		}
		return analyzer.Yes
	case b[0] == nbRequest && d == packet.ToServer:
		want = "\x81\x00\x00\x44\x20"
	case b[0] == nbPositive && d == packet.ToClient:
		want = "\x82\x00\x00\x00"
	default:
		return analyzer.No
	}
	n := min(len(b), len(want))
	switch {
	case string(b[:n]) != want[:n]:
		return analyzer.No
	case n < len(want):
		return analyzer.More
	}
	return analyzer.Yes
}

const (
	// keep is how much of a message is read: a logon with a ticket is longer, but what names the account stands before.
	keep = 4096
	// keepBulk is how much is read of what may be a file's contents: a header.
	keepBulk = 64
	// allSealed is how many encrypted messages in a row, of each side, say that nothing clear will come: encryption is
	// agreed for single shares too ([MS-SMB2] 3.3.5.7).
	allSealed = 64
	// maxOpen bounds the requests that wait for a reply; the oldest is forgotten.
	maxOpen = 32
)

// request waits for its reply.
type request struct {
	h     Header
	ref   packet.Ref
	x     *Exchange // what was read of it; nil: it reads from pipe, or from a file
	pipe  *pipe
	reads bool // contents of a file, at place
	place place
}

// connection reads one TCP connection.
type connection struct {
	kind    event.Kind
	command event.Kind
	sides   [2]side
	open    []request // oldest first
	dialect string
	id      uint64
	trees   []connectedTree
	pipes   []*pipe   // oldest first
	files   []*opened // oldest first
	options analyzer.Options
	now     *analyzer.Context // of the call at hand, for what pipes tell
}

// side is one direction: the session packet at hand.
type side struct {
	head     [4]byte
	nHead    int
	left     uint32 // bytes of the packet that are still to come
	room     int    // how many of them are to be kept
	buf      []byte
	ref      packet.Ref
	at       int   // bytes of the packet so far
	mv       *move // where the bytes from from to to go: contents of a file
	from, to int
	lost     bool   // lost its place: the rest of this direction cannot be read
	sealed   uint16 // encrypted messages since the last clear one
	marks    marks
}

// Data takes bytes of direction d.
func (s *connection) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	x := &s.sides[d]
	for len(b) > 0 && !x.lost {
		if x.left == 0 {
			if x.nHead == 0 {
				x.ref = c.Head(s.kind).Seen
			}
			n := copy(x.head[x.nHead:], b)
			x.nHead += n
			b = b[n:]
			if x.nHead < len(x.head) {
				return
			}
			x.nHead = 0
			if !x.begin() {
				x.lost = true
				s.over(c)
			} else if c.Framed() {
				x.markSession(c, d, len(b))
			}
			continue
		}
		n := min(int(x.left), len(b))
		if next := x.decision(); next > len(x.buf) { // what is read further is settled there, however the bytes are cut
			n = min(n, next-len(x.buf))
		}
		if k := min(n, x.room-len(x.buf)); k > 0 {
			had := len(x.buf)
			x.buf = append(x.buf, b[:k]...)
			if had < keepBulk && len(x.buf) >= keepBulk || had < keepHead && len(x.buf) >= keepHead && x.room == keepHead {
				x.room = s.room(c, d, x)
			}
		}
		s.pass2(c, x, b[:n])
		if x.marks.on {
			x.marks.take(c, d, b, n)
		}
		x.left -= uint32(n)
		b = b[n:]
		if x.left > 0 {
			continue
		}
		s.packet(c, d, x)
		if x.sealed == allSealed && s.over(c) {
			return // at once, so that the cut of the bytes cannot matter
		}
	}
}

// over ends the reading once neither direction can be read on.
func (s *connection) over(c *analyzer.Context) bool {
	for d := range s.sides {
		if x := &s.sides[d]; !x.lost && x.sealed < allSealed {
			return false
		}
	}
	s.end(c)
	c.Done()
	return true
}

// end tells the requests that nobody answered.
func (s *connection) end(c *analyzer.Context) {
	for i := range s.open {
		s.emit(c, s.open[i].x)
	}
	s.open = s.open[:0]
	for _, p := range s.pipes {
		s.ended(c, p)
	}
	s.pipes = s.pipes[:0]
	for _, o := range s.files {
		s.finish(c, o, false)
	}
	s.files = s.files[:0]
}

// begin reads the four bytes before a message. A message of zero bytes has nothing to come.
func (x *side) begin() bool {
	n := uint32(x.head[1])<<16 | uint32(x.head[2])<<8 | uint32(x.head[3])
	switch x.head[0] {
	case nbMessage, nbRequest, nbPositive, nbKeep:
	default:
		return false
	}
	x.left, x.room, x.buf, x.at, x.mv = n, keep, x.buf[:0], 0, nil
	if x.head[0] != nbMessage {
		x.room = 0
	}
	return true
}

// decision is how many bytes of the message tell how much of it is read; 0: that is known.
func (x *side) decision() int {
	switch {
	case len(x.buf) < keepBulk:
		return keepBulk
	case x.room == keepHead:
		return keepHead
	}
	return 0
}

// packet reads the messages of a complete session packet.
func (s *connection) packet(c *analyzer.Context, d packet.Dir, x *side) {
	b := x.buf
	if len(b) > 3 && b[0] == magicEncrypted {
		x.sealed = min(x.sealed+1, allSealed)
		return
	}
	for {
		h, body, ok := ParseHeader(b)
		if !ok {
			return
		}
		x.sealed = 0
		s.contents(c, d, x, &h, b, body)
		if !s.pass(c, d, &h, b, body, x.ref) && s.asked(c, &h) {
			if h.Reply {
				s.reply(c, d, &h, body, x.ref)
			} else {
				s.request(c, d, &h, b, body, x.ref)
			}
		}
		if h.Next < header2 || uint64(h.Next) >= uint64(len(b)) {
			return
		}
		b = b[h.Next:]
	}
}

// asked reports whether somebody wants to know of messages with that header.
func (s *connection) asked(c *analyzer.Context, h *Header) bool {
	switch {
	case h.Command != Other && h.Command != Create:
		return c.Wanted(s.kind) || c.Inspected(s.kind)
	case h.Command == Create || told(h.Version, h.Code):
		return c.Wanted(s.command) || c.Inspected(s.kind)
	}
	return false
}

func (s *connection) request(c *analyzer.Context, d packet.Dir, h *Header, whole, body []byte, ref packet.Ref) {
	s.id++
	x := &Exchange{Asked: ref, Command: h.Command, Code: h.Code, Version: h.Version, Session: h.Session, Tree: h.Tree, ID: s.id}
	switch {
	case h.Command == Negotiate && h.Version == 1:
		x.Offered, _ = negotiate1(body)
	case h.Command == Negotiate:
		x.Offered, x.Client, _ = negotiate2(body)
	case h.Command == SessionSetup:
		var id identity
		var blob []byte
		if h.Version == 1 {
			id, blob = setup1(h, body)
			x.HasIdentity = id.user != ""
		} else {
			blob = setup2(whole, body)
		}
		if found, ok := ntlmssp(blob); ok {
			id, x.HasIdentity = found, true
		}
		x.Domain, x.User, x.Host, x.System = id.domain, id.user, id.host, id.version
	case h.Command == Create && h.Version == 1:
		x.File = create1(h, body)
	case h.Command == Create:
		x.File = create2(whole, body)
	case h.Version == 2 && h.Code == codeSetInfo:
		if !s.setInfo(x, whole, body) {
			s.id--
			return
		}
	case h.Command == TreeConnect && h.Version == 1:
		x.Share = tree1(h, body)
	case h.Command == TreeConnect:
		x.Share = tree2(whole, body)
	}
	s.show(c, d, x, false)
	if h.Version == 2 && h.Code == 12 { // a cancel has no reply of its own
		s.emit(c, x)
		return
	}
	s.wait(c, request{h: *h, ref: ref, x: x})
}

// wait keeps a request until its reply comes.
func (s *connection) wait(c *analyzer.Context, r request) {
	if len(s.open) >= maxOpen {
		s.emit(c, s.open[0].x)
		s.open = append(s.open[:0], s.open[1:]...)
	}
	s.open = append(s.open, r)
}

func (s *connection) reply(c *analyzer.Context, d packet.Dir, h *Header, body []byte, ref packet.Ref) {
	if h.Version == 2 && h.Status == statusPending {
		return
	}
	for i := range s.open {
		r := &s.open[i]
		same := r.x != nil && r.h.Message == h.Message && r.h.Code == h.Code && r.h.Version == h.Version
		if r.h.Command == Negotiate && h.Command == Negotiate && r.h.Version == 1 && h.Version == 2 {
			same = true // a server of version 2 answers the old question in its own form ([MS-SMB2] 3.3.5.3.1)
		}
		if !same {
			continue
		}
		x := r.x
		x.Answered, x.Status = ref, h.Status
		x.Session = max(x.Session, h.Session)
		x.Tree = max(x.Tree, h.Tree)
		if h.Command == Negotiate {
			s.negotiated(h, body, x)
		}
		switch {
		case h.Command == TreeConnect && h.Version == 2:
			x.Pipe = pipe2(body)
			if h.Status == StatusOK {
				s.connected(h.Tree, x.Pipe, x.Share)
			}
			if len(body) >= 3 && h.Status == StatusOK {
				x.ShareType = body[2]
			}
		case h.Command == TreeConnect:
			x.Pipe = pipe1(body)
			if h.Status == StatusOK {
				s.connected(h.Tree, x.Pipe, x.Share)
			}
		case h.Command == Create && h.Status == StatusOK && h.Version == 2:
			x.File.created2(body)
			s.created(c, x, h, body)
		case h.Command == Create && h.Status == StatusOK:
			x.File.created1(body)
			s.created(c, x, h, body)
		}
		s.open = append(s.open[:i], s.open[i+1:]...)
		s.show(c, d, x, true)
		s.emit(c, x)
		return
	}
}

func (s *connection) negotiated(h *Header, body []byte, x *Exchange) {
	if h.Status != StatusOK {
		return
	}
	if h.Version == 2 {
		if d, sign, ok := negotiated2(body); ok {
			s.dialect, x.Server = d, sign
		}
		return
	}
	if i, sign, ok := negotiated1(body); ok && i >= 0 && i < len(x.Offered) {
		s.dialect, x.Server = x.Offered[i], sign
	}
}

func (s *connection) emit(c *analyzer.Context, x *Exchange) {
	if x == nil {
		return
	}
	kind := s.kind
	if x.Command == Other || x.Command == Create {
		kind = s.command
	}
	if !c.Wanted(kind) {
		return
	}
	x.head, x.Dialect = c.Head(kind), s.dialect
	c.Emit(x)
}

// Gap loses the place in direction d unless the hole lies in bytes that are not kept.
func (s *connection) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	x := &s.sides[d]
	if uint64(x.left) >= n && len(x.buf) >= x.room {
		if lo, hi := max(x.at, x.from), min(x.at+int(n), x.to); x.mv != nil && lo < hi {
			x.mv.gap(c, uint64(hi-lo))
		}
		x.at += int(n)
		x.marks.at += int(n)
		if x.left -= uint32(n); x.left == 0 {
			s.packet(c, d, x)
		}
		return
	}
	x.lost = true
}

// Close tells what was not answered once both directions are over.
func (s *connection) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	s.sides[d].lost = true
	if s.sides[0].lost && s.sides[1].lost {
		s.end(c)
	}
}

// Reset makes s as new.
func (s *connection) Reset() {
	for d := range s.sides {
		b := s.sides[d].buf[:0]
		if cap(b) > 2*keep {
			b = nil
		}
		s.sides[d] = side{buf: b}
	}
	clear(s.open)
	clear(s.pipes)
	clear(s.files)
	s.open, s.dialect, s.id, s.trees, s.pipes, s.files = s.open[:0], "", 0, s.trees[:0], s.pipes[:0], s.files[:0]
}

// Held is what the connection keeps (analyzer.Holder).
func (s *connection) Held() int {
	n := cap(s.sides[0].buf) + cap(s.sides[1].buf) + cap(s.open)*requestSize + len(s.open)*exchangeSize
	for _, p := range s.pipes {
		n += p.calls.Held() + 8*cap(p.txs)
	}
	for _, o := range s.files {
		n += openedSize + len(o.name) + len(o.share)
		for _, m := range o.moves {
			if m != nil {
				n += moveSize + m.look.Held()
			}
		}
	}
	return n
}

const (
	requestSize  = int(unsafe.Sizeof(request{}))
	openedSize   = int(unsafe.Sizeof(opened{}))
	moveSize     = int(unsafe.Sizeof(move{}))
	exchangeSize = int(unsafe.Sizeof(Exchange{})) + 256 // with its names
)
