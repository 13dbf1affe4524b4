package bruteforce

import (
	"io"

	"firestorm/internal/detect"
)

// Save writes who is being refused where: detect.Keeper.
func (d *detector) Save(w io.Writer) error { return detect.SaveFields(w, &d.order, &d.aged) }

// Load reads what Save wrote: detect.Keeper.
func (d *detector) Load(r io.Reader) error {
	err := detect.LoadFields(r, &d.order, &d.aged)
	d.guessers = map[key]*guesser{}
	for _, g := range d.order {
		d.guessers[g.key] = g
	}
	return err
}
