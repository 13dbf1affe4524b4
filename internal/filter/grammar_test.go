package filter

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// filterGen writes random filters of the supported language.
type filterGen struct {
	r    *rand.Rand
	link uint16
}

func (g *filterGen) pick(s ...string) string { return s[g.r.IntN(len(s))] }

func (g *filterGen) num() string {
	return g.pick("0", "1", "2", "5", "6", "17", "0x10", "20", "64", "80", "255", "1500", "0xffff", "0x8100", "tcp-syn", "icmp-echo", "40")
}

func (g *filterGen) arith(depth int) string {
	if depth <= 0 || g.r.IntN(3) == 0 {
		switch g.r.IntN(5) {
		case 0:
			return g.num()
		case 1:
			return "len"
		}
		p := g.pick("ip", "ip", "tcp", "udp", "icmp", "ether", "ip6", "arp", "icmp6", "igmp", "sctp")
		size := g.pick("", "", ":1", ":2", ":4")
		off := g.pick("0", "1", "2", "6", "8", "9", "12", "13", "tcpflags", "20", "46")
		if g.r.IntN(8) == 0 {
			off = g.arith(depth - 1)
		}
		return p + "[" + off + size + "]"
	}
	switch g.r.IntN(9) {
	case 0:
		return "(" + g.arith(depth-1) + ")"
	case 1:
		return "- " + g.arith(depth-1)
	case 2:
		return g.arith(depth-1) + g.pick(" << ", " >> ") + g.pick("1", "2", "8", "31")
	case 3:
		return g.arith(depth-1) + g.pick(" / ", " % ") + g.pick("1", "3", "4", "256")
	}
	return g.arith(depth-1) + g.pick(" + ", " - ", " * ", " & ", " | ", " ^ ", " & ", " + ") + g.arith(depth-1)
}

func (g *filterGen) addr4() string {
	return g.pick("10.0.0.1", "192.168.1.5", "10.1.2.3", "224.0.0.251", "0.0.0.0", "10.0", "255.255.255.255")
}

func (g *filterGen) net() string {
	return g.pick("10", "10.0.0.0/8", "192.168.0.0/16", "10.0.0.0 mask 255.0.0.0", "10.1", "0.0.0.0/0", "10.0.0.1/32",
		"10.0.0.0/31", "2001:db8::/32", "ff00::/8", "2001:db8:0:5::/64", "::/0", "192.168.1.5")
}

func (g *filterGen) dir() string {
	return g.pick("", "", "src ", "dst ", "src or dst ", "src and dst ", "dst or src ")
}

// ids lists one or more values under one qualifier.
func (g *filterGen) ids(one func() string) string {
	switch g.r.IntN(6) {
	case 0:
		return one() + g.pick(" or ", " and ") + one()
	case 1:
		return "(" + one() + g.pick(" or ", " || ") + one() + ")"
	case 2:
		return one() + " or not " + one()
	}
	return one()
}

