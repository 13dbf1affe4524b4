package state

import (
	"testing"
	"time"
)

// TestPause: what is kept each second is small; a slow disk is not asked all the time, and still often enough that five seconds
// are never lost where it takes no more than two.
func TestPause(t *testing.T) {
	for _, c := range []struct {
		n          uint64
		took, want time.Duration
	}{
		{100, 0, time.Second}, {Much, 200 * time.Millisecond, 800 * time.Millisecond}, {Much + 1, 200 * time.Millisecond, 1800 * time.Millisecond},
		{Much + 1, 1200 * time.Millisecond, 600 * time.Millisecond}, {100, 2 * time.Second, 500 * time.Millisecond}, {Much + 1, time.Minute, time.Second},
	} {
		if got := pause(c.n, c.took); got != c.want {
			t.Errorf("%d bytes in %v: a rest of %v, not %v", c.n, c.took, got, c.want)
		}
		if lost := 2*c.took + pause(c.n, c.took); c.took <= 2*time.Second && lost >= 5*time.Second {
			t.Errorf("%d bytes in %v: what is %v old is lost", c.n, c.took, lost)
		}
	}
}
