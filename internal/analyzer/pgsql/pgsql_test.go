package pgsql

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/analyzer/tls"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	up, down = packet.ToServer, packet.ToClient
	server   = "10.0.0.2:5432"
	password = "Correct-Horse-9"
)

func u32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
func u16(n int) string { return string(binary.BigEndian.AppendUint16(nil, uint16(n))) }

// m writes a message with a type.
func m(typ byte, body ...string) string {
	b := strings.Join(body, "")
	return string([]byte{typ}) + u32(len(b)+4) + b
}

// bare writes a packet without one.
func bare(code int, body string) string { return u32(len(body)+8) + u32(code) + body }

// row writes a DataRow.
func row(values ...string) string {
	b := u16(len(values))
	for _, v := range values {
		b += u32(len(v)) + v
	}
	return m('D', b)
}

var (
	ssl     = bare(codeSSL, "")
	startup = bare(3<<16, "user\x00alice\x00database\x00shop\x00DateStyle\x00ISO\x00application_name\x00psql\x00\x00")
	ready   = m('Z', "I")
	welcome = m('R', u32(0)) + m('S', "server_version\x0015.3\x00") + m('S', "TimeZone\x00UTC\x00") + m('K', u32(781), u32(1234567)) + ready
	failure = m('E', "SERROR\x00VERROR\x00C42P01\x00Mno table\x00Dprivate\x00Fparse.c\x00L12\x00Rfind\x00\x00")
)

func turn(d packet.Dir, all ...string) analyzertest.Turn {
	return analyzertest.Turn{Dir: d, Data: strings.Join(all, "")}
}

func frames(cut int, turns ...analyzertest.Turn) [][]byte {
	return analyzertest.Frames(cut, "10.0.0.1:40000", server, true, turns...)
}

func said(e *Event) string { return string(e.appendObject(nil)) }

