package smtp

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/file"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// inspector writes down what rules would see, without repeating what they saw before.
type inspector struct {
	last string
	log  []string
}

func (*inspector) Asks(string) bool { return true }
func (i *inspector) Inspect(_ string, _ flow.Handle, _ *event.Head, _ *packet.Packet, in event.Inspection) {
	s := fmt.Sprintf("%d", in.Tx)
	in.Parts.EachBuffer(func(name string, b []byte) {
		if len(b) > 60 {
			b = fmt.Appendf(nil, "%d bytes", len(b))
		}
		if name != "file.md5" && name != "file.size" {
			s += fmt.Sprintf(" %s=%q", name, b)
		}
	})
	if in.Done {
		s += " done"
	}
	for _, e := range in.Events {
		s += " !" + e
	}
	if s != i.last {
		i.log = append(i.log, s)
	}
	i.last = s
}

// talk plays a script to a reader of whose mails everything is asked, and returns the events and what rules saw.
func talk(t *testing.T, cut int, play func(k *analyzertest.Talk)) (out []event.Event, log []string) {
	t.Helper()
	in := &inspector{}
	room := file.NewRoom(file.Wants{Info: true, MD5: true}, nil, 1<<20)
	k := analyzertest.DialWith(t, server, cut, func(o *analyzer.DispatchOptions) { o.Files, o.Inspector = room, in }, nil, Def)
	play(k)
	out, _ = k.End()
	return out, in.log
}

// ends are the members of a record that say between whom it was, the last of those that all records have.
var ends = regexp.MustCompile(`"proto":"TCP",("ip_v":4,)?("pkt_src":"[^"]*",)?`)

// records are the lines of EVE about mails and files, from their object on.
func records(t *testing.T, events []event.Event) string {
	t.Helper()
	var lines []string
	var written []event.Event
	for _, e := range events {
		line := string(e.AppendEVE(nil, &event.EVE{Version: 8}))
		if line == "" {
			continue
		}
		written = append(written, e)
		line = line[ends.FindStringIndex(line)[1]:]
		line, _, _ = strings.Cut(line, `,"community_id"`)
		lines = append(lines, line)
	}
	analyzertest.ValidEVE(t, written...)
	return strings.Join(lines, "\n")
}

const letter = `From: "Doe, J" <j@a.example>%To: "x, y" <b@b.example>, c@c.example%Cc: %Subject: =?utf-8?q?hi?=%Message-ID: <1@a>%Received: one%Received: two%X-Mailer: m%Date: now%Content-Type: multipart/mixed; boundary=b%%--b%%see http://u.example/x%--b%Content-Disposition: attachment; filename=a.txt%%..%dots%--b%Content-Type: a/b; name=b.bin%Content-Transfer-Encoding: base64%%aGVs%bG8=%--b--%.`

// dialogueOf says a mail.
func dialogueOf(k *analyzertest.Talk, content string) {
	k.Play("< 220 x ESMTP\n> EHLO c\n< 250 x\n> MAIL FROM:<j@a.example>\n< 250 ok\n> RCPT TO:<b@b.example>\n< 250 ok\n> DATA\n< 354 go")
	k.Say(up, strings.ReplaceAll(content, "%", "\r\n")+"\r\n")
	k.Play("< 250 queued\n> QUIT\n< 221 bye")
}

