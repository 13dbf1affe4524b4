package pmtud_test

import (
	"os"
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const code = "pmtud-black-hole"

func TestBlackHole(t *testing.T) {
	fs := detecttest.All(t, detecttest.Run(t, nil, "pmtud-black-hole/inside.pcap"), 2, code, finding.Certain)
	detecttest.Says(t, fs[0], "packets of 1500 bytes from 10.1.0.11 to 10.3.0.2 vanish, smaller ones pass (high, certain, 2)", "and the ICMP message that should tell 10.1.0.11 so does not reach it",
		"not to be fragmented, never acknowledged", "not: ordinary loss, whatever the size:", "not: a sender that ignores the message about size: no such message came by here", "ping -M do -c 3 -s 1472 10.3.0.2")
	detecttest.Says(t, fs[1], "packets of 1500 bytes from fd00:1::11 to fd00:3::2 vanish", "ping -6 -M do -c 3 -s 1452 fd00:3::2")
	// Seen from the server's side only its own large packets are repeated, and nothing small passes meanwhile.
	fs = detecttest.All(t, detecttest.Run(t, nil, "pmtud-black-hole/server.pcap"), 2, code, finding.Likely)
	for _, f := range fs {
		detecttest.Says(t, f, "or: ordinary loss, whatever the size: nothing smaller is known to have arrived meanwhile", "remedy: at the server: let ")
	}
}

// TestServerFilter: the sender's own firewall drops the message about size, over IPv4 and IPv6.
func TestServerFilter(t *testing.T) {
	for i, f := range detecttest.All(t, detecttest.Run(t, nil, "pmtud-server-filter/outside.pcap"), 2, code, finding.Likely) {
		detecttest.Says(t, f, "packets of 1500 bytes from "+[]string{"10.2.0.2", "fd00:2::2"}[i], "a link on the way carries only 1400 bytes", "as if it had not been told")
	}
}

func TestFiltered(t *testing.T) {
	fs := detecttest.All(t, detecttest.Run(t, nil, "pmtud-black-hole-filtered/inside.pcap"), 2, code, finding.Certain)
	detecttest.SaysNot(t, fs[0], "1300")
	fs = detecttest.All(t, detecttest.Run(t, nil, "pmtud-black-hole-filtered/outside.pcap"), 2, code, finding.Likely)
	detecttest.Says(t, fs[0], "fd00:2::2 said at 0.06 s that its link carries 1300 bytes; fd00:1::11 went on with 1500 bytes until 6.60 s", "or: a sender that ignores the message about size: a capture at fd00:1::11 decides")
	detecttest.Says(t, fs[1], "10.2.0.2 said at 0.06 s")
	fs = detecttest.All(t, detecttest.Run(t, nil, "pmtud-black-hole-filtered/inside.pcap", "pmtud-black-hole-filtered/outside.pcap"), 2, code, finding.Certain)
	detecttest.Says(t, fs[0], "fd00:2::2 said that its link carries 1300 bytes; the message was seen at outside.pcap and never here: the box between filters it [101]")
	detecttest.Says(t, fs[1], "10.2.0.2 said that its link carries 1300 bytes; the message was seen at outside.pcap and never here")
	if got := fs[1].Remedy[0].Run[0].Line; got != "nft insert rule inet filter forward icmp type destination-unreachable icmp code frag-needed accept" {
		t.Error(got)
	}
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, dir := range []string{"pmtud-ok", "pmtud-remedied", "idle-timeout", "idle-timeout-reset", "nat-drop-midway", "clean-wan", "clean-nat", "clean-gro", "zero-window", "fragment-lost",
		"loss-client-side-up", "loss-client-side-down", "loss-server-side-up", "loss-server-side-down", "accept-queue-full", "routing-loop"} {
		for _, file := range []string{"inside.pcap", "outside.pcap", "server.pcap"} {
			if name := dir + "/" + file; exists(t, name) {
				detecttest.None(t, detecttest.Run(t, nil, name), code)
			}
		}
	}
}

// TestDamaged: a near-miss that is damaged is no black hole, and a black hole seen badly is not claimed.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.3.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			for _, near := range []string{"pmtud-ok/inside.pcap", "pmtud-ok/server.pcap", "pmtud-remedied/inside.pcap"} {
				detecttest.Weak(t, detecttest.Run(t, []detecttest.Mutation{d.Make}, near), code)
			}
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "pmtud-black-hole/inside.pcap")
			claimed := 0
			for _, f := range r.Findings {
				if f.Code.ID == code && f.Confidence >= finding.Likely {
					claimed++
				}
			}
			// Without one client's packets the other one is left; IPv6 is left where IPv4 is gone. A few lost frames hide nothing.
			want := map[string][2]int{"no packets from the server": {0, 1}, "no packets from the client": {0, 2}, "no SYN": {0, 0}, "96 bytes of each frame": {2, 2},
				"every 20th frame lost": {0, 2}, "every frame twice": {2, 2}}[d.Name]
			if claimed < want[0] || claimed > want[1] {
				t.Errorf("%d findings claimed, want %v: %v", claimed, want, detecttest.Codes(r, 0))
			}
		})
	}
}

func exists(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Stat(detecttest.Path(t, name))
	return err == nil
}
