package snmp

import (
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

func vars(oids ...string) string {
	var all string
	for _, o := range oids {
		all += el(0x30, el(6, o), el(5))
	}
	return el(0x30, all)
}

func two(community string, pdu byte, status string, oids ...string) string {
	return el(0x30, el(2, "\x01"), el(4, community), el(0xa0|pdu, el(2, "\xff\x01\x02\x03"), el(2, status), el(2, "\x00"), vars(oids...)))
}

func three(flags string, data string) string {
	return el(0x30, el(2, "\x03"), el(0x30, el(2, "\x01"), el(2, "\x05\xdc"), el(4, flags), el(2, "\x03")),
		el(4, el(0x30, el(4, "engine"), el(2, "\x01"), el(2, "\x02"), el(4, "admin"), el(4, ""), el(4, ""))), data)
}

var (
	get     = two("public", 0, "\x00", "\x2b\x06\x01\x02\x01", "\x01")
	failed  = two("public", 2, "\x02", "\x2b\x06\x01")
	bulk    = two("public", 5, "\x0a", "\x2b\x06\x01")
	trap    = el(0x30, el(2, "\x00"), el(4, "x"), el(0xa4, el(6, "\x2b\x06\x01\x04\x01\x04\x01\x02\x15"), el(0x40, "\x7f\x00\x00\x01"), el(2, "\x06"), el(2, "\x01"), el(0x43, "\x07"), vars("\x2b\x06")))
	report  = three("\x04", el(0x30, el(4, "engine"), el(4, ""), el(0xa8, el(2, "\x01"), el(2, "\x00"), el(2, "\x00"), vars("\x2b"))))
	hidden  = three("\x03", el(4, "\x9a\x31"))
	strange = el(0x30, el(2, "\x02"), el(4, "x"))
)

func send(b string) []byte {
	return packettest.UDP{Src: "10.0.0.1:40000", Dst: "10.0.0.2:161", Payload: b}.Frame()
}

func TestMessages(t *testing.T) {
	var frames [][]byte
	all := []string{get, failed, bulk, trap, report, hidden}
	for _, m := range all {
		frames = append(frames, send(m))
	}
	got := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames...))
	if len(got) != len(all) {
		t.Fatalf("%d events", len(got))
	}
	for i, want := range []string{`"tx_id":0,"snmp":{"version":2,"pdu_type":"get_request","vars":["1.3.6.1.2.1","0.1"],"community":"public"}`,
		`"snmp":{"version":2,"pdu_type":"response","error":"NoSuchName","vars":["1.3.6.1"],"community":"public"}`,
		`"snmp":{"version":2,"pdu_type":"get_bulk_request","vars":["1.3.6.1"],"community":"public"}`,
		`"snmp":{"version":1,"pdu_type":"trap_v1","trap_type":"EnterpriseSpecific","trap_oid":"1.3.6.1.4.1.4.1.2.21","trap_address":"127.0.0.1","vars":["1.3.6"]}`,
		`"snmp":{"version":3,"pdu_type":"report","vars":["1.3"],"usm":"admin"}`, `"tx_id":5,"snmp":{"version":3,"pdu_type":"encrypted","usm":"admin"}`} {
		if line := string(got[i].AppendEVE(nil, &event.EVE{Version: 8})); !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
		analyzertest.ValidEVE(t, got[i])
	}
	if e := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}, Wanted: func(string) bool { return false }}, send(get))); len(e) != 0 {
		t.Error("nobody wants it")
	}
}

func TestParts(t *testing.T) {
	got := analyzertest.Show(t, []analyzer.Def{Def}, send(get), send(hidden))
	if len(got) != 2 || !slices.Equal(got[0].Parts["snmp.community"], []string{"public"}) || got[0].Parts["snmp.pdu_type"][0] != "\x00\x00\x00\x00" || got[0].Parts["snmp.version"][0] != "\x00\x00\x00\x02" {
		t.Fatalf("%+v", got)
	}
	if x := got[1].Parts; !slices.Equal(x["snmp.usm"], []string{"admin"}) || x["snmp.pdu_type"] != nil || x["snmp.community"] != nil || got[1].Tx != 1 {
		t.Errorf("%+v", got[1])
	}
	for _, x := range got {
		analyzertest.ValidEVE(t, x.Record)
	}
}

// TestOdd: a security model that nobody knows, and a version that changes.
func TestOdd(t *testing.T) {
	other := strings.Replace(hidden, "\x02\x01\x03\x04", "\x02\x01\x09\x04", 1)
	if other == hidden {
		t.Fatal("the model was not replaced")
	}
	for _, c := range []struct {
		said []string
		want string
	}{{[]string{get, get}, ""}, {[]string{hidden}, ""}, {[]string{other}, "unknown_security_model"}, {[]string{get, trap}, "version_mismatch"}, {[]string{get, other}, "unknown_security_model version_mismatch"}} {
		var frames [][]byte
		for _, m := range c.said {
			frames = append(frames, send(m))
		}
		var got []string
		for _, x := range analyzertest.Show(t, []analyzer.Def{Def}, frames...) {
			got = append(got, x.Events...)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestOtherThings(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = "\x2b\x06"
	}
	if m, ok := Parse([]byte(two("c", 0, "\x00", many...))); !ok || len(m.Vars) != maxVars {
		t.Errorf("%d variables are kept", len(m.Vars))
	}
	if m, ok := Parse([]byte(two(strings.Repeat("c", 300), 0, "\x00"))); !ok || len(m.Community) != maxText {
		t.Errorf("%d bytes are kept", len(m.Community))
	}
	for name, b := range map[string]string{"version 2": strange, "more behind it": get + "x", "cut": get[:len(get)-1], "PDU 9": two("c", 9, "\x00"), "empty": "", "text": "GET / HTTP/1.1\r\n",
		"negative error": two("c", 0, "\xff"), "no variables": el(0x30, el(2, "\x01"), el(4, "c"), el(0xa0, el(2, "\x01"), el(2, "\x00"), el(2, "\x00")))} {
		if probe(packet.ToServer, []byte(b)) != analyzer.No {
			t.Errorf("%s is taken for SNMP", name)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, []byte(bulk), func(m []byte) bool { _, ok := Parse(m); return ok })
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{get, failed, bulk, trap, report, hidden, strange} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := Parse(b)
		if len(m.Vars) > maxVars || len(m.Community) > maxText || len(m.User) > maxText {
			t.Fatal("more is kept than may be")
		}
		if !ok {
			return
		}
		e := &Event{Message: m}
		e.EachBuffer(func(string, []byte) {})
		e.AppendEVE(nil, &event.EVE{})
	})
}
