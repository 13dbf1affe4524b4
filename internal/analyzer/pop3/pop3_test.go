package pop3

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
	server   = "198.51.100.1:1110"
	secret   = "hunter2-secret"
)

func text(e event.Event) string {
	x := e.(*Exchange)
	s := fmt.Sprintf("%s %q %v %v", x.Word, x.Arg, x.Answered, x.Positive)
	if l, ok := x.Login(); ok {
		s += fmt.Sprintf(" login %s %q clear=%v %s", l.Method, l.User, l.Clear, l.Outcome)
	}
	if x.Lost {
		s += " lost"
	}
	return s
}

func TestConversation(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00bob\x00" + secret))
	script := `
< +OK Dovecot ready.
> CAPA
< +OK%USER%+OK in the list%.
> USER alice
< +OK
> PASS ` + secret + ` with blanks
< -ERR [AUTH] no
> ` + secret + `
< -ERR Unknown command.
> APOP carol c4c9334bac560ecc979e58001b3e22fb
< -ERR no
> AUTH PLAIN
< + 
> ` + plain + `
< +OK Logged in.
> RETR 1
< +OK 100 octets%Subject: x%-ERR not this%..%.
> QUIT
< +OK bye
`
	want := ` "" true true
CAPA "" true true
USER "alice" true true
PASS "" true false login PASS "alice" clear=true refused
 "" true false
APOP "carol" true false login APOP "carol" clear=false refused
AUTH "PLAIN" true true login AUTH PLAIN "bob" clear=true accepted
RETR "1" true true
QUIT "" true true`
	for _, cut := range []int{1, 3, 1000} {
		k := analyzertest.Dial(t, server, cut, nil, Def)
		k.Play(script)
		events, app := k.End()
		var out []string
		for _, e := range events {
			out = append(out, text(e))
			if s := fmt.Sprintf("%+v %s", e, e.AppendEVE(nil, &event.EVE{})); strings.Contains(s, secret) || strings.Contains(s, plain) {
				t.Errorf("a secret is kept: %s", s)
			}
		}
		if got := strings.Join(out, "\n"); got != want || app != "pop3" {
			t.Errorf("cut %d, %s:\n%s", cut, app, got)
		}
	}
}

func TestGapAndTLS(t *testing.T) {
	k := analyzertest.Dial(t, server, 1000, nil, Def)
	k.Play("< +OK\n> USER a")
	k.Lose(down, 7)
	k.Play("> PASS " + secret + "\n< +OK tail\n> STAT\n< +OK 1 2\n> STLS\n< +OK\n> \x16\x03\x01")
	events, _ := k.End()
	var out []string
	for _, e := range events {
		out = append(out, text(e))
	}
	if got := strings.Join(out, "; "); got != ` "" true true; USER "a" false false lost; PASS "" false false login PASS "a" clear=true unknown lost; STAT "" true true; STLS "" true true` {
		t.Error(got)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		d    packet.Dir
		text string
		want analyzer.Answer
	}{
		{down, "+OK ready\r\n", analyzer.Yes},
		{down, "+OK\r\n", analyzer.Yes},
		{down, "+OKAY\r\n", analyzer.No},
		{down, "+PONG\r\n", analyzer.No},
		{down, "220 x\r\n", analyzer.No},
		{up, "CAPA\r\n", analyzer.Yes},
		{up, "USER x\r\n", analyzer.More},
		{up, "EHLO x\r\n", analyzer.No},
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

func FuzzStream(f *testing.F) {
	f.Add([]byte("+OK\r\nUSER a\r\n+OK\r\nPASS b\r\n+OK\r\nRETR 1\r\n+OK\r\nx\r\n.\r\n"), []byte{9, 14, 9, 14, 9, 16})
	f.Add([]byte("+OK\r\nAUTH LOGIN\r\n+ \r\nYm9i\r\n-ERR\r\n"), []byte{9, 22, 255, 12})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		if len(data) > 4096 {
			return
		}
		for _, e := range analyzertest.Feed(t, Def, server, data, cuts) {
			x := e.(*Exchange)
			if len(x.Arg) > maxArg || len(x.Reply) > maxReply || x.Word == "PASS" && x.Arg != "" {
				t.Errorf("%+v", x)
			}
			x.AppendEVE(nil, &event.EVE{})
		}
	})
}

func BenchmarkMail(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) { k.Play("< +OK\n> RETR 1\n< +OK") }, down, strings.Repeat("a line of a mail, of no meaning, as long as most of them are\r\n", 3000))
}

// TestEventAllocations: nothing for bytes that complete no event, at most three for an event.
func TestEventAllocations(t *testing.T) {
	before := func(k *analyzertest.Talk) { k.Play("< +OK") }
	part, whole, answer := []byte("DELE "), []byte("1\r\n"), []byte("+OK gone\r\n")
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
