package scan

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestRoomUsedAgain: with the room of forgotten sources used again, contacts that tell nothing on their short way, and memory
// asked for ahead, the detector knows and tells the same as with a new source each time, on the long way.
func TestRoomUsedAgain(t *testing.T) {
	var memory [2][]byte
	var told, again, evicted [2]int
	for n := range memory {
		r := rand.New(rand.NewPCG(7, 8))
		d := newDetector(detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 60}, func(*finding.Instance) { told[n]++ })).(*detector)
		d.long = n == 1
		var batch []*event.Flow
		for id := uint64(1); id < 40_000; id++ {
			at := float64(id) / 20
			from, to := address(uint32(r.IntN(400))), address(1<<20+uint32(r.IntN(30)))
			if r.IntN(3) > 0 {
				from[12], from[13] = 10, 0
			}
			if r.IntN(9) == 0 {
				from[0] = 0x20 // IPv6
			}
			port := []uint16{21, 80, 443, uint16(r.IntN(3000))}[r.IntN(4)]
			f := knock(id, from, to, port, at)
			if r.IntN(4) > 0 {
				f.What = []event.What{event.Answered, event.Ended, event.Ended}[r.IntN(3)]
				f.Marks[event.MarkServerRST], f.Marks[event.MarkSYNACK] = packet.Ref{}, f.Start
				f.Sides[0].Payload, f.Sides[1].Payload = 10, uint64(r.IntN(2))
			}
			if batch = append(batch, f); len(batch) < 16 {
				continue
			}
			if n == 0 {
				for step := range detect.Steps {
					d.Ahead(step, batch)
				}
			}
			for _, f := range batch {
				d.Handle(f)
				d.Tick(f.Head().Seen.Time)
				if n == 0 {
					again[n] += len(d.sources.free)
				} else {
					evicted[n] += len(d.sources.free)
					d.sources.free = nil
				}
			}
			batch = batch[:0]
		}
		var b bytes.Buffer
		if err := d.Save(&b); err != nil {
			t.Fatal(err)
		}
		memory[n] = b.Bytes()
		d.End(d.now)
	}
	if again[0] == 0 || evicted[1] == 0 || told[0] == 0 {
		t.Errorf("nothing was used again (%d, %d), or nothing told (%d)", again[0], evicted[1], told[0])
	}
	if told[0] != told[1] || !bytes.Equal(memory[0], memory[1]) {
		t.Errorf("told %d and %d, memories of %d and %d bytes that differ", told[0], told[1], len(memory[0]), len(memory[1]))
	}
}

// TestSums: the sum of an address is FNV-1a folded, whichever way it is worked out.
func TestSums(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		a := packet.MustAddr("0.0.0.0")
		from := 12
		if i%2 == 1 {
			from = 0
		}
		for k := from; k < 16; k++ {
			a[k] = byte(r.Uint32())
		}
		h := uint64(0xcbf29ce484222325)
		for _, b := range a {
			h = (h ^ uint64(b)) * 0x100000001b3
		}
		if got := sumAddr(&a); got != h^h>>29 {
			t.Fatalf("%v: %x, want %x", a, got, h^h>>29)
		}
	}
}
