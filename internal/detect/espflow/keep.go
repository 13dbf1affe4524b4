package espflow

import (
	"io"

	"firestorm/internal/detect"
)

// Save writes the tunnels, and which way they carried packets: detect.Keeper.
func (d *detector) Save(w io.Writer) error { return detect.SaveFields(w, &d.order) }

// Load reads what Save wrote: detect.Keeper.
func (d *detector) Load(r io.Reader) error {
	err := detect.LoadFields(r, &d.order)
	d.by = map[pair]*tunnel{}
	for _, t := range d.order {
		d.by[t.pair] = t
	}
	return err
}
