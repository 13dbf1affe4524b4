package lang

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

var testVars = &Vars{
	Addrs: map[string]string{
		"HOME_NET": "[192.168.0.0/16,10.0.0.0/8, fd00::/8]", "EXTERNAL_NET": "!$HOME_NET", "SERVERS": "$HOME_NET",
		"ANY": "any", "NONE": "!any", "LIST": "1.1.1.1,2.2.2.2", "LOOP": "[1.1.1.1,$LOOP]", "EMPTY": "", "BAD": "1.2.3.4/33",
	},
	Ports: map[string]string{"HTTP_PORTS": "[80,8080:8090]", "SHELLCODE_PORTS": "!80", "FILE_DATA_PORTS": "[$HTTP_PORTS,110]"},
}

func TestAddrs(t *testing.T) {
	for _, c := range []struct{ expr, in, out string }{
		{"any", "1.2.3.4 ::1", ""},
		{"ANY", "1.2.3.4 ::1", ""},
		{"1.2.3.4", "1.2.3.4", "1.2.3.3 1.2.3.5 ::1"},
		{"![1.2.3.4]", "1.2.3.3 1.2.3.5", "1.2.3.4 ::1"},
		{"!1.2.3.4", "0.0.0.0 255.255.255.255", "1.2.3.4 :: fe80::1"},
		{"[!1.2.3.4,!::1]", "0.0.0.0 :: ::2", "1.2.3.4 ::1"},
		{"10.1.2.3/8", "10.0.0.0 10.255.255.255", "9.255.255.255 11.0.0.0"},
		{"10.1.2.3/255.255.0.0", "10.1.0.0 10.1.255.255", "10.0.255.255 10.2.0.0"},
		{"0.0.0.0/0", "0.0.0.0 255.255.255.255", "::"},
		{"::/0", ":: ::1 ffff::", "0.0.0.0 1.2.3.4"},
		{"[0.0.0.0/0,::/0]", "1.2.3.4 ::1", ""},
		{"[0.0.0.0/1,128.0.0.0/1,::/1,8000::/1]", "1.2.3.4 ::1", ""},
		{"[any,1.2.3.4,fe80::1]", "1.2.3.4 ::1", ""},
		{"2001:db8::/33", "2001:db8:: 2001:db8:7fff:ffff::", "2001:db8:8000:: 2001:db7::"},
		{"10.0.0.1-10.0.0.5", "10.0.0.1 10.0.0.5", "10.0.0.0 10.0.0.6"},
		{"fe80::1 - fe80::1:0", "fe80::1 fe80::ffff fe80::1:0", "fe80:: fe80::1:1"},
		{"[10.0.0.0/24, !10.0.0.7]", "10.0.0.6 10.0.0.8", "10.0.0.7"},
		{"[10.0.0.0/24,![10.0.0.0/25,!10.0.0.7]]", "10.0.0.7 10.0.0.128", "10.0.0.6"},
		{"[10.0.0.0/24,[!10.0.0.7,10.0.0.7]]", "10.0.0.6", "10.0.0.7"},
		{"[10.0.0.1,10.0.0.2,10.0.0.3]", "10.0.0.1 10.0.0.2 10.0.0.3", "10.0.0.0 10.0.0.4"},
		{"$HOME_NET", "192.168.1.1 10.0.0.1 fd12::1", "1.1.1.1 fe80::1"},
		{"!$HOME_NET", "1.1.1.1 fe80::1", "192.168.1.1 10.0.0.1 fd12::1"},
		{"$EXTERNAL_NET", "1.1.1.1 fe80::1", "192.168.1.1 10.0.0.1 fd12::1"},
		{"!$EXTERNAL_NET", "192.168.1.1 10.0.0.1 fd12::1", "1.1.1.1 fe80::1"},
		{"[$SERVERS,!10.0.0.0/8]", "192.168.1.1 fd12::1", "10.0.0.1"},
		{"[$ANY,!10.0.0.0/8]", "192.168.1.1 fd12::1", "10.0.0.1"},
		{"$LIST", "1.1.1.1 2.2.2.2", "3.3.3.3"},
		{"!$LIST", "3.3.3.3", "1.1.1.1 2.2.2.2 ::1"},
		{"[ [ [ 1.1.1.1 ] ] ]", "1.1.1.1", "1.1.1.2"},
		{"[255.255.255.255,255.255.255.254]", "255.255.255.255 255.255.255.254", "0.0.0.0"},
	} {
		s, err := Addrs(c.expr, testVars)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if s.Any() != (c.out == "") {
			t.Errorf("%s: Any is %v", c.expr, s.Any())
		}
		for want, list := range map[bool]string{true: c.in, false: c.out} {
			for _, w := range strings.Fields(list) {
				a := packet.MustAddr(w)
				if s.Has(&a) != want {
					t.Errorf("%s: Has(%s) is %v", c.expr, w, !want)
				}
			}
		}
	}
}

