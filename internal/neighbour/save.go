package neighbour

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"

	"firestorm/internal/packet"
)

// saved is how a table is kept: this, then N neighbours one by one, so that neither side holds all twice.
type saved struct {
	N       int
	Began   packet.Time
	Learned bool
}

// Save writes the table for Load.
func (t *Table) Save(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := gob.NewEncoder(b)
	if err := e.Encode(saved{len(t.slots), t.Began, t.Learned}); err != nil {
		return err
	}
	for i := range t.slots {
		if err := e.Encode(&t.slots[(t.hand+i)%len(t.slots)].Neighbour); err != nil { // next to be forgotten first
			return err
		}
	}
	return b.Flush()
}

// Load replaces what the table knows by what Save wrote. With an error the table is empty.
func (t *Table) Load(r io.Reader) error {
	*t = *NewTable(t.max)
	d := gob.NewDecoder(r)
	var s saved
	if err := d.Decode(&s); err != nil {
		return fmt.Errorf("neighbours: %w", err)
	}
	for range s.N {
		var n Neighbour
		err := d.Decode(&n)
		if err == nil && (n.N == 0 || n.N > KeptStations || len(n.Name) > MaxName || len(n.Note) > MaxName) {
			err = errors.New("a neighbour without a station")
		}
		if err != nil {
			*t = *NewTable(t.max)
			return fmt.Errorf("neighbours: %w", err)
		}
		t.Add(n)
	}
	t.Began, t.Learned = s.Began, s.Learned
	return nil
}
