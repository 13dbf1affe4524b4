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
