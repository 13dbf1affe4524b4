package rpcfw

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

const list = `   program vers proto   port  service
    100000    4   tcp    111  portmapper
    100000    2   udp    111  portmapper
    100003    3   tcp   2049  nfs
    100003    4   tcp   2049  nfs
    100005    3   tcp  44411  mountd
    100005    1   tcp  44411  mountd
    100005    3   udp    892  mountd
    100021    4   tcp  32803  nlockmgr
    100024    1   tcp    662  status
    300019    1   tcp    987
    391002    2   tcp  15000  sgi_fam
`

func parse(t *testing.T, text string) []Service {
	t.Helper()
	l, _, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestParse(t *testing.T) {
	l := parse(t, list)
	if len(l) != 11 || l[0] != (Service{100000, 4, "tcp", 111}) || l[len(l)-1].Name() != "program 391002" {
		t.Errorf("%d: %v", len(l), l)
	}
	long := "   program version netid     address                service    owner\n" +
		"    100005    3    tcp6      ::.3.124               mountd     superuser\n" +
		"    100005    3    udp       0.0.0.0.78.80          mountd     superuser\n" +
		"    100000    4    local     /run/rpcbind.sock      portmapper superuser\n"
	l, skipped, err := Parse(strings.NewReader(long))
	if want := []Service{{100005, 3, "tcp", 892}, {100005, 3, "udp", 20048}}; err != nil || skipped != 0 || !reflect.DeepEqual(l, want) {
		t.Errorf("%v %d %v", l, skipped, err)
	}
	for _, bad := range []string{"", "hello\n", "100005 3 tcp\n", "0 3 tcp 5\n", "100005 3 sctp 5\n", "100005 3 tcp 99999\n", "100005 3 tcp 0\n"} {
		if l, _, err := Parse(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %v", bad, l)
		}
	}
	if _, _, err := Parse(strings.NewReader(strings.Repeat("100005 3 tcp 5\n", maxServices+1))); err == nil {
		t.Error("a list without end was taken")
	}
}

func TestPlan(t *testing.T) {
	p := Make(parse(t, list))
	var floats []string
	for _, x := range p.Floating() {
		floats = append(floats, x.Text())
	}
	if want := []string{"mountd 1, 3 over tcp at port 44411", "program 300019 1 over tcp at port 987"}; !reflect.DeepEqual(floats, want) {
		t.Errorf("%q", floats)
	}
	a := p.Advice()
	if len(a) != 1 || a[0].Name != "mountd" || !strings.Contains(a[0].Debian, "/etc/nfs.conf") || !strings.Contains(a[0].RedHat, "MOUNTD_PORT=892") {
		t.Errorf("%+v", a)
	}
	open, left := p.Openings(false)
	if len(left) != 1 || left[0].Program != 300019 {
		t.Errorf("left: %v", left)
	}
	ports := func(l []Opening) string {
		r := Ruleset{Openings: l}
		return strings.Join(r.portSets(), "; ")
	}
	if got := ports(open); got != "tcp dport { 111, 662, 892, 2049, 15000, 32803 }; udp dport { 111, 892 }" {
		t.Error(got)
	}
	now, left := p.Openings(true)
	if got := ports(now); got != "tcp dport { 111, 662, 987, 2049, 15000, 32803, 44411 }; udp dport { 111, 892 }" || len(left) != 0 {
		t.Error(got, left)
	}
}

func prefixes(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, x := range s {
		out = append(out, netip.MustParsePrefix(x))
	}
	return out
}

func TestNft(t *testing.T) {
	open := []Opening{{"tcp", 2049, 2049, ""}, {"tcp", 111, 111, ""}, {"udp", 111, 111, ""}, {"tcp", 5000, 5010, ""}, {"tcp", 5005, 5020, ""}}
	for _, c := range []struct {
		name   string
		r      Ruleset
		has    []string
		hasNot []string
	}{
		{"router", Ruleset{Table: "t", Servers: prefixes("192.0.2.10/32"), Clients: prefixes("198.51.100.0/24", "203.0.113.7/32"), Openings: open},
			[]string{"hook forward", "ip daddr 192.0.2.10 jump to_server", "\t\tip saddr { 198.51.100.0/24, 203.0.113.7 } tcp dport { 111, 2049, 5000-5020 } ct state new accept\n", "counter drop"}, []string{"ip6", "hook input"}},
		{"everybody", Ruleset{Table: "t", Servers: prefixes("192.0.2.10/32", "2001:db8::1/128"), Openings: open},
			[]string{"ip daddr 192.0.2.10 jump", "ip6 daddr 2001:db8::1 jump", "\t\ttcp dport {"}, []string{"saddr"}},
		{"local", Ruleset{Table: "t", Clients: prefixes("198.51.100.0/24"), Openings: open},
			[]string{"hook input", "iif lo accept", "\t\ttcp dport { 111, 2049, 5000-5020 } drop\n", "\t\tudp dport { 111 } drop\n"}, []string{"policy drop", "forward"}},
		{"bare", Ruleset{Table: "t", Bare: true, Servers: prefixes("192.0.2.10/32"), Clients: prefixes("198.51.100.0/24"), Openings: open},
			[]string{"\nip saddr 198.51.100.0/24 ip daddr 192.0.2.10 tcp dport { 111, 2049, 5000-5020 } ct state new accept\n"}, []string{"table", "drop\n", "hook"}},
		{"hostile words", Ruleset{Table: "t", Title: "x\nadd rule", Notes: []string{"y\r\nflush ruleset"}, Servers: prefixes("192.0.2.10/32"), Openings: open},
			[]string{"# x?add rule\n# y??flush ruleset\n"}, []string{"\nadd", "\nflush"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := c.r.Nft()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range c.has {
				if !strings.Contains(text, s) {
					t.Errorf("no %q in\n%s", s, text)
				}
			}
			for _, s := range c.hasNot {
				if strings.Contains(text, s) {
					t.Errorf("%q in\n%s", s, text)
				}
			}
			if strings.Count(text, "dport { 111, 2049, 5000-5020 } ct state new accept") != 1 {
				t.Errorf("lines are doubled or missing:\n%s", text)
			}
		})
	}
	if _, err := (Ruleset{}).Nft(); err == nil {
		t.Error("rules that open nothing")
	}
}

// reply is the portmapper's record with these words, cut into fragments of size bytes.
func reply(size int, words ...uint32) []byte {
	var b []byte
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	var out []byte
	for len(b) > size {
		out = append(binary.BigEndian.AppendUint32(out, uint32(size)), b[:size]...)
		b = b[size:]
	}
	return append(binary.BigEndian.AppendUint32(out, 1<<31|uint32(len(b))), b...)
}

// talk is a connection that answers one call with what it has, its first word replaced by the call's number.
func TestAsk(t *testing.T) {
	ok := []uint32{0, 1, 0, 0, 0, 0}
	entry := []uint32{1, 100005, 3, 6, 892, 1, 100003, 3, 17, 2049, 1, 7, 1, 99, 5, 0}
	for _, c := range []struct {
		name string
		size int
		say  []uint32
		cut  int
		want int
		err  string
	}{
		{"whole", 4096, append(ok[:6:6], entry...), 0, 2, ""},
		{"in fragments", 8, append(ok[:6:6], entry...), 0, 2, ""},
		{"cut", 4096, append(ok[:6:6], entry...), 9, 0, "broke off"},
		{"list without end", 4096, append(ok[:6:6], entry[:5]...), 0, 0, "cut off"},
		{"refused", 4096, []uint32{0, 1, 1, 1, 1}, 0, 0, "refuses"},
		{"another call's", 4096, []uint32{7, 1, 0, 0, 0, 0, 0}, 0, 0, "no portmapper"},
		{"unavailable", 4096, []uint32{0, 1, 0, 0, 0, 1}, 0, 0, "refuses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				s, err := ln.Accept()
				if err != nil {
					return
				}
				defer s.Close()
				q := make([]byte, 44)
				if _, err := io.ReadFull(s, q); err != nil {
					return
				}
				say := append([]uint32(nil), c.say...)
				if say[0] == 0 {
					say[0] = binary.BigEndian.Uint32(q[4:])
				}
				b := reply(c.size, say...)
				_, _ = s.Write(b[:len(b)-c.cut])
			}()
			l, err := Ask(context.Background(), ln.Addr().String())
			if c.err == "" && (err != nil || len(l) != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v %v", l, err)
			}
		})
	}
}

func FuzzServices(f *testing.F) {
	f.Add([]byte(list))
	f.Add(reply(16, 0, 1, 0, 0, 0, 0, 1, 100005, 3, 6, 892, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := record(bytes.NewReader(b)); err == nil {
			l, _ := readDump(r, 0)
			use(t, l)
		}
		l, _, _ := Parse(bytes.NewReader(b))
		use(t, l)
	})
}

// use makes rules of a list: each port stands in them, and every line is one of ours.
func use(t *testing.T, l []Service) {
	p := Make(l)
	_, _ = p.Advice(), p.Unknown()
	for _, now := range []bool{true, false} {
		open, _ := p.Openings(now)
		text, err := Ruleset{Table: "t", Servers: prefixes("192.0.2.1/32"), Openings: open}.Nft()
		if (err == nil) != (len(open) > 0) {
			t.Fatal(err)
		}
		if now && len(l) > 0 && !strings.Contains(text, "dport {") {
			t.Fatal(text)
		}
	}
}
