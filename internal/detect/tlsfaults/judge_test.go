package tlsfaults_test

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/analyzer/http"
	"firestorm/internal/analyzer/tls"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/tlsfaults"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const (
	up, down = packet.ToServer, packet.ToClient
	day      = packet.Time(24 * time.Hour)
)

// bench makes events by hand.
type bench struct {
	*detecttest.Bench
	at float64
}

func (b *bench) head(client string) event.Head {
	b.at++
	h := b.Head(detecttest.Flow{ID: uint64(b.at), Client: client + ":4000", Server: "198.51.100.2:443"}, b.Ref(0, b.at+0.5))
	h.Kind = event.FirstAnalyzerKind
	return h
}

// hand sends a handshake of TLS 1.2 that was answered; change makes it what it is.
func (b *bench) hand(client string, change func(*tls.Handshake)) {
	b.at++
	hello := b.Ref(0, b.at)
	x := tls.NewHandshake(b.head(client))
	x.Hello, x.Answer, x.Certificate = hello, x.Head().Seen, x.Head().Seen
	x.ClientVersion, x.Version, x.Cipher, x.SNI, x.JA3Hash = tls.VersionTLS12, tls.VersionTLS12, 0xc02f, "shop.example", "j"
	x.Ciphers, x.Groups = []uint16{0xc02f, 0xc030}, []uint16{29}
	x.Subject, x.SANs, x.Fingerprint, x.Serial, x.Chain = "CN=shop.example", "shop.example", "f", "01", 1
	x.NotBefore, x.NotAfter = detecttest.At(0)-day, detecttest.At(0)+30*day
	change(x)
	b.Send(x)
}

func good(x *tls.Handshake) { x.Established, x.Data = true, true }

func alert(x *tls.Handshake, d packet.Dir, n uint8) {
	x.Alert[d] = tls.Alert{Ref: x.Head().Seen, Fatal: true, Description: n}
}

func unanswered(x *tls.Handshake) {
	x.Answer, x.Certificate, x.NotAfter, x.Subject, x.SANs, x.Version, x.Cipher = packet.Ref{}, packet.Ref{}, 0, "", "", 0, 0
}

// protected is a handshake of TLS 1.3 that the server ends by an alert; first is the length of the client's first record.
func protected(first int) func(*tls.Handshake) {
	return func(x *tls.Handshake) {
		x.Version, x.Certificate, x.ClientFirst = tls.VersionTLS13, packet.Ref{}, first
		x.Alert[down] = tls.Alert{Ref: x.Answer, Fatal: true, Encrypted: true}
	}
}

func (b *bench) get(client string, change func(*http.Transaction)) {
	b.at++
	q := b.Ref(0, b.at)
	x := http.NewTransaction(b.head(client))
	x.Method, x.URI, x.Host, x.Request = "GET", "/", "shop.example", q
	change(x)
	b.Send(x)
}

func judge(t *testing.T, play func(*bench)) (out string, f *finding.Finding) {
	t.Helper()
	b := &bench{Bench: detecttest.NewBench(t, nil, tlsfaults.Def)}
	play(b)
	for _, x := range b.End() {
		if out != "" {
			out += "; "
		}
		out += x.Code.ID + " " + x.Confidence.String()
		f = x
	}
	return out, f
}

