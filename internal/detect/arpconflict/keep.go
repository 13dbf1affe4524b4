package arpconflict

import (
	"io"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// kept is the detector's memory over restarts.
type kept struct {
	Places []detect.Pair[place, *address]
	Asks   []detect.Pair[ask, answer]
	Claims []detect.Pair[claimer, spread]
	Shared []detect.Pair[place, bool]
	Probes []detect.Pair[place, probing]
}

// Save writes who claims what, and the questions that are open.
func (d *detector) Save(w io.Writer) error {
	return detect.SaveMemory(w, &kept{d.places.Pairs(), d.asks.Pairs(), d.claims.Pairs(), d.shared.Pairs(), d.probes.Pairs()})
}

// Load reads what Save wrote.
func (d *detector) Load(r io.Reader) error {
	var k kept
	if err := detect.LoadMemory(r, &k); err != nil {
		return err
	}
	for i := range k.Places {
		a := k.Places[i].Value
		a.place = k.Places[i].Key
		a.N = min(max(a.N, 0), len(a.Rivals))
		a.Both, a.Said = nil, 0 // their frames are of another input
	}
	for i := range k.Claims {
		s := &k.Claims[i].Value
		s.N = min(max(s.N, 0), len(s.IPs))
	}
	for i := range k.Probes {
		x := &k.Probes[i].Value
		x.place, x.Refs, x.Taken = k.Probes[i].Key, nil, nil
		if x.By != (packet.MAC{}) {
			x.Times = 0
		}
	}
	d.places.Restore(k.Places)
	d.asks.Restore(k.Asks)
	d.claims.Restore(k.Claims)
	d.shared.Restore(k.Shared)
	d.probes.Restore(k.Probes)
	return nil
}
