//go:build linux

package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// pruneStep is how many findings go at once, at most.
const pruneStep = 200

// Prune keeps the bounds: as long as the findings take more than their share of MaxBytes the oldest go, then all that
// were last written more than MaxDays ago. What is free goes back to the disk. It returns how many findings went.
func (s *Store) Prune() (gone int64, err error) {
	for {
		z, err := s.Size()
		if err != nil {
			return gone, err
		}
		if z.Bytes-z.Free <= s.share() || z.Findings == 0 {
			break
		}
		n, err := s.drop("ORDER BY written, n LIMIT ?", max(min(z.Findings/16, pruneStep), 1))
		gone += n
		if err != nil {
			return gone, err
		}
	}
	if s.o.MaxDays > 0 {
		old := s.o.Now().Add(-time.Duration(s.o.MaxDays) * 24 * time.Hour)
		for {
			n, err := s.drop("WHERE written < ? ORDER BY written LIMIT ?", old.UnixNano(), pruneStep)
			gone += n
			if err != nil {
				return gone, err
			}
			if n == 0 {
				break
			}
		}
		if err := s.dropDays(old); err != nil {
			return gone, err
		}
	}
	return gone, s.shrink()
}

// share is what findings may take of MaxBytes: the log has a part, and so has what is being written.
func (s *Store) share() int64 {
	return s.o.MaxBytes - 2*s.o.walPages()*pageSize - s.o.MaxBytes/16
}

// drop deletes findings with their revisions.
func (s *Store) drop(which string, args ...any) (n int64, err error) {
	ctx, cancel := limited()
	defer cancel()
	err = s.change(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "DELETE FROM finding WHERE n IN (SELECT n FROM finding "+which+")", args...)
		if err == nil {
			n, err = r.RowsAffected()
		}
		return err
	})
	return n, err
}

// dropDays deletes counters of days before old, by the last day that has any: those of captures from long ago are kept as
// long as the captures' findings are.
func (s *Store) dropDays(old time.Time) error {
	ctx, cancel := limited()
	defer cancel()
	return s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM day WHERE day < ? AND day < (SELECT coalesce(min(strftime('%Y-%m-%d', first / 1000000000, 'unixepoch')), '9') FROM finding)", old.UTC().Format("2006-01-02"))
		return err
	})
}

// shrink gives free pages back, and empties the log into the file.
func (s *Store) shrink() error {
	ctx, cancel := limited()
	defer cancel()
	return errors.Join(s.run(ctx, "PRAGMA incremental_vacuum"), s.run(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"))
}

// run runs a pragma to its end: what it returns does not matter.
func (s *Store) run(ctx context.Context, q string) error {
	rows, err := s.db.QueryContext(ctx, q)
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return errors.Join(rows.Err(), rows.Close())
}

// makeRoom deletes the oldest tenth of the findings when the file has reached its bound. It fails when that is not why
// there is no room.
func (s *Store) makeRoom() error {
	z, err := s.Size()
	if err != nil {
		return err
	}
	if z.Bytes < s.share() || z.Findings == 0 {
		return errors.New("the file is not what is full")
	}
	_, err = s.drop("ORDER BY written, n LIMIT ?", max(z.Findings/10, 1))
	return err
}
