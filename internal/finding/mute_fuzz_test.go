package finding

import (
	"strings"
	"testing"
)

// FuzzReadMutes: any text is read or refused with the line at fault; what was read says the same when it is written again.
func FuzzReadMutes(f *testing.F) {
	f.Add("")
	f.Add("# comment\n\ntcp-closed-port 192.0.2.7 * 2026-12-31 printer is off at night\n* * 2001:db8::/32 - lab\n")
	f.Add("sid:2010935 10.0.0.0/8 * - x\nsid:3:7 ::ffff:192.0.2.1 fe80::1%eth0 2026-12-31T00:00:00.5+02:00 y")
	f.Add("tcp-closed-port *\n")
	f.Add("rate * 10/hour burst 20 by_src\nrate x 1/week\n")
	f.Add("* 300.0.0.1 * - x\n* * * 2026-02-30T00:00:00Z x")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ReadMutes("mutes", strings.NewReader(s))
		if err != nil && !strings.Contains(err.Error(), "mutes") {
			t.Errorf("%q: the error names no place: %v", s, err)
		}
		if (m == nil) == (err == nil) {
			t.Errorf("%q: mutes %v with error %v", s, m, err)
		}
		for _, u := range m.all() {
			if again, err := ParseMute(u.String()); err != nil || again != u.Mute {
				t.Errorf("%+v is written as %q and read as %+v, %v", u.Mute, u.String(), again, err)
			}
		}
	})
}
