//go:build linux

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/finding"
	"firestorm/internal/sensor"
)

// TestFarOutputs: findings reach a log server and an address on the web, with the secret from the environment alone; that the
// sensor is blind is told too. One who is gone is said, and nobody waits for him.
func TestFarOutputs(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	posted := make(chan string, 4)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		posted <- r.Header.Get("Authorization") + " " + string(b)
	}))
	defer web.Close()
	a := &app{stderr: io.Discard, getenv: func(name string) string {
		if name == webhookSecret {
			return "Bearer hidden"
		}
		return ""
	}}
	x, err := a.farOutputs(&farFlags{syslog: []string{"udp:" + server.LocalAddr().String()}, webhook: []string{web.URL}}, &readOptions{}, "eth0", &sensor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x.news(&finding.Finding{ID: "FS-abcdef", Code: &finding.Code{ID: "arp-scan"}, Title: "somebody looks for hosts", Confidence: finding.Likely, Severity: finding.Medium})
	x.status(&sensor.Status{Links: []capture.Link{{Name: "eth0", Blind: 5, Why: "down"}}})
	b := make([]byte, 4096)
	var logged string
	server.SetReadDeadline(time.Now().Add(10 * time.Second))
	for range 2 {
		n, _, err := server.ReadFrom(b)
		if err != nil {
			t.Fatalf("%v after %s", err, logged)
		}
		logged += string(b[:n]) + "\n"
	}
	for _, want := range []string{"arp-scan", "somebody looks for hosts", "blind since", "eth0 is down"} {
		if !strings.Contains(logged, want) {
			t.Errorf("%q is not in %s", want, logged)
		}
	}
	var got string
	for range 2 { // the finding and the alarm, in either order
		select {
		case p := <-posted:
			if !strings.HasPrefix(p, "Bearer hidden {") {
				t.Errorf("posted %s", p)
			}
			got += p
		case <-time.After(10 * time.Second):
			t.Fatalf("posted no more than %q", got)
		}
	}
	if !strings.Contains(got, `"FS-abcdef"`) || !strings.Contains(got, "eth0 is down") {
		t.Errorf("posted %s", got)
	}
	if w := x.end(nil, nil); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}

	gone, err := a.farOutputs(&farFlags{webhook: []string{"http://127.0.0.1:1/"}}, &readOptions{}, "eth0", &sensor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	w := gone.end([]*finding.Finding{{ID: "FS-abcdef", Code: &finding.Code{ID: "arp-scan"}, Confidence: finding.Likely}}, nil)
	if took := time.Since(begin); took > 5*time.Second || len(w) != 1 || !strings.Contains(w[0], "1 findings did not arrive at the output webhook") || strings.Contains(w[0], "hidden") {
		t.Errorf("%v, %q", took, w)
	}
	for _, bad := range []farFlags{{syslog: []string{"carrier:pigeon"}}, {webhook: []string{"ftp://x/"}}} {
		if _, err := a.farOutputs(&bad, &readOptions{}, "eth0", &sensor.Options{}); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
