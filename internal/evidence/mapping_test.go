package evidence

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"testing"

	"firestorm/internal/packet"
)

func testKey(b byte) (k [KeySize]byte) {
	for i := range k {
		k[i] = b + byte(i)
	}
	return k
}

// shared is how many leading bits two addresses of one family have in common.
func shared(a, b packet.Addr) int {
	for i := range a {
		if d := a[i] ^ b[i]; d != 0 {
			return 8*i + bits.LeadingZeros8(d)
		}
	}
	return 128
}

// Whatever two addresses are, what stands for them shares as many leading bits: so it is one for one, and networks stay
// networks. For IPv6 the last 24 bits stand for themselves.
func TestMappingKeepsPrefixes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	m := NewMapping(testKey(1))
	random := func(four bool) packet.Addr {
		var a packet.Addr
		for i := range a {
			a[i] = byte(rnd.Uint32())
		}
		if four {
			a = packet.Addr4(a[12:])
			if rnd.IntN(3) == 0 {
				b := [][2]byte{{10, 0}, {192, 168}, {172, 16}, {100, 64}, {169, 254}, {127, 0}, {224, 0}, {192, 169}}[rnd.IntN(8)]
				a[12], a[13] = b[0], b[1]
			}
		} else if rnd.IntN(2) == 0 {
			p := [][2]byte{{0x20, 1}, {0xfd, 0}, {0xfe, 0x80}, {0xff, 2}}[rnd.IntN(4)]
			a[0], a[1] = p[0], p[1]
		}
		return a
	}
	for i := range 3000 {
		four := i%2 == 0
		a, b := random(four), random(four)
		if i%3 == 0 { // neighbours
			b = a
			b[15-rnd.IntN(4)] ^= 1 << rnd.IntN(8)
		}
		x, y := m.Addr(a), m.Addr(b)
		want, got := shared(a, b), shared(x, y)
		if got != want {
			t.Fatalf("%s and %s share %d bits, %s and %s share %d", a, b, want, x, y, got)
		}
		if NewMapping(testKey(1)).Addr(a) != x {
			t.Fatalf("%s is not mapped the same by the same key", a)
		}
	}
}

func TestMappingKeepsMeaning(t *testing.T) {
	m, other := NewMapping(testKey(1)), NewMapping(testKey(2))
	for _, s := range []string{"0.0.0.0", "127.0.0.1", "224.0.0.251", "239.255.255.250", "255.255.255.255", "::1", "ff02::1", "ff02::fb"} {
		if got := m.Addr(packet.MustAddr(s)).String(); got != s {
			t.Errorf("%s became %s", s, got)
		}
	}
	for s, p := range map[string]string{"10.1.2.3": "10.0.0.0/8", "172.16.0.9": "172.16.0.0/12", "192.168.0.1": "192.168.0.0/16",
		"169.254.7.7": "169.254.0.0/16", "100.64.3.3": "100.64.0.0/10", "fe80::1": "fe80::/64", "fd00::1": "fc00::/7", "2001:db8::1": "2000::/3"} {
		got := m.Addr(packet.MustAddr(s))
		if !netip.MustParsePrefix(p).Contains(got.Netip()) || got.String() == s {
			t.Errorf("%s became %s", s, got)
		}
		if other.Addr(packet.MustAddr(s)) == got {
			t.Errorf("%s becomes %s by two keys", s, got)
		}
	}
	for _, s := range []string{"8.8.8.8", "1.1.1.1", "198.51.100.7", "203.0.113.9", "192.0.2.1"} {
		got := m.Addr(packet.MustAddr(s)).Netip()
		if got.IsPrivate() || got.IsMulticast() || got.IsLoopback() || got.IsLinkLocalUnicast() || got.String() == s {
			t.Errorf("%s became %s", s, got)
		}
	}
	host, group := m.Addr(packet.MustAddr("2001:db8::12:3456")), m.Addr(packet.MustAddr("ff02::1:ff12:3456"))
	if [3]byte(host[13:]) != [3]byte(group[13:]) || !solicited.Contains(group.Netip()) || group == packet.MustAddr("ff02::1:ff12:3456") {
		t.Errorf("%s and its group %s do not fit", host, group)
	}
	mac := m.MAC(packet.MAC{0x33, 0x33, 0xff, 0x12, 0x34, 0x56})
	if mac != (packet.MAC{0x33, 0x33, 0xff, group[13], group[14], group[15]}) {
		t.Errorf("the group's frames go to %s, want them to follow %s", mac, group)
	}
}

