// Package state keeps what the program remembers over restarts: one snapshot for each name, in a folder.
//
// A snapshot is replaced as a whole: it is written beside the old one, forced to the disk, and then takes its name. Who
// reads finds the old one or the new one, whatever happened in between. A header says the version, a checksum finds
// damage; damaged files are put aside, never overwritten; those of a newer program are refused and left alone.
//
// The few lines that replace a file are our own: google/renameio does not build for Windows, where captures are read too.
package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Version is the form of all snapshots that this program writes, and the newest that it reads.
const Version = 1

const (
	magic     = "FSTSTATE"
	headerLen = len(magic) + 4 + 8 + sha256.Size // magic, version, length of the contents, checksum
	suffix    = ".state"
	// MaxSize bounds a snapshot in bytes.
	MaxSize = 1 << 30
	// keptAside is how many damaged files of one name are kept.
	keptAside = 9
)

// Newer is the error for a snapshot that a newer program wrote. The file is left as it is.
type Newer struct {
	File    string
	Version uint32
}

// Error says which file, and what would help.
func (e *Newer) Error() string {
	return fmt.Sprintf("%s was written by a newer version of the program (form %d, this one reads up to %d); use that version, or another folder", e.File, e.Version, Version)
}

// Damaged is the error for a snapshot that cannot be read. The file was put aside under the name in Aside; nothing is
// remembered of it.
type Damaged struct {
	File, Aside string
	Why         error
}

// Error says which file, why, and where it is now.
func (e *Damaged) Error() string {
	s := fmt.Sprintf("%s is damaged (%v)", e.File, e.Why)
	if e.Aside != "" {
		s += "; it is kept as " + e.Aside
	}
	return s
}

// Unwrap returns the cause.
func (e *Damaged) Unwrap() error { return e.Why }

// ErrBusy says that another process uses the folder.
var ErrBusy = errors.New("another process uses it")

// Dir is a folder of snapshots. One process at a time may hold it.
type Dir struct {
	path string
	lock *os.File
}

// Open takes a folder for this process, and makes it when it is missing. Close gives it back. Files that an interrupted
// writer left are removed.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(path, ".lock"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	left, err := filepath.Glob(filepath.Join(path, ".*.tmp"))
	if err != nil {
		left = nil
	}
	for _, f := range left {
		if err := os.Remove(f); err != nil {
			lock.Close()
			return nil, err
		}
	}
	return &Dir{path, lock}, nil
}

// Close gives the folder back.
func (d *Dir) Close() error { return d.lock.Close() }

func (d *Dir) file(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, "/\\.") {
		return "", fmt.Errorf("state: %q is no name for a snapshot", name)
	}
	return filepath.Join(d.path, name+suffix), nil
}

// Load gives the contents of the snapshot name to read. False: there is none. A *Damaged error says that it was put
// aside, also when read refuses what it gets; a *Newer one that it may not be used.
func (d *Dir) Load(name string, read func(io.Reader) error) (bool, error) {
	file, err := d.file(name)
	if err != nil {
		return false, err
	}
	b, err := contents(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.As(err, new(*Newer)), errors.As(err, new(*fs.PathError)):
		return false, err
	case err == nil:
		err = read(bytes.NewReader(b))
	}
	if err != nil {
		return false, aside(file, err)
	}
	return true, nil
}

