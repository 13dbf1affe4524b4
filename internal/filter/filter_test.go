package filter

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

// TestRefused pins what is refused, where, and what is said.
func TestRefused(t *testing.T) {
	cases := []struct {
		expr string
		link uint16
		pos  int
		what string // part of the error text
	}{
		{"foo", 1, 0, `"foo" is not a word`},
		{"TCP", 1, 0, "reserved words are lower case: tcp"},
		{"tcp and", 1, 7, "ends where a test should stand"},
		{"tcp or or udp", 1, 7, "has no place here"},
		{"10.0.0.1", 1, 0, `write "host" or "net"`},
		{"tcp 80", 1, 4, `write "port"`},
		{"tcp and 80", 1, 8, "none to repeat"},
		{"(port 80) or 443", 1, 13, "none to repeat"},
		{"port 80 or tcp or 443", 1, 18, "none to repeat"},
		{"host www.example.org", 1, 5, "host names are not looked up"},
		{"net loopback", 1, 4, "network names are not looked up"},
		{"ether host printer", 1, 11, "names of stations are not looked up"},
		{"port nosuchport", 1, 5, "is not a port name"},
		{"port 80-90", 1, 5, `"portrange" for a range`},
		{"port 70000", 1, 5, "greater than 65535"},
		{"portrange 80 - 90", 1, 13, "one word"},
		{"udp port http", 1, 9, "not a udp port"},
		{"icmp port 80", 1, 0, `"icmp" does not go with port`},
		{"port 10.0.0.1", 1, 5, "an address cannot follow port"},
		{"tcp host 10.0.0.1", 1, 0, `"tcp" does not go with a host`},
		{"ip6 host 10.0.0.1", 1, 9, "an IPv4 address cannot follow ip6"},
		{"ip host ::1", 1, 8, "an IPv6 address cannot follow ip"},
		{"host 10.0.0.0/8", 1, 5, "a mask belongs to a network"},
		{"net 10.0.0.1/8", 1, 4, "the network is 10.0.0.0"},
		{"net 10.0.0.0/33", 1, 13, "at most 32 bits"},
		{"net 2001:db8::1/32", 1, 4, "the network is 2001:db8::"},
		{"net ::/129", 1, 7, "at most 128 bits"},
		{"host 10.0.0.256", 1, 5, "is not an IPv4 address"},
		{"host 00:11:22:33:44:55", 1, 5, "needs the word ether"},
		{"ether host 00:11:22:33:44:55", 101, 11, "no Ethernet addresses on raw IP"},
		{"ether broadcast", 113, 0, "no Ethernet addresses on Linux cooked v1"},
		{"proto tcp", 1, 6, `proto \tcp`},
		{"ip proto nosuch", 1, 9, "is not a protocol name"},
		{"ether proto lldp", 1, 12, "0x88cc"},
		{"lldp", 1, 0, "0x88cc"},
		{"tcp proto 6", 1, 0, `"tcp proto" means nothing`},
		{"arp broadcast", 1, 0, `"arp broadcast" means nothing`},
		{"wlan addr1 00:11:22:33:44:55", 1, 5, `libpcap knows "addr1"; this subset does not`},
		{"ip protochain 6", 1, 3, "needs a loop"},
		{"protochain 6", 1, 0, "needs a loop"},
		{"gateway router", 1, 0, "needs a resolver"},
		{"geneve", 1, 0, "udp port 6081"},
		{"type mgt", 1, 0, "802.11 primitives"},
		{"inbound", 1, 0, "do not record their direction"},
		{"vlan 5", 101, 0, "no VLAN tags on raw IP"},
		{"vlan 4096", 1, 0, "greater than 4095"},
		{"mpls and vlan", 1, 9, "inside MPLS"},
		{"mpls and arp", 1, 9, "does not say which protocol"},
		{"mpls 1048576", 1, 0, "greater than 1048575"},
		{"pppoes 65536", 1, 0, "greater than 65535"},
		{"tcp[13", 1, 6, `expected "]"`},
		{"tcp[0:3] = 1", 1, 6, "1, 2 or 4 bytes"},
		{"tcp[13]", 1, 7, "a number is not a test"},
		{"len", 1, 3, "a number is not a test"},
		{"esp[0] = 1", 1, 0, "cannot be read"},
		{"tcp[2-1] = 1", 1, 4, `put spaces round "-"`},
		{"ether[-5] = 1", 1, 0, "before the packet"},
		{"len / 0 = 1", 1, 4, "division by zero"},
		{"len / (1 - 1) = 1", 1, 4, "division by zero"},
		{"1 << 32 = len", 1, 2, "a shift by 32 bits"},
		{strings.Repeat("len+(", 17) + "len" + strings.Repeat(")", 17) + " = 1", 1, 83, "16 intermediate values"},
		{"byte 3 & 5", 1, 7, "forgets to load the byte"},
		{"less than", 1, 5, "expected a number"},
		{"(tcp", 1, 0, "never closed"},
		{"tcp)", 1, 3, "closes nothing"},
		{"tcp; udp", 1, 3, "means nothing in a filter"},
		{"port 99999999999", 1, 5, "not a number this filter can hold"},
		{"port 08", 1, 5, "not a number this filter can hold"},
		{`ip proto \`, 1, 9, "a backslash with no name"},
		{"tcp", 127, 0, "header of link type 127 is not understood"},
		{"len > 5 and ip[0] = 1", 105, 12, "header of link type 105"},
		{strings.Repeat("(", 201) + "tcp" + strings.Repeat(")", 201), 1, 200, "200 parentheses"},
	}
	for _, c := range cases {
		p, err := Compile(c.expr, c.link, Options{})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q on %d: accepted, or not an *Error: %v", c.expr, c.link, err)
			continue
		}
		if p != nil {
			t.Errorf("%q: a program came with the error", c.expr)
		}
		if e.Pos != c.pos || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%q on %d: at %d: %v\n  want %q at %d", c.expr, c.link, e.Pos, err, c.what, c.pos)
		}
		if e.Expr != c.expr {
			t.Errorf("%q: error carries %q", c.expr, e.Expr)
		}
	}
}

func mustCompile(t testing.TB, expr string, lt uint16) *Program {
	t.Helper()
	p, err := Compile(expr, lt, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestMatch pins answers that need no tcpdump, above all those that a naive
// compiler gets wrong.
func TestMatch(t *testing.T) {
	syn := linkFrame(1, 0, typed{0x0800, ip4(6, hostA, hostC, 0, nil, tcpSeg(40000, 85, 0x02, ""))})
	synAck := linkFrame(1, 0, typed{0x0800, ip4(6, hostC, hostA, 0, []byte{1, 1, 1, 0}, tcpSeg(85, 40000, 0x12, ""))})
	late := linkFrame(1, 0, typed{0x0800, ip4(6, hostA, hostC, 0x00b9, nil, tcpSeg(80, 80, 0x02, ""))})
	tagged := linkFrame(1, 0, typed{0x8100, cat(be16(0x2005), be16(0x0800), ip4(6, hostA, hostC, 0, nil, tcpSeg(40000, 80, 0x02, "")))})
	qinq := linkFrame(1, 0, typed{0x88a8, cat(be16(100), be16(0x8100), be16(5), be16(0x0800), ip4(17, hostA, hostC, 0, nil, udpSeg(5, 53, "")))})
	six := linkFrame(1, 0, typed{0x86dd, ip6(6, v6a, v6b, tcpSeg(80, 50000, 0x18, "abc"))})
	cases := []struct {
		expr  string
		frame []byte
		want  bool
	}{
		{"", syn, true},
		{"  \t\n", syn, true},
		{"portrange 80-90", syn, true},
		{"portrange 86-90", syn, false},
		{"portrange 80-84", syn, false},
		{"src portrange 80-90", syn, false},
		{"dst portrange 85-85", syn, true},
		{"tcp portrange 80-90", six, true},
		{"udp portrange 80-90", syn, false},
		{"tcp[tcpflags] & tcp-syn != 0", syn, true},
		{"tcp[tcpflags] & tcp-syn != 0", synAck, true},
		{"tcp[tcpflags] = tcp-syn", synAck, false},
		{"tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", syn, true},
		{"tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", synAck, false},
		{"tcp[tcpflags] & tcp-syn != 0", late, false},
		{"tcp port 80", late, false},
		{"tcp", late, true},
		{"vlan 5 and tcp port 80", tagged, true},
		{"vlan 5 and tcp port 81", tagged, false},
		{"vlan 6 and tcp port 80", tagged, false},
		{"vlan and host 10.0.0.1", tagged, true},
		{"vlan 5 and tcp[tcpflags] & tcp-syn != 0", tagged, true},
		{"tcp port 80", tagged, false},
		{"tcp port 80 or (vlan and tcp port 80)", tagged, true},
		{"vlan 100 and vlan 5 and udp port domain", qinq, true},
		{"vlan 5 and udp", qinq, false},
		{"tcp src port 80", six, true},
		{"not host 10.0.0.1", six, true},
		{"port 22 or 85", syn, true},
		{"not port 85 and 80", syn, false},
		{"tcp or udp and port 53", syn, false}, // and/or bind equally, from the left
		{"not tcp port 80", syn[:20], false},   // too short to tell: rejected
	}
	for _, c := range cases {
		p := mustCompile(t, c.expr, 1)
		if got := p.Match(c.frame, len(c.frame)); got != c.want {
			t.Errorf("%q on %x: %v, want %v\n%s", c.expr, c.frame, got, c.want, p)
		}
	}
}

// TestOptions pins what Options change.
func TestOptions(t *testing.T) {
	f := linkFrame(1, 0, typed{0x0800, ip4(17, hostA, 0x0a0000ff, 0, nil, udpSeg(1, 2, ""))})
	for mask, want := range map[uint32]bool{0: false, 0xffffff00: true, 0xffff0000: false} {
		p, err := Compile("ip broadcast", 1, Options{Netmask: mask})
		if err != nil || p.Match(f, len(f)) != want {
			t.Errorf("netmask %08x: want %v (%v)", mask, want, err)
		}
	}
	big := append(be32(2), f[14:]...)
	for _, be := range []bool{false, true} {
		p, err := Compile("ip", 0, Options{BigEndianNull: be})
		if err != nil || p.Match(big, len(big)) != be {
			t.Errorf("big-endian %v: want %v (%v)", be, be, err)
		}
	}
	p, err := Compile("tcp", 1, Options{SnapLen: 96})
	if err != nil {
		t.Fatal(err)
	}
	if ins := p.Instructions(); ins[len(ins)-2] != (bpf.RetConstant{Val: 96}) {
		t.Errorf("SnapLen 96 gives %v", ins[len(ins)-2])
	}
	for _, c := range []struct {
		expr string
		vlan bool
	}{{"tcp", false}, {"vlan 5 and ip", true}} {
		if p := mustCompile(t, c.expr, 1); p.UsesVLAN() != c.vlan || p.Expr() != c.expr || !p.FitsKernel() {
			t.Errorf("%q: UsesVLAN %v", c.expr, p.UsesVLAN())
		}
	}
}

// TestWireLength pins that lengths are those on the wire.
func TestWireLength(t *testing.T) {
	short := make([]byte, 60)
	for expr, want := range map[string]bool{"len = 1500": true, "greater 1000": true, "less 100": false, "len - 1440 = 60": true} {
		for _, lt := range []uint16{1, 127} {
			if got := mustCompile(t, expr, lt).Match(short, 1500); got != want {
				t.Errorf("%q on link %d: %v", expr, lt, got)
			}
		}
	}
}

// TestLongJumps checks programs whose exits are beyond 255 instructions.
func TestLongJumps(t *testing.T) {
	for i, expr := range longFilters() {
		p := mustCompile(t, expr, 1)
		vm, err := bpf.NewVM(p.Instructions())
		if err != nil {
			t.Fatalf("filter %d: %v", i, err)
		}
		far := 0
		for _, in := range p.Instructions() {
			if _, ok := in.(bpf.Jump); ok {
				far++
			}
		}
		if i < 4 && far == 0 {
			t.Errorf("filter %d: %d instructions and no long jump: the test tests nothing", i, len(p.Raw()))
		}
		for j, f := range builtFrames(1) {
			if j%7 == 0 && run(t, vm, f) != p.Match(f, len(f)) {
				t.Errorf("filter %d, frame %d: Match and bpf.VM differ", i, j)
			}
		}
	}
}

// TestJumpReach moves the far end across the limit of one jump, step by step.
func TestJumpReach(t *testing.T) {
	frame := make([]byte, 300)
	frame[0] = 7
	for n := 100; n < 150; n++ {
		var terms []string
		for i := range n {
			terms = append(terms, fmt.Sprintf("ether[%d] = 1", 1+i))
		}
		long := strings.Join(terms, " or ")
		for expr, want := range map[string]bool{
			"ether[0] = 7 or " + long:                                        true,
			"ether[0] > 9 or ether[0] = 7 or " + long:                        true,
			"ether[0] = 6 and (" + long + " or ether[299] = 0)":              false,
			"ether[0] = 6 and ether[0] < 9 and (" + long + " or len = 300)":  false,
			"ether[0] > 8 and (ether[0] > 9 or " + long + " or len = 300)":   false,
			"not (ether[0] = 6 and (" + long + " or len = 300)) and len > 9": true,
		} {
			p := mustCompile(t, expr, 1)
			vm, err := bpf.NewVM(p.Instructions())
			if err != nil {
				t.Fatalf("%d terms: %v", n, err)
			}
			if got, onVM := p.Match(frame, len(frame)), run(t, vm, frame); got != want || onVM != want {
				t.Errorf("%d terms: Match %v, bpf.VM %v, want both %v", n, got, onVM, want)
			}
		}
	}
}

func TestNoAllocs(t *testing.T) {
	f := linkFrame(1, 0, typed{0x0800, ip4(6, hostA, hostC, 0, nil, tcpSeg(40000, 80, 0x02, ""))})
	for _, expr := range []string{"tcp port 80 and host 10.0.0.1", "ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) = 0"} {
		p := mustCompile(t, expr, 1)
		if !p.Match(f, len(f)) {
			t.Errorf("%q does not match", expr)
		}
		if n := testing.AllocsPerRun(100, func() { p.Match(f, len(f)) }); n != 0 {
			t.Errorf("%q: %v allocations per packet", expr, n)
		}
	}
}

// FuzzCompile: either an *Error inside the expression, or a program that the
// kernel's checks pass and that answers as bpf.VM does.
func FuzzCompile(f *testing.F) {
	for _, s := range typedFilters() {
		f.Add(s, uint16(1))
	}
	for _, lt := range oracleLinks {
		for _, s := range generated(7, lt, 5) {
			f.Add(s, lt)
		}
	}
	f.Add("host (((", uint16(1))
	f.Add("- - - - 1 = len % 3 ^ 4", uint16(127))
	var frames [][]byte
	for i, b := range builtFrames(1) {
		if i%40 == 0 {
			frames = append(frames, b)
		}
	}
	f.Fuzz(func(t *testing.T, expr string, lt uint16) {
		p, err := Compile(expr, lt, Options{})
		if err != nil {
			var e *Error
			if p != nil || !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(expr) || e.What == "" {
				t.Fatalf("%q: program %v, error %#v", expr, p, err)
			}
			return
		}
		vm, err := bpf.NewVM(p.Instructions())
		if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		for _, b := range frames {
			if run(t, vm, b) != p.Match(b, len(b)) {
				t.Fatalf("%q on %x: Match and bpf.VM differ\n%s", expr, b, p)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	hit := linkFrame(1, 0, typed{0x0800, ip4(6, hostA, hostC, 0, nil, tcpSeg(40000, 80, 0x02, ""))})
	miss := linkFrame(1, 0, typed{0x0800, ip4(17, hostA, hostC, 0, nil, udpSeg(40000, 53, ""))})
	p := mustCompile(b, "tcp port 80 and host 10.0.0.1", 1)
	for _, c := range []struct {
		name  string
		frame []byte
		want  bool
	}{{"hit", hit, true}, {"miss", miss, false}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p.Match(c.frame, len(c.frame)) != c.want {
					b.Fatal("wrong answer")
				}
			}
		})
		b.Run(c.name+"-bpf.VM", func(b *testing.B) {
			vm, _ := bpf.NewVM(p.Instructions())
			for b.Loop() {
				_, _ = vm.Run(c.frame)
			}
		})
	}
}