func TestMappingOfMACs(t *testing.T) {
	m := NewMapping(testKey(1))
	seen := map[packet.MAC]packet.MAC{}
	for i := range 5000 {
		a := packet.MAC{byte(i%4) & 2, 0x1b, 0x21, 0, byte(i >> 8), byte(i)}
		got := m.MAC(a)
		if got[0]&3 != a[0]&3 {
			t.Fatalf("%s became %s: another sort of address", a, got)
		}
		if was, ok := seen[got]; ok && was != a {
			t.Fatalf("%s and %s both became %s", was, a, got)
		}
		seen[got] = a
	}
	for _, a := range []packet.MAC{{}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {1, 0, 0x5e, 0, 0, 1}, {0, 0, 0x5e, 0, 1, 7}, {0x33, 0x33, 0, 0, 0, 1}} {
		if m.MAC(a) != a {
			t.Errorf("%s became %s", a, m.MAC(a))
		}
	}
}

// A mapping forgets when it is full, and still says the same.
func TestMappingIsBounded(t *testing.T) {
	m := NewMapping(testKey(3))
	first := m.Addr(packet.MustAddr("10.0.0.1"))
	for i := range maxMapped + 10 {
		m.addrs[packet.Addr{15: byte(i), 14: byte(i >> 8), 13: byte(i >> 16), 0: 1}] = packet.Addr{}
		if i > maxMapped {
			m.Addr(packet.Addr4([]byte{10, 0, 1, byte(i)}))
		}
	}
	if len(m.addrs) > maxMapped+1 {
		t.Errorf("it remembers %d addresses", len(m.addrs))
	}
	if m.Addr(packet.MustAddr("10.0.0.1")) != first {
		t.Error("it says another address now")
	}
}

func TestRedactedText(t *testing.T) {
	r := NewRedactor(testKey(1))
	r.Know("fileserver", "alice", "files.example.org")
	a := func(s string) string { return r.Map.Addr(packet.MustAddr(s)).String() }
	n := r.Map.Name
	for in, want := range map[string]string{
		"10.0.0.254:80 ignored 3 requests":          a("10.0.0.254") + ":80 ignored 3 requests",
		"at [2001:db8::7]:443, fe80::1%eth0":        "at [" + a("2001:db8::7") + "]:443, " + a("fe80::1") + "%eth0",
		"00:1b:21:0A:0b:0c answers":                 r.Map.MAC(packet.MAC{0, 0x1b, 0x21, 0xa, 0xb, 0xc}).String() + " answers",
		"FileServer is slow, fileserver2 is not":    n("fileserver") + " is slow, fileserver2 is not",
		"alice@mail.example.org wrote to alice":     n("alice@mail.example.org") + " wrote to " + n("alice"),
		"www.example.org took 2.92 s at 12:30:45":   n("www.example.org") + " took 2.92 s at 12:30:45",
		`the user "bob" failed with TLS1.2`:         `the user "` + n("bob") + `" failed with TLS1.2`,
		"the share “top secret” is gone":            `the share "` + n("top secret") + `" is gone`,
		"longer than 76.8 s, port 2268, frame 1-12": "longer than 76.8 s, port 2268, frame 1-12",
		"FILES.EXAMPLE.ORG":                         n("files.example.org"),
	} {
		if got := r.Text(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
