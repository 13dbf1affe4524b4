package ntpfaults

import (
	"io"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// Save writes how each time server answers whom: detect.Keeper.
func (d *detector) Save(w io.Writer) error { return detect.SaveFields(w, &d.asked, &d.served) }

// Load reads what Save wrote: detect.Keeper.
func (d *detector) Load(r io.Reader) error {
	err := detect.LoadFields(r, &d.asked, &d.served)
	if d.asked == nil {
		d.asked = map[pair]*source{}
	}
	if d.served == nil {
		d.served = map[place]packet.Ref{}
	}
	return err
}
