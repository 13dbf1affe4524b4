package event

import (
	"time"

	"firestorm/internal/packet"
)

// NDP is one neighbour discovery message (RFC 4861 4). Head's Client and Server are the packet's source and
// destination, SrcMAC and DstMAC those of the frame.
type NDP struct {
	head     Head
	RA       *RouterAdvert // of a router advertisement, else nil
	Target   packet.Addr   // of a neighbour solicitation or advertisement, or of a redirect: the better first hop
	Dest     packet.Addr   // of a redirect: the destination redirected
	LinkAddr packet.MAC    // in the source or target link-layer address option; zero: none
	Type     uint8         // 133 to 137
	HopLimit uint8         // 255, or a router passed it on
	// Router, Solicited and Override are the flags of a neighbour advertisement.
	Router, Solicited, Override bool
	// Probe is a neighbour solicitation from the unspecified address: duplicate address detection (RFC 4862 5.4).
	Probe bool
	// Valid messages obey RFC 4861 6.1 and 7.1: hop limit 255, code 0, whole options. Hosts ignore others.
	Valid bool
}

// RouterAdvert is what a router announces (RFC 4861 4.2).
type RouterAdvert struct {
	Lifetime     time.Duration // as default router; 0: not one
	Reachable    time.Duration // 0: unspecified
	Retrans      time.Duration // 0: unspecified
	Prefixes     [4]NDPPrefix  // the first of them
	Servers      [3]packet.Addr
	ServerLife   time.Duration // of the first recursive DNS server option (RFC 8106 5.1)
	MTU          uint32        // 0: none said
	NPrefix      uint8         // prefix options in the message, which may be more than Prefixes holds
	NServer      uint8         // recursive DNS servers in the message, which may be more than Servers holds
	CurHopLimit  uint8         // 0: unspecified
	Preference   int8          // -1 low, 0 medium, 1 high (RFC 4191 2.1)
	Managed      bool          // addresses by DHCPv6
	OtherManaged bool          // other settings by DHCPv6
}

// NDPPrefix is a prefix information option (RFC 4861 4.6.2).
type NDPPrefix struct {
	Prefix     packet.Addr
	Valid      time.Duration // lifetime; Forever: without end
	Preferred  time.Duration
	Bits       uint8
	OnLink     bool
	Autonomous bool // hosts make themselves an address in it (RFC 4862)
}

// Forever is the lifetime of all one bits: infinity.
const Forever = 0xffffffff * time.Second

// Head returns the common part.
func (x *NDP) Head() *Head { return &x.head }

// NewNDP returns an event with head h.
func NewNDP(h Head) *NDP {
	h.Kind = KindNDP
	return &NDP{head: h}
}

// AppendEVE writes nothing: Suricata has no such record.
func (x *NDP) AppendEVE(dst []byte, _ *EVE) []byte { return dst }
