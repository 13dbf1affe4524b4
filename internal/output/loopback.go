package output

import (
	"net"
	"net/netip"
	"strings"
)

// LoopbackHost reports that a request's Host header names this machine: a loopback address or localhost, with or without
// a port. A page of somebody else whose name was pointed at this machine (DNS rebinding) has another.
func LoopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