func TestJudge(t *testing.T) {
	expired := func(x *tls.Handshake) { x.NotAfter = detecttest.At(0) - day }
	noName := func(x *tls.Handshake) { x.SNI = "old.example"; x.Ended = x.Head().Seen }
	for _, c := range []struct {
		name string
		play func(*bench)
		want string
	}{
		{"expired, nobody minds, no other clock", func(b *bench) { b.hand("192.0.2.1", func(x *tls.Handshake) { expired(x); good(x) }) }, "tls-cert-expired likely"},
		{"expired, the clock agrees", func(b *bench) {
			b.get("192.0.2.1", func(x *http.Transaction) {
				x.Status, x.Date = 200, time.Unix(0, int64(detecttest.At(3))).UTC().Format(time.RFC1123)
				x.Head().Server.Port = 80
			})
			b.hand("192.0.2.1", func(x *tls.Handshake) { expired(x); good(x) })
		}, "tls-cert-expired certain"},
		{"expired, the clock is a year off", func(b *bench) {
			b.get("192.0.2.1", func(x *http.Transaction) {
				x.Status, x.Date = 200, time.Unix(0, int64(detecttest.At(3)-365*day)).UTC().Format(time.RFC1123)
				x.Head().Server.Port = 80
			})
			b.hand("192.0.2.1", func(x *tls.Handshake) { expired(x); good(x) })
		}, "tls-cert-expired possible"},
		{"alert of two clients, certificate not seen", func(b *bench) {
			for _, c := range []string{"192.0.2.1", "192.0.2.2"} {
				b.hand(c, func(x *tls.Handshake) {
					x.Certificate, x.NotAfter, x.Version = packet.Ref{}, 0, tls.VersionTLS13
					alert(x, up, 45)
				})
			}
		}, "tls-cert-expired certain"},
		{"alert of one client, certificate not seen", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) {
				x.Certificate, x.NotAfter, x.Version = packet.Ref{}, 0, tls.VersionTLS13
				alert(x, up, 45)
			})
		}, "tls-cert-expired likely"},
		{"the last day of a certificate", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { x.NotAfter = x.Head().Seen.Time + 1; good(x) })
		}, ""},

		{"another name, the client stays", func(b *bench) { b.hand("192.0.2.1", func(x *tls.Handshake) { x.SNI = "old.example"; good(x) }) }, ""},
		{"another name, the client leaves, nobody else", func(b *bench) { b.hand("192.0.2.1", func(x *tls.Handshake) { noName(x); x.Established = true }) }, "tls-name-unknown likely"},
		{"another name, unknown_ca", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { noName(x); alert(x, up, tls.AlertUnknownCA) })
		}, ""},
		{"another name, the server closes", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { noName(x); x.Established, x.EndedBy = true, down })
		}, ""},
		{"the right name, the client leaves", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { x.Established, x.Ended = true, x.Head().Seen })
		}, ""},
		{"unrecognized_name as a warning", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { good(x); x.Alert[down] = tls.Alert{Ref: x.Head().Seen, Description: 112} })
		}, ""},
		{"the name of somebody who stayed", func(b *bench) {
			b.hand("192.0.2.2", func(x *tls.Handshake) { x.SNI = "old.example"; good(x) })
			b.hand("192.0.2.1", func(x *tls.Handshake) { noName(x); x.Established = true })
		}, ""},

		{"version, nobody else", func(b *bench) { b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, down, 70) }) }, "tls-no-common-version likely"},
		{"version, others get on with the same", func(b *bench) {
			b.hand("192.0.2.2", good)
			b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, down, 70) })
		}, "tls-no-common-version likely"},
		{"version, refused by the client", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { x.Version = tls.VersionTLS10; alert(x, up, 70) })
		}, "tls-no-common-version certain"},

		{"cipher, nobody else", func(b *bench) { b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, down, 40) }) }, "tls-no-common-cipher likely"},
		{"cipher, others get on with one of these", func(b *bench) {
			b.hand("192.0.2.2", good)
			b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, down, 40) })
		}, ""},
		{"cipher, others get on with another one", func(b *bench) {
			b.hand("192.0.2.2", func(x *tls.Handshake) { good(x); x.Cipher = 0xcca8 })
			b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, down, 40) })
		}, "tls-no-common-cipher certain"},
		{"cipher, others ask for another name", func(b *bench) {
			b.hand("192.0.2.2", func(x *tls.Handshake) { good(x); x.Cipher, x.SNI = 0xcca8, "other.example" })
			b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, down, 40) })
		}, "tls-no-common-cipher likely"},
		{"insufficient_security", func(b *bench) { b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, down, 71) }) }, "tls-no-common-cipher certain"},
		{"group", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) {
				x.Retried, x.RetryGroup, x.Version = true, 24, tls.VersionTLS13
				x.Certificate = packet.Ref{}
				alert(x, down, 40)
			})
		}, "tls-no-common-cipher certain"},
		{"handshake_failure after the server's choice", func(b *bench) { b.hand("192.0.2.1", func(x *tls.Handshake) { alert(x, down, 40) }) }, ""},

		{"client certificate, nobody else", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { x.CertRequest, x.ClientCert = x.Hello, x.Answer; alert(x, down, 40) })
		}, "tls-client-cert-missing likely"},
		{"client certificate, others get on without", func(b *bench) {
			b.hand("192.0.2.2", func(x *tls.Handshake) { x.CertRequest, x.ClientCert = x.Hello, x.Answer; good(x) })
			b.hand("192.0.2.1", func(x *tls.Handshake) { x.CertRequest, x.ClientCert = x.Hello, x.Answer; alert(x, down, 40) })
		}, "tls-client-cert-missing likely"},
		{"client certificate, one was sent", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) {
				x.CertRequest, x.ClientCert, x.ClientCerts = x.Hello, x.Answer, 1
				alert(x, down, 42)
			})
		}, ""},
		{"protected alert, empty answer", func(b *bench) { b.hand("192.0.2.1", protected(25)) }, "tls-client-cert-missing possible"},
		{"protected alert, empty answer, others show one", func(b *bench) {
			b.hand("192.0.2.2", func(x *tls.Handshake) { protected(900)(x); good(x); x.Alert[down] = tls.Alert{} })
			b.hand("192.0.2.1", protected(77))
		}, "tls-client-cert-missing likely"},
		{"protected alert, empty answer, others get on without", func(b *bench) {
			b.hand("192.0.2.2", func(x *tls.Handshake) { protected(25)(x); good(x); x.Alert[down] = tls.Alert{} })
			b.hand("192.0.2.1", protected(25))
		}, ""},
		{"protected alert, nothing was asked for", func(b *bench) { b.hand("192.0.2.1", protected(69)) }, ""},

		{"plain, answered by an alert", func(b *bench) { b.get("192.0.2.1", func(x *http.Transaction) { x.TLSAnswer = true }) }, "plaintext-to-tls-port certain"},
		{"plain, silence, once", func(b *bench) {
			b.hand("192.0.2.2", good)
			b.get("192.0.2.1", func(x *http.Transaction) { x.Unanswered = true })
		}, ""},
		{"plain, silence, no TLS seen", func(b *bench) {
			for range 3 {
				b.get("192.0.2.1", func(x *http.Transaction) { x.Unanswered = true })
			}
		}, ""},
		{"plain, served as well", func(b *bench) {
			b.hand("192.0.2.2", good)
			b.get("192.0.2.1", func(x *http.Transaction) { x.Status = 301 })
			for range 3 {
				b.get("192.0.2.1", func(x *http.Transaction) { x.Unanswered = true })
			}
		}, ""},
		{"a bad request", func(b *bench) {
			b.get("192.0.2.1", func(x *http.Transaction) { x.Status, x.Text = 400, "Bad Request" })
		}, ""},

		{"TLS at a mail server", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); x.Plain, x.PlainRef = "220 mail.example ESMTP", x.Head().Seen })
		}, "tls-to-plaintext-port certain"},
		{"TLS, odd words once", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); x.Plain, x.PlainRef = "\x01\x02", x.Head().Seen })
		}, ""},
		{"TLS, words, others get on", func(b *bench) {
			b.hand("192.0.2.2", good)
			b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); x.Plain, x.PlainRef = "HTTP/1.1 503 x", x.Head().Seen })
		}, "tls-to-plaintext-port likely"},
		{"good", func(b *bench) { b.hand("192.0.2.1", good); b.hand("192.0.2.2", good) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, f := judge(t, c.play); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
				if f != nil {
					t.Log(detecttest.Text(f))
				}
			}
		})
	}
}

