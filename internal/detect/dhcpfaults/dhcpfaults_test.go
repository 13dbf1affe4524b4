package dhcpfaults_test

import (
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/dhcpfaults"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func TestCaptures(t *testing.T) {
	for _, c := range []struct {
		file, code string
		conf       finding.Confidence
		says       []string
	}{
		{"dhcp-no-offer", dhcpfaults.NoOffer, finding.Likely, []string{"(host-c)", "(host-c2)", "no DHCP server answers on this network", "no answer of a DHCP server was seen in this capture at all",
			"not: offers that this capture does not show: it went on asking", "or: another place for the fault", "run: dnsmasq systemctl restart dnsmasq"}},
		{"dhcp-no-offer-pool", dhcpfaults.NoOffer, finding.Likely, []string{"(host-c2) gets no address, while other machines do", "the pool is used up", "meanwhile other machines got"}},
		{"dhcp-nak-loop", dhcpfaults.NAKLoop, finding.Certain, []string{"10.1.0.13 refuses the address 10.1.0.200 that", "3 refusals by 10.1.0.13", "the server says why: \"address not available\"",
			"10.1.0.13 and 10.1.0.14 do not know of each other"}},
		{"dhcp-rogue-server", dhcpfaults.Rogue, finding.Likely, []string{"a second DHCP server, 10.1.0.14", "router 10.1.0.66", "10.1.0.13 offers router 10.1.0.1", "or: a second server that somebody set up on purpose"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			detecttest.Says(t, detecttest.All(t, detecttest.Run(t, nil, c.file+"/inside.pcap"), 1, c.code, c.conf)[0], c.says...)
		})
	}
}

// The same between other programs: a relay, udhcpd, reserved addresses, a home router, name servers that differ.
func TestOthers(t *testing.T) {
	for _, c := range []struct {
		file, code string
		n          int
		conf       finding.Confidence
		says       []string
	}{
		{"dhcp-no-offer-relay/outside.pcap", dhcpfaults.NoOffer, 1, finding.Likely, []string{"no DHCP server answers the relay 10.1.0.1", "the relay 10.1.0.1 passed the questions on"}},
		{"dhcp-nak-loop-image/inside.pcap", dhcpfaults.NAKLoop, 2, finding.Likely, []string{"10.1.0.13 refuses the address 10.1.0.205", "lost its address 3 times"}},
		{"dhcp-nak-loop-reserved/inside.pcap", dhcpfaults.NAKLoop, 2, finding.Likely, []string{"10.1.0.13 refuses the address 10.1.0.205", "lost its address 3 times"}},
		{"dhcp-rogue-home/inside.pcap", dhcpfaults.Rogue, 1, finding.Likely, []string{"offers machines another way out than 10.1.0.13", "router 192.168.0.1"}},
		{"dhcp-rogue-dns/inside.pcap", dhcpfaults.Rogue, 1, finding.Likely, []string{"offers machines another name server than 10.1.0.13", "ask 10.1.0.66 for every name"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			detecttest.Says(t, detecttest.All(t, detecttest.Run(t, nil, c.file), c.n, c.code, c.conf)[0], c.says...)
		})
	}
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, f := range []string{"dhcp-no-offer-remedied", "dhcp-no-offer-pool-remedied", "dhcp-nak-loop-remedied", "dhcp-nak-once", "dhcp-rogue-server-remedied", "dhcp-two-servers"} {
		detecttest.None(t, detecttest.Run(t, nil, f+"/inside.pcap"))
	}
}

// from keeps what one side sends: op 1 is the machines' side, 2 the servers'.
func from(op byte) detecttest.Mutation {
	return func() capture.Fault {
		return capture.DropWhere(detecttest.Packet(func(p *packet.Packet) bool {
			return p.Proto == packet.ProtoUDP && p.PayloadLen > 0 && p.Payload()[0] != op
		}))
	}
}

// Where offers do not pass the place of capture, machines that get one still stop asking: nobody is accused.
func TestOneDirection(t *testing.T) {
	for _, f := range []string{"dhcp-no-offer-remedied", "dhcp-two-servers", "dhcp-rogue-server", "dhcp-nak-once"} {
		detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{from(1)}, f+"/inside.pcap"), dhcpfaults.NoOffer, dhcpfaults.Rogue)
	}
	// only servers: their offers still show that they disagree, and nobody is seen to ask in vain
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{from(2)}, "dhcp-no-offer-pool/inside.pcap"), dhcpfaults.NoOffer)
	detecttest.All(t, detecttest.Run(t, []detecttest.Mutation{from(2)}, "dhcp-rogue-server/inside.pcap"), 1, dhcpfaults.Rogue, finding.Likely)
}

func TestDamaged(t *testing.T) {
	for _, c := range []struct{ file, code string }{{"dhcp-no-offer", dhcpfaults.NoOffer}, {"dhcp-nak-loop", dhcpfaults.NAKLoop}, {"dhcp-rogue-server", dhcpfaults.Rogue}} {
		for _, d := range detecttest.Damages("0.0.0.0", "10.1.0.13") {
			t.Run(c.code+" "+d.Name, func(t *testing.T) {
				for _, f := range detecttest.Run(t, []detecttest.Mutation{d.Make}, c.file+"/inside.pcap").Findings {
					if f.Confidence >= finding.Likely && f.Code.ID != c.code && strings.HasPrefix(f.Code.ID, "dhcp-") {
						t.Errorf("%s instead of %s: %s", f.Code.ID, c.code, f.Title)
					}
				}
			})
		}
	}
}
