package maintenance

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LongOutage is how long a site can be away before search engines begin to forget it: Google asks for days at most.
const LongOutage = 24 * time.Hour

// Flag is a maintenance that is on.
type Flag struct {
	Since time.Time // when it was set
	Until time.Time // zero: nobody said
}

// On sets the flag in dir: the site is away until then, or until further notice where until is zero. It makes the
// folder, and stand-ins for the page where there is none; made names them. The web server reads the flag, so that it and
// the folder are readable by all.
func On(dir string, until time.Time) (made []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{PageName: Page(), JSONName: JSON()} {
		p := filepath.Join(dir, name)
		f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return made, err
		}
		_, err = f.WriteString(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return made, err
		}
		made = append(made, p)
	}
	line := ""
	if !until.IsZero() {
		// No end of line: Apache puts the whole file into the field.
		line = until.UTC().Format(http.TimeFormat)
	}
	tmp, err := os.CreateTemp(dir, ".flag-")
	if err != nil {
		return made, err
	}
	_, err = tmp.WriteString(line)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, FlagName)) // a server sees no flag, or a whole one
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return made, err
}

// Off clears the flag in dir. was tells whether it was set.
func Off(dir string) (was bool, err error) {
	err = os.Remove(filepath.Join(dir, FlagName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Read returns the flag in dir, nil when there is none. A flag that somebody made by hand has no time.
func Read(dir string) (*Flag, error) {
	name := filepath.Join(dir, FlagName)
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if st.Size() > 1024 {
		return nil, fmt.Errorf("%s is no flag: %d bytes", name, st.Size())
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := &Flag{Since: st.ModTime()}
	line, _, _ := strings.Cut(string(text), "\n")
	if t, err := http.ParseTime(strings.TrimSpace(line)); err == nil {
		f.Until = t
	}
	return f, nil
}