// TestMail: what rules see of a mail, step by step, and what records say of it, whatever the cut of the bytes.
func TestMail(t *testing.T) {
	envelope := `smtp.helo="c" smtp.mail_from="<j@a.example>" smtp.rcpt_to="<b@b.example>"`
	head := envelope + ` email.from="\"Doe, J\" <j@a.example>" email.to="\"x, y\" <b@b.example>, c@c.example" email.cc="" email.subject="=?utf-8?q?hi?="` +
		` email.message_id="<1@a>" email.received="one" email.received="two" email.x_mailer="m" email.date="now"`
	wantLog := "0 smtp.helo=\"c\"\n0 smtp.helo=\"c\" smtp.mail_from=\"<j@a.example>\"\n0 " + envelope + "\n0 " + head + "\n" +
		"0 " + head + ` email.url="u.example/x" file="" file.name="a.txt"` + "\n" +
		"0 " + head + ` email.url="u.example/x" file="" file.name="a.txt" file.data=".\r\ndots"` + "\n" +
		"0 " + head + ` email.url="u.example/x" file="" file.name="b.bin"` + "\n" +
		"0 " + head + ` email.url="u.example/x" file="" file.name="b.bin" file.data="hello"` + "\n" +
		"0 " + head + ` email.url="u.example/x" done`
	object := `"smtp":{"helo":"c","mail_from":"<j@a.example>","rcpt_to":["<b@b.example>"]},"email":{"status":"PARSE_DONE","from":"\"Doe, J\" <j@a.example>",` +
		`"to":["\"x, y\" <b@b.example>","c@c.example"],"message_id":"<1@a>","subject":"=?utf-8?q?hi?=","x_mailer":"m","received":["one","two"],"date":"now",` +
		`"attachment":["a.txt","b.bin"],"url":["u.example/x"]}`
	wantEVE := object + `,"app_proto":"smtp","fileinfo":{"filename":"a.txt","gaps":false,"state":"CLOSED","md5":"b97f4ef09a183c1be2137fbdb08524ae","stored":false,"size":7,"tx_id":0}` + "\n" +
		object + `,"app_proto":"smtp","fileinfo":{"filename":"b.bin","gaps":false,"state":"CLOSED","md5":"5d41402abc4b2a76b9719d911017c592","stored":false,"size":5,"tx_id":0}` + "\n" +
		`"tx_id":0,"app_proto":"smtp",` + object
	for _, cut := range []int{1, 2, 5, 60, 1400} {
		events, log := talk(t, cut, func(k *analyzertest.Talk) { dialogueOf(k, letter) })
		if got := strings.Join(log, "\n"); got != wantLog {
			t.Fatalf("cut %d: rules saw\n%s\nwant\n%s", cut, got, wantLog)
		}
		if got := records(t, events); got != wantEVE {
			t.Fatalf("cut %d: got\n%s\nwant\n%s", cut, got, wantEVE)
		}
	}
}

// TestChunks: a mail in chunks is read as one in lines, but that no dot counts in it.
func TestChunks(t *testing.T) {
	body := "Subject: s\r\nContent-Type: a/b; name=n\r\n\r\n.\r\n..x"
	for _, cut := range []int{1, 7, 1400} {
		events, _ := talk(t, cut, func(k *analyzertest.Talk) {
			k.Play("< 220 x ESMTP\n> EHLO c\n< 250 x\n> MAIL FROM:<j@a.example>\n< 250 ok\n> BDAT 5 X\n< 501 no\n> BDAT 10")
			k.Say(up, body[:10])
			k.Play("< 250 ok")
			k.Say(up, fmt.Sprintf("BDAT %d LAST\r\n%s", len(body)-10, body[10:]))
			k.Play("< 250 queued\n> MAIL FROM:<k@a.example>\n< 250 ok\n> BDAT 0 LAST\n< 250 queued\n> QUIT\n< 221 bye")
		})
		want := `"tx_id":0,"app_proto":"smtp","anomaly":{"type":"applayer","event":"INVALID_BDAT","app_proto":"smtp","layer":"proto_parser"}
"smtp":{"helo":"c","mail_from":"<j@a.example>"},"email":{"status":"PARSE_DONE","subject":"s","attachment":["n"]},"app_proto":"smtp","fileinfo":{"filename":"n","gaps":false,"state":"CLOSED","md5":"5d9e98eb868e339a4deeabb43f8ee3f5","stored":false,"size":6,"tx_id":0}
"tx_id":0,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<j@a.example>"},"email":{"status":"PARSE_DONE","subject":"s","attachment":["n"]}
"tx_id":1,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<k@a.example>"},"email":{"status":"PARSE_DONE"}`
		if got := records(t, events); got != want {
			t.Errorf("cut %d: got\n%s\nwant\n%s", cut, got, want)
		}
	}
}

