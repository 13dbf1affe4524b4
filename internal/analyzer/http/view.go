package http

import (
	"bytes"
	"unsafe"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// view is what rules, and those who take files, see of a transaction as it comes. There is one only while somebody asks.
type view struct {
	w      *Views
	c      *analyzer.Context // of the call at hand
	number uint64
	t      *pending     // nil: its event is out
	e      *Transaction // the event that is out
	more   Beside       // what there is to see beside the message; nil: nothing
	side   [2]aspect
	quiet  bool // a rule switched the record off, of an event that is not made here
}

// aspect is one side of a transaction.
type aspect struct {
	v     *view
	dir   packet.Dir
	text  []byte // what parts are made of
	parts []part
	body  window
	pack  *unpacker
	form  *form
	file  analyzer.OpenFile
	late  []byte // of the bytes at hand, those that body did not get
	alone bool   // rules are shown what is in the form, not the body around it
	odd   []string
	// said is how much of odd went into records.
	said  int
	begun bool // there is a head
	whole bool // a file begins with the content, none is open yet
	done  bool
	open  bool   // there may be more to see of the side after its content: its end is told by Close
	name  []byte // of the file that the content is
	rng   byteRange
}

// part is a buffer of rules in aspect.text.
type part struct {
	name     string
	from, to int32
}

const partStruct = int(unsafe.Sizeof(part{}))

// maxParts bounds the parts of one side: heads are bounded, and each of its bytes is in few parts.
const maxParts = 8 * maxHead

func (a *aspect) size() int {
	n := cap(a.text) + cap(a.parts)*partStruct + a.body.size() + cap(a.name) + 16*cap(a.odd)
	if a.pack != nil {
		n += a.pack.held
		for l := a.pack.first; l != nil; l = l.next {
			n += cap(l.seen)
		}
	}
	if a.form != nil {
		n += a.form.size()
	}
	return n
}

func (v *view) size() int { return int(unsafe.Sizeof(view{})) + v.side[0].size() + v.side[1].size() }

// asked reports whether somebody looks at transactions as they come.
func (s *conn) asked(c *analyzer.Context) bool { return c.Inspected(s.kind) || c.TakesFiles(s.kind) }

// newView returns the view of a transaction; nil if nobody asks.
func (s *conn) newView(c *analyzer.Context, t *pending) *view {
	if !s.asked(c) {
		return nil
	}
	return s.views.view(t, uint64(t.e.Number))
}

// inspect shows a side to the rules.
func (a *aspect) inspect(c *analyzer.Context) {
	v := a.v
	for ; a.said < len(a.odd); a.said++ {
		c.AppLayer(a.dir, v.number, v.w.word(a.odd[a.said]))
	}
	if c.Inspected(v.w.Kind) {
		c.Inspect(v.w.Kind, event.Inspection{Dir: a.dir, Tx: v.number, Done: a.done && !a.open, Parts: a, Events: a.odd})
	}
}

// EachBuffer gives the parts that are there (event.Parts).
func (a *aspect) EachBuffer(f func(name string, b []byte)) {
	for i := range a.parts {
		p := &a.parts[i]
		f(p.name, a.text[p.from:p.to])
	}
	if a.body.n > 0 && !a.alone {
		if b := a.body.buf; a.dir == packet.ToServer {
			f("http.request_body", b)
		} else {
			f("http.response_body", b)
		}
		if a.form == nil {
			f("file.data", a.body.buf)
		}
	}
	if a.form != nil && a.form.part.n > 0 {
		f("file.data", a.form.part.buf)
	}
	if a.file != nil {
		a.file.EachBuffer(f)
	}
	if a.v.more != nil {
		a.v.more.EachBuffer(a.dir, f)
	}
}

// Window says which piece of a content is shown (event.Windowed).
func (a *aspect) Window(name string) (from uint64, end bool) {
	w := &a.body
	switch name {
	case "http.request_body", "http.response_body":
	case "file.data":
		if a.form != nil {
			return a.form.part.n - uint64(len(a.form.part.buf)), !a.form.named || a.form.part.cut
		}
	default:
		return 0, true
	}
	return w.n - uint64(len(w.buf)), a.done || w.cut
}

// AppendAppObject writes what an alert, or the record of a file, says of the transaction (event.AppObject).
func (a *aspect) AppendAppObject(dst []byte) []byte {
	if a.v.more != nil {
		return a.v.more.AppendAppObject(dst)
	}
	return a.v.event().appendObject(dst)
}

// Mute has the transaction leave no record (event.Muter).
func (a *aspect) Mute() {
	if v := a.v; v.more != nil {
		v.quiet = true // its event is made by who reads HTTP/2
	} else if v.e != nil {
		v.e.head.Quiet = true
	} else if v.t != nil {
		v.t.e.head.Quiet = true
	}
}

// Pair says that request and answer have one record (event.Muter).
func (a *aspect) Pair() (id uint64, ok bool) { return 0, false }

// event is the transaction as known now.
func (v *view) event() *Transaction {
	if v.e != nil || v.t == nil {
		return v.e
	}
	e := v.t.e
	v.t.text.fill(&e)
	return &e
}

// request begins the request; done says that it has no content.
func (v *view) request(c *analyzer.Context, m *Message, done bool) {
	a := &v.side[packet.ToServer]
	a.begin(m)
	if len(a.name) == 0 {
		a.name = appendURI(a.name, pathOf(m.Target))
	}
	oddRequest(a, m, int(c.Head(v.w.Kind).Server.Port))
	if done && !mayFollow(m) {
		v.end(c, packet.ToServer, true)
		return
	}
	a.inspect(c)
}

// showLine shows rules the line of a request whose head is not complete: who asks for what must not hide behind a head that
// never ends. What the line has is shown again with the head; a rule fires once for both.
func (s *conn) showLine(c *analyzer.Context, h *half) {
	end := bytes.IndexByte(h.buf, '\n')
	if end < 0 || !c.Inspected(s.kind) || !s.msg.ParseRequest(h.buf[:end+1]) {
		return
	}
	h.shown = true
	t := &pending{}
	t.e.Request, t.e.Number = h.begin, s.count
	t.text.line(&s.msg)
	v := &view{w: &s.views, t: t, number: uint64(s.count)}
	a := &v.side[packet.ToServer]
	a.v, a.dir = v, packet.ToServer
	a.target(&s.msg)
	a.inspect(c)
}

// mayFollow reports whether content may follow a request that does not say how long it is.
func mayFollow(m *Message) bool {
	return !m.has(fContentLength) && (eqFold(m.Method, "POST") || eqFold(m.Method, "PUT"))
}

// response begins the response.
func (v *view) response(c *analyzer.Context, m *Message) {
	a := &v.side[packet.ToClient]
	a.begin(m)
	if len(a.name) == 0 && v.t != nil {
		a.name = appendURI(a.name, pathOf(v.t.text.get(tURI)))
	}
	oddResponse(a, m)
	a.inspect(c)
}

// pathOf is a target without its query.
func pathOf(target []byte) []byte {
	if i := bytes.IndexAny(target, "?#"); i >= 0 {
		return target[:i]
	}
	return target
}

// content takes bytes of a side's content, freed of chunks.
func (v *view) content(c *analyzer.Context, d packet.Dir, b []byte) {
	a := &v.side[d]
	if a.done || len(b) == 0 {
		return
	}
	v.c = c
	if a.pack != nil {
		a.pack.write(b)
		a.packed()
	} else {
		a.take(b)
	}
	v.c = nil
}

// packed notes what unpacking found out.
func (a *aspect) packed() {
	if a.pack.bomb {
		a.note("compression_bomb")
	}
	switch {
	case !a.pack.bad:
	case a.v.w.Plain:
		a.note("failed_decompression")
	default:
		a.note("gzip_decompression_failed")
	}
}

// take takes bytes of a side's content as it is meant.
func (a *aspect) take(b []byte) {
	c := a.v.c
	a.late = b
	if a.form != nil {
		a.form.write(b)
	} else if a.whole {
		a.openFile()
	}
	if a.file != nil && a.form == nil {
		a.file.Data(c, b)
	}
	a.catchUp(0)
}

// openFile begins the file that the content is.
func (a *aspect) openFile() {
	a.whole = false
	a.file = a.v.c.File(a.v.w.Kind, event.File{Dir: a.dir, Tx: a.v.number, Name: a.name, Part: a.rng.ok, From: a.rng.from, To: a.rng.to, Size: a.rng.size})
}

// catchUp brings the body of a side to where the form in it is: but for the last so many bytes of those at hand.
func (a *aspect) catchUp(but int) {
	for len(a.late) > but {
		n, look := a.body.add(a.late[:len(a.late)-but])
		if a.late = a.late[n:]; look {
			a.inspect(a.v.c)
		}
	}
}

// note names something odd, once.
func (a *aspect) note(name string) {
	for _, x := range a.odd {
		if x == name {
			return
		}
	}
	a.odd = append(a.odd, name)
}

// gap says that bytes of the content are missing.
func (v *view) gap(c *analyzer.Context, d packet.Dir, n uint64) {
	a := &v.side[d]
	if a.pack != nil {
		v.c = c
		a.pack.close() // nothing behind a hole can be unpacked
		a.pack = nil
		v.c = nil
	}
	a.body.hole()
	if a.whole {
		v.c = c
		a.openFile()
		v.c = nil
	}
	if a.file != nil {
		a.file.Gap(c, n)
	}
}

// end says that no more comes of a side; whole, that its end was seen.
func (v *view) end(c *analyzer.Context, d packet.Dir, whole bool) {
	a := &v.side[d]
	if a.done {
		return
	}
	if a.pack != nil {
		v.c = c
		a.pack.close()
		a.packed()
		a.pack = nil
		v.c = nil
	}
	if a.form != nil {
		v.c = c
		a.form.end()
		v.c = nil
	}
	a.done = true
	if !a.begun && len(a.odd) == 0 && a.body.n == 0 {
		return
	}
	f := a.file
	if f != nil {
		f.Stop(c, whole)
	}
	a.inspect(c)
	if f != nil {
		f.End(c, whole, a)
		a.file = nil
	}
}

// KeepFile asks whoever takes the file at hand to keep it (event.FileKeeper).
func (a *aspect) KeepFile(sid uint32) {
	if k, ok := a.file.(event.FileKeeper); ok {
		k.KeepFile(sid)
	}
}

// afresh forgets what a side had.
func (v *view) afresh(d packet.Dir) {
	a := &v.side[d]
	if a.pack != nil {
		a.pack.drop()
	}
	*a = aspect{v: v, dir: d, text: a.text[:0], parts: a.parts[:0], odd: a.odd[:0], body: window{limit: a.body.limit, buf: a.body.buf[:0]}, file: a.file}
}

// noted names something odd in a side and tells it.
func (v *view) noted(c *analyzer.Context, d packet.Dir, name string) {
	if a := &v.side[d]; !a.done {
		n := len(a.odd)
		if a.note(name); len(a.odd) > n {
			a.inspect(c)
		}
	}
}

// finish ends both sides.
func (v *view) finish(c *analyzer.Context) {
	v.end(c, packet.ToServer, false)
	v.end(c, packet.ToClient, false)
}

// drop gives up what runs, without a word.
func (v *view) drop() {
	for d := range v.side {
		if p := v.side[d].pack; p != nil {
			p.drop()
		}
	}
}
