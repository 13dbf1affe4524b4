//go:build linux

package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/store/record"
)

// MostAtOnce bounds how many records one Put takes.
const MostAtOnce = 1024

// Put keeps findings, each under its identity: of one that is there already, the newer revision stays. All of them are on
// the disk when it returns nil, and none when it returns an error. When the file is full, the oldest findings make room.
// Skipped are those that are larger than any may be.
func (s *Store) Put(rs []*Record) (skipped int, err error) {
	if len(rs) > MostAtOnce {
		return 0, errors.New("store: too many records at once")
	}
	bodies := make([][]byte, len(rs))
	for i, r := range rs {
		if bodies[i], err = record.Encode(r); err != nil {
			skipped++
		}
	}
	err = s.put(rs, bodies)
	if IsFull(err) && s.makeRoom() == nil { // else the disk is full: nothing of ours would help
		err = s.put(rs, bodies)
	}
	return skipped, err
}

func (s *Store) put(rs []*Record, bodies [][]byte) error {
	ctx, cancel := limited()
	defer cancel()
	return s.change(ctx, func(tx *sql.Tx) error {
		for i, r := range rs {
			if bodies[i] == nil {
				continue
			}
			if err := s.putOne(ctx, tx, r, bodies[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) putOne(ctx context.Context, tx *sql.Tx, r *Record, b []byte) error {
	f := r.Finding
	var n, count, revision int64
	var muted string
	var held bool
	var old []byte
	row := tx.QueryRowContext(ctx, "SELECT n, count, revision, muted, held, body FROM finding WHERE id = ? AND code = ?", f.ID, f.Code.ID)
	switch err := row.Scan(&n, &count, &revision, &muted, &held, &old); {
	case errors.Is(err, sql.ErrNoRows):
		n = 0
	case err != nil:
		return err
	case revision > int64(f.Revision) && count >= int64(f.Count), bytes.Equal(old, b) && muted == f.MutedBy:
		return nil // a part of a capture that was read whole before, or the same once more
	}
	args := []any{string(f.Code.Kind), f.Severity, f.Confidence, f.Title, subject(f, 0), subject(f, 1), port(f), int64(f.First.Time), int64(f.Last.Time),
		f.Count, f.Revision, string(f.State), f.MutedBy, s.o.Now().UnixNano(), b, f.Key, f.Limited}
	if n == 0 {
		res, err := tx.ExecContext(ctx, `INSERT INTO finding (kind, severity, confidence, title, source, destination, port, first, last, count, revision, state, muted, written, body, key, held, id, code)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`, append(args, f.ID, f.Code.ID)...)
		if err != nil {
			return err
		}
		if n, err = res.LastInsertId(); err != nil {
			return err
		}
		if err := s.count(ctx, tx, Day{Day: dayOf(f.First.Time), Code: f.Code.ID, Findings: 1}); err != nil {
			return err
		}
	} else if _, err := tx.ExecContext(ctx, `UPDATE finding SET kind=?, severity=?, confidence=?, title=?, source=?, destination=?, port=?, first=?, last=?, count=?, revision=?,
			state=?, muted=?, written=?, body=?, key=?, held=? WHERE n = ?`, append(args, n)...); err != nil {
		return err
	}
	if held != f.Limited {
		if err := s.putHeld(ctx, tx, f); err != nil {
			return err
		}
	}
	if more := int64(f.Count) - count; more > 0 {
		d := Day{Day: dayOf(f.Last.Time), Code: f.Code.ID, Occurrences: more}
		if f.MutedBy != "" {
			d.Muted = more
		}
		if err := s.count(ctx, tx, d); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO revision (finding, revision, at, count, severity, confidence, title) VALUES (?,?,?,?,?,?,?)
		ON CONFLICT DO UPDATE SET at=excluded.at, count=excluded.count, severity=excluded.severity, confidence=excluded.confidence, title=excluded.title`,
		n, f.Revision, int64(max(r.Now, f.Last.Time)), f.Count, f.Severity, f.Confidence, f.Title)
	if err == nil && f.Revision > mostRevisions {
		_, err = tx.ExecContext(ctx, "DELETE FROM revision WHERE finding = ? AND revision > 1 AND revision <= ?", n, f.Revision-mostRevisions)
	}
	return err
}

// mostRevisions is how many revisions of a finding are kept: the first, and the last ones.
const mostRevisions = 100

func subject(f *finding.Finding, i int) []byte {
	if i >= len(f.Subjects) {
		return nil
	}
	return f.Subjects[i].Addr[:]
}

func port(f *finding.Finding) int64 {
	for i := len(f.Subjects) - 1; i >= 0; i-- {
		if f.Subjects[i].Port != 0 {
			return int64(f.Subjects[i].Port)
		}
	}
	return 0
}

func dayOf(t packet.Time) string { return t.Std().Format("2006-01-02") }

// Day counts what happened of a code on one day of packet time, UTC.
type Day struct {
	Day, Code   string
	Findings    int64 // that began on it
	Occurrences int64
	Muted       int64 // of those, hidden by a mute
	Suppressed  int64 // held back by a limit of rate
}

func (s *Store) count(ctx context.Context, tx *sql.Tx, d Day) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO day (day, code, findings, occurrences, muted, suppressed) VALUES (?,?,?,?,?,?)
		ON CONFLICT DO UPDATE SET findings = findings + excluded.findings, occurrences = occurrences + excluded.occurrences,
			muted = muted + excluded.muted, suppressed = suppressed + excluded.suppressed`,
		d.Day, d.Code, d.Findings, d.Occurrences, d.Muted, d.Suppressed)
	return err
}

// Count adds to the counters of days, such as what a limit of rate held back.
func (s *Store) Count(ds []Day) error {
	ctx, cancel := limited()
	defer cancel()
	return s.change(ctx, func(tx *sql.Tx) error {
		for _, d := range ds {
			if err := s.count(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// Ack says that a person has seen the finding id as it is, with a note. It returns how many have that identity: none
// when it is not there.
func (s *Store) Ack(id, note string) (int64, error) {
	ctx, cancel := limited()
	defer cancel()
	var n int64
	err := s.change(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "UPDATE finding SET acked = revision, note = ? WHERE id = ?", note, id)
		if err == nil {
			n, err = r.RowsAffected()
		}
		return err
	})
	return n, err
}
