package smblogon

import (
	"io"

	"firestorm/internal/detect"
)

// Save writes the logons that failed, by client and server: detect.Keeper.
func (d *detector) Save(w io.Writer) error { return detect.SaveFields(w, &d.pairs) }

// Load reads what Save wrote: detect.Keeper.
func (d *detector) Load(r io.Reader) error {
	err := detect.LoadFields(r, &d.pairs)
	if d.pairs == nil {
		d.pairs = map[pair]*tally{}
	}
	return err
}
