package tls

import (
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func list(vs ...uint16) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func sized(n int, b []byte) []byte {
	out := make([]byte, n, n+len(b))
	for i := range n {
		out[n-1-i] = byte(len(b) >> (8 * i))
	}
	return append(out, b...)
}

func ext(typ uint16, b []byte) []byte { return append(list(typ), sized(2, b)...) }

// hello makes a ClientHello.
func hello(version uint16, suites []uint16, exts ...[]byte) []byte {
	b := append(list(version), make([]byte, 32)...)
	b = append(b, 0)
	b = append(b, sized(2, list(suites...))...)
	b = append(b, 1, 0)
	if len(exts) > 0 {
		b = append(b, sized(2, bytes.Join(exts, nil))...)
	}
	return b
}

// The first two are the published examples of JA3, the third that of JA4 (a Chrome browser), each with the values that
// its text lists.
func TestPublishedFingerprints(t *testing.T) {
	ja3 := func(b []byte) string {
		var h ClientHello
		if !h.Parse(b) {
			t.Fatal("refused")
		}
		text := appendJA3(nil, &h)
		sum := md5.Sum(text)
		return string(text) + " " + hex.EncodeToString(sum[:])
	}
	got := ja3(hello(769, []uint16{0x0a0a, 47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4}, ext(0x1a1a, nil), ext(0, sized(2, append([]byte{0}, sized(2, []byte("a"))...))), ext(10, sized(2, list(0x2a2a, 23, 24, 25))), ext(11, []byte{1, 0})))
	if want := "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0 ada70206e40642a3e4461f35503241d5"; got != want {
		t.Errorf("%s", got)
	}
	got = ja3(hello(769, []uint16{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}))
	if want := "769,4-5-10-9-100-98-3-6-19-18-99,,, de350869b8c85de67a350c8d186f11e6"; got != want {
		t.Errorf("%s", got)
	}
	var exts [][]byte
	for _, e := range []uint16{0x0a0a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015} {
		switch e {
		case extALPN:
			exts = append(exts, ext(e, sized(2, append(sized(1, []byte("h2")), sized(1, []byte("http/1.1"))...))))
		case extSupportedVersions:
			exts = append(exts, ext(e, sized(1, list(0x3a3a, VersionTLS13, VersionTLS12))))
		case extSignatureAlgs:
			exts = append(exts, ext(e, sized(2, list(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601))))
		default:
			exts = append(exts, ext(e, nil))
		}
	}
	var h ClientHello
	h.Parse(hello(VersionTLS12, []uint16{0x4a4a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035}, exts...))
	ja4, _, _ := appendJA4(nil, &h, nil, nil)
	if want := "t13d1516h2_8daaf6152771_e5627efa2ab1"; string(ja4) != want {
		t.Errorf("%s, want %s", ja4, want)
	}
}

func TestJA4Parts(t *testing.T) {
	for _, tc := range []struct {
		in   []byte
		want string
	}{
		{hello(VersionTLS10, []uint16{5}), "t10i010000_"},
		{hello(VersionSSL30, nil), "ts3i000000_000000000000_000000000000"},
		{hello(0x0999, []uint16{5}, ext(extALPN, sized(2, sized(1, []byte{0xab, 0xcd})))), "t00i0101ad_"},
		{hello(VersionTLS12, []uint16{5}, ext(extALPN, sized(2, sized(1, []byte("h"))))), "t12i0101hh_"},
		{hello(VersionTLS12, []uint16{5}, ext(extSupportedVersions, sized(1, list(0x7a7a, VersionTLS11, VersionTLS13)))), "t13i010100_"},
	} {
		var h ClientHello
		h.Parse(tc.in)
		if got, _, _ := appendJA4(nil, &h, nil, nil); !strings.HasPrefix(string(got), tc.want) {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}

func TestProbe(t *testing.T) {
	for _, tc := range []struct {
		d    packet.Dir
		in   string
		want analyzer.Answer
	}{
		{up, "\x16\x03\x01\x02\x00\x01", analyzer.Yes}, {up, "\x16\x03\x01\x02\x00", analyzer.More}, {up, "\x16\x03\x01\x02\x00\x02", analyzer.No},
		{up, "\x16\x02", analyzer.No}, {up, "\x16\x03\x05", analyzer.No}, {up, "\x16\x03\x01\xff", analyzer.No}, {up, "\x15\x03\x01\x00\x02\x02", analyzer.No}, {up, "GET /", analyzer.No},
		{down, "\x16\x03\x03\x00\x50\x02", analyzer.Yes}, {down, "\x15\x03\x01\x00\x02\x02\x46", analyzer.Yes}, {down, "\x15\x03\x01\x00\x03", analyzer.No}, {down, "\x15\x03\x01", analyzer.More}, {down, "220 ", analyzer.No},
		{up, "", analyzer.More},
	} {
		if got := probe(tc.d, []byte(tc.in)); got != tc.want {
			t.Errorf("%s %q: %d, want %d", tc.d, tc.in, got, tc.want)
		}
	}
}

func TestDates(t *testing.T) {
	for _, tc := range []struct {
		tag  byte
		in   string
		want int64
	}{
		{tagUTCTime, "700101000000Z", 0}, {tagUTCTime, "240229120000Z", 1709208000}, {tagUTCTime, "500101000000Z", -631152000}, {tagUTCTime, "2402291200Z", 1709208000},
		{tagGeneralizedTime, "20510607080910Z", 2569738150}, {tagGeneralizedTime, "2051", 0}, {tagUTCTime, "24xx29120000Z", 0}, {tagInteger, "240229120000Z", 0}, {tagUTCTime, "241329120000Z", 0},
	} {
		got := date(tc.tag, []byte(tc.in))
		if got != tc.want {
			t.Errorf("%s: %d, want %d", tc.in, got, tc.want)
		}
	}
}

func TestNamesOfCertificates(t *testing.T) {
	name := func(oid string, tag byte, v string) []byte {
		wrap := func(tag byte, b []byte) []byte { return append([]byte{tag, byte(len(b))}, b...) }
		return wrap(tagSet, wrap(tagSequence, append(wrap(tagOID, []byte(oid)), wrap(tag, []byte(v))...)))
	}
	all := append(append(name("\x55\x04\x06", 0x13, "DE"), name("\x55\x04\x03", 0x1e, "\x00a\x00b")...), name("\x2a\x86\x48\x01", 0x0c, "x")...)
	if got := string(appendName(nil, all, 100)); got != "C=DE, CN=ab, 1.2.840.1=x" {
		t.Errorf("%q", got)
	}
	if got := string(appendName([]byte("x"), all, 7)); got != "xC=DE, C" {
		t.Errorf("%q", got)
	}
}

func sample(t testing.TB) *Handshake {
	id := identity(t, future, "shop.example", "b.example")
	r := newRig(t)
	for _, x := range record(t, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}, &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}) {
		r.SayIn(x.d, string(x.b), 1000)
	}
	return r.end()[0]
}

func TestAppendEVE(t *testing.T) {
	c := &event.EVE{Version: 8, File: func(uint16) string { return "a.pcap" }}
	schema, err := jsonschema.NewCompiler().Compile("../../output/eve/testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(line string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}
	h := sample(t)
	line := string(h.AppendEVE(nil, c))
	for _, part := range []string{`"subject":"C=DE, O=Shop, CN=shop.example"`, `"serial":"0A:1B:2C"`, `"sni":"shop.example","version":"TLS 1.2"`, `"notbefore":"2020-01-02T03:04:05"`, `"notafter":"2049-01-01T00:00:00"`,
		`"subjectaltname":["shop.example","b.example","192.0.2.1"]`, `"client_alpns":["h2","http/1.1"],"server_alpn":"h2"`, `"ja3":{"hash":"`, `"ja4":"t1`} {
		if !strings.Contains(line, part) {
			t.Errorf("no %s in %s", part, line)
		}
	}
	if err := valid(line); err != nil {
		t.Errorf("%v\n%s", err, line)
	}
	if bad := strings.Replace(line, `"tls":{`, `"tls":{"x":1,`, 1); valid(bad) == nil {
		t.Errorf("the schema lets through: %s", bad)
	}
	if got := string((&Handshake{head: h.head}).AppendEVE(nil, c)); got != "" {
		t.Errorf("%s", got)
	}
	bare := &Handshake{head: h.head, Answer: packet.Ref{Frame: 1}, Version: 0x0999, Resumed: true}
	if err := valid(string(bare.AppendEVE(nil, c))); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { buf = h.AppendEVE(buf[:0], c) }); n > 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func TestNames(t *testing.T) {
	h := sample(t)
	for _, tc := range []struct {
		change func(*Handshake)
		want   string
	}{
		{func(*Handshake) {}, "shop.example"},
		{func(h *Handshake) { h.SNI = "A.example" }, "a.example"},
		{func(h *Handshake) { h.SNI = "192.0.2.1" }, ""},
		{func(h *Handshake) { h.Answer = packet.Ref{} }, ""},
		{func(h *Handshake) { h.Alert[down] = Alert{Ref: packet.Ref{Frame: 1}, Description: 112} }, ""},
	} {
		x := *h
		tc.change(&x)
		got := ""
		x.EachName(func(n event.Name) { got = n.Name })
		if got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
	if AlertName(70) != "protocol_version (70)" || AlertName(200) != "alert (200)" || CipherName(0x1301) != "AES_128_GCM_SHA256" || CipherName(0xfafa) != "0xfafa" || GroupName(29) != "x25519" || GroupName(9) != "group 9" ||
		VersionName(VersionTLS10) != "TLS 1.0" || VersionName(VersionTLS13) != "TLS 1.3" || VersionName(1) != "version 0x1" {
		t.Error("names")
	}
}

// A chain that is too long to keep: its first certificate is read all the same.
func TestLongMessages(t *testing.T) {
	id := identity(t, future, "shop.example")
	der := id.Certificate[0]
	chain := append(sized(3, der), sized(3, make([]byte, 100_000))...)
	msg := append([]byte{msgCertificate}, sized(3, sized(3, chain))...)
	done := append([]byte{14}, sized(3, nil)...)
	sh := append([]byte{msgServerHello}, sized(3, append(append(list(VersionTLS12), make([]byte, 33)...), 0xc0, 0x2f, 0))...)
	var all []byte
	for b := append(append(append([]byte(nil), sh...), msg...), done...); len(b) > 0; {
		n := min(len(b), 1<<14)
		all = append(all, typeHandshake, 3, 3)
		all = append(all, sized(2, b[:n])...)
		b = b[n:]
	}
	r := newRig(t)
	ch := append([]byte{msgClientHello}, sized(3, hello(VersionTLS12, []uint16{0xc02f}))...)
	r.SayIn(up, string(append([]byte{typeHandshake, 3, 1}, sized(2, ch)...)), 999)
	r.SayIn(down, string(all), 1400)
	r.SayIn(down, "\x15\x03\x03\x00\x02\x02\x28", 999)
	h := r.end()[0]
	if !strings.Contains(h.Subject, "CN=shop.example") || h.Alert[down].Description != 40 || h.Gap {
		t.Errorf("%s %q", words(h), h.Subject)
	}
}

func seedTalks(f *testing.F) {
	id := identity(f, future, "shop.example")
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var a, b []byte
		for _, x := range record(f, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: v}, &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true}) {
			if x.d == up {
				a = append(a, x.b...)
			} else {
				b = append(b, x.b...)
			}
		}
		f.Add(a[:min(len(a), 2000)], b[:min(len(b), 2000)], uint8(3), uint8(0))
	}
	f.Add([]byte("\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"), []byte("220 hello\r\n"), uint8(1), uint8(220))
	f.Add([]byte("\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"), []byte("\x15\x03\x01\x00\x02\x02\x46"), uint8(1), uint8(0))
}

