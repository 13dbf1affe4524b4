package mqtt

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	client = "10.0.0.1:40000"
	server = "10.0.0.2:1883"
	up     = packet.ToServer
	down   = packet.ToClient
)

// text is a string as MQTT writes it.
func text(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

// varint is a Variable Byte Integer.
func varint(n int) string {
	var b []byte
	for {
		x := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			x |= 0x80
		}
		if b = append(b, x); n == 0 {
			return string(b)
		}
	}
}

// pack is a control packet.
func pack(first byte, body ...string) string {
	b := strings.Join(body, "")
	return string(first) + varint(len(b)) + b
}

// msg is pack with the first byte as it is, also above 0x7f.
func msg(first byte, body ...string) string { return string([]byte{first}) + pack(0, body...)[1:] }

func id(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }

func turn(d packet.Dir, s string) analyzertest.Turn { return analyzertest.Turn{Dir: d, Data: s} }

func connect(version byte, flags byte, rest ...string) string {
	name := "MQTT"
	if version == Version31 {
		name = "MQIsdp"
	}
	return msg(0x10, text(name), string([]byte{version, flags, 0, 60}), strings.Join(rest, ""))
}

var defs = []analyzer.Def{Def}

// records are the mqtt objects that are told, with their direction and number.
func records(t *testing.T, settings map[string]int64, cut int, turns ...analyzertest.Turn) (out []string) {
	t.Helper()
	k := analyzertest.Dial(t, server, cut, nil, withSettings(settings))
	for _, x := range turns {
		k.Say(x.Dir, x.Data)
	}
	es, _ := k.End()
	var valid []event.Event
	for _, e := range es {
		switch e := e.(type) {
		case *Event:
			valid = append(valid, e)
			out = append(out, fmt.Sprintf("%d %d %s", e.Dir, e.Tx, e.AppendAppObject(nil)))
		case *event.AppLayer:
			valid = append(valid, e)
			out = append(out, fmt.Sprintf("%d %d %s", e.Dir, e.Tx, e.Name))
		}
	}
	analyzertest.ValidEVE(t, valid...)
	return out
}

// withSettings is the protocol with settings as a registry would give them.
func withSettings(s map[string]int64) analyzer.Def {
	d := Def
	d.Stream = func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		a := newReader(o)
		if n := s["mqtt.max-msg-length"]; n > 0 {
			a.mostRead = int(n)
		}
		if n := s["mqtt.max-tx"]; n > 0 {
			a.mostOpen = int(n)
		}
		if n := s["mqtt.string-log-limit"]; n > 0 {
			a.mostText = int(n)
		}
		return a, nil
	}
	return d
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("record %d\n got %s\nwant %s", i, g, w)
		}
	}
}

var session = []analyzertest.Turn{
	turn(up, connect(Version311, FlagUsername|FlagPassword|FlagCleanSession|FlagWill|FlagWillRetain, text("me"), text("gone"), text("bye"), text("joe"), text("Correct-Horse-9"))),
	turn(down, msg(0x20, "\x01\x00")),
	turn(up, msg(0x82, id(1), text("a/#"), "\x01", text("b"), "\x02")+msg(0x32, text("a/x"), id(2), "hello")),
	turn(down, msg(0x90, id(1), "\x01\x80")+msg(0x40, id(2))),
	turn(down, msg(0x34, text("a/y"), id(2), "there")),
	turn(up, msg(0x50, id(2))+msg(0xa2, id(3), text("a/#"), text("b"))),
	turn(down, msg(0x62, id(2))+msg(0xb0, id(3))),
	turn(up, msg(0x70, id(2))+msg(0xc0)),
	turn(down, msg(0xd0)),
	turn(up, msg(0xe0)),
}

const head = `"qos":0,"retain":false,"dup":false`

