package detect

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// What a detector forgot caps its own findings about the hosts it forgot, at the time, and no other.
func TestForgot(t *testing.T) {
	client, server, other := packet.MustAddr("10.0.0.1"), packet.MustAddr("192.0.2.1"), packet.MustAddr("192.0.2.2")
	at := packet.Time(1_700_000_000_000_000_000)
	s := &Scope{Now: at}
	s.Forgot("web", "sites", server)
	s.Now = at.Add(time.Second)
	s.Forgot("web", "sites", server)
	if f := s.Forgotten(); len(f) != 1 || f[0].N != 2 || f[0].From != at || f[0].To != s.Now {
		t.Fatalf("%+v", f)
	}
	var before []finding.GateResult
	owner := func(code string) string { return strings.TrimSuffix(code, "-down") }
	judge := s.Judge(func(*finding.Group) []finding.GateResult { return before }, owner)
	group := func(code string, server packet.Addr, when packet.Time) *finding.Group {
		ref := packet.Ref{Frame: 1, Time: when}
		return &finding.Group{Code: &finding.Code{ID: code}, First: ref, Last: ref, Decided: when, Kept: []finding.Instance{{Client: client, Server: server}}}
	}
	for _, tc := range []struct {
		name  string
		g     *finding.Group
		fails bool
	}{
		{"its host", group("web-down", server, at), true},
		{"soon after", group("web-down", server, at.Add(time.Minute)), true},
		{"another host", group("web-down", other, at), false},
		{"another detector", group("mail-down", server, at), false},
		{"long after", group("web-down", server, at.Add(time.Hour)), false},
		{"before", group("web-down", server, at.Add(-time.Hour)), false},
	} {
		got := judge(tc.g)
		if (len(got) == 1) != tc.fails || tc.fails && (got[0].Gate != finding.GateTable || got[0].Caps != finding.Possible || !strings.Contains(got[0].Text, "2 were forgotten, of these hosts too")) {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
	before = []finding.GateResult{{Gate: finding.GateTable}}
	if got := judge(group("web-down", server, at)); len(got) != 1 {
		t.Errorf("twice: %+v", got)
	}
	before = nil
	for i := range forgottenHosts + 1 {
		s.Forgot("web", "sites", packet.Addr{0: 0x20, 14: byte(i >> 8), 15: byte(i)})
	}
	if got := judge(group("web-down", other, at)); len(got) != 1 || !strings.Contains(got[0].Text, "no longer know whose") {
		t.Errorf("many: %+v", got)
	}
}
