package arpwatch

import (
	"bufio"
	"errors"
	"io"

	"firestorm/internal/detect"
	"firestorm/internal/neighbour"
)

// kept is what the detector remembers beside the neighbours.
type kept struct {
	Machines []detect.Pair[machine, home]
	Shared   []detect.Pair[neighbour.Key, bool]
}

// Save writes the memory: the neighbours, as "firestorm neighbours" reads and writes them, then the rest.
func (d *detector) Save(w io.Writer) error {
	if err := d.table.Save(w); err != nil {
		return err
	}
	return detect.SaveMemory(w, &kept{d.machines.Pairs(), d.shared.Pairs()})
}

// Load reads what Save wrote. Where the rest is missing, because somebody changed the neighbours meanwhile, it follows
// from them as far as it can.
func (d *detector) Load(r io.Reader) error {
	in := bufio.NewReader(r) // one for both: a decoder reads ahead otherwise
	if err := d.table.Load(in); err != nil {
		return err
	}
	var k kept
	switch err := detect.LoadMemory(in, &k); {
	case err == nil:
		d.machines.Restore(k.Machines)
		d.shared.Restore(k.Shared)
		return nil
	case !errors.Is(err, io.EOF):
		d.table = neighbour.NewTable(d.most)
		return err
	}
	for _, n := range d.table.All() {
		for _, s := range n.Stations[:n.N] {
			v, fresh := d.machines.Put(machine{n.Wire, s.MAC})
			if fresh && n.Current().MAC == s.MAC {
				v.IP = n.IP
			}
		}
	}
	return nil
}
