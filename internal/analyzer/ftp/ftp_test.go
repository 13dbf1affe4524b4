package ftp

import (
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
	server   = "198.51.100.1:2121" // no port of its own: the bytes decide
	secret   = "hunter2-secret"
)

// say plays a script, in which "#" is bytes of TLS records each way.
func say(k *analyzertest.Talk, script string) {
	k.Play(script, func(string) {
		for _, d := range []packet.Dir{up, down} {
			k.Say(d, "\x16\x03\x03\x00\x05hello\x17\x03\x03\x01\x00"+strings.Repeat("\nUSER\r\n23", 28)+"xxxx")
		}
	})
}

// text writes an exchange for comparing.
func text(e event.Event) string {
	x := e.(*Exchange)
	s := fmt.Sprintf("%s %q %d", x.Command, x.Data, x.Codes[0])
	if x.Codes[1] != 0 {
		s += fmt.Sprint("+", x.Codes[1])
	}
	if x.Channel.End.Port != 0 {
		s += fmt.Sprintf(" %s:%d passive=%v extended=%v", x.Channel.End.Addr, x.Channel.End.Port, x.Channel.Passive, x.Channel.Extended)
	}
	for i, on := range []bool{x.Secret, x.Again, x.Lost} {
		if on {
			s += []string{" secret", " again", " lost"}[i]
		}
	}
	return s
}

func run(t *testing.T, cut int, script string) (string, []event.Event) {
	t.Helper()
	k := analyzertest.Dial(t, server, cut, nil, Def)
	say(k, script)
	events, app := k.End()
	if app != "ftp" {
		t.Errorf("app is %q", app)
	}
	var out []string
	for _, e := range events {
		out = append(out, text(e))
	}
	return strings.Join(out, "\n"), events
}

func TestConversation(t *testing.T) {
	script := `
< 220 (vsFTPd 3.0.3)
> USER alice
< 331 Please specify the password.
> PASS ` + secret + `
< 230 Login successful.
> feat
< 211-Features:% EPRT% 211 in the middle%211 End
> PASV
< 227 Entering Passive Mode (198,51,100,1,195,80).
> LIST
< 150 Here comes the directory listing.
< 226 Directory send OK.
> EPSV
< 229 Entering Extended Passive Mode (|||50001|)
> PORT 192,0,2,1,156,64
< 200 PORT command successful.
> EPRT |2|2001:db8::1|40001|
< 500 Illegal EPRT command.
> hunter2 typed into the wrong line
< 500 Unknown command.
> RETR file
< 150 Opening.
`
	want := `USER "alice" 331
PASS "" 230 secret
FEAT "" 211
PASV "" 227 198.51.100.1:50000 passive=true extended=false
LIST "" 150+226
EPSV "" 229 ::ffff:0.0.0.0:50001 passive=true extended=true
PORT "192,0,2,1,156,64" 200 192.0.2.1:40000 passive=false extended=false
EPRT "|2|2001:db8::1|40001|" 500 2001:db8::1:40001 passive=false extended=true
 "" 500 secret
RETR "file" 150`
	for _, cut := range []int{1, 3, 1000} {
		got, events := run(t, cut, script)
		got = strings.TrimPrefix(got, ` "" 220`+"\n")
		if want := strings.ReplaceAll(want, "::ffff:0.0.0.0:", packet.Addr{}.String()+":"); got != want {
			t.Errorf("cut %d:\n%s\nwant\n%s", cut, got, want)
		}
		for _, e := range events {
			x := e.(*Exchange)
			if s := fmt.Sprintf("%+v", x); strings.Contains(s, "hunter2") {
				t.Errorf("a secret is kept: %s", s)
			}
			if x.Command == "LIST" && (x.User != "alice" || x.Request.IsZero() || x.Reply != "Here comes the directory listing.\nDirectory send OK.") {
				t.Errorf("%+v", x)
			}
			if x.Command == "FEAT" && x.Reply != "Features:\n EPRT\n 211 in the middle\nEnd" {
				t.Errorf("%q", x.Reply)
			}
		}
		if g := events[0].(*Exchange); !g.Greeting() || g.Reply != "(vsFTPd 3.0.3)" {
			t.Errorf("%+v", g)
		}
	}
}

// TestTLS: after 234 nothing is read, whatever the records hold, until clear text comes back.
func TestTLS(t *testing.T) {
	script := `
< 220 ready
> AUTH TLS
< 234 Proceed with negotiation.
#
#
> PASV
< 227 Entering Passive Mode (198,51,100,1,195,80).
`
	for _, cut := range []int{1, 7, 1000} {
		got, _ := run(t, cut, script)
		if want := " \"\" 220\nAUTH \"TLS\" 234\nPASV \"\" 227 198.51.100.1:50000 passive=true extended=false again"; got != want {
			t.Errorf("cut %d:\n%s", cut, got)
		}
	}
	got, _ := run(t, 1000, "< 220 ready\n> AUTH TLS\n< 530 Please login.\n> USER x\n< 331 go on")
	if want := " \"\" 220\nAUTH \"TLS\" 530\nUSER \"x\" 331"; got != want {
		t.Errorf("refused: %s", got)
	}
}

// TestHandedOn: with somebody who reads TLS, the rest goes there.
func TestHandedOn(t *testing.T) {
	tls := analyzer.Def{Name: "tls", Over: []analyzer.Transport{analyzer.TCP}, Probe: func(packet.Dir, []byte) analyzer.Answer { return analyzer.No },
		Stream: func(analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{}, nil }}
	k := analyzertest.Dial(t, server, 1000, nil, Def, tls)
	say(k, "< 220 FTP\n> AUTH TLS\n< 234 ok\n#")
	if events, app := k.End(); app != "tls" || len(events) != 2 {
		t.Errorf("%s, %d events", app, len(events))
	}
}

