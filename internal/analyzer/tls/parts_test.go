package tls

import (
	"crypto/sha1"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
)

// shown is what rules see of turns, however they are cut.
func shown(t *testing.T, cut int, turns []turn) []analyzertest.Shown {
	t.Helper()
	var said []analyzertest.Turn
	for _, x := range turns {
		said = append(said, analyzertest.Turn{Dir: x.d, Data: string(x.b)})
	}
	return analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(cut, analyzertest.Client, "198.51.100.1:443", true, said...)...)
}

func TestParts(t *testing.T) {
	id := identity(t, future, "shop.example", "*.shop.example")
	turns := record(t, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true, NextProtos: []string{"http/1.1"}},
		&tls.Config{ServerName: "shop.example", InsecureSkipVerify: true, Certificates: []tls.Certificate{id}, NextProtos: []string{"h2", "http/1.1"}})
	sum := sha1.Sum(id.Certificate[0])
	var print []string
	for _, c := range sum {
		print = append(print, fmt.Sprintf("%02x", c))
	}
	certificate := map[string][]string{"tls.certs": {string(id.Certificate[0])}, "tls.cert_chain_len": {"\x00\x00\x00\x01"}, "tls.cert_subject": {"C=DE, O=Shop, CN=shop.example"},
		"tls.cert_issuer": {"C=DE, O=Shop, CN=shop.example"}, "tls.cert_serial": {"0A:1B:2C"}, "tls.cert_fingerprint": {strings.Join(print, ":")}}
	var frames []uint64
	for _, cut := range []int{1400, 1, 7} {
		got := shown(t, cut, turns)
		// ClientHello, ServerHello, Certificate, ServerKeyExchange, the client's Certificate, ClientKeyExchange
		if len(got) != 6 {
			t.Fatalf("cut %d: shown %d times", cut, len(got))
		}
		want := func(i int, state byte, parts map[string][]string) {
			t.Helper()
			if s := got[i].Parts["tls.state"]; len(s) != 1 || s[0] != string([]byte{state}) {
				t.Errorf("cut %d: state %q of %d", cut, s, i)
			}
			for name, v := range parts {
				if !slices.Equal(got[i].Parts[name], v) {
					t.Errorf("cut %d: %s of %d is %q, want %q", cut, name, i, got[i].Parts[name], v)
				}
			}
		}
		want(0, 1, map[string][]string{"tls.sni": {"shop.example"}, "tls.alpn": {"h2", "http/1.1"}, "tls.version": {"\x03\x04"}, "tls.certs": nil})
		want(1, 3, map[string][]string{"tls.alpn": {"http/1.1"}, "tls.version": {"\x03\x03"}, "tls.sni": nil})
		want(2, 3, certificate)
		want(2, 3, map[string][]string{"tls.subjectaltname": {"shop.example", "*.shop.example", "192.0.2.1"}})
		want(3, 11, map[string][]string{"tls.certs": nil})
		want(4, 11, certificate)
		want(5, 15, nil)
		hello := got[0].Parts
		if r := hello["tls.random"]; len(r) != 1 || r[0] != hello["tls.random_time"][0]+hello["tls.random_bytes"][0] || !strings.Contains(string(turns[0].b), r[0]) {
			t.Errorf("cut %d: random %q", cut, r)
		}
		if len(hello["ja3.hash"][0]) != 32 || len(got[1].Parts["ja3s.hash"][0]) != 32 || !strings.HasPrefix(hello["ja4.hash"][0], "t1") {
			t.Errorf("cut %d: %v", cut, slices.Collect(maps.Keys(hello)))
		}
		var at []uint64
		for _, x := range got {
			analyzertest.ValidEVE(t, x.Record)
			if x.Tx != 0 {
				t.Errorf("cut %d: transaction %d", cut, x.Tx)
			}
			at = append(at, x.Frame)
		}
		if cut == 1400 {
			frames = at
		}
	}
	// each is shown when it is there, not when the handshake is over
	if frames[0] >= frames[1] || frames[2] >= frames[4] {
		t.Errorf("shown at frames %d", frames)
	}
	line := string(shown(t, 1400, turns)[5].Record.AppendEVE(nil, &event.EVE{Version: 8}))
	for _, want := range []string{`"tls":{"subject":"C=DE, O=Shop, CN=shop.example"`, `"client":{"subject":"C=DE, O=Shop, CN=shop.example"`, `"sni":"shop.example"`, `"version":"TLS 1.2"`} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
	}
}

// A client of old may begin with the hello of SSL 2.0.
func TestSSLv2Hello(t *testing.T) {
	hello := "\x80\x2f\x01\x03\x01\x00\x06\x00\x10\x00\x10" + "\x00\x00\x2f\x07\x00\xc0" + strings.Repeat("s", 16) + strings.Repeat("c", 16)
	hello = hello[:1] + string([]byte{byte(len(hello) - 2)}) + hello[2:]
	id := identity(t, future, "shop.example")
	turns := record(t, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS10, MinVersion: tls.VersionTLS10}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10})
	for _, cut := range []int{1400, 1, 5} {
		r := newRig(t)
		r.SayIn(up, hello, cut)
		for _, x := range turns[1:] {
			r.SayIn(x.d, string(x.b), cut)
		}
		all := r.end()
		if len(all) != 1 || words(all[0]) != " TLSv1, established, chain 1" || all[0].ClientVersion != VersionTLS10 || !slices.Equal(all[0].Ciphers, []uint16{0x2f}) {
			t.Fatalf("cut %d: %+v", cut, all)
		}
		analyzertest.ValidEVE(t, all[0])
	}
	for i, b := range []byte{0x80, byte(len(hello) - 3), 1, 3, 1, 0, 5, 0, 17, 0, 40} { // one number wrong at a time
		if bad := []byte(hello); b != bad[i] {
			bad[i] = b
			if probe(up, bad) != analyzer.No {
				t.Errorf("byte %d as %d is a hello", i, b)
			}
		}
	}
	if probe(up, []byte(hello[:10])) != analyzer.More || probe(up, []byte(hello)) != analyzer.Yes {
		t.Error("the hello is not known")
	}
}

// A client that is never answered has a record of what it offered.
func TestHelloAlone(t *testing.T) {
	turns := record(t, &tls.Config{}, &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	r := newRig(t)
	r.SayIn(up, string(turns[0].b), 1400)
	all := r.end()
	analyzertest.ValidEVE(t, all[0])
	if line := string(all[0].AppendEVE(nil, &event.EVE{Version: 8})); !strings.Contains(line, `"sni":"shop.example","version":"TLS 1.2"`) {
		t.Error(line)
	}
	if n := versionName(0x7f12); n != "TLS 1.3 draft-18" {
		t.Error(n)
	}
}
