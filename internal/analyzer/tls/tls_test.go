package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// turn is what one side sent before the other did.
type turn struct {
	d packet.Dir
	b []byte
}

// talk is a recorded connection.
type talk struct {
	mu    sync.Mutex
	turns []turn
}

// tap records what is written to a connection.
type tap struct {
	net.Conn
	d packet.Dir
	t *talk
}

func (x tap) Write(b []byte) (int, error) {
	x.t.mu.Lock()
	if n := len(x.t.turns); n > 0 && x.t.turns[n-1].d == x.d {
		x.t.turns[n-1].b = append(x.t.turns[n-1].b, b...)
	} else {
		x.t.turns = append(x.t.turns, turn{x.d, append([]byte(nil), b...)})
	}
	x.t.mu.Unlock()
	return x.Conn.Write(b)
}

// identity makes a certificate.
func identity(t testing.TB, notAfter time.Time, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(0x0a1b2c), Subject: pkix.Name{Country: []string{"DE"}, Organization: []string{"Shop"}, CommonName: "shop.example"},
		NotBefore: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: notAfter, DNSNames: names, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// record lets crypto/tls talk to itself: the client sends a line, the server echoes it.
func record(t testing.TB, server, client *tls.Config) []turn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a pipe without buffers would hang where both sides send
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []net.Conn{a, b} {
		x.SetDeadline(time.Now().Add(5 * time.Second))
	}
	k := &talk{}
	done := make(chan bool)
	go func() {
		s := tls.Server(tap{b, down, k}, server)
		buf := make([]byte, 10)
		if n, err := s.Read(buf); err == nil {
			s.Write(buf[:n])
		}
		b.Close()
		done <- true
	}()
	c := tls.Client(tap{a, up, k}, client)
	if _, err := c.Write([]byte("hello")); err == nil {
		c.Read(make([]byte, 10))
	}
	a.Close()
	<-done
	return k.turns
}

var future = time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC)

// words is a handshake in one line.
func words(h *Handshake) string {
	s := fmt.Sprintf("%s %s", h.SNI, versionName(h.Version))
	for _, f := range []struct {
		set  bool
		word string
	}{{h.Established, "established"}, {h.Resumed, "resumed"}, {h.Retried, "retried"}, {h.Gap, "gap"}, {h.Undecided, "undecided"}, {!h.Certificate.IsZero(), fmt.Sprintf("chain %d", h.Chain)},
		{!h.CertRequest.IsZero(), "asks"}, {!h.ClientCert.IsZero(), fmt.Sprintf("client chain %d", h.ClientCerts)}, {h.EmptyCertificate(), "empty"}, {h.FullCertificate(), "full"}, {h.Plain != "", fmt.Sprintf("plain %q", h.Plain)}} {
		if f.set {
			s += ", " + f.word
		}
	}
	for d, a := range h.Alert {
		if a.Ref.IsZero() {
			continue
		}
		s += ", " + packet.Dir(d).String() + " "
		if a.Encrypted {
			s += "encrypted"
		} else {
			s += AlertName(a.Description)
		}
	}
	if h.Reset {
		s += ", reset"
	} else if !h.Ended.IsZero() {
		s += ", ended " + h.EndedBy.String()
	}
	return s
}

