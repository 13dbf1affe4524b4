package file

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Limits of a store.
const (
	DefaultMaxSize  = 16 << 20 // bytes of one file
	DefaultMaxTotal = 1 << 30  // bytes of all files of a run
	DefaultMaxFiles = 10_000
	// spillAt is how much of a file waits in memory; the rest of it goes to disk.
	spillAt = 256 << 10
)

// StoreOptions bound a store. Zero values take the defaults.
type StoreOptions struct {
	Dir      string
	MaxSize  int64 // a bigger file is not kept
	MaxTotal int64
	MaxFiles int
}

// Store keeps files in a folder as Suricata's filestore of version 2 does: by their SHA-256, in subfolders named by its
// first two digits. A file that is there already is not written again. It may be used by many goroutines.
type Store struct {
	o     StoreOptions
	mu    sync.Mutex
	left  int64
	files int
	err   error
	fails uint64
}

// NewStore makes the folder ready.
func NewStore(o StoreOptions) (*Store, error) {
	if o.MaxSize <= 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.MaxTotal <= 0 {
		o.MaxTotal = DefaultMaxTotal
	}
	if o.MaxFiles <= 0 {
		o.MaxFiles = DefaultMaxFiles
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "tmp"), 0o700); err != nil {
		return nil, err
	}
	return &Store{o: o, left: o.MaxTotal, files: o.MaxFiles}, nil
}

// Err returns the first failure to write, nil if there was none.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Failures counts what could not be written.
func (s *Store) Failures() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fails
}

// Close removes the folder of unfinished files.
func (s *Store) Close() error {
	err := os.Remove(filepath.Join(s.o.Dir, "tmp"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails++
	if s.err == nil {
		s.err = err
	}
}

// room books a file of n bytes, or says that it does not fit.
func (s *Store) room(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == 0 || n > s.left {
		return false
	}
	s.files--
	s.left -= n
	return true
}

// back returns what room booked.
func (s *Store) back(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files++
	s.left += n
}

// path is where a file with that digest lies.
func (s *Store) path(sum []byte) string {
	name := hex.EncodeToString(sum)
	return filepath.Join(s.o.Dir, name[:2], name)
}

// spill is the content of a file until somebody decides whether it is kept: in memory, then on disk.
type spill struct {
	mem  []byte
	disk *os.File
	size int64
	bad  bool // too big, or not writable: not kept
}

// write takes the next bytes.
func (p *spill) write(r *Room, b []byte) {
	if p.bad || len(b) == 0 {
		return
	}
	if p.size += int64(len(b)); p.size > r.store.o.MaxSize {
		p.fail(r, nil)
		return
	}
	before := cap(p.mem)
	p.mem = append(p.mem, b...)
	if r.held += cap(p.mem) - before; len(p.mem) > spillAt || r.held > r.most {
		p.flush(r)
	}
}

// flush moves what waits in memory to disk.
func (p *spill) flush(r *Room) {
	if p.disk == nil {
		f, err := os.CreateTemp(filepath.Join(r.store.o.Dir, "tmp"), "file-*")
		if err != nil {
			p.fail(r, err)
			return
		}
		p.disk = f
	}
	if _, err := p.disk.Write(p.mem); err != nil {
		p.fail(r, err)
		return
	}
	r.held -= cap(p.mem)
	p.mem = nil
}

func (p *spill) fail(r *Room, err error) {
	if err != nil {
		r.store.fail(err)
	}
	p.drop(r)
	p.bad = true
}

// save puts the content where its digest says. The name appears with the whole content or not at all.
func (p *spill) save(r *Room, sum []byte) bool {
	if p.bad {
		return false
	}
	s, to := r.store, r.store.path(sum)
	if _, err := os.Lstat(to); err == nil {
		return true
	}
	if !s.room(p.size) {
		return false
	}
	size := p.size
	if p.flush(r); p.bad {
		s.back(size)
		return false
	}
	name := p.disk.Name()
	err := p.disk.Close()
	if p.disk = nil; err == nil {
		if err = os.MkdirAll(filepath.Dir(to), 0o700); err == nil {
			err = os.Rename(name, to)
		}
	}
	if err != nil {
		os.Remove(name)
		s.fail(err)
		s.back(size)
		return false
	}
	return true
}

// drop forgets the content.
func (p *spill) drop(r *Room) {
	if p.disk != nil {
		name := p.disk.Name()
		p.disk.Close()
		os.Remove(name)
		p.disk = nil
	}
	r.held -= cap(p.mem)
	p.mem, p.size = nil, 0
}
