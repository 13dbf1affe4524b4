package finding

import "firestorm/internal/packet"

// Instance is one occurrence of a cause as a detector reports it. Instances of one code with equal Key are the same
// cause: they are folded into one finding.
type Instance struct {
	Code    string
	Key     string // cause within the code, e.g. "server:port client"; not shown
	FlowID  uint64 // flow it happened to; 0 = none
	Vantage uint16
	Client  packet.Addr // ends for gates and absorption; zero = any
	Server  packet.Addr
	Port    uint16 // 0 = any
	// MAC is the machine that did it, where that is known by its link-layer address alone; zero: any.
	MAC     packet.MAC
	First   packet.Ref
	Last    packet.Ref
	NoBegin bool  // the begin of the flow was not in the capture (gate G-HS)
	Covers  Cover // what else, beside its own flow, the instance explains
	Data    any   // the detector's own, given back in Compose
	// Explained says that another detector tells of it already: it is counted as absorbed, and not held.
	Explained bool
	// Interim says that it still goes on (Scope.Early): the next instance of the same Key, Client and First takes its place,
	// and where none comes by the end of the input, it was never there.
	Interim bool
}

// Cover says which instances of absorbed codes an instance explains beyond those of its own flow: all whose client,
// server and port match (zero = any) and whose time overlaps. The zero Cover covers nothing more.
type Cover struct {
	Client, Server packet.Addr
	Host           packet.Addr // on either side
	Port           uint16
	MAC            packet.MAC // instances of this machine alone
	ByPrefix       bool       // compare addresses by /24 and /64
	// Also decides beside the addresses; nil: they alone do. It must be comparable, and may be asked until the end.
	Also Coverer
}

// Coverer says which instances a Cover means, where addresses cannot: those of a set of hosts, for example.
type Coverer interface {
	Covers(client, server packet.Addr, port uint16) bool
}

// Group is the instances folded into one finding, as Compose gets it.
type Group struct {
	Code      *Code
	Key       string
	Count     int        // all instances
	Kept      []Instance // the first MaxKept, in order of First
	First     packet.Ref
	Last      packet.Ref
	Decided   packet.Time // the moment of decision, in packet time
	AtEnd     bool        // the input ended before the settle time had passed
	Gates     []GateResult
	Explained []Explained
}

// MaxKept is how many instances of a group keep their details.
const MaxKept = 32

// Failed reports whether gate g did not pass for the group.
func (g *Group) Failed(gate Gate) bool {
	for _, r := range g.Gates {
		if r.Gate == gate {
			return true
		}
	}
	return false
}
