package acceptqueue_test

import (
	"testing"

	"firestorm/internal/detect/acceptqueue"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

func TestPositive(t *testing.T) {
	for _, c := range []struct {
		files []string
		conf  finding.Confidence
		says  []string
	}{
		{[]string{"accept-queue-full/inside.pcap"}, finding.Likely, []string{"3 connections were taken and their data acknowledged, but never answered; 9 more requests met silence",
			"9 attempts of 3 clients failed", "other ports of the server answered 9 times meanwhile", "or: a firewall that drops new connections", "ss -ltn on the server shows whether its queue is full"}},
		{[]string{"accept-queue-full/outside.pcap"}, finding.Likely, nil},
		{[]string{"accept-queue-full/inside.pcap", "accept-queue-full/outside.pcap"}, finding.Likely, []string{"9 attempts of 3 clients failed"}},
		{[]string{"accept-queue-full-burst/inside.pcap"}, finding.Certain, []string{"the data of 9 more, granted by a SYN/ACK, met silence", "not: a firewall that drops new connections"}},
		{[]string{"accept-queue-full-burst/inside.pcap", "accept-queue-full-burst/outside.pcap"}, finding.Certain, []string{"9 attempts of 3 clients failed"}},
	} {
		t.Run(c.files[len(c.files)-1], func(t *testing.T) {
			f := detecttest.Only(t, detecttest.Run(t, nil, c.files...), acceptqueue.Code, c.conf)
			detecttest.Says(t, f, "10.2.0.2:80 is too busy to accept: its queue of new connections is full", "no flood", "nstat -az TcpExtListenOverflows")
			detecttest.Says(t, f, c.says...)
		})
	}
}

// TestStopped: a real web server that hangs, over IPv6.
func TestStopped(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "accept-queue-stopped/outside.pcap"), acceptqueue.Code, finding.Likely)
	detecttest.Says(t, f, "[fd00:2::2]:80 is too busy to accept", "4 connections were taken and their data acknowledged, but never answered")
}

func TestSilent(t *testing.T) {
	for _, file := range []string{"accept-queue-synack-loss/inside.pcap", "accept-queue-synack-loss/outside.pcap", "accept-queue-remedied/inside.pcap", "accept-queue-remedied/outside.pcap",
		"syn-silent-port/inside.pcap", "syn-silent-host/inside.pcap", "syn-silent-source/inside.pcap", "syn-silent-slow/inside.pcap", "syn-flood/inside.pcap", "syn-flood-crowd/inside.pcap",
		"timewait-silent/inside.pcap", "idle-timeout/inside.pcap", "pmtud-black-hole/inside.pcap", "server-slow/inside.pcap", "clean-wan/inside.pcap", "clean-routed/inside.pcap",
		"clean-midstream/inside.pcap", "clean-one-sided/one-sided.pcap"} {
		t.Run(file, func(t *testing.T) { detecttest.None(t, detecttest.Run(t, nil, file), acceptqueue.Code) })
	}
}

func TestDamaged(t *testing.T) {
	for _, file := range []string{"accept-queue-full/inside.pcap", "accept-queue-full-burst/inside.pcap"} {
		for _, m := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(file+" "+m.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{m.Make}, file)
				switch m.Name {
				case "no packets from the server", "no SYN":
					detecttest.None(t, r, acceptqueue.Code)
				case "every 20th frame lost":
					for _, f := range r.Findings { // handshakes that the capture lost are missing; who is blamed stays
						if f.Code.ID == acceptqueue.Code {
							detecttest.Says(t, f, "10.2.0.2:80 is too busy to accept")
						}
					}
				case "no packets from the client": // the other clients are whole
					for _, f := range r.Findings {
						if f.Code.ID == acceptqueue.Code {
							detecttest.Says(t, f, "10.2.0.2:80 is too busy to accept", "of 2 clients failed")
						}
					}
				default:
					detecttest.Says(t, detecttest.Only(t, r, acceptqueue.Code, map[bool]finding.Confidence{true: finding.Certain, false: finding.Likely}[file == "accept-queue-full-burst/inside.pcap"]), "9 attempts of 3 clients failed")
				}
			})
		}
	}
}