var told = []string{
	`0 0 "mqtt":{"connect":{` + head + `,"protocol_string":"MQTT","protocol_version":4,"flags":{"username":true,"password":true,"will_retain":true,"will":true,"clean_session":true},` +
		`"client_id":"me","username":"joe","will":{"topic":"gone","message":"bye"}},"connack":{` + head + `,"session_present":true,"return_code":0}}`,
	`0 1 "mqtt":{"subscribe":{"qos":1,"retain":false,"dup":false,"message_id":1,"topics":[{"topic":"a/#","qos":1},{"topic":"b","qos":2}]},"suback":{` + head + `,"message_id":1,"qos_granted":[1,128]}}`,
	`0 2 "mqtt":{"publish":{"qos":1,"retain":false,"dup":false,"topic":"a/x","message_id":2,"message":"hello"},"puback":{` + head + `,"message_id":2}}`,
	`0 4 "mqtt":{"unsubscribe":{"qos":1,"retain":false,"dup":false,"message_id":3,"topics":["a/#","b"]},"unsuback":{` + head + `,"message_id":3}}`,
	`1 3 "mqtt":{"publish":{"qos":2,"retain":false,"dup":false,"topic":"a/y","message_id":2,"message":"there"},"pubrec":{` + head + `,"message_id":2},"pubrel":{"qos":1,"retain":false,"dup":false,"message_id":2},"pubcomp":{` + head + `,"message_id":2}}`,
	`0 5 "mqtt":{"pingreq":{` + head + `}}`,
	`1 6 "mqtt":{"pingresp":{` + head + `}}`,
	`0 7 "mqtt":{"disconnect":{` + head + `}}`,
}

// TestTransactions: messages that answer each other are one record, whatever the way, however the bytes are cut. A packet
// identifier belongs to the side that chose it.
func TestTransactions(t *testing.T) {
	for _, cut := range []int{1, 2, 7, 4000} {
		same(t, records(t, nil, cut, session...), told)
	}
}

// TestSameIdentifier: both sides publish with the same identifier at once, and each answers the other's.
func TestSameIdentifier(t *testing.T) {
	got := records(t, nil, 4000, turn(up, connect(Version311, 2, text("x"))), turn(down, msg(0x20, "\x00\x00")), turn(up, msg(0x32, text("mine"), id(1))), turn(down, msg(0x32, text("yours"), id(1))),
		turn(up, msg(0x40, id(1))), turn(down, msg(0x40, id(1))))
	if len(got) != 3 || !strings.HasPrefix(got[1], "1 2 ") || !strings.Contains(got[1], "yours") || !strings.HasPrefix(got[2], "0 1 ") || !strings.Contains(got[2], `"puback"`) {
		t.Errorf("%q", got)
	}
}

// TestPasswords: they are shown nowhere; rules see them.
func TestPasswords(t *testing.T) {
	if got := records(t, nil, 4000, session...); !strings.Contains(got[0], `"username":"joe"`) || strings.Contains(got[0], "Correct-Horse") {
		t.Errorf("%s", got[0])
	}
	for _, e := range analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: defs}, analyzertest.Frames(4000, client, server, true, session...)...)) {
		if m := e.Messages[0]; m.Password != nil {
			t.Errorf("a password is kept: %q", m.Password)
		}
	}
	shown := analyzertest.Show(t, defs, analyzertest.Frames(4000, client, server, true, session...)...)
	if !slices.Equal(shown[0].Parts["mqtt.connect.password"], []string{"Correct-Horse-9"}) {
		t.Errorf("rules see %q", shown[0].Parts["mqtt.connect.password"])
	}
	if line := string(shown[0].Record.AppendEVE(nil, &event.EVE{Version: 8})); strings.Contains(line, "Correct-Horse") {
		t.Errorf("an alert tells a password: %s", line)
	}
}