// TestExchanges: whole conversations, whatever the cut, and no password in any record.
func TestExchanges(t *testing.T) {
	in := []analyzertest.Turn{turn(up, startup), turn(down, welcome)}
	const first = `"pgsql":{"tx_id":1,"request":{"protocol_version":"3.0","startup_parameters":{"user":"alice","optional_parameters":[{"database":"shop"},{"date_style":"ISO"},{"application_name":"psql"}]}},"response":`
	const hello = `"message":"authentication_ok","parameter_status":[{"server_version":"15.3"},{"time_zone":"UTC"}],"process_id":781,"secret_key":1234567}}`
	var all []event.Event
	for _, c := range []struct {
		name  string
		turns []analyzertest.Turn
		want  []string
	}{
		{"trust", in, []string{first + `{` + hello}},
		{"no TLS, a password in clear", []analyzertest.Turn{turn(up, ssl), turn(down, "N"), turn(up, startup), turn(down, m('R', u32(3))), turn(up, m('p', password, "\x00")), turn(down, welcome), turn(up, m('X'))},
			[]string{`"pgsql":{"tx_id":1,"request":{"message":"SSL Request"},"response":{"ssl_accepted":false}}`, `"tx_id":2,"request":{"protocol_version"`, `"pgsql":{"tx_id":3,"request":{"password_redacted":true},"response":{` + hello,
				`"pgsql":{"tx_id":4,"request":{"message":"termination_message"}}`}},
		{"MD5, refused", []analyzertest.Turn{turn(up, startup), turn(down, m('R', u32(5), "Z\xdc\xfdf")), turn(up, m('p', "md5"+password, "\x00")), turn(down, failure)},
			[]string{first + `{"authentication_md5_password":"Z\\xdc\\xfdf"}}`, `"request":{"password_redacted":true},"response":{"severity_localizable":"ERROR","severity_non_localizable":"ERROR","code":"42P01","message":"no table","file":"parse.c","line":"12","routine":"find"}}`}},
		{"SCRAM", []analyzertest.Turn{turn(up, startup), turn(down, m('R', u32(10), "SCRAM-SHA-256\x00\x00")), turn(up, m('p', "SCRAM-SHA-256\x00", u32(8), "n,,n=,r=a")), turn(down, m('R', u32(11), "r=ab,s=salt,i=4096")),
			turn(up, m('p', "c=biws,r=ab,p=proof")), turn(down, m('R', u32(12), "v=signature"), welcome)},
			[]string{first + `{"message":"authentication_sasl"}}`, `"request":{"sasl_authentication_mechanism":"scram_SHA256","sasl_param":"n,,n=,r=a"},"response":{"message":"authentication_sasl_continue"}}`,
				`"request":{"sasl_response":"c=biws,r=ab,p=(hidden)"},"response":{"authentication_sasl_final":"v=(hidden)",` + hello}},
		{"another mechanism", []analyzertest.Turn{turn(up, startup), turn(down, m('R', u32(10), "OAUTHBEARER\x00\x00")), turn(up, m('p', "OAUTHBEARER\x00", u32(len(password)), password)), turn(down, welcome)},
			[]string{first, `"request":{"sasl_authentication_mechanism":"OAUTHBEARER"},"response":{` + hello}},
		{"queries", append(in[:2:2], turn(up, m('Q', "SELECT * FROM t;\x00")), turn(down, m('T', u16(2), "columns"), row("abc", "de"), row("f", ""), m('C', "SELECT 2\x00"), ready), turn(up, m('Q', "SELECT x\x00")), turn(down, failure, ready)),
			[]string{first, `"pgsql":{"tx_id":2,"request":{"simple_query":"SELECT * FROM t;"},"response":{"field_count":2,"data_rows":2,"data_size":6,"command_completed":"SELECT 2"}}`, `"request":{"simple_query":"SELECT x"},"response":{"severity_localizable":"ERROR"`}},
		{"two in flight", append(in[:2:2], turn(up, m('Q', "BEGIN\x00"), m('Q', "COMMIT\x00")), turn(down, m('C', "BEGIN\x00"), ready, m('N', "SNOTICE\x00Msoon\x00\x00"), m('C', "COMMIT\x00"), ready)),
			[]string{first, `"request":{"simple_query":"BEGIN"},"response":{"command_completed":"BEGIN"}}`, `"request":{"simple_query":"COMMIT"},"response":{"severity_localizable":"NOTICE","message":"soon","command_completed":"COMMIT"}}`}},
		{"the extended query has no record", append(in[:2:2], turn(up, m('P', "\x00SELECT 1\x00\x00\x00"), m('B', "\x00\x00"), m('E', "\x00\x00\x00\x00\x00"), m('S'), m('Q', "BEGIN\x00")),
			turn(down, m('1'), m('2'), row("1"), m('C', "SELECT 1\x00"), ready, m('C', "BEGIN\x00"), ready), turn(up, m('X'))),
			[]string{first, `"pgsql":{"tx_id":2,"request":{"simple_query":"BEGIN"},"response":{"command_completed":"BEGIN"}}`, `"pgsql":{"tx_id":3,"request":{"message":"termination_message"}}`}},
		{"copies", append(in[:2:2], turn(up, m('Q', "COPY t TO STDOUT\x00")), turn(down, m('H', "\x00", u16(3)), m('d', "1\t2\t3\n"), m('d', "4\t5\t6\n"), m('c'), m('C', "COPY 2\x00"), ready),
			turn(up, m('Q', "COPY t FROM STDIN\x00")), turn(down, m('G', "\x00", u16(3))), turn(up, m('d', "1\t2\t3\n4\t5\t6\n"), m('c')), turn(down, m('C', "COPY 2\x00"), ready)),
			[]string{first, `"response":{"copy_out_response":{"columns":3},"copy_data_out":{"row_count":2,"data_size":12},"command_completed":"COPY 2"}}`, `"request":{"simple_query":"COPY t FROM STDIN"},"response":{"copy_in_response":{"columns":3}}}`,
				`"pgsql":{"tx_id":4,"request":{"copy_data_in":{"msg_count":1,"data_size":12}},"response":{"command_completed":"COPY 2"}}`}},
		{"cancel", []analyzertest.Turn{turn(up, bare(codeCancel, u32(781)+u32(99)))}, []string{`"pgsql":{"tx_id":1,"request":{"message":"cancel_request","process_id":781,"secret_key":99}}`}},
		{"no answer", append(in[:2:2], turn(up, m('Q', "SELECT pg_sleep(9)\x00"))), []string{first, `"pgsql":{"tx_id":2,"request":{"simple_query":"SELECT pg_sleep(9)"}}`}},
		{"the server goes", append(in[:2:2], turn(down, m('E', "SFATAL\x00VFATAL\x00C57P01\x00Mgoodbye\x00\x00"))), []string{first, `"pgsql":{"tx_id":2,"response":{"severity_localizable":"FATAL","severity_non_localizable":"FATAL","code":"57P01","message":"goodbye"}}`}},
		{"GSSAPI refused", []analyzertest.Turn{turn(up, bare(codeGSSENC, "")), turn(down, "N"), turn(up, startup)}, []string{`"request":{"message":"GSSENC Request"},"response":{"message":"GSSENC refused"}}`, `"tx_id":2,"request":{"protocol_version"`}},
	} {
		for _, cut := range []int{1, 7, 1400} {
			events := analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(cut, c.turns...)...)
			got := analyzertest.Of[*Event](events)
			if len(got) != len(c.want) {
				t.Fatalf("%s, cut %d: %d events", c.name, cut, len(got))
			}
			if odd := analyzertest.Of[*event.AppLayer](events); len(odd) != 0 {
				t.Errorf("%s, cut %d: %s", c.name, cut, odd[0].Name)
			}
			for i, e := range got {
				line := string(e.AppendEVE(nil, &event.EVE{Version: 8}))
				if !strings.Contains(line, c.want[i]) {
					t.Errorf("%s, cut %d: %s\nis not in %s", c.name, cut, c.want[i], line)
				}
				if s := fmt.Sprintf("%+v", e); strings.Contains(line+s, password) {
					t.Errorf("%s: a password is kept: %s %s", c.name, line, s)
				}
				all = append(all, e)
			}
		}
	}
	analyzertest.ValidEVE(t, all...)
}

