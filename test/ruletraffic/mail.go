package ruletraffic

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// smtpTalk is a mail with an attachment.
func (m *meaning) smtpTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "smtp"}
	if m.dir != ToServer {
		return nil, impossible("a mail travels to the server")
	}
	attached := []byte("hello")
	for _, p := range parts {
		if p.name != "file.data" {
			return nil, impossible("no traffic is made for %s of smtp", p.name)
		}
		b, err := p.fill(&anyBytes, func(cs []check, k *style) ([]byte, bool) { return fill(cs, k, rng) })
		if err != nil {
			return nil, err
		}
		attached = b
	}
	opening(t, "smtp", rng)
	for _, x := range []string{"MAIL FROM:<a@client.example>", "250 ok", "RCPT TO:<b@mail.example>", "250 ok", "DATA", "354 go on"} {
		d := ToServer
		if x[0] >= '0' && x[0] <= '9' {
			d = ToClient
		}
		t.say(d, x+"\r\n")
	}
	var b strings.Builder
	b.WriteString("From: a@client.example\r\nTo: b@mail.example\r\nSubject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b0undary\"\r\n\r\n" +
		"--b0undary\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b0undary\r\nContent-Type: application/octet-stream\r\n" +
		"Content-Disposition: attachment; filename=\"a.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString(attached)
	for len(text) > 0 {
		n := min(len(text), 76)
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	b.WriteString("--b0undary--\r\n.\r\n")
	t.say(ToServer, b.String())
	t.say(ToClient, "250 queued\r\n")
	t.say(ToServer, "QUIT\r\n")
	t.say(ToClient, "221 bye\r\n")
	t.hold("file.data", ToServer, string(attached))
	return t, nil
}

// sshTalk is how SSH begins: a line of each side (RFC 4253 4.2).
func (m *meaning) sshTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "ssh"}
	proto, software := "2.0", "OpenSSH_9.6"
	for _, p := range parts {
		b, err := p.fill(&style{filler: lettersDigits, legal: visible, good: trimmed}, func(cs []check, k *style) ([]byte, bool) { return fill(cs, k, rng) })
		if err != nil {
			return nil, err
		}
		if p.name == "ssh.proto" {
			proto = string(b)
		} else {
			software = string(b)
		}
	}
	lines := [2]string{"SSH-2.0-OpenSSH_9.5\r\n", "SSH-2.0-OpenSSH_9.6\r\n"}
	lines[m.dir] = "SSH-" + proto + "-" + software + "\r\n"
	t.say(ToClient, lines[ToClient])
	t.say(ToServer, lines[ToServer])
	t.hold("ssh.proto", m.dir, proto)
	t.hold("ssh.software", m.dir, software)
	return t, nil
}
