package http

import (
	"net/netip"
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Transaction is a request and its response (RFC 9110 3.4). It is emitted when the response is complete, or when no more
// of it can come. Texts are from packets, as sent, and cut: 4096 bytes of a target, 512 of a user agent, 256 of others.
type Transaction struct {
	head event.Head

	// Request. All empty and Request zero when it was not seen.
	Method         string
	URI            string // target as sent, without a password in it
	Host           string // authority of the target or the Host field, with its port
	Version        string
	UserAgent      string
	Referer        string
	ForwardedProto string // X-Forwarded-Proto
	ForwardedFor   string // X-Forwarded-For
	AuthScheme     string // of Authorization: "Basic"; its secret is read by nobody
	AuthUser       string // Basic: the user name

	// Response. All empty and Status 0 when it was not seen.
	ResponseVersion string
	Reason          string
	ContentType     string
	ContentEncoding string
	ContentRange    string
	Location        string
	RetryAfter      string
	CacheControl    string
	Expires         string
	LastModified    string
	ETag            string
	Age             string
	Via             string
	XCache          string
	Server          string
	Date            string
	Authenticate    string // WWW-Authenticate
	Upgrade         string // protocol that a 101 switched to

	// What a person would read, of text bodies: see Body.
	Title, H1, Text string

	Two *Two // what HTTP/2 adds; nil: HTTP/1

	Request   packet.Ref // first packet of the request
	Response  packet.Ref // first packet of the response
	RequestN  uint64     // bytes of the request's content, as transferred without chunk sizes
	ResponseN uint64     // bytes of the response's content
	Digest    [32]byte   // SHA-256 of the decoded content; valid when Body is BodyWhole
	Simhash   uint64     // of its words; valid as Digest
	Number    uint32     // of the request in its connection, from 0
	Status    int
	Body      BodyState

	Cookie     bool // the request had one
	SetCookie  bool // the response set one
	Pragma     bool // Pragma: no-cache
	Complete   bool // the response came to its end
	Gap        bool // bytes of it, or of what came before, are missing
	Unanswered bool // the connection was closed or reset, and no response had come
	Reset      bool // it ended so by a reset
	TLSAnswer  bool // TLS was answered instead of HTTP; TLSAlert says what
	TLSAlert   uint8

	// Fields are those of the two heads, by the direction travelled; nil where nobody asked for them. What proves who somebody is
	// (Authorization, Cookie and their like) is not in their values.
	Fields [2][]HeaderField
}

// HeaderField is a field line of a head, as sent and cut: 256 bytes of a name, 4096 of a value.
type HeaderField struct{ Name, Value string }

// NewTransaction returns an event with head h. Its kind is given out by the registry: the head must hold it.
func NewTransaction(h event.Head) *Transaction { return &Transaction{head: h} }

// Head returns the common part. Seen is the packet that completed the response.
func (t *Transaction) Head() *event.Head { return &t.head }

// Path returns the target's path and query: what follows scheme and authority in the absolute form (RFC 9112 3.2.2).
func (t *Transaction) Path() string {
	if i := strings.Index(t.URI, "://"); i > 0 && t.URI[0] != '/' {
		if j := strings.IndexAny(t.URI[i+3:], "/?"); j >= 0 {
			return t.URI[i+3+j:]
		}
		return "/"
	}
	return t.URI
}

// Hostname returns Host in lower case without its port.
func (t *Transaction) Hostname() string {
	h := t.Host
	if i := strings.LastIndexByte(h, ':'); i >= 0 && !strings.HasSuffix(h, "]") {
		h = h[:i]
	}
	return strings.ToLower(strings.Trim(h, "[]"))
}

// EachName calls f with the name that the server was asked for, where it let that pass: a scanner's Host is no name.
// A proxy is not what its clients ask for.
func (t *Transaction) EachName(f func(event.Name)) {
	if t.Status < 200 || t.Status >= 400 || len(t.URI) == 0 || t.URI[0] != '/' {
		return
	}
	name := t.Hostname()
	if name == "" || len(name) > event.MaxName || !strings.ContainsAny(name, "abcdefghijklmnopqrstuvwxyz") {
		return
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return
	}
	f(event.Name{Addr: t.head.Server.Addr, Name: name, From: event.NameHTTP})
}

// AppendEVE writes Suricata's http record.
func (t *Transaction) AppendEVE(dst []byte, c *event.EVE) []byte {
	kind := "http"
	if t.Two != nil && t.Two.DNS != "" {
		kind = "dns"
	}
	dst = event.AppendEVEHead(dst, &t.head, kind, packet.ToServer, c)
	dst = append(dst, `,"tx_id":`...)
	dst = strconv.AppendUint(dst, uint64(t.Number), 10)
	dst = append(dst, ',')
	dst = t.appendRecord(dst, &c.HTTP)
	if kind == "dns" {
		dst = append(append(dst, ','), t.Two.DNS...)
	}
	return event.AppendEVETail(dst, &t.head, c)
}

// appendObject appends the object that says what was asked and answered.
func (t *Transaction) appendObject(dst []byte) []byte {
	return t.appendRecord(dst, &event.HTTPParts{})
}

// appendRecord appends the object with the parts that are asked for.
func (t *Transaction) appendRecord(dst []byte, parts *event.HTTPParts) []byte {
	if t.Two != nil {
		return t.Two.AppendObject(dst, t)
	}
	dst = append(dst, `"http":{`...)
	o := object{event.Object{Dst: dst}}
	host, port := t.Host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:i], host[i+1:]
	}
	o.Some("hostname", host)
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		o.Number("http_port", n)
	}
	o.Some("url", t.URI)
	o.Some("http_user_agent", t.UserAgent)
	o.Some("xff", t.ForwardedFor)
	typ, _, _ := strings.Cut(t.ContentType, ";")
	o.Some("http_content_type", strings.TrimSpace(typ))
	if t.ContentRange != "" {
		o.Key("content_range")
		o.Dst = append(o.Dst, `{"raw":`...)
		o.Dst = event.AppendJSONString(o.Dst, t.ContentRange)
		if r := rangeOf([]byte(t.ContentRange)); r.ok {
			o.Dst = append(o.Dst, `,"start":`...)
			o.Dst = strconv.AppendInt(o.Dst, r.from, 10)
			o.Dst = append(o.Dst, `,"end":`...)
			o.Dst = strconv.AppendInt(o.Dst, r.to, 10)
			if r.size >= 0 {
				o.Dst = append(o.Dst, `,"size":`...)
				o.Dst = strconv.AppendInt(o.Dst, r.size, 10)
			}
		}
		o.Dst = append(o.Dst, '}')
	}
	for _, name := range parts.Custom {
		t.custom(&o, name)
	}
	for d, key := range [...]string{"request_headers", "response_headers"} {
		if parts.Headers[d] {
			o.fields(key, t.Fields[d])
		}
	}
	if parts.Brief {
		return append(o.Dst, '}')
	}
	o.Some("http_refer", t.Referer)
	o.Some("http_method", t.Method)
	o.Some("protocol", t.Version)
	if t.Status > 0 {
		o.Number("status", uint64(t.Status))
	}
	if t.Status >= 300 && t.Status < 400 {
		o.Some("redirect", t.Location)
	}
	o.Number("length", t.ResponseN)
	return append(o.Dst, '}')
}

// object writes the members of a JSON object.
type object struct{ event.Object }

// custom adds the first field of either head that is named so.
func (t *Transaction) custom(o *object, name string) {
	key := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for _, fields := range t.Fields {
		for _, f := range fields {
			if strings.ReplaceAll(strings.ToLower(f.Name), "-", "_") == key {
				o.Key(key)
				o.Dst = event.AppendJSONString(o.Dst, f.Value)
				return
			}
		}
	}
}

// fields adds a list of fields, unless it is empty.
func (o *object) fields(key string, fields []HeaderField) {
	if len(fields) == 0 {
		return
	}
	o.Key(key)
	for i, f := range fields {
		if i == 0 {
			o.Dst = append(o.Dst, `[{"name":`...)
		} else {
			o.Dst = append(o.Dst, `,{"name":`...)
		}
		o.Dst = event.AppendJSONString(o.Dst, f.Name)
		o.Dst = event.AppendJSONString(append(o.Dst, `,"value":`...), f.Value)
		o.Dst = append(o.Dst, '}')
	}
	o.Dst = append(o.Dst, ']')
}
