package capture

import (
	"sync"

	"firestorm/internal/packet"
	"firestorm/internal/pcapfile"
)

// lease is what one batch borrows: the blocks that its packets' bytes lie in.
type lease struct {
	blocks []*pcapfile.Block
	end    func(*packet.Batch) // bound once, so that handing out a lease allocates nothing
	poison bool
}

// leases hands out leases and takes them back. Batches may be released by another goroutine.
type leases struct {
	mu     sync.Mutex
	free   []*lease
	poison bool
}

// maxFreeLeases bounds the idle ones; a pipeline has a handful of batches under way.
const maxFreeLeases = 32

func (ls *leases) get() *lease {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if n := len(ls.free); n > 0 {
		l := ls.free[n-1]
		ls.free = ls.free[:n-1]
		return l
	}
	l := &lease{poison: ls.poison}
	l.end = func(b *packet.Batch) {
		b.OnRelease(nil) // a second Release of the same batch ends nothing
		ls.put(l, b)
	}
	return l
}

func (ls *leases) put(l *lease, b *packet.Batch) {
	if l.poison {
		Poison(b)
	}
	for i, blk := range l.blocks {
		blk.Release()
		l.blocks[i] = nil
	}
	l.blocks = l.blocks[:0]
	ls.mu.Lock()
	if len(ls.free) < maxFreeLeases {
		ls.free = append(ls.free, l)
	}
	ls.mu.Unlock()
}

// keep makes the batch keep blk, unless it is the one that it holds last, and returns blk.
func (l *lease) keep(blk, last *pcapfile.Block) *pcapfile.Block {
	if blk != last {
		blk.Hold()
		l.blocks = append(l.blocks, blk)
	}
	return blk
}

// Poison overwrites the bytes of all packets of b, so that a test sees who kept some past Release.
func Poison(b *packet.Batch) {
	for i := range b.Packets {
		d := b.Packets[i].Data
		for j := range d {
			d[j] = 0xdb
		}
		b.Packets[i].Data = nil
	}
}

// room makes the empty batch hold BatchSize packets without growing.
func room(b *packet.Batch) {
	if cap(b.Packets) < packet.BatchSize {
		b.Packets = make([]packet.Packet, 0, packet.BatchSize)
	}
}
