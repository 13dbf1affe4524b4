package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

// listenRing is the ring of a short listening, bytes: whether packets are lost to a ring of this size says little, so it is
// as large as that of a watch.
const listenRing = capture.DefaultRing

// Listen looks at an interface for a while, as a watch would, and says what it saw. Nothing is kept.
func Listen(ctx context.Context, iface string, d time.Duration) Heard {
	live, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{iface}, RingBytes: listenRing})
	if err != nil {
		return Heard{Err: err, NotPermitted: errors.Is(err, capture.ErrNotPermitted)}
	}
	defer live.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// The time begins when the engine reads: making its tables takes a while on a busy machine.
	var begun bool
	begin := func(*sensor.Status) {
		if !begun {
			begun = true
			time.AfterFunc(d, stop)
		}
	}
	res, err := sensor.Run(ctx, sensor.Options{Source: live, Workers: 1, MaxMemory: 64 << 20, Checksums: packet.ChecksumsAuto, OnStatus: begin})
	if err != nil {
		return Heard{Err: fmt.Errorf("the listening failed: %w", err)}
	}
	h := Heard{For: d, Packets: res.Counts.Packets, Bytes: res.Counts.Bytes, Lost: res.Source.KernelLost, Undecoded: res.Counts.Undecoded, Jumps: res.Counts.ClockJumps}
	for _, s := range res.Sides {
		h.TCP += s.TCP
		h.OneSided += s.OneSided
	}
	return h
}
