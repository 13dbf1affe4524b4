package ldap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/analyzer/tls"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

const (
	up, down = packet.ToServer, packet.ToClient
	password = "Correct-Horse-9"
)

// el writes an element.
func el(tag byte, parts ...string) string {
	v := strings.Join(parts, "")
	switch {
	case len(v) < 0x80:
		return string([]byte{tag, byte(len(v))}) + v
	case len(v) < 0x10000:
		return string([]byte{tag, 0x82, byte(len(v) >> 8), byte(len(v))}) + v
	}
	return string([]byte{tag, 0x84, 0, byte(len(v) >> 16), byte(len(v) >> 8), byte(len(v))}) + v
}

// msg writes a message.
func msg(id byte, op string) string { return el(0x30, el(2, string([]byte{id})), op) }

func octets(s string) string { return el(4, s) }

// result writes an LDAPResult.
func result(tag byte, code byte, more ...string) string {
	return el(tag, append([]string{el(10, string([]byte{code})), octets(""), octets("")}, more...)...)
}

func attribute(typ string, values ...string) string {
	all := ""
	for _, v := range values {
		all += octets(v)
	}
	return el(0x30, octets(typ), el(0x31, all))
}

var (
	bind   = el(0x60, el(2, "\x03"), octets("cn=admin,dc=example,dc=com"), el(0x80, password))
	search = el(0x63, octets("dc=example,dc=com"), el(10, "\x02"), el(10, "\x00"), el(2, "\x03\xe8"), el(2, "\x1e"), el(1, "\x00"), el(0x87, "objectClass"), el(0x30, octets("*"), octets("+")))
	entry  = el(0x64, octets("dc=example,dc=com"), el(0x30, attribute("objectClass", "top", "domain"), attribute("userPassword", password), attribute("dc", "example")))
	modify = el(0x66, octets("uid=a"), el(0x30, el(0x30, el(10, "\x01"), attribute("givenName", "John")), el(0x30, el(10, "\x00"), attribute("unicodePwd", password)), el(0x30, el(10, "\x02"), attribute("cn", "J D"))))
	add    = el(0x68, octets("uid=b"), el(0x30, attribute("uid", "b"), attribute("userPassword;lang-en", password)))
	askTLS = el(0x77, el(0x80, oidStartTLS))
)

func frames(cut int, turns ...analyzertest.Turn) [][]byte {
	return analyzertest.Frames(cut, "10.0.0.1:40000", "10.0.0.2:389", true, turns...)
}

func turn(d packet.Dir, all ...string) analyzertest.Turn {
	return analyzertest.Turn{Dir: d, Data: strings.Join(all, "")}
}

func run(t testing.TB, frames ...[]byte) []*Event {
	return analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames...))
}

// said is what a record says of an exchange.
func said(e *Event) string { return string(e.appendObject(nil)) }

