package dhcp

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
)

func TestParts(t *testing.T) {
	ask := bootp(1, "", "\x35\x03", "\x0cnas1\x00", "\x37\x01\x03\x0f\x06\xfe", "\x3d\x01\x00\x11\x32\x17\x49\xf0")
	lease := bootp(2, "\x0a\x00\x00\x17", "\x35\x05", "\x33\x00\x00\x0e\x10", "\x3a\x00\x00\x06\x91", "\x3b\x00\x00\x0b\xd7")
	got := analyzertest.Show(t, []analyzer.Def{Def}, up(ask), down(lease))
	if len(got) != 2 || len(got[0].Parts) != 0 {
		t.Fatalf("%+v", got)
	}
	for name, want := range map[string]string{"dhcp.leasetime": "\x00\x00\x0e\x10", "dhcp.renewal_time": "\x00\x00\x06\x91", "dhcp.rebinding_time": "\x00\x00\x0b\xd7"} {
		if !slices.Equal(got[1].Parts[name], []string{want}) {
			t.Errorf("%s is %q", name, got[1].Parts[name])
		}
	}
	for _, x := range got {
		analyzertest.ValidEVE(t, x.Record)
	}
	line := string(got[0].Record.AppendEVE(nil, &event.EVE{}))
	for _, want := range []string{`"client_id":"00:11:32:17:49:f0"`, `"hostname":"nas1\u0000"`, `"params":["subnet_mask","router","domain","dns_server"]`} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
	}
}
