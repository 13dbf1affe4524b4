package scan_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/scan"
	"firestorm/internal/finding"
)

func TestPorts(t *testing.T) {
	for _, c := range []struct {
		file string
		conf finding.Confidence
		sev  finding.Severity
		says []string
	}{
		{"scan-syn/outside.pcap", finding.Likely, finding.Medium, []string{"203.0.113.9 tried 163 doors of 10.2.0.2", "2 opened: 80 and 8080 on 10.2.0.2",
			"It is looking, not yet breaking in", "nobody else was seen to use: 8080 on 10.2.0.2", "half-open", "as Nmap makes them", "do not block the address for this alone"}},
		{"scan-connect/inside.pcap", finding.Certain, finding.High, []string{"10.1.0.13 tried 204 doors of 2 machines", "205 × whole connections",
			"Then it came back and used 10.2.0.2:8080", "ss -tunp state syn-sent"}},
		{"scan-stealth/inside.pcap", finding.Likely, finding.High, []string{"32 doors", "× FIN", "× NULL", "× Xmas", "× Maimon (FIN with ACK)", "× ACK"}},
		{"scan-udp/inside.pcap", finding.Likely, finding.High, []string{"49 doors of 10.2.0.2", "× UDP"}},
		{"scan-proto/inside.pcap", finding.Likely, finding.High, []string{"× IP protocol"}},
		{"scan-decoys/outside.pcap", finding.Likely, finding.Medium, []string{"somebody tried 42 doors of 10.2.0.2 in the names of 4 addresses", "at most one of the names is real"}},
		{"scan-shared/outside.pcap", finding.Likely, finding.Medium, []string{"5 addresses share one search of 10.2.0.2: 61 doors", "no door was tried twice"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			f := detecttest.Only(t, detecttest.Run(t, nil, c.file), scan.Ports, c.conf)
			detecttest.Says(t, f, c.says...)
			if f.Severity != c.sev {
				t.Errorf("%s, want %s", f.Severity, c.sev)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "scan-sweep/inside.pcap"), scan.Hosts, finding.Likely)
	detecttest.Says(t, f, "10.1.0.13 looked for 2 ports on 59 machines", "1 opened: 10.2.0.2:80", "more than a thousand million times")
	f = detecttest.Only(t, detecttest.Run(t, nil, "scan-masscan/inside.pcap"), scan.Hosts, finding.Likely)
	detecttest.Says(t, f, "on 64 machines", "without the options that every operating system's TCP sends", "nobody else was seen to use 8080 on 10.2.0.2")
	f = detecttest.Only(t, detecttest.Run(t, nil, "scan-ping/inside.pcap"), scan.Hosts, finding.Likely)
	detecttest.Says(t, f, "looked for answers to ping on 60 machines", "2 opened: 10.2.0.1, 10.2.0.2")
}

// TestSlow: ten doors of five machines, below every rate.
func TestSlow(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "scan-slow/inside.pcap"), scan.Slow, finding.Likely)
	detecttest.Says(t, f, "first contacts of 10.1.0.13 fail too often: 5 of 5 machines", "1024 times likelier")
	f = detecttest.Only(t, detecttest.Run(t, nil, "scan-slow-ipv6/inside.pcap"), scan.Slow, finding.Likely)
	detecttest.Says(t, f, "first contacts of fd00:1::13 fail too often: 6 of 6 machines")
}

// TestCrowd: a hundred strangers with one knock each are one quiet line, not eight services that are down.
func TestCrowd(t *testing.T) {
	r := detecttest.Run(t, nil, "scan-nothing-one/outside.pcap")
	f := detecttest.Only(t, r, scan.Background, finding.Certain)
	detecttest.Says(t, f, " addresses tried ", "0 searches", "none: they found nothing")
	if len(f.Explains) != 1 || f.Explains[0].Code != "tcp-closed-port" || f.Explains[0].Count < 100 {
		t.Errorf("explains %v", f.Explains)
	}
}

// TestNothingFound: strangers who find nothing, or what everybody uses, are one quiet line.
func TestNothingFound(t *testing.T) {
	for file, says := range map[string][]string{
		"scan-nothing/outside.pcap":      {"4 addresses tried 92 doors in vain", "4 searches", "none: they found nothing"},
		"scan-nothing-ipv6/outside.pcap": {"3 addresses tried 69 doors in vain", "3 searches", "none: they found nothing"},
		"scan-syn-remedied/outside.pcap": {"1 address tried", "1 door opened to them that others use, too"},
	} {
		r := detecttest.Run(t, nil, file)
		detecttest.None(t, r)
		detecttest.None(t, r, scan.Ports, scan.Hosts, scan.Slow)
		n := 0
		for _, f := range r.Findings {
			if f.Code.ID == scan.Background {
				n++
				detecttest.Says(t, f, says...)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d lines", file, n)
		}
	}
}

func TestNoScan(t *testing.T) {
	for _, file := range []string{"scan-monitor/inside.pcap", "scan-outage/inside.pcap", "syn-flood/inside.pcap", "syn-flood/outside.pcap", "syn-flood-crowd/outside.pcap",
		"closed-port/inside.pcap", "syn-silent-host-off/inside.pcap", "icmp-unreachable-traceroute/inside.pcap", "snat-exhausted/outside.pcap",
		"clean-dhcp/inside.pcap", "clean-crawler/inside.pcap", "clean-monitor/lan.pcap", "clean-nat-busy/inside.pcap", "clean-nat-busy/outside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), scan.Ports, scan.Hosts, scan.Slow, scan.Background)
	}
}

// TestDamaged: what the capture does not show is not claimed.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("203.0.113.9", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "scan-syn/outside.pcap")
			switch d.Name {
			case "no packets from the server", "no packets from the client", "no SYN":
				detecttest.None(t, r, scan.Hosts, scan.Slow)
				for _, f := range r.Findings {
					if f.Code.ID == scan.Ports && detecttest.Claims(f) {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
			default: // resets and answers by the hundred: a twentieth lost, or doubled, changes nothing
				detecttest.Only(t, r, scan.Ports, finding.Likely)
			}
		})
	}
}
