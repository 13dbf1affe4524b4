package lang

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Rule sets that are not ours to copy: FIRESTORM_SHARED names the folder that holds rules/.
func corpus(tb testing.TB, name string) []byte {
	dir := os.Getenv("FIRESTORM_SHARED")
	if dir == "" {
		tb.Skip("no rule sets: set FIRESTORM_SHARED to the folder that holds rules/")
	}
	b, err := os.ReadFile(filepath.Join(dir, "rules", name))
	if err != nil {
		tb.Skip("no such rule set: ", err)
	}
	return b
}

// corpusVars are the variables that the rule sets expect their user to set.
var corpusVars = &Vars{Addrs: map[string]string{"HOME_NET": "[192.168.0.0/16,10.0.0.0/8]", "EXTERNAL_NET": "!$HOME_NET"},
	Ports: map[string]string{"HTTP_PORTS": "80", "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]", "SHELLCODE_PORTS": "!80",
		"ORACLE_PORTS": "1521", "SSH_PORTS": "22", "FTP_PORTS": "21", "SIP_PORTS": "[5060, 5061]"}}

func init() {
	for _, n := range []string{"HTTP", "SMTP", "SQL", "DNS", "TELNET", "AIM", "DC", "SIP", "SSH", "FTP"} {
		corpusVars.Addrs[n+"_SERVERS"] = "$HOME_NET"
	}
}

func TestCorpus(t *testing.T) {
	for _, f := range []struct {
		name string
		want int
	}{{"et-open-2025-08.rules", 25128}, {"snort2-community.rules", 4013}} {
		t.Run(f.name, func(t *testing.T) {
			b := corpus(t, f.name)
			rules, problems, err := Parse(f.name, bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range problems {
				if i < 20 {
					t.Log(p)
				}
			}
			if len(rules) != f.want {
				t.Errorf("%d rules parse, want %d; %d problems", len(rules), f.want, len(problems))
			}
			t.Logf("%d of %d rules parse", len(rules), len(rules)+len(problems))
			for _, r := range rules {
				for _, e := range []string{r.Src, r.Dst} {
					if _, err := Addrs(e, corpusVars); err != nil {
						t.Errorf("%s: %v", r.Place, err)
					}
				}
				for _, o := range []string{"threshold", "detection_filter"} {
					if v, ok := r.Get(o); ok {
						if _, err := ThresholdOption(v); err != nil {
							t.Errorf("%s: %v", r.Place, err)
						}
					}
				}
				for _, e := range []string{r.SrcPort, r.DstPort} {
					if _, err := Ports(e, corpusVars); err != nil {
						t.Errorf("%s: %v", r.Place, err)
					}
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := corpus(b, "et-open-2025-08.rules")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse("x", bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
