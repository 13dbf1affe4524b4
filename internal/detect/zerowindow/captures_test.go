package zerowindow_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/zerowindow"
	"firestorm/internal/finding"
)

func TestPositive(t *testing.T) {
	for _, files := range [][]string{{"zero-window/inside.pcap"}, {"zero-window/outside.pcap"}, {"zero-window/inside.pcap", "zero-window/outside.pcap"}} {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), zerowindow.Code, finding.Certain)
		if f.Count != 2 {
			t.Errorf("%v: %d transfers, want 2", files, f.Count)
		}
		detecttest.Says(t, f, "the program behind 10.2.0.2:9000 does not read what it is sent", "shut for 3.8", "2 transfers waited 7.7",
			"4 probes of the sender meanwhile", "not: a lossy, slow or broken way between", "ss -tnmp 'sport = :9000'", "at the server: find out what the program on 10.2.0.2 waits for")
	}
}

func TestSilent(t *testing.T) {
	for _, file := range []string{"zero-window-short/inside.pcap", "clean-wan/inside.pcap", "clean-routed/inside.pcap", "clean-midstream/inside.pcap",
		"clean-gro/inside.pcap", "clean-one-sided/one-sided.pcap", "loss-server-side-down/inside.pcap", "half-open-reset/inside.pcap"} {
		t.Run(file, func(t *testing.T) { detecttest.None(t, detecttest.Run(t, nil, file), zerowindow.Code) })
	}
}

// TestDamaged: what is damaged must not change who is blamed. The window's zero is the same whatever its scale.
func TestDamaged(t *testing.T) {
	for _, m := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(m.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{m.Make}, "zero-window/inside.pcap")
			switch m.Name {
			case "no packets from the server": // nobody says that the window is shut
				detecttest.None(t, r, zerowindow.Code)
			case "no packets from the client": // one client's probes are missing, the other's are there
				for _, f := range r.Findings {
					if f.Code.ID == zerowindow.Code {
						detecttest.Says(t, f, "1 transfer waited", "10.1.0.12")
					}
				}
			case "every 20th frame lost":
				detecttest.Weak(t, r, zerowindow.Code)
			default:
				detecttest.Says(t, detecttest.Only(t, r, zerowindow.Code, finding.Certain), "the program behind 10.2.0.2:9000 does not read", "2 transfers waited 7.7")
			}
		})
	}
}
