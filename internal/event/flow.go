package event

import (
	"time"

	"firestorm/internal/packet"
)

// What says why a flow event was emitted.
type What uint8

// Reasons for a flow event, in the order a flow usually meets them.
const (
	Started     What = iota + 1 // first packet
	Answered                    // first packet of the other side that fits (TCP: SYN/ACK that acknowledges the SYN)
	Established                 // TCP handshake completed, or UDP seen both ways
	Refused                     // TCP: RST in answer to the SYN
	StaleACK                    // TCP: a bare ACK that does not acknowledge the SYN (first one only)
	Silent                      // >= 2 tries, nothing came back for SilenceAfter since the last; may still be answered later
	Stalled                     // data (or FIN) sent >= 3 times without an answer, or answered by RST; see Stall
	Resumed                     // an acknowledged packet ended a stall
	Reset                       // RST on a flow past its handshake
	HalfClosed                  // first FIN
	Closed                      // both FINs acknowledged
	Ended                       // the record is closed; End says why. Always the last event of a flow, once per flow
)

var whatNames = [...]string{"", "started", "answered", "established", "refused", "stale_ack", "silent", "stalled", "resumed", "reset",
	"half_closed", "closed", "ended"}

// String returns the name in lower case.
func (w What) String() string { return whatNames[w] }

// EndReason says why a flow record was closed.
type EndReason uint8

// Reasons for the end of a flow record.
const (
	EndNone    EndReason = iota
	EndClosed            // FIN both ways, or answered RST, and its remembrance time passed
	EndTimeout           // idle longer than its state allows
	EndReused            // the same addresses and ports began again
	EndEvicted           // the table was full
	EndInput             // the input ended: nothing timed out
)

// String returns Suricata's flow.reason word where there is one.
func (r EndReason) String() string {
	return [...]string{"", "closed", "timeout", "tcp_reuse", "forced", "shutdown"}[r]
}

// TCPState is the connection as a watcher sees it: the joint of both ends' RFC 9293 3.3.2 states, in Suricata's words.
type TCPState uint8

// TCP states of a flow.
const (
	StateNone TCPState = iota
	StateSYNSent
	StateSYNRecv
	StateEstablished
	StateFINWait1
	StateFINWait2
	StateCloseWait
	StateClosing
	StateLastACK
	StateTimeWait
	StateClosed
)

// String returns the EVE tcp.state word.
func (s TCPState) String() string {
	return [...]string{"none", "syn_sent", "syn_recv", "established", "fin_wait1", "fin_wait2", "close_wait", "closing", "last_ack", "time_wait", "closed"}[s]
}

// MarkID is a remembered step of a flow.
type MarkID uint8

// Marks of a flow. "Client" and "Server" say who sent the packet.
const (
	MarkSYN        MarkID = iota // first SYN of this incarnation
	MarkSYN2                     // second try, same ISN
	MarkSYN3                     // third try
	MarkSYNLast                  // last try (equal to an earlier one when there were no more)
	MarkSYNACK                   // first SYN/ACK that fits
	MarkSYNACKLast               // last repeat of the SYN/ACK; zero when it was sent once
	MarkHandshake                // client's ACK that completed the handshake
	MarkStaleACK                 // first bare ACK in answer to the SYN
	MarkClientData               // first payload
	MarkServerData
	MarkClientFIN
	MarkServerFIN
	MarkClientFINACK // server's ACK of the client's FIN
	MarkServerFINACK // client's ACK of the server's FIN
	MarkClientRST
	MarkServerRST
	MarkICMP       // first ICMP error that quotes the flow
	MarkFragNeeded // first ICMP "fragmentation needed" or "packet too big" that quotes the flow
	NumMarks
)

// Side is what one end of a flow sent, as the sensor saw it. NewFlow sets its parts; a Side of one's own needs them set
// before their fields are read.
type Side struct {
	*SideRare
	*SideTalk

	Packets  uint64
	Bytes    uint64 // of the frames on the wire; in a tunnel without what carries it
	Payload  uint64 // transport payload bytes, repeats included
	Flags    uint16 // union of TCP flags sent
	MSS      uint16 // announced, 0 = not announced or SYN not seen
	TTLFirst uint8  // TTL of the first packet that is not an RST; 0 = none seen
	TTLMin   uint8  // over packets that are not RST
	TTLMax   uint8
	WScale   int8 // announced shift, -1 = not announced

	ISN      uint32 // first sequence number; valid when SeqKnown
	Next     uint32 // highest sequence number sent, plus one (SYN and FIN count): end of its stream so far
	Acked    uint32 // highest acknowledgement that the other side sent for it
	SeqKnown bool   // a SYN or data packet told the numbers
	SYNSeen  bool   // ISN is from a SYN or SYN/ACK
	SACKOK   bool
	TSSeen   bool   // any timestamp option seen
	TSFirst  uint32 // first TSval
	TSLast   uint32 // last TSval
	SYNPrint uint32 // fingerprint of the SYN's options order, window and MSS; 0 = none

	Super     uint32 // frames longer than the path can carry: joined by offload after capture
	Truncated uint32 // frames the capture cut short
	MaxIPLen  uint32 // longest IP packet sent
	MaxWindow uint32 // largest window this side announced, scaled where the scale is known
}

