package ruletraffic

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// mail is what a mail says.
type mail struct {
	helo, from, to string
	headers        map[string]string // by the name of the rule's buffer
	text           string
	file           string
	attached       []byte
}

// mailHeaders are the lines of a mail that rules can ask for, in order.
var mailHeaders = [][2]string{{"email.from", "From"}, {"email.to", "To"}, {"email.cc", "Cc"}, {"email.subject", "Subject"}, {"email.date", "Date"},
	{"email.message_id", "Message-Id"}, {"email.x_mailer", "X-Mailer"}, {"email.received", "Received"}}

// smtpTalk is a mail with an attachment.
func (m *meaning) smtpTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "smtp"}
	if m.dir != ToServer {
		return nil, impossible("a mail travels to the server")
	}
	x := mail{helo: "client.example", from: "<a@client.example>", to: "<b@mail.example>", text: "hello", file: "a.bin", attached: []byte("hello"),
		headers: map[string]string{"email.from": "a@client.example", "email.to": "b@mail.example", "email.subject": "files"}}
	for _, p := range parts {
		k := &textStyle
		switch p.name {
		case "file.data":
			k = &anyBytes
		case "smtp.helo", "smtp.mail_from", "smtp.rcpt_to", "email.url", "file.name":
			k = &wordStyle
		}
		s, err := p.text(rng, k)
		if err != nil {
			return nil, err
		}
		switch p.name {
		case "file.data":
			x.attached = []byte(s)
		case "file.name":
			x.file = s
		case "smtp.helo":
			x.helo = s
		case "smtp.mail_from":
			x.from = bracketed(s)
		case "smtp.rcpt_to":
			x.to = bracketed(s)
		case "email.url":
			x.text = "see http://" + s + " for more"
			t.hold("email.url", ToServer, s)
		default:
			if !strings.HasPrefix(p.name, "email.") {
				return nil, impossible("no traffic is made for %s of smtp", p.name)
			}
			x.headers[p.name] = s
		}
	}
	if n := m.choose("filesize", rng, -1); n >= 0 {
		x.attached = []byte(strings.Repeat("x", n))
	}
	x.tell(t)
	t.hold("file.data", ToServer, string(x.attached))
	t.hold("file.name", ToServer, x.file)
	t.hold("smtp.helo", ToServer, x.helo)
	t.hold("smtp.mail_from", ToServer, x.from)
	t.hold("smtp.rcpt_to", ToServer, x.to)
	for name, s := range x.headers {
		t.hold(name, ToServer, s)
	}
	return t, nil
}

// bracketed is a path as SMTP has it (RFC 5321 4.1.2).
func bracketed(s string) string {
	if strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") {
		return s
	}
	return "<" + s + ">"
}

// tell is the conversation (RFC 5321) and the mail in it (RFC 2045).
func (x *mail) tell(t *talk) {
	t.opening = 3
	t.say(ToClient, "220 mail.example ESMTP\r\n")
	for _, l := range [][2]string{{"EHLO " + x.helo, "250 mail.example"}, {"MAIL FROM:" + x.from, "250 ok"}, {"RCPT TO:" + x.to, "250 ok"},
		{"DATA", "354 go on"}} {
		t.say(ToServer, l[0]+"\r\n")
		t.say(ToClient, l[1]+"\r\n")
	}
	var b strings.Builder
	for _, h := range mailHeaders {
		if s, ok := x.headers[h[0]]; ok {
			b.WriteString(h[1] + ": " + s + "\r\n")
		}
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b0undary\"\r\n\r\n" +
		"--b0undary\r\nContent-Type: text/plain\r\n\r\n" + x.text + "\r\n--b0undary\r\nContent-Type: application/octet-stream\r\n" +
		"Content-Disposition: attachment; filename=\"" + x.file + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString(x.attached)
	for len(text) > 0 {
		n := min(len(text), 76)
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	b.WriteString("--b0undary--\r\n.\r\n")
	t.say(ToServer, b.String())
	t.say(ToClient, "250 queued\r\n")
}
