// Package spool keeps packets of a running watch on the disk, for who asks later what happened: bounded in bytes, the
// oldest go first, found by conversation and time without reading all of it.
//
// A spool is a folder of files, each a pcapng that any tool opens (or, encrypted, once age has decrypted it), with an index
// beside it: which part of the file has packets of which pair of addresses, and of which time. A file without an index, of a
// program that was killed, is read whole. Two kinds of files: packets as they came, whole ("full") or their headers alone
// ("head"), and the packets of findings ("proof"), which have a share of their own and so stay longer.
//
// Writing never holds up capture: packets are copied into a bounded number of chunks, which a goroutine writes. When all are
// waiting for the disk, packets are left out and counted.
package spool

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"time"

	"firestorm/internal/packet"
	"firestorm/internal/seal"
)

// fileName is NUMBER-KIND-TIME.pcapng, with .age where it is encrypted. Numbers go up, whatever the clock does.
var fileName = regexp.MustCompile(`^([0-9]{9})-(full|head|proof)-([0-9]{8}T[0-9]{6}Z)\.pcapng(\.age)?$`)

const nameTime = "20060102T150405Z"

// file is one file of a spool.
type file struct {
	name   string // in the folder
	number int
	kind   string
	begin  time.Time
	sealed bool
	bytes  int64 // with its index
}

func (f *file) index() string { return f.name + ".idx" }

// list returns the files in the folder dir, the oldest first.
func list(dir string) ([]file, error) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	var out []file
	for _, e := range es {
		m := fileName.FindStringSubmatch(e.Name())
		st, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // its time was up
		}
		if err != nil {
			return nil, err
		}
		sizes[e.Name()] = st.Size()
		if m == nil || !st.Mode().IsRegular() {
			continue
		}
		n, _ := strconv.Atoi(m[1])
		at, err := time.Parse(nameTime, m[3])
		if err != nil {
			continue
		}
		out = append(out, file{name: e.Name(), number: n, kind: m[2], begin: at, sealed: m[4] != ""})
	}
	for i := range out {
		out[i].bytes = sizes[out[i].name] + sizes[out[i].index()]
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return a.number < b.number
	})
	return out, nil
}

// part is a piece of a file: what one chunk had.
type part struct {
	Off, End int64 // in the decrypted file
	From, To packet.Time
}

// index says what is where in a file.
type index struct {
	Version int
	Head    int64 // where the first part begins: section and interfaces stand before it
	Parts   []part
	Pairs   map[uint64][]uint32 // numbers of parts by the hash of a pair of addresses
	Crowded bool                // Pairs has not all: there were too many
}

const (
	indexVersion = 1
	maxPairs     = 1 << 16 // of one file
	maxIndex     = 64 << 20
)

