package eve

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/analyzer/imap"
	"firestorm/internal/analyzer/ldap"
	"firestorm/internal/analyzer/pgsql"
	"firestorm/internal/analyzer/pop3"
	"firestorm/internal/analyzer/smtp"
	"firestorm/internal/analyzer/ssh"
	"firestorm/internal/analyzer/telnet"
	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/output"
	"firestorm/internal/sensor"
)

// TestLoginProtocols: records of real conversations fit the schema, have what Suricata's have, and hold no password.
func TestLoginProtocols(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("testdata/eve.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	const password = "Correct-Horse-9"
	seen := map[string]int{}
	for _, name := range []string{"clear-logins", "ssh-logins", "ftp-tls-hidden", "ftp-guessing", "smtp-ident-silent", "ldap-clear", "postgres-clear"} {
		src, err := capture.OpenFile("../../../testdata/captures/"+name+"/inside.pcap", capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		o := New(output.Setup{Out: &b, EVE: event.EVE{Version: 8}})
		_, err = sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1, WantAll: true, Sinks: []sensor.EventSink{o},
			Analyzers: []analyzer.Def{ftp.Def, imap.Def, ldap.Def, pgsql.Def, pop3.Def, smtp.Def, ssh.Def, telnet.Def}})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{password, base64.StdEncoding.EncodeToString([]byte(password)), base64.StdEncoding.EncodeToString([]byte("\x00alice\x00" + password)), "guess-"} {
			if strings.Contains(b.String(), form) {
				t.Errorf("%s: a record holds %q", name, form)
			}
		}
		for _, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
			if err := valid(s, line); err != nil {
				t.Errorf("%v\n%s", err, line)
			}
			var r struct {
				Type string `json:"event_type"`
				App  string `json:"app_proto"`
				FTP  struct{ Command, Mode string }
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			seen[r.Type+" "+r.FTP.Command]++
			if r.Type == "flow" {
				seen["flow of "+r.App]++
			}
		}
	}
	for _, want := range []string{"ftp USER", "ftp PASS", "ftp AUTH", "ftp LIST", "smtp ", "ssh ", "pop3 ", "ldap ", "pgsql ", "flow of ftp", "flow of imap", "flow of ldap", "flow of pgsql", "flow of pop3", "flow of smtp", "flow of ssh", "flow of telnet"} {
		if seen[want] == 0 {
			t.Errorf("no %q among %v", want, seen)
		}
	}
}
