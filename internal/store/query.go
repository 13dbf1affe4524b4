//go:build linux

package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/store/record"
)

// MaxRows bounds what any query returns.
const MaxRows = 10_000

// Filter says which findings are wanted. Its zero value wants all that are shown, the newest first.
type Filter struct {
	ID            string
	Since, Until  packet.Time // of the last occurrence; 0: any
	Code          string      // empty: any; a * at its end stands for anything
	Host          netip.Prefix
	MinSeverity   finding.Severity
	MinConfidence finding.Confidence
	Muted         bool         // the muted ones, and only they
	Any           bool         // muted or not
	Unseen        bool         // only what has grown since it was acknowledged, or never was
	Kind          finding.Kind // empty: any
	Text          string       // stands in the title, code, id or note, in any case of ASCII's letters; empty: any
	Skip          int          // as many are left out first, at most MaxRows
	Limit         int          // rows, 0: MaxRows
}

// Row is a finding in a list.
type Row struct {
	ID, Code, Title     string
	Kind                finding.Kind
	Severity            finding.Severity
	Confidence          finding.Confidence
	Source, Destination packet.Addr // zero: none
	Port                uint16
	First, Last         packet.Time
	Count, Revision     int64
	State               finding.State
	MutedBy             string
	Acked               int64 // the revision that was acknowledged; 0: none
	Note                string
}

// where writes the conditions of a filter.
func (f *Filter) where() (string, []any) {
	var conds []string
	var args []any
	add := func(cond string, a ...any) { conds, args = append(conds, cond), append(args, a...) }
	if f.ID != "" {
		add("id = ?", f.ID)
	}
	if f.Since != 0 {
		add("last >= ?", int64(f.Since))
	}
	if f.Until != 0 {
		add("last < ?", int64(f.Until))
	}
	if code, any := strings.CutSuffix(f.Code, "*"); any {
		add("substr(code, 1, ?) = ?", len(code), code)
	} else if code != "" {
		add("code = ?", code)
	}
	if f.Host.IsValid() {
		from, to := ends(f.Host)
		add("(source BETWEEN ? AND ? OR destination BETWEEN ? AND ?)", from, to, from, to)
	}
	if f.MinSeverity > finding.Info {
		add("severity >= ?", f.MinSeverity)
	}
	if f.MinConfidence > finding.CannotTell {
		add("confidence >= ?", f.MinConfidence)
	}
	switch {
	case f.Any:
	case f.Muted:
		add("muted != ''")
	default:
		add("muted = ''")
	}
	if f.Unseen {
		add("acked < revision")
	}
	if f.Kind != "" {
		add("kind = ?", string(f.Kind))
	}
	if f.Text != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(f.Text) + "%"
		add(`(title LIKE ? ESCAPE '\' OR code LIKE ? ESCAPE '\' OR id LIKE ? ESCAPE '\' OR note LIKE ? ESCAPE '\')`, like, like, like, like)
	}
	if len(conds) == 0 {
		return "1", nil
	}
	return strings.Join(conds, " AND "), args
}

// ends are the first and the last address of a network as they are written.
func ends(p netip.Prefix) (from, to []byte) {
	a, b := packet.FromNetip(p.Masked().Addr()), packet.FromNetip(p.Masked().Addr())
	host := p.Addr().BitLen() - p.Bits()
	for i := range host {
		b[15-i/8] |= 1 << (i % 8)
	}
	return a[:], b[:]
}

const rowColumns = "id, code, title, kind, severity, confidence, source, destination, port, first, last, count, revision, state, muted, acked, note"

func (r *Row) fields(source, destination *[]byte) []any {
	return []any{&r.ID, &r.Code, &r.Title, &r.Kind, &r.Severity, &r.Confidence, source, destination, &r.Port, &r.First, &r.Last, &r.Count, &r.Revision, &r.State, &r.MutedBy, &r.Acked, &r.Note}
}

func addr(b []byte) (a packet.Addr) {
	copy(a[:], b)
	return a
}

// List returns the findings that f wants, the newest first; more says that there are more than its limit.
func (s *Store) List(f Filter) (rows []Row, more bool, err error) {
	if f.Limit <= 0 || f.Limit > MaxRows {
		f.Limit = MaxRows
	}
	cond, args := f.where()
	err = s.each("SELECT "+rowColumns+" FROM finding WHERE "+cond+" ORDER BY last DESC, n DESC LIMIT ? OFFSET ?", append(args, f.Limit+1, min(max(f.Skip, 0), MaxRows)), func(scan func(...any) error) error {
		var r Row
		var source, destination []byte
		if err := scan(r.fields(&source, &destination)...); err != nil {
			return err
		}
		if r.Severity < finding.Info || r.Severity > finding.Critical || r.Confidence < finding.CannotTell || r.Confidence > finding.Certain {
			return &damaged{"the severity or confidence of " + r.ID + " is none"}
		}
		r.Source, r.Destination = addr(source), addr(destination)
		rows = append(rows, r)
		return nil
	})
	if len(rows) > f.Limit {
		return rows[:f.Limit], true, err
	}
	return rows, false, err
}

