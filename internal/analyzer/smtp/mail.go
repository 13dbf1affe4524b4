package smtp

import (
	"crypto/md5"
	"encoding/hex"
	"strings"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/mime"
	"firestorm/internal/packet"
)

// Bounds of what is kept of a mail's content.
const (
	maxFields      = 64      // of the header
	maxFieldBytes  = 8 << 10 // of all of them
	maxAttachments = 64
	maxURLs        = 64
	maxURL         = 1024
)

// Email is what a mail's content says.
type Email struct {
	Fields      []Field // of its header, those of wanted, in order
	Attachments []string
	URLs        []string
	// More counts fields, attachments and addresses beyond those.
	More  int
	Whole bool // its end was seen

	BodyMD5, SubjectMD5 string // raw; empty unless settings ask for them

	files  []analyzer.OpenFile
	bytes  int // of Fields and URLs
	scheme bool
}

// Field is a field of a header, unfolded.
type Field struct{ Name, Value string }

// wanted are the fields that are kept, with EVE's words for them, in its order. More than one are listed where several says so.
var wanted = []struct {
	name, word string
	list       bool // of addresses
	several    bool // fields of that name
}{
	{"from", "from", false, false}, {"to", "to", true, false}, {"cc", "cc", true, false}, {"reply-to", "reply_to", false, false},
	{"bcc", "bcc", true, false}, {"message-id", "message_id", false, false}, {"subject", "subject", false, false},
	{"x-mailer", "x_mailer", false, false}, {"user-agent", "user_agent", false, false}, {"received", "received", false, true},
	{"x-originating-ip", "x_originating_ip", false, false}, {"in-reply-to", "in_reply_to", false, false},
	{"references", "references", false, false}, {"importance", "importance", false, false}, {"priority", "priority", false, false},
	{"sensitivity", "sensitivity", false, false}, {"organization", "organization", false, false},
	{"content-md5", "content_md5", false, false}, {"date", "date", false, false},
}

// Get returns the first field of that name, in lower case.
func (m *Email) Get(name string) string {
	for _, f := range m.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// appendEVE writes the object email.
func (m *Email) appendEVE(dst []byte) []byte {
	dst = append(dst, `"email":{"status":"`...)
	if m.Whole {
		dst = append(dst, `PARSE_DONE"`...)
	} else {
		dst = append(dst, `BODY_STARTED"`...)
	}
	for _, w := range wanted {
		var values []string
		for _, f := range m.Fields {
			if f.Name == w.name && (w.several || len(values) == 0) {
				values = append(values, f.Value)
			}
		}
		switch {
		case len(values) == 0:
		case w.list:
			dst = appendList(dst, w.word, addressList(values[0]))
		case w.several:
			dst = appendList(dst, w.word, values)
		default:
			dst = append(append(append(dst, `,"`...), w.word...), `":`...)
			dst = event.AppendJSONString(dst, values[0])
		}
	}
	dst = appendList(dst, "attachment", m.Attachments)
	var urls []string
	for _, u := range m.URLs {
		urls = append(urls, m.shown(u))
	}
	dst = appendList(dst, "url", urls)
	for _, d := range []struct{ key, sum string }{{`,"subject_md5":"`, m.SubjectMD5}, {`,"body_md5":"`, m.BodyMD5}} {
		if d.sum != "" {
			dst = append(hex.AppendEncode(append(dst, d.key...), []byte(d.sum)), '"')
		}
	}
	return append(dst, '}')
}

func appendList(dst []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":[`...)
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = event.AppendJSONString(dst, s)
	}
	return append(dst, ']')
}

// addressList parts a list of addresses at its commas, but for those in quotes (RFC 5322 3.4). One without any is no list.
func addressList(s string) (list []string) {
	quoted, from := false, 0
	add := func(a string) {
		if a = strings.TrimSpace(a); a != "" {
			list = append(list, a)
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				add(s[from:i])
				from = i + 1
			}
		}
	}
	add(s[from:])
	return list
}

// shown is how Suricata writes an address: without what stands before it, unless settings want that.
func (m *Email) shown(u string) string {
	if m.scheme {
		return u
	}
	if _, rest, ok := strings.Cut(u, "://"); ok {
		return rest
	}
	_, rest, _ := strings.Cut(u, ":")
	return rest
}

// content follows a mail's content as it comes (mime.Sink).
type content struct {
	r     *reader
	c     *analyzer.Context // during a call
	mime  mime.Reader
	on    bool
	email *Email
	look  analyzer.Look
	open  analyzer.OpenFile // the attachment at hand; nil: none, or nobody wants it
	named []byte            // its name, where an attachment is at hand
	ended bool              // of the attachment at hand
	want  wants
}

