package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// rec is one live flow: three lines of the cache, without pointers. What each packet needs is in it and in the talkPart;
// what few flows have lies in parts, each in its own slab, made on demand and reached through morePart (2026-11-28: 192
// bytes instead of 304, a third fewer lines for each packet).
type rec struct {
	id         ident
	lastTime   packet.Time
	lastFrame  int32 // relative to the first frame, as in mark; lastLost when out of its range
	lastSource uint16
	state      event.TCPState
	list       listID
	bits       recBits
	extra      uint32 // extraPart; 0 = an IPv4 flow without tunnel and VLAN, its frame its ordinal
	next, prev uint32
	moved      uint32 // seconds of the table's clock when last moved to its list's end
	seen       uint32 // seconds of the table's clock at its last packet
	talk       uint32 // talkPart; 0 = none
	more       uint32 // morePart; 0 = none

	sides     [2]side // by direction travelled
	tsFirst   uint32  // first timestamp of the client; valid when its side has tsSeen
	synPrint  uint32  // fingerprint of the client's SYN
	startTime packet.Time
	startAt   uint64 // frame of the first packet << 16 | its source
	synack    near
	handshake near
}

type recBits uint32

const (
	clientIsB   recBits = 1 << iota // the client is the key's b
	midstream                       // first packet was not a SYN
	serverGuess                     // roles guessed from ports
	answered                        // Answered was emitted
	established                     // Established was emitted, or the flow began mid-stream
	silent                          // Silent was emitted
	staleSeen                       // StaleACK was emitted
	halfClosed                      // HalfClosed was emitted
	closed                          // Closed was emitted
	refused                         // Refused was emitted
	resetDone                       // Reset was emitted
	resetValid                      // a valid RST ended the flow
	serverFirst                     // the server sent the first FIN
	simOpen                         // both sides sent a SYN
	ecnAsked                        // SYN with ECE and CWR
	ecnOK                           // SYN/ACK with ECE answered it
	ackMoved                        // acknowledgements advanced over data that was never seen
	synackFirst                     // first packet was a SYN/ACK
	pendSYN                         // a SYN came inside the connection: odd.pend holds it
	lastLost                        // lastFrame could not be stored
	detailLost                      // a part could not be made: the slab was full
	thinking                        // a request waits for its answer
	tried                           // the client sent a SYN; oddPart.synTries counts those after the first
	holding                         // heldPart: a small segment waited for an acknowledgement
	inFlight                        // the flight of direction 0 is set
	inFlight1                       // of direction 1
	steady                          // its packets may take the quick path: see settle
)

// flying is the bit that says that the flight of direction d is set.
func flying(d packet.Dir) recBits { return inFlight << d }

func (b recBits) has(x recBits) bool { return b&x != 0 }

// side is what one end sent.
type side struct {
	packets, bytes uint32 // low words; carries are in odd.hi
	isn            uint32
	next           uint32 // highest sequence number sent, plus one; of other protocols than TCP the payload
	acked          uint32 // highest acknowledgement of it
	limit          uint32 // highest sequence number the peer's windows allowed it
	maxWin         uint32 // largest window this side advertised, scaled
	tsLast         uint32
	maxIPLen       uint16
	mss            uint16
	flags          uint16
	bits           sideBits
	ttlFirst       uint8
	ttlMin         uint8
	ttlMax         uint8
	wscale         int8 // -1 = not announced
}

type sideBits uint16

const (
	seqKnown sideBits = 1 << iota
	synSeen
	synAcked
	sackOK
	tsSeen
	finSent
	finAcked
	ackKnown // acked is set
	limitKnown
	zeroOpen // this side's window is closed now
	finMeant // its FIN is one that a receiver takes
	spoke    // talkPart.first of its direction is set

	// shiftAt is where the last four bits begin: how far its windows are to be shifted, valid while rec.bits has steady.
	shiftAt = 12
)

func (b sideBits) has(x sideBits) bool { return b&x != 0 }

// talkPart belongs to TCP flows that carried payload or a FIN: three lines of the cache, one for the segments of each
// direction and their acknowledgements, one for turns (2026-11-30).
type talkPart struct {
	way [2]talkWay // by direction travelled

	request    mark    // last packet of the request
	count      uint32  // exchanges
	repeats    uint32  // of both sides when the request began
	unasked    uint32  // longest silence after which the server spoke with no request open, milliseconds
	first      [2]mark // first payload by direction
	thinkTotal int64
	thinkMax   int64
}

// talkWay is what a talkPart holds of one direction.
type talkWay struct {
	sizes
	flight flight // valid where rec.bits has flying
	rtt    spans
}

