package tcpodd_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/tcpodd"
	"firestorm/internal/finding"
)

func TestFlags(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "odd-flags/inside.pcap"), tcpodd.Flags, finding.Likely)
	detecttest.Says(t, f, "10.1.0.13 sends segments with flags that no TCP sends", "SYN with FIN", "SYN with RST", "on 24 connections", "each with a right checksum", "ct state invalid drop")
	r := detecttest.Run(t, nil, "odd-flags-os/inside.pcap")
	for _, f := range r.Findings {
		if f.Code.ID == tcpodd.Flags {
			detecttest.Says(t, f, "SYN with FIN with PSH with URG", "none")
			return
		}
	}
	t.Errorf("%v", detecttest.Codes(r, 0))
}

// TestPrograms: nmap over IPv6; hping3, which sends data behind the FIN of either side.
func TestPrograms(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "odd-flags-ipv6/outside.pcap"), tcpodd.Flags, finding.Likely)
	detecttest.Says(t, f, "fd00:1::12 sends segments with flags that no TCP sends", "SYN with FIN", "SYN with RST")
	for dir, who := range map[string]string{"odd-after-fin-client": "10.1.0.12", "odd-after-fin-server": "10.2.0.2"} {
		f := detecttest.Only(t, detecttest.Run(t, nil, dir+"/outside.pcap"), tcpodd.AfterClose, finding.Likely)
		detecttest.Says(t, f, who+" sends data behind the end of its own stream, on 3 connections")
	}
}

func TestForgedHandshake(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "odd-handshake/inside.pcap"), tcpodd.Forged, finding.Likely)
	detecttest.Says(t, f, "requests of 10.1.0.11 to 10.2.0.2:2323 get two different answers", "TTL 57 and TTL 63", "3 connections", "or: two machines that both have the server's address")
}

// TestForgedOrder: the other answer may come first and win the client, or come when the connection stands.
func TestForgedOrder(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "odd-handshake-taken/inside.pcap"), tcpodd.Forged, finding.Likely)
	detecttest.Says(t, f, "requests of 10.1.0.11 to 10.2.0.2:80 get two different answers", "TTL 60 and TTL 63")
	f = detecttest.Only(t, detecttest.Run(t, nil, "odd-handshake-late/inside.pcap"), tcpodd.Forged, finding.Likely)
	detecttest.Says(t, f, "requests of 10.1.0.11 to 10.2.0.2:2323 get two different answers", "TTL 52 and TTL 63")
}

// TestBehindTheFilter: the remedies as they are printed keep such segments from the server.
func TestBehindTheFilter(t *testing.T) {
	detecttest.Only(t, detecttest.Run(t, nil, "odd-syn-blind-far/outside.pcap"), tcpodd.Midstream, finding.Certain)
	for file, code := range map[string]string{"odd-flags-remedied/outside.pcap": tcpodd.Flags, "odd-syn-blind-remedied/outside.pcap": tcpodd.Midstream} {
		detecttest.None(t, detecttest.Run(t, nil, file), code)
	}
}

func TestInnerSYN(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "odd-syn-reboot/inside.pcap"), tcpodd.Midstream, finding.Likely)
	detecttest.Says(t, f, "10.1.0.11 lost 1 connection to 10.2.0.2:2323 and asked again from the same port", "the client itself reset the old connection")
	if f.Severity != finding.Low {
		t.Errorf("%s though it heals", f.Severity)
	}
	f = detecttest.Only(t, detecttest.Run(t, nil, "odd-syn-blind/inside.pcap"), tcpodd.Midstream, finding.Certain)
	detecttest.Says(t, f, "somebody writes connection requests into 6 connections of 10.1.0.11", "TTL 51 and TTL 64", "the client went on with the old connection")
	if f.Severity != finding.Medium {
		t.Errorf("%s", f.Severity)
	}
}

func TestAfterClose(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "odd-after-fin/outside.pcap"), tcpodd.AfterClose, finding.Likely)
	detecttest.Says(t, f, "10.1.0.13 sends data behind the end of its own stream, on 3 connections")
}

