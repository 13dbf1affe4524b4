package krb5

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// el writes an element.
func el(tag byte, parts ...string) string {
	v := strings.Join(parts, "")
	if len(v) < 0x80 {
		return string([]byte{tag, byte(len(v))}) + v
	}
	return string([]byte{tag, 0x82, byte(len(v) >> 8), byte(len(v))}) + v
}

func integer(tag byte, v string) string { return el(tag, el(2, v)) }
func str(tag byte, v string) string     { return el(tag, el(0x1b, v)) }

func principal(tag byte, parts ...string) string {
	var all string
	for _, p := range parts {
		all += el(0x1b, p)
	}
	return el(tag, el(0x30, integer(0xa0, "\x01"), el(0xa1, el(0x30, all))))
}

func sealed(tag byte, etype string) string {
	return el(tag, el(0x30, integer(0xa0, etype), el(0xa2, el(4, strings.Repeat("e", 200)))))
}

func asReq(typ byte) string {
	return el(0x60|typ, el(0x30, integer(0xa1, "\x05"), integer(0xa2, string(typ)), el(0xa4, el(0x30, el(0xa0, el(3, "\x00\x40\x81\x00\x10")),
		principal(0xa1, "testuser"), str(0xa2, "DEMO.LOCAL"), principal(0xa3, "krbtgt", "DEMO.LOCAL"), el(0xa8, el(0x30, el(2, "\x12")))))))
}

func asRep(typ byte, etype string) string {
	ticket := el(0x61, el(0x30, integer(0xa0, "\x05"), str(0xa1, "DEMO.LOCAL"), principal(0xa2, "http", "www"), sealed(0xa3, "\x12")))
	return el(0x60|typ, el(0x30, integer(0xa0, "\x05"), integer(0xa1, string(typ)), str(0xa3, "DEMO.LOCAL"), principal(0xa4, "testuser"), el(0xa5, ticket), sealed(0xa6, etype)))
}

var refusal = el(0x7e, el(0x30, integer(0xa0, "\x05"), integer(0xa1, "\x1e"), el(0xa4, el(0x18, "20260101000000Z")), integer(0xa5, "\x01"), integer(0xa6, "\x19"),
	str(0xa9, "DEMO.LOCAL"), principal(0xaa, "krbtgt", "DEMO.LOCAL")))

func framed(ms ...string) (all string) {
	for _, m := range ms {
		all += string(binary.BigEndian.AppendUint32(nil, uint32(len(m)))) + m
	}
	return all
}

const (
	client = "10.0.0.1:40000"
	kdc    = "10.0.0.2:88"
)

var want = []string{
	`"tx_id":0,"krb5":{"msg_type":"KRB_AS_REQ","cname":"testuser","realm":"DEMO.LOCAL","sname":"krbtgt/DEMO.LOCAL","encryption":"<none>","weak_encryption":false}`,
	`"krb5":{"msg_type":"KRB_ERROR","error_code":"KDC_ERR_PREAUTH_REQUIRED","cname":"<empty>","realm":"DEMO.LOCAL","sname":"krbtgt/DEMO.LOCAL","encryption":"<none>","weak_encryption":false}`,
	`"krb5":{"msg_type":"KRB_TGS_REQ",`,
	`"tx_id":3,"krb5":{"msg_type":"KRB_TGS_REP","cname":"testuser","realm":"DEMO.LOCAL","sname":"http/www","encryption":"RC4_HMAC","weak_encryption":true,"ticket_encryption":"AES256_CTS_HMAC_SHA1_96","ticket_weak_encryption":false}`,
}

func check(t *testing.T, es []event.Event) {
	t.Helper()
	got := analyzertest.Of[*Event](es)
	if len(got) != len(want) {
		t.Fatalf("%d events", len(got))
	}
	for i, w := range want {
		if line := string(got[i].AppendEVE(nil, &event.EVE{Version: 8})); !strings.Contains(line, w) {
			t.Errorf("%s is not in %s", w, line)
		}
		analyzertest.ValidEVE(t, got[i])
	}
}

func udp(d packet.Dir, b string) []byte {
	p := packettest.UDP{Src: client, Dst: kdc, Payload: b}
	if d == packet.ToClient {
		p.Src, p.Dst = p.Dst, p.Src
	}
	return p.Frame()
}

func TestMessages(t *testing.T) {
	defs := analyzertest.Options{Defs: []analyzer.Def{Def}}
	check(t, analyzertest.Run(t, defs, udp(0, asReq(ASReq)), udp(1, refusal), udp(0, asReq(TGSReq)), udp(1, asRep(TGSRep, "\x17"))))
	for _, cut := range []int{1, 7, 4000} {
		check(t, analyzertest.Run(t, defs, analyzertest.Frames(cut, client, kdc, true, analyzertest.Turn{Dir: packet.ToServer, Data: framed(asReq(ASReq))},
			analyzertest.Turn{Dir: packet.ToClient, Data: framed(refusal)}, analyzertest.Turn{Dir: packet.ToServer, Data: framed(asReq(TGSReq))},
			analyzertest.Turn{Dir: packet.ToClient, Data: framed(asRep(TGSRep, "\x17"))})...))
	}
}

