package smtp

import (
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the only event kind.
const Kind = "smtp"

// Exchange is one command with its reply, the server's greeting, or the end of a mail's content.
type Exchange struct {
	head    event.Head
	Verb    string // empty: the greeting; "." the end of a mail's content
	Arg     string // at most maxArg bytes; of AUTH never more than the mechanism
	Code    uint16 // of the reply; 0: none came
	Reply   string // its text, at most maxReply bytes, lines separated by line feeds
	Request packet.Ref
	User    string // AUTH: who, where the mechanism tells
	Clear   bool   // AUTH: the password could be read
	Lost    bool   // bytes are missing: that no reply is known means nothing
	Mail    *Mail  // the end of a mail, or of a session without one: for the record
	Tx      uint32 // number of the mail in its connection, from 0
}

// Mail is one mail transaction (RFC 5321 3.3).
type Mail struct {
	Helo string
	From string   // with brackets
	To   []string // accepted or not, at most maxRecipients
	More int      // recipients beyond those
	// Email is what its content says; nil where nobody asks for that, or there was none.
	Email *Email
}

// NewExchange returns an exchange with head h.
func NewExchange(h event.Head) *Exchange { return &Exchange{head: h} }

// Head returns the common part.
func (x *Exchange) Head() *event.Head { return &x.head }

// Greeting reports that x is what the server said first.
func (x *Exchange) Greeting() bool { return x.Verb == "" && x.Request.IsZero() && x.Code != 0 }

// Login tells of AUTH (event.LoginTeller).
func (x *Exchange) Login() (l event.Login, ok bool) {
	if x.Verb != "AUTH" {
		return l, false
	}
	l = event.Login{User: x.User, Method: "AUTH " + x.Arg, Secret: x.Request, Clear: x.Clear}
	switch x.Code {
	case 235:
		l.Outcome = event.LoginAccepted
	case 454, 530, 534, 535, 538:
		l.Outcome = event.LoginRefused
	}
	return l, true
}

// AppendEVE writes a record of type smtp for each mail, and for a session without one.
func (x *Exchange) AppendEVE(dst []byte, c *event.EVE) []byte {
	m := x.Mail
	if m == nil {
		return dst
	}
	h := &x.head
	dst = event.AppendEVEHead(dst, h, "smtp", packet.ToServer, c)
	dst = strconv.AppendUint(append(dst, `,"tx_id":`...), uint64(x.Tx), 10)
	return event.AppendEVETail(m.AppendAppObject(append(dst, `,"app_proto":"smtp",`...)), h, c)
}

// AppendAppObject writes the objects smtp and email (event.AppObject).
func (m *Mail) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"smtp":{`...)
	comma := ""
	field := func(name, value string) {
		if value != "" {
			dst = append(append(append(append(dst, comma...), '"'), name...), `":`...)
			dst = event.AppendJSONString(dst, value)
			comma = ","
		}
	}
	field("helo", m.Helo)
	field("mail_from", m.From)
	if len(m.To) > 0 {
		dst = append(append(dst, comma...), `"rcpt_to":[`...)
		for i, r := range m.To {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = event.AppendJSONString(dst, r)
		}
		dst = append(dst, ']')
	}
	if dst = append(dst, '}'); m.Email != nil {
		dst = m.Email.appendEVE(append(dst, ','))
	}
	return dst
}
