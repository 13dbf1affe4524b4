package plainlogin_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const code = "policy-plaintext-login"

func TestClearLogins(t *testing.T) {
	r := detecttest.Run(t, nil, "clear-logins/inside.pcap")
	fs := detecttest.All(t, r, 5, code, finding.Certain)
	for _, c := range []struct {
		port uint16
		says []string
	}{
		{21, []string{`user "alice" from 10.1.0.11 by PASS`, "1 login, 1 of them accepted", "force_local_logins_ssl"}},
		{23, []string{`user "alice" from 10.1.0.11 by password`, "2 logins, 1 of them accepted", "replace Telnet by SSH"}},
		{25, []string{"by AUTH PLAIN", "by AUTH LOGIN", "2 logins, 2 of them accepted", "smtpd_tls_auth_only"}},
		{110, []string{"by PASS", "by AUTH PLAIN", "3 logins, 2 of them accepted", "995"}},
		{143, []string{"by LOGIN", "by AUTHENTICATE PLAIN", "2 logins, 2 of them accepted", "993"}},
	} {
		var found *finding.Finding
		for _, f := range fs {
			if f.Subjects[0].Port == c.port {
				found = f
			}
		}
		if found == nil {
			t.Errorf("nothing for port %d", c.port)
			continue
		}
		detecttest.Says(t, found, append(c.says, "the client is on this wire", "change the password")...)
	}
	// behind the router it cannot be told whether the first part of the way was protected
	detecttest.All(t, detecttest.Run(t, nil, "clear-logins/outside.pcap"), 5, code, finding.Likely)
}

// TestDirectoryAndDatabase: a simple bind of LDAP, and a password that PostgreSQL asks for in clear.
func TestDirectoryAndDatabase(t *testing.T) {
	for capture, says := range map[string][]string{
		"ldap-clear":     {`user "uid=alice,ou=people,dc=example,dc=com" from 10.1.0.11 by simple bind`, "7 logins, 7 of them accepted", "olcSecurity", "ldapwhoami -x -ZZ -H ldap://10.2.0.2:389"},
		"postgres-clear": {`user "clear" from 10.1.0.11 by cleartext password`, "1 login, 1 of them accepted", "pg_hba.conf", "psql -h 10.2.0.2 -p 5432"},
	} {
		detecttest.Says(t, detecttest.All(t, detecttest.Run(t, nil, capture+"/inside.pcap"), 1, code, finding.Certain)[0], says...)
		detecttest.All(t, detecttest.Run(t, nil, capture+"/outside.pcap"), 1, code, finding.Likely)
	}
}

func TestEncrypted(t *testing.T) {
	for _, files := range [][]string{{"logins-encrypted/inside.pcap"}, {"logins-encrypted/outside.pcap"}, {"ldap-protected/inside.pcap"}, {"postgres-protected/inside.pcap"}} {
		detecttest.None(t, detecttest.Run(t, nil, files...), code)
	}
}

// TestDamaged: without whole frames nothing is claimed; in all else a password that is seen is seen.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "clear-logins/inside.pcap")
			switch d.Name {
			case "96 bytes of each frame":
				for _, f := range r.Findings {
					if f.Code.ID == code && f.Confidence > finding.CannotTell {
						t.Errorf("%s", detecttest.Text(f))
					}
				}
			case "every frame twice":
				n := 0
				for _, f := range r.Findings {
					if f.Code.ID == code {
						n++
						detecttest.SaysNot(t, f, "4 logins")
					}
				}
				if n != 5 {
					t.Errorf("%d findings", n)
				}
			}
		})
	}
}

// passwords of the captures' accounts; none may leave the program in any form.
var passwords = []string{"Correct-Horse-9", "Wrong-Correct-Horse-9", "guess-1", "guess-8"}

// TestNoSecretLeaves looks for the passwords in all that findings say.
func TestNoSecretLeaves(t *testing.T) {
	for _, c := range []string{"clear-logins", "ftp-guessing", "ftp-tls-hidden", "ftp-private-address", "ldap-clear", "postgres-clear"} {
		raw, err := os.ReadFile(detecttest.Path(t, filepath.Join(c, "inside.pcap")))
		if err != nil {
			t.Fatal(err)
		}
		seen := false
		for _, p := range passwords {
			seen = seen || bytes.Contains(raw, []byte(p))
		}
		if !seen {
			t.Errorf("%s holds none of the passwords: the test proves nothing", c)
		}
		r := detecttest.Run(t, nil, c+"/inside.pcap")
		for _, f := range r.Findings {
			b, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range passwords {
				for _, form := range []string{p, base64.StdEncoding.EncodeToString([]byte(p)), base64.StdEncoding.EncodeToString([]byte("\x00alice\x00" + p))} {
					if bytes.Contains(b, []byte(form)) || bytes.Contains([]byte(detecttest.Text(f)), []byte(form)) {
						t.Errorf("%s: a finding holds %q", c, form)
					}
				}
			}
		}
	}
}
