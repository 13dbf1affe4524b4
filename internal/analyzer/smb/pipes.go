package smb

import (
	"slices"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/dcerpc"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	// keepPipe is how much is read of a message that may carry calls: the largest data unit and what goes before it.
	keepPipe = 64<<10 + 256
	// keepHead is how much tells whether it does: headers and the first unit's.
	keepHead = 160
	// maxPipes bounds the pipes of a connection that are read, and maxTrees the trees that are remembered; the oldest is
	// forgotten.
	maxPipes = 16
	maxTrees = 32
)

// connectedTree is a share that was connected.
type connectedTree struct {
	id    uint32
	pipe  bool
	share string
}

// pipe is a file of a pipe tree that carries calls.
type pipe struct {
	file  [16]byte
	calls *dcerpc.Pipe
	at    *request // what carries the bytes at hand
	txs   []uint64 // ID of the exchange of a call, by its number; the first is that of call `first`
	first uint64
}

// Commands of versions 2 and 3 that move what a pipe carries.
const (
	codeRead    = 8
	codeWrite   = 9
	codeIOCTL   = 11
	codeSetInfo = 17
)

// transceive is FSCTL_PIPE_TRANSCEIVE ([MS-FSCC] 2.3.49): a write and a read at once.
const transceive = 0x0011c017

// treeOf reports whether a tree is known, and holds pipes.
func (s *connection) treeOf(id uint32) (pipe, known bool) {
	for i := range s.trees {
		if s.trees[i].id == id {
			return s.trees[i].pipe, true
		}
	}
	return false, false
}

func (s *connection) connected(id uint32, pipe bool, share string) {
	s.trees = slices.DeleteFunc(s.trees, func(t connectedTree) bool { return t.id == id })
	if len(s.trees) == maxTrees {
		s.trees = slices.Delete(s.trees, 0, 1)
	}
	s.trees = append(s.trees, connectedTree{id, pipe, share})
}

// mayCarry reports whether a message with that header may move what a pipe carries.
func (s *connection) mayCarry(c *analyzer.Context, h *Header) bool {
	if h.Version != 2 || h.Code != codeRead && h.Code != codeWrite && h.Code != codeIOCTL {
		return false
	}
	pipe, known := s.treeOf(h.Tree)
	return (pipe || !known) && (c.Wanted(s.command) || c.Inspected(s.kind))
}

// room is how much is to be read of the message at hand, by what is there of it. The contents of files are not kept: they go
// where they belong as they come.
func (s *connection) room(c *analyzer.Context, d packet.Dir, x *side) int {
	h, body, ok := ParseHeader(x.buf)
	if !ok {
		return keepBulk
	}
	carry, moves := s.mayCarry(c, &h), s.moves(&h)
	switch {
	case (carry || moves || len(s.files) > 0 && h.Version == 2 && h.Code == code2Close) && len(x.buf) < keepHead:
		return keepHead
	case h.Command != Other || h.Next != 0 || h.Version == 2 && h.Code == codeSetInfo && !h.Reply && s.asked(c, &h):
		return x.room
	}
	if _, data, ok := carried(&h, x.buf, body); carry && ok && (dcerpc.Speaks(data) || s.reading(&h)) {
		return keepPipe
	}
	if moves {
		s.stream(c, d, x, &h, body)
	}
	return len(x.buf)
}

// reading reports a reply to a request that read from a pipe.
func (s *connection) reading(h *Header) bool {
	return h.Reply && slices.ContainsFunc(s.open, func(r request) bool { return r.pipe != nil && r.h.Message == h.Message })
}

// carried finds the file and the data in a message of versions 2 and 3: of a write, of what a read or an exchange brought, or
// of a request for these. What of the data is not there is missing at its end.
func carried(h *Header, whole, b []byte) (file [16]byte, data []byte, ok bool) {
	switch {
	case h.Code == codeWrite && !h.Reply && len(b) >= 32: // [MS-SMB2] 2.2.21
		return [16]byte(b[16:32]), part(whole, int(le.Uint16(b[2:])), int(le.Uint32(b[4:])&0xffffff)), true
	case h.Code == codeRead && !h.Reply && len(b) >= 32: // 2.2.19
		return [16]byte(b[16:32]), nil, true
	case h.Code == codeRead && len(b) >= 8: // 2.2.20
		return file, part(whole, int(b[2]), int(le.Uint32(b[4:])&0xffffff)), true
	case h.Code == codeIOCTL && !h.Reply && len(b) >= 32: // 2.2.31
		return [16]byte(b[8:24]), part(whole, int(le.Uint32(b[24:])&0xffff), int(le.Uint32(b[28:])&0xffffff)), le.Uint32(b[4:]) == transceive
	case h.Code == codeIOCTL && len(b) >= 40: // 2.2.32
		return [16]byte(b[8:24]), part(whole, int(le.Uint32(b[32:])&0xffff), int(le.Uint32(b[36:])&0xffffff)), le.Uint32(b[4:]) == transceive
	}
	return file, nil, false
}

