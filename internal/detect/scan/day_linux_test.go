package scan_test

import (
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/detect/scan"
	"firestorm/internal/packet"
	"firestorm/internal/standard"
)

// TestDayCosts: to keep count of strangers makes the sensor at most twice as slow as it is with them anyway. What their
// packets cost beside those of users is logged: nearly each is a connection of its own. Processor time is measured: other
// work of the machine does not count.
func TestDayCosts(t *testing.T) {
	if !long() {
		t.Skip("measures time: FIRESTORM_LONG=1")
	}
	per := func(d *day, detectors []detect.Def) float64 {
		var list []packet.Packet
		for {
			var b packet.Batch
			if err := d.Next(&b); err != nil {
				break
			}
			list = append(list, b.Packets...)
		}
		best := time.Duration(1 << 62)
		for range 2 {
			from := processor(t)
			runDay(t, &recorded{list: list}, detectors)
			best = min(best, processor(t)-from)
		}
		return float64(best) / float64(len(list))
	}
	without := slices.DeleteFunc(slices.Clone(standard.Detectors), func(d detect.Def) bool { return d.Name == scan.Def.Name })
	users := per(newDay(.1, 0, 5_000, 0), standard.Detectors)
	noisy, base := per(newDay(.1, 4_000, 0, 2_000), standard.Detectors), per(newDay(.1, 4_000, 0, 2_000), without)
	t.Logf("%.0f ns for a packet of users (19 a connection); of strangers (2 a connection) %.0f ns, %.0f ns without this detector", users, noisy, base)
	if noisy > 2*base {
		t.Errorf("%.0f ns a packet, %.0f without", noisy, base)
	}
}

// processor is the processor time that this program used so far.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// recorded gives packets from memory.
type recorded struct {
	list []packet.Packet
	at   int
}

func (s *recorded) Next(b *packet.Batch) error {
	if s.at == len(s.list) {
		return io.EOF
	}
	n := min(256, len(s.list)-s.at)
	b.Packets = append(b.Packets, s.list[s.at:s.at+n]...)
	s.at += n
	return nil
}

func (s *recorded) Stats() capture.Stats { return capture.Stats{} }
func (s *recorded) Close() error         { return nil }
