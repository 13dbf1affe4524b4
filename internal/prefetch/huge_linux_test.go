package prefetch

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

var sink []byte

// TestHuge: what the heap takes after Huge lies where the kernel was told of huge pages. It holds the runtime to what Huge
// relies on.
func TestHuge(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no huge pages")
	}
	Huge(64 << 20)
	Huge(64 << 20) // does nothing
	sink = make([]byte, 24<<20)
	at := fmt.Sprintf("%p", sink)
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	inside := false
	for s := bufio.NewScanner(f); s.Scan(); {
		var from, to, addr uint64
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &from, &to); n == 2 {
			fmt.Sscanf(at, "0x%x", &addr)
			inside = from <= addr && addr < to
		} else if flags, ok := strings.CutPrefix(s.Text(), "VmFlags:"); ok && inside {
			if !strings.Contains(flags+" ", " hg ") {
				t.Fatalf("the memory at %s has the flags%s", at, flags)
			}
			return
		}
	}
	t.Fatalf("no memory at %s", at)
}