// Tally counts the findings that f wants, by severity; Skip and Limit do not matter.
func (s *Store) Tally(f Filter) (n [finding.Critical + 1]int64, err error) {
	cond, args := f.where()
	err = s.each("SELECT severity, count(*) FROM finding WHERE "+cond+" GROUP BY severity", args, func(scan func(...any) error) error {
		var severity, k int64
		if err := scan(&severity, &k); err != nil {
			return err
		}
		if severity >= int64(finding.Info) && severity <= int64(finding.Critical) {
			n[severity] = k
		}
		return nil
	})
	return n, err
}

// Records gives the findings that f wants to f as they were found, the newest first. Codes are looked up in codes. It
// returns how many could not be read.
func (s *Store) Records(f Filter, codes map[string]*finding.Code, give func(*Record, *Row) error) (unread int, err error) {
	if f.Limit <= 0 || f.Limit > MaxRows {
		f.Limit = MaxRows
	}
	cond, args := f.where()
	err = s.each("SELECT "+rowColumns+", body FROM finding WHERE "+cond+" ORDER BY last DESC, n DESC LIMIT ?", append(args, f.Limit), func(scan func(...any) error) error {
		var r Row
		var source, destination, b []byte
		if err := scan(append(r.fields(&source, &destination), &b)...); err != nil {
			return err
		}
		r.Source, r.Destination = addr(source), addr(destination)
		rec, err := record.Decode(b, codes)
		if err != nil {
			unread++
			return nil
		}
		rec.Finding.MutedBy = r.MutedBy
		return give(rec, &r)
	})
	return unread, err
}

// Revision is one step in the life of a finding.
type Revision struct {
	Revision, Count int64
	At              packet.Time
	Severity        finding.Severity
	Confidence      finding.Confidence
	Title           string
}

// Revisions returns the life of the finding id, the first step first.
func (s *Store) Revisions(id string) (out []Revision, err error) {
	err = s.each("SELECT revision, count, at, severity, confidence, title FROM revision WHERE finding IN (SELECT n FROM finding WHERE id = ?) ORDER BY revision LIMIT ?", []any{id, MaxRows}, func(scan func(...any) error) error {
		var r Revision
		err := scan(&r.Revision, &r.Count, &r.At, &r.Severity, &r.Confidence, &r.Title)
		out = append(out, r)
		return err
	})
	return out, err
}

// Days returns the counters from a day on, "2006-01-02", the newest first; limit 0 is MaxRows.
func (s *Store) Days(since string, limit int) (out []Day, err error) {
	if limit <= 0 || limit > MaxRows {
		limit = MaxRows
	}
	err = s.each("SELECT day, code, findings, occurrences, muted, suppressed FROM day WHERE day >= ? ORDER BY day DESC, code LIMIT ?", []any{since, limit}, func(scan func(...any) error) error {
		var d Day
		err := scan(&d.Day, &d.Code, &d.Findings, &d.Occurrences, &d.Muted, &d.Suppressed)
		out = append(out, d)
		return err
	})
	return out, err
}

// Size is what the store takes and holds.
type Size struct {
	Bytes    int64 // of the file, without its log
	Free     int64 // of those, unused
	MaxBytes int64
	Findings int64
	Muted    int64
	Oldest   packet.Time // last occurrence of the oldest; 0: it is empty
}

// Size measures the store.
func (s *Store) Size() (z Size, err error) {
	ctx, cancel := limited()
	defer cancel()
	var oldest sql.NullInt64
	err = s.db.QueryRowContext(ctx, `SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size),
		(SELECT freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM pragma_page_size),
		(SELECT count(*) FROM finding), (SELECT count(*) FROM finding WHERE muted != ''), (SELECT min(last) FROM finding)`).Scan(&z.Bytes, &z.Free, &z.Findings, &z.Muted, &oldest)
	z.MaxBytes, z.Oldest = s.o.MaxBytes, packet.Time(oldest.Int64)
	return z, err
}

// each runs a query, bounded in time, and gives its rows.
func (s *Store) each(query string, args []any, give func(scan func(...any) error) error) (err error) {
	ctx, cancel := limited()
	defer cancel()
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return s.slow(ctx.Err(), err)
	}
	defer func() { err = s.slow(ctx.Err(), errors.Join(err, rows.Close())) }()
	for rows.Next() {
		if err := give(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// slow says that a query took too long, where it did.
func (s *Store) slow(late, err error) error {
	if late != nil && err != nil {
		return fmt.Errorf("the question took longer than %s: ask for less, with --since or --limit", queryTime)
	}
	return err
}
