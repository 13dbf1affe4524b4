package main

import (
	"maps"
	"strings"
	"testing"

	"firestorm/internal/rules/lang"
)

// TestMQTTSettings: what a suricata.yaml says of MQTT reaches its reader. That it wants passwords
// shown does not.
func TestMQTTSettings(t *testing.T) {
	const eve = "outputs: [{eve-log: {enabled: yes, types: ["
	for text, want := range map[string]map[string]int64{
		"vars: {}":        {},
		eve + "alert]}}]": {},
		eve + "mqtt]}}]":  {"mqtt.string-log-limit": 0},
		eve + "{mqtt: {passwords: yes, string-log-limit: 2kb}}]}}]":                      {"mqtt.string-log-limit": 2048},
		"app-layer: {protocols: {mqtt: {enabled: yes, max-msg-length: 1kb, max-tx: 7}}}": {"mqtt.max-msg-length": 1024, "mqtt.max-tx": 7},
	} {
		s, bad, err := lang.ReadSettings("suricata.yaml", strings.NewReader("%YAML 1.1\n---\n"+text+"\n"))
		if err != nil || len(bad) > 0 {
			t.Fatal(text, err, bad)
		}
		if got := (&suricata{Settings: s}).mqtt(); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