// pairOf hashes an unordered pair of addresses (FNV-1a).
func pairOf(a, b packet.Addr) uint64 {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	h := uint64(14695981039346656037)
	for _, x := range [...]packet.Addr{a, b} {
		for _, c := range x {
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	return h
}

// pairsOf are the pairs that a decoded packet belongs to: its own, and that of the packet an error speaks of.
func pairsOf(p *packet.Packet) (out [2]uint64, n int) {
	if p.IPVersion != 0 {
		out[0], n = pairOf(p.Src, p.Dst), 1
		if p.HasQuoted {
			out[1], n = pairOf(p.Quoted.Src, p.Quoted.Dst), 2
		}
		return out, n
	}
	if off, ok := p.Layer(packet.LayerARP); ok && off+28 <= len(p.Data) && p.Data[off+4] == 6 && p.Data[off+5] == 4 {
		out[0], n = pairOf(packet.Addr4(p.Data[off+14:]), packet.Addr4(p.Data[off+24:])), 1
	}
	return out, n
}

// add notes that the part number n has a packet.
func (x *index) add(n uint32, p *packet.Packet) {
	pairs, k := pairsOf(p)
	for _, h := range pairs[:k] {
		l := x.Pairs[h]
		if len(l) > 0 && l[len(l)-1] == n {
			continue
		}
		if l == nil && len(x.Pairs) >= maxPairs {
			x.Crowded = true
			continue
		}
		x.Pairs[h] = append(l, n)
	}
}

// writeIndex writes the index of f beside it, encrypted as f is: pairs of addresses could be guessed from their hashes.
func writeIndex(dir string, f *file, x *index, to *seal.Recipients) error {
	tmp, err := os.CreateTemp(dir, ".idx-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	b := bufio.NewWriter(tmp)
	w := io.WriteCloser(nopCloser{b})
	if to != nil {
		if w, err = to.Writer(b); err != nil {
			tmp.Close()
			return err
		}
	}
	err = gob.NewEncoder(w).Encode(x)
	if err = errors.Join(err, w.Close(), b.Flush(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), filepath.Join(dir, f.index()))
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// readIndex reads the index of f. An error means that f must be read whole.
func readIndex(dir string, f *file, ids *seal.Identities) (*index, error) {
	in, err := os.Open(filepath.Join(dir, f.index()))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r := io.Reader(bufio.NewReader(in))
	if f.sealed {
		if r, err = ids.Reader(r); err != nil {
			return nil, err
		}
	}
	var x index
	if err := gob.NewDecoder(io.LimitReader(r, maxIndex)).Decode(&x); err != nil {
		return nil, err
	}
	if x.Version != indexVersion {
		return nil, fmt.Errorf("an index of form %d", x.Version)
	}
	at := x.Head
	for _, p := range x.Parts {
		if p.Off < at || p.End < p.Off {
			return nil, errors.New("an index that makes no sense")
		}
		at = p.End
	}
	return &x, nil
}

// settings stand in the folder, for who looks at it without a watch.
type settings struct {
	MaxBytes int64 `json:"max_bytes"`
}

const settingsFile = "spool.json"

// Summary says what a spool keeps.
type Summary struct {
	Files     int
	Bytes     int64
	MaxBytes  int64     // 0: not known
	Oldest    time.Time // when the oldest file was begun; zero: there is none
	Payload   bool      // packets are kept with what they carry; else headers alone
	Proofs    int       // files with the packets of findings
	Encrypted bool      // all of it; Open says that some of it is not
	Open      bool      // some files are not encrypted
}

// Kept says what is kept in the folder dir. It needs no key.
func Kept(dir string) (Summary, error) {
	var s Summary
	l, err := list(dir)
	if err != nil {
		return s, err
	}
	for i := range l {
		f := &l[i]
		s.Files++
		s.Bytes += f.bytes
		if s.Oldest.IsZero() || f.begin.Before(s.Oldest) {
			s.Oldest = f.begin
		}
		s.Payload = s.Payload || f.kind == "full"
		if f.kind == "proof" {
			s.Proofs++
		}
		s.Open = s.Open || !f.sealed
	}
	s.Encrypted = s.Files > 0 && !s.Open
	if b, err := os.ReadFile(filepath.Join(dir, settingsFile)); err == nil {
		var x settings
		if json.Unmarshal(b, &x) == nil {
			s.MaxBytes = x.MaxBytes
		}
	}
	return s, nil
}

// String is the summary as a sentence.
func (s Summary) String() string {
	if s.Files == 0 {
		return "no packets are kept"
	}
	what := "headers of packets"
	if s.Payload {
		what = "whole packets"
	}
	if s.Proofs > 0 && !s.Payload {
		what += " and the packets of findings"
	}
	how := "not encrypted"
	switch {
	case s.Encrypted:
		how = "encrypted"
	case s.Open && s.Bytes > 0:
		how = "not encrypted"
	}
	most := ""
	if s.MaxBytes > 0 {
		most = fmt.Sprintf(" of at most %d", s.MaxBytes)
	}
	return fmt.Sprintf("%s since %s, %d bytes%s in %d files, %s", what, s.Oldest.UTC().Format(time.RFC3339), s.Bytes, most, s.Files, how)
}
