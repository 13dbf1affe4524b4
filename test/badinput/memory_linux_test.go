package badinput

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/test/harness"
)

// TestMemoryOfFloods pipes each flood into the program and looks at the most memory it ever held.
func TestMemoryOfFloods(t *testing.T) {
	bin := harness.Program(t)
	all := floods()
	all["questions to many name servers"] = func() *flood { return questions(100_000) }
	tried := []int{2} // takes more memory than one
	names := slices.Sorted(maps.Keys(all))
	if harness.Long() {
		tried = []int{1, 2}
	} else { // those that are told apart by what they fill: connections, hosts, what readers hold, streams
		names = []string{"SYNs from anywhere", "frames of made-up cards", "heads of HTTP that never end", "overlapping segments", "questions to many name servers"}
	}
	for _, name := range names {
		make := all[name]
		t.Run(name, func(t *testing.T) {
			for _, workers := range tried {
				for round := 1; ; round++ { // the collector falls behind where others have the processors: one fair round of three is enough
					c := exec.Command(bin, "read", "-", "--max-memory", "64M", "--workers", fmt.Sprint(workers), "--json")
					in, err := c.StdinPipe()
					if err != nil {
						t.Fatal(err)
					}
					var errs bytes.Buffer
					c.Stderr = &errs
					began := time.Now()
					if err := c.Start(); err != nil {
						t.Fatal(err)
					}
					most := watch(c.Process.Pid)
					if err := make().pcap(in); err != nil {
						t.Errorf("the program stopped reading: %v", err)
					}
					_ = in.Close()
					if err := c.Wait(); err != nil {
						t.Fatalf("%v: %s", err, errs.String())
					}
					m := <-most
					t.Logf("%d workers: %d KiB at most, %s", workers, m, time.Since(began).Round(time.Millisecond))
					if m > 0 && m <= small>>10 {
						break
					}
					if round == 3 || m == 0 {
						t.Errorf("%d workers: %d KiB at most with --max-memory 64M", workers, m)
						break
					}
				}
			}
		})
	}
}

// watch reads VmHWM of a process until it ends. What wait(2) reports as the maximum begins with the size of the process
// that forked, which here is the larger one.
func watch(pid int) <-chan int {
	out := make(chan int, 1)
	go func() {
		most := 0
		for {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, line, ok := strings.Cut(string(b), "VmHWM:")
			if err != nil || !ok { // gone, or a zombie without memory
				out <- most
				return
			}
			var kib int
			if _, err := fmt.Sscan(line, &kib); err == nil {
				most = max(most, kib)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return out
}
