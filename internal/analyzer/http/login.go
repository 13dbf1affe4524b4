package http

import (
	"strings"

	"firestorm/internal/event"
)

// Login tells of a Basic authentication (RFC 7617), whose password anybody on the way can read (event.LoginTeller).
func (x *Transaction) Login() (l event.Login, ok bool) {
	if !strings.EqualFold(x.AuthScheme, "Basic") {
		return l, false
	}
	l = event.Login{User: x.AuthUser, Method: "Basic", Secret: x.Request, Clear: true}
	switch {
	case x.Status == 401:
		l.Outcome = event.LoginRefused
	case x.Status > 0 && x.Status < 400:
		l.Outcome = event.LoginAccepted
	}
	return l, true
}
