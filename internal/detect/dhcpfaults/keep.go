package dhcpfaults

import (
	"io"

	"firestorm/internal/detect"
)

// Save writes the machines that look for an address, and the servers: detect.Keeper.
func (d *detector) Save(w io.Writer) error { return detect.SaveFields(w, &d.clients, &d.nets) }

// Load reads what Save wrote: detect.Keeper.
func (d *detector) Load(r io.Reader) error {
	err := detect.LoadFields(r, &d.clients, &d.nets)
	if d.clients == nil {
		d.clients = map[client]*search{}
	}
	if d.nets == nil {
		d.nets = map[network]*net{}
	}
	return err
}
