package tlsfaults_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/tlsfaults"
	"firestorm/internal/finding"
)

func TestPositive(t *testing.T) {
	for _, c := range []struct {
		name, code string
		confidence finding.Confidence
		says       []string
	}{
		{"tls-expired", tlsfaults.CodeExpired, finding.Certain, []string{"the certificate of shop.example (10.2.0.2:443) expired 3 days ago", "3 connections of 2 clients met it", `certificate of "O=Shop, CN=shop.example", issued by "O=Lab, CN=Lab CA", serial 11`,
			"certificate_expired (45)", "not: a wrong clock of the capture: the client judged by its own clock", "not: a wrong clock of the client", "certbot renew"}},
		{"tls-expired-13", tlsfaults.CodeExpired, finding.Certain, []string{"has expired", "TLS 1.3: the certificate cannot be seen", "not: a wrong clock of the client: 2 clients say the same"}},
		{"tls-name-unknown", tlsfaults.CodeName, finding.Certain, []string{"10.2.0.2:443 does not have the name old.example", "unrecognized_name (112)", "3 connections of 2 clients"}},
		{"tls-name-san", tlsfaults.CodeName, finding.Certain, []string{`its certificate is for "shop.example" and "www.shop.example"`, `the same certificate was good enough for the name "shop.example"`}},
		{"tls-version", tlsfaults.CodeVersion, finding.Certain, []string{"the client speaks TLS 1.2 at most", "protocol_version (70)", "10.1.0.12 got on with TLS 1.3, which this client does not offer", "TLS 1.0 and 1.1 are weak"}},
		{"tls-cipher", tlsfaults.CodeCipher, finding.Certain, []string{"have no cipher suite in common", "ECDHE_RSA_WITH_AES_128_GCM_SHA256 and ECDHE_RSA_WITH_AES_128_CBC_SHA256", "10.1.0.12 got on with TLS 1.2 and ECDHE_RSA_WITH_AES_256_GCM_SHA384"}},
		{"tls-client-cert", tlsfaults.CodeClientCert, finding.Certain, []string{"wants a client certificate, and 10.1.0.11 has none", "the client's answer holds none", "10.1.0.12 showed a certificate and got on"}},
		{"tls-client-cert-13", tlsfaults.CodeClientCert, finding.Likely, []string{"19 bytes long: a protected alert", "the client's first protected record of 25 bytes", "or: another alert under protection", "10.1.0.12 sent"}},
		{"tls-plain-to-tls", tlsfaults.CodeToTLS, finding.Certain, []string{"10.1.0.11 speaks plain HTTP to 10.2.0.2:443, which speaks TLS", "The plain HTTP request was sent to HTTPS port", "1 TLS handshake of 1 client at the same port succeeded"}},
		{"tls-plain-to-tls-mute", tlsfaults.CodeToTLS, finding.Likely, []string{"the server closes without an answer, each time", "or: a request that the server dislikes for itself"}},
		{"tls-tls-to-plain", tlsfaults.CodeToPlain, finding.Certain, []string{"10.1.0.11 begins TLS at 10.2.0.2:443, which speaks in clear", "HTTP/1.0 400 Bad Request", "1 request was answered in clear at the same port"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, out := c.name+"/inside.pcap", c.name+"/outside.pcap"
			for _, files := range [][]string{{in}, {out}, {in, out}} {
				f := detecttest.Only(t, detecttest.Run(t, nil, files...), c.code, c.confidence)
				detecttest.Says(t, f, c.says...)
			}
		})
	}
}

