// Package packettest builds frames for tests: Ethernet, VLAN, IPv4, IPv6, TCP, UDP, ICMP and ARP with right
// lengths and checksums. Each type is one frame; its zero fields get sensible values. Frame returns bytes the
// caller owns; Packet returns them decoded. Bad addresses in a test panic: this package is for tests only.
package packettest
