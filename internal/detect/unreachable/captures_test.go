package unreachable_test

import (
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const (
	prohibited = "icmp-admin-prohibited"
	unreach    = "icmp-unreachable"
)

func TestCaptures(t *testing.T) {
	for _, c := range []struct {
		dir, code string
		outside   int // findings at the other side of the router
		v4, v6    []string
	}{
		{"icmp-admin-prohibited", prohibited, 0,
			[]string{"the firewall 10.1.0.1 forbids 10.1.0.11 and 10.1.0.12 to reach port 8443 of 10.2.0.2 (medium, certain, 2)", `"forbidden by rule" (ICMP type 3, code 13)`,
				"nft insert rule inet filter forward ip saddr 10.1.0.11 ip daddr 10.2.0.2 tcp dport 8443 accept", "nc -vz -w 5 10.2.0.2 8443"},
			[]string{"the firewall fd00:1::1 forbids", "ICMPv6 type 1, code 1", "ip6 saddr fd00:1::11 ip6 daddr fd00:2::2"}},
		{"icmp-unreachable-net", unreach, 0,
			[]string{"10.1.0.1 has no route to 10.9.1.1", "ICMP type 3, code 0", "ip route get 10.9.1.1", "4 attempts"},
			[]string{"fd00:1::1 has no route to fd00:9::1", "ip -6 route add fd00:9::/64 via the next router", "show ipv6 route"}},
		{"icmp-unreachable-host", unreach, 0,
			[]string{"10.1.0.1 cannot find 10.2.0.77 on its network", "the first was told after 3.07 s", "ip neigh show 10.2.0.77"},
			[]string{"fd00:1::1 cannot find fd00:2::77 on its network", "ICMPv6 type 1, code 3"}},
		{"icmp-unreachable-port", unreach, 2,
			[]string{"nothing listens on UDP port 5353 of 10.2.0.2", "6 errors from 10.2.0.2", "ss -lunp 'sport = :5353'"},
			[]string{"nothing listens on UDP port 5353 of fd00:2::2"}},
	} {
		t.Run(c.dir, func(t *testing.T) {
			in, out := c.dir+"/inside.pcap", c.dir+"/outside.pcap"
			for _, files := range [][]string{{in}, {in, out}} {
				fs := detecttest.All(t, detecttest.Run(t, nil, files...), 2, c.code, finding.Certain)
				v4, v6 := fs[0], fs[1]
				if !v4.Subjects[0].Addr.Is4() {
					v4, v6 = v6, v4
				}
				detecttest.Says(t, v4, c.v4...)
				detecttest.Says(t, v6, c.v6...)
			}
			if c.outside > 0 {
				detecttest.All(t, detecttest.Run(t, nil, out), c.outside, c.code, finding.Certain)
			} else {
				detecttest.None(t, detecttest.Run(t, nil, out))
			}
		})
	}
}

// TestWhoForbids: the destination's own firewall is another place for the remedy than one on the way, and a rule about the
// sender's address is not cured by a port.
func TestWhoForbids(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "icmp-admin-prohibited-host/inside.pcap"), prohibited, finding.Certain)
	detecttest.Says(t, f, "the firewall of 10.2.0.2 itself forbids 10.1.0.11 and 10.1.0.12 to reach ports 22, 53 and 9090 of 10.2.0.2", "ICMP type 3, code 10", "filter input ip saddr 10.1.0.11 tcp dport 9090 accept", "firewall-cmd --permanent --add-port=9090/tcp")
	f = detecttest.Only(t, detecttest.Run(t, nil, "icmp-admin-prohibited-policy/inside.pcap"), prohibited, finding.Certain)
	detecttest.Says(t, f, "the firewall fd00:1::1 does not allow the source address of fd00:1::12", `"source address not allowed" (ICMPv6 type 1, code 5)`, "ip -6 route get fd00:2::2")
}

// TestExplainsSilence: the requests went unanswered too; that is no second finding.
func TestExplainsSilence(t *testing.T) {
	for _, f := range detecttest.Run(t, nil, "icmp-unreachable-host/inside.pcap").Findings {
		if len(f.Explains) != 1 || f.Explains[0].Code != "tcp-syn-silent-drop" || f.Explains[0].Count != 2 {
			t.Errorf("%s explains %v", f.Title, f.Explains)
		}
	}
	f := detecttest.Run(t, nil, "icmp-unreachable-host/inside.pcap", "icmp-unreachable-host/outside.pcap")
	said := false
	for _, x := range f.Findings {
		for _, fact := range x.Facts {
			said = said || fact.Text == "9 times asked for 10.2.0.77 by ARP, no reply"
		}
	}
	if !said {
		t.Error("the router's unanswered ARP requests on the far side are not told")
	}
}

func TestNearMisses(t *testing.T) {
	for _, files := range [][]string{
		{"icmp-unreachable-traceroute/inside.pcap"}, {"icmp-unreachable-traceroute/outside.pcap"},
		{"icmp-unreachable-traceroute/inside.pcap", "icmp-unreachable-traceroute/outside.pcap"},
		{"icmp-admin-prohibited-remedied/inside.pcap"}, {"icmp-unreachable-net-remedied/inside.pcap"},
		{"pmtud-ok/inside.pcap"}, {"pmtud-black-hole/inside.pcap"}, {"closed-port/inside.pcap"},
	} {
		detecttest.None(t, detecttest.Run(t, nil, files...), prohibited, unreach)
	}
	// without the routers' "time exceeded" the row of ports shows the traceroute
	exceeded := func(p *packet.Packet) bool {
		return p.Proto == packet.ProtoICMP && p.ICMPType == 11 || p.Proto == packet.ProtoICMPv6 && p.ICMPType == 3
	}
	lose := func() capture.Fault { return capture.DropWhere(detecttest.Packet(exceeded)) }
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{lose}, "icmp-unreachable-traceroute/inside.pcap"), unreach)
}

// TestDamaged: errors whose packets were not seen are not believed, and nothing else is claimed from them.
func TestDamaged(t *testing.T) {
	for _, dir := range []string{"icmp-admin-prohibited", "icmp-unreachable-net", "icmp-unreachable-host", "icmp-unreachable-port"} {
		code := unreach
		if dir == "icmp-admin-prohibited" {
			code = prohibited
		}
		server := map[string]string{"icmp-unreachable-net": "10.9.1.1", "icmp-unreachable-host": "10.2.0.77"}[dir]
		if server == "" {
			server = "10.2.0.2"
		}
		for _, d := range detecttest.Damages("10.1.0.11", server) {
			t.Run(dir+" "+d.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{d.Make}, dir+"/inside.pcap")
				for _, f := range r.Findings {
					if detecttest.Claims(f) && f.Code.ID != code {
						t.Errorf("%s %s: %s", f.Code.ID, f.Confidence, f.Title)
					}
				}
			})
		}
	}
	both := []detecttest.Mutation{detecttest.Without("10.1.0.11"), detecttest.Without("10.1.0.12")}
	for _, f := range detecttest.Run(t, both, "icmp-admin-prohibited/inside.pcap").Findings {
		if f.Subjects[0].Addr.Is4() {
			t.Errorf("believes an error about packets that were not seen: %s", f.Title)
		}
	}
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutICMP}, "icmp-admin-prohibited/inside.pcap"), prohibited)
}
