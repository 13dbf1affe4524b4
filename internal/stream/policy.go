package stream

import (
	"net/netip"

	"firestorm/internal/packet"
)

// Policy says whose bytes count where segments overlap before they are acknowledged. Names and rules follow Novak
// and Sturges, "Target-Based TCP Stream Reassembly" (2007).
type Policy uint8

// Overlap policies. "Old" is the segment that arrived first, with the extent it arrived with.
const (
	PolicyBSD      Policy = iota // new wins where it begins before old; the default, as in Suricata
	PolicyFirst                  // old always wins (Windows Vista and later)
	PolicyLast                   // new always wins
	PolicyLinux                  // new wins where it begins before old, or with it and ends after it
	PolicyOldLinux               // Linux 2.2: new wins where it begins before old, or with it and ends no earlier
	PolicyWindows                // Windows 2000 to 2003: as BSD
	PolicySolaris                // new wins where it covers all of old, or begins and ends after it; also HP-UX 11
)

var policyNames = [...]string{"bsd", "first", "last", "linux", "old-linux", "windows", "solaris"}

var policyAliases = map[string]Policy{"hpux11": PolicySolaris, "hpux10": PolicyBSD, "irix": PolicyBSD, "macos": PolicyBSD, "vista": PolicyFirst,
	"windows2k3": PolicyWindows}

// String returns the name used in configuration.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return "unknown"
}

// ParsePolicy finds a policy by its name, or by the name of a system that behaves like it.
func ParsePolicy(name string) (Policy, bool) {
	for i, n := range policyNames {
		if n == name {
			return Policy(i), true
		}
	}
	p, ok := policyAliases[name]
	return p, ok
}

// newWins decides one overlap by the whole extents of both segments.
func (p Policy) newWins(newStart, newEnd, oldStart, oldEnd int64) bool {
	switch p {
	case PolicyFirst:
		return false
	case PolicyLast:
		return true
	case PolicyLinux:
		return newStart < oldStart || newStart == oldStart && newEnd > oldEnd
	case PolicyOldLinux:
		return newStart < oldStart || newStart == oldStart && newEnd >= oldEnd
	case PolicySolaris:
		return newStart <= oldStart && newEnd >= oldEnd || newStart > oldStart && newEnd > oldEnd
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
