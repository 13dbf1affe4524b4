package ftp

import (
	"strconv"
	"strings"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the kind of Exchange, DataKind that of Data.
const (
	Kind     = "ftp"
	DataKind = "ftp-data"
)

// Odd things of a control channel, in Suricata's words.
const (
	eventLongCommand = "request_command_too_long"
	eventLongReply   = "response_command_too_long"
	eventNoPort      = "file_before_port"
)

// Exchange is one command with its reply, or the server's greeting. It is emitted when the final reply is there, or
// when the connection ended, or lost bytes, before.
type Exchange struct {
	head    event.Head
	Command string // upper case; empty: the greeting, a reply nobody asked for, or an unknown word
	Data    string // the argument, at most maxArg bytes; never a secret
	Secret  bool   // there was an argument that is not kept: a password, or of an unknown word
	User    string // of USER, as given last
	Codes   [4]uint16
	Reply   string     // text of all lines without the codes, at most maxReply bytes, separated by line feeds
	Request packet.Ref // the frame that completed the command; zero without one
	// Channel is the data connection that was arranged: by a 227 or 229, or by PORT or EPRT.
	Channel Channel
	// Again says that clear text came back after TLS (CCC, RFC 4217 6).
	Again bool
	// Lost says that bytes are missing: that no reply is known means nothing.
	Lost bool
	Tx   uint32 // number of the command in its connection, from 0; what was said without one counts too
	// Cut and ReplyCut say that a line was longer than maxLine: its rest is not here.
	Cut, ReplyCut bool
}

// Channel is where a data connection is to go.
type Channel struct {
	End      event.End // zero Port: none was arranged. A 229 names no address: it is the server's
	Passive  bool      // the client connects
	Extended bool      // EPSV, EPRT (RFC 2428)
}

// Code returns the last reply code, 0 when there was none.
func (x *Exchange) Code() uint16 {
	var c uint16
	for _, y := range x.Codes {
		if y != 0 {
			c = y
		}
	}
	return c
}

// Greeting reports that x is what the server said first.
func (x *Exchange) Greeting() bool { return x.Request.IsZero() && x.Codes[0] == 220 }

// Transfers reports that the command uses a data connection.
func (x *Exchange) Transfers() bool {
	switch x.Command {
	case "LIST", "NLST", "MLSD", "RETR", "STOR", "STOU", "APPE":
		return true
	}
	return false
}

// NewExchange returns an exchange with head h.
func NewExchange(h event.Head) *Exchange { return &Exchange{head: h} }

// Head returns the common part.
func (x *Exchange) Head() *event.Head { return &x.head }

// AppendEVE writes a record of type ftp. That of the greeting names no command.
func (x *Exchange) AppendEVE(dst []byte, c *event.EVE) []byte {
	h := &x.head
	dst = event.AppendEVEHead(dst, h, "ftp", packet.ToServer, c)
	dst = strconv.AppendUint(append(dst, `,"tx_id":`...), uint64(x.Tx), 10)
	dst = append(dst, `,"app_proto":"ftp",`...)
	return event.AppendEVETail(x.AppendAppObject(dst), h, c)
}

// AppendAppObject writes the object of the record (event.AppObject).
func (x *Exchange) AppendAppObject(dst []byte) []byte {
	dst = append(dst, `"ftp":{`...)
	if x.Command != "" {
		dst = append(dst, `"command":`...)
		dst = append(event.AppendJSONString(dst, x.Command), ',')
	}
	if x.Data != "" {
		dst = append(dst, `"command_data":`...)
		dst = append(event.AppendJSONString(dst, x.Data), ',')
	}
	dst = append(strconv.AppendBool(append(dst, `"command_truncated":`...), x.Cut), ',')
	if p := x.Channel.End.Port; p != 0 {
		dst = append(dst, `"dynamic_port":`...)
		dst = strconv.AppendUint(dst, uint64(p), 10)
		dst = append(dst, `,"mode":"`...)
		dst = append(dst, x.Channel.mode()...)
		dst = append(dst, `",`...)
	}
	if x.Codes[0] != 0 {
		dst = append(dst, `"completion_code":[`...)
		for i, code := range x.Codes {
			if code == 0 {
				break
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '"')
			dst = strconv.AppendUint(dst, uint64(code), 10)
			dst = append(dst, '"')
		}
		dst = append(dst, `],`...)
	}
	if x.Reply != "" {
		dst = append(dst, `"reply":[`...)
		for more, line, rest := true, "", x.Reply; more; {
			if line, rest, more = strings.Cut(rest, "\n"); more {
				dst = append(event.AppendJSONString(dst, line), ',')
			} else {
				dst = event.AppendJSONString(dst, line)
			}
		}
		dst = append(dst, `],`...)
	}
	dst = append(dst, `"reply_received":"`...)
	dst = append(dst, x.received()...)
	dst = strconv.AppendBool(append(dst, `","reply_truncated":`...), x.ReplyCut)
	return append(dst, '}')
}

// received is EVE's reply_received.
func (x *Exchange) received() string {
	if x.Codes[0] != 0 {
		return "yes"
	}
	return "no"
}

// mode is EVE's word for who connects.
func (ch *Channel) mode() string {
	if ch.Passive {
		return "passive"
	}
	return "active"
}

// Login tells of PASS (event.LoginTeller).
func (x *Exchange) Login() (l event.Login, ok bool) {
	if x.Command != "PASS" {
		return l, false
	}
	l = event.Login{User: x.User, Method: "PASS", Secret: x.Request, Clear: true}
	switch x.Code() / 100 {
	case 2:
		l.Outcome = event.LoginAccepted
	case 4, 5:
		l.Outcome = event.LoginRefused
	}
	return l, true
}