// contents reads a snapshot and checks it.
func contents(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := make([]byte, headerLen)
	if _, err := io.ReadFull(f, h); err != nil {
		return nil, errors.New("it is shorter than its header")
	}
	version, size, sum := parts(h)
	if string(h[:len(magic)]) != magic {
		return nil, errors.New("it does not begin as a snapshot does")
	}
	if version > Version {
		return nil, &Newer{file, version}
	}
	if size > MaxSize {
		return nil, fmt.Errorf("it says that it holds %d bytes, more than any may", size)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if uint64(len(b)) != size {
		return nil, fmt.Errorf("it holds %d bytes instead of %d", len(b), size)
	}
	if checksum(h, b) != [sha256.Size]byte(sum) {
		return nil, errors.New("its checksum is wrong")
	}
	return b, nil
}

func parts(h []byte) (version uint32, size uint64, sum []byte) {
	n := len(magic)
	return binary.BigEndian.Uint32(h[n:]), binary.BigEndian.Uint64(h[n+4:]), h[n+12:]
}

func checksum(h, b []byte) [sha256.Size]byte {
	s := sha256.New()
	s.Write(h[:len(magic)+12])
	s.Write(b)
	return [sha256.Size]byte(s.Sum(nil))
}

// aside renames a damaged file to the first free name.
func aside(file string, why error) error {
	for n := 1; n <= keptAside; n++ {
		to := fmt.Sprintf("%s.damaged-%d", file, n)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) || n == keptAside {
			if err := os.Rename(file, to); err != nil {
				return errors.Join(&Damaged{File: file, Why: why}, err)
			}
			return &Damaged{file, to, why}
		}
	}
	return &Damaged{File: file, Why: why}
}

// Save replaces the snapshot name by what write writes. When it returns nil, the new one is on the disk; with an error
// the old one is as it was. A snapshot of a newer program is not replaced.
func (d *Dir) Save(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return d.SaveAll([]string{name}, [][]byte{b.Bytes()})
}

// SaveAll replaces several snapshots, in their order: all are written and forced to the disk first, then they take their names.
// A disk that is busy makes little difference between one and many. With an error the old ones are as they were, or some of the
// first are new.
func (d *Dir) SaveAll(names []string, data [][]byte) (err error) {
	var fresh []*os.File
	defer func() {
		for _, f := range fresh { // those that took their names are not there any more under the old ones
			f.Close()
			os.Remove(f.Name())
		}
	}()
	var files []string
	for i, name := range names {
		file, err := d.file(name)
		if err != nil {
			return err
		}
		if err := d.mayReplace(file); err != nil {
			return err
		}
		if len(data[i]) > MaxSize {
			return fmt.Errorf("state: %s would be %d bytes, more than may be kept", name, len(data[i]))
		}
		f, err := os.CreateTemp(d.path, ".*.tmp")
		if err != nil {
			return err
		}
		fresh, files = append(fresh, f), append(files, file)
		h := binary.BigEndian.AppendUint32([]byte(magic), Version)
		h = binary.BigEndian.AppendUint64(h, uint64(len(data[i])))
		sum := checksum(h, data[i])
		for _, c := range [][]byte{h, sum[:], data[i]} {
			if _, err := f.Write(c); err != nil {
				return err
			}
		}
	}
	if err := syncAll(fresh); err != nil {
		return err
	}
	for i, f := range fresh {
		if err := os.Rename(f.Name(), files[i]); err != nil {
			return err
		}
	}
	return syncFolder(d.path)
}

// atOnce is how many files are forced to the disk at a time.
const atOnce = 8

// syncAll forces files to the disk and closes them. Those that are asked for at once go with one commit of the file system's
// journal: where others keep the disk busy, it takes a fraction of the time.
func syncAll(files []*os.File) error {
	errs := make([]error, len(files))
	var wait sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for i, f := range files {
		room <- struct{}{}
		wait.Go(func() {
			errs[i] = errors.Join(f.Sync(), f.Close())
			<-room
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// mayReplace reports that the file is not one of a newer program.
func (d *Dir) mayReplace(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return nil // there is none, or it will say so when it is replaced
	}
	defer f.Close()
	h := make([]byte, headerLen)
	if _, err := io.ReadFull(f, h); err != nil || string(h[:len(magic)]) != magic {
		return nil // damaged: who loads it says so
	}
	if version, _, _ := parts(h); version > Version {
		return &Newer{file, version}
	}
	return nil
}
