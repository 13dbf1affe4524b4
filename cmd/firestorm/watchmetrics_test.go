//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/count"
	"firestorm/internal/event"
	"firestorm/internal/sensor"
)

// TestMetrics: the numbers of a run are on the page, each name is in docs/operating.md, and rules beyond the bound are counted
// together.
func TestMetrics(t *testing.T) {
	opt := &sensor.Options{MaxMemory: 5 << 20}
	a := &app{stderr: io.Discard, getenv: func(string) string { return "" }}
	x, err := a.farOutputs(&farFlags{metrics: "127.0.0.1:0", syslog: []string{"udp:127.0.0.1:9", "udp:127.0.0.1:9"}}, &readOptions{}, "eth0", opt)
	if err != nil {
		t.Fatal(err)
	}
	defer x.end(nil, nil)
	x.status(&sensor.Status{Now: 100e9, Last: 97e9, Packets: 11, Bytes: 700, Lost: 2, NotUsed: []count.Item{{What: "odd \"one\"", N: 3}}, Behind: 4, Rounds: 8,
		HandedOver: 6, Links: []capture.Link{{Name: "eth0", Packets: 11, Lost: 2, Rings: []capture.RingState{{Packets: 9, Lost: 2}, {Packets: 2}}, Blind: 98e9, Why: "down", Last: 97e9}}})
	for i := range ruleHitsKept + 5 {
		for range 2 {
			_ = opt.Sinks[0].Event(&event.Alert{Rule: &event.RuleInfo{GID: 1, SID: uint32(i)}})
		}
	}
	res, err := http.Get(fmt.Sprintf("http://%s/metrics", x.meter.at))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, want := range []string{"packets_total 11", "bytes_total 700", "packets_lost_total 2", `packets_unused_total{reason="odd \"one\""} 3`, "last_packet_age_seconds 3",
		`interface_blind{interface="eth0"} 1`, `interface_blind_since_seconds{interface="eth0"} 98`, "rounds_behind 4", "memory_limit_bytes 5.24288e+06", `rule_hits_total{rule="1:7"} 2`, `rule_hits_total{rule="others"} 10`,
		`output_up{output="syslog-2"} 1`, `output_queue_length{output="metrics"} 0`, "status_timestamp_seconds 100",
		"packets_handed_over_total 6", `ring_packets_total{interface="eth0",ring="1"} 2`, `ring_lost_total{interface="eth0",ring="0"} 2`} {
		if !strings.Contains(page, "\nfirestorm_"+want+"\n") {
			t.Errorf("no %s in %s", want, page)
		}
	}
	doc, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (firestorm_\w+) `).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(string(doc), "`"+m[1]+"`") {
			t.Errorf("%s is not in docs/operating.md", m[1])
		}
	}
}
