package wireguard

import (
	"io"

	"firestorm/internal/detect"
)

// Save writes the handshakes of each peer: detect.Keeper.
func (d *detector) Save(w io.Writer) error { return detect.SaveFields(w, &d.order) }

// Load reads what Save wrote: detect.Keeper.
func (d *detector) Load(r io.Reader) error {
	err := detect.LoadFields(r, &d.order)
	d.by = map[key]*peering{}
	for _, p := range d.order {
		d.by[p.key] = p
	}
	return err
}