// FuzzConn gives any bytes in both directions, cut in two ways: nothing panics, and both ways give the same.
func FuzzConn(f *testing.F) {
	seedTalks(f)
	f.Fuzz(func(t *testing.T, client, server []byte, cut, hole uint8) {
		if len(client)+len(server) > 4096 {
			return
		}
		play := func(cut int) string {
			r := newRig(t)
			r.Pace(0)
			a, b := client, server
			for len(a)+len(b) > 0 {
				n := min(len(a), 600)
				r.SayIn(up, string(a[:n]), cut)
				a = a[n:]
				if hole > 200 && len(a) > 0 {
					r.Lose(up, int(hole))
				}
				n = min(len(b), 600)
				r.SayIn(down, string(b[:n]), cut)
				b = b[n:]
			}
			var s strings.Builder
			for _, h := range r.end() {
				h.head = event.Head{}
				fmt.Fprintln(&s, words(h), h.JA3, h.JA4, h.Subject, h.Issuer, h.SANs, h.Ciphers, h.Versions, h.Groups, h.ALPN, h.ServerALPN, h.Fingerprint, h.NotAfter)
			}
			return s.String()
		}
		if a, b := play(600), play(int(cut)%599+1); a != b {
			t.Errorf("the cut changes it:\n%s\n%s", a, b)
		}
	})
}