// pipeOf returns the pipe of a file; made says that one is made if there is none.
func (s *connection) pipeOf(c *analyzer.Context, file [16]byte, made bool) *pipe {
	for _, p := range s.pipes {
		if p.file == file {
			return p
		}
	}
	if !made {
		return nil
	}
	if len(s.pipes) == maxPipes {
		s.ended(c, s.pipes[0])
		s.pipes = slices.Delete(s.pipes, 0, 1)
	}
	p := &pipe{file: file}
	var show func(packet.Dir, uint64, *dcerpc.Parts)
	if c.Inspected(s.kind) {
		show = func(d packet.Dir, tx uint64, parts *dcerpc.Parts) { s.showCall(d, p, tx, parts) }
	}
	p.calls = dcerpc.NewPipe(s.options, func(x *dcerpc.Call) { s.call(p, x) }, show)
	s.pipes = append(s.pipes, p)
	return p
}

// pass gives what a message carries to its pipe. It reports whether the message is one of a pipe.
func (s *connection) pass(c *analyzer.Context, d packet.Dir, h *Header, whole, body []byte, ref packet.Ref) bool {
	if !s.mayCarry(c, h) && !s.reading(h) {
		return false
	}
	file, data, ok := carried(h, whole, body)
	if !ok {
		return false
	}
	s.now = c
	defer func() { s.now = nil }()
	if !h.Reply {
		p := s.pipeOf(c, file, dcerpc.Speaks(data))
		if p == nil {
			return false
		}
		if h.Code != codeWrite {
			s.wait(c, request{h: *h, ref: ref, pipe: p})
		}
		s.bytes(c, p, &request{h: *h, ref: ref}, d, data)
		return true
	}
	if h.Status == statusPending {
		return true
	}
	for i := range s.open {
		r := &s.open[i]
		if r.pipe == nil || r.h.Message != h.Message || r.h.Code != h.Code {
			continue
		}
		p, asked := r.pipe, *r
		s.open = slices.Delete(s.open, i, i+1)
		asked.h.Status = h.Status
		s.bytes(c, p, &asked, d, data)
		return true
	}
	return false
}

func (s *connection) bytes(c *analyzer.Context, p *pipe, r *request, d packet.Dir, data []byte) {
	p.at = r
	p.calls.Data(c, d, data)
	p.at = nil
}

// exchange is what the message at hand is part of, for a call. Its number is given out with the call's first side.
func (s *connection) exchange(p *pipe, tx uint64, x *dcerpc.Call) *Exchange {
	for uint64(len(p.txs)) <= tx-p.first {
		s.id++
		p.txs = append(p.txs, s.id)
	}
	e := &Exchange{Command: Other, Code: codeWrite, Version: 2, Dialect: s.dialect, ID: p.txs[tx-p.first], Call: x, Asked: x.Asked, Answered: x.Answered}
	if r := p.at; r != nil {
		e.Code, e.Session, e.Tree, e.Status = r.h.Code, r.h.Session, r.h.Tree, r.h.Status
		if e.Code == codeRead { // what asked was written
			e.Code = codeWrite
		}
	}
	return e
}

func (s *connection) showCall(d packet.Dir, p *pipe, tx uint64, parts *dcerpc.Parts) {
	e := s.exchange(p, max(tx, p.first), parts.Call)
	s.now.Inspect(s.kind, event.Inspection{Dir: d, Tx: e.ID - 1, Done: true, Parts: &callParts{parts, e}})
}

// call tells a finished call.
func (s *connection) call(p *pipe, x *dcerpc.Call) {
	c := s.now
	if !c.Wanted(s.command) {
		return
	}
	e := s.exchange(p, max(x.Number(), p.first), x)
	e.head = c.Head(s.command)
	c.Emit(e)
	if len(p.txs) > 64 { // the numbers of calls that are over are not asked for again
		p.first += uint64(len(p.txs) - 32)
		p.txs = slices.Delete(p.txs, 0, len(p.txs)-32)
	}
}

func (s *connection) ended(c *analyzer.Context, p *pipe) {
	s.now = c
	p.calls.End(c)
	s.now = nil
}

// callParts is what rules see of a call in a pipe.
type callParts struct {
	*dcerpc.Parts
	e *Exchange
}

// AppendAppObject writes what an alert says (event.AppObject).
func (v *callParts) AppendAppObject(dst []byte) []byte { return v.e.AppendAppObject(dst) }
