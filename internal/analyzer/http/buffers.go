package http

import (
	"bytes"

	"firestorm/internal/packet"
)

// put adds a part whose text was appended to a.text from a place on.
func (a *aspect) put(name string, from int) {
	if len(a.text) > maxParts {
		a.text = a.text[:from]
		return
	}
	a.parts = append(a.parts, part{name, int32(from), int32(len(a.text))})
}

func (a *aspect) add(name string, b []byte) {
	from := len(a.text)
	a.text = append(a.text, b...)
	a.put(name, from)
}

// target makes the parts of a request's line.
func (a *aspect) target(m *Message) {
	a.add("http.method", m.Method)
	from := len(a.text)
	a.text = appendURI(a.text, m.Target)
	a.put("http.uri", from)
	a.add("http.uri.raw", m.Target)
	if len(m.Version) > 0 {
		a.add("http.protocol", m.Version)
	}
	a.add("http.request_line", m.Line)
}

// request makes the parts of a request's head.
func (a *aspect) request(m *Message) {
	a.begun = true
	a.target(m)
	if host := authority(m); len(host) > 0 {
		a.host(host)
	}
	for _, x := range requestFields {
		a.value(x.name, m, x.k)
	}
	a.fields(m, "http.request_header", fCookie)
}

// host makes the parts of who is asked.
func (a *aspect) host(host []byte) {
	from := len(a.text)
	for _, c := range hostOnly(host) {
		a.text = append(a.text, lower(c))
	}
	a.put("http.host", from)
	a.add("http.host.raw", host)
}

// response makes the parts of a response's head.
func (a *aspect) response(m *Message) {
	a.begun = true
	a.add("http.protocol", m.Version)
	a.add("http.response_line", m.Line)
	if len(m.Code) > 0 {
		a.add("http.stat_code", m.Code)
	}
	if len(m.Reason) > 0 {
		a.add("http.stat_msg", m.Reason)
	}
	for _, x := range responseFields {
		a.value(x.name, m, x.k)
	}
	a.fields(m, "http.response_header", fSetCookie)
}

// fieldPart is a buffer that is the value of a field.
type fieldPart struct {
	k    known
	name string
}

var requestFields = []fieldPart{{fUserAgent, "http.user_agent"}, {fReferer, "http.referer"}, {fAccept, "http.accept"}, {fAcceptEncoding, "http.accept_enc"},
	{fAcceptLanguage, "http.accept_lang"}, {fConnection, "http.connection"}, {fContentType, "http.content_type"}, {fContentLength, "http.content_len"}, {fCookie, "http.cookie"}}

var responseFields = []fieldPart{{fLocation, "http.location"}, {fServer, "http.server"}, {fConnection, "http.connection"}, {fContentType, "http.content_type"},
	{fContentLength, "http.content_len"}, {fSetCookie, "http.cookie"}}

// value makes a part of a field's value, of all its occurrences.
func (a *aspect) value(name string, m *Message, k known) {
	if !m.has(k) {
		return
	}
	from := len(a.text)
	a.joined(m, int(m.first[k])-1)
	a.put(name, from)
}

// joined appends the value of the field at i and of those behind it with its name.
func (a *aspect) joined(m *Message, i int) {
	f := &m.Fields[i]
	a.text = appendUnfolded(a.text, f.Value)
	if f.Name == nil {
		return
	}
	for k := i + 1; k < len(m.Fields); k++ {
		if g := &m.Fields[k]; bytes.EqualFold(f.Name, g.Name) {
			a.text = append(a.text, ", "...)
			a.text = appendUnfolded(a.text, g.Value)
		}
	}
}

// appendUnfolded appends a value whose line ends, with the white space around them, are one space each (RFC 9112 5.2).
func appendUnfolded(dst, v []byte) []byte {
	for {
		i := bytes.IndexAny(v, "\r\n")
		if i < 0 {
			return append(dst, v...)
		}
		dst = append(append(dst, bytes.TrimRight(v[:i], blanks)...), ' ')
		v = bytes.TrimLeft(v[i+1:], blanks)
	}
}

// seenBefore reports whether a field before i has the same name: they are one.
func seenBefore(m *Message, i int) bool {
	for k := range i {
		if bytes.EqualFold(m.Fields[k].Name, m.Fields[i].Name) {
			return true
		}
	}
	return false
}

// fields makes the parts that are about all fields; cookies are in a part of their own.
func (a *aspect) fields(m *Message, each string, cookie known) {
	from := len(a.text)
	for i := range m.Fields {
		if f := &m.Fields[i]; seenBefore(m, i) || m.first[cookie] > 0 && bytes.EqualFold(f.Name, m.Fields[m.first[cookie]-1].Name) {
			continue
		}
		a.line(m, i)
		a.text = append(a.text, "\r\n"...)
	}
	if len(a.text) > from {
		a.put("http.header", from)
	}
	for i := range m.Fields {
		if seenBefore(m, i) {
			continue
		}
		from = len(a.text)
		a.line(m, i)
		a.put(each, from)
	}
	if raw := m.Raw[min(len(m.Raw), m.lineEnd):]; len(raw) > 0 {
		a.add("http.header.raw", raw)
	}
	from = len(a.text)
	a.text = append(a.text, "\r\n"...)
	for i := range m.Fields {
		if !seenBefore(m, i) {
			a.text = append(append(a.text, m.Fields[i].Name...), "\r\n"...)
		}
	}
	a.text = append(a.text, "\r\n"...)
	a.put("http.header_names", from)
	a.add("http.start", m.Raw)
}

func (a *aspect) line(m *Message, i int) {
	a.text = append(append(a.text, m.Fields[i].Name...), ": "...)
	a.joined(m, i)
}

// hostOnly is an authority without its port.
func hostOnly(b []byte) []byte {
	i := bytes.LastIndexByte(b, ':')
	if i < 0 || bytes.IndexByte(b[i:], ']') >= 0 || len(b) > 0 && b[0] != '[' && bytes.IndexByte(b[:i], ':') >= 0 {
		return b
	}
	return b[:i]
}

// begin makes a side's parts from its head and finds out what its content is.
func (a *aspect) begin(m *Message) {
	if a.dir == packet.ToServer {
		a.request(m)
	} else {
		a.response(m)
	}
	a.content(m)
}

// content finds out what the content behind a head is.
func (a *aspect) content(m *Message) {
	a.whole = true
	a.rng = rangeOf(m.get(fContentRange))
	a.name = append(a.name[:0], dispositionName(m.get(fDisposition))...)
	if a.dir == packet.ToServer {
		if b := boundaryOf(m.get(fContentType)); len(b) > 0 {
			a.form = newForm(a, b)
			a.whole = false
		}
	}
	coding := a.all(m, fContentEncoding)
	if te := a.all(m, fTransferEncoding); len(te) > 0 {
		coding = append(append(coding, ','), te...)
	}
	u, many := newUnpacker(coding, a.take)
	a.pack = u
	if many && !a.v.w.Plain {
		a.note("too_many_encoding_layers")
	}
}

// all is the value of a field in all its occurrences.
func (a *aspect) all(m *Message, k known) []byte {
	if !m.has(k) {
		return nil
	}
	from := len(a.text)
	a.joined(m, int(m.first[k])-1)
	b := bytes.Clone(a.text[from:])
	a.text = a.text[:from]
	return b
}
