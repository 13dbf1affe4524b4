package synflood_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const code = "syn-flood"

func TestFlood(t *testing.T) {
	in, out := "syn-flood/inside.pcap", "syn-flood/outside.pcap"
	f := detecttest.Only(t, detecttest.Run(t, nil, out), code, finding.Certain)
	detecttest.Says(t, f, "10.2.0.2:80 is flooded: 2827 connection requests from at least 2550 addresses in 2.29 s, 12 of them completed",
		"in 150 different /8 networks", "100 % arrive with TTL 63, 99 % with the same options", "0 of 980 that waited longer than 3.00 s asked again",
		"never: for those the server kept no memory (SYN cookies)", "others are still served: 12 connections completed during the flood",
		"not: a service that is down while its clients keep trying: it served others meanwhile", "sysctl -w net.ipv4.tcp_syncookies=1")
	if f.Severity != finding.Medium {
		t.Errorf("%s though others are served", f.Severity)
	}
	f = detecttest.Only(t, detecttest.Run(t, nil, in), code, finding.Certain) // answers take another way
	detecttest.Says(t, f, "the server answered 11 of them", "not all equally far away (TTL 64)")
	f = detecttest.Only(t, detecttest.Run(t, nil, in, out), code, finding.Certain)
	detecttest.Says(t, f, "the server answered 2778 of them")
}

// TestOne: one machine floods a service without SYN cookies, and real clients are turned away.
func TestOne(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "syn-flood-one/outside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "10.2.0.2:80 is flooded: 714 connection requests, 98 % of them from 10.1.0.13, in ", "one machine, 10.1.0.13, asks", "2 requests of others got no answer during the flood",
		"2 requests that asked again as a real client does got no answer", "block the source", "ip saddr 10.1.0.13 tcp dport 80 drop")
	if f.Severity != finding.High {
		t.Errorf("%s though clients are turned away", f.Severity)
	}
}

func TestIPv6(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "syn-flood-ipv6/outside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, "[fd00:2::2]:80 is flooded", "others are still served", "ip6 daddr fd00:2::2")
}

// TestStopped: a filter between two captures keeps the flood from the server.
func TestStopped(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "syn-flood-remedied/inside.pcap", "syn-flood-remedied/outside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "a flood against 10.2.0.2:80 is stopped on the way: 3016 connection requests", "none at the server: the requests do not get as far as outside.pcap")
	if f.Severity != finding.Low {
		t.Errorf("%s though nothing of it arrives", f.Severity)
	}
}

func TestNoFlood(t *testing.T) {
	for _, files := range [][]string{{"syn-flood-crowd/inside.pcap"}, {"syn-flood-crowd/outside.pcap"}, {"syn-flood-remedied/outside.pcap"}} {
		r := detecttest.Run(t, nil, files...)
		detecttest.None(t, r)
		detecttest.None(t, r, code)
	}
}

// TestDamaged: the flood is in the requests, so most damages leave it; without requests there is nothing to claim.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "syn-flood/outside.pcap")
			switch d.Name {
			case "no SYN":
				detecttest.None(t, r)
				detecttest.None(t, r, code)
			case "every 20th frame lost":
				for _, f := range r.Findings {
					if f.Code.ID != code && detecttest.Claims(f) {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
			default:
				detecttest.Only(t, r, code, finding.Certain)
			}
		})
	}
}
