package timewait_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const (
	reuse  = "tcp-timewait-reuse"
	clocks = "tcp-timewait-nat-timestamps"
)

// TestFounding: the case the program was made for, with the sentences that a network engineer needs.
func TestFounding(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "founding-timewait/founding.pcap"), reuse, finding.Likely)
	detecttest.Says(t, f, "10.0.0.254:80 ignored 3 connection requests that reuse 192.168.0.1:2268", "must remember that port pair (TIME_WAIT) for longer than 76.8 s",
		"used port 2268 again after 67.95 s", "requests at 68.26, 71.18, 77.13 s, no reply", "with CWR though ECN was never negotiated",
		"or: a firewall that drops silently: a capture at the server decides")
	if len(f.Explains) != 1 || f.Explains[0].Code != "tcp-syn-silent-drop" {
		t.Errorf("explains %v", f.Explains)
	}
}

func TestSilent(t *testing.T) {
	in, out := "timewait-silent/inside.pcap", "timewait-silent/outside.pcap"
	for _, files := range [][]string{{out}, {in, out}} {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), reuse, finding.Certain)
		detecttest.Says(t, f, "10.3.0.2:80 ignored 7 connection requests that reuse 10.2.0.1:2268", "for longer than 16.1 s", "the NAT behind 10.2.0.1 forgot it",
			"is older than the old end", "not: a server that is down or overloaded: meanwhile it answered 2 other requests")
	}
	// before the NAT the ports differ: nothing shows the reuse, and nothing is claimed
	r := detecttest.Run(t, nil, in)
	detecttest.None(t, r)
	detecttest.None(t, r, reuse, clocks)
}

func TestStaleACK(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "timewait-stale-ack/outside.pcap"), reuse, finding.Certain)
	detecttest.Says(t, f, "with a stale acknowledgement, then accepted after", "answered by an acknowledgement of the old connection", "attempts delayed")
	if f.Severity != finding.Info {
		t.Errorf("%s, want info: it heals by itself", f.Severity)
	}
	f = detecttest.Only(t, detecttest.Run(t, nil, "timewait-stale-ack-cycle/outside.pcap"), reuse, finding.Certain)
	detecttest.Says(t, f, "refused 21 connection requests", "3 attempts failed")
	f = detecttest.Only(t, detecttest.Run(t, nil, "timewait-timestamps/outside.pcap"), clocks, finding.Certain)
	detecttest.Says(t, f, "two clocks behind one address", "is newer than the old end", "is older than the last one of the old connection")
}

// TestCrossed: both sides closed at once, so that the server remembers too, whose FIN came second.
func TestCrossed(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "timewait-crossed/outside.pcap"), reuse, finding.Certain)
	detecttest.Says(t, f, "10 connection requests that reuse 10.2.0.1:2268 with a stale acknowledgement", "client and server closed the last connection at once (frame 8, frame 9)",
		"the later FIN does not acknowledge the first")
	for _, files := range [][]string{{"timewait-crossed-remedied/inside.pcap"}, {"timewait-crossed-remedied/outside.pcap"}} {
		detecttest.None(t, detecttest.Run(t, nil, files...))
	}
}

// TestClocks: programs that people run, over IPv6, and against a server that ignores resets (RFC 1337).
func TestClocks(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "timewait-timestamps-ipv6/outside.pcap"), clocks, finding.Certain)
	detecttest.Says(t, f, "[fd00:2::2]:8443 met 4 connection requests that reuse [fd00:2::1]:50001", "two clocks behind one address")
	if f.Severity != finding.Info {
		t.Errorf("%s, want info: it heals by itself", f.Severity)
	}
	f = detecttest.Only(t, detecttest.Run(t, nil, "timewait-timestamps-cycle/outside.pcap"), clocks, finding.Certain)
	detecttest.Says(t, f, "refused 36 connection requests", "6 attempts failed", "client and server closed the last connection at once (frame 10, frame 11)", "two clocks behind one address")
}

func TestNearMissesAndRemedied(t *testing.T) {
	for _, dir := range []string{"timewait-client-first", "timewait-newer-isn", "timewait-silent-remedied", "timewait-stale-ack-remedied"} {
		for _, files := range [][]string{{dir + "/inside.pcap"}, {dir + "/outside.pcap"}, {dir + "/inside.pcap", dir + "/outside.pcap"}} {
			r := detecttest.Run(t, nil, files...)
			detecttest.None(t, r)
			detecttest.None(t, r, reuse, clocks)
		}
	}
}

// TestDamaged: what the capture lost must weaken the claim, never turn it into another.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.2.0.1", "10.3.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "timewait-silent/outside.pcap")
			switch d.Name {
			case "every frame twice", "96 bytes of each frame": // headers are all it needs
				detecttest.Only(t, r, reuse, finding.Certain)
			case "every 20th frame lost":
				for _, f := range r.Findings {
					if f.Code.ID != reuse && detecttest.Claims(f) {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
			default:
				detecttest.None(t, r)
				detecttest.Weak(t, r, reuse)
			}
		})
	}
}
