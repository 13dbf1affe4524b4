package serverslow_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/serverslow"
	"firestorm/internal/finding"
)

func TestPositive(t *testing.T) {
	for _, files := range [][]string{{"server-slow/inside.pcap"}, {"server-slow/outside.pcap"}, {"server-slow/inside.pcap", "server-slow/outside.pcap"}} {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), serverslow.Code, finding.Likely)
		if f.Count != 16 {
			t.Errorf("%v: %d slow answers, want 16", files, f.Count)
		}
		detecttest.Says(t, f, "10.2.0.2:80 takes long to answer: all 16 answers began after 1.00 s to 2.80 s", "2 clients waited 29.", "not: a slow way between",
			"not: packet loss on the way", "or: an answer that is held back on purpose", "there is nothing to compare with", "less than 1 % of the wait")
	}
}

func TestSilent(t *testing.T) {
	for _, file := range []string{"server-slow-path/inside.pcap", "server-slow-path/outside.pcap", "server-slow-remedied/inside.pcap", "clean-wan/inside.pcap", "clean-wan/outside.pcap",
		"clean-routed/inside.pcap", "clean-midstream/inside.pcap", "clean-nat/outside.pcap", "clean-gro/inside.pcap", "clean-one-sided/one-sided.pcap", "clean-span-twice/span.pcap",
		"loss-server-side-down/inside.pcap", "loss-server-side-up/inside.pcap", "loss-client-side-down/inside.pcap", "loss-client-side-up/inside.pcap", "corrupt/inside.pcap"} {
		t.Run(file, func(t *testing.T) { detecttest.None(t, detecttest.Run(t, nil, file), serverslow.Code) })
	}
}

func TestDamaged(t *testing.T) {
	for _, m := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(m.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{m.Make}, "server-slow/inside.pcap")
			switch m.Name {
			case "no packets from the server":
				detecttest.None(t, r, serverslow.Code)
			case "no packets from the client": // the other client's exchanges remain
				for _, f := range r.Findings {
					if f.Code.ID == serverslow.Code {
						detecttest.Says(t, f, "all 8 answers", "1 client waited")
					}
				}
			case "no SYN": // the round trip is unknown
				detecttest.Weak(t, r, serverslow.Code)
			case "every 20th frame lost":
				detecttest.Weak(t, r, serverslow.Code)
			default:
				detecttest.Says(t, detecttest.Only(t, r, serverslow.Code, finding.Likely), "all 16 answers began after 1.00 s to 2.80 s")
			}
		})
	}
}
