//go:build linux

package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

var (
	closed = &finding.Code{ID: "tcp-closed-port", Title: "closed port", Kind: finding.Diagnosis, Severity: finding.Low}
	scan   = &finding.Code{ID: "scan-port", Title: "ports were searched", Kind: finding.Attack, Severity: finding.High}
	codes  = map[string]*finding.Code{closed.ID: closed, scan.ID: scan}
)

// day is the time s seconds after a day in 2026.
func day(s float64) packet.Time {
	return packet.Time(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).UnixNano() + int64(s*1e9))
}

func at(frame uint64, s float64) packet.Ref { return packet.Ref{Frame: frame, Time: day(s)} }

// found is a finding number i of a code.
func found(c *finding.Code, i int, seconds float64) *finding.Finding {
	return &finding.Finding{ID: fmt.Sprintf("FS-%06d", i), Revision: 1, State: finding.Open, Code: c, Severity: c.Severity, Confidence: finding.Certain,
		Title: "hostile \x1b[31m\xff text", Summary: "s", Facts: []finding.Fact{{Text: "a", Refs: []packet.Ref{at(1, seconds)}}, {Text: "b"}},
		Subjects: []finding.Subject{{Role: "client", Addr: packet.MustAddr(fmt.Sprintf("10.0.%d.%d", i/250, i%250+1))}, {Role: "server", Addr: packet.MustAddr("192.0.2.7"), Port: 80}},
		First:    at(1, seconds), Last: at(2, seconds+1), Count: 1}
}

func open(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *Store, fs ...*finding.Finding) {
	t.Helper()
	var rs []*Record
	for _, f := range fs {
		rs = append(rs, &Record{Finding: f, Files: []string{"a.pcap"}, Begin: day(0), Now: f.Last.Time})
	}
	if n, err := s.Put(rs); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

func ids(t *testing.T, s *Store, f Filter) string {
	t.Helper()
	rows, _, err := s.List(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, strings.TrimLeft(r.ID[3:], "0"))
	}
	return strings.Join(out, " ")
}

// TestKeepsAll: what comes back is what was given, with bytes that are no text.
func TestKeepsAll(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	f := found(scan, 1, 5)
	f.Remedy = []finding.Step{{Where: finding.AtNAT, Text: "x", Run: []finding.Command{{On: "Linux", Line: "y"}}}}
	f.Gates = []finding.GateResult{{Gate: finding.GateTwoWay, Text: "g", How: "h", Caps: finding.Possible}}
	f.Ladder = []finding.LadderRow{{Ref: at(3, 5), Label: "SYN", Gap: time.Second}}
	f.Flows, f.MutedBy = []uint64{7}, "known"
	want := &Record{Finding: f, Files: []string{"a", "b"}, Begin: day(1), Now: day(9), Names: []Name{{Addr: packet.MustAddr("192.0.2.7"), Name: "n\x00\xfe", Ref: at(4, 5)}}}
	if _, err := s.Put([]*Record{want}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir, Options{ReadOnly: true})
	n := 0
	unread, err := s.Records(Filter{ID: f.ID, Any: true}, codes, func(r *Record, row *Row) error {
		n++
		if !reflect.DeepEqual(r, want) {
			t.Errorf("got  %+v\nwant %+v", r, want)
		}
		if row.Title != f.Title || row.Source != f.Subjects[0].Addr || row.Port != 80 || row.Kind != finding.Attack {
			t.Errorf("%+v", row)
		}
		return nil
	})
	if n != 1 || unread != 0 || err != nil {
		t.Error(n, unread, err)
	}
	if _, err := s.Put([]*Record{want}); err == nil && f.Revision == 2 {
		t.Error("a store that is open to be read was written")
	}
}

