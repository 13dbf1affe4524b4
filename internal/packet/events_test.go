package packet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"firestorm/internal/packet"
)

// TestEventsOfPeer counts decode events in captures for which the peer's suite says how many its own decoder
// raises. "only" wants no other decode event.
func TestEventsOfPeer(t *testing.T) {
	dir := filepath.Join(shared(t), "conformance", "suricata-verify", "tests")
	for _, c := range []struct {
		file string
		only bool
		want map[packet.Anomaly]int
	}{
		{"output-eve-anomaly-packethdr/anomaly.pcap", true, map[packet.Anomaly]int{
			packet.BadICMPv4UnknownType: 42, packet.BadICMPv4UnknownCode: 4, packet.BadIPv4TruncPkt: 2}},
		{"output-eve-anomaly-02/input.pcap", true, nil},
		{"bug-7146/input.pcap", false, map[packet.Anomaly]int{packet.BadIPv4UnknownProtocol: 1}},
		{"bug-7964-02/wrong-version-ipv6-ipv6.pcap", false, map[packet.Anomaly]int{packet.BadIPv6IPv6InIPv6WrongVersion: 1}},
		{"igmp/igmp-v1-v2-rgmp-01/wireshark-wiki-IGMP-dataset.pcap", false, map[packet.Anomaly]int{
			packet.BadIGMPPktTooSmall: 0, packet.BadIGMPV3PktTooSmall: 0, packet.BadIGMPMalformed: 0}},
		{"ipv6-evasion/ipv6-covert-dstopts/covert_send6.pcap", false, map[packet.Anomaly]int{packet.BadIPv6DstoptsUnknownOpt: 18}},
		{"ipv6-evasion/ipv6-dos-with-ext-headers-6/denial6-6.pcap", false, map[packet.Anomaly]int{packet.BadIPv6FragInvalidLength: 39812}},
		{"ipv6-evasion/ipv6-malformed-fragments-23/frag-23.pcap", false, map[packet.Anomaly]int{packet.BadIPv6FragInvalidLength: 1}},
		{"ipv6-evasion/ipv6-malformed-fragments-33/frag-33.pcap", false, map[packet.Anomaly]int{packet.BadIPv6FragInvalidLength: 1}},
		{"ipv6-evasion/ipv6-malformed-fragments-9/frag-9.pcap", false, map[packet.Anomaly]int{packet.BadIPv6ExthdrUselessFH: 1}},
		{"ipv6-evasion/ipv6-malformed-fragments-11/frag-11.pcap", false, map[packet.Anomaly]int{
			packet.BadIPv6ExthdrUselessFH: 1, packet.BadIPv6ExthdrDuplFH: 1}},
		{"ipv6-evasion/ipv6-malformed-fragments-26/frag-26.pcap", false, map[packet.Anomaly]int{
			packet.BadIPv6ExthdrUselessFH: 1, packet.BadIPv6TruncExthdr: 1}},
		{"ipv6-evasion/ipv6-malformed-fragments-27/frag-27.pcap", false, map[packet.Anomaly]int{
			packet.BadIPv6ExthdrUselessFH: 1, packet.BadIPv6TruncExthdr: 1}},
		{"pppoe/input.pcap", true, nil},
		{"sctp-max-chunks/sctp-max-chunks.pcap", false, map[packet.Anomaly]int{packet.BadSCTPTooManyChunks: 1}},
		{"tcp-fastopen-09/tcp-opt-invalid-warning.pcap", false, map[packet.Anomaly]int{packet.BadTCPOptInvalidLen: 0}},
		{"udp-5379/udp-len-invalid/input.pcap", false, map[packet.Anomaly]int{packet.BadUDPLenInvalid: 1}},
	} {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join(dir, filepath.FromSlash(c.file))
			if _, err := os.Stat(path); err != nil {
				t.Skipf("not among the captures: %v", err)
			}
			got := map[packet.Anomaly]int{}
			err := eachFrame(path, func(_ int, link layers.LinkType, ci gopacket.CaptureInfo, data []byte) {
				p := packet.Packet{Data: data, Link: packet.LinkType(link), WireLen: uint32(ci.Length)}
				packet.Decode(&p, nil)
				for _, a := range p.Anomalies[:p.NAnomaly] {
					got[a]++
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for a, n := range c.want {
				if got[a] != n {
					t.Errorf("%v: %d, want %d", a, got[a], n)
				}
			}
			var all []string
			for a, n := range got {
				all = append(all, fmt.Sprint(a, " ", n))
				if c.only && c.want[a] == 0 {
					t.Errorf("%v: %d, want none", a, n)
				}
			}
			sort.Strings(all)
			t.Log(all)
		})
	}
}