func TestHandshakes(t *testing.T) {
	id := identity(t, future, "shop.example", "*.shop.example")
	pool := x509.NewCertPool()
	leaf, _ := x509.ParseCertificate(id.Certificate[0])
	pool.AddCert(leaf)
	server := func(f func(*tls.Config)) *tls.Config {
		c := &tls.Config{Certificates: []tls.Certificate{id}, MinVersion: tls.VersionTLS10, SessionTicketsDisabled: true}
		if f != nil {
			f(c)
		}
		return c
	}
	client := func(f func(*tls.Config)) *tls.Config {
		c := &tls.Config{ServerName: "Shop.example", InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: []string{"h2", "http/1.1"}}
		if f != nil {
			f(c)
		}
		return c
	}
	upTo := func(v uint16) func(*tls.Config) { return func(c *tls.Config) { c.MaxVersion = v } }
	from := func(v uint16) func(*tls.Config) { return func(c *tls.Config) { c.MinVersion = v } }
	for _, tc := range []struct {
		name           string
		server, client *tls.Config
		want           string
	}{
		{"TLS 1.0", server(upTo(tls.VersionTLS10)), client(nil), "Shop.example TLSv1, established, chain 1"},
		{"TLS 1.1", server(upTo(tls.VersionTLS11)), client(nil), "Shop.example TLS 1.1, established, chain 1"},
		{"TLS 1.2", server(upTo(tls.VersionTLS12)), client(nil), "Shop.example TLS 1.2, established, chain 1"},
		{"TLS 1.3", server(nil), client(nil), "Shop.example TLS 1.3, established"},
		{"retry", server(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384} }), client(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384} }),
			"Shop.example TLS 1.3, established, retried"},
		{"version", server(from(tls.VersionTLS13)), client(upTo(tls.VersionTLS11)), "Shop.example UNDETERMINED, to_client protocol_version (70)"},
		{"cipher", server(func(c *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		}),
			client(func(c *tls.Config) {
				c.MaxVersion = tls.VersionTLS12
				c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
			}),
			"Shop.example UNDETERMINED, to_client handshake_failure (40)"},
		{"client refuses, 1.2", server(upTo(tls.VersionTLS12)), client(func(c *tls.Config) { c.InsecureSkipVerify = false }), "Shop.example TLS 1.2, chain 1, to_server bad_certificate (42)"},
		{"client refuses, 1.3", server(nil), client(func(c *tls.Config) { c.InsecureSkipVerify = false }), "Shop.example TLS 1.3, to_server encrypted"},
		{"no client certificate, 1.2", server(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12; c.ClientAuth = tls.RequireAnyClientCert }), client(nil),
			"Shop.example TLS 1.2, chain 1, asks, client chain 0, empty, to_client handshake_failure (40)"},
		{"no client certificate, 1.3", server(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }), client(nil), "Shop.example TLS 1.3, empty, to_client encrypted"},
		{"client certificate, 1.2", server(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12; c.ClientAuth = tls.RequireAnyClientCert }), client(func(c *tls.Config) { c.Certificates = []tls.Certificate{id} }),
			"Shop.example TLS 1.2, established, chain 1, asks, client chain 1, full"},
		{"client certificate, 1.3", server(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }), client(func(c *tls.Config) { c.Certificates = []tls.Certificate{id} }), "Shop.example TLS 1.3, established, full"},
		{"no protocol", server(func(c *tls.Config) { c.NextProtos = []string{"x"} }), client(nil), "Shop.example UNDETERMINED, to_client no_application_protocol (120)"},
		{"no name", server(upTo(tls.VersionTLS12)), client(func(c *tls.Config) { c.ServerName = "" }), " TLS 1.2, established, chain 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			turns := record(t, tc.server, tc.client)
			var first *Handshake
			for _, cut := range []int{1400, 1, 3} {
				r := newRig(t)
				for _, x := range turns {
					r.SayIn(x.d, string(x.b), cut)
				}
				all := r.end()
				if len(all) != 1 {
					t.Fatalf("cut %d: %d events", cut, len(all))
				}
				h := all[0]
				if got := words(h); got != tc.want {
					t.Errorf("cut %d: %q, want %q", cut, got, tc.want)
				}
				if len(h.Ciphers) == 0 || h.JA3Hash == "" || !strings.HasPrefix(h.JA4, "t1") || h.ALPN != "h2,http/1.1" {
					t.Errorf("%+v", h)
				}
				h.head = event.Head{}
				h.Hello, h.Answer, h.Certificate, h.CertRequest, h.ClientCert, h.Ended, h.Alert = packet.Ref{}, packet.Ref{}, packet.Ref{}, packet.Ref{}, packet.Ref{}, packet.Ref{}, [2]Alert{}
				if first == nil {
					first = h
				} else if !reflect.DeepEqual(h, first) {
					t.Errorf("cut %d: %+v, want %+v", cut, h, first)
				}
				if s := r.Stats(); s.Sessions != 0 || s.Panics != 0 {
					t.Errorf("left over: %+v", s)
				}
			}
		})
	}
}

