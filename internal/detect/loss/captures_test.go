package loss_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/loss"
	"firestorm/internal/finding"
)

func TestPositive(t *testing.T) {
	for _, c := range []struct {
		file string
		conf finding.Confidence
		says []string
	}{
		{"loss-server-side-down/inside.pcap", finding.Certain, []string{"of what goes from 10.2.0.2 to 10.1.0.11 and 10.1.0.12 is lost between 10.2.0.2 and the sensor", "the sensor never saw the first copy"}},
		{"loss-server-side-up/inside.pcap", finding.Certain, []string{"of what goes from 10.1.0.11 and 10.1.0.12 to 10.2.0.2 is lost between the sensor and 10.2.0.2", "the sensor had seen the first copy"}},
		{"loss-client-side-down/inside.pcap", finding.Certain, []string{"of what goes from 10.2.0.2 to 10.1.0.11 and 10.1.0.12 is lost between the sensor and these clients", "the sensor had seen the first copy"}},
		{"loss-client-side-up/inside.pcap", finding.Certain, []string{"of what goes from 10.1.0.11 and 10.1.0.12 to 10.2.0.2 is lost between these clients and the sensor", "the sensor never saw the first copy"}},
		{"corrupt/inside.pcap", finding.Likely, []string{"to 10.2.0.2 is lost between the sensor and 10.2.0.2", "came to the sensor with a wrong checksum", "or: a single short disturbance"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			f := detecttest.Only(t, detecttest.Run(t, nil, c.file), loss.Code, c.conf)
			detecttest.Says(t, f, c.says...)
			detecttest.Says(t, f, "on the other side of the sensor, the same way: 0 lost")
		})
	}
}

func TestSilent(t *testing.T) {
	for _, file := range []string{"loss-none/inside.pcap", "reorder/inside.pcap", "duplicate-by-network/inside.pcap", "zero-window/inside.pcap", "zero-window-short/inside.pcap",
		"pmtud-ok/inside.pcap", "pmtud-ok/server.pcap", "clean-wan/inside.pcap", "clean-routed/inside.pcap", "clean-midstream/inside.pcap", "clean-nat/inside.pcap", "clean-gro/inside.pcap",
		"clean-one-sided/one-sided.pcap", "clean-span-twice/span.pcap", "server-slow/inside.pcap", "span-duplicates/span.pcap"} {
		t.Run(file, func(t *testing.T) { detecttest.None(t, detecttest.Run(t, nil, file), loss.Code) })
	}
}

// TestCaptureLoss: what the capture loses must not be taken for what the network loses.
func TestCaptureLoss(t *testing.T) {
	for _, file := range []string{"loss-none/inside.pcap", "clean-wan/inside.pcap", "clean-routed/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.Lossy}, file), loss.Code)
	}
}

func TestDamaged(t *testing.T) {
	for _, file := range []string{"loss-server-side-down/inside.pcap", "loss-client-side-down/inside.pcap"} {
		for _, m := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(file+" "+m.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{m.Make}, file)
				switch m.Name {
				case "no packets from the server", "every 20th frame lost":
					detecttest.Weak(t, r, loss.Code)
				case "no packets from the client", "no SYN": // the other client is whole; the data is
					for _, f := range r.Findings {
						if f.Code.ID == loss.Code {
							detecttest.Says(t, f, "of what goes from 10.2.0.2 to ")
						}
					}
				default:
					detecttest.Says(t, detecttest.Only(t, r, loss.Code, finding.Certain), "of what goes from 10.2.0.2 to 10.1.0.11 and 10.1.0.12 is lost")
				}
			})
		}
	}
}