// TestOverlapCaptures: a real server, and a client that sends two readings of its request: behind a hole, over the end of
// the first, and at the end of the stream over IPv6. The same bytes again are nothing, and a proxy leaves one reading.
func TestOverlapCaptures(t *testing.T) {
	for _, c := range []struct{ capture, who, how string }{
		{"overlap-held", "10.1.0.12", "on 3 connections"},
		{"overlap-tail", "10.1.0.12", "on 2 connections"},
		{"overlap-fin", "fd00:1::12", "on 2 connections"},
	} {
		f := detecttest.Only(t, detecttest.Run(t, nil, c.capture+"/inside.pcap"), tcpodd.Overlap, finding.Likely)
		detecttest.Says(t, f, c.who+" sends parts of its stream twice with different bytes, "+c.how, "had right checksums", "let a proxy read this service")
	}
	for _, file := range []string{"overlap-same/inside.pcap", "overlap-remedied/outside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), tcpodd.Overlap)
	}
}

func TestInjected(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "rst-middlebox/inside.pcap"), tcpodd.Injected, finding.Likely)
	detecttest.Says(t, f, "by resets in the name of 10.2.0.2", "1 hop nearer", "TTL 64, all its other packets 63", "no device forgets as fast")
	f = detecttest.Only(t, detecttest.Run(t, nil, "rst-middlebox-ipv6/inside.pcap"), tcpodd.Injected, finding.Likely)
	detecttest.Says(t, f, "by resets in the name of fd00:2::2", "TTL 64, all its other packets 63")
	f = detecttest.Only(t, detecttest.Run(t, nil, "rst-tcpkill/outside.pcap"), tcpodd.Injected, finding.Likely)
	detecttest.Says(t, f, "by resets in the name of 10.1.0.11")
	for _, file := range []string{"rst-middlebox-remedied/inside.pcap", "rst-endpoint/inside.pcap", "rst-endpoint/outside.pcap", "half-open-reset/inside.pcap", "half-open-restart/inside.pcap", "idle-timeout-reset/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), tcpodd.Injected)
	}
}

// TestNothingOdd: ordinary connections, closed in every way, retried, doubled and lossy, hold nothing of the sort.
func TestNothingOdd(t *testing.T) {
	all := []string{tcpodd.Flags, tcpodd.Forged, tcpodd.Midstream, tcpodd.AfterClose, tcpodd.Overlap, tcpodd.Injected}
	for _, file := range []string{"clean-wan/inside.pcap", "clean-midstream/inside.pcap", "loss-server-side-down/inside.pcap", "timewait-stale-ack/inside.pcap", "accept-queue-synack-loss/inside.pcap",
		"reorder/inside.pcap", "corrupt/inside.pcap", "clean-span-twice/span.pcap", "span-routed-twice/span.pcap", "asymmetric-path/inside.pcap", "scan-syn/outside.pcap", "scan-stealth/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), all...)
	}
}

// TestDamaged: what is not seen is not claimed.
func TestDamaged(t *testing.T) {
	for _, c := range []struct{ file, code string }{{"odd-handshake/inside.pcap", tcpodd.Forged}, {"odd-syn-blind/inside.pcap", tcpodd.Midstream}, {"rst-middlebox/inside.pcap", tcpodd.Injected}} {
		for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
			t.Run(c.code+" "+d.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{d.Make}, c.file)
				for _, f := range r.Findings {
					switch {
					case f.Code.ID != c.code:
					case d.Name == "no SYN" && f.Confidence != finding.CannotTell:
						t.Errorf("%s without the begin\n%s", f.Confidence, detecttest.Text(f))
					case d.Name == "no packets from the client" && c.code == tcpodd.Midstream, d.Name == "no packets from the server" && c.code != tcpodd.Midstream:
						t.Errorf("%s", detecttest.Text(f))
					}
				}
			})
		}
	}
}
