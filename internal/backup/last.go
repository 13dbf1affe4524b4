package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// CodeStale is the finding that backups have stopped.
const CodeStale = "backup-stale"

// Last is the last backup that succeeded, as the machine remembers it that made it.
type Last struct {
	Dest   string `json:"destination"`
	Result Result `json:"result"`
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

// Stale says whether backups have stopped: the last one that succeeded is older than limit, or lies in the future, or
// there is none. why is a sentence; age is zero where there is none.
func Stale(l *Last, now time.Time, limit time.Duration) (stale bool, age time.Duration, why string) {
	if l == nil {
		return true, 0, "no backup was ever finished from here"
	}
	age = now.Sub(l.Result.Time).Round(time.Second)
	switch {
	case age < -5*time.Minute:
		return true, age, fmt.Sprintf("the last backup is said to be of %s, which is to come: the clock was wrong then, or is now", l.Result.Time.Format(time.RFC3339))
	case age > limit:
		return true, age, fmt.Sprintf("the last good backup is %s old (%s, to %s); wanted is one every %s", age, l.Result.Generation, l.Dest, limit)
	}
	return false, age, fmt.Sprintf("the last good backup is %s old (%s, to %s)", age, l.Result.Generation, l.Dest)
}
