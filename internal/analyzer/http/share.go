package http

import (
	"bytes"
	"strings"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// What follows is for who reads the messages of RFC 9110 in another frame than HTTP/1's: HTTP/2.

// Views is what the views of a connection have in common.
type Views struct {
	Kind  event.Kind // of what rules inspect, and whose files are taken
	Limit [2]uint64  // bytes of a content that rules look at, by direction; 0: all
	Plain bool       // what is odd is written as rules name it, not in capitals
	part  Message    // headers of parts of forms, and what may be a head
}

// NewViews has the limits that the settings say.
func NewViews(o analyzer.Options, k event.Kind) Views {
	return Views{Kind: k, Limit: [2]uint64{packet.ToServer: uint64(o.Setting("http.request-body-limit", defaultLimit)),
		packet.ToClient: uint64(o.Setting("http.response-body-limit", defaultLimit))}}
}

func (w *Views) view(t *pending, number uint64) *view {
	v := &view{w: w, t: t, number: number}
	for d := range v.side {
		a := &v.side[d]
		a.v, a.dir = v, packet.Dir(d)
		a.body.limit = w.Limit[d]
	}
	return v
}

// word is EVE's name of something odd.
func (w *Views) word(name string) string {
	if w.Plain {
		return name
	}
	return strings.ToUpper(name)
}

// Beside is what there is to see of a transaction beside its message.
type Beside interface {
	// EachBuffer gives the parts of a direction (event.Parts).
	EachBuffer(d packet.Dir, f func(name string, b []byte))
	event.AppObject
}

// View is what rules, and those who take files, see of one transaction as it comes.
type View struct{ v *view }

// New begins the view of a transaction; nil if nobody asks.
func (w *Views) New(c *analyzer.Context, number uint64, more Beside) *View {
	if !c.Inspected(w.Kind) && !c.TakesFiles(w.Kind) {
		return nil
	}
	v := w.view(nil, number)
	v.more = more
	v.side[0].open, v.side[1].open = true, true
	return &View{v}
}

// Head shows the head of a side. target is that of the request: files are named by it.
func (x *View) Head(c *analyzer.Context, d packet.Dir, m *Message, target []byte) {
	a := &x.v.side[d]
	if a.begun {
		return
	}
	a.made(m)
	a.content(m)
	if m.Status == 206 && m.has(fContentRange) && !a.rng.ok {
		a.note("invalid_range")
	}
	if len(a.name) == 0 {
		a.name = appendURI(a.name[:0], pathOf(target))
	}
	a.inspect(c)
}

// Trailer adds fields that came behind the content to what rules see of a side.
func (x *View) Trailer(m *Message, d packet.Dir) { x.v.side[d].madeFields(m) }

// Show shows a side again, for there is more of it.
func (x *View) Show(c *analyzer.Context, d packet.Dir) {
	if x.v.c == nil { // not within what shows it anyway
		x.v.side[d].inspect(c)
	}
}

// Content takes bytes of a side's content.
func (x *View) Content(c *analyzer.Context, d packet.Dir, b []byte) { x.v.content(c, d, b) }

// Lost says that n bytes of the content are missing.
func (x *View) Lost(c *analyzer.Context, d packet.Dir, n uint64) { x.v.gap(c, d, n) }

// ContentEnd says that no more of the content comes; whole, that its end was seen.
func (x *View) ContentEnd(c *analyzer.Context, d packet.Dir, whole bool) { x.v.end(c, d, whole) }

// Close says that no more comes of the transaction.
func (x *View) Close(c *analyzer.Context) {
	for d := range x.v.side {
		a := &x.v.side[d]
		a.open = false
		if !a.done {
			x.v.end(c, packet.Dir(d), false)
		} else {
			a.inspect(c)
		}
	}
}

// Note names something odd in a side, once.
func (x *View) Note(c *analyzer.Context, d packet.Dir, name string) {
	a := &x.v.side[d]
	n := len(a.odd)
	if a.note(name); len(a.odd) > n && x.v.c == nil {
		a.inspect(c)
	}
}

// Quiet reports whether a rule switched the transaction's record off (event.Head).
func (x *View) Quiet() bool { return x.v.quiet }

// Drop gives up what runs, without a word.
func (x *View) Drop() { x.v.drop() }

// Size is what the view keeps, in bytes.
func (x *View) Size() int { return x.v.size() }

// Make begins a head that was not written as HTTP/1 writes it; its parts are lent. authority is who is asked, target the path
// that is asked for; both empty in a response.
func (m *Message) Make(method, target, version, authority []byte, status int) {
	*m = Message{Method: method, Target: target, Version: version, authority: authority, Status: status, Fields: m.Fields[:0]}
}

// Add adds a field; false: there are MaxFields already.
func (m *Message) Add(name, value []byte) bool {
	if len(m.Fields) == MaxFields {
		m.Skipped++
		return false
	}
	m.Fields = append(m.Fields, Field{name, value})
	if k := knownField(name); k < numKnown && m.first[k] == 0 {
		m.first[k] = int16(len(m.Fields))
	}
	return true
}

// made makes the parts of a head that was not written as HTTP/1 writes it: what only HTTP/1 has is not there.
func (a *aspect) made(m *Message) {
	a.begun = true
	a.add("http.protocol", m.Version)
	list := responseFields
	if a.dir == packet.ToServer {
		list = requestFields
		if len(m.Method) > 0 {
			a.add("http.method", m.Method)
		}
		if len(m.Target) > 0 {
			from := len(a.text)
			a.text = appendURI(a.text, m.Target)
			a.put("http.uri", from)
			a.add("http.uri.raw", m.Target)
		}
		if host := authority(m); len(host) > 0 {
			a.host(host)
		}
	} else {
		if len(m.Code) > 0 {
			a.add("http.stat_code", m.Code)
		}
		a.add("http.stat_msg", nil)
	}
	for _, x := range list {
		a.value(x.name, m, x.k)
	}
	a.madeFields(m)
}

// madeFields makes the parts that are about all fields of such a head: its own ones, whose names begin with a colon, are among
// them, and each stands for itself.
func (a *aspect) madeFields(m *Message) {
	each, cookie := "http.request_header", fCookie
	if a.dir == packet.ToClient {
		each, cookie = "http.response_header", fSetCookie
	}
	line := func(f *Field, v []byte) { a.text = append(append(append(a.text, f.Name...), ": "...), v...) }
	from := len(a.text)
	for i := range m.Fields {
		if f := &m.Fields[i]; m.first[cookie] == 0 || !bytes.Equal(f.Name, m.Fields[m.first[cookie]-1].Name) {
			line(f, bytes.Trim(f.Value, " \t"))
			a.text = append(a.text, "\r\n"...)
		}
	}
	if len(a.text) > from {
		a.put("http.header", from)
	}
	from = len(a.text)
	for i := range m.Fields {
		line(&m.Fields[i], m.Fields[i].Value)
		a.text = append(a.text, "\r\n"...)
	}
	if len(a.text) > from {
		a.put("http.header.raw", from)
	}
	from = len(a.text)
	a.text = append(a.text, "\r\n"...)
	for i := range m.Fields {
		a.text = append(append(a.text, m.Fields[i].Name...), "\r\n"...)
	}
	a.text = append(a.text, "\r\n"...)
	a.put("http.header_names", from)
	for i := range m.Fields {
		from = len(a.text)
		line(&m.Fields[i], m.Fields[i].Value)
		a.put(each, from)
		a.put("http2.header", from)
		a.add("http2.header_name", m.Fields[i].Name)
	}
}

// Exchange collects what the event of a transaction says, whose messages do not come as HTTP/1 writes them.
type Exchange struct {
	t  pending
	in intake
}

// Request takes the head of a request, that began with a packet.
func (x *Exchange) Request(m *Message, begin packet.Ref) {
	x.t.e.Request = begin
	x.t.asked(m)
}

// Response takes the head of a response.
func (x *Exchange) Response(m *Message, begin packet.Ref) {
	x.t.e.Response = begin
	x.t.answered(m)
	if looked(m) {
		x.in.begin(m)
	}
}

// Target is what was asked for, as sent.
func (x *Exchange) Target() []byte { return x.t.text.get(tURI) }

// Content takes bytes of a content.
func (x *Exchange) Content(d packet.Dir, b []byte) {
	if d == packet.ToServer {
		x.t.e.RequestN += uint64(len(b))
		return
	}
	x.t.e.ResponseN += uint64(len(b))
	if x.in.on {
		x.in.add(b)
	}
}

// Lost says that bytes of the transaction are missing.
func (x *Exchange) Lost(d packet.Dir) {
	x.t.e.Gap = true
	if d == packet.ToClient {
		x.in.drop()
	}
}

// Event returns what is known so far, without what the content of the response says.
func (x *Exchange) Event() Transaction {
	e := x.t.e
	x.t.text.fill(&e)
	return e
}

// Finish returns the event; whole says that the end of the response was seen.
func (x *Exchange) Finish(h event.Head, whole bool) *Transaction {
	if x.in.on {
		x.in.digest(&x.t.e, &x.t.text, whole && !x.t.e.Gap)
	}
	x.in.drop()
	e := x.Event()
	e.head, e.Complete = h, whole
	return &e
}

// Drop gives back what it holds.
func (x *Exchange) Drop() { x.in.drop() }

// Size is what it keeps, in bytes.
func (x *Exchange) Size() int { return cap(x.t.text.buf) + x.in.size() }

// Upgraded is the request whose answer was the switch to HTTP/2 (RFC 7540 3.2): it is stream 1's.
type Upgraded struct {
	Request   packet.Ref
	Method    string
	Target    string
	Authority string
	UserAgent string
	Settings  string // HTTP2-Settings: the payload of a SETTINGS frame, in Base64 for URLs
}

func (t *pending) upgraded() *Upgraded {
	get := func(id textID) string { return string(t.text.get(id)) }
	return &Upgraded{t.e.Request, get(tMethod), get(tURI), get(tHost), get(tUserAgent), get(tHTTP2Settings)}
}