// TestVersion5: properties, reason codes, and codes that are left out.
func TestVersion5(t *testing.T) {
	props := func(s string) string { return varint(len(s)) + s }
	hello := connect(Version5, FlagCleanSession|FlagWill, props("\x11\x00\x00\x02\x2b\x21\x00\xde\x26"+text("k")+text("v")+"\x26"+text("k")+text("again")+"\x16"+text("secret")), text(""),
		props("\x18\x00\x00\x00\xc8\x01\x01\x09"+text("\xff1")), text("w"), text("m"))
	same(t, records(t, nil, 5, turn(up, hello), turn(down, msg(0x20, "\x00\x00", props("\x12"+text("auto-1")))),
		turn(up, msg(0x32, text("t"), id(7), props("\x0b\x80\x01\x23\x00\x05"), "x")), turn(down, msg(0x40, id(7), "\x10")),
		turn(up, msg(0x32, text("t"), id(8), props(""), "y")), turn(down, msg(0x40, id(8))),
		turn(up, msg(0x82, id(9), props(""), text("z"), "\x2e")), turn(down, msg(0x90, id(9), props(""), "\x02")),
		turn(up, msg(0xa2, id(10), props(""), text("z"))), turn(down, msg(0xb0, id(10), props(""), "\x11")),
		turn(down, msg(0xf0, "\x18", props("\x15"+text("SCRAM")))), turn(up, msg(0xe0, "\x04")), turn(down, msg(0xe0, "\x8e", props("\x1f"+text("taken over"))))),
		[]string{
			`0 0 "mqtt":{"connect":{` + head + `,"protocol_string":"MQTT","protocol_version":5,"flags":{"username":false,"password":false,"will_retain":false,"will":true,"clean_session":true},"client_id":"",` +
				`"will":{"topic":"w","message":"m","properties":{"will_delay_interval":200,"payload_format_indicator":1,"correlation_data":"\\xff1"}},` +
				`"properties":{"session_expiry_interval":555,"receive_maximum":222,"k":"v"}},` +
				`"connack":{` + head + `,"session_present":false,"return_code":0,"properties":{"assigned_client_identifier":"auto-1"}}}`,
			`0 1 "mqtt":{"publish":{"qos":1,"retain":false,"dup":false,"topic":"t","message_id":7,"message":"x","properties":{"subscription_identifier":128,"topic_alias":5}},"puback":{` + head + `,"message_id":7,"reason_code":16}}`,
			`0 2 "mqtt":{"publish":{"qos":1,"retain":false,"dup":false,"topic":"t","message_id":8,"message":"y"},"puback":{` + head + `,"message_id":8,"reason_code":0}}`,
			`0 3 "mqtt":{"subscribe":{"qos":1,"retain":false,"dup":false,"message_id":9,"topics":[{"topic":"z","qos":2}]},"suback":{` + head + `,"message_id":9,"qos_granted":[2]}}`,
			`0 4 "mqtt":{"unsubscribe":{"qos":1,"retain":false,"dup":false,"message_id":10,"topics":["z"]},"unsuback":{` + head + `,"message_id":10,"reason_codes":[17]}}`,
			`1 5 "mqtt":{"auth":{` + head + `,"reason_code":24,"properties":{"authentication_method":"SCRAM"}}}`,
			`0 6 "mqtt":{"disconnect":{` + head + `,"reason_code":4}}`,
			`1 7 "mqtt":{"disconnect":{` + head + `,"reason_code":142,"properties":{"reason_string":"taken over"}}}`,
		})
}

// TestOddities: what does not fit is named, and is told as it stands.
func TestOddities(t *testing.T) {
	hello, welcome := turn(up, connect(Version311, 2, text("x"))), turn(down, msg(0x20, "\x00\x00"))
	const shook = `0 0 "mqtt":{"connect":{` // begins so
	for name, c := range map[string]struct {
		turns []analyzertest.Turn
		want  []string // begins of what is told
	}{
		"ping at once":             {[]analyzertest.Turn{turn(up, msg(0xc0)+msg(0xc0)), turn(down, msg(0xd0))}, []string{"0 0 unintroduced_message", `0 0 "mqtt":{"pingreq"`, "0 1 unintroduced_message", `0 1 "mqtt":{"pingreq"`, "1 2 unintroduced_message", `1 2 "mqtt":{"pingresp"`}},
		"answers to nothing":       {[]analyzertest.Turn{hello, welcome, turn(down, msg(0x40, id(1))+msg(0x90, id(1), "\x00")+msg(0xb0, id(1))+msg(0x20, "\x00\x00")), turn(up, msg(0x62, id(1)))}, []string{shook, "1 1 missing_publish", `1 1 "mqtt":{"puback"`, "1 2 missing_subscribe", `1 2 "mqtt":{"suback"`, "1 3 missing_unsubscribe", `1 3 "mqtt":{"unsuback"`, "1 4 missing_connect", `1 4 "mqtt":{"connack"`, "0 5 missing_publish", `0 5 "mqtt":{"pubrel"`}},
		"twice":                    {[]analyzertest.Turn{hello, welcome, hello}, []string{shook, "0 1 double_connect", `0 1 "mqtt":{"connect"`}},
		"QoS 3":                    {[]analyzertest.Turn{hello, welcome, turn(up, msg(0x36, text("t"), id(1), "x"))}, []string{shook, "0 1 invalid_qos_level", `0 1 "mqtt":{"publish":{"qos":3`}},
		"a type that is none":      {[]analyzertest.Turn{hello, welcome, turn(up, msg(0x00, "ab"))}, []string{shook, "0 1 unassigned_msg_type", `0 1 "mqtt":{"unassigned":{"qos":0`}},
		"before the answer":        {[]analyzertest.Turn{hello, turn(up, msg(0x30, text("t"), "x"))}, []string{"0 1 unintroduced_message", `0 1 "mqtt":{"publish"`, shook}},
		"a list beyond its end":    {[]analyzertest.Turn{hello, welcome, turn(up, msg(0x82, id(1), "\x00\x09a")+msg(0xc0))}, []string{shook, "0 1 malformed_traffic"}},
		"properties without end":   {[]analyzertest.Turn{turn(up, connect(Version5, 2, "\xff\x21", text("x")))}, []string{"0 0 malformed_traffic"}},
		"a length of five bytes":   {[]analyzertest.Turn{hello, welcome, turn(up, "\x30\x80\x80\x80\x80\x01")}, []string{shook, "0 1 malformed_traffic"}},
		"no answer before it ends": {[]analyzertest.Turn{hello, welcome, turn(up, msg(0x32, text("t"), id(1), "x"))}, []string{shook, `0 1 "mqtt":{"publish":{"qos":1,"retain":false,"dup":false,"topic":"t","message_id":1,"message":"x"}}`}},
	} {
		got := records(t, nil, 3, c.turns...)
		if len(got) != len(c.want) {
			t.Errorf("%s: told %q", name, got)
			continue
		}
		for i, w := range c.want {
			if !strings.HasPrefix(got[i], w) {
				t.Errorf("%s: %s does not begin with %s", name, got[i], w)
			}
		}
	}
}

