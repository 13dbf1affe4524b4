// Package packettest builds frames for tests: Ethernet, VLAN, IPv4, IPv6, TCP, UDP, ICMP and ARP with right
// lengths and checksums. Each type is one frame; its zero fields get sensible values. Frame returns bytes the
// caller owns; Packet returns them decoded. Bad addresses panic: this package is for tests, and for the fixed traffic of
// firestorm doctor --inject.
package packettest