// What packets say is not put into a command line unless it is harmless there.
func TestHostileNames(t *testing.T) {
	_, f := judge(t, func(b *bench) {
		b.hand("192.0.2.1", func(x *tls.Handshake) { x.SNI = "$(reboot)"; unanswered(x); alert(x, down, 112) })
	})
	if f == nil || strings.Contains(f.Check, "reboot") {
		t.Fatalf("%+v", f)
	}
	for _, s := range f.Remedy {
		for _, r := range s.Run {
			if strings.Contains(r.Line, "reboot") {
				t.Errorf("%s", r.Line)
			}
		}
	}
}

// What a finding says fits the port and what others got on with.
func TestWordsOfRefusals(t *testing.T) {
	inClear := func(b *bench, port uint16, said string) {
		b.hand("192.0.2.1", func(x *tls.Handshake) {
			unanswered(x)
			x.Head().Server.Port, x.Plain, x.PlainRef = port, said, x.Head().Seen
		})
	}
	for _, c := range []struct {
		name string
		play func(*bench)
		says []string
		not  []string
	}{
		{"port 465", func(b *bench) { inClear(b, 465, "220 mail.example ESMTP") },
			[]string{"port 465 is where TLS begins at once", "Exim tls_on_connect_ports = 465", "smtpd_tls_wrappermode=yes", "port of STARTTLS (587)", "check: openssl s_client -connect 198.51.100.2:465 </dev/null"}, []string{"Dovecot", "-starttls"}},
		{"port 465, the hello taken for a command", func(b *bench) { inClear(b, 465, "501 NUL characters are not allowed in SMTP commands") },
			[]string{"port 465 is where TLS begins at once"}, []string{"nginx", "https"}},
		{"port 993", func(b *bench) { inClear(b, 993, "* OK ready") },
			[]string{"Dovecot, inet_listener imaps ssl = yes", "port of STARTTLS (143)"}, []string{"Postfix", "Exim"}},
		{"port 990", func(b *bench) { inClear(b, 990, "220 FTP") }, []string{"vsftpd implicit_ssl=YES", "port of STARTTLS (21)"}, []string{"Postfix", "Dovecot"}},
		{"port 143", func(b *bench) { inClear(b, 143, "* OK ready") }, []string{"set the client to STARTTLS, and to insist on it", "-starttls imap"}, []string{"Dovecot"}},
		{"port 110", func(b *bench) { inClear(b, 110, "-ERR Unknown command.") }, []string{"set the client to STARTTLS", "-starttls pop3"}, nil},
		{"port 587, others ask in clear", func(b *bench) {
			b.hand("192.0.2.2", func(x *tls.Handshake) { good(x); x.Asked, x.Head().Server.Port = true, 587 })
			inClear(b, 587, "220 mail.example ESMTP")
		}, []string{"(medium, certain, 1)", "TLS works here for who asks for it in clear first", "-starttls smtp"}, []string{"the server's log decides"}},
		{"a web server", func(b *bench) { inClear(b, 8443, "HTTP/1.1 400 Bad Request") }, []string{"nginx listen 8443 ssl;"}, []string{"STARTTLS"}},
		{"two clients", func(b *bench) {
			inClear(b, 465, "220 mail")
			b.hand("192.0.2.3", func(x *tls.Handshake) {
				unanswered(x)
				x.Head().Server.Port, x.Plain, x.PlainRef = 465, "220 mail", x.Head().Seen
			})
		}, []string{"2 clients begin TLS at"}, nil},
		{"the client wants more", func(b *bench) {
			b.hand("192.0.2.2", good)
			b.hand("192.0.2.1", func(x *tls.Handshake) {
				unanswered(x)
				x.ClientVersion, x.Versions = tls.VersionTLS13, []uint16{tls.VersionTLS13}
				alert(x, down, tls.AlertProtocolVersion)
			})
		}, []string{"the client wants TLS 1.3 at least", "update the server", "today it speaks TLS 1.2"}, []string{"at most", "update the client"}},
		{"the group", func(b *bench) {
			group := func(x *tls.Handshake, offer, chosen uint16) {
				x.Version, x.ClientVersion, x.Versions, x.Ciphers, x.Groups = tls.VersionTLS13, tls.VersionTLS13, []uint16{tls.VersionTLS13}, []uint16{0x1301}, []uint16{offer}
				x.Cipher, x.Group = 0x1301, chosen
			}
			b.hand("192.0.2.2", func(x *tls.Handshake) { group(x, 25, 25); good(x) })
			b.hand("192.0.2.1", func(x *tls.Handshake) {
				group(x, 29, 0)
				unanswered(x)
				alert(x, down, tls.AlertHandshakeFailure)
			})
		}, []string{"have no group in common", "over secp521r1", "its groups are x25519", "ssl_ecdh_curve"}, []string{"no cipher suite in common", "ssl_ciphers"}},
		{"expired, TLS 1.3 and 1.2", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) {
				x.Version, x.Certificate, x.NotAfter, x.Serial = tls.VersionTLS13, packet.Ref{}, 0, ""
				alert(x, up, tls.AlertCertificateExpired)
			})
			b.hand("192.0.2.2", func(x *tls.Handshake) { x.NotAfter = detecttest.At(0) - day; alert(x, up, tls.AlertCertificateExpired) })
		}, []string{"(high, certain, 2)", "expired 1 day ago"}, nil},
		{"expired, and the capture ends there", func(b *bench) {
			b.hand("192.0.2.1", func(x *tls.Handshake) { x.NotAfter, x.Undecided = detecttest.At(0)-day, true })
			b.hand("192.0.2.1", func(x *tls.Handshake) { x.NotAfter, x.Established, x.Undecided = detecttest.At(0)-day, true, true })
		}, []string{"(medium, likely, 2)", "in 2 of 2 connections it cannot be seen what the client made of it"}, []string{"went on", "left"}},
		{"expired, each client does another thing, and there are many", func(b *bench) {
			for range 10 {
				b.hand("192.0.2.1", func(x *tls.Handshake) { x.NotAfter = detecttest.At(0) - day; good(x) })
			}
			for range 11 {
				b.hand("192.0.2.2", func(x *tls.Handshake) { x.NotAfter, x.Ended = detecttest.At(0)-day, x.Head().Seen })
			}
			b.hand("192.0.2.3", func(x *tls.Handshake) { x.NotAfter = detecttest.At(0) - day })
		}, []string{"10 of 22 connections went on all the same, with data", "in 11 of 22 connections the client left without data", "in 1 of 22 connections it cannot be seen"}, nil},
		{"version, another handshake of which nothing more is seen", func(b *bench) {
			b.hand("192.0.2.2", func(x *tls.Handshake) { x.Version, x.Established = tls.VersionTLS13, true })
			b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, down, 70) })
		}, []string{"no other client is seen to get on"}, []string{"got on with"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, f := judge(t, c.play)
			if f == nil || strings.Contains(out, ";") {
				t.Fatalf("%q", out)
			}
			text := detecttest.Text(f)
			for _, s := range c.says {
				if !strings.Contains(text, s) {
					t.Errorf("does not say %q\n%s", s, text)
				}
			}
			for _, s := range c.not {
				if strings.Contains(text, s) {
					t.Errorf("says %q\n%s", s, text)
				}
			}
		})
	}
}

// A client's alert alone, without a server that was heard, is not enough.
func TestAlertWithoutServer(t *testing.T) {
	if out, _ := judge(t, func(b *bench) {
		b.hand("192.0.2.1", func(x *tls.Handshake) { unanswered(x); alert(x, up, tls.AlertCertificateExpired) })
	}); out != "" {
		t.Error(out)
	}
}
