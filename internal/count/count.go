// Package count holds the sensor's counters: every packet, segment or event that is not used is counted here with a
// reason that a person can read. Counters belong to one goroutine each and are summed when it is done.
package count

import "sort"

// Ingest is what happened to packets before they reached a shard.
type Ingest struct {
	Packets     uint64
	Bytes       uint64 // on the wire
	Truncated   uint64 // cut short by the capture
	Copies      uint64 // dropped: recorded twice by a mirror port
	Routed      uint64 // dropped: recorded again after a router
	Looped      uint64 // dropped: third and later sight of a packet in a routing loop
	BadSums     uint64 // dropped: wrong checksum, as its receiver does
	Fragments   uint64 // held until the datagram is whole
	Reassembled uint64 // datagrams put together
	FragLost    uint64 // datagrams that never became whole
	Undecoded   uint64 // neither IP nor a link protocol we know
	ClockJumps  uint64
	HandedOver  uint64            // came through the ring of another shard, as what a tunnel holds does; they are used
	Crowded     uint64            // packets of interfaces beyond those that are told apart; they are used
	Unknown     map[string]uint64 // why not decoded → packets
	Left        []Item            // packets that later stages could not use, by reason; filled at the end
}

// maxUnknown bounds the distinct reasons kept; others count as "other".
const maxUnknown = 64

// NotUnderstood counts a packet that could not be decoded, with the reason.
func (c *Ingest) NotUnderstood(why string) {
	c.Undecoded++
	if c.Unknown == nil {
		c.Unknown = map[string]uint64{}
	}
	if _, ok := c.Unknown[why]; !ok && len(c.Unknown) >= maxUnknown {
		why = "other"
	}
	c.Unknown[why]++
}

// Item is one counter with its reason.
type Item struct {
	What string
	N    uint64
}

// NotUsed lists what was not used, largest first, without zeros.
func (c *Ingest) NotUsed() []Item {
	var out []Item
	add := func(n uint64, what string) {
		if n > 0 {
			out = append(out, Item{what, n})
		}
	}
	add(c.Copies, "recorded twice by a mirror port (counted once)")
	add(c.Routed, "recorded again behind a router (counted once)")
	add(c.Looped, "going round in a routing loop")
	add(c.BadSums, "wrong checksum: the receiver dropped it too")
	for _, i := range c.Left {
		add(i.N, i.What)
	}
	whys := make([]string, 0, len(c.Unknown))
	for w := range c.Unknown {
		whys = append(whys, w)
	}
	sort.Strings(whys)
	for _, w := range whys {
		add(c.Unknown[w], w)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].N > out[j].N })
	return out
}