// TestExchanges: each operation with its answer, whatever the cut, and no password in any record.
func TestExchanges(t *testing.T) {
	var all []event.Event
	ok := `"result_code":"success","matched_dn":"","message":""}`
	for _, c := range []struct {
		name     string
		up, down string
		want     string
	}{
		{"bind", bind, result(0x61, 0), `"request":{"message_id":7,"operation":"bind_request","bind_request":{"version":3,"name":"cn=admin,dc=example,dc=com"}},"responses":[{"operation":"bind_response","bind_response":{` + ok + `}]`},
		{"SASL", el(0x60, el(2, "\x03"), octets(""), el(0xa3, octets("PLAIN"), octets("\x00admin\x00"+password))), result(0x61, 49),
			`"bind_request":{"version":3,"name":"","sasl":{"mechanism":"PLAIN"}}},"responses":[{"operation":"bind_response","bind_response":{"result_code":"invalid_credentials"`},
		{"unbind", el(0x42), "", `{"request":{"message_id":7,"operation":"unbind_request"}}`},
		{"search", search, entry + "", `"search_request":{"base_object":"dc=example,dc=com","scope":2,"deref_alias":0,"size_limit":1000,"time_limit":30,"types_only":false,"attributes":["*","+"]}},` +
			`"responses":[{"operation":"search_result_entry","search_result_entry":{"base_object":"dc=example,dc=com","attributes":[{"type":"objectClass","values":["top","domain"]},{"type":"userPassword"},{"type":"dc","values":["example"]}]}}]`},
		{"modify", modify, result(0x67, 0), `"modify_request":{"object":"uid=a","changes":[{"operation":"delete","modification":{"attribute_type":"givenName","attribute_values":["John"]}},` +
			`{"operation":"add","modification":{"attribute_type":"unicodePwd"}},{"operation":"replace","modification":{"attribute_type":"cn","attribute_values":["J D"]}}]}},"responses":[{"operation":"modify_response","modify_response":{` + ok},
		{"add", add, result(0x69, 68), `"add_request":{"entry":"uid=b","attributes":[{"name":"uid","values":["b"]},{"name":"userPassword;lang-en"}]}},"responses":[{"operation":"add_response","add_response":{"result_code":"entry_already_exists"`},
		{"delete", el(0x4a, "uid=c"), result(0x6b, 32), `"del_request":{"dn":"uid=c"}},"responses":[{"operation":"del_response","del_response":{"result_code":"no_such_object"`},
		{"modify DN", el(0x6c, octets("uid=d"), octets("uid=e"), el(1, "\xff"), el(0x80, "ou=x")), result(0x6d, 0), `"mod_dn_request":{"entry":"uid=d","new_rdn":"uid=e","delete_old_rdn":true,"new_superior":"ou=x"}},"responses":[{"operation":"mod_dn_response","mod_dn_response":{` + ok},
		{"compare", el(0x6e, octets("uid=d"), el(0x30, octets("cn"), octets("x"))), result(0x6f, 6), `"compare_request":{"entry":"uid=d","attribute_value_assertion":{"description":"cn","value":"x"}}},"responses":[{"operation":"compare_response","compare_response":{"result_code":"compare_true"`},
		{"compare a password", el(0x6e, octets("uid=d"), el(0x30, octets("userPassword"), octets(password))), result(0x6f, 6), `"attribute_value_assertion":{"description":"userPassword"}}}`},
		{"abandon", el(0x50, "\x05"), "", `"operation":"abandon_request","abandon_request":{"message_id":5}}}`},
		{"extended", el(0x77, el(0x80, "1.3.6.1.4.1.4203.1.11.3")), result(0x78, 0, el(0x8b, "dn:cn=admin")), `"extended_request":{"name":"1.3.6.1.4.1.4203.1.11.3"}},"responses":[{"operation":"extended_response","extended_response":{"result_code":"success","matched_dn":"","message":"","value":"dn:cn=admin"}}]`},
		{"change of a password", el(0x77, el(0x80, oidPasswordModify), el(0x81, el(0x30, el(0x81, password)))), result(0x78, 0, el(0x8b, el(0x30, el(0x80, password)))),
			`"extended_request":{"name":"1.3.6.1.4.1.4203.1.11.1"}},"responses":[{"operation":"extended_response","extended_response":{"result_code":"success","matched_dn":"","message":""}}]`},
		{"unknown result", bind, result(0x61, 99), `"result_code":"99"`},
	} {
		for _, cut := range []int{1, 7, 1400} {
			turns := []analyzertest.Turn{turn(up, msg(7, c.up))}
			if c.down != "" {
				turns = append(turns, turn(down, msg(7, c.down)))
			}
			got := run(t, frames(cut, turns...)...)
			if len(got) != 1 {
				t.Fatalf("%s, cut %d: %d events", c.name, cut, len(got))
			}
			line := string(got[0].AppendEVE(nil, &event.EVE{Version: 8}))
			if !strings.Contains(line, c.want) {
				t.Errorf("%s, cut %d: %s\nis not in %s", c.name, cut, c.want, line)
			}
			if s := fmt.Sprintf("%+v", got[0]); strings.Contains(line+s, password) {
				t.Errorf("%s: a password is kept: %s %s", c.name, line, s)
			}
			all = append(all, got[0])
		}
	}
	analyzertest.ValidEVE(t, all...)
}

