package mail

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"firestorm/internal/event"
)

// Longest subject in characters, and longest body in bytes.
const (
	maxSubject = 150
	maxBody    = 128 << 10
)

// message is one mail. Its id is the same for every try: a server that took it, and whose answer was lost, may know it again.
type message struct {
	subject, id, body string
	date              time.Time
	about             []entry
}

func (p *Output) newMessage(subject, id string) *message {
	return &message{subject: "[firestorm " + p.o.Host + "] " + subject, id: id, date: p.o.Now()}
}

// bytes writes the mail as RFC 5322 and RFC 2045 want it. Whatever stands in subject and body, each header is one line of
// ours, and the body is text.
func (p *Output) bytes(m *message) []byte {
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, oneLine(value)) }
	header("Date", m.date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	header("From", p.from.String())
	var to []string
	for _, a := range p.to {
		to = append(to, a.String())
	}
	header("To", strings.Join(to, ", "))
	header("Subject", subject(m.subject))
	domain := atom(p.from.Address[strings.LastIndexByte(p.from.Address, '@')+1:])
	header("Message-ID", "<firestorm."+atom(m.id)+"."+fmt.Sprint(m.date.UnixNano())+"@"+domain+">")
	header("List-Id", "<findings."+atom(p.o.Host)+"."+domain+">") // RFC 2919: one thing to sort by
	header("Auto-Submitted", "auto-generated")                    // RFC 3834: no answer from a machine
	header("X-Auto-Response-Suppress", "All")                     // the same, for Exchange
	if p.s.Application != "" {
		header("User-Agent", strings.ReplaceAll(p.s.Application, " ", "/"))
	}
	header("MIME-Version", "1.0")
	header("Content-Type", `text/plain; charset=utf-8`)
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	body := m.body
	if len(body) > maxBody {
		n := maxBody
		for !utf8.RuneStart(body[n]) {
			n--
		}
		body = body[:n] + fmt.Sprintf("\n… (%d bytes more)\n", len(body)-n)
	}
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(printableLines(body), "\n", "\r\n"))) // a Buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// subject makes text a header's value: no control character, and nothing that a reader would decode to something else.
func subject(s string) string {
	s = strings.ReplaceAll(event.Visible(s), "=?", "= ?") // looks like an encoded word (RFC 2047 2)
	if r := []rune(s); len(r) > maxSubject {
		s = string(r[:maxSubject-1]) + "…"
	}
	return mime.QEncoding.Encode("utf-8", s)
}

// oneLine is the last guard: whatever comes, a header has one line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, s)
}

// atom leaves of s what an address's parts may hold without quotes.
func atom(s string) string {
	s = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' {
			return c
		}
		return '-'
	}, s)
	if s = strings.Trim(s, ".-"); s == "" {
		return "sensor"
	}
	for strings.Contains(s, "..") {
		s = strings.ReplaceAll(s, "..", ".")
	}
	return s[:min(len(s), 120)]
}

// printableLines guards the body: line ends stand, everything else that steers a terminal is shown. The text that comes here
// is safe already; a mail is read by programs that are not.
func printableLines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		text, end := strings.CutSuffix(line, "\n")
		for len(text) > 0 {
			part := text[:min(len(text), 1500)]
			for len(part) < len(text) && len(part) > 0 && !utf8.RuneStart(text[len(part)]) {
				part = part[:len(part)-1]
			}
			if part == "" {
				part = text[:1]
			}
			b.WriteString(event.Visible(part))
			text = text[len(part):]
		}
		if end {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// recipients are the addresses of the envelope.
func recipients(to []*netmail.Address) []string {
	var out []string
	for _, a := range to {
		out = append(out, a.Address)
	}
	return out
}
