package idle_test

import (
	"os"
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const (
	timeout  = "tcp-idle-timeout-drop"
	halfOpen = "tcp-half-open-reset"
)

func TestForgets(t *testing.T) {
	for _, files := range [][]string{{"idle-timeout/inside.pcap"}, {"idle-timeout/inside.pcap", "idle-timeout/outside.pcap"}} {
		f := detecttest.Only(t, detecttest.Run(t, nil, files...), timeout, finding.Certain)
		detecttest.Says(t, f, "a device between 10.1.0.11 and 10.2.0.2:2323 forgets connections after a silence of between 3.00 s and 5.50 s (high, certain, 5)",
			"10.1.0.11:37856 → 10.2.0.2:2323 silent for 5.50 s, then 92 bytes sent 8 times without an answer [47 103 188]", "7 connections survived pauses of up to 3.00 s on the same way [111 129]",
			"not: the other machine went away at that moment: 10.2.0.2 went on with other connections", "not: the way between was cut", "keep-alives", "one every 3 s or less")
		if f.Remedy[0].Run[0].Line != "sysctl -w net.ipv4.tcp_keepalive_time=3" {
			t.Errorf("%+v", f.Remedy[0].Run)
		}
	}
	detecttest.None(t, detecttest.Run(t, nil, "idle-timeout/outside.pcap"), timeout, halfOpen)
	f := detecttest.Only(t, detecttest.Run(t, nil, "idle-timeout-reset/inside.pcap"), timeout, finding.Certain)
	detecttest.Says(t, f, "answered by a reset with TTL 64; the other end's packets have 63 [40 103 104]", "not: the way between was cut at that moment: something on the way answered")
	detecttest.None(t, detecttest.Run(t, nil, "idle-timeout-reset/outside.pcap"), timeout, halfOpen)
}

// TestForgetsIPv6: a longer timer, over IPv6.
func TestForgetsIPv6(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "idle-timeout-ipv6/inside.pcap"), timeout, finding.Certain)
	detecttest.Says(t, f, "a device between fd00:1::11 and [fd00:2::2]:5432 forgets connections after a silence of between 7.5", "sysctl -w net.ipv4.tcp_keepalive_time=7")
}

func TestForgotten(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "half-open-reset/inside.pcap"), halfOpen, finding.Likely)
	detecttest.Says(t, f, "10.2.0.2 no longer knew 4 connections", "10.1.0.12:36188 sent 92 bytes at 7.11 s, after 7.00 s of silence; reset 59 µs later, TTL 63 as in the server's other packets, without ACK [58 59]",
		"new connections to it were answered after the first of them fell silent: it is up [43]", "or: a load balancer in the server's place that forgets silent connections", "not: a single confused connection")
	f = detecttest.Only(t, detecttest.Run(t, nil, "half-open-reset/outside.pcap"), halfOpen, finding.Certain)
	detecttest.Says(t, f, "10.2.0.2 announced its address at 5.13 s, while they were silent")
}

// TestForgottenElsewhere: over IPv6, where no announcement is seen, and where another machine took over the address.
func TestForgottenElsewhere(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "half-open-reset-ipv6/inside.pcap"), halfOpen, finding.Likely)
	detecttest.Says(t, f, "fd00:2::2 no longer knew 3 connections", "TTL 63 as in the server's other packets, without ACK", "or: a load balancer in the server's place")
	f = detecttest.Only(t, detecttest.Run(t, nil, "half-open-takeover/lan.pcap"), halfOpen, finding.Certain)
	detecttest.Says(t, f, "10.1.0.50 no longer knew 3 connections", "not: a load balancer in the server's place that forgets silent connections: 10.1.0.50 announced its address at")
}

func TestRemediedAndNearMisses(t *testing.T) {
	for _, dir := range []string{"idle-timeout-remedied", "idle-timeout-survives", "half-open-restart", "nat-drop-midway", "nat-drop-midway-remedied", "rst-endpoint", "rst-middlebox",
		"pmtud-black-hole", "pmtud-black-hole-filtered", "clean-wan", "clean-nat", "clean-midstream", "zero-window", "routing-loop", "accept-queue-full"} {
		for _, file := range []string{"inside.pcap", "outside.pcap", "server.pcap"} {
			if name := dir + "/" + file; exists(t, name) {
				detecttest.None(t, detecttest.Run(t, nil, name), timeout, halfOpen)
			}
		}
	}
	detecttest.None(t, detecttest.Run(t, nil, "half-open-reset/inside.pcap"), timeout)
	detecttest.None(t, detecttest.Run(t, nil, "idle-timeout-reset/inside.pcap"), halfOpen)
}

// TestDamaged: what the capture lost never makes the one cause into the other, and takes away what it proved.
func TestDamaged(t *testing.T) {
	for _, c := range []struct {
		file, right, wrong string
		whole              finding.Confidence
	}{
		{"idle-timeout/inside.pcap", timeout, halfOpen, finding.Certain},
		{"idle-timeout-reset/inside.pcap", timeout, halfOpen, finding.Certain},
		{"half-open-reset/inside.pcap", halfOpen, timeout, finding.Likely},
	} {
		for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(c.file+" "+d.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{d.Make}, c.file)
				detecttest.None(t, r, c.wrong)
				switch d.Name {
				case "no packets from the server":
					detecttest.Weak(t, r, c.right)
				case "96 bytes of each frame", "every frame twice":
					found := false
					for _, f := range r.Findings {
						found = found || f.Code.ID == c.right && f.Confidence == c.whole
					}
					if !found {
						t.Errorf("not found; %v", detecttest.Codes(r, 0))
					}
				}
			})
		}
	}
	f := detecttest.Run(t, []detecttest.Mutation{detecttest.Lossy}, "idle-timeout/inside.pcap")
	detecttest.Weak(t, f, timeout)
	detecttest.None(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutSYN}, "half-open-reset/inside.pcap"), halfOpen)
	// Without ARP a load balancer in the server's place stays open.
	detecttest.Only(t, detecttest.Run(t, []detecttest.Mutation{detecttest.WithoutARP}, "half-open-reset/outside.pcap"), halfOpen, finding.Likely)
}

func exists(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Stat(detecttest.Path(t, name))
	return err == nil
}