func TestAddrsRefused(t *testing.T) {
	for _, c := range []struct{ expr, reason string }{
		{"", "missing"},
		{"[]", "missing"},
		{"[1.1.1.1,]", "missing"},
		{"!", "missing"},
		{"!any", "leaves no address"},
		{"!$ANY", "leaves no address; look at $ANY"},
		{"$NONE", "leaves no address; look at $NONE"},
		{"!$NONE", "in $NONE: what is excluded leaves no address"},
		{"[$HOME_NET,!$HOME_NET]", "leaves no address; look at $HOME_NET and $HOME_NET"},
		{"[10.0.0.1,!10.0.0.0/8]", "leaves no address"},
		{"!!10.0.0.1", "negated twice"},
		{"$MISSING", `variable "$MISSING" is not set`},
		{"$EMPTY", "is not set"},
		{"$", "is not set"},
		{"$LOOP", "does one name itself"},
		{"!$LOOP", "does one name itself"},
		{"$BAD", "in $BAD:"},
		{"300.1.1.1", "is no address"},
		{"1.1.1.1/33", "prefix length"},
		{"1.1.1.1/-1", "is no address"},
		{"1.1.1.1/+1", "prefix length"},
		{"1.1.1.1/255.0.255.0", "prefix length"},
		{"::1/129", "prefix length"},
		{"fe80::1%eth0", "is no address"},
		{"2.2.2.2-1.1.1.1", "upwards"},
		{"1.1.1.1-::1", "one family"},
		{"[1.1.1.1", "not closed"},
		{"1.1.1.1]", "without its ["},
		{"1.1.1.1[2.2.2.2]", "comma is missing"},
		{"[1.1.1.1]2.2.2.2", "comma is missing"},
		{"[1.1.1.1 2.2.2.2]", "is no address"},
		{strings.Repeat("[", 70) + "1.1.1.1" + strings.Repeat("]", 70), "deep"},
	} {
		if s, err := Addrs(c.expr, testVars); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v %v, want %q", c.expr, s, err, c.reason)
		}
	}
	if _, err := Addrs("$HOME_NET", nil); err == nil {
		t.Error("a variable without variables")
	}
}

// Variables that double each time must not take all time and memory.
func TestDoublingVariables(t *testing.T) {
	v := &Vars{Addrs: map[string]string{"V0": "[1.1.1.1,2.2.2.2]"}}
	for i := range 25 {
		v.Addrs[fmt.Sprint("V", i+1)] = fmt.Sprintf("[$V%d,$V%d]", i, i)
	}
	if _, err := Addrs("$V25", v); err == nil || !strings.Contains(err.Error(), "items") {
		t.Error(err)
	}
	if _, err := Addrs("$V10", v); err != nil {
		t.Error(err)
	}
}

func TestPorts(t *testing.T) {
	for _, c := range []struct {
		expr    string
		in, out []uint16
	}{
		{"any", []uint16{0, 80, 65535}, nil},
		{"80", []uint16{80}, []uint16{79, 81, 0}},
		{"!80", []uint16{79, 81, 0, 65535}, []uint16{80}},
		{"1024:", []uint16{1024, 65535}, []uint16{1023}},
		{":1024", []uint16{0, 1024}, []uint16{1025}},
		{"0:65535", []uint16{0, 65535}, nil},
		{"20:25", []uint16{20, 25}, []uint16{19, 26}},
		{"[80,81,443, 8000:8080, !8001]", []uint16{80, 81, 443, 8000, 8002}, []uint16{82, 8001}},
		{"![80,443]", []uint16{81}, []uint16{80, 443}},
		{"![80:90,!85]", []uint16{85, 79}, []uint16{80, 90}},
		{"$HTTP_PORTS", []uint16{80, 8085}, []uint16{81}},
		{"!$HTTP_PORTS", []uint16{81}, []uint16{80, 8085}},
		{"$SHELLCODE_PORTS", []uint16{81}, []uint16{80}},
		{"$FILE_DATA_PORTS", []uint16{80, 110}, []uint16{81}},
		{"[:65535]", []uint16{0, 65535}, nil},
		{"[any,80,:90]", []uint16{0, 65535}, nil},
		{"[:80,81:]", []uint16{0, 65535}, nil},
	} {
		s, err := Ports(c.expr, testVars)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if s.Any() != (c.out == nil) {
			t.Errorf("%s: Any is %v", c.expr, s.Any())
		}
		for _, p := range c.in {
			if !s.Has(p) {
				t.Errorf("%s has no %d", c.expr, p)
			}
		}
		for _, p := range c.out {
			if s.Has(p) {
				t.Errorf("%s has %d", c.expr, p)
			}
		}
	}
	for _, c := range []struct{ expr, reason string }{
		{"", "missing"}, {":", "is no port"}, {"65536", "is no port"}, {"-1", "is no port"}, {"80-90", "is no port"},
		{"90:80", "upwards"}, {"!any", "leaves no port"}, {"[80,!80]", "leaves no port"}, {"$X", "not set"}, {"1:2:3", "is no port"},
		{"!0:", "leaves no port"}, {"http", "is no port"},
	} {
		if s, err := Ports(c.expr, testVars); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v %v, want %q", c.expr, s, err, c.reason)
		}
	}
}

