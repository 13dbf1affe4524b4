package badinput

import (
	"bytes"
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"firestorm/test/harness"
)

// TestMemoryOfFloods pipes each flood into the program and looks at the most memory it ever held.
func TestMemoryOfFloods(t *testing.T) {
	bin := harness.Program(t)
	for name, make := range floods() {
		t.Run(name, func(t *testing.T) {
			for _, workers := range []int{1, 2} {
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
				if err := make().pcap(in); err != nil {
					t.Errorf("the program stopped reading: %v", err)
				}
				_ = in.Close()
				if err := c.Wait(); err != nil {
					t.Fatalf("%v: %s", err, errs.String())
				}
				most := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
				t.Logf("%d workers: %d MiB at most, %s", workers, most>>20, time.Since(began).Round(time.Millisecond))
				if most > small {
					t.Errorf("%d workers: %d MiB at most with --max-memory 64M", workers, most>>20)
				}
			}
		})
	}
}
