package ftpdata_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/test/harness"
)

const (
	hidden  = "ftp-tls-hides-data-port"
	private = "ftp-private-address"
	clear   = "policy-plaintext-login" // true of every capture here: the sessions without encryption
)

func TestHidden(t *testing.T) {
	in, out := "ftp-tls-hidden/inside.pcap", "ftp-tls-hidden/outside.pcap"
	for _, files := range [][]string{{in}, {in, out}} {
		r := detecttest.Run(t, nil, files...)
		f := find(t, r.Findings, hidden, finding.Certain)
		detecttest.Says(t, f, "FTP to 10.2.0.2:21 logs in but does not list", "2 data connections dropped", "accepted (234): nothing on the control channel can be read",
			"no reply", "completed a transfer (LIST, 226) at", "fell silent when the data connection was asked for", "allow exactly that range", "SFTP")
		detecttest.SaysNot(t, f, "ssl-allow", "disable TLS", "switch TLS off")
		if len(f.Explains) != 1 || f.Explains[0].Code != "tcp-syn-silent-drop" || f.Explains[0].Count < 2 {
			t.Errorf("explains %v", f.Explains)
		}
		alone(t, r, f)
	}
	// behind the firewall only the control channel is left
	r := detecttest.Run(t, nil, out)
	f := find(t, r.Findings, hidden, finding.Possible)
	alone(t, r, f)
	detecttest.Says(t, f, "no data connection was seen", "silent for 14.")
}

func TestOtherForms(t *testing.T) {
	for _, c := range []struct {
		file       string
		confidence finding.Confidence
		says       []string
		explains   string
	}{
		{"ftp-tls-hidden-icmp/inside.pcap", finding.Certain, []string{"2 data connections rejected", "10.1.0.1 answered the connection", "ICMP type 3 code 13"}, "icmp-admin-prohibited"},
		{"ftp-tls-hidden-reset/inside.pcap", finding.Certain, []string{"2 data connections reset", "with TTL 64, other packets of it have 63: another machine sent it"}, "tcp-refused-by-middlebox"},
		{"ftp-tls-active/outside.pcap", finding.Certain, []string{"hides from the firewall that the server will call back", "from 10.2.0.2:20 to 10.1.0.11:", "let the client connect (passive mode)"}, "tcp-syn-silent-drop"},
		{"ftp-tls-implicit/inside.pcap", finding.Likely, []string{"encrypted from the first byte (implicit TLS, port 990)", "or: a firewall that lets no FTP data connection through"}, "tcp-syn-silent-drop"},
	} {
		t.Run(c.file, func(t *testing.T) {
			r := detecttest.Run(t, nil, c.file)
			f := find(t, r.Findings, hidden, c.confidence)
			alone(t, r, f)
			detecttest.Says(t, f, c.says...)
			if len(f.Explains) == 0 || f.Explains[0].Code != c.explains {
				t.Errorf("explains %v", f.Explains)
			}
		})
	}
}

func TestPrivate(t *testing.T) {
	in, out := "ftp-private-address/inside.pcap", "ftp-private-address/outside.pcap"
	for _, files := range [][]string{{in}, {in, out}} {
		r := detecttest.Run(t, nil, files...)
		f := find(t, r.Findings, private, finding.Certain)
		alone(t, r, f)
		detecttest.Says(t, f, "the server told the client to connect to 10.2.0.2, an address that exists only inside its own network", "is reached at 198.51.100.1",
			"no reply", "no packet from 10.2.0.2 was ever seen here", "pasv_address=198.51.100.1")
	}
	detecttest.None(t, detecttest.Run(t, nil, out), hidden, private)
	detecttest.Says(t, find(t, detecttest.Run(t, nil, "ftp-private-address-2121/inside.pcap").Findings, private, finding.Certain), "the server told the client to connect to 10.2.0.2", "pasv_address=198.51.100.1")
	for _, files := range [][]string{{"ftp-private-port/outside.pcap"}, {"ftp-private-port/inside.pcap", "ftp-private-port/outside.pcap"}} {
		r := detecttest.Run(t, nil, files...)
		f := find(t, r.Findings, private, finding.Certain)
		alone(t, r, f)
		detecttest.Says(t, f, "the client told the server to connect to 10.1.0.11", "the server answered 500", "let the client connect (passive mode)")
	}
	// before the translation the address is the client's own
	detecttest.None(t, detecttest.Run(t, nil, "ftp-private-port/inside.pcap"), hidden, private)
}

