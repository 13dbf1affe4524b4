package bruteforce_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
	"firestorm/internal/sensor"
)

const code = "brute-force-login"

func find(t *testing.T, r *sensor.Result, c finding.Confidence) *finding.Finding {
	t.Helper()
	var found *finding.Finding
	for _, f := range r.Findings {
		switch {
		case f.Code.ID == code && found == nil:
			found = f
		case f.Code.ID != "policy-plaintext-login" && detecttest.Claims(f):
			t.Errorf("beside it: %s", detecttest.Text(f))
		}
	}
	if found == nil {
		t.Fatal("not found")
	}
	if found.Confidence != c {
		t.Errorf("%s, want %s\n%s", found.Confidence, c, detecttest.Text(found))
	}
	return found
}

func TestGuessing(t *testing.T) {
	for _, files := range [][]string{{"ssh-guessing/inside.pcap"}, {"ssh-guessing/outside.pcap"}, {"ssh-guessing/inside.pcap", "ssh-guessing/outside.pcap"}} {
		f := find(t, detecttest.Run(t, nil, files...), finding.Likely)
		detecttest.Says(t, f, "10.1.0.11 tries passwords at 10.2.0.2:22", "inferred from the sizes of the server's encrypted answers", "or: encrypted answers that only look like refusals",
			"none let in afterwards", "PasswordAuthentication no")
		if f.Severity != finding.High {
			t.Errorf("severity %s", f.Severity)
		}
	}
	f := find(t, detecttest.Run(t, nil, "ssh-guessing-success/inside.pcap"), finding.Likely)
	detecttest.Says(t, f, "then it was let in", "a login from it was accepted", "lock the account")
	if f.Severity != finding.Critical {
		t.Errorf("severity %s", f.Severity)
	}
	f = find(t, detecttest.Run(t, nil, "ftp-guessing/inside.pcap"), finding.Certain)
	detecttest.Says(t, f, "32 refused logins", `users tried: "root", "admin", "alice", "backup"`, "4 users were tried", "the server refused in words")
}

func TestNearMisses(t *testing.T) {
	for _, c := range []string{"ssh-robot", "ssh-logins", "clear-logins"} {
		for _, files := range [][]string{{c + "/inside.pcap"}, {c + "/outside.pcap"}, {c + "/inside.pcap", c + "/outside.pcap"}} {
			detecttest.None(t, detecttest.Run(t, nil, files...), code)
		}
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "ssh-guessing/inside.pcap")
			switch d.Name {
			case "every frame twice":
				find(t, r, finding.Likely)
			case "no packets from the server", "no packets from the client":
				detecttest.Weak(t, r, code)
			}
		})
	}
}
