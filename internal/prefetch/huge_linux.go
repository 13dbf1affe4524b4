package prefetch

import (
	"runtime"
	"sync"
	"syscall"
)

var huge sync.Once

// pieceOfHeap is how much is asked of the runtime at a time, in bytes.
const pieceOfHeap = 4 << 20

// Huge asks the kernel to back the next n bytes that the heap takes with huge pages, once for the process. Tables of
// connections are read at random: in pages of 4 KiB most look-ups wait for the page table as well, and the first touch of each
// page is a fault (2026-11-30: one fault in place of 15, and a seventh of the time of a long capture). Where the kernel has
// none, or none to spare, all stays as it was.
//
// The runtime has no call for it. But it takes addresses that were given back before it asks for more, and what the kernel
// was told about them holds.
func Huge(n int64) {
	huge.Do(func() {
		// Where addresses are limited or accounted for, the runtime would end the process.
		probe, err := syscall.Mmap(-1, 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil || syscall.Munmap(probe) != nil {
			return
		}
		// Small enough for what is left of the arena that the runtime has begun: it goes first, as it will later.
		var all [][]byte
		for left := n; left > 0; left -= pieceOfHeap {
			b := make([]byte, pieceOfHeap) // never touched: addresses, and no memory yet
			_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE)
			all = append(all, b)
		}
		runtime.KeepAlive(all)
		all = nil
		runtime.GC()
	})
}
