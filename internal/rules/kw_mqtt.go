package rules

import (
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

var ofMQTT = []string{"mqtt"}

// mqttBuffers are the texts of a transaction's messages.
var mqttBuffers = buffersOf(ofMQTT, named{"mqtt.connect.clientid", eitherWay}, named{"mqtt.connect.username", eitherWay}, named{"mqtt.connect.password", eitherWay},
	named{"mqtt.connect.willtopic", eitherWay}, named{"mqtt.connect.willmessage", eitherWay}, named{"mqtt.connect.protocol_string", eitherWay},
	named{"mqtt.publish.topic", eitherWay}, named{"mqtt.publish.message", eitherWay}, named{"mqtt.subscribe.topic", eitherWay}, named{"mqtt.unsubscribe.topic", eitherWay})

// mqttKeywords compare numbers. A transaction has several messages: each option asks for one of them.
var mqttKeywords = []keyword{
	anotherOf(numberOf("mqtt.protocol_version", mqttPart("protocol_version"), 8, nil)), anotherOf(numberOf("mqtt.type", mqttPart("type"), 8, mqttTypes)),
	anotherOf(numberOf("mqtt.qos", mqttPart("qos"), 2, nil)), anotherOf(numberOf("mqtt.reason_code", mqttPart("reason_code"), 8, nil)),
	anotherOf(numberOf("mqtt.connack.return_code", mqttPart("reason_code"), 8, nil)),
	anotherOf(numberOf("mqtt.connack.session_present", mqttPart("connack.session_present"), 1, map[string]uint64{"yes": 1, "true": 1, "no": 0, "false": 0})),
	anotherOf(flagsOf("mqtt.flags", mqttPart("flags"), 8, map[string]uint64{"retain": 0x01, "dup": 0x08})),
	anotherOf(flagsOf("mqtt.connect.flags", mqttPart("connect.flags"), 8,
		map[string]uint64{"username": 0x80, "password": 0x40, "will_retain": 0x20, "will": 0x04, "clean_session": 0x02})),
}

func mqttPart(name string) buffer { return buffer{"mqtt." + name, ofMQTT, eitherWay} }

// mqttTypes are the types of control packets (MQTT 5.0 2.1.2).
var mqttTypes = map[string]uint64{"unassigned": 0, "connect": 1, "connack": 2, "publish": 3, "puback": 4, "pubrec": 5, "pubrel": 6, "pubcomp": 7, "subscribe": 8, "suback": 9,
	"unsubscribe": 10, "unsuback": 11, "pingreq": 12, "pingresp": 13, "disconnect": 14, "auth": 15}

// anotherOf has each use of a keyword ask for another value of its part, where it would be one that all uses together describe.
func anotherOf(k keyword) keyword {
	set := k.set
	k.set = func(c *compiler, o *lang.Option) error {
		from := len(c.s.parts)
		var was []int
		for i := range c.s.parts {
			was = append(was, len(c.s.parts[i].checks))
		}
		if err := set(c, o); err != nil || len(c.s.parts) > from {
			return err
		}
		for i := range c.s.parts {
			if p := &c.s.parts[i]; len(p.checks) > was[i] && was[i] > 0 {
				c.s.parts = append(c.s.parts, part{buffer: p.buffer, checks: p.checks[was[i]:]})
				c.s.parts[i].checks = c.s.parts[i].checks[:was[i]:was[i]]
				return nil
			}
		}
		return nil
	}
	return k
}

// flagsOf is a keyword that asks which bits of a number are set: names with commas between, ! before those that are not to be,
// or a comparison of the number, also of some of its bits (&0x0f=1, &0x0f!=1).
func flagsOf(name string, b buffer, bits int, words map[string]uint64) keyword {
	return keyword{name, func(c *compiler, o *lang.Option) error {
		text := strings.ToLower(strings.TrimSpace(o.Value))
		if o.Negated {
			text = "!" + text
		}
		var mask, want uint64
		for f := range strings.SplitSeq(text, ",") {
			word, not := strings.CutPrefix(strings.TrimSpace(f), "!")
			bit, ok := words[strings.TrimSpace(word)]
			if !ok {
				return bitsOf(c, b, bits, text)
			}
			if mask&bit != 0 && want&bit != 0 == not {
				return fmt.Errorf("%s is to be set and not to be set", strings.TrimSpace(word))
			}
			if mask |= bit; !not {
				want |= bit
			}
		}
		return c.ask(b, false, func(v []byte) bool { return value(v)&mask == want })
	}}
}

// bitsOf compares a number, or some of its bits.
func bitsOf(c *compiler, b buffer, bits int, text string) error {
	rest, masked := strings.CutPrefix(text, "&")
	if !masked {
		r, err := parseRange(text, bits)
		if err != nil {
			return err
		}
		return c.ask(b, false, func(v []byte) bool { return r.has(value(v)) })
	}
	m, n, ok := strings.Cut(strings.ReplaceAll(rest, " ", ""), "=")
	m, not := strings.CutSuffix(m, "!")
	mask, err := strconv.ParseUint(m, 0, bits)
	want, err2 := strconv.ParseUint(n, 0, bits)
	if !ok || err != nil || err2 != nil {
		return fmt.Errorf("%q is no name of a flag, no number, and no mask with the number to be under it", text)
	}
	return c.ask(b, not, func(v []byte) bool { return value(v)&mask == want })
}