// TestRevisions: the newer revision stays, whatever comes in which order, and what happened is counted once.
func TestRevisions(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	a, b := found(closed, 1, 0), found(closed, 1, 0)
	b.Revision, b.Count, b.State, b.Last = 2, 5, finding.Updated, at(9, 86400)
	b.MutedBy = "known"
	put(t, s, a)
	put(t, s, b)
	put(t, s, a)
	put(t, s, b, b)
	rows, more, err := s.List(Filter{Any: true})
	if err != nil || more || len(rows) != 1 || rows[0].Revision != 2 || rows[0].Count != 5 || rows[0].State != finding.Updated {
		t.Fatalf("%+v %v", rows, err)
	}
	if rs, err := s.Revisions(a.ID); err != nil || len(rs) != 2 || rs[0].Count != 1 || rs[1].Count != 5 {
		t.Errorf("%+v %v", rs, err)
	}
	days, err := s.Days("", 0)
	want := []Day{{"2026-11-24", closed.ID, 0, 4, 4, 0}, {"2026-11-23", closed.ID, 1, 1, 0, 0}}
	if err != nil || !reflect.DeepEqual(days, want) {
		t.Errorf("%+v %v", days, err)
	}
	for i := range mostRevisions + 50 {
		c := *b
		c.Revision, c.Count = 3+i, 6+i
		put(t, s, &c)
	}
	if rs, err := s.Revisions(a.ID); err != nil || len(rs) > mostRevisions+1 || rs[0].Revision != 1 {
		t.Errorf("%d revisions, %v", len(rs), err)
	}
}