// TestRedact: passwords in statements are not written down; all else is as it came.
func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "pass": "pass", "SELECT password FROM accounts WHERE name = 'x'": "SELECT password FROM accounts WHERE name = 'x'",
		"CREATE ROLE a LOGIN PASSWORD 'sec''ret'; SELECT 1": "CREATE ROLE a LOGIN PASSWORD '***'; SELECT 1", "alter user a password\n E'se\\'cret' valid": "alter user a password\n '***' valid",
		"ALTER ROLE a PASSWORD $x$sec$ret$x$, b": "ALTER ROLE a PASSWORD '***', b", "OPTIONS (user 'u', password 'secret')": "OPTIONS (user 'u', password '***')", "PASSWORD 'secret": "PASSWORD '***'",
		"PASSWORD NULL": "PASSWORD NULL", "oldpassword 'x'": "oldpassword 'x'", "password 'a' password 'b'": "password '***' password '***'", "PASSWORD U&'secret'": "PASSWORD '***'", "PASSWORD $1": "PASSWORD $1",
	} {
		if got := redact(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	got := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(1400, turn(up, startup), turn(down, welcome), turn(up, m('Q', "ALTER ROLE a PASSWORD '"+password+"'\x00")), turn(down, ready))...))
	if len(got) != 2 || strings.Contains(said(got[1]), password) {
		t.Errorf("a password is written down: %d events", len(got))
	}
}

