package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Of a database that is known the copy of one moment is in the generation, without the log beside it; of one that is not
// known, the files as they are. A copy that fails fails the run.
func TestLiveDatabase(t *testing.T) {
	p := newPlace(t)
	p.write("known.db", sqliteMagic+"torn")
	p.write("known.db-wal", "log")
	p.write("known.db-shm", "index")
	p.write("other.db", sqliteMagic+"other")
	p.write("other.db-wal", "its log")
	p.write("small", "SQL")
	now, fail := sqliteMagic+"whole 1", error(nil)
	o := p.options()
	o.Live = func(_ context.Context, from, to string) (bool, error) {
		if filepath.Base(from) != "known.db" {
			return false, nil
		}
		return true, errors.Join(fail, os.WriteFile(to, []byte(now), 0o600))
	}
	run := func() *Result {
		t.Helper()
		r, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	restored := func() string {
		t.Helper()
		to := filepath.Join(t.TempDir(), "r")
		if r, err := Restore(context.Background(), p.d(), "", "", to, nil); err != nil || !r.OK() {
			t.Fatalf("%v %+v", err, r)
		}
		b, err := os.ReadFile(filepath.Join(to, p.src, "known.db"))
		if err != nil {
			t.Fatal(err)
		}
		left, _ := filepath.Glob(filepath.Join(to, p.src, "*.db-*"))
		if len(left) != 1 || filepath.Base(left[0]) != "other.db-wal" {
			t.Errorf("logs: %v", left)
		}
		return string(b)
	}
	if r := run(); r.Live != 1 || r.Files != 5 || r.Copied != 5 {
		t.Errorf("%+v", r)
	}
	if got := restored(); got != now {
		t.Errorf("%q", got)
	}
	if r := run(); r.Copied != 0 {
		t.Errorf("nothing changed: %+v", r)
	}
	now = sqliteMagic + "whole 2" // as long, with the same time: the log was written since
	if r := run(); r.Copied != 1 {
		t.Errorf("%+v", r)
	}
	if got := restored(); got != now {
		t.Errorf("%q", got)
	}
	before := p.newest()
	fail = errors.New("no room")
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "no room") || p.newest() != before {
		t.Errorf("%v", err)
	}
}