func (g *filterGen) prim() string {
	switch g.r.IntN(16) {
	case 0, 1:
		return g.pick("", "", "ip ", "arp ", "rarp ") + g.dir() + "host " + g.ids(g.addr4)
	case 2:
		return g.pick("", "ip6 ") + g.dir() + "host " + g.pick("2001:db8::1", "2001:db8:0:5::2", "ff02::fb", "::")
	case 3:
		return g.dir() + "net " + g.net()
	case 4, 5:
		return g.pick("", "tcp ", "udp ", "sctp ", "tcp ") + g.dir() + "port " +
			g.ids(func() string { return g.pick("80", "443", "53", "22", "5353", "8080", "0", "0x50", "65535") })
	case 6:
		return g.pick("", "tcp ", "udp ", "sctp ") + g.dir() + "portrange " + g.pick("80-90", "90-80", "0-1023", "443-443", "53", "1-65535", "1024-65535")
	case 7:
		return g.pick("ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp", "carp", "ah", "esp",
			"stp", "atalk", "aarp", "decnet", "lat", "netbeui")
	case 8:
		return g.pick("", "ip ", "ip6 ") + "proto " + g.pick("6", "17", "1", "58", `\tcp`, `\udp`, "ospf", "gre", "300")
	case 9:
		return "ether proto " + g.pick("0x800", "0x86dd", "0x88cc", `\arp`, "5", "0x42", "0xfe", "0x06", "0xe0", "0x809b", "0x8137", "70000")
	case 10:
		return g.pick("less ", "greater ") + g.pick("60", "64", "100", "0", "1500")
	case 11:
		return g.pick("ip multicast", "ip broadcast", "ip6 multicast", "byte 0 = 1", "byte 12 > 8", "byte 1 < 0x20")
	case 12:
		switch g.link {
		case 1:
			return g.pick("ether "+g.pick("host ", "src ", "dst ", "src host ", "src and dst host ")+
				g.pick("00:11:22:33:44:55", "aa:bb:cc:dd:ee:07", "ff-ff-ff-ff-ff-ff", "0011.2233.4455", "001122334455"),
				"ether broadcast", "ether multicast", "broadcast", "multicast")
		case 113, 276:
			return g.pick("inbound", "outbound")
		}
		return "pppoed"
	}
	return g.arith(3) + g.pick(" = ", " == ", " != ", " > ", " < ", " >= ", " <= ") + g.arith(2)
}

func (g *filterGen) expr(depth int) string {
	if depth <= 0 || g.r.IntN(4) == 0 {
		return g.prim()
	}
	switch g.r.IntN(6) {
	case 0:
		return "not " + g.prim()
	case 1:
		return g.pick("! ", "not ") + "(" + g.expr(depth-1) + ")"
	case 2:
		return "(" + g.expr(depth-1) + ")"
	}
	return g.expr(depth-1) + g.pick(" and ", " or ", " && ", " || ") + g.expr(depth-1)
}

func (g *filterGen) filter() string {
	prefix := ""
	if g.link == 1 || g.link == 9 {
		switch g.r.IntN(12) {
		case 0:
			if g.link == 1 {
				prefix = g.pick("vlan", "vlan 5", "vlan 100", "vlan 100 and vlan 5", "vlan and vlan") + g.pick(" and ", " or ", " && ")
			}
		case 1:
			return g.pick("mpls", "mpls 5", "mpls 1024 and mpls 5", "vlan and mpls 5") + " and " +
				g.pick("ip", "ip6", "host 10.0.0.1", "tcp port 80", "net 10", "udp", "ip[9] = 6", "tcp[13] & 2 != 0")
		case 2:
			prefix = g.pick("pppoes", "pppoes 7", "pppoes 8") + g.pick(" and ", " or ")
			return prefix + g.pick("ip", "ip6", "tcp port 80", "host 10.0.0.1", "udp", "ip[0] & 15 > 5", "portrange 80-90", "net 10")
		}
	}
	return prefix + g.expr(3)
}

func generated(seed uint64, link uint16, n int) []string {
	g := &filterGen{rand.New(rand.NewPCG(seed, uint64(link))), link}
	var out []string
	for len(out) < n {
		if f := g.filter(); len(f) < 400 {
			out = append(out, f)
		}
	}
	return out
}

