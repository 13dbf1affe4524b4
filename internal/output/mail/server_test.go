package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a small mail server: greeting, EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA.
type server struct {
	t        *testing.T
	l        net.Listener
	conf     *tls.Config
	noTLS    bool              // it offers no STARTTLS
	login    string            // what AUTH PLAIN must say; empty: none is asked for
	answers  map[string]string // instead of its own, by verb; "MAIL#1" the first time alone
	mu       sync.Mutex
	seen     map[string]int // verbs
	sessions int
	mails    chan string // envelope in the first line, then the mail as it came
}

// startServer returns a server and the file with its certificate.
func startServer(t *testing.T, s *server) (addr, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.t, s.seen, s.mails = t, map[string]int{}, make(chan string, 128)
	s.conf = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if s.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l := s.l
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.sessions++
			s.mu.Unlock()
			go s.serve(c)
		}
	}()
	return l.Addr().String(), ca
}

// own is the answer that the test wants to a verb, or fallback.
func (s *server) own(verb, fallback string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[verb]++
	if a, ok := s.answers[fmt.Sprintf("%s#%d", verb, s.seen[verb])]; ok {
		return a
	}
	if a, ok := s.answers[verb]; ok {
		return a
	}
	return fallback
}

func (s *server) count(verb string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[verb]
}

func (s *server) serve(c net.Conn) {
	defer func() { c.Close() }()
	r, secure, in := bufio.NewReader(c), false, s.login == ""
	say := func(a string) { fmt.Fprintf(c, "%s\r\n", a) }
	say(s.own("greeting", "220 here"))
	envelope := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch verb = strings.ToUpper(verb); verb {
		case "EHLO":
			say("250-here")
			if s.login != "" {
				say("250-AUTH LOGIN PLAIN")
			}
			if !secure && !s.noTLS {
				say("250-STARTTLS")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go")
			tc := tls.Server(c, s.conf)
			c, r, secure = tc, bufio.NewReader(tc), true
		case "AUTH":
			want := "PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+strings.Replace(s.login, ":", "\x00", 1)))
			if in = rest == want; in {
				say(s.own(verb, "235 in"))
			} else {
				say(s.own(verb, "535 no: you said "+line))
			}
		case "MAIL":
			if !in {
				say("530 who are you")
				continue
			}
			envelope = fmt.Sprintf("secure=%t %s", secure, rest)
			say(s.own(verb, "250 ok"))
		case "RCPT":
			a := s.own(verb, "250 ok")
			if strings.HasPrefix(a, "2") {
				envelope += " " + rest
			}
			say(a)
		case "DATA":
			a := s.own(verb, "354 go")
			say(a)
			if !strings.HasPrefix(a, "3") {
				continue
			}
			var b strings.Builder
			for {
				l, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(l, "."))
			}
			a = s.own("end", "250 taken")
			if strings.HasPrefix(a, "2") {
				s.mails <- envelope + "\n" + b.String()
			}
			say(a)
		case "QUIT":
			say("221 bye")
			return
		default:
			say(s.own(verb, "500 what"))
		}
	}
}

// got waits for the next mail.
func (s *server) got() string {
	s.t.Helper()
	select {
	case m := <-s.mails:
		return m
	case <-time.After(5 * time.Second):
		s.t.Fatal("no mail came")
		return ""
	}
}
