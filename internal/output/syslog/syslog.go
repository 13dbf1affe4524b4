// Package syslog sends findings to a log server, one message each, as RFC 5424 says.
package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "syslog", About: "findings to a log server (RFC 5424)", Blocking: true,
	Drops: "findings below the wanted confidence and severity, and muted ones; what a server does not take within ten minutes",
	New: func(s output.Setup) (output.Output, error) {
		o, _ := s.Options.(Options)
		return New(o, s)
	},
}

// Options say where messages go.
type Options struct {
	Network  string // udp, tcp, unix (a stream), unixgram (as /dev/log is)
	Address  string // HOST:PORT, or the path of the socket
	Facility int    // 0 to 23; 0 stands for 3, daemon: the kernel's own messages are not ours
	Host     string // HOSTNAME of messages; empty: "-"
	// Lines ends each message on a stream with a line feed (RFC 6587 3.4.2) instead of counting its octets (3.4.1).
	Lines       bool
	MinSeverity finding.Severity // findings below are left out; 0 = all
	Backoff     output.Backoff   // zero: for ten minutes
}

// Enterprise is the number in the name of our structured data: the one that RFC 5612 reserves for who has none.
const Enterprise = 32473

// Most octets of a message. Receivers must take 480 and should take 2048 (RFC 5424 6.1); on streams all do more.
const (
	maxDatagram = 2048
	maxStream   = 8192
)

// wait bounds one connect and one write.
const wait = 5 * time.Second

// Output sends messages. It uses Setup.MinConfidence and Context.
type Output struct {
	o        Options
	s        output.Setup
	conn     net.Conn
	msg      []byte
	delivery output.Delivery
}

// New returns an output; the server need not be there yet.
func New(o Options, s output.Setup) (*Output, error) {
	switch o.Network {
	case "udp", "tcp":
		if _, _, err := net.SplitHostPort(o.Address); err != nil {
			return nil, fmt.Errorf("syslog: %q is not HOST:PORT", o.Address)
		}
	case "unix", "unixgram":
		if o.Address == "" {
			return nil, errors.New("syslog: no path of a socket")
		}
	default:
		return nil, fmt.Errorf("syslog: %q is none of udp, tcp, unix, unixgram", o.Network)
	}
	if o.Facility < 0 || o.Facility > 23 {
		return nil, fmt.Errorf("syslog: facility %d is not in 0 to 23", o.Facility)
	}
	if o.Facility == 0 {
		o.Facility = 3
	}
	if o.Backoff == (output.Backoff{}) {
		o.Backoff = output.Backoff{First: time.Second, Most: 30 * time.Second, Within: 10 * time.Minute}
	}
	p := &Output{o: o, s: s}
	p.delivery.Backoff = o.Backoff
	return p, nil
}

// Event writes nothing.
func (p *Output) Event(event.Event) error { return nil }

// Finding sends one message, and tries again while the server is away. What was given up is counted in Health.
func (p *Output) Finding(f *finding.Finding) error {
	if !p.s.Shown(f, p.o.MinSeverity) {
		return nil
	}
	p.msg = p.appendFinding(p.msg[:0], f)
	p.send()
	return nil
}

// Alarm sends one message.
func (p *Output) Alarm(a *output.Alarm) error {
	severity := alert
	if a.Kind == output.Seeing {
		severity = notice
	}
	p.msg = p.head(p.msg[:0], severity, a.At.Std(), "sensor")
	p.msg = append(p.msg, " - "...)
	p.msg = append(p.msg, event.Visible(a.Sentence())...)
	p.send()
	return nil
}

func (p *Output) send() {
	most := maxStream
	if p.datagram() {
		most = maxDatagram
	}
	p.msg = p.msg[:cut(p.msg, most)]
	ctx := p.s.Ends()
	_ = p.delivery.Do(ctx, func() error { return p.try(ctx) })
}

func (p *Output) datagram() bool { return p.o.Network == "udp" || p.o.Network == "unixgram" }