// TestMails: mails one after the other, abandoned, refused, too early and cut off: each has its number, and what it said
// stays with it.
func TestMails(t *testing.T) {
	file := "Content-Disposition: attachment; filename=f\r\n\r\nx"
	for _, tc := range []struct {
		name string
		play func(k *analyzertest.Talk)
		want string
	}{
		{"pipelined", func(k *analyzertest.Talk) {
			k.Play("> EHLO c\n< 250 x\n> MAIL FROM:<a>\n< 250 ok\n> DATA\n< 354 go")
			k.Say(up, "Subject: 1\r\n\r\n.\r\nRSET\r\nMAIL FROM:<b>\r\nRCPT TO:<c>\r\nDATA\r\n")
			k.Play("< 250 1%250 2%250 3%250 4%354 go")
			k.Say(up, "Subject: 2\r\n\r\n.\r\n")
			k.Play("< 250 queued\n> QUIT\n< 221 bye")
		}, `"tx_id":0,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<a>"},"email":{"status":"PARSE_DONE","subject":"1"}
"tx_id":1,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<b>","rcpt_to":["<c>"]},"email":{"status":"PARSE_DONE","subject":"2"}`},
		{"abandoned", func(k *analyzertest.Talk) {
			k.Play("> EHLO c\n< 250 x\n> MAIL FROM:<a>\n< 250 ok\n> RSET\n< 250 ok\n> MAIL FROM:<b>\n< 250 ok\n> HELO d\n< 250 ok\n> MAIL FROM:<e>\n< 250 ok\n> QUIT\n< 221 bye")
		}, `"tx_id":0,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<a>"}
"tx_id":1,"app_proto":"smtp","anomaly":{"type":"applayer","event":"DUPLICATE_FIELDS","app_proto":"smtp","layer":"proto_parser"}
"tx_id":1,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<b>"}
"tx_id":2,"app_proto":"smtp","smtp":{"helo":"d","mail_from":"<e>"}`},
		{"refused", func(k *analyzertest.Talk) {
			k.Play("> EHLO c\n< 250 x\n> MAIL FROM:<a>\n< 250 ok\n> DATA\n< 554 no\n> QUIT\n< 221 bye")
		}, `"tx_id":0,"app_proto":"smtp","anomaly":{"type":"applayer","event":"DATA_COMMAND_REJECTED","app_proto":"smtp","layer":"proto_parser"}
"tx_id":0,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<a>"}`},
		{"before it was asked", func(k *analyzertest.Talk) {
			k.Play("> EHLO c\n< 250 x\n> MAIL FROM:<a>\n< 250 ok")
			k.Say(up, "DATA\r\n"+file+"\r\n.\r\n")
			k.Play("< 354 go%250 queued\n> QUIT\n< 221 bye")
		}, `"tx_id":0,"app_proto":"smtp","anomaly":{"type":"applayer","event":"INVALID_PIPELINED_SEQUENCE","app_proto":"smtp","layer":"proto_parser"}
"smtp":{"helo":"c","mail_from":"<a>"},"email":{"status":"PARSE_DONE","attachment":["f"]},"app_proto":"smtp","fileinfo":{"filename":"f","gaps":false,"state":"CLOSED","md5":"9dd4e461268c8034f5c8564e155c67a6","stored":false,"size":1,"tx_id":0}
"tx_id":0,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<a>"},"email":{"status":"PARSE_DONE","attachment":["f"]}`},
		{"cut off", func(k *analyzertest.Talk) {
			k.Play("> EHLO c\n< 250 x\n> MAIL FROM:<a>\n< 250 ok\n> DATA\n< 354 go")
			k.Say(up, file)
		}, `"smtp":{"helo":"c","mail_from":"<a>"},"email":{"status":"BODY_STARTED","attachment":["f"]},"app_proto":"smtp","fileinfo":{"filename":"f","gaps":false,"state":"TRUNCATED","md5":"9dd4e461268c8034f5c8564e155c67a6","stored":false,"size":1,"tx_id":0}
"tx_id":0,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<a>"},"email":{"status":"BODY_STARTED","attachment":["f"]}`},
		{"a hole", func(k *analyzertest.Talk) {
			k.Play("> EHLO c\n< 250 x\n> MAIL FROM:<a>\n< 250 ok\n> DATA\n< 354 go")
			k.Say(up, file)
			k.Lose(up, 100)
			k.Say(up, "y\r\n.\r\n")
			k.Play("< 250 queued\n> QUIT\n< 221 bye")
		}, `"smtp":{"helo":"c","mail_from":"<a>"},"email":{"status":"PARSE_DONE","attachment":["f"]},"app_proto":"smtp","fileinfo":{"filename":"f","gaps":true,"state":"TRUNCATED","stored":false,"size":101,"tx_id":0}
"tx_id":0,"app_proto":"smtp","smtp":{"helo":"c","mail_from":"<a>"},"email":{"status":"PARSE_DONE","attachment":["f"]}`},
	} {
		events, _ := talk(t, 1400, func(k *analyzertest.Talk) {
			k.Play("< 220 x ESMTP")
			tc.play(k)
		})
		if got := records(t, events); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

// TestOdd: odd replies are told once in a mail, to rules as well, and an ordinary session has none.
func TestOdd(t *testing.T) {
	events, log := talk(t, 1400, func(k *analyzertest.Talk) {
		k.Play("< 554 no SMTP here\n> EHLO c\n< 250 x\n< nonsense\n< nonsense\n< 250 what\n> STARTTLS\n< 454 no\n> QUIT\n< 221 bye")
	})
	var names []string
	for _, x := range analyzertest.Of[*event.AppLayer](events) {
		names = append(names, x.Name)
	}
	if s := strings.Join(names, " "); s != "NO_SERVER_WELCOME_MESSAGE INVALID_REPLY UNABLE_TO_MATCH_REPLY_WITH_REQUEST TLS_REJECTED" {
		t.Error(s)
	}
	if s := strings.Join(log, "\n"); !strings.Contains(s, "!no_server_welcome_message !invalid_reply !unable_to_match_reply_with_request !tls_rejected") {
		t.Error(s)
	}
	events, _ = talk(t, 1400, func(k *analyzertest.Talk) { dialogueOf(k, letter) })
	if n := len(analyzertest.Of[*event.AppLayer](events)); n != 0 {
		t.Errorf("%d odd things", n)
	}
}

// TestMailBounds: what is kept of a mail is bounded, and what was left out is counted.
func TestMailBounds(t *testing.T) {
	var mail strings.Builder
	for i := range 500 {
		fmt.Fprintf(&mail, "Received: %d%s\r\n", i, strings.Repeat("x", 900))
	}
	mail.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for i := range 500 {
		fmt.Fprintf(&mail, "--b\r\n\r\nhttp://%d.example/%s\r\n--b\r\nContent-Disposition: attachment; filename=%d\r\n\r\nx\r\n", i, strings.Repeat("y", 3000), i)
	}
	mail.WriteString("--b\r\nContent-Disposition: attachment; filename=big\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	line := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("z", 57))) + "\r\n"
	mail.WriteString(strings.Repeat(line, 5000) + ".\r\n")
	events, log := talk(t, 50_000, func(k *analyzertest.Talk) {
		k.Play("< 220 x ESMTP\n> EHLO c\n< 250 x\n> MAIL FROM:<a>\n< 250 ok\n> DATA\n< 354 go")
		k.Say(up, mail.String())
		k.Play("< 250 queued\n> QUIT\n< 221 bye")
	})
	for _, x := range analyzertest.Of[*Exchange](events) {
		if x.Mail == nil {
			continue
		}
		m := x.Mail.Email
		if m.bytes > maxFieldBytes+maxURLs*maxURL || len(m.Attachments) != maxAttachments || len(m.URLs) != maxURLs || m.More < 900 {
			t.Errorf("%d bytes, %d attachments, %d addresses, %d more", m.bytes, len(m.Attachments), len(m.URLs), m.More)
		}
	}
	if n := len(analyzertest.Of[*event.FileInfo](events)); n != maxAttachments {
		t.Errorf("%d files", n)
	}
	if len(log) > 3*maxAttachments {
		t.Errorf("%d looks", len(log))
	}
}

// TestLooks: of a big attachment rules see the first bytes, at places that do not depend on how it comes.
func TestLooks(t *testing.T) {
	content := "Content-Disposition: attachment; filename=big\r\n\r\n" + strings.Repeat(strings.Repeat("q", 70)+"\r\n", 3000) + ".\r\n"
	var first string
	for _, cut := range []int{50, 1000, 50_000} {
		_, log := talk(t, cut, func(k *analyzertest.Talk) {
			k.Play("< 220 x ESMTP\n> EHLO c\n< 250 x\n> MAIL FROM:<a>\n< 250 ok\n> DATA\n< 354 go")
			k.SayIn(up, content, cut)
			k.Play("< 250 queued\n> QUIT\n< 221 bye")
		})
		s := strings.Join(log, "\n")
		if first == "" {
			first = s
		}
		if s != first {
			t.Errorf("cut %d: got\n%s\nwant\n%s", cut, s, first)
		}
		for _, want := range []string{`file.data="32768 bytes"`, `file.data="65536 bytes"`, `file.data="100000 bytes"`} {
			if !strings.Contains(s, want) {
				t.Errorf("no %s in %s", want, s)
			}
		}
	}
}

// TestNobodyAsks: where neither rules nor anybody who takes files is there, no mail is taken apart.
func TestNobodyAsks(t *testing.T) {
	k := analyzertest.Dial(t, server, 1400, nil, Def)
	dialogueOf(k, letter)
	events, _ := k.End()
	for _, x := range analyzertest.Of[*Exchange](events) {
		if x.Mail != nil && x.Mail.Email != nil {
			t.Error("a mail was taken apart for nobody")
		}
	}
}
