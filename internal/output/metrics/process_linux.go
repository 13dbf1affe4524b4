package metrics

import (
	"bufio"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"

	"firestorm/internal/output"
)

// process are numbers of this process, under the names that Prometheus' own libraries give them.
func process() (all []output.Metric) {
	add := func(name, help string, total bool, v float64) {
		all = append(all, output.Metric{Name: name, Help: help, Total: total, Value: v})
	}
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) == nil {
		add("process_cpu_seconds_total", "Processor time, of the user and the system.", true, (time.Duration(use.Utime.Nano()) + time.Duration(use.Stime.Nano())).Seconds())
	}
	if kib, ok := resident(); ok {
		add("process_resident_memory_bytes", "Memory that is resident.", false, kib*1024)
	}
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	if metrics.Read(heap); heap[0].Value.Kind() == metrics.KindUint64 {
		add("go_memstats_heap_alloc_bytes", "Heap in use.", false, float64(heap[0].Value.Uint64()))
	}
	add("go_goroutines", "Goroutines.", false, float64(runtime.NumGoroutine()))
	return all
}

// resident is what the kernel says of this process, in KiB.
func resident() (float64, bool) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(v, "kB")), 64)
			return n, err == nil
		}
	}
	return 0, false
}
