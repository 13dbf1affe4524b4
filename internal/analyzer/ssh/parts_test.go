package ssh

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
)

func TestParts(t *testing.T) {
	for _, cut := range []int{1, 7, 2000} {
		got := analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(cut, analyzertest.Client, server, false,
			analyzertest.Turn{Dir: up, Data: "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"}, analyzertest.Turn{Dir: down, Data: "a line before\r\nSSH-2.0-dropbear_2022.83\r\n"},
			analyzertest.Turn{Dir: up, Data: lists("1")}, analyzertest.Turn{Dir: down, Data: lists("2")})...)
		if len(got) != 4 {
			t.Fatalf("cut %d: shown %d times", cut, len(got))
		}
		for i, want := range []struct{ part, value string }{{"ssh.software", "OpenSSH_9.2p1"}, {"ssh.software", "dropbear_2022.83"},
			{"ssh.hassh.string", "kex1;enc-c1;mac-c1;none"}, {"ssh.hassh.server.string", "kex2;enc-s2;mac-s2;none"}} {
			if v := got[i].Parts[want.part]; !slices.Equal(v, []string{want.value}) {
				t.Errorf("cut %d: %s is %q", cut, want.part, v)
			}
			if got[i].Parts["ssh.proto"][0] != "2.0" {
				t.Errorf("cut %d: %q", cut, got[i].Parts["ssh.proto"])
			}
			analyzertest.ValidEVE(t, got[i].Record)
		}
		if got[0].Dir != up || got[1].Dir != down || len(got[2].Parts["ssh.hassh.server"]) != 0 {
			t.Errorf("cut %d: %+v", cut, got)
		}
		if line := string(got[3].Record.AppendEVE(nil, &event.EVE{})); !strings.Contains(line, `"ssh":{"client":{"proto_version":"2.0","software_version":"OpenSSH_9.2p1","hassh"`) {
			t.Error(line)
		}
	}
}

// TestOdd: what is odd is told by Suricata's names, and nothing where all is well.
func TestOdd(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{"SSH-2.0-x\r\n" + lists("1"), ""},
		{"a line before\r\nSSH-2.0-x\r\n", ""},
		{"SSH-\r\n", "invalid_banner"},
		{"SSH-2.0-" + strings.Repeat("x", 300) + "\r\n", "long_banner"},
		{"SSH-2.0-x\r\n\x00\x00\x00\x01\x00\x14", "invalid_record"},
		{"SSH-2.0-x\r\n\x7f\x00\x00\x01\x00\x14", "invalid_record"},
	} {
		for _, cut := range []int{1, 2000} {
			var got []string
			for _, x := range analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(cut, analyzertest.Client, server, false,
				analyzertest.Turn{Dir: down, Data: "SSH-2.0-y\r\n"}, analyzertest.Turn{Dir: up, Data: c.said})...) {
				got = append(got, x.Events...)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q, cut %d: %q, want %q", c.said, cut, got, c.want)
			}
		}
	}
}
