//go:build linux

package store

import (
	"context"
	"database/sql"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// mostHeld bounds the pairs of a code and a source of which is counted what rates held back; those that rested longest go.
const mostHeld = 4096

// Held is what rates held back of a code from one source.
type Held struct {
	Code        string
	Source      packet.Addr // the first subject of the findings; zero: none
	N           int64
	First, Last packet.Time
}

// putHeld counts a finding that a rate holds back now, or not any more.
func (s *Store) putHeld(ctx context.Context, tx *sql.Tx, f *finding.Finding) error {
	source := subject(f, 0)
	if source == nil {
		source = make([]byte, 16)
	}
	if !f.Limited {
		_, err := tx.ExecContext(ctx, "UPDATE held SET n = n - 1 WHERE code = ? AND source = ? AND n > 0", f.Code.ID, source)
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO held (code, source, n, first, last) VALUES (?1, ?2, 1, ?3, ?4)
		ON CONFLICT DO UPDATE SET n = n + 1, first = min(first, excluded.first), last = max(last, excluded.last)`,
		f.Code.ID, source, int64(f.First.Time), int64(f.Last.Time)); err != nil {
		return err
	}
	if err := s.count(ctx, tx, Day{Day: dayOf(f.First.Time), Code: f.Code.ID, Suppressed: 1}); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM held WHERE (SELECT count(*) FROM held) > ?1 AND (code, source) IN (SELECT code, source FROM held ORDER BY last LIMIT ?1 / 16)", mostHeld)
	return err
}

// Held lists what rates held back, the latest first: of all codes and sources, or of a code and source where code is not empty.
func (s *Store) Held(code string, source packet.Addr, limit int) (out []Held, err error) {
	if s.form < 2 { // opened to be read, and written before there was such a count
		return nil, nil
	}
	if limit <= 0 || limit > MaxRows {
		limit = MaxRows
	}
	q, args := "SELECT code, source, n, first, last FROM held WHERE n > 0", []any{}
	if code != "" {
		q += " AND code = ? AND source = ?"
		args = append(args, code, source[:])
	}
	err = s.each(q+" ORDER BY last DESC, code, source LIMIT ?", append(args, limit), func(scan func(...any) error) error {
		var h Held
		var source []byte
		err := scan(&h.Code, &source, &h.N, &h.First, &h.Last)
		h.Source = addr(source)
		out = append(out, h)
		return err
	})
	return out, err
}

// Told lists the findings that were kept last as the next run is to know them, the newest first, at most limit.
func (s *Store) Told(limit int) (out []finding.Told, err error) {
	if limit <= 0 || limit > MaxRows {
		limit = MaxRows
	}
	err = s.each("SELECT code, key, id, revision, count, severity, confidence, first, last, held FROM finding WHERE key != '' ORDER BY last DESC LIMIT ?", []any{limit}, func(scan func(...any) error) error {
		var t finding.Told
		var first packet.Time
		err := scan(&t.Code, &t.Key, &t.ID, &t.Revision, &t.Count, &t.Severity, &t.Confidence, &first, &t.Last, &t.Limited)
		t.First = packet.Ref{Time: first, Source: packet.Earlier} // which frame it was, the state knows
		out = append(out, t)
		return err
	})
	return out, err
}
