package asymmetric_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const code = "tcp-asymmetric-path"

func TestAsymmetric(t *testing.T) {
	in, out := "asymmetric-path/inside.pcap", "asymmetric-path/outside.pcap"
	for _, files := range [][]string{{in}, {out}, {in, out}} {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), code, finding.Likely)
		detecttest.Says(t, f, "what goes from 10.2.0.0/24 to 10.1.0.0/24 takes another way", "24 connections of 2 clients: not one packet from 10.2.0.2 is in this capture",
			"acknowledges 3219 bytes that never came by", "an ARP answer the opposite way over the same link", "or: a mirror port or capture filter that shows one direction only: an ARP answer",
			"not: a server that does not answer: its answers are acknowledged", "ip route get 10.1.0.1")
		if len(files) == 2 {
			detecttest.Says(t, f, "the same connections were seen at outside.pcap, in one direction only as well")
		}
	}
}

// TestOneSidedCapture: without a witness for the missing direction the capture is at fault, not the network.
// TestAnswers: it is the requests that take another way.
func TestAnswers(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "asymmetric-answers/outside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, "what goes from 10.1.0.0/24 to 10.2.0.0/24 takes another way", "12 of 12 connections")
}

func TestOneSidedCapture(t *testing.T) {
	r := detecttest.Run(t, nil, "clean-one-sided/one-sided.pcap")
	detecttest.None(t, r)
	detecttest.None(t, r, code)
	for _, file := range []string{"asymmetric-path/inside.pcap", "asymmetric-path/outside.pcap"} {
		r := detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutARP}, file)
		detecttest.None(t, r)
		detecttest.None(t, r, code)
		if len(r.Gates) == 0 {
			t.Errorf("%s without ARP: nothing says that one direction is missing", file)
		}
	}
}

func TestSymmetric(t *testing.T) {
	for _, files := range [][]string{
		{"asymmetric-remedied/inside.pcap"}, {"asymmetric-remedied/outside.pcap"}, {"asymmetric-remedied/inside.pcap", "asymmetric-remedied/outside.pcap"},
		{"clean-midstream/inside.pcap"}, {"syn-flood/inside.pcap"},
	} {
		detecttest.None(t, detecttest.Run(t, nil, files...), code)
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "asymmetric-path/outside.pcap")
			for _, f := range r.Findings {
				if f.Code.ID != code && detecttest.Claims(f) {
					t.Errorf("%s", detecttest.Text(f))
				}
				if f.Confidence == finding.Certain && f.Code.ID == code {
					t.Errorf("certain of a damaged capture:\n%s", detecttest.Text(f))
				}
			}
		})
	}
}