func TestParts(t *testing.T) {
	got := analyzertest.Show(t, []analyzer.Def{Def}, udp(0, asReq(ASReq)), udp(1, refusal), udp(1, asRep(ASRep, "\x12")))
	if len(got) != 3 || !slices.Equal(got[0].Parts["krb5.sname"], []string{"krbtgt", "DEMO.LOCAL"}) || !slices.Equal(got[0].Parts["krb5.cname"], []string{"testuser"}) ||
		got[0].Parts["krb5.msg_type"][0] != "\x00\x00\x00\x0a" || got[0].Parts["krb5.weak_encryption"] != nil {
		t.Fatalf("%+v", got)
	}
	if got[1].Parts["krb5.err_code"][0] != "\x00\x00\x00\x19" || got[2].Parts["krb5.weak_encryption"][0] != "\x00" || got[2].Parts["krb5.ticket_encryption"][0] != "\x00\x00\x00\x12" || got[2].Tx != 2 {
		t.Errorf("%+v", got)
	}
	for _, x := range got {
		analyzertest.ValidEVE(t, x.Record)
		if len(x.Events) != 0 {
			t.Errorf("odd: %v", x.Events)
		}
	}
	if weak := analyzertest.Show(t, []analyzer.Def{Def}, udp(1, asRep(TGSRep, "\x17"))); len(weak) != 1 || !slices.Equal(weak[0].Events, []string{"weak_encryption"}) {
		t.Errorf("%+v", weak)
	}
}

func TestOtherThings(t *testing.T) {
	req := asReq(ASReq)
	for name, c := range map[string]struct {
		b    string
		want analyzer.Answer
	}{"datagram": {req, analyzer.Yes}, "stream": {framed(req), analyzer.Yes}, "begin of a stream": {framed(req)[:20], analyzer.More}, "version 4": {strings.Replace(req, "\x02\x01\x05", "\x02\x01\x04", 1), analyzer.No},
		"another type": {strings.Replace(req, "\x02\x01\x0a", "\x02\x01\x0c", 1), analyzer.No}, "NetBIOS": {"\x00\x00\x00\x85\xffSMB", analyzer.No}, "text": {"GET / HTTP/1.1\r\n", analyzer.No}, "nothing": {"", analyzer.More}} {
		if got := probe(packet.ToServer, []byte(c.b)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if m, ok := Parse([]byte(el(0x6a, el(0x30, integer(0xa1, "\x05"), integer(0xa2, "\x0a"), el(0xa4, el(0x30, principal(0xa1, strings.Split(strings.Repeat("p/", 20), "/")...))))))); !ok || len(m.Client) != maxParts {
		t.Errorf("%d parts are kept", len(m.Client))
	}
	if e := etype(analyzer.DER(sealed(0xa6, "\xff\x7b")), 6); e != -133 {
		t.Errorf("a number of Windows: %d", e)
	}
}

// A message over TCP is kept as far as 128 KiB go; a longer one ends the reading of its side.
func TestBounded(t *testing.T) {
	huge := "\x00\x02\x00\x00" + asReq(ASReq)
	var s connection
	c := new(analyzer.Context)
	s.Data(c, 0, []byte(huge))
	if s.Held() > 4096 || s.sides[0].lost {
		t.Errorf("%d bytes are held", s.Held())
	}
	s.Reset()
	s.sides[1].lost = true
	s.Data(c, 0, []byte("\x00\x02\x00\x01"))
	if !s.sides[0].lost || s.Held() != 0 {
		t.Error("a longer one is waited for")
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, []byte(asReq(ASReq)), func(m []byte) bool { _, ok := Parse(m); return ok })
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{asReq(ASReq), asRep(ASRep, "\x11"), refusal, framed(asReq(TGSReq))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := probe(packet.ToServer, b)
		for n := range min(len(b), 64) { // what is settled stays so, for streams
			if b[0] == 0 {
				if a := probe(packet.ToServer, b[:n]); a != analyzer.More && a != whole {
					t.Fatalf("%v of %d bytes, then %v", a, n, whole)
				}
			}
		}
		m, ok := Parse(b)
		if len(m.Client) > maxParts || len(m.Realm) > maxName {
			t.Fatal("more is kept than may be")
		}
		if ok {
			e := &Event{Message: m}
			e.EachBuffer(func(string, []byte) {})
			e.AppendEVE(nil, &event.EVE{})
		}
	})
}
