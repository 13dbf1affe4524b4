package arpspoof

import (
	"io"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// kept is the detector's memory over restarts. Connections are not in it: flows begin anew with each input.
type kept struct {
	Places []detect.Pair[place, claimants]
	Asks   []detect.Pair[ask, packet.Time]
	Posers []detect.Pair[claimer, *poser]
	Homes  []detect.Pair[claimer, home]
	Shared []detect.Pair[place, bool]
}

// Save writes who uses which address, who poses, and the questions that are open.
func (d *detector) Save(w io.Writer) error {
	return detect.SaveMemory(w, &kept{d.places.Pairs(), d.asks.Pairs(), d.posers.Pairs(), d.homes.Pairs(), d.shared.Pairs()})
}

// Load reads what Save wrote.
func (d *detector) Load(r io.Reader) error {
	var k kept
	if err := detect.LoadMemory(r, &k); err != nil {
		return err
	}
	for i := range k.Places {
		v := &k.Places[i].Value
		v.N = min(max(v.N, 0), len(v.By))
	}
	for i := range k.Posers { // what was shown in frames of another input cannot be shown again
		x := k.Posers[i].Value
		x.claimer = k.Posers[i].Key
		x.Relays, x.FlowRefs, x.Repairs, x.Told = nil, nil, nil, 0
		for _, p := range x.Poses {
			p.Refs, p.Said = nil, 0
		}
	}
	d.places.Restore(k.Places)
	d.asks.Restore(k.Asks)
	d.posers.Restore(k.Posers)
	d.homes.Restore(k.Homes)
	d.shared.Restore(k.Shared)
	return nil
}