// TestLogin: a password in clear that opened the door is a log-in in clear, nothing else is.
func TestLogin(t *testing.T) {
	for _, c := range []struct {
		name         string
		asks, answer string
		secret       string
		want         bool
	}{
		{"accepted", m('R', u32(3)), welcome, password, true},
		{"refused", m('R', u32(3)), failure, password, false},
		{"hashed", m('R', u32(5), "salt"), welcome, password, false},
		{"empty", m('R', u32(3)), welcome, "", false},
	} {
		got := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(1400, turn(up, startup), turn(down, c.asks), turn(up, m('p', c.secret, "\x00")), turn(down, c.answer))...))
		if len(got) != 2 {
			t.Fatalf("%s: %d events", c.name, len(got))
		}
		l, ok := got[1].Login()
		if ok != c.want || ok && (l.User != "alice" || !l.Clear || l.Secret.Frame != 8) {
			t.Errorf("%s: %v %+v", c.name, ok, l)
		}
		if _, ok := got[0].Login(); ok {
			t.Errorf("%s: a startup is no log-in", c.name)
		}
	}
}

// TestEncryption: after an accepted SSLRequest the rest is TLS; after an accepted GSSENCRequest nothing is read.
func TestEncryption(t *testing.T) {
	k := analyzertest.Dial(t, server, 1400, nil, Def, tls.Def)
	k.Say(up, ssl).Say(down, "S").Say(up, "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03")
	events, app := k.End()
	if got := analyzertest.Of[*Event](events); len(got) != 1 || !strings.Contains(said(got[0]), `"ssl_accepted":true`) || app != "tls" {
		t.Errorf("%s, %d events", app, len(got))
	}
	k = analyzertest.Dial(t, server, 1400, nil, Def, tls.Def)
	k.Say(up, bare(codeGSSENC, "")).Say(down, "G").Say(up, "\x00\x00\x00\x07sealed").Say(down, "\xff\xff")
	events, app = k.End()
	if got := analyzertest.Of[*Event](events); len(got) != 1 || !strings.Contains(said(got[0]), `"GSSENC accepted"`) || app != "pgsql" || len(analyzertest.Of[*event.AppLayer](events)) != 0 {
		t.Errorf("%s, %d events", app, len(got))
	}
}

// TestOdd: what makes no sense is named, and ends the reading.
func TestOdd(t *testing.T) {
	in := []analyzertest.Turn{turn(up, startup), turn(down, welcome)}
	for name, turns := range map[string][]analyzertest.Turn{
		"malformed_request":     append(in[:2:2], turn(up, "\x01\x00\x00\x00\x05x")),
		"invalid_length":        append(in[:2:2], turn(up, "Q\x00\x00\x00\x03")),
		"malformed_response":    append(in[:2:2], turn(up, m('Q', "x\x00")), turn(down, m('T', "\x01"))),
		"too_many_transactions": append(in[:2:2], turn(up, strings.Repeat(m('Q', "x\x00"), maxOpen+1))),
	} {
		for _, cut := range []int{1, 1400} {
			got := analyzertest.Of[*event.AppLayer](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(cut, turns...)...))
			if len(got) != 1 || got[0].Name != name {
				t.Errorf("%s, cut %d: %v", name, cut, got)
			}
		}
	}
}

// TestBounds: of a query that is long the begin is kept, and what comes behind it is read.
func TestBounds(t *testing.T) {
	long := "SELECT '" + strings.Repeat("x", 3*maxQuery) + "'"
	got := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(1400, turn(up, startup), turn(down, welcome), turn(up, m('Q', long, "\x00"), m('Q', long, "\x00"), m('Q', long, "\x00"), m('X')),
		turn(down, ready, row(strings.Repeat("y", 100_000)), ready, ready))...))
	if len(got) != 5 {
		t.Fatalf("%d events", len(got))
	}
	kept := 0
	for _, e := range got {
		kept += len(e.Request.Text)
		if e.Request.What == Query && (!e.Request.Cut || len(e.Request.Text) > maxQuery+1) {
			t.Errorf("%d bytes, cut %v", len(e.Request.Text), e.Request.Cut)
		}
	}
	if kept > maxHeld+2*maxText {
		t.Errorf("%d bytes are kept at once", kept)
	}
	if r := got[3].Response; r.Rows+got[2].Response.Rows != 1 {
		t.Errorf("%+v", r)
	}
}

