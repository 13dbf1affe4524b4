package smb

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
)

// TestFramesBehindHoles: what follows a hole is marked where the hole ends with a message, or before.
func TestFramesBehindHoles(t *testing.T) {
	message := func(n int) string {
		return string([]byte{0, 0, byte(n >> 8), byte(n)}) + "\xfeSMB\x40\x00" + strings.Repeat("\x00", 6) + "\x0d" + strings.Repeat("\x00", n-13)
	}
	for _, lost := range []int{0, 500, 800, 801} {
		k := analyzertest.DialWith(t, "198.51.100.1:445", 1400, func(o *analyzer.DispatchOptions) { o.FrameRecords = true }, nil, Def)
		first := message(5000)
		k.Say(analyzertest.Up, message(80)).Say(analyzertest.Up, first[:4204])
		if lost > 0 {
			k.Lose(analyzertest.Up, lost)
		}
		k.Say(analyzertest.Up, (first[4204:] + message(70))[lost:])
		events, _ := k.End()
		var got []string
		for _, e := range events {
			if f, ok := e.(*event.Frame); ok && f.Facts.Type == "smb2.data" {
				got = append(got, fmt.Sprint(f.Facts.Length))
			}
		}
		want := "16 4936 6"
		if lost > 800 {
			want = "16 4936"
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d bytes lost: %s, want %s", lost, got, want)
		}
	}
}
