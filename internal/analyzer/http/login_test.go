package http

import (
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func TestLogin(t *testing.T) {
	for _, tc := range []struct {
		scheme string
		status int
		ok     bool
		want   event.LoginOutcome
	}{{"Basic", 200, true, event.LoginAccepted}, {"basic", 401, true, event.LoginRefused}, {"Basic", 503, true, event.LoginUnknown}, {"Basic", 0, true, event.LoginUnknown},
		{"Bearer", 200, false, event.LoginUnknown}, {"", 200, false, event.LoginUnknown}} {
		x := &Transaction{AuthScheme: tc.scheme, AuthUser: "joe", Status: tc.status, Request: packet.Ref{Frame: 4}}
		l, ok := x.Login()
		if ok != tc.ok || l.Outcome != tc.want || ok && (l.User != "joe" || !l.Clear || l.Secret.Frame != 4) {
			t.Errorf("%s %d: %+v %v", tc.scheme, tc.status, l, ok)
		}
	}
}
