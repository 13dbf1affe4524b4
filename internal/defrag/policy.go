package defrag

import (
	"net/netip"

	"firestorm/internal/packet"
)

// Policy says whose bytes count where IPv4 fragments overlap. The names and rules are those of Novak, "Target-Based
// Fragmentation Reassembly" (2005).
type Policy uint8

// Overlap policies. "Old" is the fragment that arrived first, with the offset and end it arrived with.
const (
	PolicyBSD      Policy = iota // new wins where it begins before old; the default, as in Suricata
	PolicyFirst                  // old always wins
	PolicyLast                   // new always wins
	PolicyBSDRight               // new wins unless it begins before old
	PolicyLinux                  // new wins where it begins before old, or with it
	PolicyWindows                // new wins where it begins before old and ends after it
	PolicySolaris                // new wins where it begins before old and ends with or after it
)

var policyNames = [...]string{"bsd", "first", "last", "bsd-right", "linux", "windows", "solaris"}

// String returns the name used in configuration.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return "unknown"
}

// ParsePolicy finds a policy by its name.
func ParsePolicy(name string) (Policy, bool) {
	for i, n := range policyNames {
		if n == name {
			return Policy(i), true
		}
	}
	return 0, false
}

// newWins decides one overlap by the whole extents of both fragments.
func (p Policy) newWins(newStart, newEnd, oldStart, oldEnd uint32) bool {
	switch p {
	case PolicyFirst:
		return false
	case PolicyLast:
		return true
	case PolicyBSDRight:
		return newStart >= oldStart
	case PolicyLinux:
		return newStart <= oldStart
	case PolicyWindows:
		return newStart < oldStart && newEnd > oldEnd
	case PolicySolaris:
		return newStart < oldStart && newEnd >= oldEnd
	}
	return newStart < oldStart
}

// Rule gives the destinations of Prefix a policy.
type Rule struct {
	Prefix netip.Prefix
	Policy Policy
}

// ByPrefix returns the choice of the longest prefix in rules that holds the destination, the first of equals;
// where none does, PolicyBSD. It copies rules.
func ByPrefix(rules []Rule) func(packet.Addr) Policy {
	rules = append([]Rule(nil), rules...)
	return func(dst packet.Addr) Policy {
		a := dst.Netip()
		best, policy := -1, PolicyBSD
		for _, r := range rules {
			if r.Prefix.Bits() > best && r.Prefix.Contains(a) {
				best, policy = r.Prefix.Bits(), r.Policy
			}
		}
		return policy
	}
}
