package state

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"
)

// batch is snapshots of one moment.
type batch struct {
	begin time.Time // when it was asked for
	names []string
	data  [][]byte
}

// How often a Background takes snapshots at most, however fast the time of the packets runs: less often where much changed, so
// as to spare the disk and who writes them.
const (
	Often  = time.Second
	Seldom = 2 * time.Second
	// Much is from how many bytes on it is Seldom.
	Much = 4 << 20
	// bearable is how old what is lost may be when the process ends at the worst moment, if the machine lets it: five seconds are
	// promised, and packets take their time to get here too.
	bearable = 3 * time.Second
)

// pause is how long to rest after n bytes were written and it took so long from the snapshot to the disk. What is lost at worst is
// what came since the snapshot before: as old as two of them and the rest between. On a slow machine it rests a quarter of the
// time, so that it does nothing else no more than four fifths of it.
func pause(n uint64, took time.Duration) time.Duration {
	every := Often
	if n > Much {
		every = Seldom
	}
	return max(min(every-took, bearable-2*took), min(took/4, Often))
}

// Background keeps snapshots in a goroutine of its own, so that who reads packets never waits for a disk. What is the same as
// last time is not written again: an idle sensor leaves the disk asleep.
type Background struct {
	save func(names []string, data [][]byte) error
	rest func(n uint64, took time.Duration) time.Duration
	work chan batch
	quit chan struct{}
	done chan struct{}
	last map[string][sha256.Size]byte // of the goroutine alone

	mu    sync.Mutex
	busy  bool
	ready time.Time // when Ready said so last
	err   error
	since time.Time // of err
	wrote uint64    // bytes
}

// NewBackground starts a goroutine that keeps snapshots with save, which is a Dir's SaveAll; Close ends it. The rest between two
// batches follows from what they cost where rest is 0.
func NewBackground(save func(names []string, data [][]byte) error, rest time.Duration) *Background {
	b := &Background{save: save, rest: pause, work: make(chan batch, 1), quit: make(chan struct{}), done: make(chan struct{}), last: map[string][sha256.Size]byte{}}
	if rest > 0 {
		b.rest = func(uint64, time.Duration) time.Duration { return rest }
	}
	go b.run()
	return b
}

// Ready reports that the last batch is on the disk, or failed, and that it is time for another.
func (b *Background) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.busy {
		b.ready = time.Now()
	}
	return !b.busy
}

// Keep takes the contents of snapshots, in the order in which they are to reach the disk. It must be ready; the bytes are the
// Background's until it is again.
func (b *Background) Keep(names []string, data [][]byte) {
	b.mu.Lock()
	b.busy = true
	begin := b.ready
	b.mu.Unlock()
	b.work <- batch{begin, names, data}
}

// Err returns why the last batch could not be kept, and since when none could; nil: it was kept.
func (b *Background) Err() (err error, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err, b.since
}

// Written is how many bytes of contents went to the disk.
func (b *Background) Written() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wrote
}

// Close waits for the batch at hand. The Background takes no more.
func (b *Background) Close() {
	close(b.quit)
	close(b.work)
	<-b.done
}

func (b *Background) run() {
	defer close(b.done)
	for x := range b.work {
		n, err := b.write(x)
		rest := b.rest(n, time.Since(x.begin))
		b.mu.Lock()
		b.wrote += n
		if err != nil && b.err == nil {
			b.since = time.Now()
		}
		b.err = err
		b.mu.Unlock()
		select {
		case <-b.quit: // there is nothing to rest for
		case <-time.After(rest):
		}
		b.mu.Lock()
		b.busy = false
		b.mu.Unlock()
	}
}

// write keeps what changed.
func (b *Background) write(x batch) (n uint64, err error) {
	var names []string
	var data [][]byte
	sums := map[string][sha256.Size]byte{}
	for i, name := range x.names {
		sum := sha256.Sum256(x.data[i])
		if old, ok := b.last[name]; ok && old == sum {
			continue
		}
		sums[name] = sum
		names, data = append(names, name), append(data, x.data[i])
		n += uint64(len(x.data[i]))
	}
	if len(names) == 0 {
		return 0, nil
	}
	if err := b.save(names, data); err != nil {
		return 0, err
	}
	maps.Copy(b.last, sums)
	return n, nil
}
