package scan_test

import (
	"io"
	"syscall"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
)

// TestDayCosts: strangers make the sensor at most twice as slow for each packet as users do. Processor time is measured:
// other work of the machine does not count.
func TestDayCosts(t *testing.T) {
	if !long() {
		t.Skip("measures time: FIRESTORM_LONG=1")
	}
	per := func(d *day) float64 {
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
			runDay(t, &recorded{list: list})
			best = min(best, processor(t)-from)
		}
		return float64(best) / float64(len(list))
	}
	plain, noisy := per(newDay(.1, 0, 5_000, 0)), per(newDay(.1, 4_000, 0, 2_000))
	t.Logf("%.0f ns for a packet of users, %.0f ns for one of strangers", plain, noisy)
	if noisy > 2*plain {
		t.Errorf("%.0f ns a packet, users take %.0f", noisy, plain)
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
