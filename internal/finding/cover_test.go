package finding

import (
	"testing"

	"firestorm/internal/packet"
)

// TestCoverHost: a cover of a host fits what happened to it on either side, and nothing else.
func TestCoverHost(t *testing.T) {
	host, a, z := packet.MustAddr("10.0.0.7"), packet.MustAddr("10.0.0.1"), packet.MustAddr("10.0.0.2")
	c := covered{Cover: Cover{Host: host}, first: 10, last: 20}
	for _, x := range []struct {
		client, server packet.Addr
		at             packet.Time
		want           bool
	}{
		{host, a, 15, true}, {a, host, 15, true}, {packet.Addr{}, host, 15, true}, {a, z, 15, false}, {host, a, 25, false}, {packet.Addr{}, packet.Addr{}, 15, false},
	} {
		if got := c.matches(&brief{client: x.client, server: x.server, first: x.at, last: x.at}); got != x.want {
			t.Errorf("%s to %s at %d: %v", x.client, x.server, x.at, got)
		}
	}
	machine := covered{Cover: Cover{MAC: packet.MAC{2, 6}}, first: 10, last: 20}
	for m, want := range map[packet.MAC]bool{{2, 6}: true, {2, 7}: false, {}: false} {
		if got := machine.matches(&brief{client: a, server: z, first: 15, last: 15, mac: m}); got != want {
			t.Errorf("of machine %v: %v", m, got)
		}
	}
	narrow := covered{Cover: Cover{Host: host, Port: 80}, first: 10, last: 20}
	if narrow.matches(&brief{client: a, server: host, port: 443, first: 15, last: 15}) {
		t.Error("another port")
	}
	near := covered{Cover: Cover{Host: host, ByPrefix: true}, first: 10, last: 20}
	if !near.matches(&brief{client: z, server: packet.MustAddr("192.0.2.1"), first: 15, last: 15}) {
		t.Error("the same network")
	}
}
