//go:build linux

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"firestorm/internal/store/record"
)

// Record is a finding with what its words need from the run that found it.
type Record = record.Record

// Name is what an address was called, and the frame that says so.
type Name = record.Name

// File is the name of the store in its folder.
const File = "findings.db"

// Defaults of Options.
const (
	DefaultMaxBytes = 256 << 20
	DefaultMaxDays  = 365
)

// MinBytes is the least that MaxBytes may be.
const MinBytes = 1 << 20

const (
	pageSize = 4096
	// mostLog is after how many pages at most the log goes back into the file.
	mostLog = 1000
	// busyTime is how long one process waits for another's change.
	busyTime = 3 * time.Second
	// keptAside is how many damaged files are kept.
	keptAside = 3
)

// queryTime bounds every query and every change; tests shorten it.
var queryTime = 10 * time.Second

// Options bound a store.
type Options struct {
	MaxBytes int64 // of the file with its log, 0: DefaultMaxBytes
	MaxDays  int   // since a finding was last written, 0: DefaultMaxDays, -1: no limit
	ReadOnly bool  // nothing is changed
	// Now is the clock of the machine, which days are counted by; nil: time.Now.
	Now func() time.Time
}

// Store is an open store. Its methods may be called from several goroutines, and several processes may have it open.
type Store struct {
	db    *sql.DB
	file  string
	o     Options
	notes []string
	id    fs.FileInfo // of the file when it was opened
	form  int         // of the file
}

// Newer is the error for a file that a newer program wrote. The file is left as it is.
type Newer struct {
	File    string
	Version int
}

// Error says which file, and what would help.
func (e *Newer) Error() string {
	return fmt.Sprintf("%s was written by a newer version of the program (form %d, this one reads up to %d); use that version, or another folder", e.File, e.Version, Version)
}

// ErrForeign is the error for a database that is another program's.
var ErrForeign = errors.New("it is a database of another program")

// Open opens the store in the folder dir, and makes both when they are missing. A damaged file is put aside, and Notes
// say so; one that a newer program wrote is a *Newer error.
func Open(dir string, o Options) (*Store, error) {
	o.defaults()
	s := &Store{file: filepath.Join(dir, File), o: o}
	if o.ReadOnly {
		return s, s.openToRead()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	release, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	err = s.openToWrite()
	if IsDamage(err) {
		if err := s.aside(err); err != nil {
			return nil, err
		}
		err = s.openToWrite()
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (o *Options) defaults() {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	o.MaxBytes = max(o.MaxBytes, MinBytes)
	if o.MaxDays == 0 {
		o.MaxDays = DefaultMaxDays
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// walPages is after how many pages the log goes back into the file. One change may take it past that.
func (o *Options) walPages() int64 { return min(mostLog, o.MaxBytes/8/pageSize) }

// lock makes opening, migrating and putting aside the work of one process at a time. It ends with the process.
func lock(dir string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "."+File+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(queryTime); ; time.Sleep(20 * time.Millisecond) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			f.Close()
			return nil, &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
	}
}

// name is the file as SQLite's URI, with settings that every connection gets.
func (s *Store) name(mode string, pragmas ...string) string {
	v := url.Values{"_pragma": append([]string{"foreign_keys(1)", fmt.Sprintf("busy_timeout(%d)", busyTime.Milliseconds())}, pragmas...),
		"_txlock": {"immediate"}}
	return "file:" + (&url.URL{Path: s.file}).EscapedPath() + "?" + mode + "&" + v.Encode()
}

// peek looks at a file that is there before anything is changed in it: one of another program stays as it is, and a
// damaged one is kept as it was found.
func (s *Store) peek() error {
	if st, err := os.Stat(s.file); errors.Is(err, fs.ErrNotExist) || err == nil && st.Size() == 0 {
		return nil
	} else if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", s.name("mode=ro"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := limited()
	defer cancel()
	s.db = db
	if v, err := s.version(ctx); v == 0 || err != nil {
		return err
	}
	var answer string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&answer); err != nil {
		return err
	}
	if answer != "ok" {
		return &damaged{answer}
	}
	return nil
}

func (s *Store) openToWrite() (err error) {
	if err := s.peek(); err != nil {
		return err
	}
	wal := s.o.walPages()
	s.db, err = sql.Open("sqlite", s.name("mode=rwc", fmt.Sprintf("page_size(%d)", pageSize), "auto_vacuum(2)", "journal_mode(WAL)", "synchronous(FULL)",
		fmt.Sprintf("wal_autocheckpoint(%d)", wal), fmt.Sprintf("journal_size_limit(%d)", wal*pageSize),
		fmt.Sprintf("max_page_count(%d)", s.o.MaxBytes/pageSize-2*wal)))
	if err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	defer func() {
		if err != nil {
			s.db.Close()
		}
	}()
	ctx, cancel := limited()
	defer cancel()
	v, err := s.version(ctx)
	if err != nil {
		return err
	}
	if v < Version {
		if err := s.migrate(ctx, v); err != nil {
			return err
		}
	}
	s.form = Version
	s.id, err = os.Stat(s.file)
	return errors.Join(err, os.Chmod(s.file, 0o600))
}

// Gone reports that the file was removed or replaced since it was opened: what is written now is lost.
func (s *Store) Gone() bool {
	now, err := os.Stat(s.file)
	return err != nil || !os.SameFile(now, s.id)
}

// version is the form of the file, 0 for a new one.
func (s *Store) version(ctx context.Context) (v int, err error) {
	var app, tables int64
	if err := s.db.QueryRowContext(ctx, "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)").Scan(&v, &app, &tables); err != nil {
		return 0, err
	}
	switch {
	case app != applicationID && (app != 0 || v != 0 || tables != 0):
		return 0, fmt.Errorf("%s: %w", s.file, ErrForeign)
	case v > Version:
		return 0, &Newer{s.file, v}
	}
	return v, nil
}

// migrate brings a file of form v to Version, in one step or not at all.
func (s *Store) migrate(ctx context.Context, v int) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		for ; v < Version; v++ {
			if _, err := tx.ExecContext(ctx, migrations[v]); err != nil {
				return fmt.Errorf("form %d: %w", v+1, err)
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, Version))
		return err
	})
}

