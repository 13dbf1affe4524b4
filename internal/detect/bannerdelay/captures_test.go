package bannerdelay_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const code = "smtp-banner-delay"

func TestIdent(t *testing.T) {
	for _, files := range [][]string{{"smtp-ident-silent/outside.pcap"}, {"smtp-ident-silent/inside.pcap", "smtp-ident-silent/outside.pcap"}} {
		checkIdent(t, detecttest.Only(t, detecttest.Run(t, nil, files...), code, finding.Likely))
	}
	// where the question was dropped before, the wait has no reason that can be seen
	detecttest.None(t, detecttest.Run(t, nil, "smtp-ident-silent/inside.pcap"), code)
	for _, f := range []string{"smtp-ident-submission/inside.pcap", "smtp-ident-submission/outside.pcap"} {
		// another client, which refuses the question itself, is greeted at once
		said := false
		for _, x := range detecttest.Run(t, nil, f).Findings {
			if x.Code.ID == code {
				said = true
				detecttest.Says(t, x, "mail server 10.2.0.2:587 greets 8.", "(medium, certain, 2)")
			}
		}
		if !said {
			t.Errorf("%s: nothing", f)
		}
	}
}

func checkIdent(t *testing.T, f *finding.Finding) {
	t.Helper()
	detecttest.Says(t, f, "it asks port 113 of 10.1.0.11, and somebody drops the question", "requests from 10.2.0.2 to port 113 of 10.1.0.11, no reply",
		"2 greetings late, from 2 clients", "refuse port 113 instead of dropping it", "or: a pause that the server makes on purpose")
	if len(f.Explains) == 0 || f.Explains[0].Code != "tcp-syn-silent-drop" {
		t.Errorf("explains %v", f.Explains)
	}
}

func TestDNS(t *testing.T) {
	f := detecttest.Only(t, detecttest.Run(t, nil, "smtp-rdns-silent/outside.pcap"), code, finding.Likely)
	detecttest.Says(t, f, "its DNS queries are not answered", "DNS queries from 10.2.0.2 to 10.2.0.1, no answer before the greeting", "dig -x 10.1.0.11")
}

func TestNearMissAndRemedied(t *testing.T) {
	for _, c := range []string{"smtp-greet-pause", "smtp-ident-rejected"} {
		for _, files := range [][]string{{c + "/inside.pcap"}, {c + "/outside.pcap"}, {c + "/inside.pcap", c + "/outside.pcap"}} {
			detecttest.None(t, detecttest.Run(t, nil, files...), code)
		}
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "smtp-ident-silent/outside.pcap")
			switch d.Name {
			case "every frame twice", "every 20th frame lost", "96 bytes of each frame":
				for _, f := range r.Findings {
					if f.Code.ID != code && f.Code.ID != "duplicate-on-wire" && f.Code.ID != "tcp-syn-silent-drop" && detecttest.Claims(f) {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
			default: // the second client and its greeting are whole where only the first one's packets are missing
				for _, f := range r.Findings {
					if f.Code.ID == code && f.Confidence >= finding.Likely && f.Subjects[0].Addr == packet.MustAddr("10.1.0.11") {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
			}
		})
	}
}
