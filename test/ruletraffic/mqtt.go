package ruletraffic

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// control is a control packet of MQTT (MQTT 5.0 2.1).
func control(first byte, fields ...string) string {
	body := strings.Join(fields, "")
	b := []byte{first}
	for n := len(body); ; {
		x := byte(n & 127)
		if n >>= 7; n > 0 {
			x |= 128
		}
		if b = append(b, x); n == 0 {
			return string(b) + body
		}
	}
}

// counted is a text with its length in two bytes before it.
func counted(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

// mqttTalk is a session of MQTT 3.1, 3.1.1 or 5.0: connected, subscribed and unsubscribed if asked for, then something published.
func (m *meaning) mqttTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "mqtt"}
	texts := map[string]string{"mqtt.connect.clientid": "own-" + word(rng), "mqtt.publish.topic": "own/" + word(rng), "mqtt.publish.message": word(rng)}
	for _, p := range parts {
		k := &wordStyle
		if p.name == "mqtt.publish.message" || p.name == "mqtt.connect.password" || p.name == "mqtt.connect.willmessage" {
			k = &anyBytes
		}
		s, err := p.text(rng, k)
		if err != nil {
			return nil, err
		}
		texts[p.name] = s
	}
	level := m.choose("mqtt.version", rng, 4)
	five := ""
	if level == 5 {
		five = "\x00" // no properties
	}
	name := "MQTT"
	if level == 3 {
		name = "MQIsdp"
	}
	if s, ok := texts["mqtt.connect.protocol_string"]; ok && s != name {
		if s != "MQTT" && s != "MQIsdp" {
			return nil, impossible("%q is no name of MQTT", s)
		}
		name = s
	}
	t.hold("mqtt.connect.protocol_string", ToServer, name)
	flags, payload := byte(2), counted(texts["mqtt.connect.clientid"])
	has := func(bit byte, before string, names ...string) {
		asked := false
		for _, n := range names {
			_, ok := texts[n]
			asked = asked || ok
		}
		if !asked {
			return
		}
		flags |= bit
		payload += before
		for _, n := range names {
			payload += counted(texts[n])
		}
	}
	has(0x04, five, "mqtt.connect.willtopic", "mqtt.connect.willmessage")
	has(0x80, "", "mqtt.connect.username")
	has(0x40, "", "mqtt.connect.password")
	t.say(ToServer, control(0x10, counted(name), string([]byte{byte(level), flags, 0, 60}), five, payload))
	t.say(ToClient, control(0x20, string([]byte{byte(m.choose("mqtt.present", rng, 0)), byte(m.choose("mqtt.code", rng, 0))}), five))
	t.opening = len(t.messages)
	const id = "\x00\x07"
	if s, ok := texts["mqtt.subscribe.topic"]; ok {
		t.say(ToServer, control(0x82, id, five, counted("own/#"), "\x00", counted(s), "\x01"))
		t.say(ToClient, control(0x90, id, five, "\x00\x01"))
	}
	if s, ok := texts["mqtt.unsubscribe.topic"]; ok {
		t.say(ToServer, control(0xa2, id, five, counted(s)))
		t.say(ToClient, control(0xb0, id, five))
	}
	t.say(ToServer, control(0x30, counted(texts["mqtt.publish.topic"]), five, texts["mqtt.publish.message"]))
	for _, n := range slices.Sorted(maps.Keys(texts)) {
		if n != "mqtt.connect.protocol_string" {
			t.hold(n, ToServer, texts[n])
		}
	}
	return t, nil
}
