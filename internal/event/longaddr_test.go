package event

import (
	"strings"
	"testing"

	"firestorm/internal/packet"
)

// TestLongAddresses: the ends of a record have all digits of IPv6 where that is asked for, and IPv4 is as ever.
func TestLongAddresses(t *testing.T) {
	for _, c := range []struct{ addr, want string }{{"fe80::20c:0", `"src_ip":"fe80:0000:0000:0000:0000:0000:020c:0000"`}, {"192.0.2.1", `"src_ip":"192.0.2.1"`}} {
		h := Head{Proto: packet.ProtoUDP, Client: End{Addr: packet.MustAddr(c.addr), Port: 1}, Server: End{Addr: packet.MustAddr(c.addr), Port: 2}}
		if got := string(AppendEVEHead(nil, &h, "dns", packet.ToServer, &EVE{Version: 8, LongIPv6: true})); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.addr, got)
		}
		if got := string(AppendEVEHead(nil, &h, "dns", packet.ToServer, &EVE{Version: 8})); !strings.Contains(got, `"src_ip":"`+c.addr+`"`) {
			t.Errorf("%s: %s", c.addr, got)
		}
	}
}
