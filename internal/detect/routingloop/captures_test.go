package routingloop_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const code = "ip-routing-loop"

func TestLoop(t *testing.T) {
	in, out := "routing-loop/inside.pcap", "routing-loop/outside.pcap"
	fs := detecttest.All(t, detecttest.Run(t, nil, out), 2, code, finding.Certain)
	detecttest.Says(t, fs[0], "packets to 10.7.1.1 run in a circle between 10.2.0.1 (12:cf:cb:fe:f5:cf) and 10.2.0.2 (6a:00:d9:e5:45:8e)",
		"its TTL falling from 63 to 61 by 1 at a time", "6 packets to 10.7.1.1 went round like that [17 149 213 277 471 535]", "ip route get 10.7.1.1", "traceroute -n 10.7.1.1")
	detecttest.Says(t, fs[1], "packets to fd00:7::1 run in a circle between", "ip -6 route add blackhole fd00:7::/64")

	// On the clients' side only the complaints of one router are seen.
	fs = detecttest.All(t, detecttest.Run(t, nil, in), 2, code, finding.Likely)
	detecttest.Says(t, fs[0], "packets to 10.7.1.1 run in a circle that 10.2.0.2 is part of", "6 packets expired, says 10.2.0.2, though each had 64 or more hops left",
		"or: a device that gives packets a short life on purpose: one router reports it")

	fs = detecttest.All(t, detecttest.Run(t, nil, in, out), 2, code, finding.Certain)
	detecttest.Says(t, fs[0], "6 packets expired")
}

func TestNoLoop(t *testing.T) {
	for _, files := range [][]string{
		{"routing-loop-remedied/inside.pcap"}, {"routing-loop-remedied/outside.pcap"}, {"routing-loop-remedied/inside.pcap", "routing-loop-remedied/outside.pcap"},
		{"span-routed-twice/span.pcap"}, {"span-duplicates/span.pcap"}, {"clean-span-twice/span.pcap"}, {"icmp-unreachable-traceroute/inside.pcap"},
	} {
		r := detecttest.Run(t, nil, files...)
		detecttest.None(t, r)
		detecttest.None(t, r, code)
	}
}

// TestDamaged: circling packets prove the loop by themselves, whatever else is missing.
func TestDamaged(t *testing.T) {
	for _, d := range append(detecttest.Damages("10.1.0.11", "10.2.0.2"), detecttest.Named{Name: "no ICMP", Make: detecttest.WithoutICMP}, detecttest.Named{Name: "no ARP", Make: detecttest.WithoutARP}) {
		t.Run(d.Name, func(t *testing.T) {
			m := []detecttest.Mutation{d.Make}
			r := detecttest.Run(t, m, "routing-loop/outside.pcap")
			if d.Name == "no SYN" { // the pings of IPv4 go round still; for IPv6 there were none
				detecttest.Only(t, r, code, finding.Certain)
			} else {
				detecttest.All(t, r, 2, code, finding.Certain)
			}
			r = detecttest.Run(t, m, "routing-loop/inside.pcap")
			switch d.Name {
			case "no ICMP": // silence alone
				detecttest.None(t, r, code)
			case "no SYN", "no packets from the server":
				detecttest.Weak(t, r, "tcp-syn-silent-drop")
			default:
				detecttest.Weak(t, r, "tcp-syn-silent-drop")
				detecttest.None(t, r, "icmp-unreachable")
			}
		})
	}
}