// TestLogin: a password in clear that opened the door is a log-in in clear, nothing else is.
func TestLogin(t *testing.T) {
	for _, c := range []struct {
		name     string
		up, down string
		want     bool
	}{
		{"accepted", bind, result(0x61, 0), true},
		{"refused", bind, result(0x61, 49), false},
		{"no name", el(0x60, el(2, "\x03"), octets(""), el(0x80, password)), result(0x61, 0), false},
		{"no password", el(0x60, el(2, "\x03"), octets("cn=admin"), el(0x80, "")), result(0x61, 0), false},
		{"SASL", el(0x60, el(2, "\x03"), octets("cn=a"), el(0xa3, octets("EXTERNAL"))), result(0x61, 0), false},
		{"no answer", bind, "", false},
	} {
		turns := []analyzertest.Turn{turn(up, msg(1, c.up))}
		if c.down != "" {
			turns = append(turns, turn(down, msg(1, c.down)))
		}
		got := run(t, frames(1400, turns...)...)
		if len(got) != 1 {
			t.Fatalf("%s: %d events", c.name, len(got))
		}
		l, ok := got[0].Login()
		if ok != c.want || ok && (l.User != "cn=admin,dc=example,dc=com" || !l.Clear || l.Outcome != event.LoginAccepted || l.Secret.Frame != 4) {
			t.Errorf("%s: %v %+v", c.name, ok, l)
		}
	}
}

// TestInterleaved: exchanges are told apart by their IDs and come as they end; what a server says unasked is no answer.
func TestInterleaved(t *testing.T) {
	notice := msg(0, result(0x78, 52, el(0x8a, "1.3.6.1.4.1.1466.20036")))
	for _, cut := range []int{1, 9, 1400} {
		all := analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(cut, turn(up, msg(2, search), msg(3, search)), turn(down, msg(3, entry), msg(2, entry), msg(3, result(0x65, 0)), msg(2, result(0x65, 4))),
			turn(up, msg(4, search), msg(5, el(0x50, "\x04"))), turn(down, msg(4, entry), notice, msg(9, result(0x65, 0))))...)
		var out []string
		for _, e := range analyzertest.Of[*Event](all) {
			out = append(out, fmt.Sprintf("%d:%d:%d", e.Tx, e.id(), len(e.Responses)))
		}
		if s := strings.Join(out, " "); s != "1:3:2 0:2:2 3:5:0 4:0:1 5:9:1 2:4:1" {
			t.Errorf("cut %d: %s", cut, s)
		}
		var odd []string
		for _, e := range analyzertest.Of[*event.AppLayer](all) {
			odd = append(odd, e.Name)
		}
		if s := strings.Join(odd, " "); s != "request_not_found" {
			t.Errorf("cut %d: %s", cut, s)
		}
	}
}

// TestStartTLS: after a StartTLS that was accepted the rest is TLS, after one that was refused it is not.
func TestStartTLS(t *testing.T) {
	hello := "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"
	for _, c := range []struct {
		code byte
		more string
		want string
	}{{0, hello, "tls ldap"}, {2, msg(2, search), "ldap "}} {
		k := analyzertest.Dial(t, "10.0.0.2:389", 1400, nil, Def, tls.Def)
		k.Say(up, msg(1, askTLS)).Say(down, msg(1, result(0x78, c.code, el(0x8a, oidStartTLS)))).Say(up, c.more)
		events, app := k.End()
		got := analyzertest.Of[*Event](events)
		if len(got) == 0 || !strings.Contains(said(got[0]), `"extended_request":{"name":"1.3.6.1.4.1.1466.20037"}`) || !strings.HasPrefix(c.want, app) {
			t.Errorf("%d: %s, %d events", c.code, app, len(got))
		}
		if c.code != 0 && len(got) != 2 {
			t.Errorf("what came after a refusal is not read: %d", len(got))
		}
	}
}

// TestProtected: behind a bind of SASL a security layer may begin, of which nothing is said; elsewhere the same bytes are odd.
func TestProtected(t *testing.T) {
	sasl := el(0x60, el(2, "\x03"), octets(""), el(0xa3, octets("GSSAPI"), octets("token")))
	for _, c := range []struct {
		bind string
		odd  int
	}{{sasl, 0}, {bind, 1}} {
		all := analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(3, turn(up, msg(1, c.bind)), turn(down, msg(1, result(0x61, 14))), turn(up, msg(2, c.bind)), turn(down, msg(2, result(0x61, 0))),
			turn(up, "\x00\x00\x00\x0csealed-bytes"), turn(down, "\x00\x00\x00\x04more"))...)
		if got := analyzertest.Of[*event.AppLayer](all); len(got) != c.odd || c.odd > 0 && got[0].Name != "invalid_data" {
			t.Errorf("%d odd things", len(got))
		}
		if got := analyzertest.Of[*Event](all); len(got) != 2 {
			t.Errorf("%d events", len(got))
		}
	}
}

