package ntpfaults_test

import (
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/ntpfaults"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestCaptures(t *testing.T) {
	for _, c := range []struct {
		file string
		says []string
	}{
		{"ntp-silent/inside.pcap", []string{"the time server 10.2.0.2 does not answer 10.1.0.11 and 10.1.0.12", "12 questions went unanswered", "it answered nobody in this capture", "or: a packet filter",
			"other packets of 10.2.0.2 were seen here"}},
		{"ntp-unsynchronised/inside.pcap", []string{"the time server 10.2.0.2 has no time itself", "leap indicator 3", "or: a server that was started a moment ago", "chronyc sources -v"}},
		{"ntp-dropped-v6/inside.pcap", []string{"the time server fd00:2::2 does not answer fd00:1::11", "6 questions went unanswered", "it answered another client", "ip6 daddr fd00:2::2 udp dport 123 accept"}},
		{"ntp-restarted/inside.pcap", []string{"the time server fd00:2::2 has no time itself"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			detecttest.Says(t, detecttest.All(t, detecttest.Run(t, nil, c.file), 1, ntpfaults.Code, finding.Likely)[0], c.says...)
		})
	}
}

func TestNearMisses(t *testing.T) {
	for _, f := range []string{"ntp-remedied/inside.pcap", "ntp-remedied/outside.pcap", "icmp-unreachable-port/inside.pcap", "clean-wan/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, f), ntpfaults.Code)
	}
	// two questions are no silence
	few := func() capture.Fault {
		n := 0
		return capture.DropWhere(detecttest.Packet(func(p *packet.Packet) bool {
			if p.Proto != packet.ProtoUDP || p.Src != packet.MustAddr("10.1.0.11") {
				return p.Proto == packet.ProtoUDP
			}
			n++
			return n > 2
		}))
	}
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{few}, "ntp-silent/inside.pcap"), ntpfaults.Code)
}

// Without anything from the server the capture may lack its answers.
func TestOneDirection(t *testing.T) {
	drop := func() capture.Fault {
		return capture.DropWhere(detecttest.Packet(func(p *packet.Packet) bool { return p.Src == packet.MustAddr("10.2.0.2") }))
	}
	for _, f := range []string{"ntp-silent/inside.pcap", "ntp-remedied/inside.pcap", "ntp-unsynchronised/inside.pcap"} {
		detecttest.Weak(t, detecttest.Run(t, []detecttest.Mutation{drop}, f), ntpfaults.Code)
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			detecttest.Weak(t, detecttest.Run(t, []detecttest.Mutation{d.Make}, "ntp-remedied/inside.pcap"), ntpfaults.Code)
		})
	}
}
