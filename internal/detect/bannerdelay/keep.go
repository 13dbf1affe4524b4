package bannerdelay

import (
	"io"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// Save writes which servers greet at once: detect.Keeper.
func (d *detector) Save(w io.Writer) error { return detect.SaveFields(w, &d.prompt, &d.order) }

// Load reads what Save wrote: detect.Keeper.
func (d *detector) Load(r io.Reader) error {
	err := detect.LoadFields(r, &d.prompt, &d.order)
	if d.prompt == nil {
		d.prompt = map[service]packet.Ref{}
	}
	return err
}