// A naive matcher: the tree of an expression, asked anew for each number.
type naive struct {
	neg    bool
	lo, hi int
	six    bool
	group  []naive
}

func (n naive) write(item func(naive) string) string {
	s := ""
	if n.neg {
		s = "!"
	}
	if n.group == nil {
		return s + item(n)
	}
	var parts []string
	for _, g := range n.group {
		parts = append(parts, g.write(item))
	}
	return s + "[" + strings.Join(parts, ",") + "]"
}

// leaves lists the items of a group with their sign; a group that is not negated has no meaning of its own.
func (n naive) leaves() (wanted, unwanted []naive) {
	for _, g := range n.group {
		switch {
		case g.neg:
			g.neg = false
			unwanted = append(unwanted, g)
		case g.group != nil:
			w, u := g.leaves()
			wanted, unwanted = append(wanted, w...), append(unwanted, u...)
		default:
			wanted = append(wanted, g)
		}
	}
	return
}

// speaks reports whether n holds any number of the family; 16 stands for all outside.
func (n naive) speaks(six bool) bool {
	for x := range 17 {
		if n.has(x, six) {
			return true
		}
	}
	return false
}

func (n naive) has(x int, six bool) bool {
	if n.group == nil {
		return n.six == six && n.lo <= x && x <= n.hi
	}
	wanted, unwanted := n.leaves()
	found, any := false, false
	for _, w := range wanted {
		found = found || w.has(x, six)
		any = any || w.speaks(six)
	}
	if !any {
		for _, u := range unwanted {
			found = found || u.speaks(six)
		}
	}
	for _, u := range unwanted {
		found = found && !u.has(x, six)
	}
	return found
}

func randomTree(r *rand.Rand, depth int, families bool) naive {
	n := naive{neg: r.IntN(3) == 0}
	if depth > 0 && r.IntN(2) == 0 {
		for range 1 + r.IntN(4) {
			n.group = append(n.group, randomTree(r, depth-1, families))
		}
		return n
	}
	n.lo = r.IntN(16)
	n.hi = min(15, n.lo+r.IntN(4))
	n.six = families && r.IntN(2) == 0
	return n
}

func TestAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	addr := func(n naive) string {
		if n.six {
			return fmt.Sprintf("fd00::%x-fd00::%x", n.lo, n.hi)
		}
		return fmt.Sprintf("10.0.0.%d-10.0.0.%d", n.lo, n.hi)
	}
	port := func(n naive) string { return fmt.Sprintf("%d:%d", 100+n.lo, 100+n.hi) }
	full := 0
	for range 600 {
		tree := naive{group: []naive{randomTree(r, 3, true)}}
		expr := tree.write(addr)
		s, err := Addrs(expr, nil)
		if err == nil {
			full++
		}
		for x := range 17 { // the last stands for all outside
			a4, a6 := packet.FromNetip(netip.AddrFrom4([4]byte{10, 0, 0, byte(x)})), packet.MustAddr(fmt.Sprintf("fd00::%x", x))
			for six, a := range map[bool]packet.Addr{false: a4, true: a6} {
				want := tree.has(x, six)
				if err != nil && !strings.Contains(expr, "!") || err == nil && s.Has(&a) != want {
					t.Fatalf("%s: Has(%s) is %v; %v", expr, a, !want, err)
				}
			}
		}
		tree = naive{group: []naive{randomTree(r, 3, false)}}
		expr = tree.write(port)
		p, err := Ports(expr, nil)
		for x := range 17 {
			want := tree.has(x, false)
			if err == nil && p.Has(uint16(100+x)) != want {
				t.Fatalf("%s: Has(%d) is %v", expr, 100+x, !want)
			}
		}
	}
	if full < 300 {
		t.Errorf("only %d of 600 expressions mean something", full)
	}
}

func FuzzExpressions(f *testing.F) {
	for _, s := range []string{"any", "![$HOME_NET,!10.0.0.0/8,::1-::5]", "1:,!80", "$LOOP", "[[[", "]!$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if set, err := Addrs(s, testVars); err == nil {
			for i := 1; i < len(set.four); i++ {
				if set.four[i].lo <= set.four[i-1].hi+1 {
					t.Fatalf("%q: %v", s, set.four)
				}
			}
			if set.Len() == 0 {
				t.Fatalf("%q is empty", s)
			}
		}
		if set, err := Ports(s, testVars); err == nil && set.Len() == 0 {
			t.Fatalf("%q is empty", s)
		}
	})
}

func BenchmarkHas(b *testing.B) {
	s, err := Addrs("$EXTERNAL_NET", testVars)
	if err != nil {
		b.Fatal(err)
	}
	four, six := packet.MustAddr("172.16.0.1"), packet.MustAddr("2001:db8::1")
	b.ReportAllocs()
	for b.Loop() {
		s.Has(&four)
		s.Has(&six)
	}
}