// heldPart counts small segments that waited for the acknowledgement of the one before (RFC 1122 4.2.3.2 and 4.2.3.4).
// One that waits now is said by rec.bits: holding.
type heldPart struct {
	ack   mark      // the acknowledgement that ended the last wait
	wait  uint32    // its length, microseconds
	total [2]uint32 // microseconds, by the sender's direction
	n     [2]uint16
	dir   packet.Dir
}

// sizes are the largest packets of a side.
type sizes struct {
	payload   uint32 // low word; the carry is in odd.hi
	maxFlight uint32 // most bytes sent and not acknowledged
	pendEnd   uint32 // end of the largest segment not yet acknowledged
	pendLen   uint16 // its IP length; 0 = none
	delivered uint16
}

// spans are times from a segment to its acknowledgement, as the sensor sees them, in microseconds.
type spans struct{ n, least, most uint32 }

func (x *spans) add(d time.Duration) {
	us := uint32(min(max(d/time.Microsecond, 0), 1<<32-1))
	if x.n == 0 || us < x.least {
		x.least = us
	}
	x.most = max(x.most, us)
	x.n++
}

// closePart belongs to flows with a FIN.
type closePart struct {
	fin    [2]mark
	finack [2]mark // finack[d] acknowledges fin[d]
}

// morePart says where the rare parts of a flow are.
type morePart struct {
	closing, odd, prior uint32
	loss                [2]uint32
	stall, idle, held   uint32
	anom                [2]uint32 // anomaly codes already reported, by direction
	super, truncated    [2]uint32
}

// extraPart belongs to flows whose key is not two IPv4 addresses alone, and to those that need what others do not: one of
// several captures, a listing, a VLAN.
type extraPart struct {
	k       key
	missing packet.Missing
	vlans   [3]uint16
	nvlan   uint8
	owner   uint32 // the flow; 0 = free
	ord     uint64 // of the first packet
}

// Rare marks, in oddPart.
const (
	oddSYN = iota // where the SYN was not the first packet
	oddSYN2
	oddSYN3
	oddSYNLast
	oddSYNACKLast
	oddStale
	oddClientRST
	oddServerRST
	oddICMP
	oddFrag
	oddSYNACK    // where rec.synack could not hold it
	oddHandshake // the same for rec.handshake
	numOdd
)

// oddPart belongs to flows that had a retry, a reset, an ICMP error or a carry of a counter.
type oddPart struct {
	hi          [2][3]uint32
	marks       [numOdd]mark
	pend        pendPart
	synTries    uint32 // after the first
	synackTries uint32
	staleACKs   uint32
	staleNum    uint32
	rst         rstPart
	rstFlags    [2]uint16
	rsts        [2]rstCount
	icmpType    uint8
	icmpCode    uint8
	verdicts    uint8 // that a firewall's log had beside packets, a bit for each packet.Firewall
}

// pendPart is a SYN inside a connection.
type pendPart struct {
	ref            mark
	seq, wire, win uint32
	mss            uint16
	wscale         int8
}

// rstCount sums up the RSTs of one side.
type rstCount struct {
	n              uint32
	after          mark // first packet of the side after its RST that is none
	ttlMin, ttlMax uint8
}

type rstPart struct {
	ref      mark
	seq, ack uint32
	ipid     uint32
	window   uint16
	dir      packet.Dir
	ttl      uint8
	set      bool
	hasACK   bool
	df       bool
	valid    bool
}

// idlePart is the longest silence that a flow survived, and one not yet acknowledged.
type idlePart struct {
	best, cand       int64 // ns
	bestFrom, bestTo mark
	candFrom, candTo mark
	candEnd          uint32
	candDir          packet.Dir
	candSet          bool
}

func (r *rec) startFrame() uint64 { return r.startAt >> 16 }

func (r *rec) source() uint16 { return uint16(r.startAt) }

// setStart makes ref the first packet. Frames have 48 bits: at a million a second nine years.
func (r *rec) setStart(ref packet.Ref) {
	r.startTime, r.startAt = ref.Time, ref.Frame<<16|uint64(ref.Source)
}

// start returns the first packet.
func (r *rec) start() packet.Ref {
	return packet.Ref{Frame: r.startFrame(), Time: r.startTime, Source: r.source()}
}

// last returns the last packet.
func (r *rec) last() packet.Ref {
	if r.bits.has(lastLost) {
		return packet.Ref{}
	}
	return packet.Ref{Frame: r.startFrame() + uint64(int64(r.lastFrame)), Time: r.lastTime, Source: r.lastSource}
}

func (r *rec) setLast(p *packet.Packet) {
	df := int64(p.Frame - r.startFrame())
	r.lastFrame = int32(df)
	if df != int64(r.lastFrame) {
		r.bits |= lastLost
	} else {
		r.bits &^= lastLost
	}
	r.lastTime, r.lastSource = p.Time, p.Source
}

func (r *rec) ref(m mark) packet.Ref { return m.ref(r.startTime, r.startFrame()) }
