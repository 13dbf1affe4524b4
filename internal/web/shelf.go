//go:build linux

package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"firestorm/internal/store"
)

// shelf is the store as the console has it: opened when it is asked for, since the watch may make it later, and again when
// its file was replaced.
type shelf struct {
	dir string
	mu  sync.RWMutex // held for reading while somebody asks
	s   *store.Store
	id  fs.FileInfo
	// opened counts how often it was.
	opened int
}

// with runs f on the store as it is now.
func (h *shelf) with(f func(*store.Store) error) error {
	if err := h.fresh(); err != nil {
		return err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.s == nil {
		return fs.ErrClosed
	}
	return f(h.s)
}

// fresh opens the file that is there.
func (h *shelf) fresh() error {
	name := filepath.Join(h.dir, store.File)
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	h.mu.RLock()
	same := h.s != nil && os.SameFile(st, h.id)
	h.mu.RUnlock()
	if same {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.s != nil {
		h.s.Close()
		h.s = nil
	}
	s, err := store.Open(h.dir, store.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	h.s, h.id = s, st
	h.opened++
	return nil
}

func (h *shelf) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.s != nil {
		h.s.Close()
		h.s = nil
	}
}
