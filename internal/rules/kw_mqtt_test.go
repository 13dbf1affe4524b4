package rules

import (
	"strings"
	"testing"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// optionRow is a rule, parts on which it fires and parts on which it does not.
type optionRow struct{ rule, hit, miss string }

// mqttRows have each option of MQTT. Parts stand with spaces between.
var mqttRows = []optionRow{
	{"mqtt.protocol_version:5;", "mqtt.protocol_version=\x05", "mqtt.protocol_version=\x04"},
	{"mqtt.protocol_version:3-6;", "mqtt.protocol_version=\x04", "mqtt.protocol_version=\x03"},
	{"mqtt.type:CONNACK;", "mqtt.type=\x01 mqtt.type=\x02", "mqtt.type=\x01"},
	{"mqtt.type:3;", "mqtt.type=\x03", "mqtt.type=\x04"},
	{"mqtt.type:CONNECT; mqtt.type:CONNACK;", "mqtt.type=\x01 mqtt.type=\x02", "mqtt.type=\x02"},
	{"mqtt.flags:retain,!dup;", "mqtt.flags=\x09 mqtt.flags=\x01", "mqtt.flags=\x09 mqtt.flags=\x00"},
	{"mqtt.flags: !retain, dup;", "mqtt.flags=\x0a", "mqtt.flags=\x0b"},
	{"mqtt.flags:>1;", "mqtt.flags=\x08", "mqtt.flags=\x01"},
	{"mqtt.flags:&0x09=0x08;", "mqtt.flags=\x0a", "mqtt.flags=\x09"},
	{"mqtt.flags:&0x09!=0;", "mqtt.flags=\x01", "mqtt.flags=\x06"},
	{"mqtt.qos:1;", "mqtt.qos=\x00 mqtt.qos=\x01", "mqtt.qos=\x00"},
	{"mqtt.reason_code:134;", "mqtt.reason_code=\x00 mqtt.reason_code=\x86", "mqtt.reason_code=\x00"},
	{"mqtt.connack.return_code:>0x7f;", "mqtt.reason_code=\x86", "mqtt.reason_code=\x10"},
	{"mqtt.connack.session_present:yes;", "mqtt.connack.session_present=\x01", "mqtt.connack.session_present=\x00"},
	{"mqtt.connack.session_present:false;", "mqtt.connack.session_present=\x00", "mqtt.connack.session_present=\x01"},
	{"mqtt.connect.flags:username,password,!will;", "mqtt.connect.flags=\xc2", "mqtt.connect.flags=\xc6"},
	{"mqtt.connect.flags:will_retain,clean_session;", "mqtt.connect.flags=\x26", "mqtt.connect.flags=\x24"},
	{"mqtt.connect.clientid; content:\"me\";", "mqtt.connect.clientid=me", "mqtt.connect.username=me"},
	{"mqtt.connect.username; content:\"joe\"; bsize:3;", "mqtt.connect.username=joe", "mqtt.connect.username=joey"},
	{"mqtt.connect.password; content:\"hunter2\";", "mqtt.connect.password=hunter2", "mqtt.connect.username=hunter2"},
	{"mqtt.connect.willtopic; pcre:\"/^a[0-9]/\";", "mqtt.connect.willtopic=a1", "mqtt.connect.willtopic=ba1"},
	{"mqtt.connect.willmessage; content:\"bye\";", "mqtt.connect.willmessage=bye", "mqtt.connect.willtopic=bye"},
	{"mqtt.connect.protocol_string; content:\"MQIsdp\";", "mqtt.connect.protocol_string=MQIsdp", "mqtt.connect.protocol_string=MQTT"},
	{"mqtt.publish.topic; content:\"door\"; startswith;", "mqtt.publish.topic=door/1", "mqtt.publish.message=door/1"},
	{"mqtt.publish.message; content:\"|ff d8 ff|\"; startswith;", "mqtt.publish.message=\xff\xd8\xff\xe0", "mqtt.publish.topic=\xff\xd8\xff"},
	{"mqtt.subscribe.topic; content:\"a\"; mqtt.subscribe.topic; content:\"b\";", "mqtt.subscribe.topic=a mqtt.subscribe.topic=b", "mqtt.unsubscribe.topic=a mqtt.subscribe.topic=b"},
	{"mqtt.unsubscribe.topic; content:\"a\"; endswith;", "mqtt.unsubscribe.topic=x mqtt.unsubscribe.topic=a", "mqtt.subscribe.topic=a"},
	{"mqtt.type:SUBACK; mqtt.subscribe.topic; content:\"Y\"; mqtt.reason_code:0;", "mqtt.type=\x08 mqtt.type=\x09 mqtt.subscribe.topic=X mqtt.subscribe.topic=Y mqtt.reason_code=\x00", "mqtt.type=\x08 mqtt.subscribe.topic=Y mqtt.reason_code=\x00"},
	{"app-layer-event:mqtt.missing_connect;", "app-layer-event.mqtt=missing_connect", "app-layer-event.mqtt=missing_publish"},
}

// modbusRows have the option of Modbus. A request is unit, access, category, function and sub-function, then runs of places.
var modbusRows = []optionRow{
	{"modbus: function 1;", "modbus=\x0a\x09\x02\x01\xff\xff", "modbus=\x0a\x05\x02\x02\xff\xff"},
	{"modbus: function 8, subfunction 4;", "modbus=\x0a\x00\x02\x08\x00\x04", "modbus=\x0a\x00\x02\x08\x00\x01"},
	{"modbus: function assigned;", "modbus=\x0a\x00\x02\x08\x00\x04", "modbus=\x0a\x00\x08\x08\x00\x09"},
	{"modbus: function !reserved;", "modbus=\x0a\x00\x04\x41\xff\xff", "modbus=\x0a\x00\x08\x09\xff\xff"},
	{"modbus: function ! public;", "modbus=\x0a\x00\x04\x41\xff\xff", "modbus=\x0a\x00\x01\x19\xff\xff"},
	{"modbus: unit 10;", "modbus=\x0a\x00\x04\x41\xff\xff", "modbus=\x0b\x00\x04\x41\xff\xff"},
	{"modbus: unit 5<>10, function user;", "modbus=\x09\x00\x04\x41\xff\xff", "modbus=\x0a\x00\x04\x41\xff\xff"},
	{"modbus: access read;", "modbus=\x0a\x09\x02\x01\xff\xff", "modbus=\x0a\x4a\x02\x05\xff\xff"},
	{"modbus: access write holding;", "modbus=\x0a\x62\x02\x06\xff\xff", "modbus=\x0a\x4a\x02\x05\xff\xff"},
	{"modbus: unit >9, access read coils, address 0<>2;", "modbus=\x0a\x09\x02\x01\xff\xff\x01\x00\x00\x00\x01\x00\x00", "modbus=\x0a\x09\x02\x01\xff\xff\x01\x00\x01\x00\x01\x00\x00"},
	{"modbus: access read coils, address 100;", "modbus=\x0a\x09\x02\x01\xff\xff\x01\x00\x60\x00\x08\x00\x00", "modbus=\x0a\x09\x02\x01\xff\xff\x01\x00\x60\x00\x03\x00\x00"},
	{"modbus: access write holding, address 500, value >200;", "modbus=\x0a\xa2\x02\x10\xff\xff\x02\x01\xf2\x00\x02\x00\x02\x00\x01\x00\xc9", "modbus=\x0a\xa2\x02\x10\xff\xff\x02\x01\xf2\x00\x02\x00\x02\x00\xc9\x00\xc8"},
	{"modbus: access write holding, address <20, value 7;", "modbus=\x0a\xa3\x02\x17\xff\xff\x01\x00\x00\x00\x09\x00\x00\x02\x00\x12\x00\x01\x00\x01\x00\x07", "modbus=\x0a\xa3\x02\x17\xff\xff\x01\x00\x00\x00\x09\x00\x00\x02\x00\x13\x00\x01\x00\x01\x00\x07"},
	{"modbus: access read holding, address 19;", "modbus=\x0a\xa3\x02\x17\xff\xff\x01\x00\x12\x00\x01\x00\x00\x02\x00\x00\x00\x01\x00\x00", "modbus=\x0a\xa3\x02\x17\xff\xff\x01\x00\x00\x00\x09\x00\x00\x02\x00\x12\x00\x01\x00\x00"},
	{"app-layer-event:modbus.flooded;", "app-layer-event.modbus=flooded", "app-layer-event.modbus=invalid_length"},
}

func (r *optionRow) holds(t *testing.T, app string) bool {
	t.Helper()
	split := func(s string) []string { return strings.Split(s, " ") }
	return matches(t, r.rule, app, packet.ToServer, split(r.hit)...) && !matches(t, r.rule, app, packet.ToServer, split(r.miss)...)
}

// TestMQTTAndModbus: each option means what it says, and somebody notices when it means nothing.
func TestMQTTAndModbus(t *testing.T) {
	for app, rows := range map[string][]optionRow{"mqtt": mqttRows, "modbus": modbusRows} {
		for _, r := range rows {
			if !r.holds(t, app) {
				t.Errorf("%s %q, not %q: does not hold", r.rule, r.hit, r.miss)
			}
		}
		for _, name := range Keywords() {
			if !strings.HasPrefix(name, app) {
				continue
			}
			k := keywordByName[name]
			was, noticed := k.set, false
			k.set = func(*compiler, *lang.Option) error { return nil }
			for _, r := range rows {
				if strings.Contains(r.rule, name+":") || strings.Contains(r.rule, name+";") {
					_, bad := tryLoad(t, "alert "+app+" any any -> any any ("+r.rule+" sid:1;)")
					noticed = noticed || len(bad) > 0 || !r.holds(t, app)
				}
			}
			if k.set = was; !noticed {
				t.Errorf("nobody would notice if %s did nothing", name)
			}
		}
	}
}

// TestMQTTAndModbusRefused: what means nothing is refused, with the reason.
func TestMQTTAndModbusRefused(t *testing.T) {
	for _, rule := range []string{"mqtt.type:HELLO;", "mqtt.type:256;", "mqtt.qos:4;", "mqtt.flags:dup,big;", "mqtt.flags:dup,!dup;", "mqtt.flags:&x=1;", "mqtt.connect.flags:;", "mqtt.connack.session_present:maybe;",
		"mqtt.publish.topic;", "app-layer-event:mqtt.nothing;"} {
		refuses(t, "mqtt", rule)
	}
	for _, rule := range []string{"modbus:;", "modbus: function 200;", "modbus: function strange;", "modbus: function !all;", "modbus: subfunction 4;", "modbus: function 8, subfunction x;", "modbus: access steal;",
		"modbus: access read drawer;", "modbus: access write input;", "modbus: access read, address 5;", "modbus: access read coils, value 5;", "modbus: access read coils, address 5, value 5;", "modbus: function 1, unit 5;",
		"modbus: unit 300;", "modbus: access read coils, function 1;", "modbus:!function 1;", "app-layer-event:modbus.nothing;"} {
		refuses(t, "modbus", rule)
	}
}

func refuses(t *testing.T, app, rule string) {
	t.Helper()
	if _, bad := tryLoad(t, "alert "+app+" any any -> any any ("+rule+" sid:1;)"); len(bad) != 1 {
		t.Errorf("%s is not refused", rule)
	}
}
