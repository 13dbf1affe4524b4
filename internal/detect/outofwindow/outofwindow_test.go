package outofwindow_test

import (
	"slices"
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/outofwindow"
	"firestorm/internal/finding"
)

func run(t *testing.T, m []detecttest.Mutation, dir string) []*finding.Finding {
	t.Helper()
	var out []*finding.Finding
	for _, f := range detecttest.Run(t, m, dir+"/inside.pcap", dir+"/outside.pcap").Findings {
		if f.Code.ID == outofwindow.Code {
			out = append(out, f)
		}
	}
	return out
}

func TestTwoCaptures(t *testing.T) {
	for dir, says := range map[string]string{"out-of-window": "beyond the receiver's window", "out-of-window-ack": "ACK for data the firewall has not seen"} {
		f := detecttest.Only(t, detecttest.Run(t, nil, dir+"/inside.pcap", dir+"/outside.pcap"), outofwindow.Code, finding.Likely)
		detecttest.Says(t, f, "the device between inside.pcap and outside.pcap drops 1 connection of 10.1.0.11 to 10.2.0.2:2323", says, "does not leave it", "nf_conntrack_tcp_be_liberal=1", "The cost")
	}
}

// TestOneCapture: a stall alone does not say who dropped the packets.
// TestIPv6: the same over IPv6.
func TestIPv6(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "out-of-window-ipv6/inside.pcap", "out-of-window-ipv6/outside.pcap"), outofwindow.Code, finding.Likely)
	detecttest.Says(t, f, "drops 1 connection of fd00:1::11 to [fd00:2::2]:2323: beyond the receiver's window", "SEQ is over the upper bound")
}

func TestOneCapture(t *testing.T) {
	for _, dir := range []string{"out-of-window", "out-of-window-ack"} {
		r := detecttest.Run(t, nil, dir+"/inside.pcap")
		detecttest.None(t, r, outofwindow.Code)
		f := detecttest.Only(t, r, "tcp-data-unanswered", finding.Likely)
		if len(f.Explains) != 1 || f.Explains[0].Code != outofwindow.Code {
			t.Errorf("explains %v", f.Explains)
		}
	}
}

// TestOtherDeaths: data in vain that is within the window of all that passed is dropped for another reason: it is not
// even told as possible beside the surer finding.
func TestOtherDeaths(t *testing.T) {
	for _, dir := range []string{"pmtud-black-hole", "idle-timeout", "nat-drop-midway"} {
		for _, f := range detecttest.Run(t, nil, dir+"/inside.pcap").Findings {
			if f.Code.ID == outofwindow.Code || slices.ContainsFunc(f.Explains, func(x finding.Explained) bool { return x.Code == outofwindow.Code }) {
				t.Errorf("%s: %s", dir, detecttest.Text(f))
			}
		}
	}
}

// TestWithoutEffect: the same packets outside the window, of a connection that goes on and ends well.
func TestWithoutEffect(t *testing.T) {
	if fs := run(t, nil, "out-of-window-remedied"); len(fs) > 0 {
		t.Errorf("%s", detecttest.Text(fs[0]))
	}
}

// TestDamaged: without the begin of the connection the scale of the windows is not known, and half of it proves nothing.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			fs := run(t, []detecttest.Mutation{d.Make}, "out-of-window")
			switch d.Name {
			case "no SYN", "no packets from the client", "no packets from the server":
				for _, f := range fs {
					t.Errorf("%s", detecttest.Text(f))
				}
			case "every frame twice", "96 bytes of each frame":
				if len(fs) != 1 || fs[0].Confidence != finding.Likely {
					t.Errorf("%d findings", len(fs))
				}
			}
		})
	}
}
