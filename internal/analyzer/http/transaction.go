package http

import (
	"bytes"
	"encoding/base64"

	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// message acts on a complete head. rest follows it in the bytes at hand.
func (s *conn) message(c *analyzer.Context, d packet.Dir, h *half, head, rest []byte) {
	h.state = stStart
	if d == packet.ToServer {
		s.request(c, h, head)
	} else {
		s.response(c, h, head, rest)
	}
}

// request begins a transaction.
func (s *conn) request(c *analyzer.Context, h *half, head []byte) {
	m := &s.msg
	if !m.ParseRequest(head) {
		s.loseTo(c, packet.ToServer, h, head)
		return
	}
	if s.up != nil && s.up.v != nil {
		s.up.v.end(c, packet.ToServer, true)
	}
	if len(s.queue) >= maxPending {
		s.drop(c, 1)
		s.lost = true
	}
	t := s.fresh()
	t.e.Request, t.e.Number = h.begin, s.count
	s.count++
	t.head, t.connect, t.simple = string(m.Method) == "HEAD", string(m.Method) == "CONNECT", len(m.Version) == 0
	t.asked(m)
	if s.fields {
		t.e.Fields[packet.ToServer] = m.kept()
	}
	s.up = t
	h.contentOf(m, false)
	if t.v = s.newView(c, t); t.v != nil {
		t.v.request(c, m, h.state == stStart)
	}
	if !s.orphan.IsZero() && h.begin.Time < s.orphan.Time { // it comes late, behind a hole: a response that had no request was for it
		t.e.Gap = true
		s.out(c, t)
		return
	}
	s.queue = append(s.queue, t)
}

// asked copies what an event says of a request.
func (t *pending) asked(m *Message) {
	x := &t.text
	x.line(m)
	x.set(tHost, authority(m), 256)
	x.set(tUserAgent, m.get(fUserAgent), 512)
	x.setURI(tReferer, m.get(fReferer), 512)
	x.set(tForwardedProto, m.get(fForwardedProto), 32)
	x.set(tForwardedFor, m.get(fForwardedFor), 256)
	x.set(tHTTP2Settings, m.get(fHTTP2Settings), 512)
	t.e.Cookie = m.has(fCookie)
	if v := m.get(fAuthorization); len(v) > 0 {
		scheme, rest, _ := bytes.Cut(v, []byte(" "))
		x.set(tAuthScheme, scheme, 32)
		if eqFold(scheme, "basic") {
			x.setUser(bytes.TrimSpace(rest))
		}
	}
}

// answered copies what an event says of a response.
func (t *pending) answered(m *Message) {
	t.e.Status = m.Status
	x := &t.text
	x.set(tResponseVersion, m.Version, 16)
	for k, to := range responseTexts {
		if to > 0 && m.first[k] > 0 {
			x.set(to, m.get(known(k)), 256)
		}
	}
	x.setURI(tLocation, m.get(fLocation), 1024)
	x.set(tReason, m.Reason, 256)
	t.e.SetCookie = m.has(fSetCookie)
	t.e.Pragma = bytes.Contains(m.get(fPragma), []byte("no-cache"))
}

// contentOf finds out how the content after a head ends (RFC 9112 6.3).
func (h *half) contentOf(m *Message, untilClose bool) {
	h.unsure = false
	if m.has(fTransferEncoding) {
		if m.chunked() {
			h.state = stSize
			return
		}
		if untilClose {
			h.state = stClose
			return
		}
	}
	n := int64(-1)
	if m.has(fContentLength) {
		v := m.get(fContentLength)
		n = number(v)
		h.unsure = !digits(v)
	}
	switch {
	case n > 0:
		h.state, h.left = stLength, n
	case n < 0 && untilClose:
		h.state = stClose
	}
}

// authority is who is asked: in the target (RFC 9112 3.2.2, 3.2.3) or in the Host field.
func authority(m *Message) []byte {
	if m.authority != nil {
		return m.authority[bytes.LastIndexByte(m.authority, '@')+1:]
	}
	t := m.Target
	if string(m.Method) == "CONNECT" && t[0] != '/' {
		return t
	}
	if i := bytes.Index(t, []byte("://")); i > 0 && t[0] != '/' {
		t = t[i+3:]
		if j := bytes.IndexAny(t, "/?#"); j >= 0 {
			t = t[:j]
		}
		if j := bytes.LastIndexByte(t, '@'); j >= 0 {
			t = t[j+1:]
		}
		return t
	}
	return m.get(fHost)
}

// response acts on the head of a response.
func (s *conn) response(c *analyzer.Context, h *half, head, rest []byte) {
	m := &s.msg
	if !m.ParseResponse(head) {
		s.loseSync(c, packet.ToClient, h)
		return
	}
	framed := m.chunked() || m.has(fContentLength) && number(m.get(fContentLength)) > 0 // has content, whatever its status says
	if m.Status >= 100 && m.Status < 200 && m.Status != 101 && !framed {
		return // interim (RFC 9110 15.2)
	}
	h.ghost = stStart
	if s.tail != nil && len(s.queue) > 0 && s.queue[0].v == s.tail { // what came before the head was none of it
		s.tail.afresh(packet.ToClient)
		s.tail = nil
	}
	s.endTail(c, true)
	t := s.take(c, h.begin)
	s.cur = t
	if t.v == nil && t.e.Request.IsZero() {
		if t.v = s.newView(c, t); t.v != nil {
			t.v.number = uint64(s.count)
			s.count++
			t.v.side[packet.ToClient].note("unable_to_match_response_to_request")
		}
	}
	t.e.Response = h.begin
	t.answered(m)
	if s.fields {
		t.e.Fields[packet.ToClient] = m.kept()
	}
	if t.v != nil {
		t.v.response(c, m)
	}
	switch {
	case m.Status == 101 && !framed:
		t.text.set(tUpgrade, m.get(fUpgrade), 64)
		to := switched(m.get(fUpgrade))
		if to == "http2" {
			c.Tell(t.upgraded())
		}
		s.emit(c, true)
		s.tunnel(c, to, rest)
		return
	case t.connect && m.Status < 300 && m.Status > 0:
		s.emit(c, true)
		s.proxied = true
		return
	case t.head:
	case m.Status == 204 || m.Status == 304:
		if t.v != nil && framed {
			h.contentOf(m, false)
			h.ghost, h.ghosts, h.state = h.state, h.left, stStart
			s.tail = t.v
		}
	default:
		h.contentOf(m, true)
	}
	if h.state == stStart {
		s.emit(c, true)
		return
	}
	if looked(m) {
		s.in.begin(m)
	}
}

// looked reports whether the content is text that somebody reads: pages, and messages of machines.
func looked(m *Message) bool {
	if m.Status == 206 { // a part
		return false
	}
	t := m.get(fContentType)
	return len(t) == 0 || hasFold(t, "text/") || bytes.Contains(t, []byte("html")) || bytes.Contains(t, []byte("json")) || bytes.Contains(t, []byte("xml"))
}

// inProxy acts on the first bytes that a proxy passes on (RFC 9110 9.3.6): they say what the tunnel holds. Who asks a proxy for
// a plain page by CONNECT is read as anybody else.
func (s *conn) inProxy(c *analyzer.Context, d packet.Dir, b []byte) {
	h := &s.half[d]
	if len(h.buf) > 0 {
		b = append(h.buf, b...)
	} else if b = bytes.TrimLeft(b, "\r\n"); len(b) == 0 { // behind a head, as RFC 9112 2.2 knows it
		return
	}
	name, more := tunnelled(d, b)
	if more {
		h.buf = append(h.buf[:0], b...)
		return
	}
	s.over = true
	if name == "" || !c.Upgrade(name, d, b) {
		c.Done()
	}
}

// longestMethod bounds the word that may begin a request.
const longestMethod = 16

// tunnelled names the protocol whose first bytes b are, of those that are looked for behind a proxy; empty: none of them. More
// says that b is too short to tell.
func tunnelled(d packet.Dir, b []byte) (name string, more bool) {
	const ssh, preface = "SSH-", "PRI * HTTP/2.0"
	switch {
	case b[0] == 0x16:
		return "tls", false
	case string(b[:min(len(b), len(ssh))]) == ssh[:min(len(b), len(ssh))]:
		return "ssh", len(b) < len(ssh)
	case d == packet.ToClient:
		return "", false
	case string(b[:min(len(b), len(preface))]) == preface[:min(len(b), len(preface))]:
		return "http2", len(b) < len(preface)
	}
	for i, x := range b {
		switch {
		case x == ' ' && i > 2:
			return "http", false
		case x < 'A' || x > 'Z' || i == longestMethod:
			return "", false
		}
	}
	return "", true
}

// tunnel gives the connection away after its protocol was switched.
func (s *conn) tunnel(c *analyzer.Context, to string, rest []byte) {
	s.over = true
	if to == "" || !c.Upgrade(to, packet.ToClient, rest) {
		c.Done()
	}
}

// switched names the protocol that a 101 switches to, of those that are read (RFC 2817, RFC 7540 3.2).
func switched(upgrade []byte) string {
	switch {
	case hasFold(upgrade, "tls"):
		return "tls"
	case eqFold(trim(upgrade), "h2c"):
		return "http2"
	}
	return ""
}

// tlsAnswer collects a record where a response should be.
func (s *conn) tlsAnswer(c *analyzer.Context, h *half, b []byte) []byte {
	n := min(7-len(h.buf), len(b))
	h.buf = append(h.buf, b[:n]...)
	if len(h.buf) >= 3 && h.buf[1] != 3 {
		s.loseSync(c, packet.ToClient, h)
		return b[n:]
	}
	if len(h.buf) < 7 {
		return nil
	}
	t := s.take(c, h.begin)
	t.e.Response, t.e.TLSAnswer = h.begin, true
	if h.buf[0] == 0x15 && h.buf[3] == 0 && h.buf[4] == 2 {
		t.e.TLSAlert = h.buf[6]
	}
	s.out(c, t)
	s.finish(c)
	return nil
}

// take returns the transaction that a response belongs to. After a loss that cannot be counted off: a client that waits
// for each response got this one for the last request it had sent by then.
func (s *conn) take(c *analyzer.Context, begin packet.Ref) *pending {
	n, lost := 0, s.lost
	if lost {
		for n < len(s.queue) && s.queue[n].e.Request.Time <= begin.Time {
			n++
		}
		n--
		s.drop(c, n)
		s.lost = false
	}
	if n < 0 || len(s.queue) == 0 {
		t := s.fresh()
		t.e.Gap = lost
		s.orphan = begin
		return t
	}
	t := s.shift()
	t.e.Gap = t.e.Gap || lost
	return t
}

// drop reports the first n requests without responses.
func (s *conn) drop(c *analyzer.Context, n int) {
	for range n {
		t := s.shift()
		t.e.Gap = true
		s.out(c, t)
	}
}

func (s *conn) shift() *pending {
	t := s.queue[0]
	s.queue = append(s.queue[:0], s.queue[1:]...)
	return t
}

func (s *conn) fresh() *pending {
	n := len(s.spare)
	if n == 0 {
		return new(pending)
	}
	t := s.spare[n-1]
	s.spare = s.spare[:n-1]
	return t
}

// put makes t ready for the next transaction.
func (s *conn) put(t *pending) {
	if s.up == t {
		s.up = nil
	}
	if t.v != nil {
		t.v.drop()
	}
	t.e, t.head, t.connect, t.simple, t.v = Transaction{}, false, false, false, nil
	t.text.reset()
	s.spare = append(s.spare, t)
}

// emit ends the response at hand; whole says that its end was seen.
func (s *conn) emit(c *analyzer.Context, whole bool) {
	t := s.cur
	s.cur = nil
	if s.in.on {
		s.in.digest(&t.e, &t.text, whole && !t.e.Gap)
		s.in.drop()
	}
	t.e.Complete = whole
	s.out(c, t)
}

// out emits t and makes it free.
func (s *conn) out(c *analyzer.Context, t *pending) {
	e := new(Transaction)
	*e = t.e
	quiet := e.head.Quiet
	e.head = c.Head(s.kind)
	e.head.Quiet = quiet
	t.text.fill(e)
	if v := t.v; v != nil {
		if h := &s.half[packet.ToServer]; t == s.up && h.state == stHead && !s.views.part.ParseRequest(h.buf) {
			s.sentOn(c, h.buf)
		}
		v.e, v.t, t.v = e, nil, nil
		if v != s.tail {
			v.finish(c)
		}
	}
	c.Emit(e)
	s.put(t)
}

// responseTexts maps fields of a response to their texts.
var responseTexts = [numKnown]textID{
	fContentType: tContentType, fContentEncoding: tContentEncoding, fContentRange: tContentRange,
	fRetryAfter: tRetryAfter, fCacheControl: tCacheControl, fExpires: tExpires, fLastModified: tLastModified, fETag: tETag,
	fAge: tAge, fVia: tVia, fXCache: tXCache, fServer: tServer, fDate: tDate, fAuthenticate: tAuthenticate,
}

// textID names a text of a transaction.
type textID uint8

const (
	tNone textID = iota
	tMethod
	tURI
	tHost
	tVersion
	tUserAgent
	tReferer
	tForwardedProto
	tForwardedFor
	tAuthScheme
	tAuthUser
	tResponseVersion
	tReason
	tContentType
	tContentEncoding
	tContentRange
	tLocation
	tRetryAfter
	tCacheControl
	tExpires
	tLastModified
	tETag
	tAge
	tVia
	tXCache
	tServer
	tDate
	tAuthenticate
	tUpgrade
	tHTTP2Settings
	tTitle
	tH1
	tText
	numTexts
)

// texts collects what an event will own: one string for all of it.
type texts struct {
	buf []byte
	at  [numTexts]struct{ from, to int32 }
}

func (x *texts) reset() {
	if cap(x.buf) > 16<<10 {
		x.buf = nil
	}
	*x = texts{buf: x.buf[:0]}
}

// set copies b, at most that many bytes of it.
func (x *texts) set(id textID, b []byte, most int) {
	if len(b) == 0 {
		return
	}
	from := len(x.buf)
	x.buf = append(x.buf, b[:min(len(b), most)]...)
	x.at[id].from, x.at[id].to = int32(from), int32(len(x.buf))
}

// setURI copies a URI without the password that its authority may hold (RFC 3986 3.2.1).
func (x *texts) setURI(id textID, b []byte, most int) {
	cut, to := passwordIn(b)
	if cut == to {
		x.set(id, b, most)
		return
	}
	from := len(x.buf)
	x.buf = append(append(x.buf, b[:cut]...), b[to:]...)
	x.buf = x.buf[:min(len(x.buf), from+most)]
	x.at[id].from, x.at[id].to = int32(from), int32(len(x.buf))
}

// passwordIn is where the password of a URI's authority stands, with the colon before it; both the same: there is none.
func passwordIn(uri []byte) (from, to int) {
	i := bytes.Index(uri, []byte("://"))
	if i < 0 {
		return 0, 0
	}
	auth := uri[i+3:]
	if j := bytes.IndexAny(auth, "/?#"); j >= 0 {
		auth = auth[:j]
	}
	at := bytes.LastIndexByte(auth, '@')
	colon := bytes.IndexByte(auth[:max(at, 0)], ':')
	if colon < 0 {
		return 0, 0
	}
	return i + 3 + colon, i + 3 + at
}

// setUser copies the user name of Basic credentials (RFC 7617 2), and nothing of the password.
func (x *texts) setUser(b []byte) {
	var plain [3 * 64]byte
	n, _ := base64.RawStdEncoding.Decode(plain[:], bytes.TrimRight(b[:min(len(b), 4*64)], "="))
	if i := bytes.IndexByte(plain[:n], ':'); i >= 0 {
		x.set(tAuthUser, plain[:i], 64)
	}
	clear(plain[:])
}

// line copies what the line of a request has.
func (x *texts) line(m *Message) {
	x.set(tMethod, m.Method, 64)
	x.setURI(tURI, m.Target, 4096)
	x.set(tVersion, m.Version, 16)
}

// fill gives e its texts.
func (x *texts) fill(e *Transaction) {
	all := string(x.buf)
	get := func(id textID) string { return all[x.at[id].from:x.at[id].to] }
	e.Method, e.URI, e.Host, e.Version = get(tMethod), get(tURI), get(tHost), get(tVersion)
	e.UserAgent, e.Referer, e.ForwardedProto, e.ForwardedFor = get(tUserAgent), get(tReferer), get(tForwardedProto), get(tForwardedFor)
	e.AuthScheme, e.AuthUser = get(tAuthScheme), get(tAuthUser)
	e.ResponseVersion, e.Reason, e.ContentType, e.ContentEncoding = get(tResponseVersion), get(tReason), get(tContentType), get(tContentEncoding)
	e.ContentRange, e.Location, e.RetryAfter, e.CacheControl = get(tContentRange), get(tLocation), get(tRetryAfter), get(tCacheControl)
	e.Expires, e.LastModified, e.ETag, e.Age, e.Via = get(tExpires), get(tLastModified), get(tETag), get(tAge), get(tVia)
	e.XCache, e.Server, e.Date, e.Authenticate, e.Upgrade = get(tXCache), get(tServer), get(tDate), get(tAuthenticate), get(tUpgrade)
	e.Title, e.H1, e.Text = get(tTitle), get(tH1), get(tText)
}

// get returns a text.
func (x *texts) get(id textID) []byte { return x.buf[x.at[id].from:x.at[id].to] }