// FuzzParse reads any message and certificate.
func FuzzParse(f *testing.F) {
	f.Add(hello(VersionTLS12, []uint16{5}, ext(extALPN, sized(2, sized(1, []byte("h2"))))))
	f.Add(identity(f, future, "shop.example").Certificate[0])
	f.Fuzz(func(t *testing.T, b []byte) {
		var ch ClientHello
		ch.Parse(b)
		var sh ServerHello
		sh.Parse(b)
		var c Certificate
		c.Parse(b)
		if n := len(appendName(nil, c.Subject, 64)); n > 64 {
			t.Errorf("%d bytes of a name", n)
		}
		altNames(c.SANs, func(byte, []byte) {})
		certificates(b, func(int, []byte) {})
		appendJA3S(appendJA3(nil, &ch), &sh)
		appendJA4(nil, &ch, nil, nil)
		for d := range packet.Dir(2) { // a probe does not change its mind
			last := analyzer.More
			for n := 0; n <= min(len(b), 10); n++ {
				a := probe(d, b[:n])
				if last != analyzer.More && a != last {
					t.Errorf("%d becomes %d", last, a)
				}
				last = a
			}
		}
	})
}

// grab runs a function within a call of the dispatcher, where a Context is valid.
type grab struct{ run func(*analyzer.Context) }

