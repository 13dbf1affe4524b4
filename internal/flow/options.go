package flow

import (
	"time"
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Options sets the limits of one Table. Zero values mean the defaults.
type Options struct {
	MaxFlows      int    // live flows of this shard; default 16384
	MaxTombstones int    // remembered closed flows of this shard; default MaxFlows
	MaxBytes      int    // memory of all records of this shard; default MaxBytes of the two
	Seed          uint64 // of the keyed hash; results do not depend on it
	Timeouts      Timeouts
	TombstoneLife time.Duration // default 240 s: twice the maximum segment lifetime of RFC 9293 3.4.2
	// Unchecked: nobody looks at transport checksums, so that one that was not computed speaks against no packet.
	Unchecked bool
	// Want says which flow events are made; zero means all. See Wants.
	Want uint32
	// Closed, when not nil, is asked at the close of a connection where Want leaves event.Closed out: true makes it all the same.
	Closed func(index uint32) bool
	// Released, when not nil, is called when a record is about to end, before its Ended event is appended: whoever
	// keeps state by Index lets go of it there. It returns the application protocol for that event, in EVE's word, and the
	// one that the connection began with where it changed.
	Released func(index uint32, why event.EndReason) (app, before string)
	// Alerted, when not nil, is asked after it whether a rule matched on the flow, and forgets the flow.
	Alerted func(index uint32) bool
	// Dress, when not nil, adds to the Ended event of a flow what others know of it. Both were called before.
	Dress func(index uint32, f *event.Flow)
}

// Wants returns the bit of w for Options.Want.
func Wants(w event.What) uint32 { return 1 << w }

// Timeouts says how long a flow may be idle, by state, in packet time.
type Timeouts struct {
	TCPNew         time.Duration // SYN not answered, or handshake not completed; default 60 s
	TCPEstablished time.Duration // default 2 h 4 min (RFC 5382 REQ-5)
	TCPClosing     time.Duration // a FIN was seen; default 10 min
	TCPClosed      time.Duration // both FINs acknowledged, or reset; default 60 s, less when the table is full
	UDPNew         time.Duration // default 30 s
	UDPEstablished time.Duration // default 300 s
	OtherNew       time.Duration // default 30 s
	OtherAnswered  time.Duration // default 300 s
}

func (o *Options) fill() {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if o.MaxFlows <= 0 {
		o.MaxFlows = 16384
	}
	if o.MaxTombstones <= 0 {
		o.MaxTombstones = o.MaxFlows
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = MaxBytes(o.MaxFlows, o.MaxTombstones)
	}
	if o.Want == 0 {
		o.Want = ^uint32(0)
	}
	def(&o.TombstoneLife, 240*time.Second)
	t := &o.Timeouts
	def(&t.TCPNew, 60*time.Second)
	def(&t.TCPEstablished, 7440*time.Second)
	def(&t.TCPClosing, 600*time.Second)
	def(&t.TCPClosed, 60*time.Second)
	def(&t.UDPNew, 30*time.Second)
	def(&t.UDPEstablished, 300*time.Second)
	def(&t.OtherNew, 30*time.Second)
	def(&t.OtherAnswered, 300*time.Second)
}

// detailShare is the part of MaxFlows that may hold rare details (retries, losses, stalls) at one time, reserveShare the
// part of each kind of record that has its room for itself, and graveShare the part of the room that tombstones may take.
const (
	detailShare  = 10
	reserveShare = 32
	graveShare   = 4
)

// fewFlows is how many flows a table holds with all parts each, however small its limits are.
const fewFlows = 1024

func detailMax(flows int) int { return min(flows, max(flows/detailShare, fewFlows)) }

// talkMax is how many of the flows may carry data: in a full table many are idle or never answered. When more do, the
// table counts as full and lets flows go, rather than follow some of them with half of their numbers missing.
func talkMax(flows int) int { return min(flows, max(flows/3*2, fewFlows)) }

// closeMax is how many flows may have seen a FIN: a flow is short for that state.
func closeMax(flows int) int { return min(flows, max(flows/4, fewFlows)) }

// indexBytes is what an entry takes in an index at worst.
const indexBytes = 8 * 5 / 3

// Counts returns how many flows and tombstones a Table may hold at most that has so many bytes: flows of which there is
// nothing but the record, and tombstones of the shortest kind. What more there is to a flow takes from the same bytes, so
// that the table is full sooner.
func Counts(bytes int) (flows, tombstones int) {
	flows = max(bytes/(int(unsafe.Sizeof(rec{}))+indexBytes), 64)
	return flows, max(bytes/graveShare/(graveLeast+indexBytes), 64)
}

// MaxBytes is an upper bound of the memory of a Table with these limits and none in bytes.
func MaxBytes(flows, tombstones int) int {
	n := func(i int) int { return (i + chunkLen) }
	b := n(flows) * (int(unsafe.Sizeof(rec{})) + indexBytes)
	b += n(flows) * (int(unsafe.Sizeof(extraPart{})) + int(unsafe.Sizeof(morePart{})))
	b += n(talkMax(flows)) * (int(unsafe.Sizeof(talkPart{})))
	b += n(closeMax(flows)) * (int(unsafe.Sizeof(closePart{})))
	b += n(tombstones)*(graveMost+indexBytes) + 2*graveChunkBytes
	d := n(detailMax(flows))
	b += d * (int(unsafe.Sizeof(oddPart{})) + 2*int(unsafe.Sizeof(lossPart{})) + int(unsafe.Sizeof(idlePart{})) + int(unsafe.Sizeof(tomb{})) + int(unsafe.Sizeof(stallPart{})) + int(unsafe.Sizeof(heldPart{})))
	return b + 2*indexParts*indexFirst*8
}

// Stats counts what a Table did. All numbers are since New.
type Stats struct {
	Flows          uint64 // records made
	Live           int    // records now
	Ended          [6]uint64
	EvictedNew     uint64      // of Ended[EndEvicted]: never answered
	ClosedEarly    uint64      // of Ended[EndClosed]: before Timeouts.TCPClosed, for lack of room
	Tombstones     int         // now
	TombsEvicted   uint64      // thrown out before their life passed, for lack of room
	EvictedFrom    packet.Time // last packet of the first flow whose tombstone was thrown out early
	EvictedTo      packet.Time // last packet of the newest such flow: history before it has holes
	TombsUnkept    uint64      // flows that ended without a tombstone because they were never answered
	DetailsLost    uint64      // details of a flow not kept: the slab of that detail was full
	MarksLost      uint64      // marks too far from the flow's start to be stored
	NotIP          uint64      // packets without IP: no flow
	Fragments      uint64      // fragments that nobody put together: no flow
	NoPorts        uint64      // TCP or UDP packets whose header was cut off
	ICMPErrors     uint64
	ICMPNoQuote    uint64 // ICMP errors too short to say which flow they mean
	NoRoom         uint64 // packets that would have begun a flow for which there was no room
	Quick          uint64 // packets that took the quick path
	Unwanted       uint64 // events not made because Options.Want has no bit for them
	FlowBytes      int    // memory, bytes
	TombstoneBytes int
	IndexBytes     int
	DetailBytes    int
}

// Bytes returns the memory of all slabs and indexes.
func (s *Stats) Bytes() int { return s.FlowBytes + s.TombstoneBytes + s.IndexBytes + s.DetailBytes }

// Add adds the counters and memory of o to s: a sensor sums its shards.
func (s *Stats) Add(o Stats) {
	s.Flows += o.Flows
	s.Live += o.Live
	for i := range s.Ended {
		s.Ended[i] += o.Ended[i]
	}
	s.EvictedNew += o.EvictedNew
	s.ClosedEarly += o.ClosedEarly
	s.Tombstones += o.Tombstones
	if o.TombsEvicted > 0 && (s.TombsEvicted == 0 || o.EvictedFrom < s.EvictedFrom) {
		s.EvictedFrom = o.EvictedFrom
	}
	s.EvictedTo = max(s.EvictedTo, o.EvictedTo)
	s.TombsEvicted += o.TombsEvicted
	s.TombsUnkept += o.TombsUnkept
	s.DetailsLost += o.DetailsLost
	s.MarksLost += o.MarksLost
	s.NotIP += o.NotIP
	s.Fragments += o.Fragments
	s.NoPorts += o.NoPorts
	s.ICMPErrors += o.ICMPErrors
	s.ICMPNoQuote += o.ICMPNoQuote
	s.NoRoom += o.NoRoom
	s.Quick += o.Quick
	s.Unwanted += o.Unwanted
	s.FlowBytes += o.FlowBytes
	s.TombstoneBytes += o.TombstoneBytes
	s.IndexBytes += o.IndexBytes
	s.DetailBytes += o.DetailBytes
}
