package telnet

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
)

const (
	up, down = analyzertest.Up, analyzertest.Down
	server   = "198.51.100.1:2323"
	secret   = "hunter2-secret"
)

const negotiation = "\xff\xfd\x18\xff\xfd\x20"

// login types a name and a password, the name echoed.
func login(k *analyzertest.Talk, user, answer string) {
	k.Say(down, "host login: ")
	for _, c := range user {
		k.Say(up, string(c))
		k.Say(down, string(c))
	}
	k.Say(up, "\r\x00")
	k.Say(down, "\r\nPassword: ")
	k.Say(up, secret+"\r\x00")
	k.Say(down, "\r\n"+answer)
}

func TestLogins(t *testing.T) {
	for _, cut := range []int{1, 1000} {
		k := analyzertest.Dial(t, server, cut, nil, Def)
		k.Say(down, negotiation)
		k.Say(up, "\xff\xfb\x18\xff\xfa\x18\x00login: \xff\xf0")
		login(k, "alice", "Login incorrect\r\n")
		login(k, "alicx\x7fe", "\r\n") // asked again at once
		login(k, "bob", "Linux 6.1\r\nLast login: never\r\n")
		k.Say(down, "the session, password: x\r\n")
		events, app := k.End()
		var out []string
		for _, e := range events {
			x := e.(*Attempt)
			l, _ := x.Login()
			out = append(out, fmt.Sprintf("%q %s", l.User, l.Outcome))
			if strings.Contains(fmt.Sprintf("%+v", x), secret) {
				t.Errorf("a secret is kept: %+v", x)
			}
		}
		if got := strings.Join(out, "; "); got != `"alice" refused; "alice" refused; "bob" accepted` || app != "telnet" {
			t.Errorf("cut %d, %s: %s", cut, app, got)
		}
	}
}

func TestShellAndEnd(t *testing.T) {
	k := analyzertest.Dial(t, server, 1000, nil, Def)
	k.Say(down, negotiation)
	login(k, "root", "host:~# ")
	events, _ := k.End()
	if len(events) != 1 || events[0].(*Attempt).Outcome != event.LoginAccepted {
		t.Errorf("%d events", len(events))
	}
	k = analyzertest.Dial(t, server, 1000, nil, Def)
	k.Say(down, negotiation)
	login(k, "root", "")
	if events, _ = k.End(); len(events) != 1 || events[0].(*Attempt).Outcome != event.LoginUnknown {
		t.Errorf("%d events", len(events))
	}
}

func TestProbe(t *testing.T) {
	for text, want := range map[string]analyzer.Answer{
		negotiation: analyzer.Yes, "\xff\xfd": analyzer.More, "\xff\xfd\x18": analyzer.More, "\xff\xfd\x18x": analyzer.No, "\xff\xfa": analyzer.Yes, "\xff\x00": analyzer.No,
		"login: ": analyzer.No, "\xff\xff": analyzer.No,
	} {
		if got := probe(down, []byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte(negotiation+"login: bob\rPassword: x\rLogin incorrect\r\n"), []byte{13, 15, 8, 21, 4})
	f.Add([]byte("\xff\xfa\x18\xff\xff\xff\xf0\xff\xf6login:"), []byte{20, 255})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		if len(data) > 4096 {
			return
		}
		for _, e := range analyzertest.Feed(t, Def, server, data, cuts) {
			if x := e.(*Attempt); len(x.User) > maxUser {
				t.Errorf("%+v", x)
			}
		}
	})
}

func BenchmarkBeforeLogin(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) { k.Say(down, negotiation) }, down, strings.Repeat("a line of a banner, of no meaning\r\n", 3000))
}

// TestProbeAllocations: each new connection is probed.
func TestProbeAllocations(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n", "POST", "QUI", "\x16\x03\x01", "220 ready\r\n", "+OK x\r\n", "* OK x\r\n", "SSH-2.0-x\r\n", "a LOGIN b c\r\n", "EHLO x\r\n", "user x\r\n"} {
		b := []byte(text)
		if n := testing.AllocsPerRun(100, func() { probe(up, b); probe(down, b) }); n != 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}