// typedFilters is what people write on command lines and in run books.
func typedFilters() []string {
	list := `
tcp
udp
icmp
icmp6
arp
ip
ip6
not arp
not ip6
tcp port 80
tcp port 80 and host 10.0.0.1
tcp port 80 or tcp port 443
port 80 or 443
port 53
udp port 53
tcp port 22 and not host 10.0.0.1
host 10.0.0.1
host 10.0.0.1 or 192.168.1.5
host 10.0.0.1 and not (port 80 or port 443)
src host 10.0.0.1 and dst port 80
src 10.0.0.1
dst 192.168.1.5
src net 10.0.0.0/8 and not dst net 10.0.0.0/8
net 192.168.1.0/24
net 192.168.1.0 mask 255.255.255.0
net 10
not net 10.0.0.0/8
src and dst net 10.0.0.0/8
portrange 80-90
tcp portrange 1-1023
udp portrange 1024-65535
src portrange 5000-6000 or dst portrange 80-80
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] == tcp-syn
tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)
tcp[tcpflags] & (tcp-rst) != 0 and not src and dst net 10.0.0.0/8
tcp[13] & 2 != 0
tcp[13] = 0x12
tcp[13] == 18 and port 443
tcp[tcpflags] & (tcp-ece|tcp-cwr) != 0
tcp[tcpflags] & tcp-push != 0 and tcp[tcpflags] & tcp-urg = 0
tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)
tcp port 80 and tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420
tcp[20:4] = 0x47455420
icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply
icmp[icmptype] = icmp-unreach
icmp[icmptype] == icmp-timxceed or icmp[icmpcode] = 1
icmp[0] = 8
icmp6[icmp6type] = icmp6-routeradvert
icmp6 and ip6[40] = 135
icmp6[icmp6type] == icmp6-neighborsolicit or icmp6[0] = icmp6-neighboradvert
ip[6:2] & 0x1fff != 0
ip[6] & 0x40 != 0
ip[0] & 0xf != 5
ip[8] < 5
ip[9] = 89
ip proto 47
ip proto \icmp
ip proto ospf
proto gre
ip6 proto 58
ip6 proto \udp
ether proto 0x88cc
ether proto \arp
ether proto \ip6
ether host 00:11:22:33:44:55
ether src aa:bb:cc:dd:ee:01
ether dst ff:ff:ff:ff:ff:ff
ether broadcast
ether multicast
broadcast
multicast
ether[0] & 1 = 0 and ip[16] >= 224
ip broadcast
ip multicast
ip6 multicast
ip broadcast or ip multicast
not broadcast and not multicast
vlan
vlan 5
vlan 100
not vlan
vlan and tcp
vlan 5 and tcp port 80
vlan 5 and host 10.0.0.1
vlan 100 and vlan 5
vlan 100 and vlan 5 and tcp
vlan and vlan and ip6
vlan 5 and arp
vlan or ip
tcp or (vlan and tcp)
tcp port 80 or (vlan and tcp port 80)
(vlan 5 and ip) or vlan 100
vlan 5 and tcp[tcpflags] & tcp-syn != 0
vlan and ether host 00:11:22:33:44:55
vlan and portrange 80-90
mpls
mpls 5
mpls 1024 and mpls 5
mpls and ip
mpls 5 and tcp port 80
mpls 1024 and mpls 5 and host 10.0.0.1
vlan 5 and mpls 5 and ip
pppoed
pppoes
pppoes 7
pppoes 7 and ip6
pppoes and tcp port 80
pppoes and host 10.0.0.1
pppoed or pppoes
less 64
greater 1000
len > 100
len <= 60
len >= 60 and len < 1000
length = 60
len - 14 > 500
stp
rarp
igmp
esp
ah
esp or ah
vrrp
carp
sctp
sctp port 5000
pim
igrp
atalk
aarp
decnet
netbeui
arp host 10.0.0.1
arp src host 10.0.0.1
arp net 10
arp[6:2] = 1
arp[7] = 2
rarp host 10.1.2.3
ip host 10.0.0.1
ip src 10.0.0.1
ip6 host 2001:db8::1
ip6 src 2001:db8::1
ip6 net 2001:db8::/32
host 2001:db8::1
net 2001:db8::/32
src net 2001:db8:0:5::/64
dst host ff02::fb
host ::1
ip6[6] = 58
ip6[7] < 65
ip6 and not icmp6
udp[4:2] > 20
udp[8:4] & 0xffff0000 = 0x71750000
udp and ip[6:2] & 0x3fff != 0
tcp src port 80
tcp dst port 80
udp dst port 5353
src port 80 and dst port 1024
src or dst port 443
src and dst port 5353
dst or src port 80
dst and src host 10.0.0.1
port not 80
port (80 or 443)
tcp port (80 or 443 or 8080)
host (10.0.0.1 or 10.1.2.3)
not (host 10.0.0.1 or host 10.1.2.3)
not port 80 and not port 443
not port 80 and 443
! tcp
!tcp && !udp
tcp||udp
tcp&&port 80
(tcp)
((tcp or udp) and (port 53 or port 80))
port 80 or (tcp) or 443
tcp or udp or icmp or arp
tcp or udp and port 53
port http
port domain
tcp port https
port ssh or port telnet
udp port ntp
udp port bootps or udp port bootpc
port ftp or port ftp-data
tcp port smtp
port 0x50
port 010
portrange 90-80
portrange 80
portrange http-443
host 10
host 10.1
ip[0] >= 0
0 <= len
5 < ip[8]
64 = ip[8]
1 = 1
ip[2:2] = len - 14
ip[2:2] != udp[4:2] + 20
tcp[12] - ip[2:2] != 0
ip[2:2] - tcp[12] != 0
5 + tcp[12] = 7
tcp[ip[0] & 0xf:2] = 5
ip[ip[0] & 0xf] = 64
ether[ip[8]] = 1
ether[12:2] = 0x0800
link[0] = 1
ether[12:2] > 1500 and not ip and not ip6 and not arp
1 + 2 * 3 = 7
len % 2 = 0
len % 2 + 1 = 1
len & 1 | 2 = 3
len ^ 1 & 3 = 61
1 << 3 | len = 63
- len + 70 = 10
-1 > len
len = 60 or len = 74
len * 0 = 0
ip[100] & 0 = 0
ip[100] * 0 = 0
0 / ip[7] = 0
len / ip[7] = 5
len % ip[7] = 5
len >> ip[8] = 0
byte 0 = 1
byte 12 = 8
byte 14 > 0x44
byte 14 < 0x45
wlan host 00:11:22:33:44:55
ip and tcp and port 80 and host 10.0.0.1 and tcp[13] & 16 != 0
ip or not ip
ip and not ip
ip and arp
tcp and udp
not (ip and arp)
ether proto 5
ether proto 0xe0
ether proto netbeui
ether proto 70000
net 0.0.0.0/0
net ::/0
not net 0.0.0.0/0
src net 128.0.0.0/1
ip proto 300
ip[9] = 6 and ip[6:2] & 0x1fff = 0 and (tcp[0:2] = 80 or tcp[2:2] = 80)
(ip[0] & 0xf) * 4 > 20
((ip[0] & 0xf)) > 5
((len)) > 60
not (len > 60)
not len > 60
port 80 and ((1) = 1)
ether[60] = 1 or not ether[60] = 1
not ip[300] = 1
not (tcp[300] = 1 or udp)
len+len+len+len+len+len+len+len+len+len+len+len+len+len+len+len+len+len+len > ip[2:2]
(ip[0]+(ip[1]+(ip[2]+(ip[3]+(ip[4]+(ip[5]+(ip[6]+(ip[7]+ip[8])))))))) > (ip[9]-(ip[10]-(ip[11]-ip[12])))`
	return strings.Split(strings.TrimSpace(list), "\n")
}

// longFilters need jumps that classic BPF cannot make in one step.
func longFilters() []string {
	var hosts, ports, mixed []string
	for i := range 300 {
		hosts = append(hosts, fmt.Sprintf("host 10.%d.%d.1", i/200, i%200))
		ports = append(ports, fmt.Sprint(1000+7*i))
		mixed = append(mixed, fmt.Sprintf("(src net 10.%d.0.0/16 and tcp[%d] = %d)", i%250, i%20, i%256))
	}
	return []string{
		strings.Join(hosts, " or "),
		"tcp and not (" + strings.Join(hosts[:120], " or ") + ")",
		"port " + strings.Join(ports, " or ") + " or 80",
		"udp and (" + strings.Join(mixed, " or ") + ") or port 443",
		"not " + strings.Repeat("(", 50) + "host 10.0.0.1" + strings.Repeat(")", 50) + " and port " + strings.Repeat("(", 20) + "80" + strings.Repeat(")", 20),
	}
}