// TestParts: what rules see, when, and what an alert says of it.
func TestParts(t *testing.T) {
	got := analyzertest.Show(t, []analyzer.Def{Def}, frames(1400, turn(up, startup), turn(down, welcome), turn(up, m('Q', "SELECT 1\x00")), turn(down, m('T', u16(1)), row("1"), m('C', "SELECT 1\x00"), ready))...)
	if len(got) != 2 || !slices.Equal(got[1].Parts["pgsql.query"], []string{"SELECT 1"}) || got[1].Dir != up || len(got[0].Parts) != 0 {
		t.Fatalf("%+v", got)
	}
	analyzertest.ValidEVE(t, got[0].Record, got[1].Record)
	if line := string(got[1].Record.AppendEVE(nil, &event.EVE{})); !strings.Contains(line, `"command_completed":"SELECT 1"`) {
		t.Errorf("the answer is not in %s", line)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		d    packet.Dir
		text string
		want analyzer.Answer
	}{
		{up, ssl, analyzer.Yes}, {up, startup, analyzer.Yes}, {up, bare(codeGSSENC, ""), analyzer.Yes}, {up, bare(codeCancel, u32(1)+u32(2)), analyzer.Yes}, {up, bare(2<<16, "user\x00a\x00\x00"), analyzer.No},
		{up, bare(3<<16, "us er\x00a\x00\x00"), analyzer.No}, {up, "\x00\x00\x00\x90\xffSMBr", analyzer.No}, {up, "GET / HTTP/1.1\r\n", analyzer.No}, {up, "\x16\x03\x01\x02\x00\x01\x00\x01", analyzer.No},
		{down, m('R', u32(0)), analyzer.Yes}, {down, m('R', u32(10), "SCRAM-SHA-256\x00\x00"), analyzer.Yes}, {down, m('R', u32(77)), analyzer.No}, {down, "RFB 003.008\n", analyzer.No}, {down, "220 ready\r\n", analyzer.No},
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

// TestGap: a hole within rows costs nothing, one elsewhere ends the reading; nothing odd is said.
func TestGap(t *testing.T) {
	k := analyzertest.Dial(t, server, 1400, nil, Def)
	k.Say(up, startup).Say(down, welcome).Say(up, m('Q', "SELECT 1\x00")).Say(down, row(strings.Repeat("x", 1000))[:100]).Lose(down, 500).Say(down, row(strings.Repeat("x", 1000))[600:]+m('C', "SELECT 1\x00")+ready)
	k.Say(up, m('Q', "SELECT 2\x00")).Lose(down, 20).Say(down, ready)
	events, _ := k.End()
	got := analyzertest.Of[*Event](events)
	if len(got) != 3 || got[1].Response.Done != "SELECT 1" || got[1].Response.Bytes != 1000 || got[2].Response.Some || len(analyzertest.Of[*event.AppLayer](events)) != 0 {
		t.Errorf("%d events", len(got))
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte(ssl+"N"+startup+welcome+m('Q', "SELECT 1\x00")+m('T', u16(1))+row("1")+m('C', "SELECT 1\x00")+ready), []byte{8, 1, 70, 90, 14, 60})
	f.Add([]byte(startup+m('R', u32(10), "SCRAM-SHA-256\x00\x00")+m('p', "SCRAM-SHA-256\x00", u32(3), "n,,")), []byte{69, 24, 60})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		if len(data) > 4096 {
			return
		}
		for _, e := range analyzertest.Feed(t, Def, server, data, cuts) {
			if x, ok := e.(*Event); ok && (len(x.Request.Params) > maxParams || len(x.Response.Params) > maxParams) {
				t.Errorf("%+v", x)
			}
		}
	})
}

func BenchmarkRows(b *testing.B) {
	analyzertest.Measure(b, Def, server, func(k *analyzertest.Talk) { k.Say(up, startup).Say(down, welcome).Say(up, m('Q', "SELECT 1\x00")) }, down, strings.Repeat(row("abc", "defghijkl", strings.Repeat("x", 80)), 500))
}