func TestFilters(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for i := range 5 {
		put(t, s, found(closed, i+1, float64(i*10)))
	}
	x := found(scan, 6, 100)
	x.Confidence = finding.Possible
	x.Subjects[0].Addr = packet.MustAddr("2001:db8::77")
	y := found(scan, 7, 50)
	y.MutedBy = "known"
	put(t, s, x, y)
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "6 5 4 3 2 1"},
		{Filter{Any: true}, "6 7 5 4 3 2 1"},
		{Filter{Muted: true}, "7"},
		{Filter{Since: day(21)}, "6 5 4 3"},
		{Filter{Since: day(21), Until: day(41)}, "4 3"},
		{Filter{Code: "scan-port"}, "6"},
		{Filter{Code: "tcp-*", Limit: 2}, "5 4"},
		{Filter{Code: "tcp"}, ""},
		{Filter{MinSeverity: finding.Medium}, "6"},
		{Filter{MinConfidence: finding.Likely}, "5 4 3 2 1"},
		{Filter{Host: netip.MustParsePrefix("10.0.0.2/31")}, "2 1"},
		{Filter{Host: netip.MustParsePrefix("2001:db8::/32")}, "6"},
		{Filter{Host: netip.MustParsePrefix("192.0.2.7/32")}, "6 5 4 3 2 1"},
		{Filter{Host: netip.MustParsePrefix("192.0.2.8/32")}, ""},
		{Filter{ID: "FS-000003"}, "3"},
		{Filter{ID: "' OR 1 --"}, ""},
		{Filter{Code: "%"}, ""},
		{Filter{Kind: finding.Attack}, "6"},
		{Filter{Text: "OSTILE", Kind: finding.Diagnosis}, "5 4 3 2 1"},
		{Filter{Text: "scan-p", Any: true}, "6 7"},
		{Filter{Text: "000004"}, "4"},
		{Filter{Text: "%"}, ""},
		{Filter{Text: "s_an"}, ""},
		{Filter{Text: `\`}, ""},
		{Filter{Skip: 2, Limit: 2}, "4 3"},
		{Filter{Skip: -1, Limit: 1}, "6"},
		{Filter{Skip: 1 << 60}, ""},
	} {
		if got := ids(t, s, c.f); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
	if n, err := s.Tally(Filter{Any: true}); err != nil || n[finding.High] != 2 || n[finding.Low] != 5 || n[finding.Medium] != 0 {
		t.Error(n, err)
	}
	if n, err := s.Tally(Filter{Text: "scan-p"}); err != nil || n[finding.High] != 1 || n[finding.Low] != 0 {
		t.Error(n, err)
	}
	if _, more, _ := s.List(Filter{Limit: 3}); !more {
		t.Error("it does not say that there are more")
	}
	if n, err := s.Ack("FS-000006", "mine"); n != 1 || err != nil {
		t.Error(n, err)
	}
	if n, err := s.Ack("FS-nobody", ""); n != 0 || err != nil {
		t.Error(n, err)
	}
	if got := ids(t, s, Filter{Unseen: true}); got != "5 4 3 2 1" {
		t.Errorf("unseen %q", got)
	}
	z := *x
	z.Revision, z.Count = 2, 9
	put(t, s, &z)
	if got := ids(t, s, Filter{Unseen: true}); got != "6 5 4 3 2 1" {
		t.Errorf("what grew after it was acknowledged: %q", got)
	}
}

// TestMutes: a mute hides what is there, is counted, and its end shows what no other hides.
func TestMutes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for i := range 4 {
		put(t, s, found(closed, i+1, float64(i*10)))
	}
	put(t, s, found(scan, 9, 90))
	mute := func(line string) int64 {
		t.Helper()
		m, err := finding.ParseMute(line)
		if err != nil {
			t.Fatal(err)
		}
		n, _, err := s.AddMute(m)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	expect := func(shown, muted string) {
		t.Helper()
		if got := ids(t, s, Filter{}); got != shown {
			t.Errorf("shown %q, want %q", got, shown)
		}
		if got := ids(t, s, Filter{Muted: true}); got != muted {
			t.Errorf("muted %q, want %q", got, muted)
		}
	}
	one := mute("tcp-closed-port 10.0.0.2 * - printer")
	expect("9 4 3 2", "1")
	two := mute("tcp-closed-port 10.0.0.0/24 192.0.2.7 2026-11-23T00:00:25Z the lab")
	expect("9 4", "3 2 1")
	mute("sid:7 * * - a rule")
	expect("9 4", "3 2 1")
	if n, err := s.UndoMute(one); n != 0 || err != nil { // the lab hides it still
		t.Error(n, err)
	}
	expect("9 4", "3 2 1")
	if n, err := s.UndoMute(two); n != 3 || err != nil {
		t.Error(n, err)
	}
	expect("9 4 3 2 1", "")
	if _, err := s.UndoMute(two); !errors.Is(err, ErrNoMute) {
		t.Error(err)
	}
	if err := s.Hidden(map[int64]uint64{two: 5, 99: 1}); err != nil {
		t.Error(err)
	}
	all, _, err := s.Mutes(true)
	if err != nil || len(all) != 3 || all[1].Hidden != 7 || all[1].Undone.IsZero() || all[0].Number != one || all[2].Subject() != "sid:7" {
		t.Errorf("%+v %v", all, err)
	}
	if hold, _, err := s.Mutes(false); err != nil || len(hold) != 1 {
		t.Errorf("%+v %v", hold, err)
	}
	if _, _, err := s.AddMute(finding.Mute{Code: "x y", Reason: "a\nb"}); err == nil {
		t.Error("a mute that is none is kept")
	}
	was, err := s.Changed()
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, dir, Options{})
	if _, _, err := other.AddMute(finding.Mute{Code: "*", Reason: "all"}); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Changed(); now == was || err != nil {
		t.Error("a change of another process is not seen", err)
	}
}

// TestBytesFirst: the file stays in its bound, and the oldest go.
func TestBytesFirst(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{MaxBytes: MinBytes})
	most := int64(0)
	for i := range 60 {
		var fs []*finding.Finding
		for k := range 10 {
			f := found(closed, i*10+k+1, float64(i))
			f.Summary = strings.Repeat("words ", 500)
			fs = append(fs, f)
		}
		put(t, s, fs...)
		if i%10 == 9 {
			if _, err := s.Prune(); err != nil {
				t.Fatal(err)
			}
		}
		var sum int64
		for _, e := range []string{"", "-wal", "-shm"} {
			if st, err := os.Stat(filepath.Join(dir, File+e)); err == nil && e != "-shm" {
				sum += st.Size()
			}
		}
		most = max(most, sum)
	}
	if most > MinBytes {
		t.Errorf("it took %d bytes, %d are allowed", most, MinBytes)
	}
	z, err := s.Size()
	if err != nil || z.Findings == 600 || z.Findings < 50 {
		t.Errorf("%+v %v", z, err)
	}
	if got := ids(t, s, Filter{ID: "FS-000600"}); got == "" {
		t.Error("the newest is gone")
	}
	if got := ids(t, s, Filter{ID: "FS-000001"}); got != "" {
		t.Error("the oldest is still there")
	}
}

func TestDays(t *testing.T) {
	now := day(0).Std()
	s := open(t, t.TempDir(), Options{MaxDays: 30, Now: func() time.Time { return now }})
	old := found(closed, 1, 0)
	put(t, s, old, found(closed, 2, 1))
	now = now.Add(20 * 24 * time.Hour)
	b := *old
	b.Revision, b.Count = 2, 2
	put(t, s, &b)
	now = now.Add(11 * 24 * time.Hour)
	if n, err := s.Prune(); n != 1 || err != nil {
		t.Errorf("%d went, %v", n, err)
	}
	if got := ids(t, s, Filter{}); got != "1" {
		t.Errorf("left %q", got)
	}
	now = now.Add(365 * 24 * time.Hour)
	if n, err := s.Prune(); n != 1 || err != nil {
		t.Errorf("%d went, %v", n, err)
	}
	if d, err := s.Days("", 0); err != nil || len(d) != 0 {
		t.Errorf("counters %+v %v", d, err)
	}
	if rs, err := s.Revisions(old.ID); len(rs) != 0 || err != nil {
		t.Errorf("revisions of what is gone: %v %v", rs, err)
	}
}

// TestNewer: a newer file is refused, and not changed by a byte; so is another program's.
func TestNewer(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, found(closed, 1, 0))
	if _, err := s.db.Exec(fmt.Sprintf("PRAGMA user_version = %d", Version+1)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	refused := func(want string, is func(error) bool) {
		t.Helper()
		before, err := os.ReadFile(filepath.Join(dir, File))
		if err != nil {
			t.Fatal(err)
		}
		for _, ro := range []bool{false, true} {
			if _, err := Open(dir, Options{ReadOnly: ro}); err == nil || !is(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("read only %v: %v", ro, err)
			}
		}
		if after, err := os.ReadFile(filepath.Join(dir, File)); err != nil || !bytes.Equal(before, after) {
			t.Error("the file was changed")
		}
	}
	refused("use that version, or another folder", func(err error) bool { var n *Newer; return errors.As(err, &n) })
	os.Remove(filepath.Join(dir, File))
	db, err := sql.Open("sqlite", filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE x (y)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	refused("another program", func(err error) bool { return errors.Is(err, ErrForeign) })
}

// TestDamaged: a file that cannot be used is put aside whole, and a new one is begun.
func TestDamaged(t *testing.T) {
	for name, harm := range map[string]func(b []byte) []byte{
		"text": func([]byte) []byte {
			return []byte("this is no database at all, but it is long enough to be taken for one\n")
		},
		"cut":       func(b []byte) []byte { return b[:len(b)/2] },
		"header":    func(b []byte) []byte { copy(b, "SQLite format 9"); return b },
		"root page": func(b []byte) []byte { copy(b[100:], bytes.Repeat([]byte{0xee}, 3000)); return b },
		"a page":    func(b []byte) []byte { copy(b[8*pageSize:], bytes.Repeat([]byte{0xee}, pageSize)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{})
			var fs []*finding.Finding
			for i := range 300 {
				fs = append(fs, found(closed, i+1, float64(i)))
			}
			put(t, s, fs...)
			s.Close()
			file := filepath.Join(dir, File)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b = harm(b)
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, Options{})
			if n := s.Notes(); len(n) != 1 || !strings.Contains(n[0], "is damaged") || !strings.Contains(n[0], file+".damaged-1") {
				t.Fatalf("notes %q", n)
			}
			if kept, err := os.ReadFile(file + ".damaged-1"); err != nil || !bytes.Equal(kept, b) {
				t.Error("it was not kept as it was", err)
			}
			if got := ids(t, s, Filter{}); got != "" {
				t.Errorf("the new one holds %q", got)
			}
			put(t, s, found(closed, 1, 0))
			if got := ids(t, s, Filter{}); got != "1" {
				t.Errorf("the new one holds %q", got)
			}
		})
	}
}

// TestSlowQuery: a question that takes long is ended and said.
func TestSlowQuery(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	begin := time.Now()
	old := queryTime
	queryTime = 200 * time.Millisecond
	defer func() { queryTime = old }()
	err := s.each("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c", nil, func(scan func(...any) error) error {
		var n int64
		return scan(&n)
	})
	if err == nil || !strings.Contains(err.Error(), "took longer") || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
	if got := ids(t, s, Filter{}); got != "" {
		t.Errorf("afterwards %q", got)
	}
}

// TestSmallerBound: a store whose bound was made smaller comes down to it with Prune, the oldest first.
func TestSmallerBound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{MaxBytes: 8 * MinBytes})
	var fs []*finding.Finding
	for i := range 600 {
		f := found(closed, i+1, float64(i))
		f.Summary = strings.Repeat("words ", 500)
		fs = append(fs, f)
	}
	put(t, s, fs...)
	s.Close()
	s = open(t, dir, Options{MaxBytes: 2 * MinBytes})
	gone, err := s.Prune()
	if err != nil || gone == 0 {
		t.Fatalf("%d gone, %v", gone, err)
	}
	if z, err := s.Size(); err != nil || z.Bytes > 2*MinBytes {
		t.Errorf("%+v %v", z, err)
	}
	if ids(t, s, Filter{ID: "FS-000001"}) != "" || ids(t, s, Filter{ID: "FS-000600"}) == "" {
		t.Error("the oldest is there, or the newest is not")
	}
}
