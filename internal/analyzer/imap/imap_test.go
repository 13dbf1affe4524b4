package imap

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
	server   = "198.51.100.1:1143"
	secret   = "hunter2-secret"
)

func text(e event.Event) string {
	x := e.(*Exchange)
	s := x.Word + " " + x.Status
	if l, ok := x.Login(); ok {
		s += fmt.Sprintf(" login %s %q clear=%v %s", l.Method, l.User, l.Clear, l.Outcome)
	}
	return s
}

func TestConversation(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00dave\x00" + secret))
	script := `
< * OK [CAPABILITY IMAP4rev1] Dovecot ready.
> a1 CAPABILITY
< * CAPABILITY IMAP4rev1 AUTH=PLAIN%a1 OK done
> a2 LOGIN alice ` + secret + `
< a2 NO [AUTHENTICATIONFAILED] no
> a3 login "bob \"x\"" "` + secret + `"
< a3 NO no
> a4 LOGIN {5}
< + OK
> carol {14}
< + OK
> ` + secret + `
< a4 NO no
> a5 AUTHENTICATE PLAIN
< + 
> ` + plain + `
< a5 OK Logged in
> a6 SELECT INBOX
< * 1 EXISTS%a6 OK done
`
	want := ` OK
LOGIN NO login LOGIN "alice" clear=true refused
LOGIN NO login LOGIN "bob \"x\"" clear=true refused
LOGIN NO login LOGIN "carol" clear=true refused
AUTHENTICATE OK login AUTHENTICATE PLAIN "dave" clear=true accepted`
	for _, cut := range []int{1, 3, 1000} {
		k := analyzertest.Dial(t, server, cut, nil, Def)
		k.Play(script)
		events, app := k.End()
		var out []string
		for _, e := range events {
			out = append(out, text(e))
			if s := fmt.Sprintf("%+v", e); strings.Contains(s, secret) || strings.Contains(s, plain) {
				t.Errorf("a secret is kept: %s", s)
			}
		}
		if got := strings.Join(out, "\n"); got != want || app != "imap" {
			t.Errorf("cut %d, %s:\n%s", cut, app, got)
		}
	}
}

func TestGapLiteralAndTLS(t *testing.T) {
	k := analyzertest.Dial(t, server, 1000, nil, Def)
	k.Play("< * OK ready\n> a LOGIN x " + secret)
	k.Lose(down, 9)
	k.Play("< tail of it%* 1 FETCH (BODY[] {12}%b LOGIN a b%)%* OK%c OK d\n> e STARTTLS\n< e OK go\n> \x16\x03")
	events, _ := k.End()
	var out []string
	for _, e := range events {
		out = append(out, text(e))
	}
	if got := strings.Join(out, "; "); got != ` OK; STARTTLS OK` && got != ` OK; STARTTLS OK; LOGIN  login LOGIN "x" clear=true unknown` {
		t.Error(got)
	}
}

// TestRestOfCommand: what follows a literal goes on with its command, whatever it looks like.
func TestRestOfCommand(t *testing.T) {
	k := analyzertest.Dial(t, server, 1000, nil, Def)
	k.Play("< * OK ready\n> a LOGIN {3}\n< + go\n> bobx LOGIN mallory " + secret + "\n< a NO no")
	events, _ := k.End()
	var out []string
	for _, e := range events {
		out = append(out, text(e))
	}
	if got := strings.Join(out, "; "); got != ` OK; LOGIN NO login LOGIN "bob" clear=true refused` {
		t.Error(got)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		d    packet.Dir
		text string
		want analyzer.Answer
	}{
		{down, "* OK ready\r\n", analyzer.Yes},
		{down, "* PREAUTH x\r\n", analyzer.Yes},
		{down, "* OKAY\r\n", analyzer.No},
		{down, "+OK\r\n", analyzer.No},
		{up, "a1 LOGIN a b\r\n", analyzer.Yes},
		{up, "1 capability\r\n", analyzer.Yes},
		{up, "GET / HTTP/1.1\r\n", analyzer.No},
		{up, "USER x\r\n", analyzer.No},
		{up, "QUIT\r\n", analyzer.No},
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
	f.Add([]byte("* OK\r\na LOGIN b c\r\na NO\r\nb LOGIN {3}\r\nabc {3+}\r\nabc\r\n"), []byte{11, 26, 11, 40})
	f.Add([]byte("* OK\r\na AUTHENTICATE PLAIN\r\n+ \r\nAGEAYg==\r\na OK\r\n"), []byte{11, 44, 255, 20})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		if len(data) > 4096 {
			return
		}
		for _, e := range analyzertest.Feed(t, Def, server, data, cuts) {
			if x := e.(*Exchange); len(x.User) > maxUser || len(x.Text) > maxText {
				t.Errorf("%+v", x)
			}
		}
	})
}

func BenchmarkUntilLogin(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) { k.Play("< * OK ready") }, down, strings.Repeat("* 1 FETCH (FLAGS (Seen) UID 1)\r\n", 3000))
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
