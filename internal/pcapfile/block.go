package pcapfile

import (
	"sync"
	"sync/atomic"
)

// BlockSize is how many bytes one read asks for. It fits a level 2 cache; larger blocks measured slower.
const BlockSize = 256 << 10

// poisonByte overwrites given-back bytes when poisoning is on; as an Ethernet type or IP version it is nonsense.
const poisonByte = 0xDB

// Block is a piece of the input with a reference count. The reader holds one reference while it reads from it.
type Block struct {
	buf  []byte
	pool *Pool
	refs atomic.Int32
}

// Hold adds a reference: the block's bytes stay until the matching Release.
func (b *Block) Hold() { b.refs.Add(1) }

// Release gives one reference back; with the last one the block returns to its pool.
func (b *Block) Release() {
	if b.refs.Add(-1) == 0 {
		b.pool.put(b)
	}
}

// Pool keeps blocks that nobody refers to. It may be used by several goroutines. The zero value is ready.
type Pool struct {
	// Poison overwrites blocks that come back, so that a test sees who kept bytes. Set it before first use.
	Poison bool

	mu   sync.Mutex
	free []*Block
	out  int
}

// maxFree bounds the idle blocks of a pool to 16 MiB.
const maxFree = 64

// get returns a block of at least n bytes with one reference.
func (p *Pool) get(n int) *Block {
	p.mu.Lock()
	p.out++
	if k := len(p.free); n <= BlockSize && k > 0 {
		b := p.free[k-1]
		p.free = p.free[:k-1]
		p.mu.Unlock()
		b.refs.Store(1)
		return b
	}
	p.mu.Unlock()
	b := &Block{buf: make([]byte, max(n, BlockSize)), pool: p}
	b.refs.Store(1)
	return b
}

func (p *Pool) put(b *Block) {
	if p.Poison {
		for i := range b.buf {
			b.buf[i] = poisonByte
		}
	}
	p.mu.Lock()
	p.out--
	if len(b.buf) == BlockSize && len(p.free) < maxFree {
		p.free = append(p.free, b)
	}
	p.mu.Unlock()
}

// Out returns how many blocks are held by somebody now.
func (p *Pool) Out() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}
