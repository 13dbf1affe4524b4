package sensor

import "firestorm/internal/flow"

// limits bounds every table. They follow from the memory limit alone, never from the machine or the number of workers:
// the same input and options give the same output everywhere.
type limits struct {
	flows    int // per shard
	tombs    int // per shard
	attempts int
	hosts    int
	pairs    int
	entries  int // per table of a detector
	streams  int // bytes of TCP data waiting in a shard
}

// Shares of the memory limit. What is left over covers blocks in flight, events, the program and the collector.
const (
	flowShare                              = 0.78 // flows, tombstones and their indexes
	perAttempt, perHost, perPair, perEntry = 400, 400, 300, 256
)

func limitsFor(max int64) limits {
	var l limits
	budget := int(float64(max) * flowShare / Shards)
	lo, hi := 64, 1<<22
	for lo < hi { // the largest number of flows per shard that fits with as many tombstones
		n := (lo + hi + 1) / 2
		if flow.MaxBytes(n, n) <= budget {
			lo = n
		} else {
			hi = n - 1
		}
	}
	l.flows, l.tombs = lo, lo
	l.attempts = int(max / 16 / perAttempt)
	l.hosts = int(max / 40 / perHost)
	l.pairs = int(max / 80 / perPair)
	l.streams = int(max / 8 / Shards)
	l.entries = int(max / 200 / perEntry)
	return l
}