// Stall is data that got no answer.
type Stall struct {
	Dir          packet.Dir // the way the data travelled
	First        packet.Ref // first transmission
	Last         packet.Ref // last repeat so far
	Tries        uint32     // transmissions seen
	Seq          uint32
	IPLen        uint32        // size of the IP packet that is repeated
	DF           bool          // it must not be fragmented
	IdleBefore   time.Duration // silence of the whole flow before First
	Before       packet.Ref    // last packet of the flow before First
	SmallPassed  bool          // a smaller later segment of the same side was acknowledged or SACKed meanwhile
	PeerSpoke    bool          // the other side sent packets (not acknowledging) meanwhile
	EndedByRST   bool          // RST came from the other side's address
	RST          packet.Ref
	RSTTTL       uint8
	WindowClosed bool // the receiver had closed its window: not a loss
	Handshake    bool // the flow's handshake was seen
	// Bound is the first bound of a connection tracker that Last breaks, by Outside bytes, as far as the tracker saw what
	// the sensor saw. InWindow where both SYNs were not seen.
	Bound   Bound
	Outside uint32
}

// Bound is a limit that a connection tracker holds a TCP packet against (Linux nf_conntrack_proto_tcp.c, tcp_in_window).
type Bound uint8

// Bounds in the order in which they are checked.
const (
	InWindow Bound = iota
	SeqAbove       // it begins beyond what the receiver lets the sender send
	SeqBelow       // it ends more than one window before what was sent
	AckAbove       // it acknowledges data that did not pass
	AckBelow       // it acknowledges less than a window, or 66000 bytes, before what passed
)

// String returns what the kernel logs of it (net.netfilter.nf_conntrack_log_invalid).
func (b Bound) String() string {
	return [...]string{"", "SEQ is over the upper bound (over the window of the receiver)", "SEQ is under the lower bound (already ACKed data retransmitted)",
		"ACK is over the upper bound (ACKed data not seen yet)", "ACK is under the lower bound (possible overly delayed ACK)"}[b]
}

// Previous is the earlier connection with the same vantage, addresses and ports.
type Previous struct {
	FlowID       uint64
	Start        packet.Ref
	Established  bool
	FirstFIN     packet.Dir // side that closed first (ToServer: the client sent it); valid when a FIN was seen
	Crossed      bool       // who closed second had not heard of the first FIN: both sides are in TIME_WAIT (RFC 9293 3.6, figure 13)
	ClientFIN    packet.Ref // zero: none seen
	ServerFIN    packet.Ref
	Closed       packet.Ref // last acknowledgement of a FIN; zero when the close was not completed
	Last         packet.Ref // last packet
	Reset        bool       // ended by RST
	ClientEnd    uint32     // sequence number after the client's last byte and FIN
	ServerEnd    uint32
	ClientTS     uint32 // last TSval of the client
	ServerTS     uint32
	ClientTSSeen bool
	ServerTSSeen bool
	SeqKnown     bool
	RTT          time.Duration // of its handshake; 0 unknown
	FirstAnswer  packet.Ref    // its SYN/ACK
}

// Flow is a snapshot of one flow at the moment What names.
type Flow struct {
	*FlowRare // pointers first: the collector reads no further than the last one
	*FlowTalk
	Prev     *Previous // nil: none remembered
	AppProto string    // the application protocol in EVE's word; empty = not known
	Sides    [2]Side   // by the direction travelled: Sides[packet.ToServer] is what the client sent

	head        Head
	What        What
	State       TCPState
	End         EndReason
	ECN         bool       // negotiated: SYN with ECE+CWR, SYN/ACK with ECE
	Midstream   bool       // first packet was not a SYN
	OneSided    bool       // the other side was never seen though acknowledgements show that it spoke
	ServerGuess bool       // roles guessed from ports, not seen
	Alerted     bool       // a rule hit belongs to the flow
	Start       packet.Ref // first packet
	Last        packet.Ref // last packet
	Marks       [NumMarks]packet.Ref
	SYNTries    uint32 // SYNs with the same ISN
	SYNACKTries uint32
	RTT         time.Duration // sensor's view of the handshake (SYN to ACK); 0 unknown
	RTTServer   time.Duration // SYN to SYN/ACK: sensor to server and back; 0 unknown
	Missing     packet.Missing
	lent        bool // see Keep
}

// RST is a reset as a packet.
type RST struct {
	Ref      packet.Ref
	Dir      packet.Dir
	Seq, Ack uint32
	HasACK   bool
	TTL      uint8
	IPID     uint32
	DF       bool
	Window   uint16
	Valid    bool // in answer to a SYN: seq 0 or in window, ack = ISN+1 (RFC 9293 3.10.7.1)
}

// Resets sums up the RSTs of one side of a flow.
type Resets struct {
	Count  uint32
	TTLMin uint8
	TTLMax uint8
	After  packet.Ref // first packet of the same side after its RST that is none: who sent the RST? zero = none
}

// Head returns the common part.
func (f *Flow) Head() *Head { return &f.head }

// SilenceAfter is how long after the last of two or more tries a flow counts as unanswered; where the input ends before,
// how long after the second.
const SilenceAfter = 3 * time.Second

// Exchange is one request and the beginning of its answer, reported when the server was slow to begin.
type Exchange struct {
	head     Head
	Request  packet.Ref    // last packet of the request
	Response packet.Ref    // first packet of the answer
	Think    time.Duration // from one to the other, as seen at the sensor
	RTT      time.Duration // of the handshake; 0 unknown
	Retrans  bool          // either side repeated segments meanwhile
	Count    uint32        // number of this exchange in the flow
}

// SlowExchange is the think time from which an Exchange is reported.
const SlowExchange = 500 * time.Millisecond

// Head returns the common part.
func (x *Exchange) Head() *Head { return &x.head }

// NewExchange returns an exchange event with head h.
func NewExchange(h Head) *Exchange {
	h.Kind = KindExchange
	return &Exchange{head: h}
}