// TestLimits: long messages, long texts, and transactions without an answer.
func TestLimits(t *testing.T) {
	hello, welcome := turn(up, connect(Version311, 2, text("x"))), turn(down, msg(0x20, "\x00\x00"))
	long := msg(0x31, text("topic"), strings.Repeat("z", 300))
	for _, cut := range []int{1, 100, 4000} {
		got := records(t, map[string]int64{"mqtt.max-msg-length": 60}, cut, hello, welcome, turn(up, long+msg(0xe0)))
		if len(got) != 3 || got[1] != `0 1 "mqtt":{"publish":{"qos":0,"retain":true,"dup":false,"truncated":true,"skipped_length":310}}` || !strings.Contains(got[2], "disconnect") {
			t.Errorf("cut by %d: %q", cut, got)
		}
	}
	got := records(t, map[string]int64{"mqtt.string-log-limit": 10}, 4000, hello, welcome, turn(up, long+msg(0x80, id(1), text("topicX"), "\x00", text("topicY"), "\x01", text("more"), "\x00")))
	if !strings.Contains(got[1], `"topic":"topic","message":"zzzzzzzzzz[truncated 290 additional bytes]"`) || !strings.Contains(got[2], `"topics":[{"topic":"topicX","qos":0},{"topic":"topi[truncated 2 additional bytes]","qos":1}]`) {
		t.Errorf("%q", got)
	}
	got = records(t, map[string]int64{"mqtt.max-tx": 2}, 4000, hello, welcome, turn(up, msg(0x32, text("a"), id(1))+msg(0x32, text("b"), id(2))+msg(0x32, text("c"), id(3))))
	if len(got) != 5 || got[1] != "0 1 too_many_transactions" || !strings.Contains(got[2], `"topic":"a"`) {
		t.Errorf("%q", got)
	}
	// A hole in what is skipped does no harm; elsewhere nothing more is read, and what is open is told.
	k := analyzertest.Dial(t, server, 4000, nil, withSettings(map[string]int64{"mqtt.max-msg-length": 60}))
	k.Say(up, hello.Data).Say(down, welcome.Data).Say(up, long[:20]).Lose(up, 200).Say(up, long[220:]+msg(0x32, text("a"), id(1))).Lose(up, 4).Say(up, msg(0xe0)).Say(down, msg(0xd0))
	es, _ := k.End()
	var types []Type
	for _, e := range analyzertest.Of[*Event](es) {
		types = append(types, e.Messages[0].Type)
	}
	// The hole is certain only at the end: what came beside it is read, what came behind it is not.
	if !slices.Equal(types, []Type{Connect, Publish, PingResp, Publish}) {
		t.Errorf("%v after holes", types)
	}
}

