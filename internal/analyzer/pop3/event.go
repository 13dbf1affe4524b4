package pop3

import (
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the only event kind.
const Kind = "pop3"

// Exchange is one command with the first line of its reply, or the server's greeting.
type Exchange struct {
	head     event.Head
	Word     string // empty: the greeting, or a word that is none
	Arg      string // at most maxArg bytes; of APOP and AUTH the name and the mechanism alone; never a secret
	Answered bool
	Positive bool   // "+OK"
	Reply    string // text of the first line, at most maxReply bytes
	Request  packet.Ref
	User     string // of USER, APOP or AUTH, as given last
	Lost     bool   // bytes are missing: that no reply is known means nothing
}

// NewExchange returns an exchange with head h.
func NewExchange(h event.Head) *Exchange { return &Exchange{head: h} }

// Head returns the common part.
func (x *Exchange) Head() *event.Head { return &x.head }

// Login tells of PASS, APOP and AUTH (event.LoginTeller).
func (x *Exchange) Login() (l event.Login, ok bool) {
	switch x.Word {
	case "PASS":
		l.Method, l.Clear = "PASS", true
	case "APOP":
		l.Method = "APOP"
	case "AUTH":
		if x.Arg == "" {
			return l, false
		}
		l.Method, l.Clear = "AUTH "+x.Arg, x.Arg == "PLAIN" || x.Arg == "LOGIN"
	default:
		return l, false
	}
	l.User, l.Secret = x.User, x.Request
	if x.Answered {
		l.Outcome = event.LoginRefused
		if x.Positive {
			l.Outcome = event.LoginAccepted
		}
	}
	return l, true
}

// AppendEVE writes a record of type pop3.
func (x *Exchange) AppendEVE(dst []byte, c *event.EVE) []byte {
	h := &x.head
	dst = event.AppendEVEHead(dst, h, "pop3", packet.ToServer, c)
	dst = append(dst, `,"app_proto":"pop3","pop3":{`...)
	if x.Word != "" {
		dst = append(dst, `"request":{"command":`...)
		dst = event.AppendJSONString(dst, x.Word)
		dst = append(dst, `,"args":[`...)
		for more, arg, rest := x.Arg != "", "", x.Arg; more; {
			if arg, rest, more = strings.Cut(rest, " "); more {
				dst = append(event.AppendJSONString(dst, arg), ',')
			} else {
				dst = event.AppendJSONString(dst, arg)
			}
		}
		dst = append(dst, `]}`...)
	}
	if x.Answered {
		if x.Word != "" {
			dst = append(dst, ',')
		}
		status, success := "ERR", "false"
		if x.Positive {
			status, success = "OK", "true"
		}
		dst = append(dst, `"response":{"success":`...)
		dst = append(append(append(dst, success...), `,"status":"`...), status...)
		dst = append(dst, `","header":`...)
		dst = event.AppendJSONString(dst, x.Reply)
		dst = append(dst, '}')
	}
	dst = append(dst, '}')
	return event.AppendEVETail(dst, h, c)
}