// wants is what settings say of mails.
type wants struct {
	mime          bool // they are taken apart
	scheme        bool // addresses of the web begin with their scheme
	body, subject bool // records have the MD5 of these
}

// begin makes ready for a mail; false: nobody asks for it.
func (s *content) begin(c *analyzer.Context) bool {
	if s.on = s.want.mime && (c.TakesFiles(s.r.kind) || c.Inspected(s.r.kind)); s.on {
		s.email = &Email{scheme: s.want.scheme}
		s.mime.HashBody(s.want.body)
		s.mime.Reset(s)
	}
	return s.on
}

// write takes bytes of the content.
func (s *content) write(c *analyzer.Context, b []byte) {
	if s.on {
		s.c = c
		s.mime.Write(b)
		s.c = nil
	}
}

// gap says that n bytes of it are missing.
func (s *content) gap(c *analyzer.Context, n uint64) {
	if !s.on {
		return
	}
	if s.open != nil {
		s.open.Gap(c, n)
	}
	s.mime.Gap()
}

// end ends the mail, and returns what it said; nil: nobody asked.
func (s *content) end(c *analyzer.Context, whole bool) *Email {
	if !s.on {
		return nil
	}
	s.on, s.c = false, c
	s.mime.Close(whole)
	m := s.email
	if m.Whole = whole; whole && s.want.body {
		m.BodyMD5 = string(s.mime.BodyMD5())
	}
	if v := m.Get("subject"); s.want.subject && v != "" {
		sum := md5.Sum([]byte(v))
		m.SubjectMD5 = string(sum[:])
	}
	s.r.inspect(c, true)
	s.c, s.email = nil, nil
	s.look.Reset()
	return m
}

// Field keeps a field of the header (mime.Sink).
func (s *content) Field(name, value []byte) {
	m := s.email
	for _, w := range wanted {
		if string(name) != w.name {
			continue
		}
		if len(m.Fields) == maxFields || m.bytes+len(value) > maxFieldBytes {
			m.More++
			return
		}
		m.bytes += len(value)
		m.Fields = append(m.Fields, Field{w.name, string(value)})
		return
	}
}

// HeaderEnd shows rules the header (mime.Sink).
func (s *content) HeaderEnd() { s.r.inspect(s.c, false) }

// Begin begins an attachment (mime.Sink).
func (s *content) Begin(name []byte) {
	m := s.email
	s.ended = false
	if len(m.Attachments) == maxAttachments {
		m.More++
		return
	}
	s.named = append(s.named[:0], name...)
	s.open = s.c.File(s.r.kind, event.File{Dir: packet.ToServer, Tx: uint64(s.r.tx), Name: name, Size: -1})
	m.Attachments = append(m.Attachments, string(name))
	m.files = append(m.files, s.open)
	s.look.Reset()
	s.r.inspect(s.c, false)
}

// Data takes bytes of the attachment (mime.Sink).
func (s *content) Data(b []byte) {
	if s.open == nil {
		return
	}
	s.open.Data(s.c, b)
	if !s.c.Inspected(s.r.kind) {
		return
	}
	for more := true; more; {
		if b, more = s.look.Add(b); more {
			s.r.inspect(s.c, false)
		}
	}
}

// End ends the attachment (mime.Sink).
func (s *content) End(whole bool) {
	if s.open == nil {
		s.named = s.named[:0]
		return
	}
	s.open.Stop(s.c, whole)
	s.ended = true
	s.r.inspect(s.c, false)
	s.open, s.named = nil, s.named[:0]
}

// URL keeps an address (mime.Sink).
func (s *content) URL(url []byte) {
	m := s.email
	if len(m.URLs) == maxURLs {
		m.More++
		return
	}
	u := string(url[:min(len(url), maxURL)])
	m.bytes += len(u)
	m.URLs = append(m.URLs, u)
}

// Odd reports what is odd in the mail (mime.Sink).
func (s *content) Odd(name string) { s.r.odd(s.c, packet.ToServer, name) }

// reset forgets the mail.
func (s *content) reset() {
	s.look.Reset()
	s.mime.Reset(nil)
	*s = content{r: s.r, want: s.want, mime: s.mime, look: s.look, named: s.named[:0]}
}

// held is how many bytes are kept of the mail.
func (s *content) held() int {
	n := s.mime.Held() + s.look.Held() + cap(s.named)
	if s.email != nil {
		n += s.email.held()
	}
	return n
}

func (m *Email) held() int { return m.bytes + len(m.Attachments)*256 }
