package synsilent_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const code = "tcp-syn-silent-drop"

// TestBranches: where the requests die, from each place of capture and from both.
func TestBranches(t *testing.T) {
	for _, c := range []struct {
		dir        string
		files      []string
		confidence finding.Confidence
		says       []string
	}{
		{"syn-silent-port", []string{"inside.pcap"}, finding.Likely, []string{"port 8443 of 10.2.0.2 is filtered: requests vanish while its other ports answer",
			"7 requests from 10.1.0.11:58190 at 0.02, 1.05, 2.07, 7.16 s, no reply [18 28 30 41]", "not: a server that is off or hung: its other ports answered", "or: a service too busy"}},
		{"syn-silent-port", []string{"inside.pcap", "outside.pcap"}, finding.Certain, []string{"the device between inside.pcap and outside.pcap drops requests to port 8443 of 10.2.0.2",
			"28 requests were seen at inside.pcap and not one of them at outside.pcap", "not: a service too busy to accept (full queue): the requests never came to the server's side of the device",
			"nft insert rule inet filter forward ip daddr 10.2.0.2 tcp dport 8443 accept"}},
		{"syn-silent-source", []string{"inside.pcap"}, finding.Certain, []string{"10.2.0.2 answers others on port 80 but not 10.1.0.12", "it accepted 2 requests of others meanwhile"}},
		{"syn-silent-source", []string{"inside.pcap", "outside.pcap"}, finding.Certain, []string{"10.2.0.2 answers others on port 80 but not 10.1.0.12",
			"not: answers that take another way back and die there: the requests never came to the server's side of the device"}},
		{"syn-silent-host", []string{"inside.pcap"}, finding.Possible, []string{"10.2.0.2 (ports 80 and 8443) did not answer 10.1.0.12 and 10.1.0.11"}},
		{"syn-silent-host", []string{"outside.pcap"}, finding.Likely, []string{"10.2.0.2 is on the network but answers nobody", "10.2.0.2 answers ARP from"}},
		{"syn-silent-host", []string{"inside.pcap", "outside.pcap"}, finding.Likely, []string{"10.2.0.2 is on the network but answers nobody"}},
		{"syn-silent-host-off", []string{"inside.pcap"}, finding.Possible, nil},
		{"syn-silent-host-off", []string{"inside.pcap", "outside.pcap"}, finding.Certain, []string{"nobody has the address 10.2.0.2: the server is off, or the address is wrong",
			"ARP requests for 10.2.0.2 were not answered by anyone"}},
	} {
		var files []string
		for _, f := range c.files {
			files = append(files, c.dir+"/"+f)
		}
		t.Run(c.dir+" "+files[len(files)-1], func(t *testing.T) {
			f := detecttest.Only(t, detecttest.Run(t, nil, files...), code, c.confidence)
			detecttest.Says(t, f, c.says...)
			if c.confidence < finding.Likely && len(f.Remedy) > 0 {
				t.Error("a remedy is offered though the cause is open")
			}
		})
	}
}

func TestNearMissesAndRemedied(t *testing.T) {
	for _, files := range [][]string{
		{"syn-silent-slow/inside.pcap"}, {"syn-silent-slow/outside.pcap"}, {"syn-silent-slow/inside.pcap", "syn-silent-slow/outside.pcap"},
		{"syn-silent-port-remedied/inside.pcap"}, {"syn-silent-port-remedied/inside.pcap", "syn-silent-port-remedied/outside.pcap"},
		{"syn-silent-port/outside.pcap"}, {"syn-silent-source/outside.pcap"}, {"closed-port/inside.pcap"}, {"clean-wan/inside.pcap"},
	} {
		detecttest.None(t, detecttest.Run(t, nil, files...), code)
	}
}

// TestDamaged: a capture of one direction proves no silence; others weaken or leave it.
func TestDamaged(t *testing.T) {
	for _, dir := range []string{"syn-silent-port", "syn-silent-source"} {
		for _, d := range detecttest.Damages("10.1.0.12", "10.2.0.2") {
			t.Run(dir+" "+d.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{d.Make}, dir+"/inside.pcap")
				for _, f := range r.Findings {
					if f.Code.ID != code && detecttest.Claims(f) {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
				if d.Name == "no packets from the server" {
					detecttest.Weak(t, r, code)
					gate := false
					for _, f := range r.Findings {
						gate = gate || f.Confidence == finding.CannotTell && len(f.Gates) > 0 && f.Gates[0].Gate == finding.GateTwoWay
					}
					if !gate {
						t.Errorf("the missing direction is not named: %v", detecttest.Codes(r, 0))
					}
				}
			})
		}
	}
	// the server's side of the router shows ARP; without it the machine may be off
	f := detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutARP}, "syn-silent-host/outside.pcap"), code, finding.Possible)
	detecttest.SaysNot(t, f, "is on the network")
	// and a second capture that ends too early proves no absence
	f = detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutARP}, "syn-silent-host-off/inside.pcap", "syn-silent-host-off/outside.pcap"), code, finding.Possible)
	detecttest.SaysNot(t, f, "the device between")
}
