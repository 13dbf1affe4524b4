package capture

import (
	"encoding/binary"

	"firestorm/internal/packet"
)

// beside reads a ring with a goroutine of its own, where an interface has several: that one finds the frames of a block and
// puts VLAN tags back, while the reader merges those of blocks that are done. The reader alone takes blocks from the
// kernel, so it knows at any moment whether a ring has some: order does not depend on how fast a goroutine is.
type beside struct {
	*ring
	blocks chan *ringBlock
	done   chan *frames
	under  int          // blocks that the goroutine has
	idle   chan *frames // to be filled again
	now    *frames      // frames are taken from it; nil: none
	next   int          // in now
}

// frames are those of a block.
type frames struct {
	block *ringBlock
	list  []ringFrame
}

// besideBlocks is how many blocks the goroutine has at most: one that it reads, and the next.
const besideBlocks = 2

func readBeside(r *ring) *beside {
	s := &beside{ring: r, blocks: make(chan *ringBlock, besideBlocks), done: make(chan *frames, besideBlocks), idle: make(chan *frames, besideBlocks+1)}
	for range besideBlocks + 1 {
		s.idle <- &frames{}
	}
	go s.read()
	return s
}

// read is the goroutine.
func (s *beside) read() {
	for b := range s.blocks {
		x := <-s.idle
		x.block, x.list = b, x.list[:0]
		off := binary.NativeEndian.Uint32(b.mem[blockFirst:])
		for n := min(b.packets(), uint32(len(b.mem)/frameHeader)); n > 0; n-- {
			var f ringFrame
			next, ok := readFrame(b.mem, off, s.ether, s.vnet, &f)
			if !ok {
				break
			}
			x.list = append(x.list, f)
			off += next
		}
		s.done <- x
	}
}

// start implements feed: it gives the goroutine the blocks that there are.
func (s *beside) start() {
	for s.under < besideBlocks {
		b := s.ring.block()
		if b == nil {
			return
		}
		s.under++
		s.blocks <- b
	}
}

// ready implements feed. It waits for a block that the goroutine has.
func (s *beside) ready() bool {
	for s.now == nil || s.next == len(s.now.list) {
		s.release()
		if s.start(); s.under == 0 {
			return false
		}
		s.now, s.next = <-s.done, 0
		s.under--
	}
	return true
}

// release gives back the block whose frames are taken.
func (s *beside) release() {
	if s.now != nil {
		s.now.block.drop()
		s.now.block = nil
		s.idle <- s.now
		s.now = nil
	}
}

// time implements feed.
func (s *beside) time() packet.Time { return s.now.list[s.next].time }

// take implements feed.
func (s *beside) take(f *ringFrame) (lender, bool) {
	*f = s.now.list[s.next]
	s.next++
	return s.now.block, true
}

// unread implements feed.
func (s *beside) unread() (n uint64) {
	if s.now != nil {
		n = uint64(len(s.now.list) - s.next)
	}
	kept := s.under
	for range kept {
		x := <-s.done
		n += uint64(len(x.list))
		s.done <- x
	}
	return n + s.ring.unread()
}

// close implements feed: the goroutine ends.
func (s *beside) close() {
	s.release()
	for ; s.under > 0; s.under-- {
		x := <-s.done
		x.block.drop()
		s.idle <- x
	}
	close(s.blocks)
	s.ring.close()
}
