package refused_test

import (
	"fmt"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const (
	closed    = "tcp-closed-port"
	middlebox = "tcp-refused-by-middlebox"
)

func TestClosedPort(t *testing.T) {
	for _, files := range [][]string{{"closed-port/inside.pcap"}, {"closed-port/outside.pcap"}, {"closed-port/inside.pcap", "closed-port/outside.pcap"}} {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			fs := detecttest.All(t, detecttest.Run(t, nil, files...), 2, closed, finding.Likely)
			detecttest.Says(t, fs[0], "10.2.0.2 itself refuses port 8443: nothing listens there (medium, likely, 2)", "10.1.0.11 and 10.1.0.12 asked 10.2.0.2 for a connection to port 8443; each request was refused at once",
				"not: a device on the way that refuses in the server's name", "or: a rule of the server's own firewall", "run: Linux ss -ltnp 'sport = :8443'",
				"2 attempts failed at once", "other ports of 10.2.0.2 answered 4 times")
			detecttest.Says(t, fs[1], "fd00:2::2 itself refuses port 8443")
		})
	}
	f := detecttest.Run(t, nil, "closed-port/inside.pcap").Findings[0]
	detecttest.Says(t, f, "from 10.1.0.11:59402 was answered with a reset after", "[51 52]", "TTL 63, as other packets of 10.2.0.2 [52 6]")
}

func TestMiddlebox(t *testing.T) {
	fs := detecttest.All(t, detecttest.Run(t, nil, "refused-by-middlebox/inside.pcap"), 2, middlebox, finding.Likely)
	detecttest.Says(t, fs[0], "a device 1 hop nearer than 10.2.0.2 refuses port 8443 in its name", "the resets have TTL 64, other packets of 10.2.0.2 have 63 [52 6]",
		"not: the server itself, with another TTL for its resets: no system sends with a TTL of 65", "or: an address that forwards its other ports",
		"it is hop 1 from where this was captured", "run: nftables nft insert rule inet filter forward ip saddr 10.1.0.11 ip daddr 10.2.0.2 tcp dport 8443 accept")
	fs = detecttest.All(t, detecttest.Run(t, nil, "refused-by-middlebox/inside.pcap", "refused-by-middlebox/outside.pcap"), 2, middlebox, finding.Certain)
	detecttest.Says(t, fs[0], "the requests never came to outside.pcap, nor did the resets", "the server has the same address at inside.pcap and outside.pcap")
	detecttest.None(t, detecttest.Run(t, nil, "refused-by-middlebox/outside.pcap"))
}

// TestSSH: a reset from nearer that counts from another TTL is told by its time; a service with the loopback address alone
// by the machine's own hop limit, over IPv6.
func TestSSH(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "refused-by-middlebox-ssh/inside.pcap"), middlebox, finding.Likely)
	detecttest.Says(t, f, "a device nearer than 10.2.0.2 refuses port 22 in its name", "not: the server itself, with another TTL", "or: an address that forwards")
	f = detecttest.Only(t, detecttest.Run(t, nil, "closed-port-ssh/inside.pcap"), closed, finding.Likely)
	detecttest.Says(t, f, "fd00:2::2 itself refuses port 22", "make it listen on fd00:2::2")
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, dir := range []string{"closed-port-remedied", "refused-by-middlebox-remedied", "timewait-silent", "syn-silent-port", "half-open-reset", "clean-wan", "clean-nat"} {
		for _, file := range []string{"inside.pcap", "outside.pcap"} {
			if name := dir + "/" + file; exists(t, name) {
				detecttest.None(t, detecttest.Run(t, nil, name), closed, middlebox)
			}
		}
	}
}

// TestDamaged: whatever the capture lost, a closed port is never laid at a device's door, nor the reverse.
func TestDamaged(t *testing.T) {
	for _, c := range []struct{ file, right, wrong string }{
		{"closed-port/inside.pcap", closed, middlebox},
		{"refused-by-middlebox/inside.pcap", middlebox, closed},
	} {
		for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(c.right+" "+d.Name, func(t *testing.T) {
				detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{d.Make}, c.file), c.wrong)
			})
		}
	}
	r := detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutSYN}, "closed-port/inside.pcap")
	detecttest.None(t, r, closed, middlebox)
	r = detecttest.Run(t, []detecttest.Mutation{detecttest.Doubled}, "closed-port/inside.pcap")
	detecttest.All(t, r, 2, closed, finding.Likely)
}

// TestNothingToCompareWith: the server's own TTL unknown, neither answer is claimed.
func TestNothingToCompareWith(t *testing.T) {
	only := func(p *packet.Packet) bool {
		return p.Proto == packet.ProtoTCP && p.SrcPort != 8443 && p.DstPort != 8443
	}
	lose := func() capture.Fault { return capture.DropWhere(detecttest.Packet(only)) }
	for _, file := range []string{"closed-port/inside.pcap", "refused-by-middlebox/inside.pcap"} {
		r := detecttest.Run(t, []detecttest.Mutation{lose}, file)
		fs := detecttest.All(t, r, 2, closed, finding.Possible)
		detecttest.Says(t, fs[0], "10.2.0.2 refused 2 requests for port 8443", "nothing else of 10.2.0.2 was seen", "or: a device on the way", "or: a rule of the server's own firewall")
		if len(fs[0].Remedy) != 0 {
			t.Error("a remedy is offered though the cause is open")
		}
	}
	// with the other side of the device, its place is known even so
	r := detecttest.Run(t, []detecttest.Mutation{lose}, "refused-by-middlebox/inside.pcap", "refused-by-middlebox/outside.pcap")
	detecttest.Weak(t, r, closed)
}

func exists(t *testing.T, name string) bool {
	t.Helper()
	s, err := capture.OpenFile(detecttest.Path(t, name), capture.FileOptions{})
	if err != nil {
		return false
	}
	return s.Close() == nil
}
