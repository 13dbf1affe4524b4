package stream

// Reason says why a segment, or part of it, was not used.
type Reason uint8

// Reasons.
const (
	ReasonNone         Reason = iota
	ReasonOld                 // released before: a repeat
	ReasonOutOfWindow         // outside what the receiver takes
	ReasonBeforeStart         // older than where this sensor picked the connection up
	ReasonAfterFIN            // past the end that the sender announced
	ReasonAfterEnd            // after RST, depth limit or Stop
	ReasonTooManyHoles        // more than Options.MaxRuns runs, out of order
	ReasonSYNRefused          // data in a SYN that the server did not take (RFC 7413)
	ReasonOtherSYN            // a SYN that fits no connection this one could be
	ReasonInvalidRST          // RST outside the window
	ReasonInvalidACK          // it acknowledges more than was ever allowed
	ReasonWithRST             // data in an RST
	NumReasons
)

var reasonNames = [NumReasons]string{"none", "old", "out_of_window", "before_start", "after_fin", "after_end", "too_many_holes",
	"syn_data_refused", "other_syn", "invalid_rst", "invalid_ack", "with_rst"}

// String returns the name used in counters.
func (r Reason) String() string {
	if r < NumReasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Stats counts what a Shard did.
type Stats struct {
	Opened     uint64
	Segments   uint64 // offered, with or without data
	Delivered  uint64 // bytes
	Gaps       uint64
	GapBytes   uint64
	Overlaps   uint64             // segments that overlap waiting data
	Conflicts  uint64             // of them: with other bytes
	KeepAlives uint64             // RFC 9293 3.8.4 probes
	OneSided   uint64             // directions released without acknowledgements: the other side was never seen
	Depth      uint64             // directions that reached Options.Depth
	AfterEnd   uint64             // bytes of segments that ReasonAfterEnd counts
	Urgent     uint64             // urgent bytes taken out of the stream
	Evicted    uint64             // directions released early for Options.MemCap
	Discarded  [NumReasons]uint64 // segments, by reason
	Bytes      int                // held now, as counted against Options.MemCap
	Live       int                // connections open now
}

// Add adds the counters of o to s: a sensor sums its shards.
func (s *Stats) Add(o Stats) {
	s.Opened += o.Opened
	s.Segments += o.Segments
	s.Delivered += o.Delivered
	s.Gaps += o.Gaps
	s.GapBytes += o.GapBytes
	s.Overlaps += o.Overlaps
	s.Conflicts += o.Conflicts
	s.KeepAlives += o.KeepAlives
	s.OneSided += o.OneSided
	s.Depth += o.Depth
	s.AfterEnd += o.AfterEnd
	s.Urgent += o.Urgent
	s.Evicted += o.Evicted
	for i := range s.Discarded {
		s.Discarded[i] += o.Discarded[i]
	}
	s.Bytes += o.Bytes
	s.Live += o.Live
}