func (g *grab) Message(c *analyzer.Context, _ packet.Dir, _ []byte) { g.run(c) }
func (g *grab) Close(*analyzer.Context, event.EndReason)            {}
func (g *grab) Reset()                                              {}

// within runs f with an analyzer and a Context.
func within(t testing.TB, f func(rig, analyzer.StreamAnalyzer, *analyzer.Context)) {
	g := &grab{}
	r := newRig(t, analyzer.Def{Name: "grab", Over: []analyzer.Transport{analyzer.UDP}, Kinds: []string{"grab"},
		Probe:   func(packet.Dir, []byte) analyzer.Answer { return analyzer.Yes },
		Message: func(analyzer.Options) (analyzer.MessageAnalyzer, error) { return g, nil }})
	a, err := Def.Stream(analyzer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.(*conn).kind = event.FirstAnalyzerKind
	g.run = func(c *analyzer.Context) { f(r, a, c) }
	r.Datagram()
}

func feed(a analyzer.StreamAnalyzer, c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 {
		n := min(1448, len(b))
		a.Data(c, d, b[:n])
		b = b[n:]
	}
}

func BenchmarkConn(b *testing.B) {
	id := identity(b, future, "shop.example")
	turns := record(b, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS12}, &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true})
	n := 0
	for _, x := range turns {
		n += len(x.b)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	within(b, func(r rig, a analyzer.StreamAnalyzer, c *analyzer.Context) {
		b.ResetTimer()
		for range b.N {
			for _, x := range turns {
				feed(a, c, x.d, x.b)
			}
			r.Out = r.Out[:0]
			a.Reset()
		}
	})
}

// A handshake costs three allocations at most, its packets none.
func TestAllocations(t *testing.T) {
	id := identity(t, future, "shop.example")
	turns := record(t, &tls.Config{Certificates: []tls.Certificate{id}, MaxVersion: tls.VersionTLS12}, &tls.Config{ServerName: "shop.example", InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	within(t, func(r rig, a analyzer.StreamAnalyzer, c *analyzer.Context) {
		n := testing.AllocsPerRun(50, func() {
			for _, x := range turns {
				feed(a, c, x.d, x.b)
			}
			if len(r.Out) != 1 {
				t.Fatalf("%d events", len(r.Out))
			}
			r.Out = r.Out[:0]
			a.Reset()
		})
		if n > 3 {
			t.Errorf("%v allocations", n)
		}
	})
}

// GREASE means nothing (RFC 8701): lists do not hold it.
func TestGreaseIsNoOffer(t *testing.T) {
	ch := append([]byte{msgClientHello}, sized(3, hello(VersionTLS12, []uint16{0x0a0a, 0xc02f}, ext(extSupportedVersions, sized(1, list(0x3a3a, VersionTLS13))), ext(extSupportedGroups, sized(2, list(0x4a4a, 29)))))...)
	r := newRig(t)
	r.SayIn(up, string(append([]byte{typeHandshake, 3, 1}, sized(2, ch)...)), 999)
	h := r.end()[0]
	if fmt.Sprint(h.Versions, h.Ciphers, h.Groups) != "[772] [49199] [29]" || h.ClientVersion != VersionTLS13 {
		t.Errorf("%v %v %v %d", h.Versions, h.Ciphers, h.Groups, h.ClientVersion)
	}
}
