package duplicate_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/duplicate"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// A flood of echo requests over IPv6, each equal to the one before, was called the mirror's doing for certain: nothing
// in such packets tells a copy from one sent again.
func TestSenderThatRepeatsItself(t *testing.T) {
	a := packet.MAC{2, 0, 0, 0, 0, 1}
	b := detecttest.NewBench(t, nil, duplicate.Def)
	r := event.NewRepeat(event.Head{Seen: b.Ref(0, 0.001), Client: event.End{Addr: packet.MustAddr("2001:db8::1")}})
	r.First, r.Times, r.TTLFirst, r.TTLLast, r.MACs, r.Unnumbered = b.Ref(0, 0), 2, 64, 64, [4]packet.MAC{a, a}, true
	b.Send(r)
	x := event.NewCapture(event.Head{Seen: b.Ref(0, 1)})
	x.From, x.To, x.Packets, x.Duplicates, x.CopyFrames, x.CopyPairs = detecttest.At(0), detecttest.At(1), 1000, 990, 1000, 1
	b.Send(x)
	fs := b.End()
	if len(fs) != 1 || fs[0].Confidence != finding.Possible {
		t.Errorf("%d findings, want one that is possible", len(fs))
	}
}
