package sensor

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// round is one batch on its way through the sensor, with where the shards' clock advances.
//
// State ages at edges: after every 1 024 packets of the input, and after every second of packet time. Edges depend on
// the packets alone, never on how a source cut its batches.
type round struct {
	batch  packet.Batch
	shard  []uint8 // per packet
	edges  []edge
	events []event.Event // ingest's own, in order
	final  bool          // no more rounds: shards end after this one
	begin  packet.Time   // of the input's first packet
	now    packet.Time   // clock after the last packet
	last   uint64        // ordinal of the last packet
	out    []output      // per worker
	keep   bool          // what outlives a restart is written down after this round
	order  *order        // to be done before its packets; nil: none
}

// edge is a moment when state ages: after the packet with this ordinal.
type edge struct {
	after   int // index in the batch of the last packet before the edge; -1 = before the first
	ordinal uint64
	now     packet.Time
}

// output is what one worker made of a round: events of packets in order, and events of ageing by edge and shard.
type output struct {
	events []event.Event
	aged   []aged
	kept   []byte      // of round.keep: the worker's shards
	spare  event.Spare // snapshots of these events that everybody had
}

type aged struct {
	edge   int // index in round.edges; len(edges) for the end of the input
	shard  uint8
	events []event.Event
}

// shardDrop marks a packet that no shard sees: a copy, or a fragment that waits.
const shardDrop = 255
