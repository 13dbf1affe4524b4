package syslog

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
)

func found(title string) *finding.Finding {
	return &finding.Finding{ID: "FS-7k2m9x", Code: &finding.Code{ID: "tcp-timewait-reuse", Kind: finding.Diagnosis}, Severity: finding.High,
		Confidence: finding.Likely, Title: title, Count: 2, Revision: 1, Last: packet.Ref{Frame: 1, Time: 1_500_000_000},
		Subjects: []finding.Subject{{Role: "client", Addr: packet.MustAddr("192.0.2.7")}, {Role: "server", Addr: packet.MustAddr("2001:db8::1"), Port: 80, Name: "x"}}}
}

func open(t *testing.T, o Options) *Output {
	t.Helper()
	o.Backoff = output.Backoff{First: 10 * time.Millisecond, Most: 50 * time.Millisecond, Within: 5 * time.Second}
	p, err := New(o, output.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

const want = `<27>1 1970-01-01T00:00:01.500000Z gw firestorm - tcp-timewait-reuse [firestorm@32473 id="FS-7k2m9x" revision="1" code="tcp-timewait-reuse" kind="diagnosis" severity="high" confidence="likely" count="2" client="192.0.2.7" server="[2001:db8::1\]:80"] the server ignored 3 requests`

func TestUDP(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := open(t, Options{Network: "udp", Address: l.LocalAddr().String(), Host: "gw"})
	_ = p.Finding(found("the server ignored 3 requests"))
	b := make([]byte, 9000)
	_ = l.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := l.ReadFrom(b)
	if err != nil || string(b[:n]) != want {
		t.Errorf("%v\n got %s\nwant %s", err, b[:n], want)
	}
	_ = p.Finding(found(strings.Repeat("é", 3000)))
	if n, _, err = l.ReadFrom(b); err != nil || n > maxDatagram || !strings.HasSuffix(string(b[:n]), "é") {
		t.Errorf("a long one: %d octets, %v", n, err)
	}
}

// readCounted reads one message framed by RFC 6587 3.4.1.
func readCounted(r *bufio.Reader) (string, error) {
	s, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

// A server that goes between two messages, and comes back, gets both.
func TestTCPServerComesBack(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 2)
	serve := func(l net.Listener) {
		c, err := l.Accept()
		if err != nil {
			return
		}
		m, err := readCounted(bufio.NewReader(c))
		_ = c.Close()
		_ = l.Close()
		got <- fmt.Sprint(m, err)
	}
	go serve(l)
	p := open(t, Options{Network: "tcp", Address: l.Addr().String(), Host: "gw"})
	_ = p.Finding(found("the server ignored 3 requests"))
	if m := <-got; m != want+"<nil>" {
		t.Errorf("first: %s", m)
	}
	time.Sleep(20 * time.Millisecond)
	back := make(chan error)
	go func() {
		time.Sleep(100 * time.Millisecond)
		again, err := net.Listen("tcp", l.Addr().String())
		back <- err
		if err == nil {
			serve(again)
		}
	}()
	go func() { _ = p.Finding(found("second")) }()
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-got:
		if !strings.HasSuffix(m, "] second<nil>") {
			t.Errorf("second: %s", m)
		}
	case <-time.After(5 * time.Second):
		t.Error("the second message never came")
	}
}

// Text from packets makes no second message, no structured data of its own, and steers no terminal.
func TestHostileText(t *testing.T) {
	p := open(t, Options{Network: "udp", Address: "127.0.0.1:9"})
	for _, bad := range []string{"a\n<0>1 - - - - - - owned", `x"] [evil@1 a="b"] `, "\x1b[31mred", "a\x00b", "\u202eabc", "\xff\xfe"} {
		f := found(bad)
		f.Subjects[0].Role, f.Subjects[1].Role = "ro le=\"]\n", bad
		m := string(p.appendFinding(nil, f))
		if strings.ContainsFunc(m, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\u202e' || c == '\ufffd' }) {
			t.Errorf("%q gives %q", bad, m)
		}
		// The structured data is one element: an unescaped bracket ends it, and what follows is the text.
		data := regexp.MustCompile(`^<27>1 \S+ - firestorm - tcp-timewait-reuse \[firestorm@32473( [^ ="\]]+="([^"\\\]]|\\.)*")+\] `)
		if !data.MatchString(m) {
			t.Errorf("%q gives %q", bad, m)
		}
	}
}

// What ends a value of structured data is escaped (RFC 5424 6.3.3).
func TestParam(t *testing.T) {
	if got := string(appendParam(nil, "a\"b\\c]d\n")); got != `a\"b\\c\]d\\u{a}` {
		t.Errorf("%s", got)
	}
}

func TestLeavesOut(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := open(t, Options{Network: "udp", Address: l.LocalAddr().String(), MinSeverity: finding.Medium})
	for _, change := range []func(*finding.Finding){
		func(f *finding.Finding) { f.MutedBy = "known" }, func(f *finding.Finding) { f.Confidence = finding.Possible }, func(f *finding.Finding) { f.Severity = finding.Low }} {
		f := found("no")
		change(f)
		_ = p.Finding(f)
	}
	_ = p.Alarm(&output.Alarm{Kind: output.Blind, Since: 0, At: 1e9, Text: "eth0 is\ndown"})
	b := make([]byte, 9000)
	_ = l.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := l.ReadFrom(b)
	if got := string(b[:n]); err != nil || got != `<25>1 1970-01-01T00:00:01.000000Z - firestorm - sensor - blind since 1970-01-01T00:00:00Z: eth0 is\u{a}down` {
		t.Errorf("%v: %s", err, got)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Network: "udp", Address: "nowhere"}, {Network: "unix"}, {Network: "tcp", Address: "a:1", Facility: 24}} {
		if _, err := New(o, output.Setup{}); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
