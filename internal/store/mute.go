//go:build linux

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// StoredMute is a mute with what the store knows of it.
type StoredMute struct {
	finding.Mute
	Made   time.Time
	Undone time.Time // zero: it holds
	Hidden int64     // what it hid: findings, their later revisions, and matches of rules
}

// Mutes returns the mutes, the oldest first; those that were undone only when all are wanted. A line that this program
// cannot read is left out, and counted in unread.
func (s *Store) Mutes(all bool) (out []StoredMute, unread int, err error) {
	q := "SELECT n, line, made, undone, hidden FROM mute WHERE undone = 0 ORDER BY n LIMIT ?"
	if all {
		q = "SELECT n, line, made, undone, hidden FROM mute ORDER BY n LIMIT ?"
	}
	err = s.each(q, []any{finding.MaxMutes}, func(scan func(...any) error) error {
		var n, made, undone, hidden int64
		var line string
		if err := scan(&n, &line, &made, &undone, &hidden); err != nil {
			return err
		}
		m, err := finding.ParseMute(line)
		if err != nil {
			unread++
			return nil
		}
		m.Number = n
		x := StoredMute{Mute: m, Made: time.Unix(0, made).UTC(), Hidden: hidden}
		if undone != 0 {
			x.Undone = time.Unix(0, undone).UTC()
		}
		out = append(out, x)
		return nil
	})
	return out, unread, err
}

// ErrTooMany says that there are finding.MaxMutes mutes.
var ErrTooMany = fmt.Errorf("there are %d mutes already", finding.MaxMutes)

// AddMute keeps a mute and hides the findings that it fits. It returns its number, and how many it hid.
func (s *Store) AddMute(m finding.Mute) (number, hidden int64, err error) {
	if _, err := finding.ParseMute(m.String()); err != nil {
		return 0, 0, err
	}
	ctx, cancel := limited()
	defer cancel()
	err = s.change(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM mute WHERE undone = 0").Scan(&n); err != nil {
			return err
		}
		if n >= finding.MaxMutes {
			return ErrTooMany
		}
		r, err := tx.ExecContext(ctx, "INSERT INTO mute (line, made) VALUES (?, ?)", m.String(), s.o.Now().UnixNano())
		if err != nil {
			return err
		}
		if number, err = r.LastInsertId(); err != nil {
			return err
		}
		if hidden, err = setMuted(ctx, tx, "muted = ''", &m, m.Reason); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE mute SET hidden = ? WHERE n = ?", hidden, number)
		return err
	})
	return number, hidden, err
}

// ErrNoMute says that there is no such mute, or that it was undone before.
var ErrNoMute = errors.New("there is no such mute, or it was undone before")

// UndoMute ends a mute. What it hid is shown again, unless another mute hides it too. It returns how many are shown again.
func (s *Store) UndoMute(number int64) (shown int64, err error) {
	ctx, cancel := limited()
	defer cancel()
	err = s.change(ctx, func(tx *sql.Tx) error {
		var line string
		switch err := tx.QueryRowContext(ctx, "SELECT line FROM mute WHERE n = ? AND undone = 0", number).Scan(&line); {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNoMute
		case err != nil:
			return err
		}
		m, err := finding.ParseMute(line)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE mute SET undone = ? WHERE n = ?", s.o.Now().UnixNano(), number); err != nil {
			return err
		}
		if shown, err = setMuted(ctx, tx, "muted = ?1", &m, ""); err != nil {
			return err
		}
		others, err := lines(ctx, tx)
		for _, x := range others {
			if err != nil {
				break
			}
			var n int64
			n, err = setMuted(ctx, tx, "muted = ''", &x, x.Reason)
			shown -= n
		}
		return err
	})
	return max(shown, 0), err
}

// lines are the mutes that hold.
func lines(ctx context.Context, tx *sql.Tx) (out []finding.Mute, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT line FROM mute WHERE undone = 0 ORDER BY n LIMIT ?", finding.MaxMutes)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if m, err := finding.ParseMute(line); err == nil {
			out = append(out, m)
		}
	}
	return out, rows.Err()
}

// setMuted gives the findings that m fits, of those that cond names, a reason to be hidden, or none. In cond ?1 is the
// reason of m.
func setMuted(ctx context.Context, tx *sql.Tx, cond string, m *finding.Mute, reason string) (int64, error) {
	rows, err := tx.QueryContext(ctx, "SELECT n, code, source, destination, last FROM finding WHERE "+cond+" AND (?2 = '*' OR code = ?2)", m.Reason, m.Code)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var fit []int64
	for rows.Next() {
		var n int64
		var code string
		var source, destination []byte
		var last packet.Time
		if err := rows.Scan(&n, &code, &source, &destination, &last); err != nil {
			return 0, err
		}
		f := finding.Finding{Code: &finding.Code{ID: code}}
		for _, a := range [][]byte{source, destination} {
			if a != nil || len(f.Subjects) == 0 {
				f.Subjects = append(f.Subjects, finding.Subject{Addr: addr(a)})
			}
		}
		if m.Hides(&f, last) {
			fit = append(fit, n)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for _, n := range fit {
		if _, err := tx.ExecContext(ctx, "UPDATE finding SET muted = ? WHERE n = ?", reason, n); err != nil {
			return 0, err
		}
	}
	return int64(len(fit)), nil
}

// Hidden adds to what mutes hid, by their numbers.
func (s *Store) Hidden(more map[int64]uint64) error {
	if len(more) == 0 {
		return nil
	}
	ctx, cancel := limited()
	defer cancel()
	return s.change(ctx, func(tx *sql.Tx) error {
		for n, k := range more {
			if _, err := tx.ExecContext(ctx, "UPDATE mute SET hidden = hidden + ? WHERE n = ?", int64(k), n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Changed reports a number that is another one after every change that another process made.
func (s *Store) Changed() (n int64, err error) {
	ctx, cancel := limited()
	defer cancel()
	err = s.db.QueryRowContext(ctx, "PRAGMA data_version").Scan(&n)
	return n, err
}
