package defrag

// Reason says why a fragment was not used, or a datagram given up.
type Reason uint8

// Reasons.
const (
	ReasonNone        Reason = iota
	ReasonTruncated          // the capture kept less of the fragment than the wire had
	ReasonMalformed          // the IP header cannot be right
	ReasonLowTTL             // TTL under Options.MinTTL: it may never reach the target
	ReasonZeroLength         // no data
	ReasonBadLength          // not the last fragment, and its length is no multiple of 8
	ReasonTooLarge           // the datagram would pass 65535 bytes ("ping of death")
	ReasonEndConflict        // it moves the end of the datagram, or lies past it
	ReasonOverlap            // IPv6 fragments overlap (RFC 5722)
	ReasonTooMany            // more than Options.MaxFragments in one datagram
	ReasonMemory             // evicted: over Options.High
	ReasonFull               // evicted: more than Options.MaxDatagrams
	ReasonTimeout            // the rest did not come in Options.Timeout
	ReasonInputEnd           // the input ended first
	NumReasons
)

var reasonNames = [NumReasons]string{"none", "truncated", "malformed", "low_ttl", "zero_length", "bad_length", "too_large",
	"end_conflict", "overlap", "too_many", "memory", "full", "timeout", "input_end"}

// String returns the name used in counters.
func (r Reason) String() string {
	if r < NumReasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Stats counts what a Table saw and did. Fragments = those used in Datagrams + Duplicates + the sum of Discarded +
// those still waiting.
type Stats struct {
	Fragments  uint64             // fragments offered
	Datagrams  uint64             // datagrams completed
	Duplicates uint64             // exact copies of a fragment, dropped
	Overlaps   uint64             // fragments that overlap others
	Conflicts  uint64             // of them: with other bytes
	TinyFirst  uint64             // first fragments too short for their transport header (RFC 1858, RFC 7112)
	Discarded  [NumReasons]uint64 // fragments dropped, by reason
	GivenUp    [NumReasons]uint64 // datagrams dropped, by reason
	Bytes      int                // held now, as counted against Options.High
	Waiting    int                // datagrams begun and not complete
}
