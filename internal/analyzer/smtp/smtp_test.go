package smtp

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	up, down = analyzertest.Up, analyzertest.Down
	server   = "198.51.100.1:2525"
	secret   = "hunter2-secret"
)

func enc(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func text(e event.Event) string {
	x := e.(*Exchange)
	s := fmt.Sprintf("%s %q %d", x.Verb, x.Arg, x.Code)
	if l, ok := x.Login(); ok {
		s += fmt.Sprintf(" login %s %q clear=%v %s", l.Method, l.User, l.Clear, l.Outcome)
	}
	if x.Mail != nil {
		s += fmt.Sprintf(" mail %q %q %q", x.Mail.Helo, x.Mail.From, x.Mail.To)
	}
	if x.Lost {
		s += " lost"
	}
	return s
}

// dialogue ends the conversation and returns the exchanges.
func dialogue(k *analyzertest.Talk) (list []event.Event, app string) {
	events, app := k.End()
	for _, x := range analyzertest.Of[*Exchange](events) {
		list = append(list, x)
	}
	return list, app
}

func run(t *testing.T, cut int, script string) string {
	t.Helper()
	k := analyzertest.Dial(t, server, cut, nil, Def)
	k.Play(script)
	events, app := dialogue(k)
	if app != "smtp" {
		t.Errorf("app is %q", app)
	}
	var out []string
	for _, e := range events {
		out = append(out, text(e))
		if s := fmt.Sprintf("%+v", e); strings.Contains(s, secret) || strings.Contains(s, enc(secret)) || strings.Contains(s, enc("\x00bob\x00"+secret)) {
			t.Errorf("a secret is kept: %s", s)
		}
	}
	return strings.Join(out, "\n")
}

func TestConversation(t *testing.T) {
	script := `
< 220 mx.example ESMTP Postfix
> EHLO client.example
< 250-mx.example%250-AUTH PLAIN LOGIN%250 STARTTLS
> AUTH LOGIN
< 334 VXNlcm5hbWU6
> ` + enc("alice") + `
< 334 UGFzc3dvcmQ6
> ` + enc(secret) + `
< 535 5.7.8 authentication failed
> AUTH PLAIN ` + enc("\x00bob\x00"+secret) + `
< 235 2.7.0 ok
> ` + secret + ` typed by mistake
< 500 what
> MAIL FROM:<a@client.example> SIZE=100
< 250 ok
> RCPT TO:<b@mx.example>
< 250 ok
> RCPT TO:<c@mx.example>
< 550 no such user
> DATA
< 354 go on
> Subject: MAIL FROM:<not@this>
> ..
> .
< 250 queued
> QUIT
< 221 bye
`
	want := ` "" 220
EHLO "client.example" 250
AUTH "LOGIN" 535 login AUTH LOGIN "alice" clear=true refused
AUTH "PLAIN" 235 login AUTH PLAIN "bob" clear=true accepted
 "" 500
MAIL "<a@client.example>" 250
RCPT "<b@mx.example>" 250
RCPT "<c@mx.example>" 550
DATA "" 354
. "" 250 mail "client.example" "<a@client.example>" ["<b@mx.example>" "<c@mx.example>"]
QUIT "" 221`
	for _, cut := range []int{1, 3, 1000} {
		if got := run(t, cut, script); got != want {
			t.Errorf("cut %d:\n%s", cut, got)
		}
	}
}

func TestChunksAndPipelining(t *testing.T) {
	k := analyzertest.Dial(t, server, 1000, nil, Def)
	k.Play("< 220 x ESMTP\n> EHLO c\n< 250 x")
	k.Say(up, "MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nBDAT 12\r\nQUIT\r\nRSET\r\nBDAT 3 LAST\r\nabcQUIT\r\n")
	k.Say(down, "250 a\r\n250 b\r\n250 c\r\n250 d\r\n221 e\r\n")
	events, _ := dialogue(k)
	var out []string
	for _, e := range events[2:] {
		out = append(out, text(e))
	}
	if got := strings.Join(out, "; "); got != `MAIL "<>" 250; RCPT "<b@x>" 250; BDAT "12" 250; BDAT "3 LAST" 250 mail "c" "<>" ["<b@x>"]; QUIT "" 221` {
		t.Error(got)
	}
}

func TestStartTLS(t *testing.T) {
	k := analyzertest.Dial(t, server, 1000, nil, Def)
	k.Play("< 220 x ESMTP\n> EHLO c\n< 250-x%250 STARTTLS\n> STARTTLS\n< 220 go\n> \x16\x03\x01 EHLO x")
	if events, app := dialogue(k); len(events) != 3 || app != "smtp" {
		t.Errorf("%d events, %s", len(events), app)
	}
	tls := analyzer.Def{Name: "tls", Over: []analyzer.Transport{analyzer.TCP}, Probe: func(packet.Dir, []byte) analyzer.Answer { return analyzer.No },
		Stream: func(analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{}, nil }}
	k = analyzertest.Dial(t, server, 1000, nil, Def, tls)
	k.Play("< 220 x ESMTP\n> EHLO c\n< 250-x%250 STARTTLS\n> STARTTLS\n< 220 go\n> hello")
	if events, app := dialogue(k); len(events) != 3 || app != "tls" {
		t.Errorf("%d events, %s", len(events), app)
	}
}

func TestGap(t *testing.T) {
	k := analyzertest.Dial(t, server, 1000, nil, Def)
	k.Play("< 220 x ESMTP\n> EHLO c\n< 250 x")
	k.Say(up, "MAIL FROM:<a@b>\r\n")
	k.Lose(down, 8)
	k.Play("> RCPT TO:<c@d>\n< 250 tail\n> NOOP\n< 250 ok")
	events, _ := dialogue(k)
	var out []string
	for _, e := range events[2:] {
		out = append(out, text(e))
	}
	if got := strings.Join(out, "; "); got != `MAIL "<a@b>" 0 lost; RCPT "<c@d>" 0 lost; NOOP "" 250` {
		t.Error(got)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		d    packet.Dir
		text string
		want analyzer.Answer
	}{
		{down, "220 mx ESMTP\r\n", analyzer.Yes},
		{down, "220-mx SMTP\r\n", analyzer.Yes},
		{down, "220 ready\r\n", analyzer.More},
		{down, "554 no SMTP service here\r\n", analyzer.Yes},
		{down, "230 ok\r\n", analyzer.No},
		{down, "+OK\r\n", analyzer.No},
		{up, "EHLO x\r\n", analyzer.Yes},
		{up, "helo x\r\n", analyzer.Yes},
		{up, "HEL", analyzer.More},
		{up, "HELP\r\n", analyzer.No},
		{up, "USER x\r\n", analyzer.No},
	} {
		if got := probe(c.d, []byte(c.text)); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
		for n := 1; n < len(c.text); n++ {
			if a := probe(c.d, []byte(c.text[:n])); a != analyzer.More && a != c.want {
				t.Errorf("%q: %v at %d bytes, then %v", c.text, a, n, c.want)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	k := analyzertest.Dial(t, server, 100_000, nil, Def)
	k.Play("< 220 SMTP\n> EHLO x\n< 250 x")
	k.Say(up, "MAIL FROM:<"+strings.Repeat("x", 5000)+">\r\n"+strings.Repeat("RCPT TO:<y@z>\r\n", 100))
	k.Say(up, "DATA\r\n.\r\n")
	k.Say(down, strings.Repeat("250 ok\r\n", 10))
	events, _ := dialogue(k)
	for _, e := range events {
		x := e.(*Exchange)
		if len(x.Arg) > maxArg || len(x.Reply) > maxReply || x.Mail != nil && len(x.Mail.To) > maxRecipients {
			t.Errorf("%+v", x)
		}
	}
	if len(events) < 100 {
		t.Errorf("%d events", len(events))
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("220 x ESMTP\r\nEHLO a\r\n250 x\r\nAUTH PLAIN AGFsaWNlAGh1bnRlcjI=\r\n235 ok\r\n"), []byte{25, 14, 13, 80, 17})
	f.Add([]byte("220 x\r\nEHLO a\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 5 LAST\r\nhello354 x\r\n"), []byte{13, 255, 60})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		if len(data) > 4096 {
			return
		}
		for _, e := range analyzertest.Feed(t, Def, server, data, cuts) {
			x, ok := e.(*Exchange)
			if !ok { // something odd
				e.AppendEVE(nil, &event.EVE{})
				continue
			}
			if len(x.Arg) > maxArg || len(x.Reply) > maxReply || x.Mail != nil && len(x.Mail.To) > maxRecipients {
				t.Errorf("%+v", x)
			}
			x.AppendEVE(nil, &event.EVE{})
		}
	})
}

func BenchmarkMail(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) {
		k.Play("< 220 SMTP\n> EHLO x\n< 250 x\n> MAIL FROM:<a>\n< 250 x\n> DATA\n< 354 x")
	}, up, strings.Repeat("a line of a mail, of no meaning, as long as most of them are\r\n", 3000))
}

func BenchmarkCommands(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) { k.Play("< 220 SMTP") }, up, strings.Repeat("MAIL FROM:<somebody@client.example>\r\nRCPT TO:<somebody@mail.example>\r\n", 1000))
}

// TestEventAllocations: nothing for bytes that complete no event, at most three for an event.
func TestEventAllocations(t *testing.T) {
	before := func(k *analyzertest.Talk) { k.Play("< 220 SMTP") }
	part, whole, answer := []byte("VRFY some"), []byte("body\r\n"), []byte("252 maybe\r\n")
	if n := analyzertest.Allocations(t, Def, server, before, func(a analyzer.StreamAnalyzer, c *analyzer.Context) {
		a.Data(c, up, part)
	}); n > 0.01 {
		t.Errorf("part of a command: %v allocations", n)
	}
	if n := analyzertest.Allocations(t, Def, server, before, func(a analyzer.StreamAnalyzer, c *analyzer.Context) {
		a.Data(c, up, part)
		a.Data(c, up, whole)
		a.Data(c, down, answer)
	}); n > 3.1 {
		t.Errorf("a command and its answer: %v allocations", n)
	}
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
