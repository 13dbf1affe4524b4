package smb

import (
	"slices"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// maxFiles bounds the open files of a connection that are followed; the oldest is given up.
const maxFiles = 64

// Commands that move the contents of files.
const (
	code1Close = 0x04
	code1Read  = 0x2e
	code1Write = 0x2f
	code2Close = 6
)

// opened is a file that a server opened for its client.
type opened struct {
	id      [16]byte
	name    string
	share   string
	session uint64
	tree    uint32
	version uint8
	moves   [2]*move // by the direction in which contents travel: what is written, what is read
}

// move is one way of a file's contents: a transaction, which ends when the file is closed.
type move struct {
	o    *opened
	id   uint64            // number of the transaction, from 1
	file analyzer.OpenFile // nil: nobody wants it
	look analyzer.Look
	next uint64 // offset that comes next
	over bool
	dir  packet.Dir
	talk *connection
	ref  packet.Ref
}

// place is where contents lie in a message, and in their file.
type place struct {
	file     [16]byte
	off, len int // in the message
	at       uint64
}

// id1 makes an identifier of the number that version 1 has for files. No server gives such a one in version 2.
func id1(fid uint16, tree uint32) (id [16]byte) {
	le.PutUint16(id[:], fid)
	le.PutUint32(id[4:], tree)
	id[15] = 1
	return id
}

// moves reports whether a message with that header may move the contents of a file that is followed.
func (s *connection) moves(h *Header) bool {
	if len(s.files) == 0 {
		return false
	}
	if h.Version == 1 {
		return h.Code == code1Read || h.Code == code1Write
	}
	return h.Code == codeRead || h.Code == codeWrite
}

// find reads where contents lie in a write, or in the answer to a read. False: there are none of a file that is followed.
func (s *connection) find(h *Header, whole, b []byte) (p place, o *opened) {
	ok := false
	switch {
	case h.Version == 2 && h.Code == codeWrite && !h.Reply && len(b) >= 32:
		p = place{[16]byte(b[16:32]), int(le.Uint16(b[2:])), int(le.Uint32(b[4:]) & 0xffffff), le.Uint64(b[8:])}
		ok = true
	case h.Version == 2 && h.Code == codeRead && h.Reply && len(b) >= 8 && (h.Status == StatusOK || h.Status == 0x80000005):
		if p, ok = s.asked4(h); ok {
			p.off, p.len = int(b[2]), int(le.Uint32(b[4:])&0xffffff)
		}
	case h.Version == 1 && h.Code == code1Write && !h.Reply:
		if w, _, _, good := words1(b); good && len(w) >= 24 {
			p = place{id1(le.Uint16(w[4:]), h.Tree), int(le.Uint16(w[22:])), int(le.Uint16(w[18:]))<<16&0xffffff | int(le.Uint16(w[20:])), uint64(le.Uint32(w[6:]))}
			if len(w) >= 28 {
				p.at |= uint64(le.Uint32(w[24:])) << 32
			}
			ok = true
		}
	case h.Version == 1 && h.Code == code1Read && h.Reply && h.Status == StatusOK:
		if w, _, _, good := words1(b); good && len(w) >= 24 {
			if p, ok = s.asked4(h); ok {
				p.off, p.len = int(le.Uint16(w[12:])), int(le.Uint16(w[14:]))<<16&0xffffff|int(le.Uint16(w[10:]))
			}
		}
	}
	if !ok || p.off < header1 || p.off > keepHead {
		return p, nil
	}
	return p, s.fileOf(p.file)
}

// asked4 is what the request of a read asked for.
func (s *connection) asked4(h *Header) (place, bool) {
	for i := range s.open {
		if r := &s.open[i]; r.reads && r.h.Message == h.Message && r.h.Version == h.Version {
			return r.place, true
		}
	}
	return place{}, false
}

func (s *connection) fileOf(id [16]byte) *opened {
	for _, o := range s.files {
		if o.id == id {
			return o
		}
	}
	return nil
}

// wantsFiles reports whether somebody wants to hear of the contents of files.
func (s *connection) wantsFiles(c *analyzer.Context) bool {
	return c.Wanted(s.command) || c.Inspected(s.kind) || c.TakesFiles(s.kind)
}

// created follows a file that a reply opened.
func (s *connection) created(c *analyzer.Context, x *Exchange, h *Header, body []byte) {
	pipe, _ := s.treeOf(h.Tree)
	if x.File.Directory || pipe || !s.wantsFiles(c) {
		return
	}
	o := &opened{name: x.File.Name, session: x.Session, tree: x.Tree, version: h.Version, share: s.shareOf(h.Tree)}
	switch {
	case h.Version == 2 && x.File.HasID:
		o.id = x.File.ID
	case h.Version == 1:
		w, _, _, ok := words1(body)
		if !ok || len(w) < 7 {
			return
		}
		o.id = id1(le.Uint16(w[5:]), h.Tree)
	default:
		return
	}
	s.closed(c, o.id)
	if len(s.files) == maxFiles {
		s.finish(c, s.files[0], false)
		s.files = slices.Delete(s.files, 0, 1)
	}
	s.files = append(s.files, o)
}

// closing sees a request to close a file.
func (s *connection) closing(c *analyzer.Context, h *Header, body []byte) {
	switch {
	case h.Reply:
	case h.Version == 2 && h.Code == code2Close && len(body) >= 24:
		s.closed(c, [16]byte(body[8:24]))
	case h.Version == 1 && h.Code == code1Close:
		if w, _, _, ok := words1(body); ok && len(w) >= 2 {
			s.closed(c, id1(le.Uint16(w), h.Tree))
		}
	}
}

func (s *connection) closed(c *analyzer.Context, id [16]byte) {
	for i, o := range s.files {
		if o.id == id {
			s.finish(c, o, true)
			s.files = slices.Delete(s.files, i, i+1)
			return
		}
	}
}

// asksToRead remembers what a request to read asks for.
func (s *connection) asksToRead(c *analyzer.Context, h *Header, body []byte, ref packet.Ref) {
	p := place{}
	switch {
	case h.Reply || len(s.files) == 0:
		return
	case h.Version == 2 && h.Code == codeRead && len(body) >= 32:
		p.file, p.at = [16]byte(body[16:32]), le.Uint64(body[8:])
	case h.Version == 1 && h.Code == code1Read:
		w, _, _, ok := words1(body)
		if !ok || len(w) < 20 {
			return
		}
		p.file, p.at = id1(le.Uint16(w[4:]), h.Tree), uint64(le.Uint32(w[6:]))
		if len(w) >= 24 {
			p.at |= uint64(le.Uint32(w[20:])) << 32
		}
	default:
		return
	}
	if s.fileOf(p.file) != nil {
		s.wait(c, request{h: *h, ref: ref, reads: true, place: p})
	}
}

// answered forgets a request to read.
func (s *connection) answered(h *Header) {
	s.open = slices.DeleteFunc(s.open, func(r request) bool { return r.reads && r.h.Message == h.Message && r.h.Version == h.Version })
}

// moveOf opens the way of contents that travel d, if there is none yet.
func (s *connection) moveOf(c *analyzer.Context, o *opened, d packet.Dir) *move {
	if m := o.moves[d]; m != nil {
		return m
	}
	s.id++
	m := &move{o: o, id: s.id, dir: d, talk: s, ref: c.Head(s.kind).Seen}
	m.file = c.File(s.kind, event.File{Dir: d, Tx: m.id - 1, Name: []byte(o.name), Size: -1})
	o.moves[d] = m
	if c.Inspected(s.kind) {
		c.Inspect(s.kind, event.Inspection{Dir: d, Tx: m.id - 1, Parts: m})
	}
	return m
}

// stream begins to pass the contents in the message at hand on: what is there of them, then what follows.
func (s *connection) stream(c *analyzer.Context, d packet.Dir, x *side, h *Header, body []byte) {
	p, o := s.find(h, x.buf, body)
	if o == nil || p.len == 0 {
		return
	}
	m := s.moveOf(c, o, d)
	skip := m.start(c, p.at)
	if skip >= uint64(p.len) {
		return
	}
	x.mv, x.from, x.to = m, p.off+int(skip), p.off+p.len
	if n := min(len(x.buf), x.to); n > x.from {
		m.data(c, x.buf[x.from:n])
		x.from = n
	}
}

// pass2 gives bytes of the packet at hand to the file whose contents they are.
func (s *connection) pass2(c *analyzer.Context, x *side, b []byte) {
	if lo, hi := max(x.at, x.from), min(x.at+len(b), x.to); x.mv != nil && lo < hi {
		x.mv.data(c, b[lo-x.at:hi-x.at])
		x.from = hi
	}
	x.at += len(b)
}

// contents looks at a message that is complete: what it moves, if that was not passed on as it came, and what closes a file.
func (s *connection) contents(c *analyzer.Context, d packet.Dir, x *side, h *Header, whole, body []byte) {
	switch {
	case !s.wantsFiles(c):
		return
	case s.moves(h) && x.mv == nil && x.at <= keepHead && len(whole) == len(x.buf):
		s.stream(c, d, x, h, body)
	}
	x.mv = nil
	if h.Reply && s.moves(h) && !(h.Version == 2 && h.Status == statusPending) {
		s.answered(h)
	}
	s.asksToRead(c, h, body, x.ref)
	s.closing(c, h, body)
}

// start notes where contents begin.
func (m *move) start(c *analyzer.Context, at uint64) (skip uint64) {
	switch {
	case at > m.next:
		if m.file != nil {
			m.file.Gap(c, at-m.next)
		}
		m.next = at
	case at < m.next: // sent again
		return m.next - at
	}
	return 0
}

func (m *move) data(c *analyzer.Context, b []byte) {
	m.next += uint64(len(b))
	if m.file != nil {
		m.file.Data(c, b)
	}
	if !c.Inspected(m.talk.kind) {
		return
	}
	for more := true; more; {
		if b, more = m.look.Add(b); more {
			c.Inspect(m.talk.kind, event.Inspection{Dir: m.dir, Tx: m.id - 1, Parts: m})
		}
	}
}

func (m *move) gap(c *analyzer.Context, n uint64) {
	m.next += n
	if m.file != nil {
		m.file.Gap(c, n)
	}
}

// finish ends both ways of a file.
func (s *connection) finish(c *analyzer.Context, o *opened, whole bool) {
	for _, m := range o.moves {
		if m == nil || m.over {
			continue
		}
		m.over = true
		if m.file != nil {
			m.file.Stop(c, whole)
		}
		if c.Inspected(s.kind) {
			c.Inspect(s.kind, event.Inspection{Dir: m.dir, Tx: m.id - 1, Done: true, Parts: m})
		}
		if m.file != nil {
			m.file.End(c, whole, onlyObject{m})
		}
		if c.Wanted(s.command) {
			x := m.exchange()
			x.head = c.Head(s.command)
			c.Emit(x)
		}
	}
	for d := range s.sides {
		if m := s.sides[d].mv; m != nil && m.o == o {
			s.sides[d].mv = nil
		}
	}
}

// exchange is what a record says of the way.
func (m *move) exchange() *Exchange {
	o := m.o
	x := &Exchange{Asked: m.ref, Answered: m.ref, Command: Other, Version: o.version, Dialect: m.talk.dialect, Session: o.session, Tree: o.tree, ID: m.id, Moved: true, Share: o.share,
		File: File{Name: o.name, ID: o.id, HasID: o.version == 2}}
	switch {
	case o.version == 1 && m.dir == packet.ToServer:
		x.Code = code1Write
	case o.version == 1:
		x.Code = code1Read
	case m.dir == packet.ToServer:
		x.Code = codeWrite
	default:
		x.Code = codeRead
	}
	return x
}

// EachBuffer gives what rules can ask of the contents (event.Parts).
func (m *move) EachBuffer(f func(name string, b []byte)) {
	f("smb.version", []byte{m.o.version})
	if m.file != nil {
		m.file.EachBuffer(f)
	}
	if m.over || m.look.Ready() {
		if b := m.look.Bytes(); len(b) > 0 {
			f("file.data", b)
		}
	}
}

// AppendAppObject writes what records and alerts say of the transaction (event.AppObject).
func (m *move) AppendAppObject(dst []byte) []byte {
	dst = m.exchange().AppendAppObject(dst)
	if t, ok := m.file.(event.FileTeller); ok {
		facts := t.Facts()
		dst = facts.AppendJSON(append(dst, `,"files":[`...))
		dst = append(dst, ']')
	}
	return dst
}

// KeepFile passes on that a rule wants the file kept (event.FileKeeper).
func (m *move) KeepFile(sid uint32) {
	if k, ok := m.file.(event.FileKeeper); ok {
		k.KeepFile(sid)
	}
}

// onlyObject is the object of a move without its files: a record of the file has these itself.
type onlyObject struct{ *move }

func (v onlyObject) AppendAppObject(dst []byte) []byte { return v.exchange().AppendAppObject(dst) }

func (s *connection) shareOf(tree uint32) string {
	for i := range s.trees {
		if s.trees[i].id == tree {
			return s.trees[i].share
		}
	}
	return ""
}
