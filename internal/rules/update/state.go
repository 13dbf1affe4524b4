package update

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// StateFile is where a folder of rules says when and from what it was updated.
const StateFile = "update.json"

// State is what a folder of rules says of its last update. Nothing in it is secret.
type State struct {
	Checked time.Time    `json:"checked"` // when the sources were last asked
	Changed time.Time    `json:"changed"` // when the rules last changed
	Rules   int          `json:"rules"`   // that are on
	Run     int          `json:"run"`     // of them, those that run here
	From    []FromSource `json:"sources"`
}

// FromSource is what came from one source.
type FromSource struct {
	Name  string `json:"name"`
	Rules int    `json:"rules"` // on and off, before rules with equal sids were made one
	ETag  string `json:"etag,omitempty"`
	Key   string `json:"key,omitempty"`   // SHA-256 of the address: the name of the copy that is kept
	Fresh bool   `json:"fresh,omitempty"` // it had changed since the update before
}

// ReadState reads what a folder says of its last update.
func ReadState(dir string) (*State, error) {
	b, err := os.ReadFile(filepath.Join(dir, StateFile))
	if err != nil {
		return nil, err
	}
	s := &State{}
	return s, json.Unmarshal(b, s)
}

// replace writes a file whole, or leaves the one that is there.
func replace(name string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}