// openToRead opens the file without changing it. Where not even the log's index may be written, on a disk that is read
// only, what the file itself holds is read.
func (s *Store) openToRead() error {
	if _, err := os.Stat(s.file); err != nil {
		return err
	}
	var errs []error
	for _, mode := range []string{"mode=ro", "mode=ro&immutable=1"} {
		db, err := sql.Open("sqlite", s.name(mode, "query_only(1)"))
		if err != nil {
			return err
		}
		s.db = db
		ctx, cancel := limited()
		v, err := s.version(ctx)
		cancel()
		if err == nil && v == 0 {
			err = fmt.Errorf("%s: %w", s.file, ErrForeign)
		}
		if err == nil {
			s.form = v
			if len(errs) > 0 {
				s.notes = append(s.notes, "the disk is read-only: what was written last may be missing")
			}
			return nil
		}
		db.Close()
		errs = append(errs, err)
		if !is(err, lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY) {
			break
		}
	}
	return errs[len(errs)-1]
}

// aside renames a damaged file with its log to the first free name.
func (s *Store) aside(why error) error {
	to := ""
	for n := 1; n <= keptAside; n++ {
		to = fmt.Sprintf("%s.damaged-%d", s.file, n)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for _, end := range []string{"-wal", "-shm"} {
		os.Remove(to + end)
		if err := os.Rename(s.file+end, to+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(s.file, to); err != nil {
		return err
	}
	s.notes = append(s.notes, fmt.Sprintf("%s is damaged (%s); it is kept as %s, and a new one is begun", s.file, strings.Join(strings.Fields(why.Error()), " "), to))
	return nil
}

// Notes are what a person should know of how the store was opened.
func (s *Store) Notes() []string { return s.notes }

// Path is the file.
func (s *Store) Path() string { return s.file }

// Close closes the file. The log goes back into it where it can.
func (s *Store) Close() error { return s.db.Close() }

// limited bounds the time of what one call does.
func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), queryTime)
}

// change runs f in one transaction.
func (s *Store) change(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

// ignoreDone leaves out that SQLite itself had given the transaction up.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) || is(err, lib.SQLITE_ERROR) {
		return nil
	}
	return err
}

// damaged is what a check of the file found.
type damaged struct{ what string }

// Error says what.
func (e *damaged) Error() string { return e.what }

func is(err error, codes ...int) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code()&0xff == c {
			return true
		}
	}
	return false
}

// IsDamage reports that the file cannot be used any more.
func IsDamage(err error) bool {
	var d *damaged
	return errors.As(err, &d) || is(err, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB)
}

// IsFull reports that there is no room, on the disk or in the file's bound.
func IsFull(err error) bool {
	return is(err, lib.SQLITE_FULL) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsReadOnly reports that nothing may be written there.
func IsReadOnly(err error) bool { return is(err, lib.SQLITE_READONLY) || errors.Is(err, syscall.EROFS) }