func TestNearMissesAndRemedied(t *testing.T) {
	for _, dir := range []string{"ftp-tls-hidden-remedied", "ftp-auth-refused", "ftp-tls-ccc", "ftp-private-address-remedied"} {
		for _, files := range [][]string{{dir + "/inside.pcap"}, {dir + "/outside.pcap"}, {dir + "/inside.pcap", dir + "/outside.pcap"}} {
			r := detecttest.Run(t, nil, files...)
			alone(t, r, nil)
			detecttest.None(t, r, hidden, private)
		}
	}
}

// TestDamaged: what the capture lost must weaken the claim, never turn it into another.
func TestDamaged(t *testing.T) {
	for _, c := range []struct{ file, code, client, server string }{
		{"ftp-tls-hidden/inside.pcap", hidden, "10.1.0.11", "10.2.0.2"},
		{"ftp-private-address/inside.pcap", private, "198.51.100.11", "198.51.100.1"},
	} {
		for _, d := range detecttest.Damages(c.client, c.server) {
			t.Run(c.code+"/"+d.Name, func(t *testing.T) {
				r := detecttest.Run(t, []detecttest.Mutation{d.Make}, c.file)
				switch d.Name {
				case "every frame twice":
					alone(t, r, find(t, r.Findings, c.code, finding.Certain))
				case "every 20th frame lost":
					for _, f := range r.Findings {
						if f.Code.ID != c.code && f.Code.ID != "tcp-syn-silent-drop" && f.Code.ID != clear && detecttest.Claims(f) {
							t.Errorf("%s", detecttest.Text(f))
						}
					}
				default: // the requests still meet silence: that much may be said
					for _, f := range r.Findings {
						if f.Code.ID != "tcp-syn-silent-drop" && f.Code.ID != clear && detecttest.Claims(f) {
							t.Errorf("%s", detecttest.Text(f))
						}
					}
				}
			})
		}
	}
}

// alone expects no claim beside f, but for the passwords in clear text.
func alone(t *testing.T, r *sensor.Result, f *finding.Finding) {
	t.Helper()
	for _, x := range r.Findings {
		if x != f && x.Code.ID != clear && detecttest.Claims(x) {
			t.Errorf("beside it: %s", detecttest.Text(x))
		}
	}
}

func find(t *testing.T, fs []*finding.Finding, code string, c finding.Confidence) *finding.Finding {
	t.Helper()
	for _, f := range fs {
		if f.Code.ID == code {
			if f.Confidence != c {
				t.Errorf("%s is %s, want %s\n%s", code, f.Confidence, c, detecttest.Text(f))
			}
			return f
		}
	}
	t.Fatalf("no %s", code)
	return nil
}

// TestToldAtTheClose: seen from behind the firewall, the finding is told when the control channel was closed and the time for
// better explanations is over, not when the connection is forgotten.
func TestToldAtTheClose(t *testing.T) {
	all := harness.Captures(t)
	fs, faces := harness.Frames(t, all[slices.IndexFunc(all, func(c string) bool { return strings.HasSuffix(c, "/ftp-tls-hidden/outside.pcap") })])
	closed := fs[len(fs)-1].Time
	for i := 1; i <= 45; i++ { // somebody else goes on
		b := packettest.UDP{Src: "192.168.9.9:5000", Dst: "192.168.9.1:5001"}.Frame()
		fs = append(fs, capture.Frame{Time: closed.Add(time.Duration(i) * time.Second), Data: b, Link: packet.LinkEthernet})
	}
	var told []packet.Time
	_, err := sensor.Run(context.Background(), sensor.Options{Source: capture.NewMemory(fs, faces...), Workers: 1, Seed: 1, Checksums: packet.ChecksumsAuto,
		Analyzers: standard.Analyzers, Detectors: standard.Detectors, Continues: true, OnFindings: func(d sensor.Decided) {
			for _, f := range d.Findings {
				if f.Code.ID == hidden {
					told = append(told, d.Now)
				}
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].Sub(closed) > 40*time.Second {
		t.Errorf("told at %v, closed at %v", told, closed)
	}
}