// TestHeld: what waits counts, and what was told does not.
func TestHeld(t *testing.T) {
	analyzertest.Inside(t, Def, server, true, func(k *analyzertest.Talk) {
		k.Say(up, connect(Version311, 2, text("x"))).Say(down, msg(0x20, "\x00\x00"))
	},
		func(a analyzer.StreamAnalyzer, c *analyzer.Context) {
			r := a.(*reader)
			before := r.Held()
			r.Data(c, up, []byte(msg(0x32, text("a"), id(1), strings.Repeat("x", 5000))))
			if r.Held() < before+1000 {
				t.Errorf("%d bytes held, %d before", r.Held(), before)
			}
			r.Data(c, down, []byte(msg(0x40, id(1))))
			if r.kept != 0 || len(r.open) != 0 {
				t.Errorf("%d bytes of %d transactions are kept", r.kept, len(r.open))
			}
			for i := range 3000 {
				r.Data(c, up, []byte(msg(0x32, text("a"), id(i+1), strings.Repeat("x", 5000))))
			}
			if len(r.open) > defaultOpen || r.kept > mostKept {
				t.Errorf("%d bytes of %d transactions are kept", r.kept, len(r.open))
			}
		})
}

// TestParts: what rules see of a transaction.
func TestParts(t *testing.T) {
	shown := analyzertest.Show(t, defs, analyzertest.Frames(9, client, server, true, session...)...)
	if len(shown) != len(told) {
		t.Fatalf("shown %d times", len(shown))
	}
	want := []map[string][]string{
		{"mqtt.type": {"\x01", "\x02"}, "mqtt.qos": {"\x00", "\x00"}, "mqtt.flags": {"\x00", "\x00"}, "mqtt.protocol_version": {"\x04"}, "mqtt.reason_code": {"\x00"}, "mqtt.connack.session_present": {"\x01"},
			"mqtt.connect.flags": {"\xe6"}, "mqtt.connect.protocol_string": {"MQTT"}, "mqtt.connect.clientid": {"me"}, "mqtt.connect.username": {"joe"}, "mqtt.connect.password": {"Correct-Horse-9"},
			"mqtt.connect.willtopic": {"gone"}, "mqtt.connect.willmessage": {"bye"}},
		{"mqtt.type": {"\x08", "\x09"}, "mqtt.qos": {"\x01", "\x00"}, "mqtt.flags": {"\x02", "\x00"}, "mqtt.protocol_version": {"\x04"}, "mqtt.subscribe.topic": {"a/#", "b"}, "mqtt.reason_code": {"\x01", "\x80"}},
		{"mqtt.type": {"\x03", "\x04"}, "mqtt.qos": {"\x01", "\x00"}, "mqtt.flags": {"\x02", "\x00"}, "mqtt.protocol_version": {"\x04"}, "mqtt.publish.topic": {"a/x"}, "mqtt.publish.message": {"hello"}},
		{"mqtt.type": {"\x0a", "\x0b"}, "mqtt.qos": {"\x01", "\x00"}, "mqtt.flags": {"\x02", "\x00"}, "mqtt.protocol_version": {"\x04"}, "mqtt.unsubscribe.topic": {"a/#", "b"}},
	}
	for i, w := range want {
		for name, v := range w {
			if !slices.Equal(shown[i].Parts[name], v) {
				t.Errorf("%d: %s is %q, not %q", i, name, shown[i].Parts[name], v)
			}
		}
		for name := range shown[i].Parts {
			if w[name] == nil {
				t.Errorf("%d: %s is there", i, name)
			}
		}
	}
	for _, x := range shown {
		analyzertest.ValidEVE(t, x.Record)
	}
	var topics []string
	for i := range 150 {
		topics = append(topics, text(fmt.Sprint(i)), "\x00")
	}
	shown = analyzertest.Show(t, defs, analyzertest.Frames(4000, client, server, true, turn(up, connect(Version311, 2, text("x"))), turn(up, msg(0x80, append([]string{id(1)}, topics...)...)))...)
	if n := len(shown[0].Parts["mqtt.subscribe.topic"]); n != mostTopics {
		t.Errorf("%d topics are shown", n)
	}
	if !slices.Equal(shown[0].Events, []string{"unintroduced_message"}) {
		t.Errorf("events %q", shown[0].Events)
	}
}

