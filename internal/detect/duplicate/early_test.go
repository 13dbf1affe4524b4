package duplicate_test

import (
	"fmt"
	"slices"
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/duplicate"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestEarly: of an input that has no end, a mirror that began to copy after half an hour is told within minutes, again less and less
// often, and no more once it was put right.
func TestEarly(t *testing.T) {
	for _, early := range []bool{true, false} {
		b := detecttest.NewBench(t, nil, duplicate.Def)
		b.Scope.Early = early
		mac := packet.MAC{2, 0, 0, 0, 0, 1}
		var told []int // minutes
		for second := range 5 * 3600 {
			minute := second / 60
			x := event.NewCapture(event.Head{Seen: b.Ref(0, float64(second)+0.9)})
			x.From, x.To, x.Packets = detecttest.At(float64(second)), detecttest.At(float64(second)+0.9), 1000
			if minute >= 30 && minute < 150 {
				x.Duplicates, x.CopyFrames, x.CopyPairs = 500, 1000, 1
				if second%60 == 0 {
					r := event.NewRepeat(event.Head{Seen: b.Ref(0, float64(second)+0.001), Client: event.End{Addr: packet.MustAddr("10.0.0.1")}})
					r.First, r.Times, r.TTLFirst, r.TTLLast, r.MACs = b.Ref(0, float64(second)), 2, 64, 64, [4]packet.MAC{mac, mac}
					b.Send(r)
				}
			}
			b.Send(x)
			for _, f := range b.Engine.Tick(detecttest.At(float64(second + 1))) {
				if told = append(told, minute); minute < 60 {
					detecttest.Says(t, f, "shows", "twice")
				}
			}
		}
		want := []int{33, 60, 120, 180}
		if !early {
			want = nil
		}
		if !slices.Equal(told, want) {
			t.Errorf("early %t: told in the minutes %v, want %v", early, told, want)
		}
		if fs := b.End(); len(fs) != 1 {
			t.Errorf("early %t: %d findings at the end", early, len(fs))
		} else {
			detecttest.Says(t, fs[0], fmt.Sprintf("%d of %d frames", 120*60*500, 5*3600*1000))
		}
	}
}
