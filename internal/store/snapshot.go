//go:build linux

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// SnapshotTime bounds how long Snapshot works. A store is bounded in bytes: copying one takes seconds.
const SnapshotTime = 2 * time.Minute

// Snapshot copies the store in file to the new file to, as it was at one moment, while others write to it: they wait for
// nothing. The copy is a whole file without a log. It takes SnapshotTime at most, and needs as much room as the store. A
// database that is none of ours is ErrForeign; IsDamage says of an error that file cannot be read any more.
func Snapshot(ctx context.Context, file, to string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, SnapshotTime)
	defer cancel()
	s := &Store{file: file}
	// Not query_only: SQLite would refuse to write the copy as well.
	if s.db, err = sql.Open("sqlite", s.name("mode=ro")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	switch v, err := s.version(ctx); {
	case err != nil:
		return err
	case v == 0:
		return fmt.Errorf("%s: %w", file, ErrForeign)
	}
	if _, err := s.db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%s was not copied within %s: %w", file, SnapshotTime, ctx.Err())
		}
		os.Remove(to)
		return err
	}
	return os.Chmod(to, 0o600)
}