// TestProbe: what is taken for MQTT, and what is not.
func TestProbe(t *testing.T) {
	hello := connect(Version311, 2, text("x"))
	for _, c := range []struct {
		d    packet.Dir
		b    string
		want analyzer.Answer
	}{
		{up, "", analyzer.More}, {up, "\x10", analyzer.More}, {up, hello[:7], analyzer.More}, {up, hello[:8], analyzer.Yes}, {up, hello, analyzer.Yes}, {up, connect(Version31, 2, text("x")), analyzer.Yes},
		{down, hello, analyzer.No}, {up, "\x10\x0c\x00\x04MQTX", analyzer.No}, {up, "\x10\x01\x00", analyzer.No}, {up, "\x11\x0c\x00\x04MQTT", analyzer.No}, {up, "\x10\xff\xff\xff\xff\x01", analyzer.No},
		{down, "\x20\x02\x00\x00", analyzer.Yes}, {down, "\x20\x02\x02\x00", analyzer.No}, {down, "\x20\x02\x00\x09", analyzer.No}, {down, "\x20\x02\x00", analyzer.More}, {down, "\x20\x03\x00\x00\x00", analyzer.Yes},
		{up, "\xc0\x00", analyzer.More}, {up, "\xc0\x00\xc0\x00", analyzer.Yes}, {up, "\xc0\x00\x0c\x41", analyzer.No}, {up, "\xc0\x00" + msg(0x30, text("a/b"), "x"), analyzer.Yes}, {down, "\xc0\x00", analyzer.No},
		{down, "\xd0\x00", analyzer.More}, {down, "\xd0\x00\xd0\x00", analyzer.Yes}, {up, "\xc0\x01", analyzer.No}, {up, "\xc0", analyzer.More},
		{up, msg(0x30, text("a/b"), "x"), analyzer.Yes}, {up, msg(0x30, text("a\x00b"), "x"), analyzer.No}, {up, msg(0x36, text("a/b"), "x"), analyzer.No}, {up, "\x30\x05\x00\x03a", analyzer.More},
		{up, msg(0x82, id(1), text("a/b"), "\x00"), analyzer.Yes}, {up, msg(0x82, id(1), "\x00", text("a/b"), "\x00"), analyzer.Yes}, {up, msg(0x80, id(1), text("a/b"), "\x00"), analyzer.No},
		{up, "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", analyzer.No}, // LDAP
		{up, "\x30\x84\x00\x00\x00\x2d\x02\x01\x01", analyzer.No},
		{up, "GET / HTTP/1.1\r\n", analyzer.No}, {down, "220 ready\r\n", analyzer.No}, {down, "250 ok\r\n", analyzer.No}, {up, "\x16\x03\x01\x02\x00\x01", analyzer.No}, {up, "SSH-2.0-x", analyzer.No},
		{up, "0123456789", analyzer.No}, {up, "2024-01-01 12:00:00 text\n", analyzer.No},
	} {
		if got := probe(c.d, []byte(c.b)); got != c.want {
			t.Errorf("%d %.20q: %v, want %v", c.d, c.b, got, c.want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	m := msg(0x32, text("a/x"), id(2), strings.Repeat("hello", 20))
	analyzertest.Parse(b, []byte(m), func(b []byte) bool { var m Message; return m.Parse(b[0], Version311, b[2:]) })
}

func FuzzReader(f *testing.F) {
	var all []byte
	for _, x := range session {
		all = append(all, x.Data...)
	}
	f.Add(all, []byte{9, 200, 3})
	f.Add([]byte(connect(Version5, 0xc6, "\x05\x11\x00\x00\x02\x2b", text("x"), "\x00", text("w"), text("m"), text("u"), text("p"))), []byte{1})
	f.Add([]byte("\x10\x01\x00\x04MQTT0\xc6"), []byte("\x10")) // shorter than the name in it
	f.Add([]byte("\xc0\x00@02P\xbd"), []byte("\xc0\x00@02"))   // a ping is not enough
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		for _, d := range []packet.Dir{up, down} {
			whole := probe(d, b)
			for n := range min(len(b), 80) {
				if a := probe(d, b[:n]); a != analyzer.More && a != whole && len(b) <= 1024 {
					t.Fatalf("%v of the first %d bytes, %v of all", a, n, whole)
				}
			}
		}
		for _, e := range analyzertest.Feed(t, Def, server, b, cuts) {
			if line := e.AppendEVE(nil, &event.EVE{Version: 8}); !json.Valid(line) {
				t.Fatalf("%s", line)
			}
		}
	})
}
