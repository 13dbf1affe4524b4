// Package filter compiles capture filters written in libpcap's filter
// language into classic BPF, and runs them.
//
// Link types: Ethernet (1), raw IP (101, 12, 14, 228, 229), BSD loopback (0,
// 108), Linux cooked (113, 276) and PPP (9). On any other only lengths can be
// tested.
//
// The result of Compile is the same program for three uses: Raw hands it to
// the kernel, Match runs it on a packet already in memory without allocating,
// and String lists it. Meaning follows libpcap 1.10 packet by packet,
// including its habits that surprise people. Where libpcap's optimizer removes
// a load whose value cannot matter, and so accepts a packet too short for it,
// this package keeps the load, as libpcap does without its optimizer.
//
//   - A load past the end of the captured bytes rejects the packet, even
//     below "not".
//   - "tcp port 80" looks at IPv4 first fragments and at IPv6 packets whose
//     next header is TCP. IPv6 extension headers are not walked.
//   - "tcp[...]" and friends look at IPv4 only; "icmp6[...]" at IPv6 only.
//   - "vlan", "mpls" and "pppoes" move the offsets of everything to the right
//     of them in the text, also across "or".
//   - In "a - b", the protocol test of the left operand alone guards the
//     arithmetic. Write "tcp and ..." when the right operand reads TCP.
//   - "%" and "^" have no precedence: everything to their right belongs to
//     their right operand. Use parentheses.
//   - "and" and "or" bind equally and from the left.
//
// # Grammar
//
//	filter  = [ expr ]
//	expr    = operand { ( "and" | "&&" | "or" | "||" ) operand }
//	operand = id                       (after and/or: repeats the qualifiers)
//	        | "not" operand | "!" operand
//	        | "(" expr ")"
//	        | [ proto ] [ dir ] [ type ] id
//	        | [ proto ] "proto" id
//	        | proto
//	        | [ proto ] ( "broadcast" | "multicast" )
//	        | ( "less" | "greater" ) number
//	        | "byte" number ( "=" | "<" | ">" ) number
//	        | ( "vlan" | "mpls" | "pppoes" ) [ number ] | "pppoed"
//	        | "inbound" | "outbound"
//	        | arith ( "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" ) arith
//	proto   = "ether" | "link" | "ip" | "ip6" | "arp" | "rarp" | "tcp" | "udp"
//	        | "sctp" | "icmp" | "icmp6" | "igmp" | "igrp" | "pim" | "vrrp"
//	        | "carp" | "ah" | "esp" | "stp" | "atalk" | "aarp" | "decnet"
//	        | "lat" | "sca" | "moprc" | "mopdl" | "netbeui"
//	dir     = "src" | "dst" | "src or dst" | "src and dst"
//	type    = "host" | "net" | "port" | "portrange"
//	id      = number | name | "\" name | a.b.c.d | a.b.c.d/len
//	        | a.b.c.d "mask" a.b.c.d | ipv6 | ipv6/len | mac | name "-" name
//	        | "not" id | "(" id { ( "and" | "or" ) id } ")"
//	arith   = number | "len" | "-" arith | "(" arith ")"
//	        | proto "[" arith [ ":" ( "1" | "2" | "4" ) ] "]"
//	        | arith ( "+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>" ) arith
//
// Words are those of libpcap; "link", "ppp", "slip", "fddi", "tr" and "wlan"
// are other spellings of "ether". Numbers are decimal, 0x hexadecimal, or octal
// after a leading 0. Inside a list of ids parentheses may nest freely, which
// libpcap does not allow.
//
// Names of TCP flags, ICMP and ICMPv6 types are numbers (tcp-syn, icmp-echo,
// icmp6-routeradvert). Host and network names are refused: a filter must not
// depend on what a resolver says. Port and protocol names come from a small
// table in this package, not from the machine.
//
// What libpcap knows and this package refuses, each with its reason:
// protochain, gateway, geneve, llc, iso and its family, ipx, 802.11, ATM, SS7
// and pf primitives, radio, ifindex and ARCNET addresses.
package filter
