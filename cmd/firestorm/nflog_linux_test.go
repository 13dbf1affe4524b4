package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/tracker"
)

// TestNetfilterRefusals: what cannot be asked of the packet log is said with what to type; without the capability the line that
// grants it is.
func TestNetfilterRefusals(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"watch nflog:many", "a number from 0 to 65535 follows nflog:"},
		{"watch nflog:5 -f tcp", "the firewall's rule says what is logged there"},
		{"watch lo --stream-depth 1", "4K or more"},
		{"read ../../test/cases/nflog-refused/log.pcap --conntrack-log no-such-file", "no such file"},
	} {
		if r := runApp(nil, strings.Fields(c.args)...); r.code == 0 || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%s: status %d, %s", c.args, r.code, r.stderr)
		}
	}
	var f *failure
	if err := liveFailure(fmt.Errorf("nflog:5: %w", capture.ErrNotAdmin)); !errors.As(err, &f) || f.code != exitPermission || !strings.Contains(f.try, "cap_net_admin") || f.what != "cannot read nflog:5" {
		t.Errorf("%v", err)
	}
	if err := adminFailure("cannot listen", "eth0 --conntrack", tracker.ErrNotPermitted); !errors.As(err, &f) || f.code != exitPermission || !strings.Contains(f.try, "setcap cap_net_raw,cap_net_admin=ep") {
		t.Errorf("%v", err)
	}
}
