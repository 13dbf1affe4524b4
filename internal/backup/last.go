package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Last is the last backup that succeeded, as the machine remembers it that made it.
type Last struct {
	Dest   string `json:"destination"`
	Result Result `json:"result"`
	Again  string `json:"again,omitempty"` // arguments of backup run that would do the same, pasteable
}

const lastName = "last-backup.json"

func writeLast(work string, l *Last) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(work, "last-")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(work, lastName))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// LastGood returns the last backup that succeeded from here; nil: there was none. work is Options.Work.
func LastGood(work string) (*Last, error) {
	b, err := os.ReadFile(filepath.Join(work, lastName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l Last
	if len(b) > maxLine*16 {
		return nil, errors.New("the note of the last backup is too long")
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("the note of the last backup is damaged: %w", err)
	}
	return &l, nil
}