func (p *Output) try(ctx context.Context) error {
	if p.conn != nil && !p.datagram() && gone(p.conn) {
		p.hangUp()
	}
	if p.conn == nil {
		d := net.Dialer{Timeout: wait}
		if ctx.Err() != nil {
			d.Timeout, ctx = 100*time.Millisecond, context.Background() // the last try
		}
		var err error
		if p.conn, err = d.DialContext(ctx, p.o.Network, p.o.Address); err != nil {
			p.conn = nil
			return err
		}
	}
	out := p.msg
	switch {
	case p.datagram():
	case p.o.Lines:
		out = append(out[:len(out):len(out)], '\n')
	default:
		out = append(append(strconv.AppendInt(nil, int64(len(out)), 10), ' '), out...)
	}
	_ = p.conn.SetWriteDeadline(time.Now().Add(wait))
	if _, err := p.conn.Write(out); err != nil {
		p.hangUp()
		return err
	}
	return nil
}

// gone reports that the other side has closed: a first write would still seem to work, and its message be lost.
func gone(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	var ne net.Error
	return err != nil && !(errors.As(err, &ne) && ne.Timeout())
}

func (p *Output) hangUp() {
	_ = p.conn.Close()
	p.conn = nil
}

// Flush does nothing: messages go at once.
func (p *Output) Flush() error { return nil }

// Close ends the connection.
func (p *Output) Close() error {
	if p.conn != nil {
		p.hangUp()
	}
	return nil
}

// Health says how the server is.
func (p *Output) Health() output.Health { return p.delivery.Health() }

// Severities of RFC 5424 6.2.1.
const (
	alert    = 1
	critical = 2
	failure  = 3
	warning  = 4
	notice   = 5
	info     = 6
)

var severities = map[finding.Severity]int{finding.Critical: critical, finding.High: failure, finding.Medium: warning, finding.Low: notice, finding.Info: info}

// head writes "<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID". The time is that of the packets.
func (p *Output) head(dst []byte, severity int, at time.Time, id string) []byte {
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(p.o.Facility*8+severity), 10)
	dst = append(dst, ">1 "...)
	dst = at.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	dst = append(dst, ' ')
	dst = append(dst, word(p.o.Host, 255)...)
	dst = append(dst, " firestorm - "...)
	return append(dst, word(id, 32)...)
}

// word makes s a field of printable ASCII without blanks, at most n long; "-" for none.
func word(s string, n int) string {
	s = strings.Map(func(c rune) rune {
		if c <= ' ' || c >= 0x7f {
			return '_'
		}
		return c
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), n)]
}

// name makes s a name of structured data: letters and digits (RFC 5424 6.3.3 allows a little more).
func name(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, word(s, 32))
}

func (p *Output) appendFinding(dst []byte, f *finding.Finding) []byte {
	dst = p.head(dst, severities[f.Severity], f.Last.Time.Std(), f.Code.ID)
	dst = fmt.Appendf(dst, " [firestorm@%d", Enterprise)
	param := func(k, v string) {
		if v != "" {
			dst = append(append(append(dst, ' '), k...), '=', '"')
			dst = appendParam(dst, v)
			dst = append(dst, '"')
		}
	}
	param("id", f.ID)
	param("revision", strconv.Itoa(max(f.Revision, 1)))
	param("code", f.Code.ID)
	param("kind", string(f.Code.Kind))
	param("severity", f.Severity.String())
	param("confidence", f.Confidence.String())
	param("count", strconv.Itoa(f.Count))
	for i := range f.Subjects {
		if s := &f.Subjects[i]; i < 4 {
			param(name(s.Role), output.Place(s))
		}
	}
	dst = append(dst, "] "...)
	return append(dst, output.Title(f)...)
}

// appendParam writes a value of structured data: what would end it is escaped (RFC 5424 6.3.3), and nothing steers a
// terminal.
func appendParam(dst []byte, v string) []byte {
	for _, c := range []byte(event.Visible(v)) {
		if c == '"' || c == '\\' || c == ']' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}

// cut returns how much of a message of UTF-8 fits into n octets.
func cut(b []byte, n int) int {
	if len(b) <= n {
		return len(b)
	}
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return n
}