// TestDatagrams: the form of UDP, with two messages in the answer.
func TestDatagrams(t *testing.T) {
	q := packettest.UDP{Src: "10.0.0.1:40000", Dst: "10.0.0.2:389", Payload: msg(1, search)}.Frame()
	a := packettest.UDP{Src: "10.0.0.2:389", Dst: "10.0.0.1:40000", Payload: msg(1, entry) + msg(1, result(0x65, 0))}.Frame()
	bad := packettest.UDP{Src: "10.0.0.2:389", Dst: "10.0.0.1:40000", Payload: msg(1, entry)[:30]}.Frame()
	all := analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, q, a, bad)
	if got := analyzertest.Of[*Event](all); len(got) != 1 || len(got[0].Responses) != 2 || got[0].Count != 2 {
		t.Errorf("%+v", got)
	}
	if odd := analyzertest.Of[*event.AppLayer](all); len(odd) != 1 || odd[0].Name != "invalid_data" {
		t.Errorf("%+v", odd)
	}
}

// TestBounds: of a message that is long its begin is read and the next one is found; of many answers the first are kept and all
// are counted; requests without answers push the oldest out, which is said.
func TestBounds(t *testing.T) {
	photo := el(0x64, octets("uid=long"), el(0x30, attribute("cn", "x"), attribute("jpegPhoto", strings.Repeat("p", 3*maxMessage))))
	got := run(t, frames(1400, turn(up, msg(1, search)), turn(down, msg(1, photo), msg(1, result(0x65, 0))))...)
	if len(got) != 1 || len(got[0].Responses) != 2 || got[0].Responses[0].DN != "uid=long" || !got[0].Responses[0].Cut || len(got[0].Responses[0].Attributes[1].Values[0]) != maxText {
		t.Fatalf("%d: %.300s", len(got), said(got[0]))
	}
	var many strings.Builder
	for range maxResponses + 44 {
		many.WriteString(msg(1, el(0x64, octets("uid=x"), el(0x30))))
	}
	many.WriteString(msg(1, result(0x65, 0)))
	got = run(t, frames(1400, turn(up, msg(1, search)), turn(down, many.String()))...)
	if len(got) != 1 || got[0].Count != maxResponses+45 || len(got[0].Responses) > maxResponses+1 || got[0].Responses[len(got[0].Responses)-1].Op != SearchResultDone {
		t.Errorf("%d", len(got))
	}
	many.Reset()
	for range maxOpen + 3 {
		many.WriteString(msg(1, el(0x4a, "uid=x")))
	}
	all := analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(1400, turn(up, many.String()))...)
	if odd := analyzertest.Of[*event.AppLayer](all); len(odd) == 0 || odd[0].Name != "too_many_transactions" {
		t.Errorf("%d odd things", len(odd))
	}
	if got := analyzertest.Of[*Event](all); len(got) != maxOpen+3 {
		t.Errorf("%d events", len(got))
	}
}

// TestParts: what rules see.
func TestParts(t *testing.T) {
	got := analyzertest.Show(t, []analyzer.Def{Def}, frames(5, turn(up, msg(2, search)), turn(down, msg(2, entry), msg(2, result(0x65, 4))))...)
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	var records []event.Event
	for i, want := range []map[string][]string{
		{"ldap.request.operation": {"\x03"}, "ldap.request.dn": {"dc=example,dc=com"}, "ldap.request.attribute_type": {"*", "+"}},
		{"ldap.responses.count": {"\x00\x00\x00\x01"}, "ldap.responses.operation": {"\x00\x00\x00\x04"}, "ldap.responses.result_code": {"\xff\xff\xff\xff"}, "ldap.responses.dn": {"dc=example,dc=com"},
			"ldap.responses.message": {""}, "ldap.responses.attribute_type": {"objectClass", "userPassword", "dc"}},
		{"ldap.responses.count": {"\x00\x00\x00\x02"}, "ldap.responses.operation": {"\x00\x00\x00\x04\x00\x00\x00\x05"}, "ldap.responses.result_code": {"\xff\xff\xff\xff\x00\x00\x00\x04"}, "ldap.responses.dn": {"dc=example,dc=com", ""},
			"ldap.responses.message": {"", ""}, "ldap.responses.attribute_type": {"objectClass", "userPassword", "dc"}},
	} {
		for name, v := range want {
			if !slices.Equal(got[i].Parts[name], v) {
				t.Errorf("%d: %s is %q", i, name, got[i].Parts[name])
			}
		}
		if len(got[i].Parts) != len(want) {
			t.Errorf("%d: %v", i, got[i].Parts)
		}
		records = append(records, got[i].Record)
	}
	analyzertest.ValidEVE(t, records...)
}

