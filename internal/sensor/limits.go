package sensor

import (
	"firestorm/internal/detect"
	"firestorm/internal/flow"
)

// limits bounds every table. They follow from the memory limit alone, never from the machine or the number of workers:
// the same input and options give the same output everywhere.
type limits struct {
	flows    int // per shard, at most; so are the next two
	tombs    int
	bytes    int // of both and all that belongs to them
	attempts int
	hosts    int
	pairs    int
	entries  int // per table of a detector
	talks    int // pairs of hosts that are counted
	wires    int // places of capture with a table of copies of their own
	// groups and instances are what the finding engine holds until it decides.
	groups, instances int
	streams           int // bytes of TCP data waiting in a shard
	held              int // bytes that the readers of protocols take in a shard
}

// Shares of the memory limit. What is left over covers detectors and the collector.
const (
	// reserve is for what does not grow with the limit: the program, blocks and rounds in flight with their events, the
	// table of copies.
	reserve                                = 42 << 20
	flowShare                              = 0.80 // flows, tombstones and their indexes
	perAttempt, perHost, perPair, perEntry = 700, 640, 300, detect.EntryBytes
	perTalk, perGroup, perInstance         = 80, 8 << 10, 128
)

// programSize is what the collector does not see: the program itself, as far as it is in memory.
// With the store it takes 2 MB more, with the console, metrics and the sandbox 4 more (2026-11-29).
const programSize = 31 << 20

// bounds returns the limits of tables, and what the collector may let the heap grow to, within most bytes of which rules take
// some. Without their share taken off, tables and 25 000 rules filled a limit of 400 MB so that the collector ran without pause,
// and past it (2026-11-29).
//
// Where memories are kept while the run goes on, what writes them takes up to a sixth of the limit beside the tables, and months
// of traffic fill tables that a capture leaves half empty: all are made for three quarters of it, and that of connections for two
// thirds of that (and less with rules), so that the collector finds a third of the limit free. Before, ten minutes at 50 000
// packets a second filled it, the collector took half of the time, packets were lost, and half an hour of that went from 400 MB
// to 750 (2026-11-29).
func bounds(most, rules int64, kept bool) (lim limits, heap int64) {
	if kept {
		lim = limitsFor(max(most-rules*2/3, most/4) * 3 / 4)
		lim.connections(2, 3)
	} else {
		lim = limitsFor(max(most-rules, most/4))
	}
	if rules > 0 {
		lim.connections(3, 5)
		lim.flows = min(lim.flows, max(lim.bytes*4/5/perFollowed, 64))
	}
	return lim, max(most-programSize, most/2, rules*3/2)
}

// connections cuts the table of connections to a part of its room.
func (l *limits) connections(part, of int) {
	l.bytes = l.bytes * part / of
	l.flows, l.tombs = flow.Counts(l.bytes)
}

// perFollowed is what a connection takes in all where there are rules, in bytes. All of them are followed then: their streams,
// sessions and what rules remember take as much as the record in the flow table. Lossy traffic, whose connections never end,
// filled the table, and the collector took half of the time (2026-11-29).
const perFollowed = 3500

func limitsFor(max int64) limits {
	var l limits
	max -= min(reserve, max*21/32)
	l.bytes = int(float64(max) * flowShare / Shards)
	l.flows, l.tombs = flow.Counts(l.bytes)
	l.attempts = int(max / 16 / perAttempt)
	l.hosts = int(max / 40 / perHost)
	l.pairs = int(max / 80 / perPair)
	l.streams = int(max / 8 / Shards)
	l.held = int(max / 5 / Shards)
	l.entries = int(max / 200 / perEntry)
	l.talks = int(max / 16 / perTalk)
	l.wires = 2 + int(max/64)/(dedupSlots*perSighting)
	l.groups = min(20_000, int(max/8/perGroup))
	l.instances = min(400_000, int(max/32/perInstance))
	return l
}
