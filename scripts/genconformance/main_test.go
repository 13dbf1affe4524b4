package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestPage: rates without the tests that an empty log passes, and reasons in the order of how often.
func TestPage(t *testing.T) {
	failed := result{Test: "b", Status: "fail", Class: "core", Category: "dns"}
	failed.Failed = append(failed.Failed, struct {
		Kind   string          `json:"kind"`
		Detail json.RawMessage `json:"detail"`
	}{"filter", json.RawMessage(`{"want":1,"got":0,"match":{"event_type":"dns"}}`)})
	list := []result{{Status: "pass", Class: "core", Category: "dns"}, {Status: "pass", Vacuous: true, Class: "core", Category: "dns"}, failed, failed,
		{Status: "fail", Exit: 2, Stderr: "x.rules:3: sid 7: frame: not run\n", Class: "advanced", Category: "frames"},
		{Status: "pass", Class: "core", Category: evader}, {Status: "skip", Reason: "version >= 9", Class: "core", Category: "dns"}}
	var b strings.Builder
	page(&b, list, "2026-11-28", "run it")
	for _, want := range []string{"| core without http-evader | 2 | 2 | 1 | 50.0 % | 33.3 % |", "| http-evader | 1 | 0 | 0 | 100.0 % | 100.0 % |",
		"| 2 | a record is missing or has other fields: dns |\n| 1 | a rule was refused: `frame` |", "- 1: version >= 9", "```\nrun it\n```"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