func TestResumption(t *testing.T) {
	id := identity(t, future, "shop.example")
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: v}
		c := &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
		record(t, s, c)
		turns := record(t, s, c)
		r := newRig(t)
		for _, x := range turns {
			r.SayIn(x.d, string(x.b), 500)
		}
		if h := r.end()[0]; !h.Established || !h.Resumed || !h.Certificate.IsZero() {
			t.Errorf("%s: %s", VersionName(v), words(h))
		}
	}
}

func TestCertificate(t *testing.T) {
	id := identity(t, time.Date(2051, 6, 7, 8, 9, 10, 0, time.UTC), "shop.example", "*.shop.example")
	r := newRig(t)
	for _, x := range record(t, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS12}, &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true}) {
		r.SayIn(x.d, string(x.b), 100)
	}
	h := r.end()[0]
	sum := sha1.Sum(id.Certificate[0])
	for _, f := range []struct{ name, got, want string }{
		{"subject", h.Subject, "C=DE, O=Shop, CN=shop.example"}, {"issuer", h.Issuer, "C=DE, O=Shop, CN=shop.example"}, {"serial", h.Serial, "0A:1B:2C"},
		{"names", h.SANs, "shop.example *.shop.example 192.0.2.1"}, {"fingerprint", h.Fingerprint, hex.EncodeToString(sum[:])},
		{"from", time.Unix(0, int64(h.NotBefore)).UTC().String(), "2020-01-02 03:04:05 +0000 UTC"}, {"to", time.Unix(0, int64(h.NotAfter)).UTC().String(), "2051-06-07 08:09:10 +0000 UTC"},
	} {
		if f.got != f.want {
			t.Errorf("%s: %q, want %q", f.name, f.got, f.want)
		}
	}
	for name, want := range map[string]bool{"shop.example": true, "SHOP.example.": true, "a.shop.example": true, "a.b.shop.example": false, "other.example": false, "192.0.2.1": true, "192.0.2.2": false} {
		if got, ok := h.Covers(name); !ok || got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, ok := new(Handshake).Covers("a"); ok {
		t.Error("a certificate that was not seen")
	}
}

func TestPlainAnswers(t *testing.T) {
	id := identity(t, future, "shop.example")
	hello := string(record(t, &tls.Config{Certificates: []tls.Certificate{id}}, &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true})[0].b)
	for _, tc := range []struct{ answer, want string }{
		{"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "HTTP/1.1 400 Bad Request\r"},
		{"220 mail.example ESMTP\r\n", "220 mail.example ESMTP\r"},
		{"a\nb\n", "a"},
		{"no end", "no end"},
		{strings.Repeat("x", 100), strings.Repeat("x", 64)},
	} {
		for _, cut := range []int{1000, 1, 2} {
			r := newRig(t)
			r.SayIn(up, hello, 1000)
			r.SayIn(down, tc.answer, cut)
			r.Send(down, packet.FIN|packet.ACK, "")
			r.Send(up, packet.ACK, "")
			all := r.end()
			if len(all) != 1 || all[0].Plain != tc.want || all[0].Established || all[0].PlainRef.IsZero() {
				t.Errorf("cut %d: %+v", cut, all)
			}
		}
	}
}