func TestProbe(t *testing.T) {
	snmp := el(0x30, el(2, "\x00"), octets("public"), el(0xa0, el(2, "\x01")))
	snmp3 := el(0x30, el(2, "\x03"), el(0x30, el(2, "\x01")), octets(""))
	for _, c := range []struct {
		d    packet.Dir
		text string
		want analyzer.Answer
	}{
		{up, msg(1, bind), analyzer.Yes}, {down, msg(1, bind), analyzer.No}, {down, msg(1, result(0x61, 0)), analyzer.Yes}, {up, msg(1, result(0x61, 0)), analyzer.No},
		{up, msg(1, search), analyzer.Yes}, {up, msg(3, el(0x42)), analyzer.Yes}, {up, msg(6, el(0x50, "\x05")), analyzer.Yes}, {down, msg(1, entry), analyzer.Yes}, {up, msg(1, askTLS), analyzer.Yes},
		{up, "0\x84\x00\x00\x00\x10\x02\x01\x01`\x84\x00\x00\x00\x07\x02\x01\x03\x04\x00\x80\x00", analyzer.Yes}, // as Windows writes lengths
		{up, snmp, analyzer.No}, {up, snmp3, analyzer.No}, {up, "GET / HTTP/1.1\r\n", analyzer.No}, {up, "0123456789", analyzer.No}, {up, "0\x80\x02\x01", analyzer.No},
	} {
		if got := probe(c.d, []byte(c.text)); got != c.want {
			t.Errorf("%v %q: %v, want %v", c.d, c.text, got, c.want)
		}
		for n := range len(c.text) {
			if a := probe(c.d, []byte(c.text[:n])); a != analyzer.More && a != c.want {
				t.Errorf("%q: %v at %d bytes, then %v", c.text, a, n, c.want)
			}
		}
	}
}

// TestGap: behind a hole nothing is read, and nothing odd is said of it.
func TestGap(t *testing.T) {
	k := analyzertest.Dial(t, "10.0.0.2:389", 1400, nil, Def)
	k.Say(up, msg(1, search)).Say(down, msg(1, entry)).Lose(down, 20).Say(down, msg(1, result(0x65, 0)))
	events, _ := k.End()
	if got := analyzertest.Of[*Event](events); len(got) != 1 || len(got[0].Responses) != 1 {
		t.Errorf("%d", len(got))
	}
	if odd := analyzertest.Of[*event.AppLayer](events); len(odd) != 0 {
		t.Errorf("%+v", odd[0])
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte(msg(1, bind)+msg(1, result(0x61, 0))+msg(2, search)+msg(2, entry)+msg(2, result(0x65, 0))), []byte{57, 14, 200, 77, 255})
	f.Add([]byte(msg(1, modify)+msg(1, add)), []byte{3, 130})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		if len(data) > 4096 {
			return
		}
		for _, e := range analyzertest.Feed(t, Def, "10.0.0.2:389", data, cuts) {
			if x, ok := e.(*Event); ok && (len(x.Request.DN) > maxText || len(x.Responses) > maxResponses+1) {
				t.Errorf("%+v", x)
			}
		}
	})
}

func BenchmarkEntries(b *testing.B) {
	analyzertest.Measure(b, Def, "10.0.0.2:389", func(k *analyzertest.Talk) { k.Say(up, msg(1, search)) }, down, strings.Repeat(msg(1, entry), 500))
}
