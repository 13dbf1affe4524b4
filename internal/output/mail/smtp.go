package mail

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/output"
)

// TLS is how the way to the server is protected.
type TLS string

// Ways.
const (
	StartTLS TLS = "starttls" // asked for after the greeting (RFC 3207); a server without it gets nothing
	Implicit TLS = "tls"      // from the first byte (RFC 8314 3.3), port 465
	Plain    TLS = "none"     // not at all; a password goes to this machine alone
)

// wait bounds one try as a whole: connecting, TLS, and each mail.
const wait = 60 * time.Second

// lastTry is how long the try lasts that a mail has when the program ends.
const lastTry = 500 * time.Millisecond

func (o *Options) checkServer() error {
	host, port, err := net.SplitHostPort(o.Server)
	switch {
	case err != nil || host == "" || port == "":
		return fmt.Errorf("%q is not HOST:PORT", o.Server)
	case o.TLS != StartTLS && o.TLS != Implicit && o.TLS != Plain:
		return fmt.Errorf("tls %q is none of starttls, tls, none", o.TLS)
	case (o.User == "") != (o.PasswordFile == ""):
		return errors.New("a user and a file with a password belong together")
	case o.User != "" && o.TLS == Plain && !loopback(host):
		return errors.New("a password does not go over the network unprotected: tls must be starttls or tls")
	case strings.ContainsFunc(o.User, event.Unprintable):
		return errors.New("the user's name has control characters")
	}
	if o.PasswordFile != "" {
		_, err = o.password()
	}
	return err
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// password reads the secret: the first line. A file that everybody may read is refused.
func (o *Options) password() (string, error) {
	f, err := os.Open(o.PasswordFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s may be read by everybody on this machine: chmod o-rwx %s", o.PasswordFile, o.PasswordFile)
	}
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("%s has no password in its first line", o.PasswordFile)
	}
	return line, nil
}

// sender brings mails to the server, one after the other, until there are none any more.
func (p *Output) sender() {
	ctx := p.s.Ends()
	for m := range p.outbox {
		text := p.bytes(m)
		if err := p.delivery.Do(ctx, func() error { return p.try(ctx, text) }); err != nil && ctx.Err() != nil {
			p.left = append(p.left, m.about...)
		}
	}
}

// try sends one mail once.
func (p *Output) try(ctx context.Context, text []byte) error {
	limit := wait
	if ctx.Err() != nil {
		ctx, limit = context.Background(), lastTry
	}
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.o.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // a server that says nothing holds up nobody
	conf, err := p.o.tls()
	if err != nil {
		return err
	}
	if p.o.TLS == Implicit {
		conn = tls.Client(conn, conf)
	}
	c, err := smtp.NewClient(&limited{Conn: conn, left: maxAnswers}, conf.ServerName)
	if err != nil {
		return told("the greeting", err)
	}
	defer c.Close()
	if err := c.Hello(atom(p.o.Host)); err != nil {
		return told("EHLO", err)
	}
	if p.o.TLS == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errors.New("the server offers no STARTTLS: nothing is sent unprotected")
		}
		if err := c.StartTLS(conf); err != nil {
			return told("STARTTLS", err)
		}
	}
	if p.o.User != "" {
		if err := p.login(c, conf.ServerName); err != nil {
			return err
		}
	}
	if err := p.transfer(c, text); err != nil {
		return err
	}
	_ = c.Quit() // it has the mail
	return nil
}

// maxAnswers bounds what a server may say in one session, bytes.
const maxAnswers = 1 << 20

// limited ends a connection whose other side talks without end.
type limited struct {
	net.Conn
	left int
}

// Read implements io.Reader.
func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("the server says too much")
	}
	n, err := l.Conn.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}

func (o *Options) tls() (*tls.Config, error) {
	host, _, _ := net.SplitHostPort(o.Server)
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if o.CAFile == "" {
		return c, nil
	}
	b, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, err
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s has no certificate", o.CAFile)
	}
	return c, nil
}

// login says who we are. What the server answers is not repeated: it could repeat the password. A refused login is tried
// again, as a person may put the right password into the file meanwhile.
func (p *Output) login(c *smtp.Client, host string) error {
	secret, err := p.o.password()
	if err != nil {
		return err
	}
	if ok, list := c.Extension("AUTH"); !ok || !strings.Contains(" "+strings.ToUpper(list)+" ", " PLAIN ") {
		return errors.New("the server offers no login with AUTH PLAIN")
	}
	if err := c.Auth(smtp.PlainAuth("", p.o.User, secret, host)); err != nil {
		if e := new(textproto.Error); errors.As(err, &e) {
			return fmt.Errorf("the server refuses the login (%d)", e.Code)
		}
		return errors.New("the login broke off")
	}
	return nil
}

// transfer hands the mail over. It goes to those whom the server takes; only when there is none it failed.
func (p *Output) transfer(c *smtp.Client, text []byte) error {
	if err := c.Mail(p.from.Address); err != nil {
		return told("the sender", err)
	}
	var refused error
	taken := 0
	for _, to := range recipients(p.to) {
		if err := c.Rcpt(to); err != nil {
			refused = told("a recipient", err)
			continue
		}
		taken++
	}
	if taken == 0 {
		return refused
	}
	w, err := c.Data()
	if err != nil {
		return told("DATA", err)
	}
	if _, err = w.Write(text); err != nil {
		return told("the mail", err)
	}
	if err = w.Close(); err != nil {
		return told("the mail", err)
	}
	if refused != nil {
		p.delivery.Lose() // for somebody
	}
	return nil
}

// told says what failed. What a server refuses for good (5yz, RFC 5321 4.2.1) is not tried again.
func told(what string, err error) error {
	e := new(textproto.Error)
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", what, err)
	}
	msg := event.Visible(e.Msg)
	if r := []rune(msg); len(r) > 200 {
		msg = string(r[:200]) + "…"
	}
	said := fmt.Errorf("the server refuses %s: %d %s", what, e.Code, msg)
	if e.Code/100 == 5 {
		return &output.Permanent{Err: said}
	}
	return said
}
