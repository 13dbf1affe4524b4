package event_test

import (
	"math"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestEVETime compares with the standard library's way to write the same, over all that a time can be.
func TestEVETime(t *testing.T) {
	times := []packet.Time{0, 1, -1, 999, 1_000, 999_999_999, 1_700_000_000_123_456_789, math.MinInt64, math.MaxInt64}
	for i := packet.Time(1); i < 5000; i++ {
		times = append(times, i*i*i*i*i*(i*37+1), -i*i*i*i*i*(i*91+5))
	}
	for _, at := range times {
		want := time.Unix(0, int64(at)).UTC().Format(`"2006-01-02T15:04:05.000000-0700"`)
		if got := string(event.AppendEVETime(nil, at)); got != want {
			t.Fatalf("%d: %s, want %s", at, got, want)
		}
	}
}

func BenchmarkEVETime(b *testing.B) {
	var dst []byte
	for i := 0; b.Loop(); i++ {
		dst = event.AppendEVETime(dst[:0], 1_700_000_000_000_000_000+packet.Time(i)*1234)
	}
}
