// Package defrag puts fragments of IPv4 (RFC 791 3.2) and IPv6 (RFC 8200 4.5) datagrams together again.
//
// A Table is bounded in bytes and in datagrams; what it drops it counts with a reason. Time is the packets' time.
// The same packets give the same datagrams on every run. A Table belongs to one goroutine; only Recycle may be
// called from others.
//
// Hosts disagree on which bytes win when fragments overlap, and an attacker can use that to show a sensor other
// bytes than the target sees. IPv4 therefore follows the policy of the destination (Policy). Overlapping IPv6
// fragments are never valid: RFC 5722 discards the whole datagram.
package defrag
