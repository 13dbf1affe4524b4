package lang

import (
	"fmt"
	"strings"
	"testing"
)

func TestPrefixes(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"[10.0.0.1,10.0.0.2]", "10.0.0.1/32 10.0.0.2/32"},
		{"10.0.0.0-10.0.0.5", "10.0.0.0/30 10.0.0.4/31"},
		{"any", "0.0.0.0/0 ::/0"},
		{"255.255.255.255", "255.255.255.255/32"},
		{"[fe80::/10,10.0.0.0/8]", "10.0.0.0/8 fe80::/10"},
		{"2001:db8::1-2001:db8::4", "2001:db8::1/128 2001:db8::2/127 2001:db8::4/128"},
		{"!::/1", "8000::/1"},
		{"!0.0.0.0/1", "128.0.0.0/1"},
		{"2001:db8::-2001:db9:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/31"},
	} {
		set, err := Addrs(c.expr, nil)
		if err != nil {
			t.Fatal(c.expr, err)
		}
		if got := strings.Trim(fmt.Sprint(set.Prefixes()), "[]"); got != c.want {
			t.Errorf("%s: %s, want %s", c.expr, got, c.want)
		}
	}
}
