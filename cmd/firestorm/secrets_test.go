package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoSecretLeaves reads captures that hold passwords and looks for them in everything the program writes, in clear
// and as mail protocols encode them. Evidence captures are packets, and hold what the packets hold.
func TestNoSecretLeaves(t *testing.T) {
	passwords := []string{"Correct-Horse-9", "guess-1", "guess-7", "Wrong-Correct-Horse-9"}
	var forms []string
	for _, p := range passwords {
		forms = append(forms, p, base64.StdEncoding.EncodeToString([]byte(p)), base64.StdEncoding.EncodeToString([]byte("\x00alice\x00"+p)))
	}
	for _, name := range []string{"clear-logins", "ftp-guessing", "ftp-tls-hidden", "ldap-clear", "postgres-clear"} {
		file := filepath.Join(repository, "testdata", "captures", name, "inside.pcap")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(raw, []byte(passwords[0])) && !bytes.Contains(raw, []byte(passwords[1])) {
			t.Errorf("%s holds none of the passwords: the test proves nothing", name)
		}
		eve := filepath.Join(t.TempDir(), "eve.json")
		for _, args := range [][]string{{"-v"}, {"--json"}, {"--format", "html"}, {"--format", "md"}, {"--eve", eve}} {
			r := runApp(nil, append([]string{"read", file}, args...)...)
			text := r.stdout + r.stderr
			if args[0] == "--eve" {
				b, err := os.ReadFile(eve)
				if err != nil || len(b) == 0 {
					t.Fatalf("%s %v: no records (%v)", name, args, err)
				}
				text += string(b)
			}
			if len(text) < 200 {
				t.Fatalf("%s %v: %s", name, args, text)
			}
			for _, f := range forms {
				if strings.Contains(text, f) {
					t.Errorf("%s %v: the output holds %q", name, args, f)
				}
			}
		}
	}
}
