package rpcport_test

import (
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/rpcport"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const code = rpcport.Code

func TestDropped(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nfs-mountd-dropped/inside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, "a firewall lets the port directory of 10.2.0.2 through, but not mountd (TCP port ", "(high, likely, 1)",
		"mountd (program 100005), version 3, is at TCP port", "ports 111 and 2049 of 10.2.0.2 answered 3 times meanwhile",
		"not: a server that is off or hung", "or: a service too busy", "1 attempt of 10.1.0.11 failed",
		`>/etc/nfs.conf.d/fixed-ports.conf`, "/etc/default/nfs-kernel-server", ">>/etc/sysconfig/nfs", "tcp dport { 111, 2049, 892, 662, 875, 32803 } accept")
	f = detecttest.Only(t, detecttest.Run(t, nil, "nfs-mountd-dropped/inside.pcap", "nfs-mountd-dropped/outside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "none of the requests came to outside.pcap")
}

func TestProhibited(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nfs-mountd-prohibited/inside.pcap"), code, finding.Certain)
	detecttest.Says(t, f, "refused by 10.1.0.1", "with ICMP (type 3, code 13)")
}

func TestMoved(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "nfs-moved/inside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, "That is why it worked before: until the restart it was port", "the directory had said port", "the port moved")
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, dir := range []string{"nfs-mountd-remedied", "nfs-mountd-unregistered", "nfs-version4", "nfs-mount-denied-remedied", "syn-silent-port", "icmp-admin-prohibited", "refused-by-middlebox", "clean-nat"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/inside.pcap"), code)
	}
}

// TestGates: one direction, no begin, no words, losses, copies.
func TestGates(t *testing.T) {
	file := "nfs-mountd-dropped/inside.pcap"
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, file)
			switch d.Name {
			case "every frame twice":
				detecttest.Only(t, r, code, finding.Likely)
			case "every 20th frame lost": // two frames of a small capture, none of which carries the argument
				detecttest.Only(t, r, code, finding.Likely)
			default: // the directory's answer, or the requests, are not in the capture
				detecttest.None(t, r, code)
			}
		})
	}
	// without the directory's answer, silence is only silence
	answer := detecttest.Packet(func(p *packet.Packet) bool { return p.SrcPort == 111 || p.DstPort == 111 })
	r := detecttest.Run(t, []detecttest.Mutation{func() capture.Fault { return capture.DropWhere(answer) }}, file)
	detecttest.Only(t, r, "tcp-syn-silent-drop", finding.Possible)
}

// TestWithoutICMP: the device's own word lost, the same requests are silent, or too few to say so.
func TestWithoutICMP(t *testing.T) {
	r := detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutICMP}, "nfs-mountd-prohibited/inside.pcap")
	for _, f := range r.Findings {
		if f.Code.ID == code && f.Confidence == finding.Certain {
			t.Errorf("certain without the ICMP error: %s", f.Title)
		}
	}
}