func TestEnds(t *testing.T) {
	id := identity(t, future, "shop.example")
	turns := record(t, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS12}, &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true})
	hello, answer := string(turns[0].b), string(turns[1].b)
	for _, tc := range []struct {
		name string
		play func(rig)
		want string
	}{
		{"input ends", func(r rig) { r.SayIn(up, hello, 999) }, "shop.example UNDETERMINED, undecided"},
		{"server closes", func(r rig) {
			r.SayIn(up, hello, 999)
			r.Send(down, packet.FIN|packet.ACK, "")
			r.Send(up, packet.ACK, "")
		}, "shop.example UNDETERMINED, ended to_client"},
		{"server resets", func(r rig) { r.SayIn(up, hello, 999); r.Send(down, packet.RST|packet.ACK, "") }, "shop.example UNDETERMINED, reset"},
		{"alert, then reset", func(r rig) {
			r.SayIn(up, hello, 999)
			r.Send(down, packet.ACK, "\x15\x03\x03\x00\x02\x02\x46")
			r.Send(down, packet.RST|packet.ACK, "")
		}, "shop.example UNDETERMINED, to_client protocol_version (70)"},
		{"client goes", func(r rig) {
			r.SayIn(up, hello, 999)
			r.SayIn(down, answer, 999)
			r.Send(up, packet.FIN|packet.ACK, "")
			r.Send(down, packet.ACK, "")
		}, "shop.example TLS 1.2, chain 1, ended to_server"},
		{"warning, then on", func(r rig) {
			r.SayIn(up, hello, 999)
			r.SayIn(down, "\x15\x03\x03\x00\x02\x01\x70"+answer, 999)
			for _, x := range turns[2:] {
				r.SayIn(x.d, string(x.b), 999)
			}
		}, "shop.example TLS 1.2, established, chain 1, to_client unrecognized_name (112)"},
		{"two records in one message", func(r rig) {
			r.SayIn(up, "\x16\x03\x01\x00\x05"+hello[5:10]+"\x16\x03\x01"+string([]byte{byte((len(hello) - 10) >> 8), byte(len(hello) - 10)})+hello[10:], 999)
			r.SayIn(down, "\x15\x03\x03\x00\x02\x02\x46", 999)
		}, "shop.example UNDETERMINED, to_client protocol_version (70)"},
		{"hole", func(r rig) { r.SayIn(up, hello, 999); r.Lose(down, 200); r.SayIn(down, answer, 999) }, "shop.example UNDETERMINED, undecided"},
		{"client leaves after the handshake", func(r rig) {
			for _, x := range turns[:4] {
				r.SayIn(x.d, string(x.b), 999)
			}
			r.SayIn(up, "\x15\x03\x03\x00\x1a"+strings.Repeat("x", 26), 999)
		}, "shop.example TLS 1.2, established, chain 1, to_server encrypted"},
		{"garbage after the hello", func(r rig) { r.SayIn(up, hello, 999); r.SayIn(down, answer, 999); r.SayIn(up, "nonsense", 999) }, "shop.example TLS 1.2, gap, chain 1"},
	} {
		r := newRig(t)
		tc.play(r)
		all := r.end()
		if len(all) != 1 {
			t.Errorf("%s: %d events", tc.name, len(all))
			continue
		}
		if all[0].ClientLeft() != (strings.HasPrefix(tc.name, "client")) {
			t.Errorf("%s: client left: %v", tc.name, all[0].ClientLeft())
		}
		if got := words(all[0]); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A server that greets, in one record or in several, does so before its client has judged: these are no data of a
// client that went on. What the client says then is.
func TestGreetings(t *testing.T) {
	id := identity(t, future, "shop.example")
	turns := record(t, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS12}, &tls.Config{InsecureSkipVerify: true})
	data := func(n int) string { return strings.Repeat("\x17\x03\x03\x00\x20"+strings.Repeat("x", 32), n) }
	for n := range 4 {
		for _, answers := range []bool{false, true} {
			r := newRig(t)
			for _, x := range turns[:4] { // hello, hello and certificate, and both sides' going over
				r.Say(x.d, string(x.b))
			}
			r.Say(down, data(n))
			if answers {
				r.Say(up, data(1))
			}
			got := r.end()
			if len(got) != 1 || !got[0].Established || got[0].Data != answers {
				t.Errorf("%d records of greeting, the client answers: %v: %+v", n, answers, got)
			}
		}
	}
}
