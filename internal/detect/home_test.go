package detect

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"firestorm/internal/packet"
)

// TestHome compares with netip for addresses near the borders of networks of all sizes.
func TestHome(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, s := range []string{"10.0.0.0/8", "192.0.2.128/25", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32", "2001:db8::/64", "2001:db8::40/122",
		"2001:db8::1/128", "::/0"} {
		p := netip.MustParsePrefix(s)
		h := NewHome([]netip.Prefix{p})
		inside := 0
		for range 2000 {
			b := p.Addr().As16()
			for range rnd.IntN(3) {
				b[rnd.IntN(16)] ^= 1 << rnd.IntN(8)
			}
			a := netip.AddrFrom16(b)
			if p.Addr().Is4() {
				a = a.Unmap()
			}
			if a.Is4() != p.Addr().Is4() {
				continue
			}
			want := p.Contains(a)
			if want {
				inside++
			}
			if got := h.Has(packet.MustAddr(a.String())); got != want {
				t.Fatalf("%s in %s: %v", a, s, got)
			}
		}
		if inside == 0 {
			t.Errorf("no address of %s was tried", s)
		}
	}
	var byDefault Home
	for a, want := range map[string]bool{"10.1.2.3": true, "172.31.0.1": true, "172.32.0.1": false, "192.168.9.9": true, "8.8.8.8": false,
		"fe80::1": true, "fd00::1": true, "2001:db8::1": false, "169.254.1.1": true} {
		if got := byDefault.Has(packet.MustAddr(a)); got != want {
			t.Errorf("%s by default: %v", a, got)
		}
		if none := NewHome(nil); none.Has(packet.MustAddr(a)) != want {
			t.Errorf("%s without networks", a)
		}
	}
}
