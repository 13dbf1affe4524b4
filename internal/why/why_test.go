package why_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/internal/why"
)

func ask(t *testing.T, client, server string, file string) *why.Answer {
	t.Helper()
	q, err := why.Parse(client, server)
	if err != nil {
		t.Fatal(err)
	}
	src, err := capture.OpenFile(filepath.Join("../../testdata/captures", file), capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors})
	if err != nil {
		t.Fatal(err)
	}
	return why.Ask(q, why.Input{Ledger: r.Ledger, Findings: r.Findings, Gates: r.Gates, Begin: r.First, Files: []string{file}, Vantage: -1, Same: r.Same})
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, client, server, file string
		verdict                    string // must be in it
		finding                    string // code of the first hint; empty: none
		next                       bool
	}{
		{"founding case", "192.168.0.1", "10.0.0.254:80", "founding-timewait/founding.pcap", "reuse a port within 240 s", "tcp-timewait-reuse", true},
		{"one client filtered", "10.1.0.12", "10.2.0.2:80", "syn-silent-source/inside.pcap", "1 other client is fine", "tcp-syn-silent-drop", true},
		{"all well", "any", "10.2.0.2:80", "clean-nat/inside.pcap", "never failed", "", false},
		{"never seen", "10.1.0.12", "192.0.2.99", "clean-nat/inside.pcap", "nothing in this capture", "", true},
		{"other ports only", "10.1.0.12", "10.2.0.2:9999", "clean-nat/inside.pcap", "other ports of the server were tried", "", true},
		{"network and IPv6", "fd00:1::/64", "[fd00:2::2]:80", "clean-nat/inside.pcap", "never failed", "", false},
	} {
		a := ask(t, c.client, c.server, c.file)
		if !strings.Contains(a.Verdict, c.verdict) {
			t.Errorf("%s: %q does not say %q", c.name, a.Verdict, c.verdict)
		}
		got := ""
		if len(a.Findings) > 0 {
			got = a.Findings[0].Code
		}
		if got != c.finding {
			t.Errorf("%s: finding %q, want %q", c.name, got, c.finding)
		}
		if (len(a.Next) > 0) != c.next {
			t.Errorf("%s: next %v", c.name, a.Next)
		}
		if a.Worked+a.Failed+a.Open != a.Attempts {
			t.Errorf("%s: %d + %d + %d is not %d", c.name, a.Worked, a.Failed, a.Open, a.Attempts)
		}
	}
}

func TestParse(t *testing.T) {
	for _, ok := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"any", "10.0.0.2:80"}, {"*", "2001:db8::1"}, {"10.0.0.0/8", "[2001:db8::1]:443"}, {"fe80::1", "10.0.0.0/24:22"}} {
		if _, err := why.Parse(ok[0], ok[1]); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
	for _, bad := range [][2]string{{"", "10.0.0.2"}, {"10.0.0.1", "www"}, {"10.0.0.1", "10.0.0.2:0"}, {"10.0.0.1", "10.0.0.2:99999"}, {"10.0.0.1", "10.0.0.2:http"}, {"host", "10.0.0.2"}} {
		if q, err := why.Parse(bad[0], bad[1]); err == nil {
			t.Errorf("%v was taken for %s", bad, &q)
		}
	}
}