// The same faults between other programs, at other ports, over IPv6 and after STARTTLS; seen before the server alone.
func TestOthers(t *testing.T) {
	for _, c := range []struct {
		name, code string
		says       []string
	}{
		{"tls-expired-v6", tlsfaults.CodeExpired, []string{"([fd00:2::2]:443) expired 35 days ago", "4 connections of 2 clients met it", "serial 2A:01"}},
		{"tls-expired-smtp", tlsfaults.CodeExpired, []string{"(10.2.0.2:25) expired 1 day ago", "3 connections of 2 clients met it"}},
		{"tls-name-rejected", tlsfaults.CodeName, []string{"[fd00:2::2]:443 does not have the name old.example", "unrecognized_name (112)"}},
		{"tls-name-imaps", tlsfaults.CodeName, []string{"10.2.0.2:993 does not have the name imap.example", "3 connections of 2 clients left without data", `good enough for the name "mail.example"`}},
		{"tls-version-old", tlsfaults.CodeVersion, []string{"the client wants TLS 1.3 at least", "today it speaks TLS 1.2"}},
		{"tls-version-python", tlsfaults.CodeVersion, []string{"10.2.0.2:8443", "the client speaks TLS 1.2 at most"}},
		{"tls-cipher-13", tlsfaults.CodeCipher, []string{"no cipher suite in common", "AES_128_GCM_SHA256", "TLS 1.3 and CHACHA20_POLY1305_SHA256"}},
		{"tls-group", tlsfaults.CodeCipher, []string{"no group in common", "over secp521r1, of which this client does not offer the group", "ssl_ecdh_curve"}},
		{"tls-client-cert-gnutls", tlsfaults.CodeClientCert, []string{"[fd00:2::2]:4433 wants a client certificate, and fd00:1::11 has none", "decode_error (50)", "3 connections"}},
		{"tls-client-cert-smtp", tlsfaults.CodeClientCert, []string{"10.2.0.2:25 wants a client certificate", "3 connections of 1 client"}},
		{"tls-plain-to-tls-8443", tlsfaults.CodeToTLS, []string{"2 clients speak plain HTTP to [fd00:2::2]:8443, which speaks TLS", "3 connections"}},
		{"tls-to-plain-465", tlsfaults.CodeToPlain, []string{"2 clients begin TLS at 10.2.0.2:465", "4 connections of 2 clients", "Exim tls_on_connect_ports = 465"}},
		{"tls-to-plain-587", tlsfaults.CodeToPlain, []string{"begins TLS at [fd00:2::2]:587", "TLS works here for who asks for it in clear first"}},
		{"tls-to-plain-993", tlsfaults.CodeToPlain, []string{"2 clients begin TLS at 10.2.0.2:993", "Dovecot, inet_listener imaps ssl = yes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := detecttest.Only(t, detecttest.Run(t, nil, c.name+"/outside.pcap"), c.code, finding.Certain)
			detecttest.Says(t, f, c.says...)
		})
	}
	for _, name := range []string{"tls-expired-smtp-remedied", "tls-to-plain-465-remedied"} {
		detecttest.None(t, detecttest.Run(t, nil, name+"/outside.pcap"))
	}
}

func TestSilent(t *testing.T) {
	var ids []string
	for _, c := range tlsfaults.Def.Codes {
		ids = append(ids, c.ID)
	}
	for _, name := range []string{"tls-expired-remedied", "tls-name-remedied", "tls-version-remedied", "tls-cipher-remedied", "tls-client-cert-remedied", "tls-client-cert-optional", "tls-plain-to-tls-remedied",
		"tls-tls-to-plain-remedied", "maintenance-200"} {
		for _, file := range []string{name + "/inside.pcap", name + "/outside.pcap"} {
			t.Run(file, func(t *testing.T) {
				r := detecttest.Run(t, nil, file)
				detecttest.None(t, r, ids...)
				if name != "maintenance-200" {
					detecttest.None(t, r)
				}
			})
		}
	}
}

// Where a part is missing, the finding is gone or weaker; it never turns into another one.
func TestDamaged(t *testing.T) {
	for _, c := range []struct{ name, code string }{
		{"tls-expired", tlsfaults.CodeExpired}, {"tls-name-unknown", tlsfaults.CodeName}, {"tls-version", tlsfaults.CodeVersion}, {"tls-cipher", tlsfaults.CodeCipher},
		{"tls-client-cert", tlsfaults.CodeClientCert}, {"tls-plain-to-tls", tlsfaults.CodeToTLS}, {"tls-tls-to-plain", tlsfaults.CodeToPlain},
	} {
		for _, m := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(c.name+", "+m.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{m.Make}, c.name+"/inside.pcap")
				for _, f := range r.Findings {
					if f.Code.ID == c.code || !detecttest.Claims(f) || f.Code.ID == "duplicate-on-wire" {
						continue
					}
					for _, own := range tlsfaults.Def.Codes {
						if own == f.Code {
							t.Errorf("%s became %s\n%s", c.code, f.Code.ID, detecttest.Text(f))
						}
					}
				}
				if m.Name == "no packets from the server" || m.Name == "96 bytes of each frame" && c.name == "tls-expired" {
					detecttest.Weak(t, r, c.code)
				}
				if m.Name == "no SYN" {
					for _, f := range r.Findings {
						if f.Code.ID == c.code {
							return
						}
					}
					t.Errorf("the handshakes themselves were whole: %v", detecttest.Codes(r, 0))
				}
			})
		}
	}
}
