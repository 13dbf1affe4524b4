package prefetch

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

var sink []byte

// TestHuge: nearly all that the heap takes after Huge lies where the kernel was told of huge pages. It holds the runtime to
// what Huge relies on.
func TestHuge(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no huge pages")
	}
	Huge(64 << 20)
	Huge(64 << 20) // does nothing
	sink = make([]byte, 24<<20)
	first := uint64(uintptr(unsafe.Pointer(&sink[0])))
	last := first + uint64(len(sink))
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	var from, to, told uint64
	for s := bufio.NewScanner(f); s.Scan(); {
		var a, b uint64
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &a, &b); n == 2 {
			from, to = max(a, first), min(b, last)
		} else if flags, ok := strings.CutPrefix(s.Text(), "VmFlags:"); ok && from < to && strings.Contains(flags+" ", " hg ") {
			told += to - from
		}
	}
	if told < uint64(len(sink))*3/4 {
		t.Errorf("of %d bytes of the heap the kernel was told of %d", len(sink), told)
	}
}