func TestGap(t *testing.T) {
	k := analyzertest.Dial(t, server, 1000, nil, Def)
	say(k, "< 220 ready\n> USER a\n< 331 x")
	k.Say(up, "PASS "+secret+"\r\n")
	k.Lose(down, 20)
	k.Say(down, "the tail of it\r\n")
	say(k, "> PWD\n< 257 \"/\"\n> CWD x\n< 250 ok")
	events, _ := k.End()
	var got []string
	for _, e := range events {
		got = append(got, text(e))
	}
	if s := strings.Join(got, "; "); s != ` "" 220; USER "a" 331; PASS "" 0 secret lost; PWD "" 257; CWD "x" 250` {
		t.Error(s)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		d    packet.Dir
		text string
		want analyzer.Answer
	}{
		{down, "220 (vsFTPd 3.0.3)\r\n", analyzer.Yes},
		{down, "220-FTP server\r\n", analyzer.Yes},
		{down, "220 ready\r\n", analyzer.More},
		{down, "220 ftp.example FTP.EXAMPLE ESMTP\r\n", analyzer.More},
		{down, "+OK\r\n", analyzer.No},
		{down, "22", analyzer.More},
		{down, "22\n", analyzer.No},
		{down, "2200\n", analyzer.No},
		{down, "SSH-2.0-x\r\n", analyzer.No},
		{up, "USER x\r\n", analyzer.Yes},
		{up, "auth tls\r\n", analyzer.Yes},
		{up, "US", analyzer.More},
		{up, "EHLO x\r\n", analyzer.No},
		{up, "QUIT\r\n", analyzer.More},
		{up, "GET / HTTP/1.1\r\n", analyzer.No},
		{up, "\x16\x03\x01", analyzer.No},
	} {
		if got := probe(c.d, []byte(c.text)); got != c.want {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
		for n := range len(c.text) { // what was said of a beginning holds
			if a := probe(c.d, []byte(c.text[:n])); a != analyzer.More && a != c.want && n > 0 {
				t.Errorf("%q: %v at %d bytes, then %v", c.text, a, n, c.want)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	k := analyzertest.Dial(t, server, 100_000, nil, Def)
	say(k, "< 220 FTP")
	k.Say(up, strings.Repeat("CWD "+strings.Repeat("x", 600)+"\r\n", 20)) // no reply comes
	k.Say(down, "250-"+strings.Repeat("y", 300)+"\r\n"+strings.Repeat("line of it\r\n", 1000)+"250 end\r\n")
	events, _ := k.End()
	if len(events) != 21 {
		t.Fatalf("%d events", len(events))
	}
	for _, e := range events {
		if x := e.(*Exchange); len(x.Data) > maxArg || len(x.Reply) > maxReply+1 {
			t.Errorf("%d bytes of argument, %d of reply", len(x.Data), len(x.Reply))
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("220 FTP\r\nUSER a\r\n331 x\r\nPASS b\r\n230 ok\r\nPASV\r\n227 (1,2,3,4,5,6)\r\n"), []byte{17, 14, 15, 14, 15})
	f.Add([]byte("220-a\r\nb\r\n220 c\r\nAUTH TLS\r\n234 ok\r\n\x16\x03\x01\x00\x01xUSER a\r\n"), []byte{1, 255, 3, 20, 9})
	f.Add([]byte("EPRT |2|::1|1|\r\n229 (|||1|)\r\nPORT 1,2,3,4,5,6\r\n200 ok\r\n"), []byte{30, 31, 200})
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
			if len(x.Data) > maxArg || len(x.Reply) > maxReply+1 || x.Secret && x.Command != "SITE" && x.Data != "" {
				t.Errorf("%+v", x)
			}
			x.AppendEVE(nil, &event.EVE{})
		}
	})
}

func FuzzMessage(f *testing.F) {
	for _, s := range []string{"PORT 1,2,3,4,5,6", "227 x (1,2,3,4,256,6)", "229 (|||65535|)", "EPRT |1|1.2.3.4|5|", "220-x", "\xff\xf4ABOR"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := ParseCommand(b)
		if m.Secret && m.Name != "SITE" && len(m.Arg) > 0 {
			t.Errorf("%q keeps %q", b, m.Arg)
		}
		ParseReplyLine(b)
		if e, ok := ParseHostPort(b); ok && e.Port == 0 {
			t.Error("port 0")
		}
		if e, ok := ParseExtended(b); ok && e.Port == 0 {
			t.Error("port 0")
		}
	})
}

func BenchmarkCommands(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) { say(k, "< 220 FTP") }, up, strings.Repeat("CWD some/directory\r\nPASV\r\nLIST -la\r\n", 1000))
}

func BenchmarkReplies(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) { say(k, "< 220 FTP") }, down, strings.Repeat("250 Directory successfully changed.\r\n227 Entering Passive Mode (198,51,100,1,195,80).\r\n", 1000))
}

// TestEventAllocations: nothing for bytes that complete no event, at most three for an event.
func TestEventAllocations(t *testing.T) {
	before := func(k *analyzertest.Talk) { say(k, "< 220 FTP") }
	part, whole, answer := []byte("CWD some"), []byte("where\r\n"), []byte("250 changed\r\n")
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
