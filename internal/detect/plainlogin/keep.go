package plainlogin

import (
	"io"

	"firestorm/internal/detect"
)

// Save writes which services take passwords in the clear: detect.Keeper.
func (d *detector) Save(w io.Writer) error { return detect.SaveFields(w, &d.services, &d.order) }

// Load reads what Save wrote: detect.Keeper.
func (d *detector) Load(r io.Reader) error {
	err := detect.LoadFields(r, &d.services, &d.order)
	if d.services == nil {
		d.services = map[service]*logins{}
	}
	return err
}
