package smtp

import (
	"slices"
	"strings"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Odd things of the dialogue, in Suricata's words for app-layer-event.
const (
	oddReply       = "invalid_reply"
	oddNoRequest   = "unable_to_match_reply_with_request"
	oddLongCommand = "max_command_line_len_exceeded"
	oddLongReply   = "max_reply_line_len_exceeded"
	oddPipelined   = "invalid_pipelined_sequence"
	oddRefused     = "data_command_rejected"
	oddWelcome     = "no_server_welcome_message"
	oddTLS         = "tls_rejected"
	oddDuplicate   = "duplicate_fields"
	oddBDAT        = "invalid_bdat"
)

// envelope is what the client says of a mail, answered or not: rules see it at once.
type envelope struct {
	helo, from []byte
	to         [][]byte // at most maxRecipients, where rules ask
	begun      bool     // somebody was named
}

// reset forgets the mail; who the client is stays.
func (e *envelope) reset() { e.from, e.to, e.begun = e.from[:0], e.to[:0], false }

func (e *envelope) held() int {
	n := cap(e.helo) + cap(e.from)
	for _, to := range e.to {
		n += cap(to) + 24
	}
	return n
}

// odd reports something odd in the transaction at hand, once. Rules see it with the next look at it.
func (r *reader) odd(c *analyzer.Context, d packet.Dir, name string) {
	if slices.Contains(r.events[d], name) {
		return
	}
	r.events[d] = append(r.events[d], name)
	c.AppLayer(d, uint64(r.tx), strings.ToUpper(name))
	if d == packet.ToClient || !r.content.on {
		r.inspectEvents(c, d)
	}
}

// inspectEvents shows rules what is odd, with the parts of the transaction.
func (r *reader) inspectEvents(c *analyzer.Context, d packet.Dir) {
	in := event.Inspection{Dir: d, Tx: uint64(r.tx), Parts: nothing{}, Events: r.events[d]}
	if d == packet.ToServer {
		in.Parts = view{r}
	}
	c.Inspect(r.kind, in)
}

// inspect shows rules what there is of the client's side of the transaction at hand; done, that no more of it comes.
func (r *reader) inspect(c *analyzer.Context, done bool) {
	if !c.Inspected(r.kind) {
		return
	}
	c.Inspect(r.kind, event.Inspection{Dir: packet.ToServer, Tx: uint64(r.tx), Done: done, Parts: view{r}, Events: r.events[packet.ToServer]})
}

// nothing are the parts of a side that has none.
type nothing struct{}

func (nothing) EachBuffer(func(string, []byte)) {}

// view is what rules see of a mail on its way (event.Parts).
type view struct{ r *reader }

// parts are the fields of a mail that rules can ask for.
var parts = map[string]string{"from": "email.from", "to": "email.to", "cc": "email.cc", "subject": "email.subject", "date": "email.date",
	"message-id": "email.message_id", "x-mailer": "email.x_mailer", "received": "email.received"}

// EachBuffer gives the parts that rules can ask for.
func (v view) EachBuffer(f func(name string, b []byte)) {
	e := &v.r.envelope
	if len(e.helo) > 0 {
		f("smtp.helo", e.helo)
	}
	if len(e.from) > 0 {
		f("smtp.mail_from", e.from)
	}
	for _, to := range e.to {
		f("smtp.rcpt_to", to)
	}
	s := &v.r.content
	if s.email == nil {
		return
	}
	for _, x := range s.email.Fields {
		if name := parts[x.Name]; name != "" {
			f(name, []byte(x.Value))
		}
	}
	for _, u := range s.email.URLs {
		f("email.url", []byte(s.email.shown(u)))
	}
	if s.open == nil {
		return
	}
	s.open.EachBuffer(f)
	if b := s.look.Bytes(); len(b) > 0 && (s.ended || s.look.Ready()) {
		f("file.data", b)
	}
}

// AppendAppObject writes what an alert says of the mail.
func (v view) AppendAppObject(dst []byte) []byte {
	e := &v.r.envelope
	m := Mail{Helo: string(e.helo), From: string(e.from)}
	for _, to := range e.to {
		m.To = append(m.To, string(to))
	}
	m.Email = v.r.content.email
	dst = m.AppendAppObject(dst)
	if t, ok := v.r.content.open.(event.FileTeller); ok {
		facts := t.Facts()
		dst = append(facts.AppendJSON(append(dst, `,"files":[`...)), ']')
	}
	return dst
}

// KeepFile passes on that a rule wants the attachment kept (event.FileKeeper).
func (v view) KeepFile(sid uint32) {
	if k, ok := v.r.content.open.(event.FileKeeper); ok {
		k.KeepFile(sid)
	}
}
