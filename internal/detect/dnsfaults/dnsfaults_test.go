package dnsfaults_test

import (
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/dnsfaults"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestCaptures(t *testing.T) {
	for _, c := range []struct {
		file, code string
		conf       finding.Confidence
		says       []string
	}{
		{"dns-server-silent/inside.pcap", dnsfaults.Silent, finding.Likely, []string{"the name server 10.2.0.2 answers nobody", "2 look-ups of 10.1.0.11 and 10.1.0.12 failed",
			"its last answer before came at", "its next answer came at", "or: a packet filter", "run: Linux ss -lunp 'sport = :53'"}},
		{"dns-server-silent-names/inside.pcap", dnsfaults.Silent, finding.Certain, []string{"the name server 10.2.0.2 does not answer for www.dead.example",
			"not: a packet filter that drops queries or answers silently: answers to the same clients for other names (www.good.example) came through meanwhile"}},
		{"dns-server-silent-client/inside.pcap", dnsfaults.Silent, finding.Likely, []string{"answers others but not 10.1.0.12", "of other clients"}},
		{"dns-servfail-dnssec/inside.pcap", dnsfaults.ServFail, finding.Certain, []string{"10.2.0.2 refuses the names of signed.example: their DNSSEC signatures do not verify", "extended error 9",
			"4 answers \"server failure\" for signed.example", "it answered 2 queries for other zones meanwhile", "gives up the protection"}},
		{"dns-servfail-unreachable/inside.pcap", dnsfaults.ServFail, finding.Likely, []string{"10.2.0.2 answers \"server failure\" for dead.example", "or: another reason"}},
		{"dns-tc-no-tcp/inside.pcap", dnsfaults.NoTCP, finding.Certain, []string{"long answers of the name server 10.2.0.2 cannot come: TCP port 53 is closed to 10.1.0.11", "it went unanswered", "2 look-ups failed",
			"tcp dport 53 accept"}},
		{"dns-tc-refused/inside.pcap", dnsfaults.NoTCP, finding.Certain, []string{"it was refused", "it must (RFC 7766)"}},
		{"dns-tc-prohibited/inside.pcap", dnsfaults.NoTCP, finding.Certain, []string{"TCP port 53 is closed to fd00:1::11", "it was refused by fd00:1::1 with an ICMP error", "2 look-ups failed", "ip6 daddr fd00:2::2 tcp dport 53 accept"}},
		{"dns-servfail-named/inside.pcap", dnsfaults.ServFail, finding.Likely, []string{"fd00:2::2 answers \"server failure\" for dead.example"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			detecttest.Says(t, detecttest.All(t, detecttest.Run(t, nil, c.file), 1, c.code, c.conf)[0], c.says...)
		})
	}
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, f := range []string{"dns-server-silent-remedied/inside.pcap", "dns-servfail-dnssec-remedied/inside.pcap", "dns-tc-no-tcp-remedied/inside.pcap",
		"dns-tc-no-tcp-remedied/outside.pcap", "dns-tc-no-tcp/outside.pcap", "dns-slow/inside.pcap", "dns-servfail-once/inside.pcap", "clean-wan/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, f))
	}
}

// Single look-ups of which a datagram was lost, while the others are answered, are no silence.
func TestLostDatagrams(t *testing.T) {
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.Lossy}, "amplification-clients/inside.pcap"), dnsfaults.Silent)
}

// An error that comes back is no silence.
func TestICMPIsNoSilence(t *testing.T) {
	detecttest.None(t, detecttest.Run(t, nil, "icmp-unreachable-port/inside.pcap"), dnsfaults.Silent)
}

// Without the answers of the server nothing shows that it is silent: the capture may lack them.
func TestOneDirection(t *testing.T) {
	for _, f := range []string{"dns-server-silent", "dns-server-silent-names", "dns-tc-no-tcp"} {
		drop := func() capture.Fault {
			return capture.DropWhere(detecttest.Packet(func(p *packet.Packet) bool { return p.Src == packet.MustAddr("10.2.0.2") || p.IPVersion == 0 }))
		}
		detecttest.Weak(t, detecttest.Run(t, []detecttest.Mutation{drop}, f+"/inside.pcap"), dnsfaults.Silent)
	}
	// so is a network without faults, seen from one side
	drop := func() capture.Fault {
		return capture.DropWhere(detecttest.Packet(func(p *packet.Packet) bool { return p.Src == packet.MustAddr("10.2.0.2") }))
	}
	detecttest.Weak(t, detecttest.Run(t, []detecttest.Mutation{drop}, "dns-server-silent-remedied/inside.pcap"), dnsfaults.Silent)
}

// Whatever a capture lost, one code is not taken for another.
func TestDamaged(t *testing.T) {
	for _, c := range []struct{ file, code string }{
		{"dns-server-silent/inside.pcap", dnsfaults.Silent}, {"dns-servfail-dnssec/inside.pcap", dnsfaults.ServFail}, {"dns-tc-no-tcp/inside.pcap", dnsfaults.NoTCP},
	} {
		for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(c.code+" "+d.Name, func(t *testing.T) {
				for _, f := range detecttest.Run(t, []detecttest.Mutation{d.Make}, c.file).Findings {
					if f.Confidence == finding.Certain && f.Code.ID != c.code && (f.Code.ID == dnsfaults.Silent || f.Code.ID == dnsfaults.ServFail || f.Code.ID == dnsfaults.NoTCP) {
						t.Errorf("certain of %s: %s", f.Code.ID, f.Title)
					}
				}
			})
		}
	}
}

// A server whose answers begin to come is not silent, whether the network lost the rest or the capture cut it.
func TestLostFragments(t *testing.T) {
	for _, file := range []string{"fragment-lost/inside.pcap", "fragment-lost-ipv6/inside.pcap", "fragment-lost-ipv6/outside.pcap"} {
		for _, ms := range [][]detecttest.Mutation{nil, {detecttest.Short}} {
			detecttest.None(t, detecttest.Run(t, ms, file), dnsfaults.Silent)
		}
	}
	detecttest.Says(t, detecttest.All(t, detecttest.Run(t, nil, "dns-server-silent/inside.pcap"), 1, dnsfaults.Silent, finding.Likely)[0],
		"not: answers so large that they travel in fragments, of which one is lost")
}
