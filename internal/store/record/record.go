// Package record is a finding as the store writes it: bytes, and back. It stands apart from the store so that its reader can
// be fuzzed without SQLite beneath.
package record

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Record is a finding with what its words need from the run that found it.
type Record struct {
	Finding *finding.Finding
	Files   []string    // names of the inputs, by packet.Ref.Source
	Begin   packet.Time // of the input's first packet
	Now     packet.Time // when it was decided
	Names   []Name      // of its subjects
}

// Name is what an address was called, and the frame that says so.
type Name struct {
	Addr packet.Addr
	Name string
	Ref  packet.Ref
}

// body is a Record as it is written. Text from packets may be any bytes: gob keeps them, JSON would not.
type body struct {
	Code    string
	Finding *finding.Finding
	Files   []string
	Begin   packet.Time
	Now     packet.Time
	Names   []Name
}

// maxBody bounds what is kept of one finding, in bytes.
const maxBody = 1 << 20

// Encode writes a record.
func Encode(r *Record) ([]byte, error) {
	f := *r.Finding
	f.Code = nil
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&body{r.Finding.Code.ID, &f, r.Files, r.Begin, r.Now, r.Names}); err != nil {
		return nil, err
	}
	if b.Len() > maxBody {
		return nil, fmt.Errorf("finding %s takes %d bytes, more than %d", f.ID, b.Len(), maxBody)
	}
	return b.Bytes(), nil
}

// Decode reads what Encode wrote. Its Code has what is written of it; codes has more where the program knows the code.
func Decode(b []byte, codes map[string]*finding.Code) (*Record, error) {
	if len(b) > maxBody {
		return nil, errors.New("it is longer than any is written")
	}
	var x body
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&x); err != nil {
		return nil, err
	}
	if x.Finding == nil || x.Code == "" {
		return nil, errors.New("it holds no finding")
	}
	f := x.Finding
	if f.Severity < finding.Info || f.Severity > finding.Critical || f.Confidence < finding.CannotTell || f.Confidence > finding.Certain {
		return nil, errors.New("its severity or confidence is none")
	}
	for _, g := range f.Gates {
		if g.Gate >= finding.NumGates || g.Caps < finding.CannotTell || g.Caps > finding.Certain {
			return nil, errors.New("one of its gates is none")
		}
	}
	if f.Code = codes[x.Code]; f.Code == nil {
		f.Code = &finding.Code{ID: x.Code, Title: f.Title, Severity: f.Severity}
	}
	return &Record{f, x.Files, x.Begin, x.Now, x.Names}, nil
}
